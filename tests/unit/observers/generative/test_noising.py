"""Noise levels, and equal scores for predictions of ε, x, v and a flow velocity that are equivalent."""

import numpy as np
import pytest
import torch

from core.errors import UnknownName
from observers.generative.draws import kronecker_sequence
from observers.generative.noise_levels import (
    PREDICTIONS,
    NoiseLevels,
    diffusion_levels,
    flow_levels,
    read_prediction,
)
from observers.generative.noising import Denoising, noise
from observers.generative.options import Objective
from observers.protocol import ObserverError, Restoration

SD = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
IF = {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 1000}
CPU = torch.device("cpu")
SHAPE = (3, 6, 5)


def alphas_cumprod_from_formula(settings):
    """Return ᾱ of a noise schedule, computed in plain Python from its formula."""
    n, total, values = settings["num_train_timesteps"], 1.0, []
    for i in range(n):
        if settings["beta_schedule"] == "scaled_linear":
            low, high = settings["beta_start"] ** 0.5, settings["beta_end"] ** 0.5
            beta = (low + (high - low) * i / (n - 1)) ** 2
        else:
            alpha_bar = [np.cos((step / n + 0.008) / 1.008 * np.pi / 2) ** 2 for step in (i, i + 1)]
            beta = min(1 - alpha_bar[1] / alpha_bar[0], 0.999)
        total *= 1 - beta
        values.append(total)
    return np.array(values)


@pytest.mark.parametrize("settings", [SD, IF])
def test_levels_follow_the_noise_schedule(settings):
    levels = diffusion_levels(settings | {"_class_name": "PNDMScheduler", "skip_prk_steps": True})
    alpha_bar = alphas_cumprod_from_formula(settings)
    assert np.allclose(levels.alpha**2, alpha_bar, rtol=2e-5)
    assert np.allclose(levels.sigma**2, 1 - alpha_bar, rtol=2e-4)
    assert levels.timesteps.tolist() == list(range(1000))
    assert levels.t[[0, 500, 999]].tolist() == [0, 0.5, 0.999]


def test_the_weight_of_the_paper_on_the_noise_error():
    """exp(−7t)/SNR is nearly flat on SD's schedule except at low t, and grows very large at the end of a cosine schedule."""
    levels = diffusion_levels(SD)
    weight = np.exp(-7 * levels.t) / levels.snr
    published = {0: 0.0009, 50: 0.036, 100: 0.059, 200: 0.081, 500: 0.079, 800: 0.097, 999: 0.196}
    assert weight[list(published)] == pytest.approx(list(published.values()), abs=0.0006)
    levels = diffusion_levels(IF)
    assert (np.exp(-7 * levels.t) / levels.snr)[[950, 990, 999]] == pytest.approx([0.22, 5.0, 3.8e5], rel=0.05)


def test_a_last_level_without_signal_is_excluded():
    levels = diffusion_levels(SD | {"rescale_betas_zero_snr": True})
    assert len(levels.t) == 999
    assert levels.timesteps[-1] == 998
    assert (levels.snr > 0).all()


def test_flow_levels_are_midpoints_of_equal_parts():
    levels = flow_levels(4)
    assert levels.t.tolist() == [0.125, 0.375, 0.625, 0.875]
    assert levels.alpha.tolist() == [0.875, 0.625, 0.375, 0.125]
    assert levels.timesteps.tolist() == [125, 375, 625, 875]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta_schedule": "secret"}, "does not define a known noise schedule"),
        ({"beta_schedule": "linear", "num_train_timesteps": 10**9}, "num_train_timesteps 1000000000: expected a whole"),
        (
            {"beta_schedule": "linear", "num_train_timesteps": "many"},
            "num_train_timesteps 'many': expected a whole number",
        ),
        ({"trained_betas": [0.1, 2.0]}, "defines betas that are not numbers from 0 to 1: download the file again"),
        ({"trained_betas": "x"}, "does not define a known noise schedule"),
        ({}, r"\(class not given\) does not contain betas: expected the noise schedule of a diffusion model"),
        (
            {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0},
            r"\(class FlowMatchEuler.*does not contain betas",
        ),
        ({"_class_name": "EDMEulerScheduler", "beta_schedule": "linear"}, r"\(class EDMEuler.*does not contain betas"),
    ],
)
def test_an_unknown_noise_schedule_is_refused(settings, message):
    with pytest.raises(ObserverError, match=message):
        diffusion_levels(settings)


