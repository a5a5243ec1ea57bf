"""Tiny class-conditional models with random weights, saved in the layouts of the published repositories."""

import json
from pathlib import Path
from typing import Any

import torch

from observers.registry import make_observer
from stimuli.imagenet_labels import NAMES
from tests.unit.observers.generative.tiny_latent import enlarge_weights, vae

N_CLASSES = 1000
CLASSES = [7, 207, 999]
# Labels of ImageNet's classes in the form of model_index.json: synonyms are separated by commas, and some are shared.
LABELS = (
    {i: f"thing {i}, object {i}" for i in range(N_CLASSES)}
    | {number: ", ".join(names) for number, names in NAMES.items()}
    | {134: "crane", 517: "crane", 638: "maillot", 639: "maillot, tank suit", 0: "tench, Tinca tinca"}
)  # fmt: skip


def save_dit(folder: Path, n_classes: int = N_CLASSES, **overrides: Any) -> Path:
    """Save a DiT, with `overrides` of the options of its transformer, and return its folder."""
    from diffusers import DDIMScheduler, DiTTransformer2DModel

    torch.manual_seed(6)
    options = {
        "num_attention_heads": 2, "attention_head_dim": 8, "in_channels": 4, "out_channels": 8, "num_layers": 2,
        "sample_size": 8, "patch_size": 2, "num_embeds_ada_norm": n_classes, "norm_type": "ada_norm_zero",
        "norm_elementwise_affine": False, "attention_bias": True, "activation_fn": "gelu-approximate",
    } | overrides  # fmt: skip
    network = enlarge_weights(DiTTransformer2DModel(**options))
    with torch.no_grad():  # otherwise the classes of so small a network hardly differ
        for block in network.transformer_blocks:
            block.norm1.emb.class_embedder.embedding_table.weight.mul_(2)
    network.save_pretrained(folder / "transformer")
    config = folder / "transformer" / "config.json"
    # The published file was written by an earlier version of diffusers, for a class with more options.
    settings = json.loads(config.read_text()) | {
        "_class_name": "Transformer2DModel", "_diffusers_version": "0.12.0.dev0", "cross_attention_dim": None,
        "num_vector_embeds": None, "only_cross_attention": False, "use_linear_projection": False,
    }  # fmt: skip
    config.write_text(json.dumps(settings, indent=2))
    vae().save_pretrained(folder / "vae")
    DDIMScheduler(beta_schedule="linear", beta_start=0.0001, beta_end=0.02, clip_sample=False).save_pretrained(
        folder / "scheduler"
    )
    index = {
        "_class_name": "DiTPipeline", "_diffusers_version": "0.12.0.dev0",
        "id2label": {str(i): LABELS[i] for i in range(n_classes)}, "scheduler": ["diffusers", "DDIMScheduler"],
        "transformer": ["diffusers", "Transformer2DModel"], "vae": ["diffusers", "AutoencoderKL"],
    }  # fmt: skip
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def save_edm(folder: Path, pipeline: str = "KarrasEDMPipeline", **overrides: Any) -> Path:
    """Save an EDM with the index of `pipeline` and `overrides` of the options of its U-Net, and return its folder."""
    from diffusers import UNet2DModel

    torch.manual_seed(7)
    options = {
        "sample_size": 16, "in_channels": 3, "out_channels": 3, "layers_per_block": 1, "num_class_embeds": N_CLASSES,
        "block_out_channels": (8, 16), "attention_head_dim": 8, "norm_num_groups": 4,
        "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "ResnetUpsampleBlock2D"), "resnet_time_scale_shift": "scale_shift",
        "attn_norm_num_groups": 4, "upsample_type": "resnet", "downsample_type": "resnet",
    } | overrides  # fmt: skip
    network = enlarge_weights(UNet2DModel(**options))
    if network.class_embedding is not None:
        with torch.no_grad():
            network.class_embedding.weight.mul_(3)
    network.save_pretrained(folder / "unet")
    (folder / "scheduler").mkdir(parents=True)
    scheduler = "CMStochasticIterativeScheduler" if "Consistency" in pipeline else "KarrasEDMScheduler"
    settings = {
        "_class_name": scheduler,
        "num_train_timesteps": 40,
        "sigma_min": 0.002,
        "sigma_max": 80.0,
        "sigma_data": 0.5,
    }
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(settings))
    index = {"_class_name": pipeline, "scheduler": ["diffusers", scheduler], "unet": ["diffusers", "UNet2DModel"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def make_tiny(models: Path, name: str, **options: Any) -> Any:
    """Return an observer with the tiny weights in the folder `models / name`."""
    return make_observer(f"class-conditional:{models / name}", device="cpu", batch_size=64, **options)
