"""The observers whose weights are part of the package: size and checksums of the weights, options, and evidence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from safetensors import safe_open

from experiments.sets.registry import make_experiment
from observers.catalog.microcosm import MICROCOSM, WEIGHTS
from observers.microcosm.training.card import weights_sha256
from observers.registry import make_observer
from stimuli.categories import CATEGORIES

NAMES = [row.name for row in MICROCOSM]
CLASSIFIERS = [name for name in NAMES if name.startswith("microcosm-cnn")]
MAX_TOTAL_SIZE = 25_000_000  # bytes of all weights


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


def test_every_observer_has_its_own_name_and_the_options_of_its_row():
    for row in MICROCOSM:
        observer: Any = make_observer(row.name)
        assert observer.name == row.name
        assert (row.name in CLASSIFIERS) is (observer.kind == "discriminative")
    assert make_observer("microcosm-latent").draws == make_observer("microcosm-pixel").batch_size == 64
    assert make_observer("microcosm-cnn-noise-eval").noise_draws == 16


@pytest.mark.slow
def test_evidence_does_not_depend_on_file_names(tmp_path):
    """Each image is shown again under the name, folder and category of another image."""
    all_trials = make_experiment("microcosm").trials(0)
    trials = [next(t for t in all_trials if t.stimulus.category == c) for c in CATEGORIES[::6]]
    for name in ("microcosm-latent", "microcosm-cnn"):
        draws = {} if name in CLASSIFIERS else {"schedule": "exhaustive", "draws": "2"}
        observer = make_observer(name, {"device": "cpu"} | draws)
        relabeled_trials = []
        for trial, other in zip(trials, [*trials[1:], trials[0]], strict=True):
            path = tmp_path / name / other.stimulus.category / Path(other.stimulus.id).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(trial.stimulus.path.read_bytes())
            stimulus = evolve(trial.stimulus, id=other.stimulus.id, path=path, category=other.stimulus.category)
            relabeled_trials.append(evolve(trial, stimulus=stimulus))
        pairs = zip(observer.observe(trials), observer.observe(relabeled_trials), strict=True)
        for original, relabeled in pairs:
            assert original.choice == relabeled.choice and np.array_equal(original.evidence, relabeled.evidence)


def test_options_are_those_of_the_observer_class():
    assert make_observer("microcosm-cnn-noise-eval", {"noise_draws": "3"}).noise_draws == 3
    assert make_observer("microcosm-latent", {"draws": "7"}).draws == 7
    assert make_observer("microcosm-cnn", {"weights": "elsewhere"}).weights == Path("elsewhere")