def test_an_unknown_prediction_type_is_refused():
    assert read_prediction({}) is PREDICTIONS["epsilon"]
    with pytest.raises(
        ObserverError, match="prediction_type 'flow_prediction': expected epsilon, sample or v_prediction"
    ):
        read_prediction({"prediction_type": "flow_prediction"})


def rows(n: int = 12):
    draws = np.arange(n)
    images = torch.randn((n, *SHAPE), generator=torch.Generator().manual_seed(1))
    errors = 0.3 * torch.randn((n, *SHAPE), generator=torch.Generator().manual_seed(2))
    return draws, images, errors


def denoiser(prediction_type, levels, errors, images):
    """Return a network whose x̂ has the given errors, with predictions of the given type."""
    level_of = {float(np.float32(timestep)): i for i, timestep in enumerate(levels.timesteps)}

    def predict(noised, timesteps):
        i = [level_of[float(timestep)] for timestep in timesteps]
        a, s = (torch.tensor(v[i]).reshape(-1, 1, 1, 1) for v in (levels.alpha, levels.sigma))
        denoised = images.double() + errors.double()
        eps = (noised.double() - a * denoised) / s
        predictions = {
            "epsilon": eps, "sample": denoised, "v_prediction": a * eps - s * denoised, "flow": eps - denoised,
        }  # fmt: skip
        return predictions[prediction_type]

    return predict


@pytest.mark.parametrize("loss", ["l2", "l1", "huber"])
@pytest.mark.parametrize("weighting", ["exp", "uniform", "vdm"])
def test_all_prediction_types_give_the_same_scores(loss, weighting):
    levels = diffusion_levels(SD)
    draws, images, errors = rows()
    objective = Objective(weighting=weighting, loss=loss, seed=3)
    scores = {}
    for prediction_type in ("epsilon", "sample", "v_prediction"):
        denoising = Denoising(levels, PREDICTIONS[prediction_type], objective, CPU)
        predict = denoiser(prediction_type, levels, errors, images)
        scores[prediction_type] = denoising.score(images, draws, predict).numpy()
    i = denoising.levels_of(draws)
    w = {"exp": np.exp(-7 * levels.t), "uniform": levels.snr, "vdm": -np.diff(levels.snr, prepend=levels.snr[0]) * 500}
    weight, snr, error = w[weighting][i], levels.snr[i], errors.flatten(1).double().numpy()
    eps_error = error * np.sqrt(snr)[:, None]
    if loss == "l2":
        expected = weight * (error**2).sum(1)
    elif loss == "l1":
        expected = weight / snr * np.abs(eps_error).sum(1)
    else:
        size = np.abs(eps_error)
        expected = weight / snr * np.where(size < 1, size**2 / 2, size - 0.5).sum(1)
    for prediction_type, values in scores.items():
        assert values == pytest.approx(-expected, rel=2e-5), prediction_type


@pytest.mark.parametrize("loss", ["l2", "l1", "huber"])
def test_flow_and_diffusion_with_the_same_levels_give_the_same_scores(loss):
    levels = flow_levels()
    draws, images, errors = rows()
    scores = [
        Denoising(levels, PREDICTIONS[t], Objective(loss=loss), CPU).score(
            images, draws, denoiser(t, levels, errors, images)
        )
        for t in ("flow", "sample", "epsilon")
    ]
    assert torch.allclose(scores[0], scores[1], rtol=1e-5)
    assert torch.allclose(scores[0], scores[2], rtol=1e-5)


