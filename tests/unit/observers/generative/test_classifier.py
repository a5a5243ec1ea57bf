"""Generative observers of all families: contract, restoration, seeds, sessions of earlier versions, and cost."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from analysis.io.frame import read_trials
from core.errors import LogError, UnknownName, UserError
from experiments.experiment import Experiment
from experiments.running.estimate import estimate
from experiments.running.session import run
from observers.check import check_observer
from observers.generative.classifier import GenerativeClassifier
from observers.protocol import ObserverError, Restoration
from observers.registry import make_observer, options_of_observer
from tests.unit.observers.generative import tiny_autoregressive, tiny_flow, tiny_latent, tiny_masked, tiny_pixel
from tests.unit.observers.generative.toy import Toy

FAMILIES = {
    "sd14": (tiny_latent.save, "sd1"), "sdxl": (tiny_latent.save, "xl"), "if-m": (tiny_pixel.save, None),
    "sd3": (tiny_flow.save, "sd3"), "flux-dev": (tiny_flow.save, "flux-dev"), "janus": (tiny_autoregressive.save, "janus"),
    "emu3": (tiny_autoregressive.save, "emu3"), "amused-256": (tiny_masked.save, "256"),
}  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a function from the name of an observer to the folder of a tiny model of its family, saved on first use."""
    folders: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in folders:
            save, kind = FAMILIES[name]
            path = tmp_path_factory.mktemp("models") / name
            folders[name] = save(path, kind) if kind else save(path)
        return folders[name]

    return folder


def make_tiny(models, name, **more):
    """Return the observer of that name with tiny weights."""
    options = {"weights": str(models(name)), "device": "cpu"} | {key: str(value) for key, value in more.items()}
    sizes = {"emu3": {"size": "48"}, "flux-dev": {"size": "16"}}  # the default sizes would be slow
    defaults = sizes.get(name, {}) | ({} if name in ("janus", "emu3") else {"draws": "12"})
    return make_observer(name, defaults | options)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ("janus", "emu3")])
def test_reconstructions_differ_between_choices_and_draws_and_are_repeatable(name, models, small):
    observer, trial = make_tiny(models, name), small.trials(0)[0]
    reconstruction = reconstruct(observer, trial)
    k = len(trial.choices)
    assert reconstruction.images.shape == (k, *reconstruction.damaged_image.shape)
    assert reconstruction.errors.shape == (k,) and (reconstruction.errors > 0).all()
    assert 0 <= reconstruction.images.min() < reconstruction.images.max() <= 1
    assert len({image.tobytes() for image in reconstruction.images}) > 1
    assert np.array_equal(reconstruct(observer, trial).images, reconstruction.images)
    assert not np.array_equal(reconstruct(observer, trial, 1).damaged_image, reconstruction.damaged_image)
    with pytest.raises(ObserverError, match="the draw must be a whole number, 0 or more, got -1"):
        Restoration(draw=-1)


def reconstruct(observer, trial, draw=0, **options):
    prompts = observer.prompts(trial.choices)
    return observer.reconstruct(trial.stimulus, prompts, Restoration(0.6, draw=draw, **options))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sd14", "if-m", "sd3", "flux-dev", "amused-256"])
