"""The field's own trial files (model-vs-human and its forerunners): what their cells mean.

Columns `subj,session,trial,rt,object_response,category,condition,imagename`; some spell `Session`. There is no column
for the dataset and none for the kind of observer: both are read from names, here and nowhere else.
"""

import re
from pathlib import Path

COLUMNS = ("subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename")
NO_ANSWER = "na"
MISSING = ("", "NaN", "nan", "None", "NA")

_IMAGENAME = re.compile(r"\d{4,}_[^_]+_(s[^_]*|dnn)_([^_]*_){3,}")  # trial, code, who, condition, category, number, …
# Models are told apart by how their published names begin, up to a letter that would make another word of it (not the v
# of a version); whatever else is no person is a classifier.
_PERSON = "subject-"
_KINDS = {
    "contrastive": re.compile(r"(?i:(open|eva\d*)[-_]?)?(?i:clip|siglip)(?![a-uw-z])"),
    "generative": re.compile(r"(?i:imagen|parti|muse|stable[-_ ]?diffusion)(?![a-uw-z])"),
}


def extract_image_id(imagename: str) -> str:
    """The image that observers share: `0001_cop_s01_c30_knife_10_n03041632_7380.png` -> `n03041632_7380.png`.

    A name that is not put together like that is the image's own.
    """
    if not _IMAGENAME.match(imagename):
        return imagename
    parts = imagename.split("_")
    return "_".join(parts[-2:]) if parts[-2].startswith("n0") else parts[-1]


def infer_kind(subj: str, imagename: str = "") -> str:
    """The kind of the observer named `subj`: a person where it begins with `subject-`, or where the image's name says so."""
    found = _IMAGENAME.match(imagename)
    if subj.startswith(_PERSON) or (found is not None and found[1] != "dnn"):
        return "human"
    return next((kind for kind, begins in _KINDS.items() if begins.match(subj)), "discriminative")


def infer_dataset(path: Path, known: tuple[str, ...]) -> str:
    """The dataset a file belongs to: its folder's name if that is a published dataset, else a part of its own name.

    `cue-conflict/texture-shape_cue-conflict_vgg16session-1.csv` -> `cue-conflict`. A dataset of one's own is what stands
    before the first `_` of the file name.
    """
    parts = path.stem.split("_")
    return next((name for name in (path.parent.name, *parts) if name in known), parts[0])
