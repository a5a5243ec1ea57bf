"""The files of DiT and EDM: published revisions, and the layouts, kinds of model and pickles that are refused."""

import json
import shutil

import pytest
from attrs import evolve

from observers.generative.options import Objective
from observers.protocol import ObserverError
from observers.registry import make_observer
from tests.unit.observers.generative import tiny_classes, tiny_latent
from tests.unit.observers.generative.tiny_classes import make_tiny


def test_published_rows():
    for name, revision in (("dit-xl-2-256", "refs/pr/1"), ("dit-xl-2-512", "refs/pr/1"), ("edm-imagenet-64", None)):
        observer = make_observer(name)
        assert (observer.name, observer.likelihood.source.revision) == (name, revision)
        assert observer.likelihood.objective == Objective(weighting="uniform")


def test_the_revision_of_a_pull_request_is_read_from_the_cache(models, tmp_path, monkeypatch, trial):
    from huggingface_hub import constants

    commit = "32d0e3550123456789abcdef0123456789abcdef"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub/models--facebook--DiT-XL-2-256"
    shutil.copytree(models / "dit", repository / "snapshots" / commit)
    for name in ("refs/pr/1", "main"):
        (repository / "refs" / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / "refs" / name).write_text(commit if name != "main" else "a" * 40)
    observer = make_observer("dit-xl-2-256", device="cpu", draws=4)
    assert next(observer.observe(iter([trial]))).choice in trial.choices
    assert observer.provenance()["revision"] == commit
    # The main branch contains pickles.
    pickles = repository / "snapshots" / ("a" * 40)
    shutil.copytree(models / "dit", pickles)
    weights = pickles / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(
        ObserverError, match=r"only diffusion_pytorch_model\.bin: .* use another revision, -o revision=refs/pr/1"
    ):
        next(make_observer("dit-xl-2-256", device="cpu", revision="main").observe(iter([trial])))


def change_settings(folder, file, **changes):
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("model", "file", "changes", "message"),
    [
        ("dit", "transformer/config.json", {"_class_name": "PixArtTransformer2DModel", "norm_type": "ada_norm_single"},
         "its transformer is a PixArtTransformer2DModel with the norm_type ada_norm_single: expected DiT"),
        ("dit", "transformer/config.json", {"norm_type": "ada_norm_single"}, "with the norm_type ada_norm_single"),
        ("dit", "transformer/config.json", {"num_embeds_ada_norm": None}, "has num_embeds_ada_norm None"),
        ("dit", "transformer/config.json", {"num_embeds_ada_norm": 10}, "class_embedder|id2label"),
        ("dit", "vae/config.json", {"latent_channels": 3}, "different shape"),
        ("dit", "model_index.json", {"id2label": {"0": 3}}, "the id2label in its model_index.json is not a table"),
        ("edm", "unet/config.json", {"num_class_embeds": None}, "is a UNet2DModel with num_class_embeds None"),
        ("edm", "unet/config.json", {"_class_name": "UNet2DConditionModel"}, "its U-Net is a UNet2DConditionModel"),
        ("edm", "scheduler/scheduler_config.json", {"sigma_data": "half"}, "has the sigma_data 'half': expected a"),
        ("edm", "scheduler/scheduler_config.json", {"prediction_type": "v_prediction"},
         "has the prediction_type 'v_prediction': expected epsilon"),
        ("edm", "unet/config.json", {"num_class_embeds": True}, "is a UNet2DModel with num_class_embeds True"),
    ],
)  # fmt: skip
def test_other_layouts_are_refused(models, tmp_path, trial, model, file, changes, message):
    shutil.copytree(models / model, tmp_path / model)
    change_settings(tmp_path / model, file, **changes)
    with pytest.raises(ObserverError, match=message):
        next(make_tiny(tmp_path, model).observe(iter([trial])))


def test_models_of_other_kinds_are_refused(models, tmp_path, trial):
    tiny_classes.save_edm(tmp_path / "consistency", "ConsistencyModelPipeline")
    tiny_classes.save_edm(tmp_path / "gray", in_channels=1, out_channels=1)
    tiny_latent.save(tmp_path / "latent")
    tiny_classes.save_dit(tmp_path / "six", out_channels=6)
    (tmp_path / "empty").mkdir()
    for name, message in {
        "consistency": "its pipeline is ConsistencyModelPipeline and its scheduler is CMStochasticIterativeScheduler",
        "gray": "its U-Net takes 1 channels and gives 1: expected 3 and 3",
        "latent": "its U-Net is a UNet2DConditionModel with num_class_embeds None",
        "six": "its transformer takes 4 channels and gives 6, and its autoencoder has 4",
        "empty": r"the folder .* transformer/config\.json or unet/config\.json",
    }.items():
        with pytest.raises(ObserverError, match=message):
            next(make_tiny(tmp_path, name).observe(iter([trial])))


@pytest.mark.parametrize(("model", "part"), [("dit", "transformer"), ("dit", "vae"), ("edm", "unet")])
def test_pickles_are_refused(models, tmp_path, trial, model, part):
    shutil.copytree(models / model, tmp_path / model)
    weights = tmp_path / model / part / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ObserverError, match=r"only diffusion_pytorch_model\.bin: only safetensors are loaded, because"):
        next(make_tiny(tmp_path, model).observe(iter([trial])))


def test_models_without_an_index_or_a_learned_variance_or_with_few_noise_levels(models, tmp_path, trial):
    shutil.copytree(models / "dit", tmp_path / "dit")
    (tmp_path / "dit" / "model_index.json").unlink()
    assert next(make_tiny(tmp_path, "dit", draws=4).observe(iter([trial]))).choice in trial.choices
    with pytest.raises(ObserverError, match="the files of the model do not name its classes"):
        make_tiny(tmp_path, "dit").likelihood.conditions(["golden retriever"])
    tiny_classes.save_dit(tmp_path / "plain", n_classes=12, out_channels=4)
    few = evolve(trial, choices=("3", "thing 4"))
    assert next(make_tiny(tmp_path, "plain", draws=4).observe(iter([few]))).choice in few.choices
    change_settings(tmp_path / "plain", "scheduler/scheduler_config.json", num_train_timesteps=100)
    with pytest.raises(ObserverError, match="the model has 100 noise levels, but 250 are needed: omit -o timesteps"):
        next(make_tiny(tmp_path, "plain", timesteps="li").observe(iter([few])))
