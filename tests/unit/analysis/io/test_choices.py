"""The number of choices is read from the logs, assumed with a note otherwise, and can be given."""

import json

import pandas as pd
import pytest
from attrs import evolve

from analysis.illusions.bistability import bistability
from analysis.io.choices import n_choices, recorded_n_choices
from analysis.io.frame import read_trials
from analysis.measures.accuracy import chance_level
from analysis.measures.confusion import response_entropy
from core.errors import LogError
from experiments.running.session import run
from observers.people.participant import Participant
from observers.simulated import Biased, Ideal
from stimuli.categories import AMBIGUOUS

HEAD = "subj,Session,trial,rt,object_response,category,condition,imagename\n"
ROWS = "a,1,1,NaN,car,car,0,x1.png\na,1,2,NaN,dog,car,0,x2.png\na,1,3,NaN,na,cat,0,x3.png\n"


@pytest.fixture
def own_set(tmp_path):
    path = tmp_path / "mine_a_b.csv"
    path.write_text(HEAD + ROWS)
    return path


def test_the_number_is_that_of_the_sidecar_even_without_evidence(small, tmp_path):
    path = run(small, Participant(code="K7Q2", simulate="biased"), tmp_path, limit=3)  # logs no evidence
    frame = read_trials([path])
    assert n_choices(frame) == recorded_n_choices(frame) == len(small.choices) == 16
    assert chance_level(frame) == 1 / 16
    assert not any("number of choices" in note for note in frame.attrs["notes"])


def test_without_a_sidecar_the_columns_of_evidence_are_counted(small, tmp_path):
    path = run(small, Participant(code="K7Q2", simulate="biased"), tmp_path, limit=3)
    path.with_suffix(".json").unlink()
    frame = read_trials([path])
    assert n_choices(frame[:1]) == 16 and chance_level(frame) == 1 / 16


def test_a_sidecar_without_choices_is_ignored(small, tmp_path):
    path = run(small, Ideal(), tmp_path, limit=3)
    sidecar = json.loads(path.with_suffix(".json").read_text())
    del sidecar["identity"]["choices"]
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    assert n_choices(read_trials([path])) == 16


def test_an_unrecorded_number_is_assumed_with_a_note(own_set):
    frame = read_trials([own_set])
    assert (n_choices(frame), recorded_n_choices(frame), chance_level(frame)) == (3, None, None)
    assert n_choices(frame[:1]) == 3  # the assumption is made once, for all trials
    assert frame.attrs["notes"] == [
        "the number of choices of mine is not recorded and is assumed to be 3, the number of different categories and "
        "responses, of which these are not categories: 'dog'; --n-choices sets another number"
    ]
    assert response_entropy(frame, n_resamples=5)["highest"][0] == pytest.approx(1.585, abs=1e-3)


def test_an_unrecorded_number_can_be_given(own_set, small, tmp_path):
    log = run(small, Ideal(), tmp_path, limit=3)
    frame = read_trials([own_set, log], n_choices=8)
    mine, others = frame[frame["dataset"] == "mine"], frame[frame["dataset"] == "small"]
    assert (n_choices(mine), chance_level(mine), n_choices(others)) == (8, 1 / 8, 16)
    assert not any("number of choices" in note for note in frame.attrs["notes"])
    assert response_entropy(mine, n_resamples=5)["highest"][0] == 3
    with pytest.raises(LogError, match="mine has 3 different categories and responses, more than 2 choices"):
        read_trials([own_set], n_choices=2)
    for number in (1, 2.5, "16"):
        with pytest.raises(LogError, match=f"number of choices must be a whole number of 2 or more, got {number!r}"):
            read_trials([own_set], n_choices=number)


def test_published_datasets_have_sixteen_choices(tmp_path):
    (tmp_path / "edge").mkdir()
    path = tmp_path / "edge" / "edge_a_session-1.csv"
    path.write_text(HEAD + ROWS)
    frame = read_trials([path])
    assert n_choices(frame) == 16 and chance_level(frame) == 1 / 16 and frame.attrs["notes"] == []


def test_different_numbers_are_noted(small, tmp_path):
    more = evolve(small, choices=(*small.choices, "zebra"))
    run(small, Ideal(), tmp_path, limit=3)
    run(more, Biased(0.5), tmp_path, limit=3)
    frame = read_trials([tmp_path])
    note = "the logs of small have different numbers of choices (16, 17); measures use the largest"
    assert note in frame.attrs["notes"] and n_choices(frame) == 17


def test_percepts_count_as_names_and_ambiguous_does_not():
    trials = pd.DataFrame({
        "dataset": "x", "observer": "o", "kind": "simulated", "condition": "", "percept_a": "duck", "percept_b": "rabbit",
        "category": [AMBIGUOUS, "duck"], "response": ["", "duck"],
    })  # fmt: skip
    assert n_choices(trials) == bistability(trials, n_resamples=5)["n_choices"][0] == 2
