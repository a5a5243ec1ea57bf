"""`observers show` describes observers, experiments and distortions: built-in ones, plugins, and those of a user."""

import json
import re

import pytest

from core.errors import UserError
from experiments.sets.catalog import EXPERIMENTS
from observers.catalog import OBSERVERS, SCHEMES
from stimuli.distort.catalog import DISTORTIONS
from tests.commands import observers

MINE = '''
from attrs import frozen

from experiments.sets.drawn import cue_conflict
from observers.protocol import Response


@frozen
class Mine:
    """Answers with the first choice.

    Attributes:
        layers: Number of layers.
    """

    layers: int = 3
    name: str = "mine"
    kind: str = "discriminative"

    def observe(self, trials):
        for trial in trials:
            yield Response(trial.choices[0])


def darker(image, level, rng, *, floor: float = 0.5):
    """Make an image darker.

    Args:
        floor: Smallest value.
    """
    return image * level
'''


@pytest.fixture
def mine(tmp_path):
    """A file with an observer, an experiment and a distortion."""
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


def shown(*words):
    """The descriptions that `observers show WORDS… --json` prints."""
    return json.loads(observers("show", *words, "--json").stdout)


@pytest.mark.parametrize("name", ["biased", "psychometric", "fooled", "human", "recorded:FILE.csv"])
def test_an_observer_is_described_with_its_options(name):
    (description,) = shown(name)
    row = OBSERVERS.get(name) or SCHEMES[name.partition(":")[0]]
    assert description["kind"] == "observer" and description["description"] == row.description
    assert all(option["type"] and option["meaning"] for option in description["options"])


def test_the_text_has_type_default_and_meaning_of_options():
    text = observers("show", "biased").stdout
    assert text.startswith("biased (observer)\n")
    assert "  shape_bias: a number, default 0.5\n      Proportion of shape responses" in text
    assert re.search(r"\nExample:\n  observers run-experiment drawn-cue-conflict --observer biased.*\n$", text)


def test_defaults_that_depend_on_other_options_or_are_empty_are_phrases():
    text = observers("show", "psychometric").stdout
    assert "  name: text, optional\n" in text and "  dataset: text, default empty\n" in text
    assert {o["name"]: o["default"] for o in shown("psychometric")[0]["options"]}["name"] is None


def test_schemes_are_described_without_and_with_an_argument():
    assert shown("hf")[0]["description"] == shown("hf:microsoft/resnet-50")[0]["description"]
    assert shown("hf:microsoft/resnet-50")[0]["examples"][0].endswith("--observer hf:microsoft/resnet-50")
    assert "batch_size" in {option["name"] for option in shown("hf")[0]["options"]}


def test_an_observer_that_cannot_be_loaded_is_described_by_its_row(monkeypatch):
    def fail(name):
        raise UserError("sd14 needs PyTorch: pip install something")

    monkeypatch.setattr("commands.descriptions.options_of_observer", fail)
    (description,) = shown("sd14")
    assert description["size"] == f"about {OBSERVERS['sd14'].size} to download"
    assert description["note"] == "its options cannot be shown: sd14 needs PyTorch: pip install something"
    with pytest.raises(AssertionError, match="pip install something"):
        observers("show", "observers.simulated:Ideal")


@pytest.mark.parametrize("is_installed", [True, False])
def test_the_extras_that_an_observer_needs_are_shown(is_installed, monkeypatch):
    monkeypatch.setattr("core.extras._is_installed", lambda module: is_installed)
    monkeypatch.setattr("commands.descriptions.options_of_observer", lambda name: {})
    needs = shown("sd14")[0]["needs"]
    assert ("which is installed" in needs) == is_installed
    assert ('install "observers[models]"' in needs) != is_installed


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_described(name):
    (description,) = [d for d in shown(name) if d["kind"] == "experiment"]
    row = EXPERIMENTS[name]
    assert description["choices"] == list(row.choices)
    assert description["conditions"] == (list(row.conditions) if len(row.conditions) > 1 else "one")
    assert description["trials"].startswith(f"{row.n_stimuli:,}, ")
    assert ("people" in description) == bool(row.n_people)


def test_what_is_on_this_machine_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path))
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    assert shown("edge")[0]["on_this_machine"] == {
        "images": "no; to download them: observers fetch edge",
        "recorded people": "no; to download them: observers fetch humans",
        "recorded networks": "no; to download them: observers fetch networks",
    }
    assert "no; they are drawn when" in observers("show", "microcosm").stdout
    (tmp_path / "networks" / "edge").mkdir(parents=True)
    (tmp_path / "networks" / "edge" / "edge_resnet50_session-1.csv").touch()
    here = shown("edge")[0]
    assert here["on_this_machine"]["recorded networks"] == f"1 file in {tmp_path / 'networks' / 'edge'}"
    assert here["networks"] == ["bagnet33", "resnet50", "simclr-resnet50x1"]


@pytest.mark.parametrize("name", DISTORTIONS)
def test_every_distortion_is_described(name):
    (description,) = [d for d in shown(name) if d["kind"] == "distortion"]
    assert description["formula"] == DISTORTIONS[name].formula
    assert all(option["meaning"] for option in description["options"])


def test_a_name_of_an_experiment_and_a_distortion_describes_both():
    assert [d["kind"] for d in shown("contrast")] == ["experiment", "distortion"]
    assert re.findall(r"^contrast \((\w+)\)$", observers("show", "contrast").stdout, re.M) == [
        "experiment",
        "distortion",
    ]


def test_users_objects_are_described(mine, drawn):
    (observer,) = shown(f"{mine}:Mine")
    assert (observer["kind"], observer["description"]) == ("observer", "Answers with the first choice.")
    assert observer["options"][0] == {
        "name": "layers", "type": "a whole number", "default": "3", "required": False, "meaning": "Number of layers.",
        "changes_responses": True,
    }  # fmt: skip
    (experiment,) = shown(f"{mine}:cue_conflict")
    assert (experiment["kind"], experiment["stimuli"]) == ("experiment", "256 images")
    (distortion,) = shown(f"{mine}:darker")
    assert (distortion["kind"], distortion["description"]) == ("distortion", "Make an image darker.")
    assert [option["name"] for option in distortion["options"]] == ["floor"]


def test_other_objects_are_refused(mine):
    assert (
        "mine.py:__file__ is of the type str: expected an observer"
        in observers("show", f"{mine}:__file__", code=1).stderr
    )


def test_a_folder_of_images_is_described(source):
    (description,) = shown(source)
    assert (description["kind"], description["stimuli"]) == ("experiment", "34 images")
    assert description["choices"][:2] == ["airplane", "bear"] and description["conditions"] == "one"


def test_plugins_are_described(mine, monkeypatch):
    plugged = {"observers": {"plugged": f"{mine}:Mine"}, "distortions": {"dark": f"{mine}:darker"}}
    for module in ("commands.descriptions", "core.plugins"):
        monkeypatch.setattr(f"{module}.plugins", lambda group: plugged.get(group, {}))
    assert shown("plugged")[0]["defined_in"] == f"{mine}:Mine"
    assert shown("dark")[0]["kind"] == "distortion"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("contrst", "no observer, experiment or distortion is named 'contrst': did you mean contrast"),
        ("bised", "did you mean biased"),
        ("salt-and-peper", "did you mean salt-and-pepper"),
        ("mine.py:Mine", "the file mine.py does not exist"),
        ("", "no observer, experiment or distortion is named ''"),
    ],
)
def test_an_unknown_name_is_an_error_with_similar_names(name, message):
    assert message in observers("show", name, code=1).stderr
