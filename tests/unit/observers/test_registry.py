"""Observers by name, with options as text, and the errors for names and options that do not exist."""

from pathlib import Path

import pytest

from commands import catalog
from core.errors import UnknownName, UserError
from core.plugins import load
from experiments.sets.registry import make_experiment
from observers.registry import OBSERVERS, SCHEMES, accepts_option, make_observer
from observers.simulated import Biased, Ideal

MINE = """
from __future__ import annotations
from pathlib import Path
from typing import Literal
from attrs import frozen
from observers.protocol import Response

@frozen
class Mine:
    layers: int
    rate: float | None = 0.5
    deep: bool = False
    mode: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = ()
    weights: Path | None = None
    name: str = "mine"
    kind: str = "discriminative"
    def observe(self, trials):
        for trial in trials:
            yield Response(trial.choices[0])

def make(n: int = 1):
    return Mine(n)

class Bare:
    name, kind = "bare", "discriminative"
    def __init__(self, threshold=110.0, deep=False, what=None, sizes: list[int] = (), either: int | str = 0, n=1, n2=(1,)):
        self.options = threshold, deep, what, sizes, either, n, n2
    observe = Mine.observe

class Holder:
    Inner = Bare

ready = Mine(3)
nothing = "text"

@frozen
class Untyped:
    weights: Unimported = None
odd = Mine(1, kind="robot")
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(MINE)
    return f"{tmp_path / 'mine.py'}:"


@pytest.mark.parametrize("reference", [*OBSERVERS.values(), *SCHEMES.values()])
def test_every_reference_in_the_tables_can_be_loaded(reference):
    assert callable(load(reference))


def test_built_in_names_and_options():
    assert make_observer("ideal") == Ideal()
    assert make_observer("biased", {"shape_bias": "0.25", "seed": "3"}) == Biased(shape_bias=0.25, seed=3)
    assert make_observer("observers.simulated:Ideal") == Ideal()
    assert accepts_option("biased", "seed")
    assert not accepts_option("ideal", "device")


def test_observer_from_a_user_file(mine):
    options = {"layers": "4", "rate": "none", "deep": "yes", "mode": "b", "sizes": "1, 2", "weights": "w"}
    observer = make_observer(mine + "Mine", options)
    assert (observer.layers, observer.rate, observer.deep, observer.mode) == (4, None, True, "b")
    assert (observer.sizes, observer.weights) == ((1, 2), Path("w"))
    assert make_observer(mine + "make", {"n": "7"}).layers == 7
    assert make_observer(mine + "ready").layers == 3


def test_options_without_a_type_have_the_type_of_their_default(mine):
    options = {"threshold": "5", "deep": "yes", "what": "5", "sizes": "1,2", "either": "many", "n": "1.5", "n2": "3,4"}
    for name in ("Bare", "Holder.Inner"):
        assert make_observer(mine + name, options).options == (5.0, True, "5", [1, 2], "many", 1.5, (3, 4))
    values = make_observer(mine + "Bare", {"either": "3", "n": "7"}).options
    assert (values[4], values[5], type(values[5])) == (3, 7, int)
    with pytest.raises(UserError, match="option threshold: expected a number, got 'nan'"):
        make_observer("psychometric", {"threshold": "nan"})
    with pytest.raises(UserError, match="option threshold: expected a number, got 'x'"):
        make_observer(mine + "Bare", {"threshold": "x"})


def test_plugins(tmp_path, monkeypatch):
    """The entry points of an installed package are observers and experiments by name, and are listed."""
    (tmp_path / "plugged.py").write_text(
        MINE.replace("layers: int", "layers: int = 1") + "\nfrom experiments.sets.drawn import cue_conflict\n"
    )
    info = tmp_path / "plugged-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[observers.observers]\nplugged = plugged:Mine\nnested = plugged:Holder.Inner\n"
        "[observers.experiments]\nplugged-experiment = plugged:cue_conflict\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert make_observer("plugged", {"layers": "7"}).layers == 7
    assert make_observer("nested").name == "bare"
    assert len(make_experiment("plugged-experiment").stimuli) == 256
    with pytest.raises(UnknownName, match="no observer is named 'pluged': did you mean plugged"):
        make_observer("pluged")
    assert "plugged:Mine" in "".join(catalog.list_observers())
    assert "plugged-experiment" in "".join(catalog.list_experiments())


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        (
            "idael",
            {},
            UnknownName,
            r"no observer is named 'idael': did you mean .*ideal.*\? Your own observer is given as FILE\.py:NAME\. "
            r"A model or recording is named human:NAME, ",
        ),
        ("ideal", {"sede": "1"}, UnknownName, "no option of ideal is named 'sede'"),
        ("hf", {}, UserError, "hf is incomplete: name the model or file as hf:NAME"),
        ("mine.py", {}, UserError, r"mine\.py does not say which observer to use: write mine\.py:NAME"),
        (":X", {}, UserError, "':X' does not name an object: expected module:NAME"),
        ("none.py:X", {}, UserError, r"the file none\.py does not exist"),
        ("./mine:X", {}, UserError, r"'\./mine' is not the name of a module; write FILE\.py:NAME for a file"),
        ("no.such.module:X", {}, UserError, "there is no module 'no'"),
        ("observers.simulated:Idol", {}, UnknownName, "did you mean Ideal"),
        ("MINE:Mine", {}, UserError, "needs the option layers: -o layers="),
        ("MINE:Mine", {"layers": "four"}, UserError, "option layers: expected a whole number, got 'four'"),
        ("MINE:Mine", {"layers": "4", "rate": "x"}, UserError, "option rate: expected a number, got 'x'"),
        ("MINE:Mine", {"layers": "4", "deep": "x"}, UserError, "option deep: expected true or false, got 'x'"),
        ("MINE:Mine", {"layers": "4", "mode": "x"}, UserError, "option mode: expected a or b, got 'x'"),
        ("MINE:nothing", {}, UserError, "is not an observer: expected an object with a name, a kind"),
        ("MINE:odd", {}, UserError, "is not an observer: expected an object with a name, a kind"),
        (
            "MINE:Untyped",
            {},
            UserError,
            "'Unimported' is not defined; a type that annotates an option must be imported",
        ),
        ("MINE:ready", {"n": "1"}, UserError, "takes no options, because it is a finished object"),
    ],
)
def test_impossible_observers_are_refused(mine, name, options, error, message):
    with pytest.raises(error, match=message):
        make_observer(name.replace("MINE:", mine), options)


def test_user_file_may_import_another_file_in_its_folder(tmp_path):
    (tmp_path / "helper_of_mine.py").write_text("rate = 0.25\n")
    (tmp_path / "mine.py").write_text(f"{MINE}\nimport helper_of_mine\nready = Mine(3, rate=helper_of_mine.rate)\n")
    assert make_observer(f"{tmp_path}/mine.py:ready").rate == 0.25


def test_user_file_with_errors_is_reported(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\nclass Mine(:\n")
    (tmp_path / "needs.py").write_text("\nimport nothing_like_this\n")
    with pytest.raises(UserError, match=r"needs\.py cannot be imported: ModuleNotFoundError: .* \(needs\.py, line 2\)"):
        load(f"{tmp_path / 'needs.py'}:X")
    with pytest.raises(UserError, match=r"mine\.py, line 2: Python syntax error \(invalid syntax\)"):
        make_observer(f"{tmp_path}/mine.py:Mine")


def test_two_user_files_with_the_same_name_are_two_modules(tmp_path):
    for folder, number in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(MINE.replace('name: str = "mine"', f'name: str = "mine{number}"'))
    names = [make_observer(f"{tmp_path / f}/mine.py:Mine", {"layers": "1"}).name for f in ("one", "two")]
    assert names == ["mine1", "mine2"]
