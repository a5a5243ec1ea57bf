"""What a network predicts is recognized from its outputs, and a file that states something else is refused."""

import json
import shutil
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import make_experiment, run
from observers.catalog.microcosm import WEIGHTS
from observers.generative.families.class_conditional import ClassConditional
from observers.generative.noise_levels import PREDICTION_TYPES
from observers.generative.options import Compute, Source
from observers.loading.prediction_check import Fit
from observers.protocol import ObserverError
from observers.registry import make_observer
from tests.unit.observers.generative import tiny_classes, tiny_flow, tiny_latent, tiny_pixel

TRAINED = ("microcosm-latent", "microcosm-pixel")
SCHEDULER = "scheduler/scheduler_config.json"


@cache
def trained(name):
    return make_observer(name, device="cpu", batch_size=4)


def first_pass(observer, trial, n=4):
    """Return the arguments of `measure_fit` for the first n rows of a trial."""
    scorer = observer.likelihood.scorer
    x = scorer.encode(trial.stimulus.pixels())
    rows = observer._condition_choices(trial)[:n]
    conditioning = tuple(torch.stack(part) for part in zip(*rows, strict=True))
    return x[None].expand(len(rows), *x.shape), np.arange(len(rows)), scorer._predictor(conditioning)


def converted(denoising, predict, prediction_type):
    """Return a network that predicts x or v, made from one that predicts ε."""

    @torch.inference_mode()
    def predict_other(noised, timesteps):
        level = np.searchsorted(denoising.levels.timesteps, timesteps.numpy().round())
        a, s = (
            torch.tensor(v[level], dtype=torch.float32).reshape(-1, *[1] * (noised.ndim - 1))
            for v in (denoising.levels.alpha, denoising.levels.sigma)
        )
        eps = predict(noised, timesteps).float()
        return (
            eps
            if prediction_type == "epsilon"
            else ((noised - s * eps) / a if prediction_type == "sample" else (eps - s * noised) / a)
        )

    return predict_other


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
def test_trained_networks_are_recognized(name, prediction_type, small):
    """With images like those of their training; with others, no other type is taken for the right one."""
    observer = trained(name)
    denoising = observer.likelihood.scorer._denoising
    familiar = make_experiment("microcosm-cue-conflict").trials(0)[:2]
    for trial in [*familiar, *small.trials(0)[:2]]:
        images, draws, predict = first_pass(observer, trial)
        fit = denoising.measure_fit(images, draws, converted(denoising, predict, prediction_type))
        assert fit.prediction_type() in ((prediction_type,) if trial in familiar else (prediction_type, None))
        assert prediction_type != "epsilon" or fit.copied > 0.99


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "save"),
    [("latent", partial(tiny_latent.save, kind=kind)) for kind in ("sd1", "sd2", "xl")]
    + [("pixel", tiny_pixel.save), ("class-conditional", tiny_classes.save_dit)],
)
def test_networks_with_random_weights_are_inconclusive(scheme, save, small, tmp_path):
    save(tmp_path / "m")
    observer = make_observer(f"{scheme}:{tmp_path / 'm'}", device="cpu")
    images, draws, predict = first_pass(observer, small.trials(0)[0])
    with torch.inference_mode():
        fit = observer.likelihood.scorer._denoising.measure_fit(images, draws, predict)
    assert fit.prediction_type() is None
    assert fit.explained < 0.1 and fit.copied < 0.1


@pytest.mark.slow
def test_flows_and_edm_are_not_checked(small, tmp_path):
    tiny_flow.save(tmp_path / "flow", "sd3")
    tiny_classes.save_edm(tmp_path / "edm")
    for scheme in ("flow", "class-conditional"):
        folder = tmp_path / ("flow" if scheme == "flow" else "edm")
        observer = make_observer(f"{scheme}:{folder}", device="cpu")
        assert observer.likelihood.scorer._denoising.measure_fit(*first_pass(observer, small.trials(0)[0])) is None


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        (Fit(0.99, 0.9, 0.0, 0.9), "epsilon"),
        (Fit(0.95, 0.7, -0.7, 0.1), "epsilon"),
        (Fit(-0.2, 0.4, -0.6, 0.6), "v_prediction"),
        (Fit(-0.2, 0.6, 0.1, 0.6), "v_prediction"),
        (Fit(-0.2, 0.1, 0.6, 0.6), "sample"),
        (Fit(-0.2, 0.4, 0.1, 0.6), None),  # between v and x
        (Fit(-0.2, 0.1, 0.6, 0.4), None),  # too little of the predictions is explained
        (Fit(0.7, 0.4, -0.6, 0.9), None),
    ],
)
def test_weak_evidence_is_inconclusive(fit, expected):
    assert fit.prediction_type() == expected


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(WEIGHTS / "microcosm-latent", tmp_path / "mine"))


