"""Shapes to train on: icons of the sixteen categories from the free sets that Iconify collects.

Downloaded once into the cache (104 MB of npm's `@iconify/json`), checked, and drawn with resvg (extra `microcosm`). Left out
are licenses that ask for more than naming the author, every set of the families that the microcosm's own shapes come from,
and any icon that looks like one of those. `credits()` says whose icons were used.
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

from stimuli.datasets import cache_folder
from stimuli.errors import ObserverError
from stimuli.glyphs import SIDE, Shape, shape_of
from stimuli.microcosm import exemplars

VERSION = "2.2.535"
ARCHIVE = f"https://registry.npmjs.org/@iconify/json/-/json-{VERSION}.tgz"
SHA256 = "1a545f86fa224d6531d8fb101dcbe83aac2b28689a21cbed6fc68318a5af4d91"
LICENSES = {"MIT", "Apache-2.0", "CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "ISC", "BSD-3-Clause", "OFL-1.1", "Unlicense"}
SHOWN = ("mdi", "fa")  # families of icon sets that the microcosm's own shapes are of, by the begin of their name
ALIKE = 0.85  # intersection over union of two silhouettes: the same drawing
INK = 192  # pixels a side
HELD_OUT = 10  # every so manieth set is for validation

_STYLES = (
    "outline outlined fill filled solid line linear bold thin light regular duotone twotone sharp round rounded broken bulk "
    "color flat glyph black baseline alt variant icon simple x 1 2 3 4 5 01 02 12 16 20 24 28 32 48"
)
STYLES = frozenset(_STYLES.split())  # words of an icon's name that say how it is drawn, not what
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


def training_shapes(archive: Path | None = None) -> tuple[list[Shape], list[Shape]]:
    """Shapes to train on and, from sets of their own, to validate on. Raises ObserverError."""
    cached = cache_folder() / f"microcosm-shapes-{VERSION}-{_digest()}.npz"
    if not cached.is_file():
        shapes = list(_drawn(_fetched() if archive is None else archive))
        cached.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        np.savez_compressed(
            content, names=[s.name for s in shapes], categories=[s.category for s in shapes],
            silhouettes=[np.uint8(255 * s.silhouette) for s in shapes], details=[np.uint8(255 * s.details) for s in shapes],
        )  # fmt: skip
        cached.write_bytes(content.getvalue())
    with np.load(cached) as file:
        planes = file["silhouettes"] / 255, file["details"] / 255
        shapes = [Shape(*row) for row in zip(file["names"].tolist(), file["categories"].tolist(), *planes, strict=True)]
    held_out = {s.name for s in shapes if _is_held_out(s.name.partition(":")[0])}
    return [s for s in shapes if s.name not in held_out], [s for s in shapes if s.name in held_out]


def _is_held_out(set_: str) -> bool:
    return hashlib.sha256(set_.encode()).digest()[0] % HELD_OUT == 0


def _digest() -> str:
    """Of what decides which icons are drawn, and how."""
    code = Path(__file__).read_bytes() + Path(shape_of.__code__.co_filename).read_bytes()
    return hashlib.sha256(code).hexdigest()[:12]


def _fetched() -> Path:
    try:
        return Path(
            pooch.retrieve(ARCHIVE, f"sha256:{SHA256}", f"iconify-{VERSION}.tgz", cache_folder(), progressbar=True)
        )
    except (OSError, ValueError) as error:
        raise ObserverError(
            f"the icons to train on cannot be downloaded from {ARCHIVE} ({error}): try again, or give the file by --icons"
        ) from None


def category_of(icon: str) -> str | None:
    """What an icon of that name shows, if it is one of the sixteen."""
    plain = icon.lower().replace("_", "-").replace("two-tone", "twotone")
    words = [word for word in plain.split("-") if word not in STYLES]
    return _CATEGORY.get("-".join(words))


_CATEGORY = {name: category for category, names in NAMES.items() for name in names.split()}


def _drawn(archive: Path) -> Iterator[Shape]:
    taken = [s.silhouette > 0.5 for shapes in exemplars().values() for s in shapes]
    taken += [silhouette[:, ::-1] for silhouette in taken]
    for prefix, icons in _sets(archive):
        for icon in sorted(icons["icons"]):
            category = category_of(icon)
            if category is None:
                continue
            ink = _ink(icons, icon)
            shape = None if ink is None else shape_of(ink, f"{prefix}:{icon}", category)
            if shape is None or not _is_an_object(shape):
                continue
            if not any(_overlap(shape.silhouette > 0.5, other) > ALIKE for other in taken):
                yield shape


def _sets(archive: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of every set that may be used."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name)
            if name.parent.name == "json" and name.suffix == ".json" and not name.stem.startswith(SHOWN):
                file = tar.extractfile(member)
                assert file is not None
                found = json.load(file)
                if found["info"]["license"].get("spdx") in LICENSES:
                    yield name.stem, found


def _ink(icons: dict[str, Any], icon: str) -> np.ndarray | None:
    try:
        import resvg_py
    except ImportError:
        raise ObserverError(
            "drawing icons comes with an extra: pip install -c constraints.txt -e '.[microcosm]' in the project's folder"
        ) from None
    data = icons["icons"][icon]
    size = {side: data.get(side, icons.get(side, 16)) for side in ("left", "top", "width", "height")}
    left, top = data.get("left", icons.get("left", 0)), data.get("top", icons.get("top", 0))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {size["width"]} {size["height"]}">{data["body"]}</svg>'
    )
    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, width=INK, height=INK, skip_system_fonts=True)
    except ValueError:
        return None
    with Image.open(io.BytesIO(bytes(png))) as image:
        return np.asarray(image.convert("RGBA").getchannel("A")) / 255


def _is_an_object(shape: Shape) -> bool:
    """Not a badge: few objects fill the square or disc around them."""
    full = shape.silhouette > 0.5
    rows, columns = full.any(1).sum(), full.any(0).sum()
    return shape.category in ("clock", "keyboard", "oven", "truck") or full.sum() < 0.9 * min(
        rows * columns, 0.85 * SIDE**2
    )


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def credits(shapes: list[Shape], archive: Path | None = None) -> list[str]:
    """Whose icons these are, a line a set: name, author, license, address."""
    used = {s.name.partition(":")[0] for s in shapes}
    lines = []
    for prefix, icons in _sets(_fetched() if archive is None else archive):
        if prefix in used:
            info = icons["info"]
            who = info["author"]
            lines.append(f"{info['name']}, {who['name']}, {info['license']['spdx']}, {who.get('url', '')}")
    return sorted(lines)
