"""Check the names in a stimulus set and in a row of its manifest by the rule of `core.names`.

The names of cues are also the names of columns of a trial log, so they must differ from the columns that all logs have. The
name `all` is reserved, because tables of results use it for the total over all categories.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from core.errors import StimulusError
from core.names import abbreviate, describe_character, forbidden_character, group_similar, name_problem, normalize
from core.trial_columns import EVIDENCE, INFO, MEASURED, RESERVED_NAMES, TOTAL, escape

COLUMNS = ("stimulus", "path", "category", "condition")  # of a manifest
MAX_SHOWN = 80  # characters of a name in a message
_RESERVED = {*COLUMNS, *RESERVED_NAMES, TOTAL}


class _Labels(Protocol):
    """The labels of a stimulus."""

    @property
    def id(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def condition(self) -> str: ...
    @property
    def cues(self) -> Mapping[str, str]: ...


def check_names(name: str, stimuli: Iterable[_Labels], cue_names: Sequence[str]) -> None:
    """Raise StimulusError if a name in a stimulus set called `name` is not allowed.

    An empty condition and an empty value of a cue are allowed. `cue_names` are the names of the cues.
    """
    if problem := name_problem(name):
        raise StimulusError(f"the stimulus set {show(name)} {problem}; choose another name")
    checked: set[object] = set()
    for s in stimuli:
        labels: list[tuple[str, object]] = [("name", s.id), ("category", s.category), ("condition", s.condition)]
        labels += [(f"cue {cue}", value) for cue, value in s.cues.items()]
        for kind, label in labels:
            if label in checked:
                continue
            if problem := label_problem(kind, label):
                where = f"the {kind} {show(label)}" + ("" if kind == "name" else f" of {show(s.id)}")
                raise StimulusError(f"{name}: {where} {problem}; change it")
            checked.add(label)
        if TOTAL in (s.category, *s.cues.values()):
            raise StimulusError(
                f"{name}: {show(s.id)} has the category or cue {TOTAL!r}, which is reserved for totals over all categories; "
                f"choose another name"
            )
    for cue in cue_names:
        check_cue_name(name, cue)


def similar_label_notes(name: str, stimuli: Iterable[_Labels]) -> tuple[str, ...]:
    """Return notes about categories, and about conditions, of the stimulus set `name` that differ only in case."""
    stimuli = tuple(stimuli)
    labels = {"categories": {s.category for s in stimuli}, "conditions": {s.condition for s in stimuli}}
    return tuple(
        f"{show(name)}: some {kind} differ only in upper and lower case and count as different {kind}: "
        f"{abbreviate(groups)}; if they are the same, give them the same name"
        for kind, texts in labels.items()
        if (groups := [" and ".join(map(show, group)) for group in group_similar(sorted(texts))])
    )


def label_problem(kind: str, label: object) -> str:
    """Return the reason why a label cannot be used, or "". `kind` is "name", "category", "condition" or "cue …"."""
    return "" if label == "" and kind not in ("name", "category") else name_problem(label)


def check_cue_name(name: str, cue: str) -> None:
    """Raise StimulusError if a cue of the stimulus set called `name` cannot have the name `cue`."""
    if problem := name_problem(cue):
        raise StimulusError(f"{name}: the name of a cue, {show(cue)}, {problem}; rename the column")
    folded = cue.casefold()
    if folded in _RESERVED or folded.startswith((EVIDENCE, MEASURED, INFO)):
        raise StimulusError(
            f"{name}: a cue cannot be called {cue!r}, because trial logs reserve that column name; rename the column"
        )


def check_manifest_row(manifest: Path, number: int, columns: Sequence[str], row: Sequence[str]) -> None:
    """Raise StimulusError if a cell of a manifest contains a character that is not allowed or a name that is not allowed.

    `number` is the number of the row in the file and `columns` are the names of its columns. An empty name or category is
    reported by `StimulusSet`.
    """
    for column, cell in zip(columns, row, strict=True):
        if column == "path":
            character = forbidden_character(cell)
            problem = f"contains {describe_character(character)}, which is not allowed" if character else ""
        else:
            problem = name_problem(normalize(cell)) if cell else ""
        if problem:
            raise StimulusError(f"{manifest}, row {number}: the {column} {show(cell)} {problem}; change that cell")


def show(name: object) -> str:
    """Return a name between quotes for a message, with escape sequences for characters that cannot be printed."""
    text = name if isinstance(name, str) else repr(name)
    return f"'{escape(text[:MAX_SHOWN])}{'…' if len(text) > MAX_SHOWN else ''}'"
