"""The option `levels` restricts the noise levels of draws in every family of denoisers, and its default changes nothing."""

import json
from statistics import NormalDist

import numpy as np
import pytest
import torch
from attrs import evolve

from core.errors import LogError, UnknownName
from experiments.running.session import run
from observers.generative.allocation_pilot import estimate_allocation
from observers.generative.noise_levels import PREDICTIONS, diffusion_levels, flow_levels
from observers.generative.noising import Denoising
from observers.generative.options import Objective
from observers.protocol import ObserverError
from observers.registry import make_observer
from tests.commands import observers
from tests.unit.observers.generative import tiny_classes, tiny_flow, tiny_latent, tiny_pixel

SD = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
CPU = torch.device("cpu")
MODELS = {
    "sd14": lambda folder: tiny_latent.save(folder, "sd1"),
    "sdxl": lambda folder: tiny_latent.save(folder, "xl"),
    "if-m": tiny_pixel.save,
    "sd3": lambda folder: tiny_flow.save(folder, "sd3"),
    "flux-dev": lambda folder: tiny_flow.save(folder, "flux-dev"),
    "dit-xl-2-256": tiny_classes.save_dit,
    "edm-imagenet-64": tiny_classes.save_edm,
}
BANDS = ("0:0.2", "0.2:0.4", "0.4:0.6", "0.6:0.8", "0.8:1")


@pytest.fixture(scope="module")
def make_tiny(tmp_path_factory):
    """Return a function that makes the observer of a name with tiny weights, which are saved on first use."""
    folder = tmp_path_factory.mktemp("models")

    def make(name, /, **options):
        if not (folder / name).exists():
            MODELS[name](folder / name)
        size = {"size": "16"} if name == "flux-dev" else {}
        texts = {"weights": str(folder / name), "device": "cpu", "draws": "12"} | size
        return make_observer(name, texts | {key: str(value) for key, value in options.items()})

    return make


def times_of(name, timesteps):
    """Return the fractions of the schedule that belong to the timesteps which the network of a model received."""
    if name == "edm-imagenet-64":  # 250 ln σ, where ln σ is normal in training
        return np.array([NormalDist(-1.2, 1.2).cdf(float(timestep) / 250) for timestep in timesteps])
    return np.asarray(timesteps, dtype=np.float64) / 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("interval", [(0.0, 0.2), (0.6, 0.8), (0.8, 1.0)])
def test_a_network_receives_only_noise_levels_in_the_interval(name, interval, make_tiny, small, monkeypatch):
    low, high = interval
    observer = make_tiny(name, levels=f"{low}:{high}", schedule="exhaustive", draws=24)
    scorer, received = observer.likelihood.scorer, []
    backbone_class = type(scorer.backbone)
    predict = backbone_class.predict

    def recording(self, noised, timesteps, *rest):
        received.extend(timesteps.tolist())
        return predict(self, noised, timesteps, *rest)

    monkeypatch.setattr(backbone_class, "predict", recording)
    scorer._is_checked.append(True)  # the check of the prediction type has noise levels of its own
    trial = evolve(small.trials(0)[0], choices=("cat", "oven"))
    (response,) = observer.observe([trial])
    times = times_of(name, sorted(set(received)))
    assert response.n_evaluations >= 48 and len(times) >= 20
    assert low - 1e-6 <= times.min() and times.max() < high
    assert np.diff(times).max() < 0.03  # the draws cover the interval evenly


def test_bands_divide_the_schedule_and_have_the_weights_of_the_whole():
    levels, draws = diffusion_levels(SD), np.arange(2000)
    loss, n_draws = (1 + levels.t) ** 2, []
    for number, band in enumerate(BANDS):
        denoising = Denoising(levels, PREDICTIONS["epsilon"], Objective(levels=band), CPU)
        level = denoising.levels_of(draws)
        assert (level.min(), level.max()) == (200 * number, 200 * number + 199)
        n_draws.append(np.bincount(level, minlength=1000))
        exact = (np.exp(-7 * levels.t) / levels.snr * loss)[200 * number : 200 * number + 200].mean()
        assert (denoising.loss_factors(level) * loss[level]).mean() == pytest.approx(exact, rel=2e-3)
    total = np.sum(n_draws, axis=0)
    assert (total.min(), total.max()) == (9, 11)


