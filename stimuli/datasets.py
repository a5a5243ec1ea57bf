"""The 17 published datasets (Geirhos et al. 2018, 2019, 2021), as one table, and where their files lie on this machine.

A *data folder* holds `stimuli/<dataset>/…`, `humans/<dataset>/*.csv` and `networks/<dataset>/*.csv`. Looked at in turn:
`OBSERVERS_DATA` or, without it, `shared/data` beside the project's folder; then the cache that `observers fetch` fills
(`OBSERVERS_CACHE`, else the system's cache folder).
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import platformdirs
from attrs import frozen

from stimuli.categories import CATEGORIES
from stimuli.dialect import extract_image_id
from stimuli.errors import StimulusError, UnknownName
from stimuli.stimulus import Stimulus, StimulusSet

ARCHIVES = "https://github.com/bethgelab/model-vs-human/releases/download/v0.1/"


@frozen
class Condition:
    name: str
    label: str
    included: bool = True  # in the benchmark's averages; a baseline or near-chance condition is not


@frozen
class Dataset:
    name: str
    code: str  # second part of a published image's name
    axis: str  # what the conditions are, for an axis
    conditions: tuple[Condition, ...]  # in order; one unnamed condition where there is no distortion level
    n_people: int
    n_images: int
    license: str
    has_cues: bool = False  # images named <shape><n>-<texture><n>; the category is the shape

    @property
    def url(self) -> str:
        """Official archive of the stimuli."""
        return f"{ARCHIVES}{self.name}.tar.gz"

    def included(self) -> tuple[str, ...]:
        """Names of the conditions that count in the benchmark; 46 over all datasets."""
        return tuple(c.name for c in self.conditions if c.included)

    def label(self, condition: str) -> str:
        return next((c.label for c in self.conditions if c.name == condition), condition)

    def canonical(self, condition: str) -> str:
        """The table's spelling of a condition as files write it: `3.0` is `3`, `True` is `true`, `0.1` is `0.10`.

        A dataset without conditions has "" for whatever stands there. Raises ValueError for a condition it has not.
        """
        if len(self.conditions) == 1:
            return ""
        level = _number(condition)
        for c in self.conditions:
            if c.name.lower() == condition.lower() or (level is not None and _number(c.name) == level):
                return c.name
        raise ValueError(
            f"{self.name} has no condition {condition!r}; it has {', '.join(c.name for c in self.conditions)}"
        )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _levels(names: str, labels: str = "") -> tuple[Condition, ...]:
    """Conditions from their names, a `*` behind those that are left out of the benchmark."""
    given = labels.split() or [name.rstrip("*") for name in names.split()]
    return tuple(
        Condition(name.rstrip("*"), label, not name.endswith("*"))
        for name, label in zip(names.split(), given, strict=True)
    )


_NONE = (Condition("", ""),)
_CC_BY, _IMAGENET = "CC-BY-4.0", "terms of ImageNet (made from its training images)"
_REACH = "Log2 of reach"

# fmt: off
DATASETS: dict[str, Dataset] = {d.name: d for d in (
    Dataset("colour", "cl", "Color", _levels("cr* bw", "color grayscale"), 4, 1280, _IMAGENET),
    Dataset("contrast", "cop", "Contrast [%]", _levels("c100* c50 c30 c15 c10 c05 c03* c01*", "100 50 30 15 10 5 3 1"), 4, 1280, _IMAGENET),
    Dataset("high-pass", "hp", "Filter standard deviation [pixels]", _levels("inf* 3 1.5 1 0.7 0.55* 0.45* 0.4*"), 4, 1280, _IMAGENET),
    Dataset("low-pass", "lp", "Filter standard deviation [pixels]", _levels("0* 1 3 5 7 10 15* 40*"), 4, 1280, _IMAGENET),
    Dataset("phase-scrambling", "ps", "Phase noise width [°]", _levels("0* 30 60 90 120 150* 180*"), 4, 1120, _IMAGENET),
    Dataset("power-equalisation", "pow", "Power spectrum", _levels("0* pow", "original equalized"), 4, 1120, _IMAGENET),
    Dataset("false-colour", "fc", "Color", _levels("true* false", "true opponent"), 4, 1120, _IMAGENET),
    Dataset("rotation", "rot", "Rotation [°]", _levels("0* 90 180 270"), 4, 1280, _IMAGENET),
    Dataset("eidolonI", "eid", _REACH, _levels("1-10-10* 2-10-10 4-10-10 8-10-10 16-10-10 32-10-10 64-10-10* 128-10-10*", "0 1 2 3 4 5 6 7"), 4, 1280, _IMAGENET),
    Dataset("eidolonII", "eid", _REACH, _levels("1-3-10* 2-3-10 4-3-10 8-3-10 16-3-10 32-3-10* 64-3-10* 128-3-10*", "0 1 2 3 4 5 6 7"), 4, 1280, _IMAGENET),
    Dataset("eidolonIII", "eid", _REACH, _levels("1-0-10* 2-0-10 4-0-10 8-0-10 16-0-10* 32-0-10* 64-0-10* 128-0-10*", "0 1 2 3 4 5 6 7"), 4, 1280, _IMAGENET),
    Dataset("uniform-noise", "nse", "Uniform noise width", _levels("0.00* 0.03 0.05 0.10 0.20 0.35 0.60* 0.90*"), 4, 1280, _IMAGENET),
    Dataset("cue-conflict", "s5n", "", _NONE, 10, 1280, _CC_BY, has_cues=True),
    Dataset("edge", "edg", "", _NONE, 10, 160, _CC_BY),
    Dataset("silhouette", "sif", "", _NONE, 10, 160, _CC_BY),
    Dataset("sketch", "ske", "", _NONE, 7, 800, "MIT"),
    Dataset("stylized", "sty", "", _NONE, 5, 800, _IMAGENET.replace("training", "validation")),
)}
# fmt: on

ATTRIBUTIONS = {_CC_BY: "Geirhos et al. 2019, CC-BY-4.0, github.com/rgeirhos/texture-vs-shape"}
_CUES = re.compile(r"([a-z]+)\d*-([a-z]+)\d*\.\w+")


def dataset(name: str) -> Dataset:
    """The published dataset of that name. Raises UnknownName."""
    if name not in DATASETS:
        raise UnknownName("published dataset", name, DATASETS)
    return DATASETS[name]


def parse_cues(image: str) -> dict[str, str]:
    """Shape and texture of a cue-conflict image by its name, `cat7-clock2.png`; empty for any other name."""
    match = _CUES.fullmatch(image)
    return {"shape": match[1], "texture": match[2]} if match else {}


def cache_folder() -> Path:
    return Path(os.environ.get("OBSERVERS_CACHE") or platformdirs.user_cache_dir("observers"))


def data_folders() -> list[Path]:
    """The data folders of this machine, in the order in which they are looked at; some may not exist."""
    given = os.environ.get("OBSERVERS_DATA")
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return [Path(given) if given else beside, cache_folder()]


def find(*parts: str) -> Path | None:
    """First existing `<data folder>/<parts>`, such as `find("humans", "edge")`; None where there is none."""
    return next((path for folder in data_folders() if (path := folder.joinpath(*parts)).exists()), None)


def published_stimuli(name: str) -> StimulusSet:
    """The images of a published dataset, in the order of their names. Raises StimulusError if they are not all there."""
    table = dataset(name)
    folder = find("stimuli", name)
    if folder is None:
        looked = " and ".join(str(f / "stimuli" / name) for f in data_folders())
        raise StimulusError(f"the images of {name} are not at {looked}: get them with `observers fetch {name}`")
    stimuli = tuple(scan_images(table, folder))
    if len(stimuli) != table.n_images:
        raise StimulusError(
            f"{folder} holds {len(stimuli)} images and {name} has {table.n_images}: "
            f"remove the folder and run `observers fetch {name}`"
        )
    return StimulusSet(name, stimuli, ATTRIBUTIONS.get(table.license, ""))


def scan_images(table: Dataset, folder: Path) -> Iterator[Stimulus]:
    """Both layouts of the official archives: `<category>/<image>`, or `dnn/session-1/` with all facts in the name."""
    session = folder / "dnn" / "session-1"
    if not session.is_dir():
        for category in CATEGORIES:
            for path in sorted((folder / category).glob("*.png")):
                yield Stimulus(path.name, path, category, "", parse_cues(path.name) if table.has_cues else {})
        return
    for path in sorted(session.glob("*.png")):
        parts = path.name.split("_")
        if len(parts) < 7 or parts[1] != table.code or parts[4] not in CATEGORIES:
            raise StimulusError(f"{path}: expected a name like 0001_{table.code}_dnn_<condition>_<category>_…")
        try:
            yield Stimulus(extract_image_id(path.name), path, parts[4], table.canonical(parts[3]))
        except ValueError as error:
            raise StimulusError(f"{path}: {error}") from None
