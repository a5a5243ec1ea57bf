"""Does an observer keep the contract of `observers.protocol`? Run on it by its author, and by our tests on every one.

`check_observer(observer, trials)` asks the trials several times over and reports every rule with what was found. A live
person is checked for the first rules only, since people cannot be asked twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice

import numpy as np
from attrs import evolve, frozen

from observers.protocol import (
    KINDS,
    Observer,
    ObserverError,
    Response,
    Trial,
    check_name,
    iter_responses,
    validate_response,
)

TOLERANCE = 1e-5  # relative, of evidence: batches of another shape may round differently
MAX_AHEAD = 1024  # trials an observer may take before it answers the first


@frozen
class RuleResult:
    rule: str
    passed: bool
    detail: str = ""


def check_observer(observer: Observer, trials: Sequence[Trial]) -> list[RuleResult]:
    """Findings in the order of the rules; from the first broken one on that makes the others meaningless, no more."""
    findings: list[RuleResult] = []

    def note(rule: str, passed: bool, detail: str = "") -> bool:
        findings.append(RuleResult(rule, passed, "" if passed else detail))
        return passed

    name, kind = observer.name, observer.kind
    try:
        check_name(name)
    except ObserverError as error:
        note("has a name and a kind", False, str(error))
        return findings
    if not note("has a name and a kind", kind in KINDS, f"its kind is {kind!r}, expected one of {', '.join(KINDS)}"):
        return findings
    answers: list[Response] = []
    try:
        for response in iter_responses(observer, trials):
            if len(answers) == len(trials):
                note("gives one response a trial", False, "it gives more responses than it got trials")
                return findings
            answers.append(validate_response(response, trials[len(answers)], name))
    except ObserverError as error:
        note("gives valid responses", False, str(error))
        return findings
    note("gives valid responses", True)
    n = len(answers)
    if not note("gives one response a trial", n == len(trials), f"{n} responses to {len(trials)} trials"):
        return findings
    if kind == "human":
        return findings
    supply = _Counter(islice(cycle(trials), MAX_AHEAD + 1))
    next(iter(observer.observe(supply)), None)
    lazy = supply.n_taken <= MAX_AHEAD
    note("takes trials lazily", lazy, f"it took {supply.n_taken} trials before it answered the first")
    if kind != "simulated":  # those draw their answers, with the evidence for probabilities
        wrong = [t.number for r, t in zip(answers, trials, strict=True) if not _is_top(r, t)]
        note(
            "chooses where its evidence is highest", not wrong, f"not in {len(wrong)} of {n} trials, first {wrong[:1]}"
        )
    again = list(observer.observe(iter(trials)))
    note("answers the same when asked again", _same(answers, again), _difference(answers, again))
    turned = [evolve(trial, number=trial.number + 1009, block=trial.block + 11) for trial in trials[::-1]]
    others = list(observer.observe(iter(turned)))[::-1]
    note("answers the same in another order, under other numbers", _same(answers, others), _difference(answers, others))
    alone = [response for trial in trials[:4] for response in observer.observe(iter([trial]))]
    note("answers the same one at a time", _same(answers[:4], alone), _difference(answers[:4], alone))
    return findings


class _Counter:
    """Trials that count how many were taken."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._trials = iter(trials)
        self.n_taken = 0

    def __iter__(self) -> Iterator[Trial]:
        return self

    def __next__(self) -> Trial:
        trial = next(self._trials)
        self.n_taken += 1
        return trial


def _is_top(response: Response, trial: Trial) -> bool:
    if response.evidence is None or response.choice is None:
        return True
    return bool(response.evidence[trial.choices.index(response.choice)] >= np.max(response.evidence))


def _same(one: Sequence[Response], other: Sequence[Response]) -> bool:
    return len(one) == len(other) and all(map(_equal, one, other))


def _equal(one: Response, other: Response) -> bool:
    if (one.choice, one.n_evaluations) != (other.choice, other.n_evaluations):
        return False
    if (one.evidence is None) != (other.evidence is None):
        return False
    return one.evidence is None or np.allclose(one.evidence, other.evidence, rtol=TOLERANCE, atol=TOLERANCE)  # type: ignore[arg-type]


def _difference(one: Sequence[Response], other: Sequence[Response]) -> str:
    if len(one) != len(other):
        return f"{len(one)} responses, then {len(other)}"
    index = next((i for i, (a, b) in enumerate(zip(one, other, strict=True)) if not _equal(a, b)), None)
    return (
        ""
        if index is None
        else f"trial {index + 1}: {one[index].choice}, then {other[index].choice} (or other evidence, or n_evaluations)"
    )
