"""`microcosm-masked`: masked image tokens in the layout of aMUSEd (the row of Muse). 8 × 8 tokens of 32 × 32 pixels.

The text encoder is another model's and stays as it is, as Muse's (T5) is and as aMUSEd's (CLIP) comes: here that of
`microcosm-latent`. Learned along with the rest from nothing, it never told the categories apart.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from observers.microcosm.tokens import TokenAutoencoder, tokens_loss, tokens_of
from observers.microcosm.training_images import TrainingImages
from observers.microcosm.training_loop import Say, TrainingSettings, digest, fit
from observers.microcosm.words import N_TOKENS, said_of, sentences

SIZE, SIDE = 32, 8  # pixels, tokens
N_CODES, WIDTH = 1024, 64
TEXT = Path(__file__).parent / "weights/microcosm-latent"
MASK = N_CODES
TOKENS = TrainingSettings(steps=4_000, batch=16, rate=2e-3, average=0.99, half=True)
PREDICTOR = TrainingSettings(steps=16_000, batch=32, rate=2e-3, warmup=500, half=True)


def train_masked(
    pictures: TrainingImages, out: Path, work: Path, say: Say, tokens: TrainingSettings, predictor: TrainingSettings
) -> None:
    """Write the trained model into the folder `out`; `work` is for what it takes to go on."""
    from diffusers import AmusedScheduler
    from diffusers.models.attention_processor import AttnProcessor

    vqvae = autoencoder_network()
    learned = TokenAutoencoder(
        vqvae, vqvae.quantize.embedding, lambda x: vqvae.encode(x).latents, lambda v: _decode(vqvae, v)
    )
    fit(
        learned,
        tokens_loss(learned, pictures, tokens, SIZE, 0.0),
        tokens,
        work / "tokens",
        given=pictures.name,
        say=say,
    )
    learned.finish()
    codes = tokens_of(learned, pictures, SIZE, 0.0)

    words, text = text_encoder()
    ids = words(sentences(), padding="max_length", max_length=N_TOKENS, return_tensors="pt").input_ids
    network = predicting_network()
    with torch.no_grad():
        read = text(ids, output_hidden_states=True)
    network.set_attn_processor(AttnProcessor())  # faster at this size, backwards
    about = torch.tensor([SIZE, SIZE, 0, 0, 6.0]).expand(predictor.batch, -1)  # as the observer says it

    def loss(generator: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(codes.shape[1], (predictor.batch,), generator=generator)
        given = codes[torch.randint(2, (predictor.batch,), generator=generator), chosen].long()
        said = said_of(pictures.labels[chosen], generator)
        hidden = _masks(len(given), generator)
        found = network(
            given.masked_fill(hidden, MASK), encoder_hidden_states=read.hidden_states[-2][said],
            pooled_text_emb=read.text_embeds[said], micro_conds=about,
        )  # fmt: skip
        error = functional.cross_entropy(found.float(), given, reduction="none")
        return (error * hidden).sum() / hidden.sum()

    fit(
        network,
        loss,
        predictor,
        work / "predictor",
        given=f"{pictures.name} {digest(vqvae)} {digest(text)}",
        say=say,
    )
    parts = {
        "vqvae": vqvae, "transformer": network, "text_encoder": text, "tokenizer": words,
        "scheduler": AmusedScheduler(mask_token_id=MASK),
    }  # fmt: skip
    for name, part in parts.items():
        part.save_pretrained(out / name)
    (out / "model_index.json").write_text(json.dumps({
        "_class_name": "AmusedPipeline", "vqvae": ["diffusers", "VQModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "text_encoder": ["transformers", "CLIPTextModelWithProjection"], "transformer": ["diffusers", "UVit2DModel"],
        "scheduler": ["diffusers", "AmusedScheduler"],
    }, indent=2) + "\n")  # fmt: skip


def _masks(n: int, generator: torch.Generator) -> torch.Tensor:
    """(n, SIDE, SIDE) bool: 1 to SIDE² tokens hidden, any number equally often, as in the bound."""
    order = torch.rand(n, SIDE * SIDE, generator=generator).argsort(dim=1).argsort(dim=1)
    count = torch.randint(1, SIDE * SIDE + 1, (n, 1), generator=generator)
    return (order < count).view(n, SIDE, SIDE)


def _decode(vqvae: Any, vectors: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = vqvae.decoder(vqvae.post_quant_conv(vectors))
    return out


def autoencoder_network() -> Any:
    from diffusers import VQModel

    torch.manual_seed(0)
    return VQModel(
        block_out_channels=(16, 32, 64), down_block_types=("DownEncoderBlock2D",) * 3, norm_num_groups=8,
        up_block_types=("UpDecoderBlock2D",) * 3, layers_per_block=1, sample_size=SIZE, latent_channels=8,
        num_vq_embeddings=N_CODES, lookup_from_codebook=True, mid_block_add_attention=False,
    )  # fmt: skip


def text_encoder() -> tuple[Any, Any]:
    """Tokenizer and text encoder of TEXT, with a projection that changes nothing."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    learned = CLIPTextModel.from_pretrained(TEXT / "text_encoder", dtype=torch.float32)
    learned.config.projection_dim = WIDTH
    text = CLIPTextModelWithProjection(learned.config)
    text.text_model.load_state_dict(learned.state_dict())
    torch.nn.init.eye_(text.text_projection.weight)
    return CLIPTokenizer.from_pretrained(TEXT / "tokenizer"), text.eval()


def predicting_network() -> Any:
    from diffusers import UVit2DModel

    torch.manual_seed(0)
    return UVit2DModel(
        hidden_size=128, cond_embed_dim=WIDTH, micro_cond_encode_dim=4, micro_cond_embed_dim=20, encoder_hidden_size=WIDTH,
        vocab_size=N_CODES + 1, codebook_size=N_CODES, in_channels=128, block_out_channels=128, num_res_blocks=1,
        block_num_heads=4, num_hidden_layers=3, num_attention_heads=4, intermediate_size=256, sample_size=SIDE,
    )  # fmt: skip
