"""Checks of converted trials, whose results are notes for the user: what is possible, but is often a mistake."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from statistics import median

from analysis.io.importing.mapping import normalize
from analysis.io.importing.numbers import is_missing
from analysis.io.importing.tables import Table

CORRECTNESS = ("correct", "iscorrect", "accuracy", "acc", "corr", "correctness", "korrekt", "richtig")
YES = ("1", "1.0", "true", "yes", "correct", "wahr", "vrai")
NO = ("0", "0.0", "false", "no", "incorrect", "wrong", "error", "falsch", "faux")
MAX_SHOWN = 6
SHORTEST, LONGEST, LONGEST_MEDIAN = 0.05, 60.0, 20.0  # response times in seconds that are not usual


def notes_of_trials(
    cells: Mapping[str, Sequence[str]], table: Table, places: Sequence[str], response: str, words: Set[str]
) -> list[str]:
    """Return notes about the trials.

    Args:
        cells: The converted trials by column of our log.
        table: The table, whose rows are the trials.
        places: The place of each trial in the file.
        response: The column of the table with the responses.
        words: Responses that are possible although they are not the category of a trial.
    """
    return [
        *notes_of_words(cells, words),
        *_of_correctness(cells, table, places, response),
        *notes_of_times(cells.get("rt", ())),
        *_of_stimuli(cells["stimulus"]),
    ]


def notes_of_words(cells: Mapping[str, Sequence[str]], words: Set[str]) -> list[str]:
    """Return a note about responses that are not categories, and about categories that are never a response."""
    categories = set(cells["category"])
    responses = Counter(response for response in cells["response"] if response)
    unknown = {response: n for response, n in responses.items() if response not in categories | words}
    unused = categories - set(responses)
    notes = []
    if unknown:
        shown = _show([f"{response} ({n})" for response, n in unknown.items()])
        notes.append(f"responses that are not a category: {shown}")
    if unused and responses:
        notes.append(f"categories that are never a response: {_show(sorted(unused))}")
    return notes


def _of_correctness(
    cells: Mapping[str, Sequence[str]], table: Table, places: Sequence[str], response: str
) -> list[str]:
    """Return a note if a column of the table says that other responses are correct than those that equal the category."""
    of_component = f"{response.rpartition('.')[0]}.corr"
    names = [of_component] if of_component in table.columns else []
    names = names or [name for name in table.columns if normalize(name) in CORRECTNESS and name != response]
    for name in names[:1]:
        recorded = [_truth(row[name]) for row in table.rows]
        if any(truth is None and not is_missing(row[name]) for truth, row in zip(recorded, table.rows, strict=True)):
            continue
        equal = [a == b for a, b in zip(cells["response"], cells["category"], strict=True)]
        wrong = [
            place.rpartition(", ")[2]
            for truth, is_equal, place in zip(recorded, equal, places, strict=True)
            if truth not in (None, is_equal)
        ]
        if wrong:
            return [
                f"in {len(wrong)} of {len(equal)} trials, {name} contradicts the comparison of the response with the "
                f"category (first in {wrong[0]}); check the columns of the response and the category"
            ]
    return []


def _truth(cell: str) -> bool | None:
    text = cell.strip().lower()
    return True if text in YES else False if text in NO else None


def notes_of_times(cells: Sequence[str]) -> list[str]:
    """Return notes about response times that are not possible or not usual."""
    times = [float(cell) for cell in cells if cell]
    negative, long = sum(time < 0 for time in times), sum(time > LONGEST for time in times)
    notes = [f"{negative} response time{'s are' if negative > 1 else ' is'} negative"] if negative else []
    middle = median(times) if times else None
    if middle is not None and not SHORTEST <= middle <= LONGEST_MEDIAN:
        notes.append(f"the median of the response times is {middle:.4g} s; if the unit is wrong, use --rt-unit")
    elif long:
        notes.append(
            f"{long} response time{'s are' if long > 1 else ' is'} longer than {LONGEST:g} s (up to {max(times):.4g} s)"
        )
    return notes


def _of_stimuli(names: Sequence[str]) -> list[str]:
    if len(names) < 2 or len(set(names)) > 1:
        return []
    return [
        f"all trials have the same stimulus, {names[0][:80]!r}; if another column names the images, use "
        f"--map stimulus=COLUMN"
    ]


def _show(texts: Sequence[str]) -> str:
    return ", ".join(texts[:MAX_SHOWN]) + (", …" if len(texts) > MAX_SHOWN else "")