def test_restoration_under_other_prompts_in_steps_and_with_guidance(name, models, small):
    """An image depends on no other prompt, steps and guidance change it, and its distance is that of the pixels."""
    observer, stimulus = make_tiny(models, name), small.trials(0)[0].stimulus
    prompts = ["an image of a duck", "an image of a rabbit", "a duck"]
    plain = observer.reconstruct(stimulus, prompts, Restoration(0.7, draw=2))
    for restoration in (
        Restoration(0.7, steps=4, draw=2), Restoration(0.7, guidance=3, draw=2), Restoration(0.7, 4, 3, 2),
    ):  # fmt: skip
        other = observer.reconstruct(stimulus, prompts, restoration)
        assert np.array_equal(other.damaged_image, plain.damaged_image)
        assert not np.array_equal(other.images, plain.images)
        alone = observer.reconstruct(stimulus, prompts[1:2], restoration)
        assert np.abs(alone.images[0] - other.images[1]).max() < 1e-3
        one_by_one = evolve(observer, batch_size=1).reconstruct(stimulus, prompts, restoration)
        assert np.abs(one_by_one.images - other.images).max() < 1e-3
    assert plain.input_image.shape == plain.damaged_image.shape
    assert plain.pixel_distance[1] == pytest.approx(np.sqrt(np.mean((plain.images[1] - plain.input_image) ** 2)))
    assert np.isnan(plain.latent_distance).all() == (name in ("if-m", "amused-256"))
    with pytest.raises(ObserverError, match="needs at least one prompt, and no prompt may be empty"):
        observer.reconstruct(stimulus, ["a duck", ""])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"strength": 0},
            r"the strength \(noise level or fraction of masked tokens\) must be above 0 and up to 1, got 0",
        ),
        ({"strength": 1.01}, "above 0 and up to 1, got 1.01"),
        ({"steps": 0}, "the number of steps must be 1 to 1000, got 0"),
        ({"guidance": -1}, r"the guidance scale must be 0 to 100 \(1 = off\), got -1"),
        ({"guidance": float("nan")}, r"the guidance scale must be 0 to 100 \(1 = off\), got nan"),
    ],
)
def test_invalid_restorations_are_refused(options, message):
    with pytest.raises(ObserverError, match=message):
        Restoration(**options)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_follows_the_contract(name, models, small):
    """Responses stay the same when repeated, in another order, one at a time, and with other numbers of rows per pass."""
    trials = [evolve(trial, choices=("cat", "dog", "oven")) for trial in small.trials(0)[:4]]
    observer = make_tiny(models, name, **({} if name in ("janus", "emu3") else {"draws": 8}))
    findings = check_observer(observer, trials)
    assert [f for f in findings if not f.passed] == []
    assert len(findings) >= 7
    responses = list(observer.observe(iter(trials)))
    for size in (1, 7, 50):
        again = list(evolve(observer, batch_size=size).observe(iter(trials)))
        for a, b in zip(responses, again, strict=True):
            assert (a.choice, a.n_evaluations) == (b.choice, b.n_evaluations)
            assert np.allclose(a.evidence, b.evidence, rtol=1e-6, atol=1e-6 * np.abs(a.evidence).max())
    assert observer.kind == "generative"
    assert observer.name == name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sd14", "if-m", "sd3", "amused-256"])
def test_exhaustive_responses_equal_a_double_loop(name, models, small):
    """Compare with a loop over choices and draws that scores one row per pass."""
    trial = evolve(small.trials(0)[3], choices=("cat", "dog", "oven"))
    observer = make_tiny(models, name, schedule="exhaustive", draws=6)
    (response,) = observer.observe(iter([trial]))
    scorer = observer.likelihood.scorer
    x = scorer.encode(trial.stimulus.pixels())
    means = []
    for choice in trial.choices:
        (conditioning,) = scorer.condition([f"A bad photo of a {choice}"])
        row = x[None], tuple(part[None] for part in conditioning)
        scores = [scorer.score(*row, np.array([draw])).item() for draw in range(6)]
        means.append(np.mean(scores))
    assert response.evidence == pytest.approx(means, rel=1e-5)
    assert response.choice == trial.choices[int(np.argmax(means))]
    assert response.n_evaluations == 18


def test_an_exact_likelihood_takes_one_evaluation_per_choice_and_perturbation(models, small):
    trial = small.trials(0)[0]
    (response,) = make_tiny(models, "janus").observe(iter([trial]))
    assert response.n_evaluations == 16
    (response,) = make_tiny(models, "janus", perturbations=3).observe(iter([trial]))
    assert response.n_evaluations == 48


