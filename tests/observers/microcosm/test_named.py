"""The observers whose weights come with the installation: they know their world, by the picture and the prompt alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve, field, frozen
from safetensors import safe_open

from experiments.registry import make_experiment
from observers.check import check_observer
from observers.generative.classifier import GenerativeClassifier
from observers.microcosm import named
from observers.microcosm.card import digest
from observers.registry import make_observer
from stimuli.categories import CATEGORIES

STRONG = [
    name for name in named.NAMES if name != "microcosm-masked"
]  # which takes more pictures to be told from chance
LIMIT = 25_000_000  # bytes of all weights


@pytest.fixture(scope="module")
def world():
    """Trials of the world, two of each category."""
    trials = make_experiment("microcosm").trials(0)
    return [t for c in CATEGORIES for t in [t for t in trials if t.stimulus.category == c][:2]]


def options(name: str, draws: int = 6) -> dict[str, str]:
    """Quick ones."""
    if name in named.CLASSIFIERS:
        return {"device": "cpu"}
    few = {"perturbations": "1"} if name == "microcosm-ar" else {"schedule": "exhaustive", "draws": str(draws)}
    return {"device": "cpu", **few}


def share_right(observer: Any, trials: list) -> float:
    return float(
        np.mean([r.choice == t.stimulus.category for r, t in zip(observer.observe(trials), trials, strict=True)])
    )


def test_weights_are_small_and_those_of_their_cards():
    files = sorted(named.WEIGHTS.rglob("*.safetensors"))
    assert {path.relative_to(named.WEIGHTS).parts[0] for path in files} == {*named.GENERATIVE} | {
        trained for trained, _ in named.CLASSIFIERS.values()
    }
    assert sum(path.stat().st_size for path in files) <= LIMIT
    for folder in named.WEIGHTS.iterdir():
        assert digest(folder) in (folder / "README.md").read_text("utf-8")
    for path in files:
        with safe_open(path, "pt") as file:
            assert not any("optimizer" in key for key in file.keys())  # noqa: SIM118


@pytest.mark.parametrize("name", STRONG)
def test_they_know_their_world(name, world):
    """Far above chance, 1/16, on shapes that they were not trained on, 16 or 32; marks are in docs/microcosm.md."""
    asked = world if name in named.CLASSIFIERS else world[1::2]
    assert share_right(make_observer(name, options(name)), asked) > 0.5


@pytest.mark.slow
def test_the_weakest_knows_something_of_it(world):
    assert share_right(make_observer("microcosm-masked", {"device": "cpu"}), world) > 0.2


@pytest.mark.parametrize("name", named.NAMES)
def test_they_keep_the_contract(name, world):
    findings = check_observer(make_observer(name, options(name, draws=2)), world[::6])
    assert [finding for finding in findings if not finding.passed] == []


@frozen
class Permuted:
    """A likelihood that is told the next category's name in place of each."""

    inner: Any
    unit: str = field(init=False, default="")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def condition(self, texts):
        after = dict(zip(CATEGORIES, (*CATEGORIES[1:], CATEGORIES[0]), strict=True))
        names = [next(c for c in CATEGORIES if text.endswith(f" {c}")) for text in texts]
        return self.inner.condition(
            [text.removesuffix(name) + after[name] for text, name in zip(texts, names, strict=True)]
        )


@pytest.mark.parametrize(
    "name", ["microcosm-latent", "microcosm-ar", pytest.param("microcosm-pixel", marks=pytest.mark.slow)]
)
def test_with_names_permuted_in_the_prompts_it_finds_the_permuted_categories(name, world):
    """Told another category's name for each, it takes the picture for the one whose prompt names what is there."""
    observer = make_observer(name, options(name))
    permuted = evolve(observer, likelihood=Permuted(observer.likelihood))
    assert isinstance(permuted, GenerativeClassifier)
    asked = world[::2]  # other pictures than above
    answers = [r.choice for r in permuted.observe(asked)]
    before = dict(zip((*CATEGORIES[1:], CATEGORIES[0]), CATEGORIES, strict=True))
    assert np.mean([a == t.stimulus.category for a, t in zip(answers, asked, strict=True)]) < 0.2
    assert np.mean([a == before[t.stimulus.category] for a, t in zip(answers, asked, strict=True)]) > 0.5


def test_evidence_is_not_read_off_files(world, tmp_path):
    """The same picture under the name, folder and category of another."""
    for name in ("microcosm-latent", "microcosm-cnn"):
        observer, asked = make_observer(name, options(name)), world[::12]
        relabeled = []
        for trial, other in zip(asked, [*asked[1:], asked[0]], strict=True):
            path = tmp_path / name / other.stimulus.category / Path(other.stimulus.id).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(trial.stimulus.path.read_bytes())
            stimulus = evolve(trial.stimulus, id=other.stimulus.id, path=path, category=other.stimulus.category)
            relabeled.append(evolve(trial, stimulus=stimulus))
        for one, two in zip(observer.observe(asked), observer.observe(relabeled), strict=True):
            assert one.choice == two.choice and np.array_equal(one.evidence, two.evidence)


def test_options_are_those_of_the_family():
    assert make_observer("microcosm-cnn-noise-eval", {"noise_draws": "3"}).noise_draws == 3
    assert make_observer("microcosm-latent", {"draws": "7"}).draws == 7
    assert make_observer("microcosm-cnn", {"weights": "elsewhere"}).weights == Path("elsewhere")
