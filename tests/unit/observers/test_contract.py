"""Every built-in observer follows the contract, and `check_observer` finds the broken rule of an observer that does not."""

import itertools
import re
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import pytest
from attrs import frozen

from experiments.running.session import run
from observers.check import check_observer
from observers.protocol import ObserverError, Response, Trial
from observers.registry import make_observer
from observers.simulated import Chance
from observers.validation import validate_response


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["ideal", "chance", "biased", "efficientnet-lite0", "recorded", "correlated", "psychometric"]
)
def test_built_in_observers_follow_the_contract(name, small, tmp_path):
    options = {}
    if name in ("recorded", "correlated"):
        log = run(small, Chance(), tmp_path)
        name, options = (f"recorded:{log}", {}) if name == "recorded" else (name, {"log": str(log), "kappa": "0.3"})
    trials = small.trials(0)[: 8 if name == "efficientnet-lite0" else None]
    results = check_observer(make_observer(name, options), trials)
    assert [result for result in results if not result.passed] == []
    assert len(results) >= 7


def first_choice(trials: Iterator[Trial], **fields: object) -> Iterator[Response]:
    for trial in trials:
        yield Response(trial.choices[0], **fields)  # type: ignore[arg-type]


def greedy(trials: Iterator[Trial]) -> Iterator[Response]:
    yield from first_choice(iter(list(trials)))


def depends_on_position(trials: Iterator[Trial]) -> Iterator[Response]:
    for position, trial in enumerate(trials):
        yield Response(trial.choices[position % 2])


def depends_on_number(trials: Iterator[Trial]) -> Iterator[Response]:
    for trial in trials:
        yield Response(trial.choices[trial.number % 5])


def full_batches_only(trials: Iterator[Trial]) -> Iterator[Response]:
    while len(batch := list(islice(trials, 4))) == 4:
        yield from first_choice(iter(batch))


def depends_on_call(trials: Iterator[Trial]) -> Iterator[Response]:
    n_calls[0] += 1
    for trial in trials:
        yield Response(trial.choices[n_calls[0] % 5])


def lowest_evidence(trials: Iterator[Trial]) -> Iterator[Response]:
    for trial in trials:
        yield Response(trial.choices[0], evidence=np.arange(float(len(trial.choices))))


def too_many(trials: Iterator[Trial]) -> Iterator[Response]:
    for trial in trials:
        yield from [Response(trial.choices[0])] * 2


n_calls = [0]
counter = itertools.count()
NAN = np.full(16, np.nan)
BROKEN: dict[str, tuple[Callable[..., object], str]] = {
    "unknown choice": (lambda trials: (Response("cow") for _ in trials), "'cow' is not one of the choices"),
    "not a Response": (lambda trials: (t.choices[0] for t in trials), "expected a Response, got str"),
    "short evidence": (
        lambda trials: first_choice(trials, evidence=np.ones(3)),
        r"evidence must be 16 numbers, got float64 of the shape \(3,\)",
    ),
    "NaN evidence": (lambda trials: first_choice(trials, evidence=NAN), "evidence contains NaN"),
    "negative rt": (lambda trials: first_choice(trials, rt=-1.0), "rt must be a time in seconds, 0 or more, got -1"),
    "negative n_evaluations": (
        lambda trials: first_choice(trials, n_evaluations=-1),
        "n_evaluations must be a whole number, 0 or more, got -1",
    ),
    "rt as text": (
        lambda trials: first_choice(trials, rt="fast"),
        "rt must be a time in seconds, 0 or more, got 'fast'",
    ),
    "n_evaluations as bool": (
        lambda trials: first_choice(trials, n_evaluations=True),
        "n_evaluations must be a whole number, 0 or more, got True",
    ),
    "ragged evidence": (
        lambda trials: first_choice(trials, evidence=[[1.0], [1.0, 2.0]]),
        "evidence must be 16 numbers, got lists of different lengths",
    ),
    "n_evaluations too large": (
        lambda trials: first_choice(trials, n_evaluations=10**30),
        "n_evaluations must be a whole number, 0 or more, got 1000",
    ),
    "n_evaluations varies": (
        lambda trials: first_choice(trials, n_evaluations=next(counter)),
        "gives the same responses when the trials are repeated: trial 1",
    ),
    "returns None": (
        lambda trials: None,
        r"observe\(trials\) must yield one Response per trial, but it returned NoneType",
    ),
    "too few responses": (lambda trials: islice(first_choice(trials), 3), "3 responses to 32 trials"),
    "too many responses": (too_many, "more responses than there are trials"),
    "greedy": (greedy, "it took 1025 trials before its first response"),
    "depends on position": (
        depends_on_position,
        "gives the same responses in another order and with other trial numbers",
    ),
    "depends on call": (depends_on_call, "gives the same responses when the trials are repeated"),
    "depends on number": (
        depends_on_number,
        "gives the same responses in another order and with other trial numbers",
    ),
    "full batches only": (
        full_batches_only,
        "gives the same responses when the trials come one at a time: 4 responses, then 0",
    ),
    "lowest evidence": (lowest_evidence, "gives a choice with the highest evidence"),
}


@frozen
class Broken:
    respond: Callable[..., Iterator[Response]]
    name: str = "broken"
    kind: str = "discriminative"

    def observe(self, trials):
        return self.respond(trials)


@pytest.mark.parametrize("flaw", BROKEN)
def test_check_observer_finds_the_broken_rule(flaw, small):
    respond, message = BROKEN[flaw]
    trials = small.trials(0)
    failures = [result for result in check_observer(Broken(respond), trials) if not result.passed]
    assert failures
    assert re.search(message, "; ".join(f"{failure.rule}: {failure.detail}" for failure in failures))


def test_check_observer_reports_an_object_without_a_name():
    (result,) = check_observer("biased", [])
    assert (result.rule, result.passed) == ("has a name and a kind", False)
    assert "'None' cannot be used as a name" in result.detail


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("", "human", "'' cannot be used as a name in a log"),
        ("a\nb", "human", "cannot be used as a name in a log"),
        ("a", "robot", "'robot'"),
    ],
)
def test_check_observer_requires_a_name_and_a_kind(name, kind, message):
    (result,) = check_observer(Broken(first_choice, name=name, kind=kind), [])
    assert not result.passed
    assert message in result.detail


@pytest.mark.parametrize(
    "flaw",
    ["unknown choice", "not a Response", "short evidence", "NaN evidence", "negative rt", "negative n_evaluations"],
)
def test_validation_error_names_observer_and_trial(flaw, small):
    respond, message = BROKEN[flaw]
    trial = small.trials(0)[0]
    with pytest.raises(ObserverError, match=r"observer broken, trial 1 \(.*\): .*" + message):
        validate_response(next(respond(iter([trial]))), trial, "broken")


@pytest.mark.parametrize(("n_before", "rule"), [(0, "can respond"), (2, "can respond to all trials")])
def test_missing_weights_are_not_called_a_wrong_response(small, n_before, rule):
    def respond(trials):
        for number, trial in enumerate(trials):
            if number == n_before:
                raise ObserverError("the weights cannot be downloaded")
            yield Response(trial.choices[0])

    failures = [result for result in check_observer(Broken(respond), small.trials(0)[:4]) if not result.passed]
    assert [(result.rule, result.detail) for result in failures] == [(rule, "the weights cannot be downloaded")]
