"""Tiny Stable Diffusion 3 and Flux models with random weights, saved by their own pipelines."""

from pathlib import Path
from typing import Any

import torch

from stimuli.categories import CATEGORIES
from tests.unit.observers.generative.tiny_latent import clip_text_encoder, clip_tokenizer, enlarge_weights

SIZE, SCALE = 16, 2  # pixels per side of an image, and of an element of the latent
SHIFTS = {
    "sd3": (0.0609, 1.5305),
    "flux": (0.1159, 0.3611),
}  # shift and scaling of the latent, as in the published models
KINDS = ("sd3", "sd3.5", "sd3-without-t5", "flux-dev", "flux-schnell")


def t5_tokenizer(folder: Path) -> Any:
    """Return a T5 tokenizer with the words of the prompts and the letters of all others, saved as tokenizer.json."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["a", "bad", "photo", "of", "an", *CATEGORIES]
    letters = sorted({letter for word in words for letter in word} | {"▁"})
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -4.0) for word in words] + [(letter, -8.0) for letter in letters]
    unigram = Tokenizer(models.Unigram(pieces, unk_id=2))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=unigram, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def t5_encoder(width: int) -> Any:
    """Return a T5 encoder."""
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(23)
    config = T5Config(
        vocab_size=64, d_model=width, d_kv=8, d_ff=16, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu",
    )  # fmt: skip
    return T5EncoderModel(config).eval()


def vae(kind: str, n_halvings: int = 1) -> Any:
    """Return an autoencoder with the shift and scaling of the kind."""
    from diffusers import AutoencoderKL

    torch.manual_seed(21)
    shift, scaling = SHIFTS[kind[: kind.find("-")] if kind.startswith("flux") else "sd3"]
    n = n_halvings + 1
    return AutoencoderKL(
        block_out_channels=(4,) * n, down_block_types=("DownEncoderBlock2D",) * n, norm_num_groups=2,
        up_block_types=("UpDecoderBlock2D",) * n, layers_per_block=1, latent_channels=16, shift_factor=shift,
        scaling_factor=scaling, use_quant_conv=False, use_post_quant_conv=False,
    ).eval()  # fmt: skip


def transformer(kind: str, **overrides: Any) -> Any:
    """Return a transformer of the kind."""
    from diffusers import FluxTransformer2DModel, SD3Transformer2DModel

    torch.manual_seed(22)
    if kind.startswith("flux"):
        options = {"in_channels": 64, "guidance_embeds": kind == "flux-dev"} | overrides
        return enlarge_weights(FluxTransformer2DModel(
            num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2, joint_attention_dim=16,
            pooled_projection_dim=8, axes_dims_rope=(2, 2, 4), **options,
        ))  # fmt: skip
    newer = {"qk_norm": "rms_norm", "dual_attention_layers": (0,)} if kind == "sd3.5" else {}
    return enlarge_weights(SD3Transformer2DModel(
        sample_size=SIZE // SCALE, num_layers=2, attention_head_dim=8, num_attention_heads=2, joint_attention_dim=32,
        caption_projection_dim=16, pooled_projection_dim=24, pos_embed_max_size=12, **(newer | overrides),
    ))  # fmt: skip


def save(folder: Path, kind: str, **parts: Any) -> Path:
    """Save a model of one of the KINDS, with `parts` in place of its own, and return its folder."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, StableDiffusion3Pipeline

    tokenizer = clip_tokenizer(folder / "tokenizer")
    components: dict[str, Any] = {"tokenizer": tokenizer, "vae": vae(kind), "transformer": transformer(kind)}
    if kind.startswith("flux"):
        dev = kind == "flux-dev"
        components |= {
            "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0 if dev else 1.0, use_dynamic_shifting=dev),
            "text_encoder": clip_text_encoder(8, len(tokenizer)),
            "tokenizer_2": t5_tokenizer(folder / "tokenizer_2"), "text_encoder_2": t5_encoder(16),
        }  # fmt: skip
        FluxPipeline(**(components | parts)).save_pretrained(folder)
        return folder
    without_t5 = kind == "sd3-without-t5"
    components |= {
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
        "text_encoder": clip_text_encoder(8, len(tokenizer), projection=True),
        "tokenizer_2": clip_tokenizer(folder / "tokenizer_2", pad="!"),
        "text_encoder_2": clip_text_encoder(16, len(tokenizer), projection=True, seed=5),
        "tokenizer_3": None if without_t5 else t5_tokenizer(folder / "tokenizer_3"),
        "text_encoder_3": None if without_t5 else t5_encoder(32),
    }  # fmt: skip
    StableDiffusion3Pipeline(**(components | parts)).save_pretrained(folder)
    return folder
