"""`microcosm-ar`: an autoregressive model of image tokens given a caption, like Parti, in the layout of Janus.

An image of 32 × 32 pixels is 8 × 8 tokens. The training loss is what the observer measures: −log p(tokens | caption).
The part of Janus that encodes images to answer questions about them is as small as possible and is not trained.
"""

from pathlib import Path
from typing import Any

import torch

from observers.generative.families.autoregressive import log_likelihood
from observers.generative.families.autoregressive_models import ARCHITECTURES
from observers.microcosm.training.captions import VOCABULARY, all_captions, draw_captions
from observers.microcosm.training.tokens import TokenAutoencoder, encode_tokens, tokens_loss
from observers.microcosm.training.training_images import TrainingImages
from observers.microcosm.training.training_loop import ProgressCallback, TrainingSettings, fit, weights_digest

SIZE, SIDE, N_CODES = 32, 8, 1024  # pixels and tokens per side; size of the codebook
WIDTH = 128  # width of the transformer
SPECIAL_TOKENS = (
    "<s>",
    "<pad>",
    "</s>",
    "<begin_of_image>",
    "<end_of_image>",
    "<image_placeholder>",
    "<|User|>",
    "<|Assistant|>",
)
TOKENS = TrainingSettings(steps=3_000, batch=16, rate=2e-3, average=0.99, half=True)
PREDICTOR = TrainingSettings(steps=12_000, batch=32, rate=3e-3, warmup=500, half=True)
JANUS = ARCHITECTURES["janus"]


def train_ar(
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
        predictor: Training settings of the transformer that predicts tokens.
    """
    model = build_network(build_tokenizer())
    autoencoder = train_tokens(model, images, checkpoints / "tokens", on_progress, tokens)
    train_predictor(model, autoencoder, images, out, checkpoints, on_progress, predictor)


def train_tokens(
    model: Any, images: TrainingImages, path: Path, on_progress: ProgressCallback, settings: TrainingSettings
) -> TokenAutoencoder:
    """Train the vector-quantized autoencoder of a Janus model in place and return it.

    Args:
        model: The model.
        images: The training images.
        path: Path of the checkpoint without a suffix. If the checkpoint is complete, the weights are read from it.
        on_progress: Function that is called with progress messages.
        settings: Training settings.
    """
    vq = model.model.vqmodel
    autoencoder = TokenAutoencoder(
        vq, vq.quantize.embedding, lambda x: vq.quant_conv(vq.encoder(x)), lambda v: vq.decoder(vq.post_quant_conv(v))
    )
    loss = tokens_loss(autoencoder, images, settings, SIZE, -1.0)
    fit(autoencoder, loss, settings, path, data_id=images.id, on_progress=on_progress)
    autoencoder.normalize_codebook()
    return autoencoder


def train_predictor(
    model: Any,
    autoencoder: TokenAutoencoder,
    images: TrainingImages,
    out: Path,
    checkpoints: Path,
    on_progress: ProgressCallback,
    predictor: TrainingSettings,
) -> None:
    """Train the transformer of a Janus model on the tokens of its autoencoder, and write the whole model to a folder.

    Args:
        model: The model.
        autoencoder: Its trained autoencoder.
        images: The training images.
        out: Folder for the model.
        checkpoints: Folder for the training checkpoints.
        on_progress: Function that is called with progress messages.
        predictor: Training settings.
    """
    tokenizer, vq = build_tokenizer(), model.model.vqmodel
    codes = encode_tokens(autoencoder, images, SIZE, -1.0).flatten(2)
    with torch.no_grad():
        model.model.generation_embeddings.weight.copy_(vq.quantize.embedding.weight)

    model.set_attn_implementation("eager")  # makes the backward pass a third faster at this size
    parts = JANUS.network(model)
    prompts = [tokenizer(JANUS.prompt(caption, SIDE)).input_ids for caption in all_captions()]
    longest = max(map(len, prompts))
    ids = torch.tensor([prompt[:1] * (longest - len(prompt)) + prompt for prompt in prompts])
    attention_mask = torch.tensor([[i >= longest - len(prompt) for i in range(longest)] for prompt in prompts])

    def loss(generator: torch.Generator) -> torch.Tensor:
        indices = torch.randint(codes.shape[1], (predictor.batch,), generator=generator)
        batch = codes[torch.randint(2, (predictor.batch,), generator=generator), indices].long()
        captions = draw_captions(images.labels[indices], generator)
        return -log_likelihood(parts, ids[captions], attention_mask[captions], batch).mean() / batch.shape[1]

    inner = model.model
    trained = torch.nn.ModuleList(
        [inner.language_model, inner.generation_embeddings, inner.generation_aligner, inner.generation_head]
    )
    data_id = f"{images.id} {weights_digest(vq)}"
    fit(trained, loss, predictor, checkpoints / "predictor", data_id=data_id, on_progress=on_progress)
    tokenizer.save_pretrained(out)
    model.save_pretrained(out)


def build_tokenizer() -> Any:
    """Return a tokenizer with Janus's special tokens, one token for each word of the captions, and single letters."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*SPECIAL_TOKENS, *letters, *(f"Ġ{word}" for word in VOCABULARY), "ĠA"]
    scores = [(piece, -4.0 if len(piece) > 2 else -8.0) for piece in dict.fromkeys(pieces)]
    tokenizer = Tokenizer(models.Unigram(scores))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL_TOKENS])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>",
        extra_special_tokens={
            "image_token": "<image_placeholder>", "boi_token": "<begin_of_image>", "eoi_token": "<end_of_image>",
        },
    )  # fmt: skip


def build_network(tokenizer: Any, width: int = WIDTH, seed: int = 0) -> Any:
    """Return an untrained Janus model for a tokenizer."""
    from transformers import JanusConfig, JanusForConditionalGeneration

    torch.manual_seed(seed)
    text = {
        "model_type": "llama", "vocab_size": len(tokenizer), "hidden_size": width, "intermediate_size": 3 * width,
        "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 192,
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    vision = {
        "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "projection_dim": width, "image_size": SIZE,
        "patch_size": SIZE // SIDE, "depth": 1,
    }  # fmt: skip
    vq = {
        "base_channels": 32, "channel_multiplier": [1, 1, 1], "num_res_blocks": 1, "latent_channels": 16, "embed_dim": 8,
        "num_embeddings": N_CODES, "projection_dim": width, "image_token_embed_dim": width,
    }  # fmt: skip
    image_token = tokenizer.convert_tokens_to_ids("<image_placeholder>")
    config = JanusConfig(text_config=text, vision_config=vision, vq_config=vq, image_token_id=image_token)
    return JanusForConditionalGeneration(config)
