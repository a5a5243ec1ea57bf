"""Noise levels, and that predictions of ε, x, v and of a flow are scored alike where they say the same."""

import numpy as np
import pytest
import torch

from observers.generative.noising import Denoising, NoiseLevels, diffusion_levels, flow_levels, noise, read_prediction_type
from observers.generative.options import Objective
from observers.protocol import ObserverError, Restoration
from stimuli.errors import UnknownName

SD = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
IF = {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 1000}
CPU = torch.device("cpu")
SHAPE = (3, 6, 5)


def by_hand(settings):
    """ᾱ of a schedule in plain Python, from its formula."""
    n, total, out = settings["num_train_timesteps"], 1.0, []
    for i in range(n):
        if settings["beta_schedule"] == "scaled_linear":
            low, high = settings["beta_start"] ** 0.5, settings["beta_end"] ** 0.5
            beta = (low + (high - low) * i / (n - 1)) ** 2
        else:
            bar = [np.cos((step / n + 0.008) / 1.008 * np.pi / 2) ** 2 for step in (i, i + 1)]
            beta = min(1 - bar[1] / bar[0], 0.999)
        total *= 1 - beta
        out.append(total)
    return np.array(out)


@pytest.mark.parametrize("settings", [SD, IF])
def test_levels_are_those_of_the_schedule(settings):
    levels = diffusion_levels(settings | {"_class_name": "PNDMScheduler", "skip_prk_steps": True})
    bar = by_hand(settings)
    assert np.allclose(levels.alpha**2, bar, rtol=2e-5)
    assert np.allclose(levels.sigma**2, 1 - bar, rtol=2e-4)
    assert levels.timesteps.tolist() == list(range(1000))
    assert levels.t[[0, 500, 999]].tolist() == [0, 0.5, 0.999]


def test_the_papers_weight_on_the_noise_error():
    """exp(−7t)/SNR on SD's schedule is nearly flat, but for low t, and explodes at the end of a cosine schedule."""
    levels = diffusion_levels(SD)
    weight = np.exp(-7 * levels.t) / levels.snr
    published = {0: 0.0009, 50: 0.036, 100: 0.059, 200: 0.081, 500: 0.079, 800: 0.097, 999: 0.196}
    assert weight[list(published)] == pytest.approx(list(published.values()), abs=0.0006)
    levels = diffusion_levels(IF)
    assert (np.exp(-7 * levels.t) / levels.snr)[[950, 990, 999]] == pytest.approx([0.22, 5.0, 3.8e5], rel=0.05)


def test_a_schedule_that_ends_without_signal_ends_one_level_sooner():
    levels = diffusion_levels(SD | {"rescale_betas_zero_snr": True})
    assert len(levels.t) == 999
    assert levels.timesteps[-1] == 998
    assert (levels.snr > 0).all()


def test_levels_of_a_flow_lie_in_the_middle_of_equal_parts():
    levels = flow_levels(4)
    assert levels.t.tolist() == [0.125, 0.375, 0.625, 0.875]
    assert levels.alpha.tolist() == [0.875, 0.625, 0.375, 0.125]
    assert levels.timesteps.tolist() == [125, 375, 625, 875]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"beta_schedule": "secret"}, "no noise levels that are known"),
        ({"beta_schedule": "linear", "num_train_timesteps": 10**9}, "num_train_timesteps is 1000000000"),
        ({"beta_schedule": "linear", "num_train_timesteps": "many"}, "no noise levels that are known"),
        ({"trained_betas": "x"}, "no noise levels that are known"),
        ({}, "of no class, has no betas: expected the schedule of a diffusion model"),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}, "of FlowMatchEuler.*has no betas"),
        ({"_class_name": "EDMEulerScheduler", "beta_schedule": "linear"}, "of EDMEuler.*has no betas"),
    ],
)
def test_a_schedule_that_is_not_known_is_refused(settings, said):
    with pytest.raises(ObserverError, match=said):
        diffusion_levels(settings)


def test_a_form_that_is_not_known_is_refused():
    assert read_prediction_type({}) == "epsilon"
    with pytest.raises(ObserverError, match="prediction_type 'flow_prediction': expected epsilon, sample or v_pred"):
        read_prediction_type({"prediction_type": "flow_prediction"})


def rows(n: int = 12):
    draws = np.arange(n)
    images = torch.randn((n, *SHAPE), generator=torch.Generator().manual_seed(1))
    off = 0.3 * torch.randn((n, *SHAPE), generator=torch.Generator().manual_seed(2))
    return draws, images, off


