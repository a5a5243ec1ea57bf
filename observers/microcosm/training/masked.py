"""`microcosm-masked`: masked image tokens in the layout of aMUSEd, an open reproduction of Muse.

An image of 32 × 32 pixels is 8 × 8 tokens.

The text encoder is that of `microcosm-latent` and is not trained further. Muse (T5) and aMUSEd (CLIP) also use the text
encoder of another model. A text encoder that was trained from scratch together with the rest did not learn to
distinguish the categories.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from observers.microcosm.training.captions import N_TOKENS, all_captions, draw_captions
from observers.microcosm.training.tokens import TokenAutoencoder, encode_tokens, tokens_loss
from observers.microcosm.training.training_images import TrainingImages
from observers.microcosm.training.training_loop import ProgressCallback, TrainingSettings, fit, weights_digest

SIZE, SIDE = 32, 8  # pixels and tokens per side
N_CODES, WIDTH = 1024, 64
TEXT_ENCODER_SOURCE = Path(__file__).parents[1] / "weights/microcosm-latent"
MASK_TOKEN = N_CODES
TOKENS = TrainingSettings(steps=4_000, batch=16, rate=2e-3, average=0.99, half=True)
PREDICTOR = TrainingSettings(steps=16_000, batch=32, rate=2e-3, warmup=500, half=True)


def train_masked(
    images: TrainingImages,
    out: Path,
    checkpoints: Path,
    on_progress: ProgressCallback,
    tokens: TrainingSettings,
    predictor: TrainingSettings,
) -> None:
    """Train the model and write it to a folder.

    Args:
        images: The training images.
        out: Folder for the model.
        checkpoints: Folder for the training checkpoints.
        on_progress: Function that is called with progress messages.
        tokens: Training settings of the vector-quantized autoencoder.
        predictor: Training settings of the transformer that predicts masked tokens.
    """
    from diffusers import AmusedScheduler
    from diffusers.models.attention_processor import AttnProcessor

    vqvae = build_autoencoder()
    autoencoder = TokenAutoencoder(
        vqvae, vqvae.quantize.embedding, lambda x: vqvae.encode(x).latents, lambda v: _decode(vqvae, v)
    )
    fit(
        autoencoder,
        tokens_loss(autoencoder, images, tokens, SIZE, 0.0),
        tokens,
        checkpoints / "tokens",
        data_id=images.id,
        on_progress=on_progress,
    )
    autoencoder.normalize_codebook()
    codes = encode_tokens(autoencoder, images, SIZE, 0.0)

    tokenizer, text_encoder = load_text_encoder()
    ids = tokenizer(all_captions(), padding="max_length", max_length=N_TOKENS, return_tensors="pt").input_ids
    network = build_predictor()
    with torch.no_grad():
        captions = text_encoder(ids, output_hidden_states=True)
    network.set_attn_processor(AttnProcessor())  # faster backward pass at this size
    # Image size, crop and aesthetic score, with the same values as in the observer.
    micro_conditions = torch.tensor([SIZE, SIZE, 0, 0, 6.0]).expand(predictor.batch, -1)

    def loss(generator: torch.Generator) -> torch.Tensor:
        indices = torch.randint(codes.shape[1], (predictor.batch,), generator=generator)
        batch = codes[torch.randint(2, (predictor.batch,), generator=generator), indices].long()
        caption = draw_captions(images.labels[indices], generator)
        masks = _draw_masks(len(batch), generator)
        logits = network(
            batch.masked_fill(masks, MASK_TOKEN), encoder_hidden_states=captions.hidden_states[-2][caption],
            pooled_text_emb=captions.text_embeds[caption], micro_conds=micro_conditions,
        )  # fmt: skip
        error = functional.cross_entropy(logits.float(), batch, reduction="none")
        return (error * masks).sum() / masks.sum()

    fit(
        network,
        loss,
        predictor,
        checkpoints / "predictor",
        data_id=f"{images.id} {weights_digest(vqvae)} {weights_digest(text_encoder)}",
        on_progress=on_progress,
    )
    parts = {
        "vqvae": vqvae, "transformer": network, "text_encoder": text_encoder, "tokenizer": tokenizer,
        "scheduler": AmusedScheduler(mask_token_id=MASK_TOKEN),
    }  # fmt: skip
    for name, part in parts.items():
        part.save_pretrained(out / name)
    (out / "model_index.json").write_text(json.dumps({
        "_class_name": "AmusedPipeline", "vqvae": ["diffusers", "VQModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "text_encoder": ["transformers", "CLIPTextModelWithProjection"], "transformer": ["diffusers", "UVit2DModel"],
        "scheduler": ["diffusers", "AmusedScheduler"],
    }, indent=2) + "\n")  # fmt: skip


def _draw_masks(n: int, generator: torch.Generator) -> torch.Tensor:
    """Return n random masks (n, SIDE, SIDE) bool. The number of masked tokens is uniform in 1..SIDE².

    The likelihood bound that the observer computes averages over the same distribution.
    """
    order = torch.rand(n, SIDE * SIDE, generator=generator).argsort(dim=1).argsort(dim=1)
    n_masked = torch.randint(1, SIDE * SIDE + 1, (n, 1), generator=generator)
    return (order < n_masked).view(n, SIDE, SIDE)


def _decode(vqvae: Any, vectors: torch.Tensor) -> torch.Tensor:
    images: torch.Tensor = vqvae.decoder(vqvae.post_quant_conv(vectors))
    return images


def build_autoencoder() -> Any:
    """Return an untrained VQModel of diffusers."""
    from diffusers import VQModel

    torch.manual_seed(0)
    return VQModel(
        block_out_channels=(16, 32, 64), down_block_types=("DownEncoderBlock2D",) * 3, norm_num_groups=8,
        up_block_types=("UpDecoderBlock2D",) * 3, layers_per_block=1, sample_size=SIZE, latent_channels=8,
        num_vq_embeddings=N_CODES, lookup_from_codebook=True, mid_block_add_attention=False,
    )  # fmt: skip


def load_text_encoder() -> tuple[Any, Any]:
    """Load the tokenizer and the text encoder of TEXT_ENCODER_SOURCE. An identity projection is added for aMUSEd."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    trained = CLIPTextModel.from_pretrained(TEXT_ENCODER_SOURCE / "text_encoder", dtype=torch.float32)
    trained.config.projection_dim = WIDTH
    text_encoder = CLIPTextModelWithProjection(trained.config)
    text_encoder.text_model.load_state_dict(trained.state_dict())
    torch.nn.init.eye_(text_encoder.text_projection.weight)
    return CLIPTokenizer.from_pretrained(TEXT_ENCODER_SOURCE / "tokenizer"), text_encoder.eval()


def build_predictor() -> Any:
    """Return an untrained transformer of diffusers that predicts masked tokens."""
    from diffusers import UVit2DModel

    torch.manual_seed(0)
    return UVit2DModel(
        hidden_size=128, cond_embed_dim=WIDTH, micro_cond_encode_dim=4, micro_cond_embed_dim=20, encoder_hidden_size=WIDTH,
        vocab_size=N_CODES + 1, codebook_size=N_CODES, in_channels=128, block_out_channels=128, num_res_blocks=1,
        block_num_heads=4, num_hidden_layers=3, num_attention_heads=4, intermediate_size=256, sample_size=SIDE,
    )  # fmt: skip
