"""A tiny aMUSEd model with random weights, saved in the layout of a Hugging Face Hub repository."""

import json
from pathlib import Path
from typing import Any

import torch

from tests.unit.observers.generative.tiny_latent import clip_text_encoder, clip_tokenizer

N_CODES, MASK = 20, 21  # the vocabulary has 22 tokens, the last two of which are not image tokens
SIZE, SCALE = 16, 2  # pixels per side of an image, and of a token


def vqvae(**overrides: Any) -> Any:
    """Return a VQ autoencoder whose codebook holds latents of a random image, so that images use many codes."""
    from diffusers import VQModel

    torch.manual_seed(11)
    options: dict[str, Any] = {"num_vq_embeddings": N_CODES} | overrides
    model = VQModel(
        block_out_channels=(4, 8), down_block_types=("DownEncoderBlock2D",) * 2, norm_num_groups=2,
        up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, sample_size=SIZE, latent_channels=4,
        lookup_from_codebook=True, mid_block_add_attention=False, force_upcast=True, **options,
    )  # fmt: skip
    with torch.no_grad():
        latents = model.encode(torch.rand(1, 3, SIZE, SIZE)).latents[0].flatten(1).T
        codes = model.quantize.embedding.weight
        codes.copy_(latents[torch.randperm(len(latents))[torch.arange(len(codes)) % len(latents)]])
        model.decoder.conv_out.bias.fill_(0.5)
    return model.eval()


def transformer(kind: str, **overrides: Any) -> Any:
    """Return a transformer like that of amused-256, or of amused-512, which halves its grid of tokens internally."""
    from diffusers import UVit2DModel

    torch.manual_seed(12)
    options: dict[str, Any] = {"vocab_size": N_CODES + 2, "codebook_size": N_CODES} | overrides
    model = UVit2DModel(
        hidden_size=16, cond_embed_dim=12, micro_cond_encode_dim=4, micro_cond_embed_dim=20, encoder_hidden_size=12,
        in_channels=12, block_out_channels=8, num_res_blocks=1, block_num_heads=2, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=24, downsample=kind == "512", upsample=kind == "512",
        sample_size=SIZE // SCALE, **options,
    )  # fmt: skip
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:  # enlarged, so that predictions depend visibly on the prompt and the other tokens
                weight.mul_(2 if "mlm_layer" in name else 4 if "cond_embed" in name else 3)
    return model.eval()


def save(folder: Path, kind: str = "256", mask: Any = MASK, **parts: Any) -> Path:
    """Save a model of the kind 256 or 512, with `parts` in place of its own, and return its folder."""
    from diffusers import AmusedScheduler

    tokenizer = clip_tokenizer(folder / "tokenizer")
    components = {
        "vqvae": vqvae(), "transformer": transformer(kind), "scheduler": AmusedScheduler(mask_token_id=mask),
        "text_encoder": clip_text_encoder(12, len(tokenizer), projection=True),
    }  # fmt: skip
    for name, part in (components | parts).items():
        part.save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "AmusedPipeline"}))
    return folder
