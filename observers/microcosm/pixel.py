"""`microcosm-pixel`: diffusion of 32 × 32 pixels under T5's states of a sentence, in the layout of DeepFloyd IF.

As IF's, the U-Net gives 6 channels; its variance is not trained, and its scheduler does not use it.
"""

import json
from pathlib import Path
from typing import Any

import torch

from observers.generative.pixel import N_TOKENS
from observers.microcosm.denoising_loss import noise_error
from observers.microcosm.training_images import TrainingImages
from observers.microcosm.training_loop import Say, TrainingSettings, fit
from observers.microcosm.words import WORDS, said_of, sentences

SIZE, WIDTH = 32, 64
DENOISER = TrainingSettings(steps=10_000, batch=32, rate=1e-3, warmup=500, average=0.9995, half=True)


def train_pixel(pictures: TrainingImages, out: Path, work: Path, say: Say, denoiser: TrainingSettings) -> None:
    """Write the trained model into the folder `out`; `work` is for what it takes to go on."""
    from diffusers import DDPMScheduler

    noising = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", variance_type="fixed_small", thresholding=True, clip_sample=False
    )
    words = t5_tokenizer()
    tokens = read(words)
    text, unet = text_network(len(words)), denoising_network()

    def loss(generator: torch.Generator) -> torch.Tensor:
        images, labels = pictures.batch(denoiser.batch, generator, SIZE)
        said, which = torch.unique(said_of(labels, generator), return_inverse=True)
        states = text(tokens.input_ids[said], tokens.attention_mask[said]).last_hidden_state[which]
        return noise_error(unet, noising, images, states, generator)

    fit(torch.nn.ModuleList([unet, text]), loss, denoiser, work / "denoiser", given=pictures.name, say=say)
    for name, part in {"unet": unet, "text_encoder": text, "tokenizer": words, "scheduler": noising}.items():
        part.save_pretrained(out / name)
    (out / "model_index.json").write_text(json.dumps({
        "_class_name": "IFPipeline", "tokenizer": ["transformers", "T5Tokenizer"],
        "text_encoder": ["transformers", "T5EncoderModel"], "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", "DDPMScheduler"], "safety_checker": [None, None], "feature_extractor": [None, None],
        "watermarker": [None, None], "requires_safety_checker": False,
    }, indent=2) + "\n")  # fmt: skip


def read(words: Any) -> Any:
    """Tokens of all sentences and their mask, (n, N_TOKENS) each, as the observer reads them."""
    return words([s.lower() for s in sentences()], padding="max_length", max_length=N_TOKENS, return_tensors="pt")


def t5_tokenizer() -> Any:
    """T5's: a token each word of the sentences, and letters for all others."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,'-▁"
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -4.0) for word in WORDS] + [(letter, -8.0) for letter in letters]
    made = Tokenizer(models.Unigram(pieces, unk_id=2))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )


def text_network(n_words: int) -> Any:
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    return T5EncoderModel(T5Config(
        vocab_size=n_words, d_model=WIDTH, d_kv=16, d_ff=2 * WIDTH, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu", dropout_rate=0.0,
    ))  # fmt: skip


def denoising_network() -> Any:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=SIZE, in_channels=3, out_channels=6, block_out_channels=(16, 32, 64, 96), layers_per_block=1,
        norm_num_groups=8, down_block_types=("DownBlock2D",) * 3 + ("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * 3, cross_attention_dim=WIDTH, encoder_hid_dim=WIDTH,
        attention_head_dim=4, addition_embed_type="text", addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )  # fmt: skip
