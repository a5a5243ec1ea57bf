"""The instruction of an experiment: names, checks, and its way to trials, identities, workers and resumed logs."""

import json

import pytest

from core.errors import LogError, UnknownName, UserError
from experiments import Experiment, make_experiment, run
from experiments.log import read_sidecar, sidecar_path
from observers import make_observer
from observers.instructions import DEFAULT_INSTRUCTION, INSTRUCTIONS, parse_instruction

TEXTURE = "Identify the primary texture in the image."


def test_names_and_own_text():
    assert parse_instruction("object") == DEFAULT_INSTRUCTION == "Which option best describes the image?"
    assert parse_instruction("texture") == TEXTURE
    assert parse_instruction(" What do you see? ") == "What do you see?"


def test_a_misspelled_name_is_refused():
    with pytest.raises(UnknownName, match="no instruction is named 'shap': did you mean shape"):
        parse_instruction("shap")


@pytest.mark.parametrize(
    "text",
    [
        "この画像は何ですか。",
        "Quelle est la forme\u00a0?",
        "تصویر چه چیزی را نشان می\u200cدهد؟",
        "👨\u200d👩\u200d👧 or 🐻?",
    ],
)
def test_other_languages(text):
    assert parse_instruction(text) == text
    assert make_experiment("drawn-cue-conflict", instruction=text).instruction == text


@pytest.mark.parametrize("text", ["", "   ", "two\nlines here", "x y" * 1000, "bell \a here", "back \u202ewards"])
def test_unusable_text_is_refused(text):
    with pytest.raises(UserError, match="expected 1 to 2000 printable characters on one line"):
        parse_instruction(text)
    with pytest.raises(UserError, match="printable characters"):
        make_experiment("drawn-cue-conflict", instruction=text)


def test_the_error_of_a_long_instruction_has_its_length():
    with pytest.raises(UserError, match=r"…\s?has 2,001 characters: expected 1 to 2000 printable"):
        parse_instruction("x " * 1000 + "x")


def test_every_trial_has_the_instruction():
    experiment = make_experiment("drawn-cue-conflict", instruction="texture")
    assert {trial.instruction for trial in experiment.trials(0)} == {TEXTURE}
    assert {trial.instruction for trial in make_experiment("drawn-cue-conflict").trials(0)} == {INSTRUCTIONS["object"]}
    own = Experiment("own", experiment.stimuli, experiment.choices, instruction="Which one?")
    assert own.trials(1)[5].instruction == "Which one?"


def test_a_log_with_another_instruction_is_not_resumed(tmp_path):
    observer, ask = make_observer("ideal"), "drawn-cue-conflict"
    log = run(make_experiment(ask, instruction="shape"), observer, tmp_path, limit=3)
    assert read_sidecar(log)["identity"]["instruction"] == INSTRUCTIONS["shape"]
    with pytest.raises(LogError, match=r"was made with a different instruction .*primary shape.*best describes"):
        run(make_experiment(ask), observer, tmp_path, limit=5)
    run(make_experiment(ask, instruction="shape"), observer, tmp_path, limit=5)
    assert len(log.read_text().splitlines()) == 6


def test_a_log_from_before_instructions_is_resumed(tmp_path):
    experiment, observer = make_experiment("drawn-cue-conflict"), make_observer("ideal")
    log = run(experiment, observer, tmp_path, limit=3)
    sidecar = json.loads(sidecar_path(log).read_text())
    del sidecar["identity"]["instruction"]
    sidecar_path(log).write_text(json.dumps(sidecar))
    run(experiment, observer, tmp_path, limit=5)
    assert json.loads(sidecar_path(log).read_text())["identity"]["instruction"] == DEFAULT_INSTRUCTION
