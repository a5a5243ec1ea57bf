"""Generative observers of all families: the contract, resuming after a kill, options, prompts, cost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from experiments.estimate import estimate
from experiments.experiment import Experiment
from experiments.identity import observer_options
from experiments.session import run
from observers.check import check_observer
from observers.generative.classifier import GenerativeClassifier, fill_template
from observers.generative.named import PUBLISHED_MODELS, flat_options, published_observer
from observers.protocol import ObserverError, Restoration
from observers.registry import OBSERVERS, make_observer
from stimuli.errors import LogError, UnknownName, UserError
from stimuli.names import options_of
from tests.observers.generative import tiny_autoregressive, tiny_flow, tiny_latent, tiny_masked, tiny_pixel
from tests.observers.generative.toy import Toy

FAMILIES = {
    "sd14": (tiny_latent.save, "sd1"), "sdxl": (tiny_latent.save, "xl"), "if-m": (tiny_pixel.save, None),
    "sd3": (tiny_flow.save, "sd3"), "flux-dev": (tiny_flow.save, "flux-dev"), "janus": (tiny_autoregressive.save, "janus"),
    "emu3": (tiny_autoregressive.save, "emu3"), "amused-256": (tiny_masked.save, "256"),
}  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Name -> folder of a tiny model of its family, made when asked for."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            save, kind = FAMILIES[name]
            path = tmp_path_factory.mktemp("models") / name
            made[name] = save(path, kind) if kind else save(path)
        return made[name]

    return folder


def observer(models, name, **more):
    given = {"weights": str(models(name)), "device": "cpu"} | {key: str(value) for key, value in more.items()}
    sizes = {"emu3": {"size": "48"}, "flux-dev": {"size": "16"}}  # their own are large
    defaults = sizes.get(name, {}) | ({} if name in ("janus", "emu3") else {"draws": "12"})
    return make_observer(name, defaults | given)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ("janus", "emu3")])
def test_every_family_that_restores_shows_it(name, models, small):
    """One image a choice, other than each other; the same again, others by another draw."""
    made, trial = observer(models, name), small.trials(0)[0]
    found = restored(made, trial)
    k = len(trial.choices)
    assert found.images.shape == (k, *found.damaged_image.shape) and found.errors.shape == (k,)
    assert 0 <= found.images.min() < found.images.max() <= 1 and (found.errors > 0).all()
    assert len({image.tobytes() for image in found.images}) > 1
    assert np.array_equal(restored(made, trial).images, found.images)
    assert not np.array_equal(restored(made, trial, 1).damaged_image, found.damaged_image)
    with pytest.raises(ObserverError, match="the draw must be a whole number, 0 or more, got -1"):
        Restoration(draw=-1)


def restored(made, trial, draw=0, **how):
    return made.reconstruct(trial.stimulus, made.prompts(trial.choices), Restoration(0.6, draw=draw, **how))


@pytest.mark.parametrize("name", ["sd14", "if-m", "sd3", "flux-dev", "amused-256"])
def test_every_family_restores_texts_of_ones_own_in_steps_and_under_guidance(name, models, small):
    """A text's image depends on no other text; steps and guidance change it; distances are those of the pixels."""
    made, stimulus = observer(models, name), small.trials(0)[0].stimulus
    texts = ["an image of a duck", "an image of a rabbit", "a duck"]
    plain = made.reconstruct(stimulus, texts, Restoration(0.7, draw=2))
    for how in (Restoration(0.7, steps=4, draw=2), Restoration(0.7, guidance=3, draw=2), Restoration(0.7, 4, 3, 2)):
        found = made.reconstruct(stimulus, texts, how)
        assert np.array_equal(found.damaged_image, plain.damaged_image) and not np.array_equal(
            found.images, plain.images
        )
        alone = made.reconstruct(stimulus, texts[1:2], how)
        assert np.abs(alone.images[0] - found.images[1]).max() < 1e-3
        one_by_one = evolve(made, batch_size=1).reconstruct(stimulus, texts, how)
        assert np.abs(one_by_one.images - found.images).max() < 1e-3
    assert plain.input_image.shape == plain.damaged_image.shape
    assert plain.pixel_distance[1] == pytest.approx(np.sqrt(np.mean((plain.images[1] - plain.input_image) ** 2)))
    assert np.isnan(plain.latent_distance).all() == (name in ("if-m", "amused-256"))
    with pytest.raises(ObserverError, match="give one or more, none of them empty"):
        made.reconstruct(stimulus, ["a duck", ""])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"strength": 0}, r"the strength \(noise level or masked share\) must be above 0 and up to 1, got 0"),
        ({"strength": 1.01}, "above 0 and up to 1, got 1.01"),
        ({"steps": 0}, "the number of steps must be 1 to 1000, got 0"),
        ({"guidance": -1}, r"the guidance scale must be 0 to 100 \(1 = off\), got -1"),
        ({"guidance": float("nan")}, r"the guidance scale must be 0 to 100 \(1 = off\), got nan"),
    ],
)
def test_restorations_that_cannot_be(given, said):
    with pytest.raises(ObserverError, match=said):
        Restoration(**given)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_keeps_the_contract(name, models, small):
    """Asked again, in another order, one at a time, and with another number of rows a pass."""
    trials = [evolve(trial, choices=("cat", "dog", "oven")) for trial in small.trials(0)[:5]]
    one = observer(models, name)
    findings = check_observer(one, trials)
    assert [f for f in findings if not f.passed] == []
    assert len(findings) >= 7
    for size in (1, 7, 50):
        again = list(evolve(one, batch_size=size).observe(iter(trials)))
        for a, b in zip(one.observe(iter(trials)), again, strict=True):
            assert (a.choice, a.n_evaluations) == (b.choice, b.n_evaluations)
            assert np.allclose(a.evidence, b.evidence, rtol=1e-6, atol=1e-6 * np.abs(a.evidence).max())
    assert one.kind == "generative"
    assert one.name == name