def denoiser(form, levels, off, images):
    """A network whose x̂ is `off` from the image, in the words of `form`."""
    at = {float(np.float32(step)): i for i, step in enumerate(levels.timesteps)}

    def predict(noised, steps):
        i = [at[float(step)] for step in steps]
        a, s = (torch.tensor(v[i]).reshape(-1, 1, 1, 1) for v in (levels.alpha, levels.sigma))
        denoised = images.double() + off.double()
        eps = (noised.double() - a * denoised) / s
        return {"epsilon": eps, "sample": denoised, "v_prediction": a * eps - s * denoised, "flow": eps - denoised}[
            form
        ]

    return predict


@pytest.mark.parametrize("loss", ["l2", "l1", "huber"])
@pytest.mark.parametrize("weighting", ["exp", "uniform", "vdm"])
def test_all_forms_of_one_model_score_alike(loss, weighting):
    levels = diffusion_levels(SD)
    draws, images, off = rows()
    objective = Objective(weighting=weighting, loss=loss, seed=3)
    found = {}
    for form in ("epsilon", "sample", "v_prediction"):
        denoising = Denoising(levels, form, objective, CPU)
        found[form] = denoising.score(images, draws, denoiser(form, levels, off, images)).numpy()
    i = denoising.levels_of(draws)
    w = {"exp": np.exp(-7 * levels.t), "uniform": levels.snr, "vdm": -np.diff(levels.snr, prepend=levels.snr[0]) * 500}
    weight, snr, error = w[weighting][i], levels.snr[i], off.flatten(1).double().numpy()
    eps_error = error * np.sqrt(snr)[:, None]
    if loss == "l2":
        expected = weight * (error**2).sum(1)
    elif loss == "l1":
        expected = weight / snr * np.abs(eps_error).sum(1)
    else:
        size = np.abs(eps_error)
        expected = weight / snr * np.where(size < 1, size**2 / 2, size - 0.5).sum(1)
    for form, scores in found.items():
        assert scores == pytest.approx(-expected, rel=2e-5), form


@pytest.mark.parametrize("loss", ["l2", "l1", "huber"])
def test_a_flow_and_the_diffusion_of_the_same_levels_score_alike(loss):
    levels = flow_levels()
    draws, images, off = rows()
    scores = [
        Denoising(levels, form, Objective(loss=loss), CPU).score(images, draws, denoiser(form, levels, off, images))
        for form in ("flow", "sample", "epsilon")
    ]
    assert torch.allclose(scores[0], scores[1], rtol=1e-5)
    assert torch.allclose(scores[0], scores[2], rtol=1e-5)


def test_clamping_makes_the_end_of_a_cosine_schedule_harmless():
    levels = diffusion_levels(IF)
    last = NoiseLevels(*(part[-1:] for part in (levels.t, levels.alpha, levels.sigma, levels.timesteps)))
    images = torch.rand((2, *SHAPE)) * 2 - 1

    def half_precise(noised, steps):
        return ((noised - last.alpha[0] * images) / last.sigma[0]).to(torch.bfloat16)

    clamped = Denoising(last, "epsilon", Objective(), CPU, clamp=True).score(images, np.arange(2), half_precise)
    free = Denoising(last, "epsilon", Objective(), CPU).score(images, np.arange(2), half_precise)
    n = images[0].numel()
    assert (clamped.abs() <= np.exp(-7 * 0.999) * 4 * n).all()
    assert (free.abs() > clamped.abs() * 100).all()


def test_noise_belongs_to_seed_and_draw():
    assert torch.equal(noise(0, 5, SHAPE), noise(0, 5, SHAPE))
    assert not torch.equal(noise(0, 5, SHAPE), noise(0, 6, SHAPE))
    assert not torch.equal(noise(0, 5, SHAPE), noise(1, 5, SHAPE))
    assert noise(0, 5, (100, 100)).std() == pytest.approx(1, abs=0.02)


def test_noise_kept_is_bounded_and_changes_nothing(monkeypatch):
    levels = diffusion_levels(SD)
    draws, images, off = rows()
    free = Denoising(levels, "sample", Objective(), CPU)
    expected = free.score(images, draws, denoiser("epsilon", levels, off, images))
    monkeypatch.setattr("observers.generative.noising.MAX_NOISE", 4 * images[0].numel() * 5)
    tight = Denoising(levels, "sample", Objective(), CPU)
    for _ in range(2):
        assert torch.equal(tight.score(images, draws, denoiser("epsilon", levels, off, images)), expected)
    assert len(tight._noise) <= 5
    assert len(free._noise) == 12


