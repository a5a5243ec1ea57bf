"""Our own trial log, whose columns `core.trial_columns` describes."""

from collections.abc import Sequence
from pathlib import Path

from core.trial_columns import NAMES
from stimuli.published.layouts.layout import Cells, Converter, Layout


def _converter(header: Sequence[str], _: Path) -> Converter:
    """Keep all cells. Columns may have been renamed to upper case by another program, but not evidence and cues."""
    names = [name.strip().lower() if name.strip().lower() in NAMES else name for name in header]

    def convert(rows: Sequence[Sequence[str]]) -> Cells:
        return dict(zip(names, zip(*rows, strict=True), strict=True))

    return convert


OWN = Layout(
    name="own",
    header=",".join(NAMES),
    columns=frozenset({"observer", "stimulus", "response"}),
    converter=_converter,
    is_appended=True,
)
