"""Tiny Stable Diffusion 3 and Flux models with random weights, saved by their own pipelines as the hub keeps them."""

from pathlib import Path
from typing import Any

import torch

from stimuli.categories import CATEGORIES
from tests.observers.generative.tiny_latent import clip_text, clip_tokenizer, spread

SIZE, SCALE = 16, 2  # pixels, pixels an element of the latent
SHIFTS = {"sd3": (0.0609, 1.5305), "flux": (0.1159, 0.3611)}  # of the latent, and its scaling, as in the real ones
KINDS = ("sd3", "sd3.5", "sd3-without-t5", "flux-dev", "flux-schnell")


def t5_tokenizer(folder: Path) -> Any:
    """T5's tokenizer as a tokenizer.json, with the words of our prompts and the letters of all others."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["a", "bad", "photo", "of", "an", *CATEGORIES]
    letters = sorted({letter for word in words for letter in word} | {"▁"})
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -4.0) for word in words] + [(letter, -8.0) for letter in letters]
    made = Tokenizer(models.Unigram(pieces, unk_id=2))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
    wrapped.save_pretrained(folder)
    return wrapped


def t5(width: int) -> Any:
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(23)
    config = T5Config(
        vocab_size=64, d_model=width, d_kv=8, d_ff=16, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu",
    )  # fmt: skip
    return T5EncoderModel(config).eval()


def vae(kind: str, n_halvings: int = 1) -> Any:
    from diffusers import AutoencoderKL

    torch.manual_seed(21)
    shift, scaling = SHIFTS[kind[: kind.find("-")] if kind.startswith("flux") else "sd3"]
    n = n_halvings + 1
    return AutoencoderKL(
        block_out_channels=(4,) * n, down_block_types=("DownEncoderBlock2D",) * n, norm_num_groups=2,
        up_block_types=("UpDecoderBlock2D",) * n, layers_per_block=1, latent_channels=16, shift_factor=shift,
        scaling_factor=scaling, use_quant_conv=False, use_post_quant_conv=False,
    ).eval()  # fmt: skip


def transformer(kind: str, **more: Any) -> Any:
    from diffusers import FluxTransformer2DModel, SD3Transformer2DModel

    torch.manual_seed(22)
    if kind.startswith("flux"):
        options = {"in_channels": 64, "guidance_embeds": kind == "flux-dev"} | more
        return spread(FluxTransformer2DModel(
            num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2, joint_attention_dim=16,
            pooled_projection_dim=8, axes_dims_rope=(2, 2, 4), **options,
        ))  # fmt: skip
    newer = {"qk_norm": "rms_norm", "dual_attention_layers": (0,)} if kind == "sd3.5" else {}
    return spread(SD3Transformer2DModel(
        sample_size=SIZE // SCALE, num_layers=2, attention_head_dim=8, num_attention_heads=2, joint_attention_dim=32,
        caption_projection_dim=16, pooled_projection_dim=24, pos_embed_max_size=12, **(newer | more),
    ))  # fmt: skip


def save(folder: Path, kind: str, **parts: Any) -> Path:
    """A model of one of the KINDS; `parts` replace its own."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, StableDiffusion3Pipeline

    words = clip_tokenizer(folder / "tokenizer")
    made: dict[str, Any] = {"tokenizer": words, "vae": vae(kind), "transformer": transformer(kind)}
    if kind.startswith("flux"):
        dev = kind == "flux-dev"
        made |= {
            "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0 if dev else 1.0, use_dynamic_shifting=dev),
            "text_encoder": clip_text(8, len(words)),
            "tokenizer_2": t5_tokenizer(folder / "tokenizer_2"), "text_encoder_2": t5(16),
        }  # fmt: skip
        FluxPipeline(**(made | parts)).save_pretrained(folder)
        return folder
    without = kind == "sd3-without-t5"
    made |= {
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
        "text_encoder": clip_text(8, len(words), projection=True),
        "tokenizer_2": clip_tokenizer(folder / "tokenizer_2", pad="!"),
        "text_encoder_2": clip_text(16, len(words), projection=True, seed=5),
        "tokenizer_3": None if without else t5_tokenizer(folder / "tokenizer_3"),
        "text_encoder_3": None if without else t5(32),
    }  # fmt: skip
    StableDiffusion3Pipeline(**(made | parts)).save_pretrained(folder)
    return folder
