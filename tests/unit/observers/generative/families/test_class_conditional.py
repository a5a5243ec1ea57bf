"""DiT and EDM: scores equal plain loops over diffusers, joining rules, restoration, and sessions with 1,000 choices."""

import shutil

import numpy as np
import pytest
import torch
from attrs import evolve
from PIL import Image

from core.errors import UnknownName
from experiments.experiment import Experiment
from experiments.identity import observer_identity
from experiments.running.session import run
from experiments.sets.folder import from_folder
from observers.check import check_observer
from observers.generative.allocation_pilot import estimate_allocation
from observers.generative.classifier import GenerativeClassifier
from observers.generative.families.class_conditional import ClassConditional
from observers.generative.noising import noise
from observers.generative.options import Source
from observers.generative.preprocessing import crop_and_resize, resize_and_crop
from observers.protocol import ObserverError, Restoration
from observers.registry import make_observer, options_of_observer
from stimuli.categories import CATEGORIES, IMAGENET_CLASSES
from stimuli.imagenet import WORDNET_IDS
from stimuli.images import save_image
from tests.unit.observers.generative.tiny_classes import CLASSES, make_tiny


def image_of(trial, size):
    """Return the image in −1..1 that a model of this size receives, for stimuli of 224 pixels."""
    image = Image.fromarray(trial.stimulus.pixels())
    while image.width >= 2 * size:
        image = image.resize((image.width // 2, image.width // 2), Image.Resampling.BOX)
    image = image.resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(image, dtype=np.float32)).permute(2, 0, 1)[None] / 127.5 - 1


def exhaustive_evidence(models, name, trial, **options):
    observer = make_tiny(models, name, schedule="exhaustive", **options)
    (response,) = observer.observe(iter([trial]))
    return response.evidence


@pytest.mark.slow
def test_dit_scores_equal_a_plain_loop(models, trial):
    """Li et al.: the mean over t = 2, 6, … of ‖ε − ε̂‖², where ε̂ is the first half of the channels."""
    from diffusers import AutoencoderKL, DDPMScheduler, DiTTransformer2DModel

    network = DiTTransformer2DModel.from_pretrained(models / "dit" / "transformer").eval()
    autoencoder = AutoencoderKL.from_pretrained(models / "dit" / "vae").eval()
    schedule = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear", beta_start=1e-4, beta_end=0.02)
    errors = np.zeros(len(CLASSES))
    with torch.no_grad():
        x = autoencoder.encode(image_of(trial, 16)).latent_dist.mean * 0.18215
        order = np.argsort(np.argsort(make_tiny(models, "dit").likelihood.scorer.positions(np.arange(250))))
        for draw, level in enumerate(order):
            t, eps = torch.tensor([4 * int(level) + 2]), noise(0, draw, tuple(x.shape[1:]))[None]
            noised = schedule.add_noise(x, eps, t)
            for i, number in enumerate(CLASSES):
                out = network(noised, t, class_labels=torch.tensor([number])).sample
                assert out.shape[1] == 8
                errors[i] += (out[:, :4] - eps).square().sum().item() / 250
    evidence = exhaustive_evidence(models, "dit", trial, draws=250, timesteps="li")
    assert evidence == pytest.approx(-errors, rel=1e-5)
    assert np.ptp(errors) > 1e-3 * errors.mean()


def test_edm_scores_equal_a_plain_loop(models, trial):
    from diffusers import UNet2DModel

    network = UNet2DModel.from_pretrained(models / "edm" / "unet").eval()
    x, errors = image_of(trial, 16), np.zeros(len(CLASSES))
    positions = make_tiny(models, "edm").likelihood.scorer.positions(np.arange(12))
    normal = torch.distributions.Normal(torch.tensor(-1.2, dtype=torch.float64), torch.tensor(1.2, dtype=torch.float64))
    with torch.no_grad():
        for draw, u in enumerate(positions):
            quantile = torch.tensor((np.floor(u * 1000) + 0.5) / 1000, dtype=torch.float64)
            sigma = normal.icdf(quantile).exp().float()
            noised = x + sigma * noise(0, draw, (3, 16, 16))[None]
            for i, number in enumerate(CLASSES):
                scale = (sigma**2 + 0.25).sqrt()
                out = network(noised / scale, 250 * sigma.log()[None], class_labels=torch.tensor([number])).sample
                denoised = 0.25 / scale**2 * noised + sigma * 0.5 / scale * out
                errors[i] += ((denoised.clamp(-1, 1) - x).square().sum() / sigma**2).item() / 12
    evidence = exhaustive_evidence(models, "edm", trial, draws=12)
    assert evidence == pytest.approx(-errors, rel=1e-5)
    assert np.ptp(errors) > 1e-3 * errors.mean()


@pytest.mark.parametrize("name", ["EDMEulerScheduler", "EDMDPMSolverMultistepScheduler"])
def test_edm_with_the_schedulers_of_diffusers(models, tmp_path, trial, name):
    """The network gets the time ln σ / 4, and the scores equal those with the preconditioning of the scheduler."""
    import diffusers

    shutil.copytree(models / "edm", tmp_path / "edm")
    scheduler = getattr(diffusers, name)()
    scheduler.save_pretrained(tmp_path / "edm" / "scheduler")
    network = diffusers.UNet2DModel.from_pretrained(models / "edm" / "unet").eval()
    backbone = make_tiny(tmp_path, "edm").likelihood.scorer.backbone
    levels = backbone.noise_schedule()[0]
    noised = image_of(trial, 16) + noise(0, 0, (3, 16, 16))[None]
    for level in (100, 500, 900):
        sigma, label = torch.tensor(levels.sigma[level]).float(), torch.tensor([207])
        with torch.no_grad():
            time = scheduler.precondition_noise(sigma).reshape(1)
            out = network(scheduler.precondition_inputs(noised, sigma), time, class_labels=label).sample
            expected = scheduler.precondition_outputs(noised, out, sigma)
            timesteps = torch.tensor([levels.timesteps[level]]).float()
            denoised = backbone.predict(noised, timesteps, (label,), 1.0)
        assert torch.allclose(denoised, expected, atol=1e-5)
        assert not torch.allclose(out, network(noised, 1000 * time, class_labels=label).sample, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("join", ["log-mean-exp", "mean", "max"])
def test_the_decision_equals_a_plain_loop_over_the_classes_of_each_choice(models, small, join):
    trial = evolve(small.trials(0)[1], choices=("bear", "cat", "keyboard", "golden retriever"))
    observer = make_tiny(models, "dit", schedule="exhaustive", draws=6, join=join)
    (response,) = observer.observe(iter([trial]))
    scorer = observer.likelihood.scorer
    x, evidence = scorer.encode(trial.stimulus.pixels()), []
    for numbers in (*(IMAGENET_CLASSES[choice] for choice in trial.choices[:3]), (207,)):
        means = []
        for (label,) in scorer.condition([str(number) for number in numbers]):
            means.append(np.mean([scorer.score(x[None], (label[None],), np.array([d])).item() for d in range(6)]))
        log_mean_exp = max(means) + np.log(np.mean(np.exp(np.array(means) - max(means))))
        evidence.append({"max": max(means), "mean": np.mean(means), "log-mean-exp": log_mean_exp}[join])
    assert response.evidence == pytest.approx(evidence, rel=1e-5)
    assert response.choice == trial.choices[int(np.argmax(evidence))]
    assert response.n_evaluations == 6 * (4 + 6 + 2 + 1)


@pytest.mark.slow
def test_races_give_the_decisions_of_all_draws_with_fewer_evaluations(models, small):
    trials = small.trials(0)[:2]
    for join in ("mean", "max", "log-mean-exp"):
        race = list(make_tiny(models, "dit", draws=16, join=join).observe(iter(trials)))
        full = list(make_tiny(models, "dit", draws=16, join=join, schedule="exhaustive").observe(iter(trials)))
        assert [r.choice for r in race] == [r.choice for r in full]
        assert all(r.n_evaluations < 16 * 207 and np.isfinite(r.evidence).all() for r in race)
        observer = make_tiny(models, "dit", draws=16, join=join)
        assert observer.cost(trials[0]).n_evaluations == (4 * 207, 16 * 207)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dit", "edm"])
def test_the_contract(models, small, name):
    trials = [evolve(t, choices=("cat", "oven", "car")) for t in small.trials(0)[:3]]
    observer = make_tiny(models, name, draws=8)
    assert [finding for finding in check_observer(observer, trials) if not finding.passed] == []
    assert (observer.kind, observer.name, observer.provenance()["evidence"].partition(",")[0]) == (
        "generative", name, "weighted squared error",
    )  # fmt: skip


def test_the_null_class_and_label_dropout(models):
    """The null class is the last row of the table of every block, and no label is dropped at random."""
    scorer = make_tiny(models, "dit").likelihood.scorer
    assert [int(label) for (label,) in scorer.condition(["207", "", "0"])] == [207, 1000, 0]
    network = scorer.backbone._network
    tables = [block.norm1.emb.class_embedder for block in network.transformer_blocks]
    assert [len(table.embedding_table.weight) for table in tables] == [1001, 1001]
    rows = torch.full((300,), 207), torch.zeros(300, 4, 8, 8), torch.full((300,), 5.0)
    predictions = scorer.backbone.predict(rows[1], rows[2], (rows[0],), 1.0)
    assert not network.training and len(torch.unique(predictions.flatten(1).round(decimals=4), dim=0)) == 1
    network.train()  # for comparison: every block drops one label in ten
    torch.manual_seed(0)
    dropped = scorer.backbone.predict(rows[1], rows[2], (rows[0],), 1.0)
    assert len(torch.unique(dropped.flatten(1).round(decimals=4), dim=0)) > 1
    network.eval()


def test_images_are_restored_under_classes(models, small):
    stimulus = small.trials(0)[0].stimulus
    observer = make_tiny(models, "dit")
    prompts = observer.prompts(["golden retriever", "cat"])
    assert prompts == ["golden retriever", "cat"] and observer.restores
    plain = observer.reconstruct(stimulus, prompts, Restoration(0.6))
    assert plain.images.shape == (2, 16, 16, 3)
    cats = observer.reconstruct(stimulus, [str(number) for number in IMAGENET_CLASSES["cat"]], Restoration(0.6))
    assert np.allclose(plain.images[1], cats.images[cats.errors.argmin()], atol=1e-4)
    guided = observer.reconstruct(stimulus, prompts, Restoration(0.6, guidance=4))
    assert not np.allclose(guided.images, plain.images, atol=1e-4)
    observer.reconstruct(stimulus, ["dog", "golden retriever"])  # choices of trials must not overlap, but prompts may
    with pytest.raises(ObserverError, match="no class is named 'a duck'"):
        observer.reconstruct(stimulus, ["a duck"])
    edm, prompts = make_tiny(models, "edm"), ["207", "cat"]  # its classes do not have names
    assert edm.reconstruct(stimulus, prompts, Restoration(0.6, steps=3)).images.shape == (2, 16, 16, 3)
    with pytest.raises(ObserverError, match="lacks a null class, so guidance is not possible: omit --guidance"):
        edm.reconstruct(stimulus, prompts, Restoration(0.6, guidance=4))


def test_preprocessing_is_that_of_the_training():
    rng = np.random.default_rng(0)
    square = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    for size in (256, 512, 224, 113):
        assert torch.equal(resize_and_crop(square, size), crop_and_resize(square, size))
    assert torch.equal(resize_and_crop(square, 64), image_of_pixels(square, 64))
    wide = rng.integers(0, 256, (300, 501, 3), dtype=np.uint8)
    assert resize_and_crop(wide, 256).shape == (3, 256, 256)
    resized = np.asarray(Image.fromarray(wide).resize((428, 256), Image.Resampling.BICUBIC))[:, 86:342]
    assert np.abs((resize_and_crop(wide, 256).permute(1, 2, 0).numpy() + 1) * 127.5 - resized).max() < 1e-3


def test_an_image_that_would_not_fit_into_memory_is_refused():
    """Its shorter side is resized first: at 64 pixels, an image of 1 × 20,000 pixels would have 82 million pixels."""
    narrow = np.zeros((20_000, 1, 3), dtype=np.uint8)
    with pytest.raises(
        ObserverError, match="an image of 1 × 20000 pixels is too narrow to be resized to 64 pixels and"
    ):
        resize_and_crop(narrow, 64)
    assert resize_and_crop(narrow[:2000], 64).shape == (3, 64, 64)


def image_of_pixels(pixels, size):
    half = Image.fromarray(pixels).resize((112, 112), Image.Resampling.BOX)
    small = np.asarray(half.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)
    return torch.from_numpy(small).permute(2, 0, 1).contiguous() / 127.5 - 1


@pytest.mark.slow
def test_an_experiment_with_a_thousand_choices(models, tmp_path):
    """A folder of images in 1,000 categories named by WordNet ids; a session that is resumed gives the same bytes."""
    rng = np.random.default_rng(0)
    for i, wordnet_id in enumerate(WORDNET_IDS):
        save_image(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), tmp_path / "thousand" / wordnet_id / f"{i}.png")
    experiment = from_folder(tmp_path / "thousand")
    assert experiment.choices == WORDNET_IDS
    observer = make_tiny(models, "dit", draws=4)
    log = run(experiment, observer, tmp_path / "whole", limit=3)
    header, *rows = log.read_text().splitlines()
    assert header.count("evidence_n") == 1000 and len(rows) == 3
    for limit in (1, 3):
        parts = run(experiment, observer, tmp_path / "parts", limit=limit)
    assert parts.read_bytes() == log.read_bytes()


def test_the_rule_is_part_of_the_identity_of_class_conditional_observers_only(models):
    identity = observer_identity(make_tiny(models, "dit"))["options"]["likelihood"]
    assert (identity["class"], identity["join"], identity["timesteps"], identity["objective"]["weighting"]) == (
        "ClassConditional", "log-mean-exp", "all", "uniform",
    )  # fmt: skip
    # A session of a text-to-image model that was started before there were classes has these options, except for
    # error_rate_per, prediction_type and levels, which are added when it is resumed.
    assert observer_identity(make_observer("sd14")) == {
        "name": "sd14", "kind": "generative", "class": "GenerativeClassifier", "file_sha256": None,
        "options": {
            "likelihood": {
                "class": "LatentDiffusion",
                "source": {
                    "class": "Source", "model": "CompVis/stable-diffusion-v1-4",
                    "revision": "133a221b8aa7292a167afc5127cb63fb5005638b", "weights": None,
                },
                "compute": {"class": "Compute", "dtype": "auto"},
                "objective": {
                    "class": "Objective", "weighting": "exp", "loss": "l2", "allocation": None, "seed": 0,
                    "levels": "0:1",
                },
                "size": None, "prediction_type": None,
            },
            "name": "sd14", "template": "A bad photo of a {}", "schedule": "racing", "draws": None, "min_draws": None,
            "error_rate": None, "anytime": None, "error_rate_per": "race", "stages": None,
        },
    }  # fmt: skip


def test_prompts_and_templates_are_refused(models):
    assert "template" not in options_of_observer("dit-xl-2-256") and "template" in options_of_observer("sd14")
    with pytest.raises(UnknownName, match="no option of dit-xl-2-256 is named 'template'"):
        make_observer("dit-xl-2-256", template="a {}")
    with pytest.raises(
        ObserverError, match="x has its own conditions for each choice, such as classes, and does not use a template"
    ):
        GenerativeClassifier(ClassConditional(Source("x/y")), "x", template="a sketch of a {}")


def test_an_allocation_is_estimated_for_classes(models, small):
    trials = [evolve(t, choices=("cat", "car", "oven")) for t in small.trials(0)[:2]]
    for join in ("mean", "max"):
        allocation, fraction = estimate_allocation(make_tiny(models, "dit", join=join), trials, 40)
        assert allocation.density.mean() == pytest.approx(1) and 0 < fraction <= 1


def test_all_sixteen_categories_can_be_asked(models, small):
    experiment = Experiment("part", small.stimuli, CATEGORIES)
    (response,) = make_tiny(models, "edm", draws=4).observe(iter(experiment.trials(0)[:1]))
    assert response.choice in CATEGORIES and response.evidence.shape == (16,)
