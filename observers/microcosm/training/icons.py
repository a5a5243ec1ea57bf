"""Training shapes: icons of the sixteen categories from the free icon sets that Iconify collects.

The icons are downloaded once into the cache (104 MB, the npm package `@iconify/json`), verified by their sha256, and
drawn with resvg (extra `microcosm`). Three kinds of icons are excluded: those whose license requires more than
attribution, those of the families from which the shapes in the experiments come, and those that look like one of these
shapes. `list_credits` names the authors of the icons that are used.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pooch
from PIL import Image

from core.atomic import replacing
from core.errors import ObserverError
from core.extras import require_extra
from stimuli.draw.glyphs import SIDE, Shape, shape_from_ink
from stimuli.draw.microcosm import exemplars
from stimuli.published.datasets import cache_folder

VERSION = "2.2.535"
ARCHIVE = f"https://registry.npmjs.org/@iconify/json/-/json-{VERSION}.tgz"
SHA256 = "1a545f86fa224d6531d8fb101dcbe83aac2b28689a21cbed6fc68318a5af4d91"
LICENSES = {"MIT", "Apache-2.0", "CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "ISC", "BSD-3-Clause", "OFL-1.1", "Unlicense"}
EXCLUDED_FAMILIES = ("mdi", "fa")  # prefixes of the icon sets from which the shapes in the experiments come
MAX_OVERLAP = 0.85  # silhouettes with a larger intersection over union are considered the same drawing
RENDERED_SIDE = 192  # pixels
VALIDATION_ONE_IN = 10  # about one in ten icon sets is used for validation

_STYLES = (
    "outline outlined fill filled solid line linear bold thin light regular duotone twotone sharp round rounded broken bulk "
    "color flat glyph black baseline alt variant icon simple x 1 2 3 4 5 01 02 12 16 20 24 28 32 48"
)
STYLES = frozenset(_STYLES.split())  # words in icon names that describe the style, not the object
_HOURS = "one two three four five six seven eight nine ten eleven twelve"
NAMES = {
    "airplane": "airplane aeroplane plane airliner jet small-airplane passenger-airplane airplane-takeoff airplane-landing "
                "plane-departure plane-arrival airplane-in-flight flight-takeoff flight-land airplanemode-active",
    "bear": "bear bear-face teddy-bear polar-bear panda panda-face bear-head brown-bear",
    "bicycle": "bicycle bike bicycles mountain-bike road-bike city-bike directions-bike pedal-bike bicycle-basket e-bike",
    "bird": "bird dove crow parrot owl duck eagle robin sparrow penguin swan pigeon chick flamingo toucan seagull "
            "hummingbird raven baby-chick front-facing-baby-chick rooster chicken hen turkey black-bird goose peacock",
    "boat": "boat sailboat ship ferry sail-boat sailing-boat speedboat motor-boat yacht cruise-ship passenger-ship "
            "fishing-boat boat-sail directions-boat steamboat cargo-ship sailing tugboat",
    "bottle": "bottle wine-bottle beer-bottle water-bottle baby-bottle bottle-wine milk-bottle bottle-water soda-bottle "
              "medicine-bottle champagne-bottle bottle-with-popping-cork bottle-of-wine plastic-bottle glass-bottle "
              "bottle-of-water sauce-bottle feeding-bottle bottle-champagne beer-bottle-full",
    "car": "car automobile taxi car-side sedan sports-car car-front sport-utility-vehicle cab oncoming-automobile auto "
           "racing-car hatchback convertible police-car electric-car oncoming-taxi oncoming-police-car suv car-profile "
           "directions-car local-taxi car-profile race-car car-sedan jeep minivan",
    "cat": "cat cat-face cat-side kitten black-cat cat-sitting cat-head kitty sitting-cat",
    "chair": "chair armchair office-chair desk-chair rocking-chair arm-chair chair-office dining-chair gaming-chair seat "
             "school-chair folding-chair beach-chair wooden-chair stool bar-stool",
    "clock": "clock alarm alarm-clock wall-clock time mantelpiece-clock analog-clock clock-circle clock-time schedule "
             "access-time access-alarm table-clock round-clock clockwork grandfather-clock "
             + " ".join(f"{hour}-oclock" for hour in _HOURS.split()),
    "dog": "dog dog-face dog-side puppy poodle dog-head guide-dog service-dog corgi bulldog dachshund sitting-dog dog-body",
    "elephant": "elephant elephant-face mammoth elephant-head elephant-side",
    "keyboard": "keyboard keyboards computer-keyboard keyboard-wireless typing-keyboard mechanical-keyboard keyboard-alt",
    "knife": "knife kitchen-knife dagger cleaver butcher-knife chef-knife table-knife military-knife butter-knife "
             "meat-cleaver bread-knife knives pocket-knife steak-knife carving-knife fish-knife dagger-knife",
    "oven": "oven stove microwave microwave-oven toaster-oven cooker gas-stove stove-oven electric-oven kitchen-stove",
    "truck": "truck delivery-truck lorry articulated-lorry dump-truck fire-truck fire-engine tow-truck truck-side "
             "pickup-truck garbage-truck tanker-truck truck-delivery local-shipping tank-truck truck-front semi-truck "
             "moving-truck cargo-truck truck-trailer tipper-truck cement-truck truck-fast shipping-truck",
}  # fmt: skip


def load_training_shapes(archive: Path | None = None) -> tuple[list[Shape], list[Shape]]:
    """Return the shapes for training and the shapes for validation, which come from different icon sets.

    The shapes are drawn first if they are not in the cache.

    Args:
        archive: Archive of icons. By default it is downloaded.

    Raises:
        ObserverError: If the icons cannot be downloaded or drawn.
        MissingExtra: If resvg-py, which draws them, is not installed.
    """
    cached = cache_folder() / f"microcosm-shapes-{VERSION}-{_source_digest()}.npz"
    if not cached.is_file():
        shapes = list(_draw_shapes(_download_archive() if archive is None else archive))
        content = io.BytesIO()
        np.savez_compressed(
            content, names=[s.name for s in shapes], categories=[s.category for s in shapes],
            silhouettes=[np.uint8(255 * s.silhouette) for s in shapes], details=[np.uint8(255 * s.details) for s in shapes],
        )  # fmt: skip
        with replacing(cached, shared=True) as partial:
            partial.write_bytes(content.getvalue())
    with np.load(cached) as file:
        planes = file["silhouettes"] / 255, file["details"] / 255
        shapes = [Shape(*row) for row in zip(file["names"].tolist(), file["categories"].tolist(), *planes, strict=True)]
    validation = {s.name for s in shapes if _is_for_validation(s.name.partition(":")[0])}
    return [s for s in shapes if s.name not in validation], [s for s in shapes if s.name in validation]


def _is_for_validation(icon_set: str) -> bool:
    return hashlib.sha256(icon_set.encode()).digest()[0] % VALIDATION_ONE_IN == 0


def _source_digest() -> str:
    """Return a digest of the source code that selects and draws the icons.

    It is part of the name of the cached file, so the icons are drawn again after a change.
    """
    code = Path(__file__).read_bytes() + Path(shape_from_ink.__code__.co_filename).read_bytes()
    return hashlib.sha256(code).hexdigest()[:12]


def _download_archive() -> Path:
    try:
        return Path(
            pooch.retrieve(ARCHIVE, f"sha256:{SHA256}", f"iconify-{VERSION}.tgz", cache_folder(), progressbar=True)
        )
    except (OSError, ValueError) as error:
        raise ObserverError(
            f"the icons of the training shapes cannot be downloaded from {ARCHIVE} ({error}): "
            "try again, or pass the file with --icons"
        ) from None


def category_from_name(icon: str) -> str | None:
    """Return the category that an icon of this name shows, or None if it is not one of the sixteen categories."""
    normalized = icon.lower().replace("_", "-").replace("two-tone", "twotone")
    words = [word for word in normalized.split("-") if word not in STYLES]
    return _CATEGORIES_BY_NAME.get("-".join(words))


_CATEGORIES_BY_NAME = {name: category for category, names in NAMES.items() for name in names.split()}


def _draw_shapes(archive: Path) -> Iterator[Shape]:
    """Yield the shapes of all icons that may be used."""
    excluded = [s.silhouette > 0.5 for shapes in exemplars().values() for s in shapes]
    excluded += [silhouette[:, ::-1] for silhouette in excluded]
    for prefix, icons in _icon_sets(archive):
        for icon in sorted(icons["icons"]):
            category = category_from_name(icon)
            if category is None:
                continue
            ink = _render_icon(icons, icon)
            shape = None if ink is None else shape_from_ink(ink, f"{prefix}:{icon}", category)
            if shape is None or not _is_object(shape):
                continue
            if not any(_overlap(shape.silhouette > 0.5, other) > MAX_OVERLAP for other in excluded):
                yield shape


def _icon_sets(archive: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the prefix and the content of every icon set that may be used."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name)
            if name.parent.name == "json" and name.suffix == ".json" and not name.stem.startswith(EXCLUDED_FAMILIES):
                file = tar.extractfile(member)
                assert file is not None
                content = json.load(file)
                if content["info"]["license"].get("spdx") in LICENSES:
                    yield name.stem, content


def _render_icon(icons: dict[str, Any], icon: str) -> np.ndarray | None:
    """Return the ink of an icon, (RENDERED_SIDE, RENDERED_SIDE) in 0..1, or None if its SVG is not valid."""
    require_extra("microcosm", "drawing icons")
    import resvg_py

    data = icons["icons"][icon]
    size = {side: data.get(side, icons.get(side, 16)) for side in ("left", "top", "width", "height")}
    left, top = data.get("left", icons.get("left", 0)), data.get("top", icons.get("top", 0))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {size["width"]} {size["height"]}">{data["body"]}</svg>'
    )
    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, width=RENDERED_SIDE, height=RENDERED_SIDE, skip_system_fonts=True)
    except ValueError:
        return None
    with Image.open(io.BytesIO(bytes(png))) as image:
        return np.asarray(image.convert("RGBA").getchannel("A")) / 255


def _is_object(shape: Shape) -> bool:
    """Return whether a shape is the object itself, not a badge with the object on a filled square or disc."""
    silhouette = shape.silhouette > 0.5
    rows, columns = silhouette.any(1).sum(), silhouette.any(0).sum()
    return shape.category in ("clock", "keyboard", "oven", "truck") or silhouette.sum() < 0.9 * min(
        rows * columns, 0.85 * SIDE**2
    )


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union of two silhouettes."""
    return float((first & second).sum() / max(1, (first | second).sum()))


def list_credits(shapes: list[Shape], archive: Path | None = None) -> list[str]:
    """Return the credits for the icons of these shapes, one line per icon set: name, author, license and URL.

    Args:
        shapes: Shapes that were drawn from icons.
        archive: Archive of icons. By default it is downloaded.
    """
    prefixes = {s.name.partition(":")[0] for s in shapes}
    lines = []
    for prefix, icons in _icon_sets(_download_archive() if archive is None else archive):
        if prefix in prefixes:
            info = icons["info"]
            author = info["author"]
            lines.append(f"{info['name']}, {author['name']}, {info['license']['spdx']}, {author.get('url', '')}")
    return sorted(lines)
