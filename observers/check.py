"""A test of whether an observer follows the contract of `observers.protocol`.

The author of an observer runs the test as `observers check-observer NAME` or from a test suite; the tests of this project
run it on every built-in observer. The test presents the same trials several times. A person is therefore checked only for
the rules that can be tested by presenting the trials once.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np
from attrs import evolve, frozen

from observers.protocol import KINDS, Observer, ObserverError, Response, Trial
from observers.validation import check_columns, check_name, iter_responses, validate_response

TOLERANCE = 1e-5  # relative and absolute tolerance of evidence, because rounding depends on the shape of a batch
MAX_AHEAD = 1024  # number of trials that an observer may take before its first response
N_ALONE = 4  # number of trials that are presented one at a time


@frozen
class RuleResult:
    """The result of checking one rule of the contract.

    Attributes:
        rule: The rule, as a phrase that completes "the observer …".
        passed: Whether the observer follows the rule.
        detail: What the observer did instead; "" if the observer follows the rule.
    """

    rule: str
    passed: bool
    detail: str = ""


def check_observer(observer: Observer, trials: Sequence[Trial]) -> list[RuleResult]:
    """Check whether an observer follows the contract of `observers.protocol`.

    Args:
        observer: The observer to check.
        trials: Trials to present, ideally a dozen or more with different images. They are presented up to four times.

    Returns:
        One result per rule. The first rules are that the observer has a name and a kind, can respond (only listed if it
        cannot, such as without its weights), and gives one valid response per trial. If the observer breaks one of these, or
        if it is a person, the other rules are not checked.

    Example:
        >>> results = check_observer(make_observer("ideal"), experiment.trials(seed=0)[:12])
        >>> [result.detail for result in results if not result.passed]
        []
    """
    results: list[RuleResult] = []

    def add(rule: str, passed: bool, detail: str = "") -> bool:
        results.append(RuleResult(rule, passed, "" if passed else detail))
        return passed

    name: Any = getattr(observer, "name", None)
    kind: Any = getattr(observer, "kind", None)
    try:
        check_name(name)
    except ObserverError as error:
        add("has a name and a kind", False, str(error))
        return results
    if not add("has a name and a kind", kind in KINDS, f"its kind is {kind!r}, expected one of {', '.join(KINDS)}"):
        return results
    first: list[Response] = []
    try:
        check_columns(observer)
        responses = iter_responses(observer, trials)
        while True:
            try:
                response = next(responses)
            except StopIteration:
                break
            except ObserverError as error:  # such as weights that are missing, which is not a wrong response
                add("can respond" if not first else "can respond to all trials", False, str(error))
                return results
            if len(first) == len(trials):
                add(
                    "gives one response per trial",
                    False,
                    f"it gives more responses than there are trials ({len(trials)})",
                )
                return results
            first.append(validate_response(response, trials[len(first)], name))
    except ObserverError as error:
        add("gives valid responses", False, str(error))
        return results
    add("gives valid responses", True)
    n = len(first)
    if not add("gives one response per trial", n == len(trials), f"{n} responses to {len(trials)} trials"):
        return results
    if kind == "human":
        return results
    source = _CountingIterator(islice(cycle(trials), MAX_AHEAD + 1))
    next(iter(observer.observe(source)), None)
    lazy = source.n_taken <= MAX_AHEAD
    add("takes trials lazily", lazy, f"it took {source.n_taken} trials before its first response")
    if kind != "simulated":  # the evidence of simulated observers is the probability of drawing each choice
        wrong = [t.number for r, t in zip(first, trials, strict=True) if not _has_highest_evidence(r, t)]
        detail = f"it does not in {len(wrong)} of {n} trials, first in trial {wrong[0] if wrong else None}"
        add("gives a choice with the highest evidence", not wrong, detail)
    again = list(observer.observe(iter(trials)))
    add("gives the same responses when the trials are repeated", _same(first, again), _difference(first, again))
    reordered = [evolve(trial, number=trial.number + 1009, block=trial.block + 11) for trial in trials[::-1]]
    second = list(observer.observe(iter(reordered)))[::-1]
    rule = "gives the same responses in another order and with other trial numbers"
    add(rule, _same(first, second), _difference(first, second))
    alone = [response for trial in trials[:N_ALONE] for response in observer.observe(iter([trial]))]
    rule = "gives the same responses when the trials come one at a time"
    add(rule, _same(first[:N_ALONE], alone), _difference(first[:N_ALONE], alone))
    return results


class _CountingIterator:
    """An iterator over trials that counts how many trials were taken from it."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._trials = iter(trials)
        self.n_taken = 0

    def __iter__(self) -> Iterator[Trial]:
        return self

    def __next__(self) -> Trial:
        trial = next(self._trials)
        self.n_taken += 1
        return trial


def _has_highest_evidence(response: Response, trial: Trial) -> bool:
    """Return whether the response is a choice with the highest evidence; True if evidence or choice is missing."""
    if response.evidence is None or response.choice is None:
        return True
    return bool(response.evidence[trial.choices.index(response.choice)] >= np.max(response.evidence))


def _same(first: Sequence[Response], second: Sequence[Response]) -> bool:
    return len(first) == len(second) and all(map(_equal, first, second))


def _equal(a: Response, b: Response) -> bool:
    """Return whether two responses are equal, with evidence within TOLERANCE."""
    if (a.choice, a.n_evaluations) != (b.choice, b.n_evaluations):
        return False
    if (a.evidence is None) != (b.evidence is None):
        return False
    return a.evidence is None or np.allclose(a.evidence, b.evidence, rtol=TOLERANCE, atol=TOLERANCE)  # type: ignore[arg-type]


def _difference(first: Sequence[Response], second: Sequence[Response]) -> str:
    """Describe the first difference between two sequences of responses, or return "" if they are the same."""
    if len(first) != len(second):
        return f"{len(first)} responses, then {len(second)}"
    index = next((i for i, (a, b) in enumerate(zip(first, second, strict=True)) if not _equal(a, b)), None)
    if index is None:
        return ""
    return (
        f"trial {index + 1}: {first[index].choice}, then {second[index].choice} "
        f"(or its evidence or n_evaluations differs)"
    )
