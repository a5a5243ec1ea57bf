"""Observers by name, with options as text, and the errors for names and options that do not exist."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from commands.list import list_experiments, list_observers
from core.errors import UnknownName, UserError
from core.options import describe_type
from core.plugins import load
from experiments.identity import observer_options
from experiments.sets.registry import make_experiment
from observers.catalog import OBSERVERS, SCHEMES, describe_download
from observers.fooled import Fooled
from observers.protocol import ObserverError
from observers.registry import accepts_option, find_row, make_observer, options_of_observer
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


@pytest.mark.parametrize("name", OBSERVERS)
def test_every_row_says_what_the_observer_is(name):
    row = OBSERVERS[name]
    assert callable(load(row.reference))
    assert re.fullmatch(r"[A-Za-z].{20,125}\.", row.description) and row.group
    assert find_row(row.example.split()[0]) is row
    assert all(option.count("=") == 1 for option in row.example.split()[2::2])
    if "models" in row.needs:
        assert row.source and row.license
    if row.group == "Published text-to-image models":
        assert re.fullmatch(r"[\d.]+ GB", row.size) and row.options["model"] in row.source
    assert not row.gated or row.size


@pytest.mark.parametrize("name", OBSERVERS)
def test_every_option_has_a_description_a_type_and_a_default(name):
    options = options_of_observer(name)
    required = {"human:PLATFORM": ["code"], "correlated": ["log"]}
    assert [option.name for option in options.values() if option.required] == required.get(name, [])
    for option in options.values():
        assert re.match(r"[A-Za-z][^\n]+\.$", option.description), option.name
        assert option.type is not None and describe_type(option.type) != "any value", option.name
        # A default that depends on other options is described in words.
        described = option.required or option.default is not None or type(None) in get_args(option.type)
        assert described or "by default" in option.description, option.name


def test_options_that_the_name_determines_cannot_be_set():
    assert "path" not in options_of_observer("recorded:FILE.csv")
    assert "model" in options_of_observer("sd14")
    assert not {"model", "weights"} & options_of_observer("hf:.").keys()
    with pytest.raises(UnknownName, match=r"no option of hf:\. is named 'weights'"):
        make_observer("hf:.", {"weights": "elsewhere"})


def test_the_table_is_read_without_torch():
    code = "import sys, observers.catalog, observers.registry; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_downloads_are_described_by_the_row_of_their_repository():
    expected = "about 4.3 GB, license CreativeML OpenRAIL-M: https://huggingface.co/CompVis/stable-diffusion-v1-4"
    assert describe_download("CompVis/stable-diffusion-v1-4") == expected
    assert describe_download("DeepFloyd/IF-I-M-v1.0").startswith("about 21 GB, terms to accept first (DeepFloyd IF")
    assert describe_download("microsoft/resnet-50") == describe_download("microcosm-cnn") == ""


def test_built_in_names_and_options():
    assert make_observer("ideal") == Ideal()
    assert make_observer("biased", {"shape_bias": "0.25", "seed": "3"}) == Biased(shape_bias=0.25, seed=3)
    assert make_observer("observers.simulated:Ideal") == Ideal()
    assert accepts_option("biased", "seed")
    assert not accepts_option("ideal", "device")


def test_options_as_python_values(mine):
    biased = make_observer("biased", shape_bias=np.float64(0.25), cue_rate=1, seed=np.int64(3), name="b")
    assert biased == Biased(shape_bias=0.25, seed=3, name="b")
    assert (type(biased.cue_rate), type(biased.seed), type(biased.shape_bias)) == (float, int, float)
    assert make_observer("biased", {"shape_bias": "0.25"}, seed=3) == Biased(shape_bias=0.25, seed=3)
    assert make_observer("fooled", {"from_zero": True, "seed": "3"}) == Fooled(from_zero=True, seed=3)
    observer = make_observer(mine + "Mine", layers=4, rate=None, deep=True, mode="b", sizes=[1, 2], weights="w")
    assert (observer.layers, observer.rate, observer.deep, observer.mode) == (4, None, True, "b")
    assert (observer.sizes, observer.weights) == ((1, 2), Path("w"))
    assert make_observer(mine + "Bare", what=object, sizes=[1], either="many").options[3] == [1]
    assert make_observer("human:psychopy", code="K7Q2XZ", simulate="biased", screen=7).screen == 7  # a protocol


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sede": 1}, "no option of biased is named 'sede': did you mean seed"),
        ({"shape_bias": "0.9"}, "biased, option shape_bias: expected a number, got '0.9'"),
        ({"shape_bias": True}, "option shape_bias: expected a number, got True"),
        ({"shape_bias": float("nan")}, "option shape_bias: expected a number, got nan"),
        ({"seed": 1.5}, "option seed: expected a whole number, got 1.5"),
        ({"name": 3}, "option name: expected text, got 3"),
        ({"seed": None}, "option seed: expected a whole number, got None"),
        ({"shape_bias": 10**400}, "option shape_bias: expected a number, got 1000"),
    ],
)
def test_python_values_of_the_wrong_type_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        make_observer("biased", **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layers": 1, "rate": "x"}, "option rate: expected a number or none, got 'x'"),
        ({"layers": 1, "mode": "x"}, "option mode: expected a or b, got 'x'"),
        ({"layers": 1, "sizes": ["x"]}, "option sizes: expected a whole number, got 'x'"),
        ({"layers": 1, "sizes": 1}, "option sizes: expected a list, each a whole number, got 1"),
        ({"layers": 1, "deep": "yes"}, "option deep: expected true or false, got 'yes'"),
        ({"layers": 1, "weights": 1}, "option weights: expected a path or none, got 1"),
        ({}, "needs the option layers: -o layers="),
    ],
)
def test_python_values_for_a_user_file_are_checked(mine, values, message):
    with pytest.raises(UserError, match=message):
        make_observer(mine + "Mine", **values)


def test_a_name_is_text_and_options_are_a_mapping():
    for name in (None, 3, Path("biased"), Biased()):
        with pytest.raises(ObserverError, match='the name of an observer is text, such as "biased"; got '):
            make_observer(name)
    for options in ("shape_bias=0.9", ["shape_bias=0.9"]):
        with pytest.raises(ObserverError, match="options of biased are a mapping, such as"):
            make_observer("biased", options)
    with pytest.raises(UnknownName, match="no option of biased is named '3'"):
        make_observer("biased", {3: 0.9})


def test_an_option_has_one_value():
    with pytest.raises(UserError, match="biased: the option seed has two values, '1' and 2: omit one"):
        make_observer("biased", {"seed": "1"}, seed=2)


FAMILY_SCHEMES = ("latent", "pixel", "flow", "autoregressive", "masked", "class-conditional")
WEIGHT_SCHEMES = [scheme for scheme in SCHEMES if scheme not in ("human", "recorded", "api")]


@pytest.mark.parametrize("scheme", WEIGHT_SCHEMES)
def test_a_path_is_a_local_folder_of_weights(scheme, tmp_path, monkeypatch):
    """Neither the observer nor the identity of its sessions depends on where the folder lies, or names another folder."""
    identities = []
    for home in ("anna-lee", "bob-ray"):
        folder = tmp_path / home / "my weights"
        folder.mkdir(parents=True)
        monkeypatch.setenv("HOME", str(tmp_path / home))
        monkeypatch.chdir(tmp_path / home)
        for path in ("./my weights", f"../{home}/my weights/", "~/my weights", str(folder)):
            observer = make_observer(f"{scheme}:{path}")
            assert observer.name == "my weights"
            source = observer.likelihood.source if scheme in FAMILY_SCHEMES else observer
            assert (source.model, source.weights) == ("my weights", folder)
            identities.append(json.dumps(observer_options(observer)))
    assert len(set(identities)) == 1
    assert "anna-lee" not in identities[0] and str(tmp_path) not in identities[0]


def test_a_missing_local_folder_is_reported(tmp_path):
    with pytest.raises(ObserverError, match=r"hf:\./none: the folder .*none does not exist: give an existing folder"):
        make_observer("hf:./none")
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ObserverError, match=r"model\.safetensors is a file: give the folder that contains the weights"):
        make_observer(f"clip:{tmp_path}/model.safetensors")
    assert make_observer("hf:none/none").weights is None  # a repository
    with pytest.raises(ObserverError, match=r"the recording none\.csv cannot be read"):
        make_observer("recorded:./none.csv")  # a file, and not a folder of weights


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
    assert "plugged:Mine" in {row["description"] for row in list_observers()}
    assert "plugged-experiment" in {row["name"] for row in list_experiments()}


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
        ("MINE:odd", {}, UserError, "is not an observer: .* and observe.trials., but its kind is 'robot'"),
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
    (tmp_path / "script.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(UserError, match=r"script\.py cannot be imported: SystemExit: 3 \(script\.py, line 1\)"):
        load(f"{tmp_path / 'script.py'}:X")
    with pytest.raises(UserError, match=r"mine\.py, line 2: Python syntax error \(invalid syntax\)"):
        make_observer(f"{tmp_path}/mine.py:Mine")


def test_two_user_files_with_the_same_name_are_two_modules(tmp_path):
    for folder, number in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(MINE.replace('name: str = "mine"', f'name: str = "mine{number}"'))
    names = [make_observer(f"{tmp_path / f}/mine.py:Mine", {"layers": "1"}).name for f in ("one", "two")]
    assert names == ["mine1", "mine2"]
