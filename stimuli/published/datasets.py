"""The 17 published datasets of model-vs-human (Geirhos et al. 2018, 2019, 2021), and functions that find their files.

A *data folder* contains `stimuli/<dataset>/…`, `humans/<dataset>/*.csv` and `networks/<dataset>/*.csv`. Two data
folders are searched, in this order:
1. the folder named by the environment variable OBSERVERS_DATA, by default `shared/data` next to the project's folder;
2. the cache that `observers fetch` fills: the folder named by OBSERVERS_CACHE, by default the system's cache folder.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import platformdirs
from attrs import frozen

from core.errors import StimulusError, UnknownName
from stimuli.categories import CATEGORIES
from stimuli.published.dialect import extract_image_id
from stimuli.stimulus import Stimulus, StimulusSet

ARCHIVES = "https://github.com/bethgelab/model-vs-human/releases/download/v0.1/"


@frozen
class Condition:
    """One condition of a dataset.

    Attributes:
        name: Spelling in trial logs, for example `c05`.
        label: Text for the axis of a figure, for example `5`.
        included: Whether the benchmark's averages include the condition. They exclude undistorted images and conditions
            in which accuracy is close to chance (Geirhos et al. 2021).
    """

    name: str
    label: str
    included: bool = True


@frozen
class Dataset:
    """One of the published datasets.

    Attributes:
        name: Name of the dataset, as in model-vs-human.
        code: Second part of the file names of its images, for example `cop` for `contrast`.
        axis: Label of the axis of conditions in figures, with the unit; "" if there is only one condition.
        conditions: Conditions in the order of figures, from the least to the most distorted. A dataset without levels
            has one condition named "".
        n_people: Number of recorded human observers.
        n_images: Number of images, which is also the number of trials of each human observer.
        license: License of the images.
        has_cues: Whether the images are cue conflicts named `<shape><n>-<texture><n>.png`; their category is the shape.
        description: One sentence that says what the images show.
        source: Papers that the images and the recordings of people come from.
    """

    name: str
    code: str
    axis: str
    conditions: tuple[Condition, ...]
    n_people: int
    n_images: int
    license: str
    has_cues: bool = False
    description: str = ""
    source: str = ""

    @property
    def url(self) -> str:
        """URL of the official archive of the images (.tar.gz)."""
        return f"{ARCHIVES}{self.name}.tar.gz"

    def included(self) -> tuple[str, ...]:
        """Return the names of the conditions that the benchmark includes (46 over all datasets)."""
        return tuple(c.name for c in self.conditions if c.included)

    def label(self, condition: str) -> str:
        """Return the axis label of a condition, or the condition itself if it is not one of `conditions`."""
        return next((c.label for c in self.conditions if c.name == condition), condition)

    def canonical(self, condition: str) -> str:
        """Return the canonical spelling of a condition that a file may spell differently.

        Args:
            condition: Text from a file, for example `3.0`, `True`, `0.1`, `0,1` (with the decimal comma of a spreadsheet) or,
                for `contrast`, `5` and `5%`.

        Returns:
            The spelling in `conditions`, for example `3`, `true`, `0.10` or `c05`; "" for any text if the dataset has only
            one condition.

        Raises:
            ValueError: If the dataset does not have this condition.
        """
        if len(self.conditions) == 1:
            return ""
        level = _number(condition)
        for c in self.conditions:
            if c.name.lower() == condition.lower() or (
                level is not None and level in (_number(c.name), _percent(c.name))
            ):
                return c.name
        raise ValueError(
            f"{self.name} does not have the condition {condition!r}; it has {', '.join(c.name for c in self.conditions)}"
        )


def _number(text: str) -> float | None:
    """Return a text as a number, or None. The decimal separator is a point or a comma, and a percent sign may follow."""
    try:
        return float(text.replace(",", ".").removesuffix("%").replace("_", "x"))  # Python would accept 1_000
    except ValueError:
        return None


def _percent(name: str) -> float | None:
    """Return the contrast in the name of a condition of the dataset contrast, such as 5 in `c05`, or None."""
    return _number(name[1:]) if re.fullmatch(r"c\d+", name) else None


def _levels(names: str, labels: str = "") -> tuple[Condition, ...]:
    """Return the conditions of a space-separated list of names; a `*` marks those that the benchmark excludes."""
    texts = labels.split() or [name.rstrip("*") for name in names.split()]
    return tuple(
        Condition(name.rstrip("*"), label, not name.endswith("*"))
        for name, label in zip(names.split(), texts, strict=True)
    )


_ONE_CONDITION = (Condition("", ""),)
_CC_BY, _IMAGENET = "CC-BY-4.0", "terms of ImageNet (made from its training images)"
_REACH = "Log2 of reach"

_2018 = "Geirhos et al. (2018), Generalisation in humans and deep neural networks, NeurIPS"
_2019 = "Geirhos et al. (2019), ImageNet-trained CNNs are biased towards texture, ICLR"
_2021 = "people: Geirhos et al. (2021), Partial success in closing the gap between human and machine vision, NeurIPS"
_SKETCH = f"ImageNet-Sketch, Wang et al. (2019), NeurIPS; {_2021}"
_STYLIZED = f"Stylized-ImageNet, Geirhos et al. (2019), ICLR; {_2021}"

# fmt: off
DATASETS: dict[str, Dataset] = {d.name: d for d in (
    Dataset("colour", "cl", "Color", _levels("cr* bw", "color grayscale"), 4, 1280, _IMAGENET,
            description="Photographs in color or in gray.", source=_2018),
    Dataset("contrast", "cop", "Contrast [%]", _levels("c100* c50 c30 c15 c10 c05 c03* c01*", "100 50 30 15 10 5 3 1"), 4, 1280, _IMAGENET,
            description="Gray photographs with reduced contrast.", source=_2018),
    Dataset("high-pass", "hp", "Filter standard deviation [pixels]", _levels("inf* 3 1.5 1 0.7 0.55* 0.45* 0.4*"), 4, 1280, _IMAGENET,
            description="Gray photographs from which coarse structure was removed.", source=_2018),
    Dataset("low-pass", "lp", "Filter standard deviation [pixels]", _levels("0* 1 3 5 7 10 15* 40*"), 4, 1280, _IMAGENET,
            description="Blurred gray photographs.", source=_2018),
    Dataset("phase-scrambling", "ps", "Phase noise width [°]", _levels("0* 30 60 90 120 150* 180*"), 4, 1120, _IMAGENET,
            description="Gray photographs with random shifts of the Fourier phases.", source=_2018),
    Dataset("power-equalisation", "pow", "Power spectrum", _levels("0* pow", "original equalized"), 4, 1120, _IMAGENET,
            description="Gray photographs, unchanged or with the mean amplitude spectrum of all photographs.", source=_2018),
    Dataset("false-colour", "fc", "Color", _levels("true* false", "true opponent"), 4, 1120, _IMAGENET,
            description="Photographs in true colors or in opponent colors of the same luminance.", source=_2018),
    Dataset("rotation", "rot", "Rotation [°]", _levels("0* 90 180 270"), 4, 1280, _IMAGENET,
            description="Gray photographs rotated by 0, 90, 180 or 270 degrees.", source=_2018),
    Dataset("eidolonI", "eid", _REACH, _levels("1-10-10* 2-10-10 4-10-10 8-10-10 16-10-10 32-10-10 64-10-10* 128-10-10*", "0 1 2 3 4 5 6 7"), 4, 1280, _IMAGENET,
            description="Gray photographs whose scales are displaced together (coherence 1).", source=_2018),
    Dataset("eidolonII", "eid", _REACH, _levels("1-3-10* 2-3-10 4-3-10 8-3-10 16-3-10 32-3-10* 64-3-10* 128-3-10*", "0 1 2 3 4 5 6 7"), 4, 1280, _IMAGENET,
            description="Gray photographs whose scales are displaced partly together (coherence 0.3).", source=_2018),
    Dataset("eidolonIII", "eid", _REACH, _levels("1-0-10* 2-0-10 4-0-10 8-0-10 16-0-10* 32-0-10* 64-0-10* 128-0-10*", "0 1 2 3 4 5 6 7"), 4, 1280, _IMAGENET,
            description="Gray photographs whose scales are displaced independently (coherence 0).", source=_2018),
    Dataset("uniform-noise", "nse", "Uniform noise width", _levels("0.00* 0.03 0.05 0.10 0.20 0.35 0.60* 0.90*"), 4, 1280, _IMAGENET,
            description="Gray photographs of low contrast with uniform noise.", source=_2018),
    Dataset("cue-conflict", "s5n", "", _ONE_CONDITION, 10, 1280, _CC_BY, has_cues=True,
            description="Images with the shape of one category and the texture of another (in 80 of 1280 images, of the same).", source=_2019),
    Dataset("edge", "edg", "", _ONE_CONDITION, 10, 160, _CC_BY,
            description="Edges of objects, as black lines on white.", source=_2019),
    Dataset("silhouette", "sif", "", _ONE_CONDITION, 10, 160, _CC_BY,
            description="Silhouettes of objects, black on white.", source=_2019),
    Dataset("sketch", "ske", "", _ONE_CONDITION, 7, 800, "MIT",
            description="Sketches of objects by many artists.", source=_SKETCH),
    Dataset("stylized", "sty", "", _ONE_CONDITION, 5, 800, _IMAGENET.replace("training", "validation"),
            description="Photographs whose textures were replaced by those of paintings.", source=_STYLIZED),
)}
# fmt: on

# Datasets whose images all have the suffix .png, which other projects often omit.
PNG = ("cue-conflict", "edge", "silhouette")
ATTRIBUTIONS = {_CC_BY: "Geirhos et al. 2019, CC-BY-4.0, github.com/rgeirhos/texture-vs-shape"}
_CUES = re.compile(r"([a-z]+)\d*-([a-z]+)\d*\.\w+")


def dataset(name: str) -> Dataset:
    """Return the published dataset of that name.

    Raises:
        UnknownName: If the dataset does not exist; the message suggests similar names.
    """
    if name not in DATASETS:
        raise UnknownName("published dataset", name, DATASETS)
    return DATASETS[name]


def describe_difference(name: str, stimuli: StimulusSet, choices: Iterable[str]) -> str:
    """Describe how a stimulus set and choices differ from those of the published dataset `name`, or return "".

    A part of the published set does not count as different. The content of the images is not compared.
    """
    table = dataset(name)
    if set(choices) != set(CATEGORIES):
        return "its choices are not the sixteen categories"
    categories = {s.category for s in stimuli} - set(CATEGORIES)
    if categories:
        return f"it has the category {min(categories)!r}, which {name} does not have"
    conditions = {s.condition for s in stimuli} - {condition.name for condition in table.conditions}
    return f"it has the condition {min(conditions)!r}, which {name} does not have" if conditions else ""


def parse_cues(image: str) -> dict[str, str]:
    """Return the shape and texture that the name of a cue-conflict image contains.

    `cat7-clock2.png` has the shape `cat` and the texture `clock`. The result is empty for names of other forms.
    """
    match = _CUES.fullmatch(image)
    return {"shape": match[1], "texture": match[2]} if match else {}


def cache_folder() -> Path:
    """Return the cache folder: OBSERVERS_CACHE, by default the folder `observers` in the system's cache folder."""
    return Path(os.environ.get("OBSERVERS_CACHE") or platformdirs.user_cache_dir("observers"))


