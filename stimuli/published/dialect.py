"""Trial files in the model-vs-human format: the meaning of their cells and of the names in them.

The files have the columns `subj,session,trial,rt,object_response,category,condition,imagename`; in some files
`session` is spelled `Session`. They lack columns for the dataset and for the kind of observer, so this module infers
both from names.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from core.kinds import Kind
from stimuli.published.normalize import file_of, last_parts

COLUMNS = ("subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename")
NO_ANSWER = "na"

# The parts of an image name are: trial number, dataset code, observer, condition, category, number, …
_IMAGENAME = re.compile(r"\d{4,}_([^_]+)_(s[^_]*|hum|dnn)_([^_]*_){3,}")
_PERSON = "subject-"
# In the name of a file, the number or the code of a person follows one of these words.
_FILE_OF_PERSON = re.compile(r"(?i:(?<![a-z])(?:subject|subj|sub|participant|person|observer|vp)[-_ ]?0*([a-z0-9]+))")
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


def shorten_image_name(name: str, n_parts: int) -> str:
    """Return the last `n_parts` parts of the path of an image, with the file as `extract_image_id` returns it."""
    folder, slash, file = last_parts(name, n_parts).rpartition("/")
    return folder + slash + extract_image_id(file)


def image_code(imagename: str) -> str:
    """Return the code of the dataset in the name of an image, such as `cop`, or "" if the name lacks one."""
    match = _IMAGENAME.match(file_of(imagename))
    return match[1] if match else ""


def is_image_of_person(imagename: str) -> bool:
    """Return whether the name of an image says that a person saw it."""
    match = _IMAGENAME.match(file_of(imagename))
    return match is not None and match[2] != "dnn"


def infer_kind(subj: str, imagename: str = "", path: Path | None = None) -> Kind:
    """Return the kind of an observer, inferred from its name, from the name of an image that it saw, and from its file.

    An observer is human if its name begins with `subject-`, or if the name of the image contains the code of a person
    (such as `s01`) in the place where images that models saw have `dnn`. An observer is also human if the name of the file
    contains its name or number after the word subject, as `mine_subject-1_session_1.csv` does for the observer 1.
    """
    if subj.lower().startswith(_PERSON) or is_image_of_person(imagename) or _is_file_of_person(subj, path):
        return "human"
    return next((kind for kind, pattern in _KINDS.items() if pattern.match(subj)), "discriminative")


def _is_file_of_person(subj: str, path: Path | None) -> bool:
    """Return whether the name of a file is that of the person `subj`, which is a code, or a number such as 1, 01 or P1."""
    code = re.fullmatch(r"(?i:[sv]?p?[-_ ]?)0*(\d+)(?:\.0*)?", subj)
    codes = [] if path is None else [text.lower() for text in _FILE_OF_PERSON.findall(path.stem)]
    return bool(codes) and (code[1] if code else subj.lower()) in codes


def infer_dataset(path: Path, known: tuple[str, ...], published_name: Callable[[str], str] = str) -> str:
    """Return the name of the dataset that a trial file belongs to.

    The name of the file's folder, the beginning of the file's name, and then the parts of the file's name (split at `_`)
    are compared with the names in `known`, and the first match is returned:
    `cue-conflict/texture-shape_cue-conflict_vgg16session-1.csv` belongs to `cue-conflict`. A name is also a match if
    `published_name` turns it into one in `known`, as it does for older names such as `texture-shape_edges`. Without a match,
    the first part of the file's name is returned.
    """
    parts = path.stem.split("_")
    names = (path.parent.name, "_".join(parts[:2]), *parts)
    return next((name for name in names if published_name(name) in known), parts[0])
