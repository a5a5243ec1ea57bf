"""A network that takes other inputs than the models of its family is refused before its weights are loaded."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from observers.generative.families.network_inputs import NETWORKS
from observers.protocol import ObserverError
from observers.registry import make_observer
from tests.unit.observers.generative import tiny_classes, tiny_flow, tiny_latent, tiny_masked, tiny_pixel

SAVE = {
    "latent": partial(tiny_latent.save, kind="sd1"), "xl": partial(tiny_latent.save, kind="xl"), "pixel": tiny_pixel.save,
    "sd3": partial(tiny_flow.save, kind="sd3"), "flux": partial(tiny_flow.save, kind="flux-schnell"),
    "masked": tiny_masked.save, "dit": tiny_classes.save_dit, "edm": tiny_classes.save_edm,
}  # fmt: skip
SCHEMES = {"xl": "latent", "sd3": "flow", "flux": "flow", "dit": "class-conditional", "edm": "class-conditional"}
PARTS = {"latent": "unet", "xl": "unet", "pixel": "unet", "edm": "unet"}


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Return a function from a kind of model to its folder, which no test may change."""
    parent = tmp_path_factory.mktemp("complete")

    def save(kind):
        if not (parent / kind).exists():
            SAVE[kind](parent / kind)
        return parent / kind

    return save


@pytest.fixture
def changed(complete, tmp_path):
    """Return a function that copies a model, changes a config.json, and returns the folder."""

    def change(kind, part=None, **values):
        folder = Path(shutil.copytree(complete(kind), tmp_path / kind))
        path = folder / (part or PARTS.get(kind, "transformer")) / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return folder

    return change


def observe(kind, folder, small):
    options = {"size": 16} if kind == "flux" else {}
    observer = make_observer(f"{SCHEMES.get(kind, kind)}:{folder}", device="cpu", draws=4, batch_size=4, **options)
    return next(iter(observer.observe(iter(small.trials(0)[:1]))))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAVE)
def test_models_without_further_inputs_are_accepted(kind, complete, small):
    assert observe(kind, complete(kind), small).evidence is not None


VALUES = {"class_embed_type": "projection", "num_class_embeds": 10, "class_embeddings_concat": True,
          "time_cond_proj_dim": 256, "attention_type": "gated", "dual_cross_attention": True,
          "addition_embed_type": "text_image", "encoder_hid_dim_type": "image_proj", "encoder_hid_dim": 16,
          "num_vector_embeds": 8, "cross_attention_dim": 16, "caption_channels": 16, "guidance_embeds": "yes"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "key"), [(kind, row.key) for kind, rows in NETWORKS.items() for row in rows])
def test_networks_with_further_inputs_are_refused(kind, key, changed, small):
    folder = changed(kind, **{key: VALUES[key]})
    row = next(row for row in NETWORKS[kind] if row.key == key)
    message = (
        rf"^{kind}: its .*/config\.json has {key} '?{VALUES[key]}'?, so that it also {row.meaning}: expected a model"
    )
    with pytest.raises(ObserverError, match=message):
        observe(kind, folder, small)


@pytest.mark.parametrize("key", ["image_cond_proj_dim", "pose_embed_type", "extra_class_labels"])
def test_unknown_settings_whose_names_suggest_an_input_are_refused(key, changed, small):
    message = (
        rf"has {key} 8, which the installed diffusers does not know and which may require a further input: expected"
    )
    with pytest.raises(ObserverError, match=message):
        observe("latent", changed("latent", **{key: 8}), small)


def test_unknown_settings_without_a_value_or_an_input_are_ignored(changed, small):
    values = {"image_cond_proj_dim": None, "use_class_labels": False, "training_steps": 100, "_embed": 3}
    assert observe("latent", changed("latent", **values), small).choice is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "part", "change", "message"),
    [
        ("latent", "text_encoder", {"hidden_size": 12}, r"unet/config\.json has cross_attention_dim 16, expected 12"),
        ("xl", "text_encoder_2", {"hidden_size": 12}, r"cross_attention_dim 24, expected 28, because .* 16 and 12: get all"),
        ("xl", "text_encoder_2", {"projection_dim": 13}, r"projection_class_embeddings_input_dim 36, expected 37, because"),
        ("pixel", "text_encoder", {"d_model": 12}, r"has encoder_hid_dim 16, expected 12, because text_encoder/config"),
        ("sd3", "text_encoder", {"projection_dim": 16}, r"pooled_projection_dim 24, expected 28, because"),
        ("sd3", "text_encoder_3", {"d_model": 24}, r"joint_attention_dim 32, expected 24, because text_encoder_3/config"),
        ("flux", "text_encoder_2", {"d_model": 24}, r"joint_attention_dim 16, expected 24, because text_encoder_2"),
        ("flux", "text_encoder", {"hidden_size": 12}, r"pooled_projection_dim 8, expected 12, because text_encoder/"),
        ("masked", "text_encoder", {"hidden_size": 16}, r"encoder_hidden_size 12, expected 16, because text_encoder"),
        ("masked", "text_encoder", {"projection_dim": 16}, r"cond_embed_dim 12, expected 16, because text_encoder"),
    ],
)  # fmt: skip
def test_widths_are_compared_before_the_first_pass(kind, part, change, message, changed, small):
    """The network is loaded first here, so that its weights and its own config.json agree."""
    observer = make_observer(f"{SCHEMES.get(kind, kind)}:{changed(kind, part, **change)}", device="cpu")
    scorer = observer.likelihood.scorer
    with pytest.raises(ObserverError, match=message):
        scorer.encode(small.stimuli.stimuli[0].pixels()) if kind != "masked" else scorer._network


@pytest.mark.parametrize("key", ["latents_mean", "latents_std"])
def test_autoencoders_that_normalize_channels_are_refused(key, changed, small):
    with pytest.raises(
        ObserverError, match=rf"vae/config\.json has {key}, so that it normalizes each channel of its latents"
    ):
        observe("latent", changed("latent", "vae", **{key: [0.1] * 4}), small)