def test_an_allocation_leaves_the_mean_as_it_is(tmp_path):
    path = tmp_path / "share.csv"
    path.write_text("t,density\n.125,1\n.375,4\n.625,2\n.875,1\n")
    levels, draws = diffusion_levels(SD), np.arange(4000)
    even, uneven = (Denoising(levels, "epsilon", Objective(allocation=p), CPU) for p in (None, path))
    share = np.bincount(uneven.levels_of(draws) // 250, minlength=4) / 4000
    assert share == pytest.approx([0.125, 0.5, 0.25, 0.125], abs=0.002)
    loss = (1 + levels.t) ** 2  # of each level
    means = [(d.loss_factors(d.levels_of(draws)) * loss[d.levels_of(draws)]).mean() for d in (even, uneven)]
    exact = (np.exp(-7 * levels.t) / levels.snr * loss).mean()
    assert means == pytest.approx([exact, exact], rel=2e-3)
    assert uneven.provenance()["allocation_sha256"]


def test_weighting_of_ones_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import numpy as np\ndef flat(t, snr): return np.ones(len(t))\ndef bad(t, snr): return t - 0.5\n")
    denoising = Denoising(diffusion_levels(SD), "sample", Objective(weighting=f"{path}:flat"), CPU)
    assert denoising.loss_factors(denoising.levels_of(np.arange(5))).tolist() == [1] * 5
    assert len(denoising.provenance()["weighting_sha256"]) == 64
    with pytest.raises(ObserverError, match=r"bad must give finite weights from 0 on"):
        Denoising(diffusion_levels(SD), "sample", Objective(weighting=f"{path}:bad"), CPU)
    with pytest.raises(UnknownName, match=r"no weighting named 'expp': did you mean exp\?"):
        Denoising(diffusion_levels(SD), "sample", Objective(weighting="expp"), CPU)


def network(noised, steps):
    """A made-up one, whose answer depends on the image and on the time."""
    return 0.7 * noised.tanh() + 0.002 * steps.reshape(-1, 1, 1, 1) * noised.roll(1, -1)


@pytest.mark.parametrize("form", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("clamp", [False, True])
def test_steps_are_those_of_ddim(form, clamp):
    """From level 900 down by 100: the last x̂ is the scheduler's at level 100."""
    from diffusers import DDIMScheduler

    levels = diffusion_levels(IF)
    images = noise(1, 0, (2, *SHAPE)).clamp(-1, 1)
    one = Denoising(levels, form, Objective(seed=5), CPU, clamp=clamp)
    noised, found = one.restore(images, Restoration(0.9, steps=9, draw=3), network)
    theirs = DDIMScheduler(**IF, prediction_type=form, clip_sample=clamp, steps_offset=0)
    theirs.set_timesteps(10)
    eps = noise(5, 3, SHAPE).expand(2, *SHAPE)
    assert torch.allclose(noised, theirs.add_noise(images, eps, torch.tensor([900, 900])), atol=1e-5)
    x = noised
    for t in range(900, 0, -100):
        step = theirs.step(network(x, torch.full((2,), float(t))), t, x, use_clipped_model_output=True)
        x, expected = step.prev_sample, step.pred_original_sample
    assert torch.allclose(found, expected, atol=1e-5, rtol=1e-4)


def test_steps_along_a_flow_are_eulers():
    from diffusers import FlowMatchEulerDiscreteScheduler

    levels, images = flow_levels(), noise(1, 0, (2, *SHAPE))
    one = Denoising(levels, "flow", Objective(seed=5), CPU)
    noised, found = one.restore(images, Restoration(0.8, steps=5, draw=3), network)
    first = int(np.abs(levels.t - 0.8).argmin())
    sigmas = levels.t[[round(first * (1 - i / 5)) for i in range(5)]]
    theirs = FlowMatchEulerDiscreteScheduler()
    theirs.set_timesteps(sigmas=sigmas)
    x = noised
    for t in theirs.timesteps:
        x = theirs.step(network(x, t.expand(2)), t, x).prev_sample
    assert torch.allclose(found, x, atol=1e-4)


def test_guidance_goes_past_the_text():
    one, images = Denoising(diffusion_levels(SD), "epsilon", Objective(), CPU), noise(1, 0, (2, *SHAPE))
    calls = []

    def empty(noised, steps):
        calls.append(len(noised))
        return noised.tanh()

    under, alone = (one.restore(images, Restoration(0.6), predict)[1] for predict in (network, empty))
    guided = one.restore(images, Restoration(0.6, guidance=4), network, empty)[1]
    assert torch.allclose(guided, alone + 4 * (under - alone), atol=1e-4)
    calls.clear()
    assert torch.equal(one.restore(images, Restoration(0.6), network, empty)[1], under)
    assert calls == []
