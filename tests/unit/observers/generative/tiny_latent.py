"""Tiny Stable Diffusion models with random weights, saved in the layout of a Hugging Face Hub repository."""

import json
from pathlib import Path
from typing import Any

import torch

N_TOKENS = 24
VAE_SCALING = 0.18215


def clip_tokenizer(folder: Path, pad: str | None = None) -> Any:
    """Return a CLIP tokenizer with a vocabulary of single bytes, saved as vocab.json and merges.txt."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    vocabulary = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    pads = {"pad_token": pad} if pad else {}
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=N_TOKENS, **pads)
    tokenizer.save_pretrained(folder)
    return tokenizer


def clip_text_encoder(width: int, vocab_size: int, projection: bool = False, seed: int = 0) -> Any:
    """Return a CLIP text encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    config = CLIPTextConfig(
        vocab_size=vocab_size, hidden_size=width, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
        max_position_embeddings=N_TOKENS, projection_dim=12, bos_token_id=vocab_size - 2, eos_token_id=vocab_size - 1,
    )  # fmt: skip
    return enlarge_weights((CLIPTextModelWithProjection if projection else CLIPTextModel)(config))


def enlarge_weights(model: torch.nn.Module, factor: float = 3.0) -> Any:
    """Enlarge the weights of a model's matrices, so that its output depends visibly on its input, and return the model."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and ("attn" in name or "to_" in name or "embed" in name):
                weight.mul_(factor)
    return model.eval()


def vae(seed: int = 1) -> Any:
    """Return an autoencoder."""
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    return AutoencoderKL(
        block_out_channels=(4, 8), down_block_types=("DownEncoderBlock2D",) * 2, norm_num_groups=2,
        up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, sample_size=16, scaling_factor=VAE_SCALING,
    ).eval()  # fmt: skip


def unet(width: int, **overrides: Any) -> Any:
    """Return a U-Net for text states of the given width."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(2)
    options = {"in_channels": 4, "out_channels": 4} | overrides
    return enlarge_weights(UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=width,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), attention_head_dim=2,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **options,
    ))  # fmt: skip


def save(folder: Path, kind: str = "sd1", **scheduler_options: Any) -> Path:
    """Save a model of the kind sd1, sd2 (v-prediction and another padding token) or xl, and return its folder."""
    from diffusers import DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler

    tokenizer = clip_tokenizer(folder / "tokenizer", pad="!" if kind == "sd2" else None)
    betas = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    scheduler_class = {"sd1": PNDMScheduler, "sd2": DDIMScheduler, "xl": EulerDiscreteScheduler}[kind]
    options = betas | ({"prediction_type": "v_prediction"} if kind == "sd2" else {}) | scheduler_options
    parts: dict[str, Any] = {
        "vae": vae(),
        "scheduler": scheduler_class(steps_offset=1, **options),
        "text_encoder": clip_text_encoder(16, len(tokenizer)),
    }
    if kind == "xl":
        clip_tokenizer(folder / "tokenizer_2", pad="!")
        parts["text_encoder_2"] = clip_text_encoder(8, len(tokenizer), projection=True, seed=5)
        parts["unet"] = unet(
            24, addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=36
        )
    else:
        parts["unet"] = unet(16)
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return folder
