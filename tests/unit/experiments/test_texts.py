"""Further texts of a trial: the columns info_NAME of a log and of a frame."""

import re
from collections.abc import Iterable, Iterator

import pytest
from attrs import evolve, frozen

from analysis import read_trials, shape_bias
from core.errors import ObserverError, StimulusError
from experiments import make_experiment, run
from experiments.log_rows import escape
from observers.check import check_observer
from observers.protocol import Response, Trial
from observers.spec import ObserverSpec
from stimuli.stimulus import StimulusSet
from tests.unit.experiments.running.workers_here import Workers

REPLIES = ("B. bear", "two\nlines", "a \\ b", "", '"quoted", with comma', "tab\there é")


@frozen
class Talking:
    name: str = "talking"
    kind: str = "vision-language"
    text_names: tuple[str, ...] = ("reply",)

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for trial in trials:
            yield Response(trial.choices[0], texts={"reply": REPLIES[trial.number % len(REPLIES)]})


@frozen
class Loud(Talking):
    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for _ in trials:
            yield Response(None, texts={"shout": "!"})


@frozen
class Long(Talking):
    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for _ in trials:
            yield Response(None, texts={"reply": "x" * 50_001})


def test_texts_are_logged_resumed_and_read(tmp_path):
    experiment = make_experiment("drawn-cue-conflict")
    log = run(experiment, Talking(), tmp_path, limit=4)
    run(experiment, Talking(), tmp_path, limit=12)
    frame = read_trials(log)
    assert list(frame["info_reply"][:6]) == [escape(REPLIES[n % len(REPLIES)]) for n in range(1, 7)]
    assert frame["info_reply"].dtype == "category" and len(frame) == 12
    assert len(shape_bias(frame)) > 0  # a further text is not a cue
    whole = run(experiment, Talking(), tmp_path / "whole", limit=12)
    assert whole.read_bytes() == log.read_bytes()


def test_escaped_texts_are_one_line():
    assert escape("two\nlines\r\\n é 猫 \u2028 \x00") == "two\\nlines\\r\\\\n é 猫 \\u2028 \\x00"


def test_unknown_and_overlong_texts_are_refused(tmp_path):
    experiment = make_experiment("drawn-cue-conflict")
    with pytest.raises(ObserverError, match="texts that are not in its `text_names`: shout"):
        run(experiment, Loud(), tmp_path)
    with pytest.raises(ObserverError, match="reply must be text of up to 50000 characters"):
        run(experiment, Long(), tmp_path)


@frozen
class Measuring(Talking):
    measures: tuple[str, ...] = ("n", "n")


@pytest.mark.parametrize(
    ("observer", "message"),
    [
        (
            Talking(text_names=("reply", "reply")),
            r"expected different names in its text_names, got \('reply', 'reply'\)",
        ),
        (Talking(text_names="reply"), "expected a tuple of names in its text_names, got reply"),
        (Talking(text_names=("",)), "the name '' in its text_names is empty"),
        (Talking(text_names=("a\nb",)), r"the name 'a\\nb' in its text_names contains U\+000A LINE FEED"),
        (Talking(text_names=(3,)), "the name '3' in its text_names is not text but int"),
        (Measuring(), "expected different names in its measures"),
    ],
)
def test_names_that_cannot_be_columns_are_refused(observer, message, tmp_path):
    with pytest.raises(ObserverError, match=f"observer talking: {message}"):
        run(make_experiment("drawn-cue-conflict"), observer, tmp_path)
    assert not list(tmp_path.iterdir())
    failed = [r for r in check_observer(observer, make_experiment("drawn-cue-conflict").trials(0)[:2]) if not r.passed]
    assert [re.search(message, result.detail) is not None for result in failed] == [True]


@pytest.mark.parametrize("name", ["info_age", "measured_rt", "evidence_cat"])
def test_a_cue_cannot_have_the_name_of_such_a_column(name):
    stimulus = make_experiment("drawn-cue-conflict").stimuli.stimuli[0]
    with pytest.raises(StimulusError, match="trial logs reserve that column name"):
        StimulusSet("own", (evolve(stimulus, cues={name: "x"}),))


ECHO = """
import attrs
from observers.check import check_observer
from observers.protocol import Response

@attrs.frozen
class Echo:
    name: str = "echo"
    kind: str = "vision-language"
    text_names: tuple[str, ...] = ("reply",)

    def observe(self, trials):
        for trial in trials:
            yield Response(None, texts={"reply": f"{trial.instruction}\\n{trial.number}"})
"""


@pytest.mark.slow
def test_workers_get_the_instruction_and_return_texts(small, tmp_path):
    (tmp_path / "echo.py").write_text(ECHO)
    spec = ObserverSpec(f"{tmp_path}/echo.py:Echo")
    experiment = evolve(small, instruction="What is it?")
    log = run(experiment, spec, tmp_path / "workers", executor=Workers())
    assert log.read_bytes() == run(experiment, spec, tmp_path / "here").read_bytes()
    assert read_trials(log)["info_reply"][6] == "What is it?\\n7"
