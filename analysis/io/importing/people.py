"""Observers, kinds, sessions and numbers of trials in tables of other programs."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from analysis.io.importing.numbers import is_missing
from analysis.io.importing.programs import Program
from analysis.io.importing.tables import DOCUMENT, Table
from core.errors import LogError, UserError
from core.kinds import KINDS, Kind
from stimuli.published import dialect
from stimuli.published.layouts.layout import is_whole_number, plain_number

MAX_SHOWN = 5
REPEATED = "; if the file contains several participants or sessions, name their column"
COUNTERS = ("trial_index", ".thisN")  # the ends of names of columns in which jsPsych and PsychoPy count from 0
_PERSON = re.compile(r"(?:^|-)subject-")


def observers_of(cells: Sequence[str], chosen: str | None, path: Path, column: str | None) -> tuple[list[str], str]:
    """Return the observer of each trial and a description: the chosen name, the column, or the name of the file.

    Raises LogError if some rows, but not all, lack an observer, and several observers are possible.
    """
    if chosen is not None:
        return [chosen] * len(cells), f"{chosen}, from --observer"
    names = ["" if is_missing(cell) else _name(cell) for cell in cells]
    different = list(dict.fromkeys(name for name in names if name))
    if not different:
        return [path.stem] * len(cells), f"{path.stem}, the name of the file"
    if "" in names:
        if len(different) > 1:
            n = names.count("")
            raise LogError(
                f"{path}: {n} row{'s lack' if n > 1 else ' lacks'} an observer in the column {column!r}; complete it, or "
                f"use another column with --map observer=COLUMN"
            )
        names = different * len(names)
    shown = ", ".join(different[:MAX_SHOWN]) + (", …" if len(different) > MAX_SHOWN else "")
    return names, f"{column} ({len(different)} observer{'s' if len(different) > 1 else ''}: {shown})"


def check_one_observer(names: Sequence[str], chosen: str | None, path: Path, column: str) -> None:
    """Raise UserError if the user names a single observer although the table has several."""
    different = list(dict.fromkeys(name for name in names if not is_missing(name)))
    if chosen is not None and len(different) > 1:
        raise UserError(
            f"--observer {chosen} names a single observer, but {path} has {len(different)} in {column}: "
            f"{', '.join(different[:MAX_SHOWN])}; remove the option, or select the rows of one of them with --where. If "
            f"they are the same observer, add --map observer="
        )


def _name(cell: str) -> str:
    """Return the name of an observer. Excel and pandas write 7 as 7.0, but the zeros of 007 are part of the name."""
    text = unicodedata.normalize("NFC", cell.strip())
    return text.partition(".")[0] if re.fullmatch(r"\d+\.0+", text) else text


def complete_observers(table: Table, column: str | None) -> Table:
    """Return the table with the only name in the column of observers in all rows, or in all rows of each JSON list.

    Programs may write the name of a participant in a single row, such as that of a form at the beginning.
    """
    if column is None:
        return table
    names: dict[str, set[str]] = {}
    for row in table.rows:
        names.setdefault(row.get(DOCUMENT, ""), set()).add(row[column])
    only = {document: next(iter(cells - {""})) for document, cells in names.items() if len(cells - {""}) == 1}
    rows = [row | {column: only.get(row.get(DOCUMENT, ""), row[column])} for row in table.rows]
    return evolve(table, rows=rows)


def check_single_runs(table: Table, keys: Sequence[tuple[str, str]], places: Sequence[str]) -> None:
    """Raise LogError if jsPsych numbered two trials of a session equally, since these are two runs of the experiment."""
    problem = _problem([plain_number(row["trial_index"]) for row in table.rows], keys, places)
    if problem.endswith("twice"):
        column = DOCUMENT if DOCUMENT in table.columns else "COLUMN"
        raise LogError(
            f"{problem}: the file contains several participants or sessions. Name their column with --map "
            f"observer={column} or --map session={column}; if all trials belong to one session, use --map trial="
        )


def kinds_of(
    cells: Sequence[str], observers: Sequence[str], images: Sequence[str], chosen: Kind | None, program: Program,
    table: Table,
) -> tuple[list[str], str]:  # fmt: skip
    """Return the kind of each observer and a description.

    The kind is never guessed: it is chosen, or in a column, or the table shows that the observers are people.

    Raises LogError if the kind is not known.
    """
    if chosen is not None:
        return [chosen] * len(observers), f"{chosen}, from --kind"
    if any(cells):
        kinds = [cell.strip().lower() for cell in cells]
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise LogError(
                f"{table.path}: {unknown[0]!r} is not a kind of observer; the kinds are {', '.join(KINDS)}; choose one with "
                f"--kind"
            )
        return kinds, "a column"
    if program.records_people:
        return ["human"] * len(observers), f"human, since {program.name} records people"
    names_of_people = all(_PERSON.search(name) for name in observers)
    if names_of_people or all(dialect.is_image_of_person(image) for image in images):
        origin = "names of the observers" if names_of_people else "names of the images"
        return ["human"] * len(observers), f"human, according to the {origin}"
    raise LogError(
        f"{table.path}: the kind of the observers is not known; name it with --kind, for example --kind human, or name its "
        f"column with --map kind=COLUMN. The kinds are {', '.join(KINDS)}"
    )


def kind_from_text(text: str | None) -> Kind | None:
    """Return a kind that a user names. Raises LogError if it does not exist."""
    if text is None:
        return None
    for kind in KINDS:
        if kind == text:
            return kind
    raise LogError(f"{text!r} is not a kind of observer; the kinds are {', '.join(KINDS)}")


def numbers_of_sessions(
    cells: Sequence[str], observers: Sequence[str], column: str | None, known: dict[str, dict[str, int]]
) -> tuple[list[str], str]:
    """Return the number of the session of each trial and a description.

    Sessions that are not whole numbers are numbered by the order in which they occur for each observer. `known` contains
    the numbers of the sessions of earlier files, to which those of this file are added.
    """
    texts = ["" if is_missing(cell) else plain_number(cell) for cell in cells]
    if not any(texts):
        return ["1"] * len(texts), "1 for all trials"
    if all(map(is_whole_number, texts)):
        return [str(int(text)) for text in texts], str(column)
    numbers = []
    for observer, text in zip(observers, texts, strict=True):
        of_observer = known.setdefault(observer, {})
        numbers.append(str(of_observer.setdefault(text, len(of_observer) + 1)))
    return numbers, f"the order of {column}, which is kept as info_session"


def numbers_of_trials(
    cells: Sequence[str], keys: Sequence[tuple[str, str]], places: Sequence[str], column: str | None, *, is_chosen: bool,
) -> tuple[list[str], str]:  # fmt: skip
    """Return the number of each trial, starting at 1, and a description.

    Args:
        cells: The cells of the column of numbers, or empty texts.
        keys: Observer and session of each trial.
        places: The place of each trial in the file.
        column: Name of the column, or None.
        is_chosen: Whether the user chose the column. If a column that was recognized does not have a different whole number
            for each trial of a session, trials are numbered in the order of the rows.

    Raises:
        LogError: If a column that the user chose does not have a different whole number for each trial of a session.
    """
    texts = [plain_number(cell) for cell in cells]
    if column is not None:
        problem = _problem(texts, keys, places)
        if not problem:
            starts_at_0 = column.endswith(COUNTERS) or min(int(text) for text in texts) == 0
            shift = 1 if starts_at_0 else 0
            return [str(int(text) + shift) for text in texts], f"{column}{' + 1' if shift else ''}"
        if is_chosen:
            raise LogError(f"{problem}; choose another column with --map trial=COLUMN, or remove this one")
    counts: dict[tuple[str, str], int] = {}
    numbers = []
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
        numbers.append(str(counts[key]))
    reason = f", since {column} does not number the trials of a session{REPEATED}" if column is not None else ""
    return numbers, f"the order of the rows{reason}"


def _problem(texts: Sequence[str], keys: Sequence[tuple[str, str]], places: Sequence[str]) -> str:
    """Return why texts are not the numbers of trials, or ""."""
    seen = set()
    for text, key, place in zip(texts, keys, places, strict=True):
        if not is_whole_number(text):
            return f"{place}: the number of the trial is {text!r}, expected a whole number"
        if (key, text) in seen:
            return f"{place}: trial {text} of {key[0]}, session {key[1]}, occurs twice"
        seen.add((key, text))
    return ""
