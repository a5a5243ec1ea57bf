"""Descriptions of observers: they are made from names and options, and come back from the sidecar of a log."""

import hashlib
from pathlib import Path

import pytest

from core.errors import ObserverError, UnknownName
from experiments import log
from experiments.running.session import run
from observers.registry import make_observer, make_specs
from observers.simulated import Biased
from observers.spec import ObserverSpec, spec_of_sidecar

MINE = """
import attrs
from observers.simulated import Ideal

@attrs.frozen
class Mine(Ideal):
    name: str = "mine"
"""


def test_observers_are_made_from_descriptions():
    assert make_observer(ObserverSpec("biased", {"shape_bias": 0.9, "seed": "3"})) == make_observer(
        "biased", shape_bias=0.9, seed=3
    )
    assert make_observer(ObserverSpec("biased"), {"shape_bias": "0.2"}) == make_observer("biased", shape_bias=0.2)


def test_options_that_cannot_be_written_are_refused():
    with pytest.raises(
        ObserverError, match=r"the option shape_bias of biased has the type object: .* text, numbers, paths"
    ):
        ObserverSpec("biased", {"shape_bias": object()})
    with pytest.raises(ObserverError, match=r"options must be a mapping, such as .*; got \['seed=3'\]"):
        ObserverSpec("biased", ["seed=3"])
    with pytest.raises(UnknownName, match="no option of biased is named 'wrong'"):
        make_observer(ObserverSpec("biased", {"wrong": 1}))


@pytest.mark.parametrize(
    ("name", "options", "written", "written_options"),
    [
        ("sd14", {"draws": 100}, "sd14", {"draws": 100}),
        ("/home/ada/mine.py:Mine", {}, "mine.py:Mine", {}),
        ("mine.py:Mine", {}, "mine.py:Mine", {}),
        ("hf:/home/ada/resnet/", {"weights": Path("/home/ada/w")}, "hf:./resnet", {"weights": "w"}),
        ("hf:../resnet", {"weights": "/home/ada/w"}, "hf:./resnet", {"weights": "w"}),
        ("hf:microsoft/resnet-50", {"sizes": (1, 2)}, "hf:microsoft/resnet-50", {"sizes": [1, 2]}),
        ("recorded:~/ada.csv", {"observer": "a"}, "recorded:./ada.csv", {"observer": "a"}),
    ],
)
def test_folders_are_not_written(name, options, written, written_options):
    assert ObserverSpec(name, options).to_json() == {"name": written, "options": written_options}


def test_the_sidecar_of_a_log_gives_the_same_observer(few, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (spec,) = make_specs([f"{tmp_path}/mine.py:Mine"], {"name": "other"})
    path = run(few, spec, tmp_path / "logs")
    read = spec_of_sidecar(log.read_sidecar(path), tmp_path)
    assert read == spec and make_observer(read) == make_observer(spec)
    assert read.file_sha256 == hashlib.sha256(MINE.encode()).hexdigest()
    (tmp_path / "mine.py").write_text(MINE + "# changed\n")
    with pytest.raises(ObserverError, match=r"mine.py has changed: its SHA-256 begins with .*, expected"):
        make_observer(read)
    with pytest.raises(ObserverError, match=r"mine.py cannot be read \(No such file or directory\)"):
        make_observer(spec_of_sidecar(log.read_sidecar(path), tmp_path / "elsewhere"))


def test_local_weights_are_looked_up_in_the_folder():
    sidecar = {"spec": {"name": "hf:./resnet", "options": {}}}
    assert spec_of_sidecar(sidecar, "/data").name == "hf:/data/resnet"


@pytest.mark.parametrize("spec", [None, {}, {"name": 3}])
def test_a_sidecar_without_a_description_is_refused(few, tmp_path, spec):
    sidecar = log.read_sidecar(run(few, Biased(), tmp_path))
    assert "spec" not in sidecar
    with pytest.raises(ObserverError, match="the sidecar lacks the name and options of the observer"):
        spec_of_sidecar(sidecar | ({} if spec is None else {"spec": spec}))


def test_each_observer_gets_the_options_that_it_has():
    sentences = []
    specs = make_specs(["ideal", "biased"], {"shape_bias": "0.3"}, notify=sentences.append)
    assert specs == [ObserverSpec("ideal"), ObserverSpec("biased", {"shape_bias": "0.3"})]
    assert sentences == ["only biased has the option shape_bias"]