def data_folders() -> list[Path]:
    """Return the data folders in the order in which they are searched.

    Returns:
        OBSERVERS_DATA (by default `shared/data` next to the project's folder), then the cache. Either may be missing.
    """
    configured = os.environ.get("OBSERVERS_DATA")
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return [Path(configured) if configured else default, cache_folder()]


def find(*parts: str) -> Path | None:
    """Find a file or folder in the data folders.

    Args:
        parts: Parts of the path below a data folder, for example `find("humans", "edge")`.

    Returns:
        The path in the first data folder that contains it, or None if no data folder does.
    """
    return next((path for folder in data_folders() if (path := folder.joinpath(*parts)).exists()), None)


def published_stimuli(name: str) -> StimulusSet:
    """Return the images of a published dataset.

    Args:
        name: Name of the dataset.

    Returns:
        All images. They are sorted by category and then by file name if each category has a separate folder, and by
        file name alone otherwise (see `scan_images` for the two layouts).

    Raises:
        UnknownName: If the dataset does not exist.
        StimulusError: If the images are not in a data folder, are incomplete, or have unexpected names.
    """
    table = dataset(name)
    folder = find("stimuli", name)
    if folder is None:
        paths = " or ".join(str(f / "stimuli" / name) for f in data_folders())
        raise StimulusError(f"the images of {name} were not found in {paths}: get them with `observers fetch {name}`")
    stimuli = tuple(scan_images(table, folder))
    if len(stimuli) != table.n_images:
        raise StimulusError(
            f"{folder} contains {len(stimuli)} images, but {name} has {table.n_images}: "
            f"remove the folder and run `observers fetch {name}`"
        )
    return StimulusSet(name, stimuli, ATTRIBUTIONS.get(table.license, ""))


def scan_images(table: Dataset, folder: Path) -> Iterator[Stimulus]:
    """Yield the images in a folder with one of the two layouts of the official archives.

    The layouts are `<category>/<image>`, and `dnn/session-1/<image>` with the labels in the file name. Raise
    StimulusError for a file name in the second layout that does not belong to the dataset.
    """
    session = folder / "dnn" / "session-1"
    if not session.is_dir():
        for category in CATEGORIES:
            for path in sorted((folder / category).glob("*.png")):
                yield Stimulus(path.name, path, category, "", parse_cues(path.name) if table.has_cues else {})
        return
    for path in sorted(session.glob("*.png")):
        parts = path.name.split("_")
        if len(parts) < 7 or parts[1] != table.code or parts[4] not in CATEGORIES:
            raise StimulusError(f"{path}: expected a file name like 0001_{table.code}_dnn_<condition>_<category>_…")
        try:
            yield Stimulus(extract_image_id(path.name), path, parts[4], table.canonical(parts[3]))
        except ValueError as error:
            raise StimulusError(f"{path}: {error}") from None
