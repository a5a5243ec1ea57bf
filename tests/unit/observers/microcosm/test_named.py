"""The observers whose weights are part of the package recognize the objects, from the image and the prompt alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve, field, frozen
from safetensors import safe_open

from experiments.sets.registry import make_experiment
from observers.catalog.microcosm import MICROCOSM, WEIGHTS
from observers.check import check_observer
from observers.generative.classifier import GenerativeClassifier
from observers.microcosm.training.card import weights_sha256
from observers.registry import make_observer
from stimuli.categories import CATEGORIES

NAMES = [row.name for row in MICROCOSM]
CLASSIFIERS = [name for name in NAMES if name.startswith("microcosm-cnn")]
ACCURATE = [name for name in NAMES if name != "microcosm-masked"]  # telling this one from chance takes more images
MAX_TOTAL_SIZE = 25_000_000  # bytes of all weights


@pytest.fixture(scope="module")
def trials():
    """Two consistent images of each category."""
    all_trials = make_experiment("microcosm").trials(0)
    return [t for c in CATEGORIES for t in [t for t in all_trials if t.stimulus.category == c][:2]]


def fast_options(name: str, draws: int = 6) -> dict[str, str]:
    if name in CLASSIFIERS:
        return {"device": "cpu"}
    schedule = {"perturbations": "1"} if name == "microcosm-ar" else {"schedule": "exhaustive", "draws": str(draws)}
    return {"device": "cpu", **schedule}


def accuracy(observer: Any, trials: list) -> float:
    return float(
        np.mean([r.choice == t.stimulus.category for r, t in zip(observer.observe(trials), trials, strict=True)])
    )


def test_weights_are_small_and_match_their_model_cards():
    files = sorted(WEIGHTS.rglob("*.safetensors"))
    folders = {path.relative_to(WEIGHTS).parts[0] for path in files}
    assert folders == {row.options["weights"].name for row in MICROCOSM} == {row.options["model"] for row in MICROCOSM}
    assert sum(path.stat().st_size for path in files) <= MAX_TOTAL_SIZE
    for folder in WEIGHTS.iterdir():
        assert weights_sha256(folder) in (folder / "README.md").read_text("utf-8")
    for path in files:
        with safe_open(path, "pt") as file:
            assert not any("optimizer" in key for key in file.keys())  # noqa: SIM118


@pytest.mark.parametrize("name", ACCURATE)
def test_observers_recognize_new_shapes(name, trials):
    """16 or 32 images; chance is 1/16. The accuracies on the whole set are in docs/microcosm.md."""
    subset = trials if name in CLASSIFIERS else trials[1::2]
    assert accuracy(make_observer(name, fast_options(name)), subset) > 0.5


@pytest.mark.slow
def test_the_masked_model_is_above_chance(trials):
    assert accuracy(make_observer("microcosm-masked", {"device": "cpu"}), trials) > 0.2


def test_every_observer_has_its_own_name_and_the_options_of_its_row():
    for row in MICROCOSM:
        observer: Any = make_observer(row.name)
        assert observer.name == row.name
        assert (row.name in CLASSIFIERS) is (observer.kind == "discriminative")
    assert make_observer("microcosm-latent").draws == make_observer("microcosm-pixel").batch_size == 64
    assert make_observer("microcosm-cnn-noise-eval").noise_draws == 16


@pytest.mark.parametrize("name", NAMES)
def test_observers_pass_the_contract_check(name, trials):
    results = check_observer(make_observer(name, fast_options(name, draws=2)), trials[::6])
    assert [result for result in results if not result.passed] == []


@frozen
class Permuted:
    """A likelihood that replaces each category name in the prompts by the next one."""

    inner: Any
    unit: str = field(init=False, default="")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def condition(self, texts):
        next_category = dict(zip(CATEGORIES, (*CATEGORIES[1:], CATEGORIES[0]), strict=True))
        names = [next(c for c in CATEGORIES if text.endswith(f" {c}")) for text in texts]
        return self.inner.condition(
            [text.removesuffix(name) + next_category[name] for text, name in zip(texts, names, strict=True)]
        )


@pytest.mark.parametrize(
    "name", ["microcosm-latent", "microcosm-ar", pytest.param("microcosm-pixel", marks=pytest.mark.slow)]
)
def test_responses_follow_the_prompts(name, trials):
    """The prompt of each choice names another category. The response is the choice whose prompt fits the image."""
    observer = make_observer(name, fast_options(name))
    permuted = evolve(observer, likelihood=Permuted(observer.likelihood))
    assert isinstance(permuted, GenerativeClassifier)
    subset = trials[::2]  # other images than in the test of accuracy
    choices = [r.choice for r in permuted.observe(subset)]
    previous = dict(zip((*CATEGORIES[1:], CATEGORIES[0]), CATEGORIES, strict=True))
    assert np.mean([c == t.stimulus.category for c, t in zip(choices, subset, strict=True)]) < 0.2
    assert np.mean([c == previous[t.stimulus.category] for c, t in zip(choices, subset, strict=True)]) > 0.5


def test_evidence_does_not_depend_on_file_names(trials, tmp_path):
    """Each image is shown again under the name, folder and category of another image."""
    for name in ("microcosm-latent", "microcosm-cnn"):
        observer, subset = make_observer(name, fast_options(name)), trials[::12]
        relabeled_trials = []
        for trial, other in zip(subset, [*subset[1:], subset[0]], strict=True):
            path = tmp_path / name / other.stimulus.category / Path(other.stimulus.id).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(trial.stimulus.path.read_bytes())
            stimulus = evolve(trial.stimulus, id=other.stimulus.id, path=path, category=other.stimulus.category)
            relabeled_trials.append(evolve(trial, stimulus=stimulus))
        pairs = zip(observer.observe(subset), observer.observe(relabeled_trials), strict=True)
        for original, relabeled in pairs:
            assert original.choice == relabeled.choice and np.array_equal(original.evidence, relabeled.evidence)


def test_options_are_those_of_the_observer_class():
    assert make_observer("microcosm-cnn-noise-eval", {"noise_draws": "3"}).noise_draws == 3
    assert make_observer("microcosm-latent", {"draws": "7"}).draws == 7
    assert make_observer("microcosm-cnn", {"weights": "elsewhere"}).weights == Path("elsewhere")
