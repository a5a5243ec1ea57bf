"""`microcosm-ar`: a sentence, then image tokens one after the other, in the layout of Janus (the row of Parti).

8 × 8 tokens of 32 × 32 pixels. The loss is what the observer measures: −log p(tokens | sentence). Janus's other half, which
sees images in order to talk of them, is as small as can be and not trained.
"""

from pathlib import Path
from typing import Any

import torch

from observers.generative.autoregressive import log_likelihood
from observers.generative.autoregressive_models import ARCHITECTURES
from observers.microcosm.tokens import TokenAutoencoder, tokens_loss, tokens_of
from observers.microcosm.training_images import TrainingImages
from observers.microcosm.training_loop import Say, TrainingSettings, digest, fit
from observers.microcosm.words import WORDS, said_of, sentences

SIZE, SIDE, N_CODES = 32, 8, 1024  # pixels, tokens
WIDTH = 128
SPECIAL = (
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
    pictures: TrainingImages, out: Path, work: Path, say: Say, tokens: TrainingSettings, predictor: TrainingSettings
) -> None:
    """Write the trained model into the folder `out`; `work` is for what it takes to go on."""
    words = tokenizer()
    model = network(words)
    vq = model.model.vqmodel
    learned = TokenAutoencoder(
        vq, vq.quantize.embedding, lambda x: vq.quant_conv(vq.encoder(x)), lambda v: vq.decoder(vq.post_quant_conv(v))
    )
    fit(
        learned,
        tokens_loss(learned, pictures, tokens, SIZE, -1.0),
        tokens,
        work / "tokens",
        given=pictures.name,
        say=say,
    )
    learned.finish()
    codes = tokens_of(learned, pictures, SIZE, -1.0).flatten(2)
    with torch.no_grad():
        model.model.generation_embeddings.weight.copy_(vq.quantize.embedding.weight)

    model.set_attn_implementation("eager")  # a third faster at this size, backwards
    parts = JANUS.network(model)
    prompts = [words(JANUS.prompt(sentence, SIDE)).input_ids for sentence in sentences()]
    longest = max(map(len, prompts))
    ids = torch.tensor([prompt[:1] * (longest - len(prompt)) + prompt for prompt in prompts])
    there = torch.tensor([[i >= longest - len(prompt) for i in range(longest)] for prompt in prompts])

    def loss(generator: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(codes.shape[1], (predictor.batch,), generator=generator)
        given = codes[torch.randint(2, (predictor.batch,), generator=generator), chosen].long()
        said = said_of(pictures.labels[chosen], generator)
        return -log_likelihood(parts, ids[said], there[said], given).mean() / given.shape[1]

    inner = model.model
    trained = torch.nn.ModuleList(
        [inner.language_model, inner.generation_embeddings, inner.generation_aligner, inner.generation_head]
    )
    fit(trained, loss, predictor, work / "predictor", given=f"{pictures.name} {digest(vq)}", say=say)
    words.save_pretrained(out)
    model.save_pretrained(out)


def tokenizer() -> Any:
    """Janus's marks, a token each word of the sentences, and single letters."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*SPECIAL, *letters, *(f"Ġ{word}" for word in WORDS), "ĠA"]
    made = Tokenizer(models.Unigram([(piece, -4.0 if len(piece) > 2 else -8.0) for piece in dict.fromkeys(pieces)]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.add_special_tokens([AddedToken(word, normalized=False) for word in SPECIAL])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", pad_token="<pad>", eos_token="</s>",
        extra_special_tokens={
            "image_token": "<image_placeholder>", "boi_token": "<begin_of_image>", "eoi_token": "<end_of_image>",
        },
    )  # fmt: skip


def network(words: Any) -> Any:
    from transformers import JanusConfig, JanusForConditionalGeneration

    torch.manual_seed(0)
    text = {
        "model_type": "llama", "vocab_size": len(words), "hidden_size": WIDTH, "intermediate_size": 3 * WIDTH,
        "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 192,
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    vision = {
        "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "projection_dim": WIDTH, "image_size": SIZE,
        "patch_size": SIZE // SIDE, "depth": 1,
    }  # fmt: skip
    vq = {
        "base_channels": 32, "channel_multiplier": [1, 1, 1], "num_res_blocks": 1, "latent_channels": 16, "embed_dim": 8,
        "num_embeddings": N_CODES, "projection_dim": WIDTH, "image_token_embed_dim": WIDTH,
    }  # fmt: skip
    number = words.convert_tokens_to_ids("<image_placeholder>")
    config = JanusConfig(text_config=text, vision_config=vision, vq_config=vq, image_token_id=number)
    return JanusForConditionalGeneration(config)
