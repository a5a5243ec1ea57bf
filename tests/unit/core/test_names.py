"""Tests of the rule for names, and of what is written and read with such names."""

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.io.frame import read_trials
from analysis.selection.labels import label_observers
from core.errors import LogError, ObserverError, StimulusError
from core.names import file_name_problem, is_readable, name_problem, normalize
from experiments import log
from experiments.experiment import Experiment
from experiments.running.session import run
from observers.check import check_observer
from observers.registry import make_observer
from stimuli.images import save_image
from stimuli.stimulus import Stimulus, StimulusSet

FAIR = (
    "cat", "a, \"b\" (1) 50%.png", "Ärger", "हिन्दी", "نمی\u200cخواهم", "👩\u200d💻", "❤\ufe0f\u200d🔥", "1\ufe0f\u20e3",
    "e\u0301", "日本\u3000語", "10\u202fpm.png", "=1+1", "na", "NaN", "true", "0.10", "\\n", "<b>", "\U0001fae8",
)  # fmt: skip
REFUSED = {
    "": "is empty",
    " cat": "begins or ends with a space",
    "cat\u00a0": "begins or ends with a space",
    "a\tb": r"contains U\+0009 TAB",
    "a\nb": r"contains U\+000A LINE FEED",
    "a\rb": r"contains U\+000D CARRIAGE RETURN",
    "a\0b": r"contains U\+0000 NULL",
    "a\x1b[31mb": r"contains U\+001B ESCAPE",
    "a\x9bb": r"contains U\+009B \(a control character\)",
    "c\u200bat": r"contains U\+200B ZERO WIDTH SPACE",
    "\ufeffcat": r"contains U\+FEFF ZERO WIDTH NO-BREAK SPACE",
    "a\u202eb": r"contains U\+202E RIGHT-TO-LEFT OVERRIDE",
    "a\u2066b": r"contains U\+2066 LEFT-TO-RIGHT ISOLATE",
    "a\u2028b": r"contains U\+2028 LINE SEPARATOR",
    "a\udce9b": r"contains U\+DCE9 \(a lone surrogate",
    "a\ue000b": r"contains U\+E000 \(a private-use character\)",
    "a\uffffb": r"contains U\+FFFF \(a noncharacter\)",
    "c\u200dat": r"contains U\+200D ZERO WIDTH JOINER",
    "👩\u200d": r"contains U\+200D ZERO WIDTH JOINER",
    "\u200d👩": r"contains U\+200D ZERO WIDTH JOINER",
    "cat\ufe0f": r"contains U\+FE0F VARIATION SELECTOR-16",
    "cat\u3164": r"contains U\+3164 HANGUL FILLER",
    "\u0301": "does not contain a visible character",
    "x" * 1001: "has 1,001 characters, and a name has at most 1,000",
}
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Co")), min_size=1, max_size=12) | st.text(
    "aé e\u0301\u200d👩\"',;\n\\#", min_size=1, max_size=8
)
ACCEPTED = NAMES.map(normalize).filter(lambda text: not name_problem(text) and text.casefold() not in ("all", "rt"))


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("image") / "x.png"
    save_image(np.zeros((8, 8, 3), np.uint8), path)
    return path


@pytest.mark.parametrize("name", FAIR)
def test_allowed_names_are_accepted_and_can_be_read(name):
    assert name_problem(name) == ""
    assert is_readable(name)


@pytest.mark.parametrize(("name", "message"), REFUSED.items())
def test_names_that_are_not_allowed_are_refused_wherever_they_occur(name, message, image):
    fair = Stimulus("x.png", image, "cat")
    two = Stimulus("y.png", image, "dog")
    for stimulus in (
        Stimulus("z", image, name),
        Stimulus(name, image, "cat"),
        Stimulus("z", image, "cat", "", {name: ""}),
    ):
        if name or stimulus.cues:
            with pytest.raises(StimulusError, match=message):
                StimulusSet("set", (stimulus,))
    if name:
        for stimulus in (Stimulus("z", image, "cat", name), Stimulus("z", image, "cat", "", {"shape": name})):
            with pytest.raises(StimulusError, match=message):
                StimulusSet("set", (stimulus,))
        with pytest.raises(StimulusError, match=message):
            Experiment("mine", StimulusSet("set", (fair, two)), ("cat", name))
    with pytest.raises(StimulusError, match=message):
        StimulusSet(name, (fair, two))
    with pytest.raises(StimulusError, match=message):
        Experiment(name, StimulusSet("set", (fair, two)), ("cat", "dog"))
    with pytest.raises(ObserverError, match=message):
        run(Experiment("mine", StimulusSet("set", (fair, two)), ("cat", "dog")), _Named(name), "unused")
    assert message.split("\\")[0] in check_observer(_Named(name), [])[0].detail


