"""A tiny aMUSEd with random weights, saved as the hub keeps it."""

import json
from pathlib import Path
from typing import Any

import torch

from tests.observers.generative.tiny_latent import clip_text, clip_tokenizer

N_CODES, MASK = 20, 21  # of 22 words; the last ones are no tokens of an image
SIZE, SCALE = 16, 2  # pixels, pixels a token


def vqvae(**more: Any) -> Any:
    from diffusers import VQModel

    torch.manual_seed(11)
    options: dict[str, Any] = {"num_vq_embeddings": N_CODES} | more
    model = VQModel(
        block_out_channels=(4, 8), down_block_types=("DownEncoderBlock2D",) * 2, norm_num_groups=2,
        up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, sample_size=SIZE, latent_channels=4,
        lookup_from_codebook=True, mid_block_add_attention=False, force_upcast=True, **options,
    )  # fmt: skip
    with torch.no_grad():
        latents = model.encode(torch.rand(1, 3, SIZE, SIZE)).latents[0].flatten(1).T  # so that many codes are met
        codes = model.quantize.embedding.weight
        codes.copy_(latents[torch.randperm(len(latents))[torch.arange(len(codes)) % len(latents)]])
        model.decoder.conv_out.bias.fill_(0.5)
    return model.eval()


def transformer(kind: str, **more: Any) -> Any:
    """Like those of amused-256 and amused-512, of which the second halves its grid of tokens inside."""
    from diffusers import UVit2DModel

    torch.manual_seed(12)
    options: dict[str, Any] = {"vocab_size": N_CODES + 2, "codebook_size": N_CODES} | more
    model = UVit2DModel(
        hidden_size=16, cond_embed_dim=12, micro_cond_encode_dim=4, micro_cond_embed_dim=20, encoder_hidden_size=12,
        in_channels=12, block_out_channels=8, num_res_blocks=1, block_num_heads=2, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=24, downsample=kind == "512", upsample=kind == "512",
        sample_size=SIZE // SCALE, **options,
    )  # fmt: skip
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:  # larger, so that the text and the other tokens make a difference
                weight.mul_(2 if "mlm_layer" in name else 4 if "cond_embed" in name else 3)
    return model.eval()


def save(folder: Path, kind: str = "256", mask: Any = MASK, **parts: Any) -> Path:
    """A model of the kind 256 or 512; `parts` replace its own."""
    from diffusers import AmusedScheduler

    words = clip_tokenizer(folder / "tokenizer")
    made = {
        "vqvae": vqvae(), "transformer": transformer(kind), "scheduler": AmusedScheduler(mask_token_id=mask),
        "text_encoder": clip_text(12, len(words), projection=True),
    }  # fmt: skip
    for name, part in (made | parts).items():
        part.save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "AmusedPipeline"}))
    return folder
