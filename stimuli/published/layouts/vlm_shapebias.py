"""CSV files of Gavrikov et al. (2025): vision-language models, CLIP and classifiers on the cue-conflict images.

The files have the columns `image,timestamp,response,pred_label,pred_conf`, without `timestamp` for models that are
not asked by a prompt. How the cells are read:

- The experiment is cue-conflict. The image column has the names of images without suffix (`cat7-clock2`). The shape,
  which is the category, and the texture follow from these names.
- The response is `pred_label`. `response` is the reply of the model as text, and is kept as `info_reply`.
- `measured_confidence` is `pred_conf`: the confidence with which the reply was assigned to a category.
- The name of the observer is that of the file without date and time and without `_CLS`. The files of other prompts of
  CLIP keep their suffix (`_None`, `_a_photo_of_a_CLS.`). In a folder `vlm/<prompt>`, the prompt is a part of the name
  (`llava_1_5_7b_captioning`) unless it is vqa, the question of the main experiment.
- The kind follows from the folder (`FOLDERS`). In other folders, files with the names of CLIP models or of prompts of
  CLIP are contrastive, files without replies are discriminative, and all others are of vision-language models.
- The order of the rows is not that of a session, so trials and sessions do not have numbers.

Source: https://github.com/paulgavrikov/vlm_shapebias; Gavrikov et al. (2025), ICLR.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from core.errors import LogError
from core.kinds import Kind
from core.trial_columns import INFO, MEASURED, NAMES
from stimuli.categories import CATEGORIES
from stimuli.published.datasets import parse_cues
from stimuli.published.layouts.layout import (
    Cells,
    Converter,
    Layout,
    info_cell,
    info_columns,
    normalize_header,
    transpose,
)
from stimuli.published.normalize import file_of, is_missing

COLUMNS = ("image", "timestamp", "response", "pred_label", "pred_conf")
EXPERIMENT = "cue-conflict"
FOLDERS: dict[str, Kind] = {"clip": "contrastive", "inet_classifier": "discriminative"}
QUESTION = "vqa"  # name of the folder of the main experiment
_TIME = re.compile(r"(?:\d{8}_\d{6}|\d{4}x{4}_y{6})_")  # date and time, which some files replace with xxxx_yyyyyy
_PROMPT_OF_CLIP = re.compile(r"_(CLS|None|.*CLS\.?)$")  # CLS stands for the name of a category
_CLIP = re.compile(r"(?i:(?:^|[-_])(?:open[-_]?)?(?:clip|siglip\d?)(?![a-uw-z])|(?:^|[-_])eva0\d)")


def _is_cue_conflict(row: Mapping[str, str]) -> bool:
    """Return whether the first row shows an image of the published cue-conflict set."""
    return _cues(row["image"]) is not None


def _cues(image: str) -> dict[str, str] | None:
    """Return the shape and the texture in the name of an image, or None if it is not the name of a cue-conflict image."""
    cues = parse_cues(_image_name(image))
    return cues if cues and set(cues.values()) <= set(CATEGORIES) else None


def _image_name(image: str) -> str:
    """Return the name of an image file without its folder and with its suffix."""
    name = file_of(image.strip())
    return name if PurePath(name).suffix else f"{name}.png"


def name_of_observer(path: Path) -> str:
    """Return the name of the observer in the file with this path."""
    name = _TIME.sub("", path.stem, count=1).removesuffix("_CLS") or path.stem
    folder, above = path.absolute().parent.name, path.absolute().parent.parent.name
    return f"{name}_{folder}" if above == "vlm" and folder != QUESTION and folder not in FOLDERS else name


def kind_of_observer(path: Path, columns: Sequence[str]) -> Kind:
    """Return the kind of the observer in the file with this path and these columns."""
    folder = path.absolute().parent.name
    if folder in FOLDERS:
        return FOLDERS[folder]
    name = _TIME.sub("", path.stem, count=1)
    if _CLIP.search(name) or ("timestamp" not in columns and _PROMPT_OF_CLIP.search(name)):
        return "contrastive"
    return "vision-language" if "response" in columns else "discriminative"


def _converter(header: Sequence[str], path: Path) -> Converter:
    """Return a function that converts rows; it raises LogError for the name of an image that is not a cue conflict."""
    names = normalize_header(header)
    observer, kind = name_of_observer(path), kind_of_observer(path, names)

    def convert(rows: Sequence[Sequence[str]]) -> Cells:
        cells, n = transpose(names, rows), len(rows)
        cues = []
        for image in cells["image"]:
            image_cues = _cues(image)
            if image_cues is None:
                raise LogError(
                    f"{path}: the image is {image[:80]!r}, expected the name of a cue-conflict image, such as cat7-clock2; "
                    f"`observers import` converts files with other images"
                )
            cues.append(image_cues)
        own: Cells = {
            "experiment": [EXPERIMENT] * n,
            "observer": [observer] * n,
            "kind": [kind] * n,
            "stimulus": list(map(_image_name, cells["image"])),
            "category": [image_cues["shape"] for image_cues in cues],
            "response": ["" if is_missing(cell) else cell for cell in cells["pred_label"]],
        }
        own |= {column: [""] * n for column in NAMES if column not in own}
        own |= {cue: [image_cues[cue] for image_cues in cues] for cue in ("shape", "texture")}
        if "pred_conf" in cells:
            own[f"{MEASURED}confidence"] = ["" if is_missing(cell) else cell for cell in cells["pred_conf"]]
        if "response" in cells:
            own[f"{INFO}reply"] = [info_cell(cell) for cell in cells["response"]]
        return own | info_columns(cells, COLUMNS)

    return convert


VLM_SHAPEBIAS = Layout(
    name="vlm_shapebias",
    header=",".join(COLUMNS),
    columns=frozenset({"image", "pred_label"}),
    converter=_converter,
    has_row=_is_cue_conflict,
)
