"""A tiny DeepFloyd IF model with random weights, saved in the layout of a Hugging Face Hub repository."""

import io
import json
from pathlib import Path
from typing import Any

import torch

from stimuli.categories import CATEGORIES
from tests.unit.observers.generative.tiny_flow import t5_encoder
from tests.unit.observers.generative.tiny_latent import enlarge_weights


def t5_tokenizer(folder: Path) -> None:
    """Save a T5 tokenizer with the words of the prompts as spiece.model, as the repositories of T5 do."""
    import sentencepiece

    sentences, out = [f"a bad photo of a {c}" for c in CATEGORIES] * 5, io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=out, vocab_size=60, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(out.getvalue())
    settings = {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"extra_ids": 0, "model_max_length": 77}))


def save(folder: Path, **overrides: Any) -> Path:
    """Save a model, with `overrides` of the options of its U-Net, and return its folder."""
    from diffusers import DDPMScheduler, UNet2DConditionModel

    t5_tokenizer(folder / "tokenizer")
    torch.manual_seed(4)
    options = {
        "sample_size": 16, "in_channels": 3, "out_channels": 6, "block_out_channels": (8, 16), "layers_per_block": 1,
        "norm_num_groups": 4, "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
        "up_block_types": ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"), "cross_attention_dim": 32,
        "encoder_hid_dim": 16, "attention_head_dim": 8, "addition_embed_type": "text", "addition_embed_type_num_heads": 2,
        "cross_attention_norm": "group_norm", "resnet_time_scale_shift": "scale_shift", "act_fn": "gelu",
    } | overrides  # fmt: skip
    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", thresholding=True, variance_type="learned_range", clip_sample=False
    )
    for name, part in {
        "unet": enlarge_weights(UNet2DConditionModel(**options)), "text_encoder": t5_encoder(16), "scheduler": scheduler,
    }.items():  # fmt: skip
        part.save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "IFPipeline"}))
    return folder
