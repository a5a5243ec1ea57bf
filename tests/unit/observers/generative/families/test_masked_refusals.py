"""Masked models that lack a component, have components of another family or do not fit together, and wrong options."""

import json
import shutil

import numpy as np
import pytest

from observers.generative.families.masked import Masked
from observers.generative.options import Compute, Source
from observers.protocol import ObserverError
from tests.unit.observers.generative import tiny_latent, tiny_masked
from tests.unit.observers.generative.tiny_masked import N_CODES


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (40, 52, 3)).astype(np.uint8)


def masked(folder):
    return Masked(Source("some/model", weights=folder), compute=Compute(device="cpu"))


def score(model, photo):
    conditioning = tuple(part[None] for part in model.condition(["a cat"])[0])
    return model.score(model.encode(photo)[None], conditioning, np.array([0]))


def test_a_model_without_a_component_is_refused(tmp_path, photo):
    tiny_masked.save(tmp_path)
    shutil.rmtree(tmp_path / "vqvae")
    message = r"has no vqvae/config\.json: give a folder that contains it with -o weights=FOLDER"
    with pytest.raises(ObserverError, match=message):
        masked(tmp_path).encode(photo)


def test_another_family_is_refused(tmp_path, photo):
    tiny_latent.save(tmp_path / "a")
    with pytest.raises(ObserverError, match=r"has no transformer/config\.json"):
        masked(tmp_path / "a").encode(photo)
    tiny_masked.save(tmp_path / "b")
    tiny_latent.unet(16).save_pretrained(tmp_path / "b/transformer")
    message = "its transformer is a UNet2DConditionModel: expected a UVit2DModel, which .* as amused/amused-256"
    with pytest.raises(ObserverError, match=f"some/model: {message}"):
        masked(tmp_path / "b").encode(photo)


@pytest.mark.slow
def test_components_that_do_not_fit_together_are_refused(tmp_path, photo):
    tiny_masked.save(tmp_path / "a", vqvae=tiny_masked.vqvae(num_vq_embeddings=30))
    message = "its autoencoder has 30 tokens but its transformer predicts 20: get both from"
    with pytest.raises(ObserverError, match=message):
        masked(tmp_path / "a").encode(photo)
    tiny_masked.save(tmp_path / "good", "256")
    for bad in (N_CODES - 1, N_CODES + 2, None):
        shutil.copytree(tmp_path / "good", tmp_path / str(bad))
        (tmp_path / str(bad) / "scheduler/scheduler_config.json").write_text(json.dumps({"mask_token_id": bad}))
        message = f"the mask_token_id {bad}: expected 20 to 21, because lower numbers are image tokens"
        with pytest.raises(ObserverError, match=message):
            score(masked(tmp_path / str(bad)), photo)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "l1"}, "unknown measure 'l1': expected bound, l2"),
        ({"strength": 0.0}, "strength, the fraction of masked tokens, must be above 0 and at most 1, got 0.0"),
        ({"strength": 1.5}, "strength, the fraction of masked tokens, must be above 0 and at most 1, got 1.5"),
        ({"steps": 0}, "steps must be 1 to 1000, got 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ObserverError, match=message):
        Masked(Source("some/model"), **options)