def test_an_allocation_does_not_change_the_mean_within_an_interval(tmp_path):
    path = tmp_path / "share.csv"
    path.write_text("t,density\n.125,1\n.375,4\n.625,2\n.875,1\n")
    levels, draws = diffusion_levels(SD), np.arange(4000)
    denoising = Denoising(levels, PREDICTIONS["epsilon"], Objective(allocation=path, levels="0.25:0.75"), CPU)
    level = denoising.levels_of(draws)
    assert np.bincount(level // 250, minlength=4) / 4000 == pytest.approx([0, 2 / 3, 1 / 3, 0], abs=0.002)
    loss, inside = (1 + levels.t) ** 2, slice(250, 750)
    exact = (np.exp(-7 * levels.t) / levels.snr * loss)[inside].mean()
    assert (denoising.loss_factors(level) * loss[level]).mean() == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("weighting", ["exp", "uniform", "vdm"])
def test_weights_do_not_depend_on_the_interval(weighting):
    levels, level = flow_levels(), np.arange(400, 600)
    whole, part = (
        Denoising(levels, PREDICTIONS["flow"], Objective(weighting=weighting, levels=text), CPU)
        for text in ("0:1", "0.4:0.6")
    )
    assert part.loss_factors(level) == pytest.approx(whole.loss_factors(level), rel=1e-12)


def test_the_timesteps_of_li_within_an_interval_occur_once_each(make_tiny):
    scorer = make_tiny("dit-xl-2-256", timesteps="li", levels="0.2:0.4").likelihood.scorer
    denoising = scorer._denoising
    timesteps = denoising.levels.timesteps[denoising.levels_of(np.arange(50))]
    assert sorted(timesteps.tolist()) == list(range(202, 400, 4))
    assert (np.argsort(scorer.positions(np.arange(50))) == np.argsort(timesteps)).all()


def test_the_check_of_the_prediction_type_and_restorations_use_the_whole_schedule():
    levels, images = diffusion_levels(SD), torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    fits = [
        Denoising(levels, PREDICTIONS["epsilon"], Objective(levels=text), CPU).measure_fit(
            images, np.arange(3), lambda noised, timesteps: 0.5 * noised
        )
        for text in ("0:1", "0:0.2")
    ]
    assert fits[0] == fits[1] is not None


def test_the_default_draws_the_noise_levels_of_earlier_versions():
    """These levels and factors were computed before the option existed."""
    denoising = Denoising(diffusion_levels(SD), PREDICTIONS["epsilon"], Objective(), CPU)
    level = denoising.levels_of(np.arange(8))
    assert level.tolist() == [889, 507, 125, 743, 361, 979, 597, 215]
    factors = [
        0.12316914273743206, 0.0789096461032574, 0.06669179037715924, 0.08725936015866231,
        0.08376727630082331, 0.1775878741920472, 0.07823202119770652, 0.0820210255296576,
    ]  # fmt: skip
    assert denoising.loss_factors(level).tolist() == pytest.approx(factors, rel=1e-12)


@pytest.mark.slow
def test_the_log_of_the_default_has_the_same_bytes_and_earlier_sessions_are_resumed(make_tiny, small, tmp_path):
    part = evolve(small, stimuli=small.stimuli.where(lambda s: s.id.startswith("cat")))
    plain = run(part, make_tiny("if-m"), tmp_path / "plain")
    whole = run(part, make_tiny("if-m", levels="0.0:1.0"), tmp_path / "whole")
    assert plain.read_bytes() == whole.read_bytes()
    old = run(part, make_tiny("if-m"), tmp_path / "old", limit=1)
    sidecar = json.loads(old.with_suffix(".json").read_text("utf-8"))
    objective = sidecar["identity"]["observer"]["options"]["likelihood"]["objective"]
    assert objective.pop("levels") == "0:1"
    old.with_suffix(".json").write_text(json.dumps(sidecar), "utf-8")
    with pytest.raises(LogError, match=r"levels was 0:1, is now 0.2:0.4\): choose .* a different name \(-o name=…\)"):
        run(part, make_tiny("if-m", levels="0.2:0.4"), tmp_path / "old")
    assert run(part, make_tiny("if-m"), tmp_path / "old").read_bytes() == plain.read_bytes()
    other = run(part, make_tiny("if-m", levels="0.20:.4", name="band"), tmp_path / "old")
    assert other.name == "small_band_session-1.csv"
    sidecar = json.loads(other.with_suffix(".json").read_text("utf-8"))
    assert sidecar["identity"]["observer"]["options"]["likelihood"]["objective"]["levels"] == "0.2:0.4"
    evidence = [log.read_text().splitlines()[1].split(",")[-4:] for log in (plain, other)]
    assert evidence[0] != evidence[1]


@pytest.mark.parametrize(
    "text",
    [
        "0.8:0.6",
        "0.5:0.5",
        "-0.1:0.5",
        "0.5:1.1",
        "0.5",
        "",
        "a:b",
        "nan:1",
        "0:0.2:0.4",
        "60%:80%",
        "0.9999999999999:1",
        "0:0.2:",
    ],
)
def test_an_invalid_interval_is_refused(text):
    with pytest.raises(ObserverError, match=r"levels must be A:B with 0 <= A < B <= 1, such as 0.6:0.8, .* got "):
        Objective(levels=text)


def test_an_interval_without_noise_levels_or_weights_is_refused():
    levels = diffusion_levels(SD)
    with pytest.raises(
        ObserverError,
        match=r"the interval 0.9991:1 of the option levels contains none of the 1000 noise levels of the model: choose a",
    ):
        Denoising(levels, PREDICTIONS["epsilon"], Objective(levels="0.9991:1"), CPU)
    with pytest.raises(ObserverError, match=r"the weighting vdm is 0 at all noise levels in the interval 0:0.001 of"):
        Denoising(levels, PREDICTIONS["epsilon"], Objective(weighting="vdm", levels="0:0.001"), CPU)


def test_an_allocation_is_not_estimated_from_a_part_of_the_schedule(make_tiny, small):
    with pytest.raises(ObserverError, match=r"this observer uses only 0:0.5: omit -o levels"):
        estimate_allocation(make_tiny("sd14", levels="0:0.5"), small.trials(0)[:1], 40)


def test_only_denoisers_have_the_option():
    for name in ("janus", "amused-256", "efficientnet-lite0"):
        with pytest.raises(UnknownName, match=f"no option of {name} is named 'levels'"):
            make_observer(name, {"levels": "0:0.5"})


def test_show_describes_the_option():
    shown = observers("show", "sd14").stdout
    assert "levels: text, default 0:1" in shown and "Part A:B of the noise schedule" in shown
