"""Our own trial log, whose columns `core.trial_columns` describes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from core.errors import LogError
from core.trial_columns import EVIDENCE, INFO, MEASURED, NAMES
from stimuli.cues import GEOMETRIC, HIDDEN, PERCEPTS
from stimuli.published.layouts.layout import Cells, Converter, Layout

_CUES = ("shape", "texture", *PERCEPTS, *HIDDEN, *GEOMETRIC)


def _converter(header: Sequence[str], path: Path) -> Converter:
    """Keep all cells. Raises LogError if two columns have the same name except for upper and lower case."""
    names = list(map(own_name, header))
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise LogError(f"{path} has two columns {twice[0]!r}, which differ only in upper and lower case; remove one")

    def convert(rows: Sequence[Sequence[str]]) -> Cells:
        return dict(zip(names, zip(*rows, strict=True), strict=True))

    return convert


def own_name(name: str) -> str:
    """Return the name of a column after another program may have changed it to upper case, or added an unnamed column."""
    lower = name.strip().lower()
    if lower in NAMES or (name.isupper() and lower in _CUES):
        return lower
    prefix = next((prefix for prefix in (EVIDENCE, MEASURED, INFO) if lower.startswith(prefix)), "")
    return prefix + name[len(prefix) :] if name else f"{INFO}unnamed"


OWN = Layout(
    name="own",
    header=",".join(NAMES),
    columns=frozenset({"observer", "stimulus", "response"}),
    converter=_converter,
    is_appended=True,
)