def restate(folder, prediction_type, **more):
    """Change the prediction type in a scheduler_config.json; None removes it."""
    settings = json.loads((folder / SCHEDULER).read_text()) | {"prediction_type": prediction_type} | more
    (folder / SCHEDULER).write_text(json.dumps({key: v for key, v in settings.items() if v is not None}))


def answer(folder, small, **options):
    observer = make_observer(f"latent:{folder}", {"device": "cpu", "draws": "4", **options})
    return next(iter(observer.observe(iter(small.trials(0)[:1])))), observer


@pytest.mark.slow
def test_a_wrong_statement_is_refused_and_can_be_overruled(copy, small, capsys):
    expected, _ = answer(copy, small)
    restate(copy, "v_prediction")
    message = (
        "^mine: the outputs of its network show that it predicts epsilon, but the prediction type v_prediction is "
        "stated in its scheduler_config.json: set -o prediction_type=epsilon, or -o prediction_type=v_prediction to use "
        "v_prediction nevertheless$"
    )
    with pytest.raises(ObserverError, match=message):
        answer(copy, small)
    assert answer(copy, small, prediction_type="epsilon")[0].evidence.tobytes() == expected.evidence.tobytes()
    assert (answer(copy, small, prediction_type="v_prediction")[0].evidence != expected.evidence).any()
    assert "note" not in capsys.readouterr().err


@pytest.mark.slow
def test_assumed_settings_are_noted_and_recorded(copy, small, capsys):
    expected, observer = answer(copy, small)
    assert "assumed" not in observer.provenance()
    restate(copy, None, num_train_timesteps=None)
    response, observer = answer(copy, small)
    assert response.evidence.tobytes() == expected.evidence.tobytes()
    assert observer.provenance()["assumed"] == "num_train_timesteps 1000, prediction_type epsilon"
    assert capsys.readouterr().err == (
        "note: mine: its files do not state all settings, and defaults are used: num_train_timesteps 1000, prediction_type "
        "epsilon; the outputs of its network agree with epsilon\n"
    )


@pytest.mark.slow
def test_an_inconclusive_check_is_noted(small, tmp_path, capsys):
    folder = tiny_latent.save(tmp_path / "sd", "sd2")
    restate(folder, None)
    answer(folder, small)
    assert (
        "the outputs of its network do not show whether epsilon is right, and -o prediction_type= sets another type"
        in capsys.readouterr().err
    )
    path = folder / "vae" / "config.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "scaling_factor"}))
    _, observer = answer(folder, small, prediction_type="v_prediction")
    assert observer.provenance()["assumed"] == "scaling_factor 0.18215"
    assert "defaults are used: scaling_factor 0.18215\n" in capsys.readouterr().err


@pytest.mark.slow
def test_sessions_from_before_the_option_are_resumed(copy, small, tmp_path):
    restate(copy, None)
    observer = make_observer(f"latent:{copy}", {"device": "cpu", "draws": "4"})
    path = run(small, observer, tmp_path / "out", limit=1).with_suffix(".json")
    sidecar = json.loads(path.read_text())
    assert sidecar["identity"]["observer"]["options"]["likelihood"].pop("prediction_type", 0) is None
    assert sidecar["provenance"].pop("assumed") == "prediction_type epsilon"
    path.write_text(json.dumps(sidecar))
    log = run(small, make_observer(f"latent:{copy}", {"device": "cpu", "draws": "4"}), tmp_path / "out", limit=2)
    assert len(log.read_text().splitlines()) == 3
    assert json.loads(path.read_text())["provenance"]["assumed"] == "prediction_type epsilon"


def test_unknown_types_and_edm_refuse_the_option(tmp_path):
    with pytest.raises(ObserverError, match="unknown prediction_type 'noise': expected epsilon, sample, v_prediction"):
        ClassConditional(Source("a/b"), prediction_type="noise")
    folder = tiny_classes.save_edm(tmp_path / "edm")
    likelihood = ClassConditional(Source("edm", weights=folder), Compute(device="cpu"), prediction_type="epsilon")
    with pytest.raises(
        ObserverError, match=r"edm: EDM does not have the option prediction_type, because .*: omit the option"
    ):
        likelihood.scorer.encode(np.zeros((16, 16, 3), np.uint8))