@pytest.mark.slow
def test_the_sidecar_records_the_options_and_the_provenance(models, small, tmp_path):
    part = Experiment("part", small.stimuli.where(lambda s: s.id.startswith("cat")), small.choices)
    log = run(part, make_tiny(models, "sd14", device="cpu"), tmp_path, limit=1)
    sidecar = json.loads(log.with_suffix(".json").read_text())
    saved = sidecar["identity"]["observer"]["options"]
    assert saved["likelihood"]["class"] == "LatentDiffusion"
    assert saved["likelihood"]["source"] == {
        "class": "Source", "model": "CompVis/stable-diffusion-v1-4",
        "revision": "133a221b8aa7292a167afc5127cb63fb5005638b", "weights": "sd14",
    }  # fmt: skip
    assert saved["likelihood"]["objective"] == {
        "class": "Objective", "weighting": "exp", "loss": "l2", "allocation": None, "seed": 0, "levels": "0:1",
    }  # fmt: skip
    assert saved["likelihood"]["compute"] == {"class": "Compute", "dtype": "auto"}
    assert (saved["template"], saved["schedule"], saved["draws"]) == ("A bad photo of a {}", "racing", 12)
    assert "batch_size" not in saved
    assert sidecar["provenance"].keys() == {"repository", "weights", "sha256", "device", "dtype", "evidence"}
    run(part, make_tiny(models, "sd14", batch_size=3), tmp_path)  # runtime options may change
    with pytest.raises(LogError, match="made with a different observer"):
        run(part, make_tiny(models, "sd14", weighting="uniform"), tmp_path)


@pytest.mark.parametrize("name", [*FAMILIES, "dit-xl-2-256", "edm-imagenet-64"])
def test_every_family_has_a_seed_of_its_draws(name):
    assert options_of_observer(name)["seed"].default == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["if-m", "amused-256"])
def test_another_seed_gives_other_draws(name, models, small):
    trial = small.trials(0)[0]
    evidence = [
        next(make_tiny(models, name, schedule="exhaustive", draws=3, **seed).observe([trial])).evidence.tolist()
        for seed in ({}, {"seed": 0}, {"seed": 1})
    ]
    assert evidence[0] == evidence[1] != evidence[2]


def without_error_rate_per(log):
    """Rewrite the sidecar of a log as a version without the option error_rate_per wrote it."""
    path = log.with_suffix(".json")
    sidecar = json.loads(path.read_text("utf-8"))
    del sidecar["identity"]["observer"]["options"]["error_rate_per"]
    path.write_text(json.dumps(sidecar), "utf-8")


@pytest.mark.slow
def test_a_session_with_error_rates_per_round_is_continued_only_with_that_option(models, small, tmp_path):
    part = evolve(small, stimuli=small.stimuli.where(lambda s: s.id.startswith("cat")))
    old = make_tiny(models, "if-m", error_rate_per="round")
    log = run(part, old, tmp_path, limit=1)
    without_error_rate_per(log)
    with pytest.raises(
        LogError, match=r"error_rate_per was round, is now race.*the session began, add -o error_rate_per=round"
    ):
        run(part, make_tiny(models, "if-m"), tmp_path)
    run(part, old, tmp_path)
    assert len(read_trials([log])) == len(part.stimuli.stimuli)
    with pytest.raises(LogError, match="error_rate_per was round, is now race"):
        run(part, make_tiny(models, "if-m"), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"schedule": "exhaustive"},
        {"anytime": True},
        {"anytime": True, "error_rate_per": "race"},
        {"schedule": "clark-jaini"},
    ],
)
def test_older_sessions_whose_rule_did_not_change_are_resumed(options, models, small, tmp_path):
    part = evolve(small, stimuli=small.stimuli.where(lambda s: s.id.startswith("cat")))
    observer = make_tiny(models, "if-m", draws=4, **options)
    log = run(part, observer, tmp_path, limit=1)
    without_error_rate_per(log)
    assert len(read_trials([run(part, observer, tmp_path)])) == len(part.stimuli.stimuli)
    assert evolve(GenerativeClassifier(Toy(), "toy"), schedule="exhaustive").error_rate_per is None


