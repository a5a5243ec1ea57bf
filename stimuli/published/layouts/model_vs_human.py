"""CSV files of model-vs-human and of its forerunners (`stimuli.published.dialect`)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from core.errors import LogError
from core.kinds import Kind
from core.trial_columns import NAMES
from stimuli.published import dialect
from stimuli.published.datasets import DATASETS, parse_cues
from stimuli.published.layouts.layout import Cells, Converter, Layout, info_columns, normalize_header, transpose


def _converter(header: Sequence[str], path: Path) -> Converter:
    """Return a function that converts rows; the first image of an observer decides its kind in all blocks.

    Columns that the layout cannot have get empty cells, and columns of numbers that the file lacks are omitted. The
    function raises KeyError if the file lacks another column, and LogError if a published dataset does not have one
    of the conditions.
    """
    names, kinds, dataset = normalize_header(header), dict[str, Kind](), dialect.infer_dataset(path, tuple(DATASETS))

    def convert(rows: Sequence[Sequence[str]]) -> Cells:
        cells, n = transpose(names, rows), len(rows)
        observers, image_names = cells["subj"], cells["imagename"]
        # The order is reversed so that the first image of each observer overwrites the later ones.
        first_image = dict(zip(reversed(observers), reversed(image_names), strict=True))
        kinds.update(
            (name, dialect.infer_kind(name, image)) for name, image in first_image.items() if name not in kinds
        )
        conditions = _canonical_conditions(dict.fromkeys(cells["condition"]), dataset, path)
        images = [dialect.extract_image_id(image_name) for image_name in image_names]
        own: Cells = {
            "experiment": [dataset] * n,
            "observer": observers,
            "kind": [kinds[observer] for observer in observers],
            "stimulus": images,
            "condition": [conditions[condition] for condition in cells["condition"]],
            "category": cells["category"],
            "response": ["" if cell == dialect.NO_ANSWER else cell for cell in cells["object_response"]],
        }
        own |= {
            column: ["" if cell in dialect.MISSING else cell for cell in cells[column]]
            for column in ("session", "trial", "rt")
            if column in cells
        }
        own |= {column: [""] * n for column in NAMES if column not in (*own, "session", "trial", "rt")}
        if dataset in DATASETS and DATASETS[dataset].has_cues:
            cues = [parse_cues(image) for image in images]
            own |= {cue: [image_cues.get(cue, "") for image_cues in cues] for cue in ("shape", "texture")}
        return own | info_columns(cells, dialect.COLUMNS)

    return convert


def _canonical_conditions(conditions: Iterable[str], name: str, path: Path) -> dict[str, str]:
    """Return a mapping from the spelling of each condition in the file to the spelling in the table of datasets."""
    known = {text: "" if text in dialect.MISSING else text for text in conditions}
    if name not in DATASETS:
        return known
    try:
        return {text: DATASETS[name].canonical(condition) for text, condition in known.items()}
    except ValueError as error:
        raise LogError(f"{path}: {error}") from None


MODEL_VS_HUMAN = Layout(
    name="model-vs-human",
    header=",".join(dialect.COLUMNS),
    columns=frozenset({"subj", "imagename"}),
    converter=_converter,
)
