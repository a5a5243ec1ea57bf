"""CSV files of Huber, Geirhos & Wichmann (2023): children, adults and networks on noise, eidolons and cue conflicts.

The files have the columns `subj,trial,rt,object_response,category,imagename,age,block,difficulty`. An image name is
`1111_<code>_<hum|dnn>_<difficulty>_<category>_<number>_<image>`, or `1111_cc_hum_1_cat5-elephant2.png` for a cue
conflict. How the cells are read:

- The experiment follows from the code in the image name (`EXPERIMENTS`). The experiments have names of their own,
  because their conditions differ from those of the 17 published datasets: huber-cue-conflict has unchanged
  photographs (difficulty 0) and cue conflicts (difficulty 1).
- The condition is the difficulty in its shortest form (`0`, `0.35`, `16`).
- `hum` in the image name is a person, `dnn` a network. Numbers of people recur in the files of the age groups, so the
  name of a person contains the name of the file: number 2 in 4_6.csv is `4_6-subject-02`. Networks keep their name.
- `info_age` is the age in years and `info_age_group` the name of the file of a person (`4_6`). Both are missing for
  networks.
- `info_block` is the text in the column `block`; `block` is missing where this text is not a whole number.

Source: https://github.com/wichmann-lab/robustness-development; Huber et al. (2023), Journal of Vision 23(7):4.
"""

from collections.abc import Sequence
from pathlib import Path

from core.errors import LogError
from core.kinds import Kind
from core.trial_columns import INFO, NAMES
from stimuli.categories import CATEGORIES
from stimuli.published.datasets import parse_cues
from stimuli.published.layouts.layout import (
    Cells,
    Converter,
    Layout,
    info_cell,
    info_columns,
    normalize_header,
    plain_number,
    transpose,
)
from stimuli.published.normalize import file_of, is_missing

COLUMNS = ("subj", "trial", "rt", "object_response", "category", "imagename", "age", "block", "difficulty")
# Code in the image names -> name of the experiment.
EXPERIMENTS = {"cc": "huber-cue-conflict", "snp": "huber-noise", "eid": "huber-eidolon"}
KINDS: dict[str, Kind] = {"hum": "human", "dnn": "discriminative"}
N_PREFIX = 4  # parts of an image name before the category or the cue conflict
N_PREFIX_CATEGORY = 6  # parts of an image name before the image, if it is not a cue conflict


def _converter(header: Sequence[str], path: Path) -> Converter:
    """Return a function that converts rows; it raises LogError for an image name of another form."""
    names = normalize_header(header)

    def convert(rows: Sequence[Sequence[str]]) -> Cells:
        cells, n = transpose(names, rows), len(rows)
        parts = [_split(file_of(name), path) for name in cells["imagename"]]
        is_person = [kind == "human" for _, kind, _ in parts]
        images = [image for _, _, image in parts]
        cues = [parse_cues(image) for image in images]
        own: Cells = {
            "experiment": [experiment for experiment, _, _ in parts],
            "observer": [
                _name_of_person(subj, path) if person else subj
                for subj, person in zip(cells["subj"], is_person, strict=True)
            ],
            "kind": [kind for _, kind, _ in parts],
            "block": [cell if cell.isdecimal() else "" for cell in map(plain_number, cells["block"])],
            "stimulus": images,
            "condition": [plain_number(cell) for cell in cells["difficulty"]],
            "category": ["" if is_missing(cell) else cell for cell in cells["category"]],
            "response": ["" if is_missing(cell) else cell for cell in cells["object_response"]],
        }
        own |= {column: ["" if is_missing(cell) else cell for cell in cells[column]] for column in ("trial", "rt")}
        own |= {column: [""] * n for column in NAMES if column not in own}
        own |= {cue: [image_cues.get(cue, "") for image_cues in cues] for cue in ("shape", "texture")}
        own[f"{INFO}age"] = [plain_number(info_cell(cell)) for cell in cells["age"]]
        own[f"{INFO}age_group"] = [path.stem if person else "" for person in is_person]
        own[f"{INFO}block"] = [plain_number(info_cell(cell)) for cell in cells["block"]]
        return own | info_columns(cells, COLUMNS)

    return convert


def _split(image_name: str, path: Path) -> tuple[str, Kind, str]:
    """Return the experiment, the kind of the observer, and the image that an image name contains."""
    parts = image_name.split("_")
    kind = KINDS.get(parts[2]) if len(parts) > N_PREFIX else None
    if kind is None:
        raise LogError(
            f"{path}: the image name is {image_name[:80]!r}, expected a name such as "
            f"1111_cc_hum_0_cat_40_n02123045_8774.JPEG"
        )
    image = "_".join(parts[N_PREFIX_CATEGORY:] if parts[N_PREFIX] in CATEGORIES else parts[N_PREFIX:])
    return EXPERIMENTS.get(parts[1], f"huber-{parts[1]}"), kind, image


def _name_of_person(subj: str, path: Path) -> str:
    """Return the name of a person, which contains the name of the file."""
    number = plain_number(subj)
    return f"{path.stem}-subject-{number.zfill(2)}"


HUBER = Layout(
    name="huber",
    header=",".join(COLUMNS),
    columns=frozenset({"subj", "imagename", "object_response", "difficulty", "age", "block"}),
    converter=_converter,
    has_row=lambda row: "condition" not in row,
)
