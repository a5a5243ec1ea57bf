"""Every observer keeps the contract, and an observer that breaks a rule is found out."""

import itertools
import re
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import pytest
from attrs import frozen

from experiments.session import run
from observers.check import check_observer
from observers.protocol import ObserverError, Response, Trial, validate_response
from observers.registry import make_observer
from observers.simulated import Chance


@pytest.mark.parametrize(
    "name", ["ideal", "chance", "biased", "efficientnet-lite0", "recorded", "correlated", "psychometric"]
)
def test_built_in_observers(name, small, tmp_path):
    options = {}
    if name in ("recorded", "correlated"):
        log = run(small, Chance(), tmp_path)
        name, options = (f"recorded:{log}", {}) if name == "recorded" else (name, {"log": str(log), "kappa": "0.3"})
    findings = check_observer(make_observer(name, options), small.trials(0))
    assert [f for f in findings if not f.passed] == []
    assert len(findings) >= 7


def first(trials: Iterator[Trial], **answer: object) -> Iterator[Response]:
    for trial in trials:
        yield Response(trial.choices[0], **answer)  # type: ignore[arg-type]


def greedy(trials: Iterator[Trial]) -> Iterator[Response]:
    yield from first(iter(list(trials)))


def positional(trials: Iterator[Trial]) -> Iterator[Response]:
    for number, trial in enumerate(trials):
        yield Response(trial.choices[number % 2])


def numbered(trials: Iterator[Trial]) -> Iterator[Response]:
    for trial in trials:
        yield Response(trial.choices[trial.number % 5])


def whole_batches(trials: Iterator[Trial]) -> Iterator[Response]:
    while len(batch := list(islice(trials, 4))) == 4:
        yield from first(iter(batch))


def moody(trials: Iterator[Trial]) -> Iterator[Response]:
    count[0] += 1
    for trial in trials:
        yield Response(trial.choices[count[0] % 5])


def unsupported(trials: Iterator[Trial]) -> Iterator[Response]:
    for trial in trials:
        yield Response(trial.choices[0], evidence=np.arange(float(len(trial.choices))))


def too_many(trials: Iterator[Trial]) -> Iterator[Response]:
    for trial in trials:
        yield from [Response(trial.choices[0])] * 2


count = [0]
counter = itertools.count()
NAN = np.full(16, np.nan)
BROKEN: dict[str, tuple[Callable[..., object], str]] = {
    "no choice of ours": (lambda trials: (Response("cow") for _ in trials), "'cow' is none of the choices"),
    "no Response": (lambda trials: (t.choices[0] for t in trials), "expected a Response, got str"),
    "short evidence": (
        lambda trials: first(trials, evidence=np.ones(3)),
        r"evidence must be 16 numbers, got float64 \(3,\)",
    ),
    "NaN": (lambda trials: first(trials, evidence=NAN), "evidence holds NaN"),
    "rt": (lambda trials: first(trials, rt=-1.0), "rt must be in seconds from 0 on, got -1"),
    "n_evaluations": (
        lambda trials: first(trials, n_evaluations=-1),
        "n_evaluations must be a whole number from 0 on, got -1",
    ),
    "rt in words": (lambda trials: first(trials, rt="fast"), "rt must be in seconds from 0 on, got 'fast'"),
    "n_evaluations true": (lambda trials: first(trials, n_evaluations=True), "whole number from 0 on, got True"),
    "ragged evidence": (
        lambda trials: first(trials, evidence=[[1.0], [1.0, 2.0]]),
        "evidence must be 16 numbers, got a ragged list",
    ),
    "n_evaluations too large": (lambda trials: first(trials, n_evaluations=10**30), "whole number from 0 on, got 1000"),
    "n_evaluations at random": (
        lambda trials: first(trials, n_evaluations=next(counter)),
        "answers the same when asked again: trial 1",
    ),
    "nothing": (lambda trials: None, r"observe\(trials\) must yield a Response a trial, it returned NoneType"),
    "stops": (lambda trials: islice(first(trials), 3), "3 responses to 32 trials"),
    "too many": (too_many, "more responses than it got trials"),
    "greedy": (greedy, "it took 1025 trials before it answered the first"),
    "positional": (positional, "answers the same in another order"),
    "moody": (moody, "answers the same when asked again"),
    "numbered": (numbered, "answers the same in another order, under other numbers"),
    "whole batches": (whole_batches, "answers the same one at a time: 4 responses, then 0"),
    "unsupported": (unsupported, "chooses where its evidence is highest"),
}


@frozen
class Broken:
    answer: Callable[..., Iterator[Response]]
    name: str = "broken"
    kind: str = "discriminative"

    def observe(self, trials):
        return self.answer(trials)


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_broken_observer_is_found_out(flaw, small):
    answer, message = BROKEN[flaw]
    trials = small.trials(0)
    findings = [f for f in check_observer(Broken(answer), trials) if not f.passed]
    assert findings
    assert re.search(message, "; ".join(f"{f.rule}: {f.detail}" for f in findings))


def test_no_name():
    for name, kind, said in (
        ("", "human", "'' is no name"),
        ("a\nb", "human", "is no name"),
        ("a", "robot", "'robot'"),
    ):
        (finding,) = check_observer(Broken(first, name=name, kind=kind), [])
        assert not finding.passed
        assert said in finding.detail


@pytest.mark.parametrize("flaw", ["no choice of ours", "no Response", "short evidence", "NaN", "rt", "n_evaluations"])
def test_the_door_names_observer_and_trial(flaw, small):
    answer, message = BROKEN[flaw]
    trial = small.trials(0)[0]
    with pytest.raises(ObserverError, match=r"observer broken, trial 1 \(.*\): .*" + message):
        validate_response(next(answer(iter([trial]))), trial, "broken")
