"""The loop: one response per trial, and a stopped or killed session that is resumed writes the same file as one run."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve, frozen

from core.errors import LogError, StimulusError, UserError
from core.trial_columns import NAMES
from experiments import log
from experiments.experiment import Experiment
from experiments.running.session import run
from observers.protocol import ObserverError, Response
from observers.simulated import Biased, Ideal
from tests.unit.experiments.logs import rows, sidecar


def test_complete_session(small, tmp_path):
    path = run(small, Biased(0.8), tmp_path)
    assert path == tmp_path / "small" / "small_biased-0.8_session-1.csv"
    logged = rows(path)
    assert list(logged[0]) == [*NAMES, "shape", "texture", *(f"evidence_{c}" for c in small.choices)]
    assert [row["trial"] for row in logged] == [str(n) for n in range(1, 33)]
    assert {row["block"] for row in logged} == {"1", "2"}
    assert {row["stimulus"] for row in logged} == {s.id for s in small.stimuli}
    assert sum(float(logged[0][f"evidence_{c}"]) for c in small.choices) == pytest.approx(1)
    facts = sidecar(path)
    assert (facts["status"], facts["n_logged"], facts["format"]) == ("complete", 32, 1)
    assert facts["identity"]["observer"]["options"]["shape_bias"] == 0.8
    assert facts["environment"]["packages"]["numpy"]
    text = path.with_suffix(".json").read_text()
    assert os.uname().nodename not in text
    assert str(Path.home()) not in text


def test_session_that_was_killed_after_its_last_row_is_finished_when_it_is_resumed(few, tmp_path):
    path = run(few, Ideal(), tmp_path)
    killed = sidecar(path) | {"status": "running", "finished": None}
    path.with_suffix(".json").write_text(json.dumps(killed))
    run(few, Ideal(), tmp_path)
    assert sidecar(path)["status"] == "complete" and sidecar(path)["finished"] is not None


def test_order_depends_on_the_seed_only(small):
    orders = [[t.stimulus.id for t in small.trials(seed)] for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert [t.block for t in small.trials(0)] == [1] * 16 + [2] * 16


@pytest.mark.parametrize("limit", [1, 10, 32])
def test_limited_run_that_is_resumed_equals_one_run(small, tmp_path, limit):
    undisturbed = run(small, Biased(0.8), tmp_path / "undisturbed")
    part = run(small, Biased(0.8), tmp_path / "part", limit=limit)
    assert len(rows(part)) == limit
    assert sidecar(part)["status"] == ("complete" if limit == 32 else "partial")
    assert run(small, Biased(0.8), tmp_path / "part").read_bytes() == undisturbed.read_bytes()
    assert sidecar(part)["status"] == "complete"


def test_error_of_the_observer_is_not_replaced(small, tmp_path):
    @frozen
    class Weightless:
        name: str = "weightless"
        kind: str = "discriminative"

        def provenance(self):
            raise AssertionError("provenance() was called although the observer never answered")

        def observe(self, trials):
            raise ObserverError("no weights")
            yield

    with pytest.raises(ObserverError, match="no weights"):
        run(small, Weightless(), tmp_path)
    assert sidecar(log.log_path(tmp_path, "small", "weightless", 1))["status"] == "partial"


@pytest.mark.parametrize(
    ("n", "message"), [(31, "stopped after 31 of 32 trials"), (33, r"more responses than it got trials \(32\)")]
)
def test_one_response_per_trial_is_required(small, tmp_path, n, message):
    @frozen
    class Counting:
        name: str = "counting"
        kind: str = "discriminative"

        def observe(self, trials):
            yield from (Response("cat") for _ in range(n))

    with pytest.raises(ObserverError, match=message):
        run(small, Counting(), tmp_path)
    assert len(rows(log.log_path(tmp_path, "small", "counting", 1))) == min(n, 32)


def test_impossible_experiments_and_arguments_are_refused(small):
    with pytest.raises(StimulusError, match="has no stimuli"):
        Experiment("x", small.stimuli.where(lambda s: False), ("a", "b"))
    for choices in ((), ("a",), ("a", "a"), ("a", "")):
        with pytest.raises(StimulusError, match="needs two or more different choices"):
            Experiment("x", small.stimuli, choices)
    for n in (0, 33):
        with pytest.raises(StimulusError, match=f"small has 32 trials, which cannot be divided into {n} blocks"):
            evolve(small, n_blocks=n)
    for options in ({"session": 0}, {"session": 10**20}, {"limit": 0}):
        with pytest.raises(LogError, match="must be 1 or more"):
            run(small, Ideal(), Path("nowhere"), **options)
    for options, message in (
        ({"seed": -1}, "the seed must be 0 or more, got -1"),
        ({"seed": None}, "the seed must be a whole number, got None"),
        ({"session": "1"}, "the session must be a whole number, got '1'"),
        ({"limit": 1.5}, r"the limit must be a whole number, got 1\.5"),
    ):
        with pytest.raises(LogError, match=message):
            run(small, Ideal(), Path("nowhere"), **options)


def test_names_and_classes_are_not_experiments_and_observers(small):
    with pytest.raises(
        UserError, match=r"expected an Experiment, got 'cue-conflict': make_experiment\(NAME\) makes it"
    ):
        run("cue-conflict", Ideal(), "nowhere")
    for observer in ("ideal", None, Ideal):
        with pytest.raises(
            UserError, match=r"expected an observer, got .*: make_observer\(NAME\) makes it from its name"
        ):
            run(small, observer, "nowhere")


def test_numbers_of_numpy_are_recorded_as_whole_numbers(small, tmp_path):
    path = run(small, Ideal(), tmp_path, session=np.int64(2), seed=np.int32(3), limit=np.int64(4))
    assert path == run(small, Ideal(), tmp_path, session=2, seed=3, limit=4)
    assert (sidecar(path)["identity"]["seed"], len(rows(path))) == (3, 4)


def test_provenance_must_be_a_mapping(small, tmp_path):
    @frozen
    class Odd:
        name: str = "odd"
        kind: str = "discriminative"

        def provenance(self):
            return None

        def observe(self, trials):
            yield from Ideal().observe(trials)

    with pytest.raises(ObserverError, match=r"observer odd: provenance\(\) must return a mapping, got NoneType"):
        run(small, Odd(), tmp_path)


def test_progress_counts_earlier_trials(small, tmp_path):
    run(small, Ideal(), tmp_path, limit=30)
    calls = []
    run(small, Ideal(), tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(30, 32), (31, 32), (32, 32)]