def test_the_error_rate_is_that_of_a_race_by_default(models):
    assert GenerativeClassifier(Toy(), "toy").error_rate_per == "race"
    for options in ({"schedule": "exhaustive"}, {"anytime": True}, {"schedule": "clark-jaini"}):
        assert evolve(GenerativeClassifier(Toy(), "toy"), **options) == GenerativeClassifier(Toy(), "toy", **options)
    assert make_tiny(models, "janus").error_rate_per is None  # its likelihood is exact, so there is no race
    with pytest.raises(ObserverError, match="error_rate_per must be race or round, got 'day'"):
        GenerativeClassifier(Toy(), "toy", error_rate_per="day")
    with pytest.raises(ObserverError, match="has its error rate per race: omit error_rate_per=round, or anytime"):
        GenerativeClassifier(Toy(), "toy", anytime=True, error_rate_per="round")


@pytest.mark.slow
def test_a_session_may_resume_with_the_commit_of_its_branch(tmp_path, monkeypatch, models, small):
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub/models--some--model"
    shutil.copytree(models("sd14"), repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(commit)
    part = Experiment("part", small.stimuli.where(lambda s: s.id.startswith("cat")), small.choices)
    options = {"device": "cpu", "draws": "4"}
    run(part, make_observer("latent:some/model", options), tmp_path, limit=1)
    run(part, make_observer("latent:some/model", options | {"revision": commit}), tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "fastest"}, "expected racing, exhaustive, clark-jaini or li, got 'fastest'"),
        (
            {"schedule": "li", "error_rate": "0.1"},
            "the schedule li does not have the option error_rate: its options are stages",
        ),
        ({"schedule": "li", "stages": "50x16,ten"}, "stages must be written as DRAWSxCHOICES"),
        ({"schedule": "exhaustive", "min_draws": "3"}, "the schedule exhaustive does not have the option min_draws"),
        ({"draws": "0"}, "draws must be 1 to 100,000, got 0"),
        ({"batch_size": "0"}, "batch_size must be 1 to 4096, got 0"),
        ({"loss": "l3"}, "expected l2, l1 or huber, got 'l3'"),
        ({"weighting": "steep"}, "no weighting is named 'steep'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"dtype": "int8"}, "expected auto, float32, float16 or bfloat16, got 'int8'"),
        ({"allocation": "none.csv"}, r"none\.csv cannot be read"),
    ],
)
def test_invalid_options_are_refused(options, message, models, small):
    trials = small.trials(0)[:1]
    with pytest.raises((UserError, UnknownName), match=message):
        list(make_observer("sd14", {"weights": str(models("sd14")), "device": "cpu"} | options).observe(iter(trials)))


@pytest.mark.slow
def test_the_estimated_cost_of_a_run(models, small, tmp_path):
    run_cost = estimate(small, make_tiny(models, "sd14", draws=10), tmp_path)
    assert run_cost.n_trials == len(small.stimuli)
    assert run_cost.cost.n_evaluations == (64, 160)
    assert 64 <= run_cost.n_evaluations <= 160
    assert run_cost.seconds == pytest.approx(run_cost.n_evaluations * run_cost.cost.seconds)
    assert run_cost.cost.batch_size == 16
    assert not list(tmp_path.iterdir())
    assert "64 to 160 evaluations per trial" in "\n".join(run_cost.sentences())
    exact = make_tiny(models, "janus").cost(small.trials(0)[0])
    assert exact.n_evaluations == (16, 16)


@pytest.mark.slow
def test_bfloat16_changes_only_close_decisions(models, small):
    """Where a decision changes, its lead is below the largest rounding error of a lead in trials with the same decision."""
    trials = [evolve(trial, choices=("cat", "dog", "oven")) for trial in small.trials(0)]
    options = {"schedule": "exhaustive", "draws": 8}
    exact, rounded = (
        np.array([r.evidence for r in make_tiny(models, "sd14", dtype=dtype, **options).observe(trials)])
        for dtype in ("float32", "bfloat16")
    )
    rows, (second, best) = np.arange(len(trials)), np.argsort(exact, axis=1)[:, -2:].T
    lead, lead_rounded = (evidence[rows, best] - evidence[rows, second] for evidence in (exact, rounded))
    same = rounded.argmax(axis=1) == best
    assert same.mean() > 0.5
    rounding_error = np.abs(lead_rounded - lead)[same].max()
    assert rounding_error > 0
    assert (lead[~same] <= rounding_error).all()