def test_clamping_bounds_the_scores_at_the_end_of_a_cosine_schedule():
    levels = diffusion_levels(IF)
    last = NoiseLevels(*(part[-1:] for part in (levels.t, levels.alpha, levels.sigma, levels.timesteps)))
    images = torch.rand((2, *SHAPE)) * 2 - 1

    def half_precision(noised, timesteps):
        return ((noised - last.alpha[0] * images) / last.sigma[0]).to(torch.bfloat16)

    clamped = Denoising(last, PREDICTIONS["epsilon"], Objective(), CPU, clamp=True).score(
        images, np.arange(2), half_precision
    )
    unclamped = Denoising(last, PREDICTIONS["epsilon"], Objective(), CPU).score(images, np.arange(2), half_precision)
    n = images[0].numel()
    assert (clamped.abs() <= np.exp(-7 * 0.999) * 4 * n).all()
    assert (unclamped.abs() > clamped.abs() * 100).all()


def test_the_draws_of_a_seed_are_those_of_earlier_versions():
    """Sessions of earlier versions are resumed, so the noise of a seed must never change."""
    expected = {
        (0, 0): [-0.64359456, -1.12240267, 0.34250021], (0, 1): [0.94329035, 0.08834057, 0.12138648],
        (1, 0): [0.66937816, -0.08110865, -0.07934531], (1, 1): [-1.3218466, -0.07801613, 0.86607051],
    }  # fmt: skip
    for (seed, draw), values in expected.items():
        assert noise(seed, draw, (3,)).tolist() == pytest.approx(values, abs=1e-7)
    assert kronecker_sequence(np.arange(2), 0).tolist() == pytest.approx([0.88973879, 0.50777278], abs=1e-8)
    assert kronecker_sequence(np.arange(2), 1).tolist() == pytest.approx([0.33187239, 0.94990638], abs=1e-8)


def test_noise_depends_only_on_seed_and_draw():
    assert torch.equal(noise(0, 5, SHAPE), noise(0, 5, SHAPE))
    assert not torch.equal(noise(0, 5, SHAPE), noise(0, 6, SHAPE))
    assert not torch.equal(noise(0, 5, SHAPE), noise(1, 5, SHAPE))
    assert noise(0, 5, (100, 100)).std() == pytest.approx(1, abs=0.02)


def test_the_noise_cache_is_bounded_and_does_not_change_scores(monkeypatch):
    levels = diffusion_levels(SD)
    draws, images, errors = rows()
    unlimited = Denoising(levels, PREDICTIONS["sample"], Objective(), CPU)
    expected = unlimited.score(images, draws, denoiser("epsilon", levels, errors, images))
    monkeypatch.setattr("observers.generative.noising.MAX_NOISE", 4 * images[0].numel() * 5)
    limited = Denoising(levels, PREDICTIONS["sample"], Objective(), CPU)
    for _ in range(2):
        assert torch.equal(limited.score(images, draws, denoiser("epsilon", levels, errors, images)), expected)
    assert len(limited._noise) <= 5
    assert len(unlimited._noise) == 12


