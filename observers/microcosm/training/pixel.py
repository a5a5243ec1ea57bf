"""`microcosm-pixel`: diffusion of 32 × 32 pixels, conditioned on states of a T5 encoder, in the layout of DeepFloyd IF.

As in DeepFloyd IF, the U-Net has 6 output channels: the noise and a variance. The variance is not trained, and the
scheduler does not use it.
"""

import json
from pathlib import Path
from typing import Any

import torch

from observers.generative.families.pixel import N_TOKENS
from observers.microcosm.training.captions import VOCABULARY, all_captions, draw_captions
from observers.microcosm.training.denoising_loss import noise_error
from observers.microcosm.training.training_images import TrainingImages
from observers.microcosm.training.training_loop import ProgressCallback, TrainingSettings, fit

SIZE, WIDTH = 32, 64  # pixels per side; width of the text encoder states
DENOISER = TrainingSettings(steps=10_000, batch=32, rate=1e-3, warmup=500, average=0.9995, half=True)


def train_pixel(
    images: TrainingImages, out: Path, checkpoints: Path, on_progress: ProgressCallback, denoiser: TrainingSettings
) -> None:
    """Train the model and write it to a folder.

    Args:
        images: The training images.
        out: Folder for the model.
        checkpoints: Folder for the training checkpoints.
        on_progress: Function that is called with progress messages.
        denoiser: Training settings of the U-Net and the text encoder.
    """
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", variance_type="fixed_small", thresholding=True, clip_sample=False
    )
    tokenizer = t5_tokenizer()
    tokens = tokenize_captions(tokenizer)
    text_encoder, unet = build_text_encoder(len(tokenizer)), build_denoiser()

    def loss(generator: torch.Generator) -> torch.Tensor:
        batch, labels = images.batch(denoiser.batch, generator, SIZE)
        captions, inverse = torch.unique(draw_captions(labels, generator), return_inverse=True)
        encoded = text_encoder(tokens.input_ids[captions], tokens.attention_mask[captions])
        return noise_error(unet, scheduler, batch, encoded.last_hidden_state[inverse], generator)

    networks = torch.nn.ModuleList([unet, text_encoder])
    fit(networks, loss, denoiser, checkpoints / "denoiser", data_id=images.id, on_progress=on_progress)
    parts = {"unet": unet, "text_encoder": text_encoder, "tokenizer": tokenizer, "scheduler": scheduler}
    for name, part in parts.items():
        part.save_pretrained(out / name)
    (out / "model_index.json").write_text(json.dumps({
        "_class_name": "IFPipeline", "tokenizer": ["transformers", "T5Tokenizer"],
        "text_encoder": ["transformers", "T5EncoderModel"], "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", "DDPMScheduler"], "safety_checker": [None, None], "feature_extractor": [None, None],
        "watermarker": [None, None], "requires_safety_checker": False,
    }, indent=2) + "\n")  # fmt: skip


def tokenize_captions(tokenizer: Any) -> Any:
    """Return token ids and attention mask of all captions, (n, N_TOKENS) each.

    The captions are converted to lower case and padded, as the observer does with its prompts.
    """
    captions = [caption.lower() for caption in all_captions()]
    return tokenizer(captions, padding="max_length", max_length=N_TOKENS, return_tensors="pt")


def t5_tokenizer() -> Any:
    """Return a T5 tokenizer in which each word of the captions is one token and other words are split into letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,'-▁"
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -4.0) for word in VOCABULARY] + [(letter, -8.0) for letter in letters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )


def build_text_encoder(n_tokens: int) -> Any:
    """Return an untrained T5 encoder for a vocabulary of `n_tokens`."""
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    return T5EncoderModel(T5Config(
        vocab_size=n_tokens, d_model=WIDTH, d_kv=16, d_ff=2 * WIDTH, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu", dropout_rate=0.0,
    ))  # fmt: skip


def build_denoiser() -> Any:
    """Return an untrained U-Net of diffusers for pixels."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=SIZE, in_channels=3, out_channels=6, block_out_channels=(16, 32, 64, 96), layers_per_block=1,
        norm_num_groups=8, down_block_types=("DownBlock2D",) * 3 + ("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * 3, cross_attention_dim=WIDTH, encoder_hid_dim=WIDTH,
        attention_head_dim=4, addition_embed_type="text", addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )  # fmt: skip
