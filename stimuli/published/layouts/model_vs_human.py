"""CSV files of model-vs-human and of its forerunners (`stimuli.published.dialect`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.kinds import Kind
from core.trial_columns import NAMES
from stimuli.published import dialect
from stimuli.published.forerunners import KNOWN, name_by_images, published_name
from stimuli.published.layouts.layout import (
    Cells,
    Converter,
    Layout,
    info_columns,
    normalize_header,
    transpose,
)
from stimuli.published.normalize import is_missing


def dataset_of(path: Path, observer: str, imagename: str) -> str:
    """Return the name of the dataset of a file, of which one observer and one image are known; it may be an older name.

    If the file has the name of the observer, the dataset has the name of the folder.
    """
    name = dialect.infer_dataset(path, KNOWN, published_name)
    if name.lower() == observer.lower() and name not in KNOWN:
        name = path.absolute().parent.name or name
    return name_by_images(name, dialect.image_code(imagename))


def _converter(header: Sequence[str], path: Path) -> Converter:
    """Return a function that converts rows; the first image of an observer decides its kind in all blocks.

    Columns that the layout cannot have get empty cells, and columns of numbers that the file lacks are omitted. Names of
    images keep their folders, because all names of a file decide whether these distinguish images. What depends on the
    dataset follows in `canonical`, since a user may say that the trials belong to another dataset. The function raises
    KeyError if the file lacks another column.
    """
    names, kinds, datasets = normalize_header(header), dict[str, Kind](), list[str]()

    def convert(rows: Sequence[Sequence[str]]) -> Cells:
        cells, n = transpose(names, rows), len(rows)
        observers, image_names = (_without_missing(cells[name]) for name in ("subj", "imagename"))
        if not datasets:
            datasets.append(dataset_of(path, observers[0], image_names[0]))
        kinds.update(_kinds_of_new(observers, image_names, kinds, path))
        own: Cells = {
            "experiment": datasets * n,
            "observer": observers,
            "kind": [kinds[observer] for observer in observers],
            "stimulus": [dialect.extract_image_id(name) for name in image_names],
            "condition": _without_missing(cells["condition"]),
            "category": _without_missing(cells["category"]),
            "response": _without_missing(cells["object_response"]),
        }
        own |= {column: _without_missing(cells[column]) for column in ("session", "trial", "rt") if column in cells}
        own |= {column: [""] * n for column in NAMES if column not in (*own, "session", "trial", "rt")}
        return own | info_columns(cells, dialect.COLUMNS)

    return convert


def _kinds_of_new(
    observers: Sequence[str], image_names: Sequence[str], known: Mapping[str, Kind], path: Path
) -> dict[str, Kind]:
    """Return the kinds of the observers that are not known yet, each according to its first image."""
    # The order is reversed so that the first image of each observer overwrites the later ones.
    first_image = dict(zip(reversed(observers), reversed(image_names), strict=True))
    return {name: dialect.infer_kind(name, image, path) for name, image in first_image.items() if name not in known}


def _without_missing(cells: Sequence[str]) -> list[str]:
    """Return cells in which texts that mean a missing value are empty."""
    missing = {text for text in set(cells) if is_missing(text)}
    return ["" if cell in missing else cell for cell in cells] if missing else list(cells)


MODEL_VS_HUMAN = Layout(
    name="model-vs-human",
    header=",".join(dialect.COLUMNS),
    columns=frozenset({"subj", "imagename"}),
    converter=_converter,
)