def test_an_allocation_does_not_change_the_mean(tmp_path):
    path = tmp_path / "share.csv"
    path.write_text("t,density\n.125,1\n.375,4\n.625,2\n.875,1\n")
    levels, draws = diffusion_levels(SD), np.arange(4000)
    even, uneven = (Denoising(levels, PREDICTIONS["epsilon"], Objective(allocation=p), CPU) for p in (None, path))
    share = np.bincount(uneven.levels_of(draws) // 250, minlength=4) / 4000
    assert share == pytest.approx([0.125, 0.5, 0.25, 0.125], abs=0.002)
    loss = (1 + levels.t) ** 2  # a made-up loss for each level
    means = [(d.loss_factors(d.levels_of(draws)) * loss[d.levels_of(draws)]).mean() for d in (even, uneven)]
    exact = (np.exp(-7 * levels.t) / levels.snr * loss).mean()
    assert means == pytest.approx([exact, exact], rel=2e-3)
    assert uneven.provenance()["allocation_sha256"]


def test_a_weighting_from_a_users_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import numpy as np\ndef flat(t, snr): return np.ones(len(t))\ndef bad(t, snr): return t - 0.5\n")
    denoising = Denoising(diffusion_levels(SD), PREDICTIONS["sample"], Objective(weighting=f"{path}:flat"), CPU)
    assert denoising.loss_factors(denoising.levels_of(np.arange(5))).tolist() == [1] * 5
    assert len(denoising.provenance()["weighting_sha256"]) == 64
    with pytest.raises(ObserverError, match=r"bad must return finite weights of 0 or more"):
        Denoising(diffusion_levels(SD), PREDICTIONS["sample"], Objective(weighting=f"{path}:bad"), CPU)
    with pytest.raises(UnknownName, match=r"no weighting is named 'expp': did you mean exp\?"):
        Denoising(diffusion_levels(SD), PREDICTIONS["sample"], Objective(weighting="expp"), CPU)


def network(noised, timesteps):
    """Return made-up predictions that depend on the image and on the time."""
    return 0.7 * noised.tanh() + 0.002 * timesteps.reshape(-1, 1, 1, 1) * noised.roll(1, -1)


@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("clamp", [False, True])
def test_restoration_equals_ddim(prediction_type, clamp):
    """Go from level 900 down in steps of 100; the last x̂ is the scheduler's at level 100."""
    from diffusers import DDIMScheduler

    levels = diffusion_levels(IF)
    images = noise(1, 0, (2, *SHAPE)).clamp(-1, 1)
    denoising = Denoising(levels, PREDICTIONS[prediction_type], Objective(seed=5), CPU, clamp=clamp)
    noised, denoised = denoising.restore(images, Restoration(0.9, steps=9, draw=3), network)
    scheduler = DDIMScheduler(**IF, prediction_type=prediction_type, clip_sample=clamp, steps_offset=0)
    scheduler.set_timesteps(10)
    eps = noise(5, 3, SHAPE).expand(2, *SHAPE)
    assert torch.allclose(noised, scheduler.add_noise(images, eps, torch.tensor([900, 900])), atol=1e-5)
    x = noised
    for t in range(900, 0, -100):
        step = scheduler.step(network(x, torch.full((2,), float(t))), t, x, use_clipped_model_output=True)
        x, expected = step.prev_sample, step.pred_original_sample
    assert torch.allclose(denoised, expected, atol=1e-5, rtol=1e-4)


def test_restoration_along_a_flow_equals_eulers_method():
    from diffusers import FlowMatchEulerDiscreteScheduler

    levels, images = flow_levels(), noise(1, 0, (2, *SHAPE))
    denoising = Denoising(levels, PREDICTIONS["flow"], Objective(seed=5), CPU)
    noised, denoised = denoising.restore(images, Restoration(0.8, steps=5, draw=3), network)
    first = int(np.abs(levels.t - 0.8).argmin())
    sigmas = levels.t[[round(first * (1 - i / 5)) for i in range(5)]]
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=sigmas)
    x = noised
    for t in scheduler.timesteps:
        x = scheduler.step(network(x, t.expand(2)), t, x).prev_sample
    assert torch.allclose(denoised, x, atol=1e-4)


def test_guidance_extrapolates_from_the_empty_prompt_beyond_the_prompt():
    denoising = Denoising(diffusion_levels(SD), PREDICTIONS["epsilon"], Objective(), CPU)
    images, calls = noise(1, 0, (2, *SHAPE)), []

    def predict_empty(noised, timesteps):
        calls.append(len(noised))
        return noised.tanh()

    prompted, unprompted = (denoising.restore(images, Restoration(0.6), p)[1] for p in (network, predict_empty))
    guided = denoising.restore(images, Restoration(0.6, guidance=4), network, predict_empty)[1]
    assert torch.allclose(guided, unprompted + 4 * (prompted - unprompted), atol=1e-4)
    calls.clear()
    assert torch.equal(denoising.restore(images, Restoration(0.6), network, predict_empty)[1], prompted)
    assert calls == []
