"""Checks of the responses of an observer, before they are used or written into a log.

A session, a dry run and `observers.check` all apply these checks. `observers.protocol` defines the classes.
"""

import numbers
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from core.names import name_problem
from core.trial_columns import escape
from observers.protocol import MAX_COUNT, HasMeasures, HasTexts, Observer, ObserverError, Response, Trial

MAX_TEXT = 50_000  # characters of a further text, so that a row stays far below the longest line of a log


def check_name(name: object) -> None:
    """Raise ObserverError unless `name` can be written into a log as the name of an observer or experiment."""
    if problem := name_problem(name):
        raise ObserverError(
            f"{_show(name)} cannot be used as a name in a log, because it {problem}: choose another name"
        )


def check_columns(observer: Observer) -> None:
    """Raise ObserverError unless the observer's `measures` and `text_names` can be the names of columns of a log."""
    declared: dict[str, Any] = {"measures": observer.measures} if isinstance(observer, HasMeasures) else {}
    declared |= {"text_names": observer.text_names} if isinstance(observer, HasTexts) else {}
    for attribute, names in declared.items():
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise ObserverError(
                f"observer {observer.name}: expected a tuple of names in its {attribute}, got {str(names)[:80]}"
            )
        names = tuple(names)
        for name in names:
            if problem := name_problem(name):
                raise ObserverError(f"observer {observer.name}: the name {_show(name)} in its {attribute} {problem}")
        if len(set(names)) < len(names):
            raise ObserverError(
                f"observer {observer.name}: expected different names in its {attribute}, got {str(names)[:80]}"
            )


def _show(name: object) -> str:
    """Return a name between quotes for a message, with escape sequences for characters that cannot be printed."""
    return f"'{escape(str(name)[:80])}'"


def iter_responses(observer: Observer, trials: Iterable[Trial]) -> Iterator[object]:
    """Return an iterator over the responses of an observer, which are not validated yet.

    Raises ObserverError if `observer.observe` does not return an iterable object.
    """
    responses: object = observer.observe(iter(trials))
    if not isinstance(responses, Iterable):
        raise ObserverError(
            f"observer {observer.name}: observe(trials) must yield one Response per trial, but it returned "
            f"{type(responses).__name__}"
        )
    return iter(responses)


def validate_response(response: object, trial: Trial, observer: str) -> Response:
    """Check a response before it is used or logged.

    Args:
        response: The object that the observer yielded.
        trial: The trial to which the observer responded.
        observer: The observer's name, for error messages.

    Returns:
        The same response.

    Raises:
        ObserverError: If the object is not a Response, or if one of its values is not allowed. The message names the
            observer and the trial.
    """
    where = f"observer {observer}, trial {trial.number} ({trial.stimulus.id})"
    n_choices = len(trial.choices)
    if not isinstance(response, Response):
        raise ObserverError(f"{where}: expected a Response, got {type(response).__name__}")
    if response.choice is not None and response.choice not in trial.choices:
        raise ObserverError(f"{where}: {response.choice!r} is not one of the choices {', '.join(trial.choices)}")
    if response.rt is not None and not (_is_number(response.rt, numbers.Real) and 0 <= response.rt < float("inf")):
        raise ObserverError(f"{where}: rt must be a time in seconds, 0 or more, got {response.rt!r}")
    n = response.n_evaluations
    if n is not None and not (_is_number(n, numbers.Integral) and 0 <= n < MAX_COUNT):
        raise ObserverError(f"{where}: n_evaluations must be a whole number, 0 or more, got {n!r}")
    for measure, value in (response.measured or {}).items():
        if not (_is_number(value, numbers.Real) and abs(value) < float("inf")):
            raise ObserverError(f"{where}: the measurement {measure} must be a finite number, got {value!r}")
    for name, text in (response.texts or {}).items():
        if not isinstance(text, str) or len(text) > MAX_TEXT:
            raise ObserverError(f"{where}: {name} must be text of up to {MAX_TEXT} characters, got {str(text)[:80]!r}")
    if response.evidence is not None:
        try:
            evidence = np.asarray(response.evidence)
        except ValueError:  # lists of unequal length
            raise ObserverError(
                f"{where}: evidence must be {n_choices} numbers, got lists of different lengths"
            ) from None
        if evidence.shape != (n_choices,) or evidence.dtype.kind not in "fiu":
            raise ObserverError(
                f"{where}: evidence must be {n_choices} numbers, got {evidence.dtype} of the shape {evidence.shape}"
            )
        if np.isnan(evidence).any():
            raise ObserverError(f"{where}: evidence contains NaN")
    return response


def _is_number(value: object, kind: type) -> bool:
    """Return whether `value` is an instance of this numeric type. Booleans do not count as numbers."""
    return isinstance(value, kind) and not isinstance(value, bool)
