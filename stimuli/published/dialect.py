"""Trial files in the model-vs-human format: the meaning of their cells and of the names in them.

The files have the columns `subj,session,trial,rt,object_response,category,condition,imagename`; in some files
`session` is spelled `Session`. They lack columns for the dataset and for the kind of observer, so this module infers
both from names.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from core.kinds import Kind

COLUMNS = ("subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename")
NO_ANSWER = "na"
MISSING = ("", "NaN", "nan", "None", "NA")

# The parts of an image name are: trial number, dataset code, observer, condition, category, number, …
_IMAGENAME = re.compile(r"\d{4,}_[^_]+_(s[^_]*|hum|dnn)_([^_]*_){3,}")
_PERSON = "subject-"
# The kind of a model is inferred from the beginning of its published name. The next character must not be a letter that
# would continue the word (`clippy` is not `clip`), except for the v of a version number. All other models count as
# discriminative.
_KINDS: Mapping[Kind, re.Pattern[str]] = {
    "contrastive": re.compile(r"(?i:(open|eva\d*)[-_]?)?(?i:clip|siglip)(?![a-uw-z])"),
    "generative": re.compile(r"(?i:imagen|parti|muse|stable[-_ ]?diffusion)(?![a-uw-z])"),
}


def extract_image_id(imagename: str) -> str:
    """Return the part of `imagename` that is the same for all observers who saw the image.

    `0001_cop_s01_c30_knife_10_n03041632_7380.png` becomes `n03041632_7380.png`. A name of another form is returned
    unchanged.
    """
    if not _IMAGENAME.match(imagename):
        return imagename
    parts = imagename.split("_")
    return "_".join(parts[-2:]) if parts[-2].startswith("n0") else parts[-1]


def is_image_of_person(imagename: str) -> bool:
    """Return whether the name of an image says that a person saw it."""
    match = _IMAGENAME.match(imagename)
    return match is not None and match[1] != "dnn"


def infer_kind(subj: str, imagename: str = "") -> Kind:
    """Return the kind of an observer, inferred from its name and from the name of an image that it saw.

    An observer is human if its name begins with `subject-`, or if the name of the image contains the code of a person
    (such as `s01`) in the place where images that models saw have `dnn`.
    """
    if subj.startswith(_PERSON) or is_image_of_person(imagename):
        return "human"
    return next((kind for kind, pattern in _KINDS.items() if pattern.match(subj)), "discriminative")


def infer_dataset(path: Path, known: tuple[str, ...]) -> str:
    """Return the name of the dataset that a trial file belongs to.

    The name of the file's folder and then the parts of the file's name (split at `_`) are compared with the names in
    `known`, and the first match is returned: `cue-conflict/texture-shape_cue-conflict_vgg16session-1.csv` belongs to
    `cue-conflict`. Without a match, the first part of the file's name is returned.
    """
    parts = path.stem.split("_")
    return next((name for name in (path.parent.name, *parts) if name in known), parts[0])