@pytest.mark.parametrize("name", ["sd14", "if-m", "sd3", "amused-256"])
def test_the_exhaustive_decision_is_the_naive_double_loop(name, models, small):
    """Every choice and draw by itself, one row a pass."""
    trial = evolve(small.trials(0)[3], choices=("cat", "dog", "oven"))
    one = observer(models, name, schedule="exhaustive", draws=6)
    (response,) = one.observe(iter([trial]))
    likelihood = one.likelihood
    x = likelihood.encode(trial.stimulus.pixels())
    means = []
    for choice in trial.choices:
        (condition,) = likelihood.condition([f"A bad photo of a {choice}"])
        scores = [
            likelihood.score(x[None], tuple(part[None] for part in condition), np.array([draw])).item()
            for draw in range(6)
        ]
        means.append(np.mean(scores))
    assert response.evidence == pytest.approx(means, rel=1e-5)
    assert response.choice == trial.choices[int(np.argmax(means))]
    assert response.n_evaluations == 18


def test_an_exact_likelihood_takes_one_evaluation_a_choice(models, small):
    trial = small.trials(0)[0]
    (response,) = observer(models, "janus").observe(iter([trial]))
    assert response.n_evaluations == 16
    (response,) = observer(models, "janus", perturbations=3).observe(iter([trial]))
    assert response.n_evaluations == 48


@pytest.mark.slow
def test_killed_it_resumes_in_the_same_file(models, small, tmp_path, drawn):
    """kill -9 in the middle, then the same command: byte for byte, and no answered trial is asked again."""
    command = [
        sys.executable, "-m", "cli", "run-experiment", "drawn-cue-conflict", "-m", "sd14", "--limit", "40", "--quiet",
        "-o", f"weights={models('sd14')}", "-o", "draws=30", "--device", "cpu",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run([*command, "--out", str(whole)], check=True, env=environment, capture_output=True)
    log = "drawn-cue-conflict/drawn-cue-conflict_sd14_session-1.csv"
    process = subprocess.Popen([*command, "--out", str(cut)], env=environment, stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)  # fmt: skip
    while not (cut / log).is_file() or (cut / log).read_bytes().count(b"\n") < 6:
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    n_kept = (cut / log).read_bytes().count(b"\n") - 1
    assert 5 <= n_kept < 40
    before = (cut / log).read_bytes()
    subprocess.run([*command, "--out", str(cut)], check=True, env=environment, capture_output=True)
    assert (cut / log).read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert (cut / log).read_bytes() == (whole / log).read_bytes()


def test_the_log_knows_what_answered(models, small, tmp_path):
    import json

    part = Experiment("part", small.stimuli.where(lambda s: s.id.startswith("cat")), small.choices)
    log = run(part, observer(models, "sd14", device="cpu"), tmp_path, limit=1)
    sidecar = json.loads(log.with_suffix(".json").read_text())
    said = sidecar["identity"]["observer"]["options"]
    assert said["likelihood"]["class"] == "LatentDiffusion"
    assert said["likelihood"]["source"] == {
        "class": "Source", "model": "CompVis/stable-diffusion-v1-4",
        "revision": "133a221b8aa7292a167afc5127cb63fb5005638b", "weights": "sd14",
    }  # fmt: skip
    assert said["likelihood"]["objective"] == {
        "class": "Objective", "weighting": "exp", "loss": "l2", "allocation": None, "seed": 0,
    }  # fmt: skip
    assert said["likelihood"]["compute"] == {"class": "Compute", "dtype": "auto"}
    assert (said["template"], said["schedule"], said["draws"]) == ("A bad photo of a {}", "racing", 12)
    assert "batch_size" not in said
    assert sidecar["provenance"].keys() == {"repository", "weights", "sha256", "device", "dtype", "evidence"}
    run(part, observer(models, "sd14", batch_size=3), tmp_path)  # how it computes may change
    with pytest.raises(LogError, match="made with a different observer"):
        run(part, observer(models, "sd14", weighting="uniform"), tmp_path)


def test_a_branch_may_be_named_by_its_commit(tmp_path, monkeypatch, models, small):
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub/models--some--model"
    shutil.copytree(models("sd14"), repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(commit)
    part = Experiment("part", small.stimuli.where(lambda s: s.id.startswith("cat")), small.choices)
    given = {"device": "cpu", "draws": "4"}
    run(part, make_observer("latent:some/model", given), tmp_path, limit=1)
    run(part, make_observer("latent:some/model", given | {"revision": commit}), tmp_path)


def test_prompts():
    assert fill_template("A bad photo of a {}", "airplane") == "A bad photo of a airplane"  # the paper's, to the letter
    assert fill_template("a sketch of {an}.", "oven") == "a sketch of an oven."
    assert fill_template("a sketch of {an}.", "cat") == "a sketch of a cat."
    for bad in ("a photo", "{} and {}", "{} or {an}"):
        with pytest.raises(ObserverError, match=r"a template holds one \{\} for the choice, or \{an\}"):
            GenerativeClassifier(Toy(), "toy", template=bad)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"schedule": "fastest"}, "expected racing or exhaustive or clark-jaini or li, got 'fastest'"),
        ({"schedule": "li", "error_rate": "0.1"}, "the schedule li has no option error_rate; it has stages"),
        ({"schedule": "li", "stages": "50x16,ten"}, "stages are given as DRAWSxCHOICES"),
        ({"schedule": "exhaustive", "min_draws": "3"}, "the schedule exhaustive has no option min_draws"),
        ({"draws": "0"}, "draws must be 1 to 100,000, got 0"),
        ({"batch_size": "0"}, "batch_size must be 1 to 4096, got 0"),
        ({"loss": "l3"}, "expected l2 or l1 or huber, got 'l3'"),
        ({"weighting": "steep"}, "there is no weighting named 'steep'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"dtype": "int8"}, "expected auto or float32 or float16 or bfloat16, got 'int8'"),
        ({"allocation": "none.csv"}, r"none\.csv cannot be read"),
    ],
)
def test_options_that_cannot_be(given, said, models, small):
    trials = small.trials(0)[:1]
    with pytest.raises((UserError, UnknownName), match=said):
        list(make_observer("sd14", {"weights": str(models("sd14")), "device": "cpu"} | given).observe(iter(trials)))


