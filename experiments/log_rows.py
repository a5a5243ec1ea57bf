"""The rows of a trial log: the cells of a trial, and whether the row of an earlier run belongs to a trial.

`core.trial_columns` defines the columns and their order.
"""

from collections.abc import Mapping, Sequence

from attrs import frozen

from core.errors import ObserverError
from core.trial_columns import (
    BY_NAME,
    EVIDENCE,
    INFO,
    MEASURED,
    NAMES,
    TRIAL_COLUMNS,
    escape,
    is_numeric_extra,
    is_text_extra,
    parse_number,
)
from observers.protocol import Observer, Response, Trial, measures_of, texts_of


def column_names(
    cues: Sequence[str], choices: Sequence[str], measures: Sequence[str] = (), texts: Sequence[str] = ()
) -> list[str]:
    """Return the columns of a log.

    Args:
        cues: Names of the cues of the stimulus set, such as shape and texture.
        choices: The choices of the experiment.
        measures: Names of the further measurements of the observer.
        texts: Names of the further texts of the observer.

    Returns:
        The names in TRIAL_COLUMNS, the cues, `evidence_<choice>` for every choice, `measured_<name>` for every further
        measurement, and `info_<name>` for every further text.
    """
    evidence, measured = (EVIDENCE + choice for choice in choices), (MEASURED + measure for measure in measures)
    return [*NAMES, *cues, *evidence, *measured, *(INFO + name for name in texts)]


@frozen(eq=False)
class _LoggedTrial:
    """One trial with its response, from which `Column.value` takes its values."""

    experiment: str
    observer: Observer
    session: int
    trial: Trial
    response: Response


def format_row(
    experiment: str, observer: Observer, session: int, cues: Sequence[str], trial: Trial, response: Response
) -> list[str]:
    """Return the cells of one trial, in the order of `column_names`.

    Times and further measurements are written with full precision. Evidence is written with nine significant digits, which
    is enough to represent a float32 exactly.

    Args:
        experiment: Name of the experiment.
        observer: The observer.
        session: Number of the session.
        cues: Names of the cues of the stimulus set.
        trial: The trial.
        response: The response to it.

    Returns:
        The text of each cell, which is "" for a missing value. A further text becomes one line (see `escape`).

    Raises:
        ObserverError: If the response has a measurement that is not in the observer's `measures`, or a text that is not in
            its `text_names`.
    """
    logged = _LoggedTrial(experiment, observer, session, trial, response)
    evidence = (
        ["" for _ in trial.choices] if response.evidence is None else [format(x, ".9g") for x in response.evidence]
    )
    return [
        *(column.format(logged) for column in TRIAL_COLUMNS), *(trial.stimulus.cues[cue] for cue in cues), *evidence,
        *_format_measures(observer, response), *_format_texts(observer, response),
    ]  # fmt: skip


def _format_measures(observer: Observer, response: Response) -> list[str]:
    """Return the cells of the further measurements. Raises ObserverError if one is not in the observer's `measures`."""
    measured, names = response.measured or {}, measures_of(observer)
    _check_names(observer, measured, names, "measurements", "measures")
    return [repr(float(measured[name])) if name in measured else "" for name in names]


def _format_texts(observer: Observer, response: Response) -> list[str]:
    """Return the cells of the further texts. Raises ObserverError if one is not in the observer's `text_names`."""
    texts, names = response.texts or {}, texts_of(observer)
    _check_names(observer, texts, names, "texts", "text_names")
    return [escape(texts.get(name, "")) for name in names]


def _check_names(
    observer: Observer, values: Mapping[str, object], names: Sequence[str], kind: str, attribute: str
) -> None:
    """Raise ObserverError if a value has a name that the attribute of the observer does not list."""
    unknown = sorted(values.keys() - set(names))
    if unknown:
        raise ObserverError(
            f"observer {observer.name} returned {kind} that are not in its `{attribute}`: {', '.join(unknown)}"
        )


def describe_mismatch(
    cells: Sequence[str], experiment: str, observer: Observer, session: int, cues: Sequence[str], trial: Trial
) -> str:
    """Describe why a row of a log cannot be the row of this trial, or return "" if it can be.

    `cells` is the row; the other arguments are those of `format_row`. The cells that depend on the response may have
    any valid value. All other cells must match the trial.
    """
    expected_cells = format_row(experiment, observer, session, cues, trial, Response(None))
    columns = column_names(cues, trial.choices, measures_of(observer), texts_of(observer))
    for name, cell, expected in zip(columns, cells, expected_cells, strict=True):
        column = BY_NAME.get(name)
        if column is not None and column.response == "choice":
            if cell not in ("", *trial.choices):
                return f"its response {cell[:80]!r} is not one of the choices"
        elif is_numeric_extra(name) or (column is not None and column.response):
            if problem := _number_problem(name, cell):
                return f"its {problem}"
        elif cell != expected and not is_text_extra(name):
            return f"its {name} is {cell[:80]!r}, expected {expected!r}"
    return ""


def _number_problem(name: str, cell: str) -> str:
    """Return the reason why a cell of a column of numbers is not valid, or "" if it is valid."""
    try:
        if name in BY_NAME:
            BY_NAME[name].parse(cell)
        elif cell:
            parse_number(name, cell, can_be_infinite=name.startswith(EVIDENCE))
    except ValueError as error:
        return str(error)
    return ""