class _Named:
    """An observer with a name."""

    kind = "simulated"

    def __init__(self, name):
        self.name = name

    def observe(self, trials):
        raise AssertionError("the session must not begin")


class _Measuring(_Named):
    """An observer with measurements."""

    measures = ("fair", "a\tb")


class _Repeating(_Named):
    """An observer that has two measurements of the same name."""

    measures = ("x", "x")


def test_names_of_measurements_follow_the_rule(image):
    experiment = Experiment("mine", StimulusSet("set", (Stimulus("x.png", image, "cat"),)), ("cat", "dog"))
    with pytest.raises(ObserverError, match=r"the name 'a\\tb' in its measures contains U\+0009 TAB"):
        run(experiment, _Measuring("m"), "unused")
    with pytest.raises(ObserverError, match="expected different names in its measures"):
        run(experiment, _Repeating("m"), "unused")


def test_labels_that_are_not_text_are_refused(image):
    with pytest.raises(StimulusError, match="the condition '5' of 'x' is not text but int"):
        StimulusSet("set", (Stimulus("x", image, "cat", 5),))
    stimuli = StimulusSet("set", (Stimulus("x", image, "cat"),))
    with pytest.raises(StimulusError, match="the choice '1' is not text but int"):
        Experiment("mine", stimuli, ("cat", 1))
    with pytest.raises(StimulusError, match="the choices must be a tuple of names, got 'ab'"):
        Experiment("mine", stimuli, "ab")


def test_names_of_the_total_and_of_columns_are_reserved(image):
    for label in ({"category": "all"}, {"category": "cat", "cues": {"shape": "all"}}):
        with pytest.raises(StimulusError, match="has the category or cue 'all', which is reserved for totals"):
            StimulusSet("set", (Stimulus("x", image, **label),))
    with pytest.raises(StimulusError, match="the choice 'all' is reserved for totals"):
        Experiment("mine", StimulusSet("set", (Stimulus("x", image, "cat"),)), ("cat", "all"))
    for cue in ("all", "Response", "RT", "dataset", "correct", "measured_x", "Evidence_x", "info_x", "path"):
        with pytest.raises(StimulusError, match=f"a cue cannot be called '{cue}'"):
            StimulusSet("set", (Stimulus("x", image, "cat", "", {cue: "a"}),))


def test_names_are_equal_if_they_are_equal_after_normalization(image):
    composed, decomposed = "café", unicodedata.normalize("NFD", "café")
    stimulus = Stimulus(decomposed, image, decomposed, decomposed, {decomposed: decomposed})
    assert stimulus == Stimulus(composed, image, composed, composed, {composed: composed})
    with pytest.raises(StimulusError, match="is listed twice"):
        StimulusSet("set", (Stimulus(composed, image, "cat"), Stimulus(decomposed, image, "cat")))
    with pytest.raises(StimulusError, match="are the same after Unicode normalization"):
        Stimulus("x", image, "cat", "", {composed: "a", decomposed: "b"})
    with pytest.raises(StimulusError, match="two or more different choices"):
        Experiment("mine", StimulusSet("set", (stimulus,)), (composed, decomposed))


def test_choices_that_do_not_fit_into_the_header_of_a_log_are_refused(image):
    stimuli = StimulusSet("set", (Stimulus("x", image, "cat"),))
    with pytest.raises(StimulusError, match="the names of its 600 choices have 540,000 bytes"):
        Experiment("mine", stimuli, tuple(f"{i:0900}" for i in range(600)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a:b", "contains :, which some operating"), ("cat.", "ends with a dot"), ("CON", "device in Windows"),
        ("nul.png", "device in Windows"), ("猫" * 90, "has 270 bytes, and a file name has at most 255"),
        ("a\nb", "LINE FEED"), ("cat (1) [x], y's.png", ""),
    ],
)  # fmt: skip
def test_file_names_are_valid_on_every_operating_system(name, message):
    problem = file_name_problem(name)
    assert message in problem if message else not problem


def test_different_names_have_different_file_names(tmp_path):
    names = ("猫", "犬", "Café", "Cafè", "con", "x" * 300, "x" * 301, "aux.1", "edge")
    files = {log.file_name(name).casefold() for name in names}
    assert len(files) == len(names)
    for name in names:
        path = log.log_path(tmp_path, name, name, 1)
        assert max(len(part.encode()) for part in path.parts) < 200
        assert not file_name_problem(path.parent.name)
    assert log.file_name("hf:owner/name") == "hf-owner-name"