def test_every_known_observer_is_in_the_registry_with_its_options():
    for name in PUBLISHED_MODELS:
        reference = OBSERVERS[name]
        assert reference == f"observers.generative.named:{name.replace('-', '_')}"
        made = make_observer(name)
        assert (made.name, made.likelihood.source.model) == (name, PUBLISHED_MODELS[name].model)
        assert PUBLISHED_MODELS[name].model in made.likelihood.source.about
        common = {"device", "dtype", "batch_size", "template", "weights", "revision", "draws"}
        assert common <= options_of(published_observer(name)).keys()
        assert observer_options(made)["name"] == name


def test_the_options_of_nested_parts_are_one_list():
    names = flat_options(PUBLISHED_MODELS["sd14"].family)
    assert names["weighting"][1:] == ("exp", ("objective", "weighting"))
    assert names["device"][2] == ("compute", "device")
    made = make_observer("latent:me/mine", {"loss": "l1", "size": "64", "template": "{}", "compile": "yes"})
    assert (made.name, made.likelihood.objective.loss, made.likelihood.size) == ("mine", "l1", 64)
    assert made.likelihood.compute.compile
    with pytest.raises(UnknownName, match="no option of latent:me/mine named 'wieghting': did you mean weighting"):
        make_observer("latent:me/mine", {"wieghting": "uniform"})


def test_what_it_costs(models, small, tmp_path):
    found = estimate(small, observer(models, "sd14", draws=10), tmp_path)
    assert found.n_trials == len(small.stimuli)
    assert found.cost.n_evaluations == (64, 160)
    assert 64 <= found.n_evaluations <= 160
    assert found.seconds == pytest.approx(found.n_evaluations * found.cost.seconds)
    assert found.cost.batch_size == 16
    assert not list(tmp_path.iterdir())
    said = "\n".join(found.sentences())
    assert "64 to 160 evaluations per trial" in said
    exact = observer(models, "janus").cost(small.trials(0)[0])
    assert exact.n_evaluations == (16, 16)


def test_bfloat16_changes_decisions_only_where_they_are_near(models, small):
    """Nearer than rounding moves leads in trials whose decision stays."""
    trials = [evolve(trial, choices=("cat", "dog", "oven")) for trial in small.trials(0)]
    exact, rounded = (
        np.array(
            [r.evidence for r in observer(models, "sd14", schedule="exhaustive", draws=8, dtype=dtype).observe(trials)]
        )
        for dtype in ("float32", "bfloat16")
    )
    rows, (second, best) = np.arange(len(trials)), np.argsort(exact, axis=1)[:, -2:].T
    lead, lead_rounded = (evidence[rows, best] - evidence[rows, second] for evidence in (exact, rounded))
    same = rounded.argmax(axis=1) == best
    assert same.mean() > 0.5
    usual = np.abs(lead_rounded - lead)[same].max()
    assert usual > 0
    assert (lead[~same] <= usual).all()
