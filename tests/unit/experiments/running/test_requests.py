"""Files runs.toml, and the sessions of a request."""

import pytest

from core.errors import UserError
from experiments.running.requests import RunRequest, plan_sessions, read_runs

RUNS = """
seed = 3

[[runs]]
experiments = ["drawn-cue-conflict"]
observers = ["ideal", "biased"]
options = { shape_bias = 0.3 }

[[runs]]
experiments = ["drawn-cue-conflict"]
observers = ["biased"]
session = 2
seed = 4
limit = 10
"""


def test_runs_are_read(tmp_path):
    path = tmp_path / "runs.toml"
    path.write_text(RUNS)
    first, second = read_runs(path)
    assert first == RunRequest(("drawn-cue-conflict",), ("ideal", "biased"), {"shape_bias": 0.3}, seed=3)
    assert second == RunRequest(("drawn-cue-conflict",), ("biased",), session=2, seed=4, limit=10)
    sentences = []
    sessions = plan_sessions([first, second], tmp_path, notify=sentences.append)
    assert [(s.observer.name, s.number, s.seed, s.limit) for s in sessions] == [
        ("ideal", 1, 3, None), ("biased-0.3", 1, 3, None), ("biased-0.5", 2, 4, 10),
    ]  # fmt: skip
    assert sessions[0].experiment is sessions[2].experiment and sentences == ["only biased has the option shape_bias"]
    assert sessions[0].stimuli_digest == sessions[0].experiment.stimuli.digest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runs = 3", r"does not contain a table \[\[runs\]\]"),
        ("seed = 1", r"does not contain a table \[\[runs\]\]"),
        ("[[runs]", "is not a TOML file"),
        (RUNS.replace("limit", "limits"), r"table \[\[runs\]\] number 2: unknown key 'limits'; the keys are experiments"),
        (RUNS.replace("limit = 10", 'limit = "10"'), "limit must be a whole number, got '10'"),
        (RUNS.replace("limit = 10", "limit = true"), "limit must be a whole number, got True"),
        (RUNS.replace('["biased"]', "[]"), r"observers must be a list of one or more names, got \[\]"),
        (RUNS.replace('["biased"]', "[3]"), r"observers must be a list of one or more names, got \[3\]"),
        ('[[runs]]\nobservers = ["biased"]', "experiments is missing; it is a list of one or more names"),
        (RUNS.replace("[[runs]]", "[[runs]]\nlimit = 0", 1), "number 1: limit must be 1 or more, got 0"),
        (RUNS.replace("seed = 3", "seed = -1"), "seed must be 0 or more, got -1"),
    ],
)  # fmt: skip
def test_files_that_are_not_understood(tmp_path, text, message):
    path = tmp_path / "runs.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_runs(path)


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"runs.toml cannot be read: No such file or directory"):
        read_runs(tmp_path / "runs.toml")


def test_values_of_a_request_are_checked(tmp_path):
    for request, message in (
        (RunRequest(("drawn-cue-conflict",), ("ideal",), limit=0), "session and limit must be 1 or more"),
        (RunRequest(("drawn-cue-conflict",), ("ideal",), seed=-1), "the seed must be 0 or more"),
        (RunRequest(("drawn-cue-conflict",), ("ideal", "ideal")), "two runs would write the log .*: give one of"),
    ):
        with pytest.raises(UserError, match=message):
            plan_sessions([request], tmp_path)


def test_instruction_of_a_request(tmp_path):
    path = tmp_path / "runs.toml"
    path.write_text(RUNS.replace("session = 2\n", 'session = 2\ninstruction = "texture"\n'))
    first, second = plan_sessions(read_runs(path)[1:] + read_runs(path)[:1], tmp_path)[:2]
    assert first.experiment.instruction == "Identify the primary texture in the image."
    assert second.experiment.instruction == "Which option best describes the image?"
    path.write_text(RUNS.replace("session = 2\n", 'instruction = "textur"\n'))
    with pytest.raises(UserError, match="no instruction is named 'textur': did you mean texture"):
        plan_sessions(read_runs(path), tmp_path)


def test_a_byte_order_mark_is_not_part_of_a_file_of_runs(tmp_path):
    path = tmp_path / "runs.toml"
    path.write_text(RUNS, encoding="utf-8-sig")
    assert len(read_runs(path)) == 2


@pytest.mark.parametrize(
    ("value", "message"), [("[" * 3000 + "]" * 3000, "nested too deeply"), ("9" * 5000, "is not a TOML file")]
)
def test_values_that_python_cannot_read_are_refused(tmp_path, value, message):
    path = tmp_path / "runs.toml"
    path.write_text(f"seed = {value}\n{RUNS.replace('seed = 3', '')}")
    with pytest.raises(UserError, match=message):
        read_runs(path)