def test_a_log_keeps_the_path_that_an_earlier_version_gave_it(tmp_path):
    earlier = tmp_path / "Caf" / "Caf_ideal_session-1.csv"
    earlier.parent.mkdir()
    earlier.write_text("")
    for name, expected in (("Café", earlier), ("Cafè", tmp_path / log.file_name("Cafè"))):
        identity = {"experiment": "Café", "observer": {"name": "ideal"}}
        log.write_sidecar(earlier, {"format": 1, "identity": identity, "provenance": {}})
        assert expected in (path := log.log_path(tmp_path, name, "ideal", 1), path.parent)
    log.sidecar_path(earlier).write_text("damaged")
    assert log.log_path(tmp_path, "Café", "ideal", 1) != earlier


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.tuples(*[ACCEPTED] * 6))
def test_whatever_the_rule_accepts_is_read_back_unchanged(image, tmp_path_factory, texts):
    """The texts go through a manifest, a session and its log."""
    name, category, condition, cue, value, experiment = texts
    folder = tmp_path_factory.mktemp("names")
    stimulus = Stimulus(name, image, category, condition, {cue: value})
    StimulusSet("set", (stimulus,)).write(folder / "stimuli.csv")
    stimuli = StimulusSet.read(folder / "stimuli.csv", "set")
    assert evolve(stimuli.stimuli[0], path=image) == stimulus
    mine = Experiment(experiment, stimuli, (stimulus.category, "another choice"))
    frame = read_trials(run(mine, make_observer("ideal"), folder / "logs"))
    columns = ["dataset", "stimulus", "category", "condition", "response", *stimulus.cues]
    labels = [mine.name, stimulus.id, stimulus.category, stimulus.condition, stimulus.category, *stimulus.cues.values()]
    assert frame[columns].iloc[0].tolist() == labels
    assert f"evidence_{stimulus.category}" in frame


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(), max_size=6))
def test_the_rule_decides_alone_whether_a_name_is_accepted(image, text):
    try:
        StimulusSet("set", (Stimulus("x", image, "cat", "", {"shape": text}),))
        assert not text or not name_problem(normalize(text))
    except StimulusError:
        assert name_problem(normalize(text)) or text == "all"


def test_files_of_macos_and_of_other_systems_have_the_same_names(image, tmp_path):
    """A log in which names are decomposed is read, replayed and labeled like one in which they are composed."""
    stimulus = Stimulus("é.png", image, "café", "süß", {"cué": "ñ"})
    mine = Experiment("mine", StimulusSet("set", (stimulus,)), ("café", "thé"))
    composed = run(mine, make_observer("ideal"), tmp_path / "composed")
    decomposed = tmp_path / "é" / "decomposed.csv"
    decomposed = Path(unicodedata.normalize("NFD", str(decomposed)))
    decomposed.parent.mkdir()
    text = unicodedata.normalize("NFD", composed.read_text("utf-8")).replace(
        "ideal", unicodedata.normalize("NFD", "modèle")
    )
    decomposed.write_text(text, "utf-8")
    frame = read_trials(composed, decomposed)
    assert {
        name: frame[name].nunique() for name in ("stimulus", "category", "condition", "response", "cué")
    } == dict.fromkeys(("stimulus", "category", "condition", "response", "cué"), 1)
    assert set(frame["source"]) == {str(composed), str(decomposed)}  # paths are not normalized
    assert frame[["evidence_café", "evidence_thé"]].notna().all(axis=None)
    replayed = read_trials(run(mine, make_observer(f"recorded:{decomposed}"), tmp_path / "replayed"))
    assert replayed["response"].tolist() == ["café"] and replayed["observer"].tolist() == ["modèle"]
    labels = pd.DataFrame({"observer": [unicodedata.normalize("NFD", "modèle"), "ideal"], "label": ["A", "B"]})
    assert set(label_observers(frame, labels)["observer"]) == {"A", "B"}


def test_two_columns_that_become_the_same_are_refused(image, tmp_path):
    log_file = run(
        Experiment("mine", StimulusSet("set", (Stimulus("x", image, "é", "", {"é": "a"}),)), ("é", "o")),
        make_observer("ideal"), tmp_path,
    )  # fmt: skip
    header, row = log_file.read_text("utf-8").splitlines()
    log_file.write_text(f"{header},e\u0301\n{row},b\n", "utf-8")
    with pytest.raises(LogError, match="has two columns of the same name"):
        read_trials(log_file)


@pytest.mark.parametrize("name", [" cat", "cat ", "all", "cat\ufe0f", "cat\u3164", "\u0301"])
def test_logs_with_names_that_are_not_allowed_anymore_stay_readable(image, tmp_path, name):
    stimuli = StimulusSet("set", (Stimulus("x", image, "NAME"),))
    log_file = run(Experiment("mine", stimuli, ("NAME", "dog")), make_observer("ideal"), tmp_path)
    log_file.write_text(log_file.read_text("utf-8").replace("NAME", name), "utf-8")
    (row,) = read_trials(log_file).itertuples()
    assert (row.category, row.response, row.correct) == (name, name, True)
