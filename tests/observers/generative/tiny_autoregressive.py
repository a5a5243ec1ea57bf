"""Tiny Janus, Emu3 and Chameleon with random weights, saved as the hub keeps them."""

from pathlib import Path
from typing import Any

import torch

N_CODES = 24
SIZES = {"janus": 12, "emu3": 48, "chameleon": 12}  # pixels; 36 tokens
PIXELS_A_TOKEN = {"janus": 2, "emu3": 8, "chameleon": 2}
MARKS = {
    "janus": ["<begin_of_image>", "<end_of_image>", "<image_placeholder>", "<|User|>", "<|Assistant|>"],
    "emu3": ["<|image start|>", "<|image end|>", "<image>", "<|image token|>", "<|extra_200|>", "<|extra_201|>"],
    "chameleon": ["<racm3:break>", "<eoss>", "<image>", "<reserved08706>"],
}
# How the tokenizer_config.json of each names its tokens.
NAMES = {
    "janus": dict(image_token="<image_placeholder>", boi_token="<begin_of_image>", eoi_token="<end_of_image>"),
    "emu3": dict(
        image_token="<image>", boi_token="<|image start|>", eoi_token="<|image end|>", eof_token="<|extra_201|>",
        image_wrapper_token="<|image token|>",
    ),
    "chameleon": dict(image_token="<image>", boi_token="<racm3:break>", eoi_token="<eoss>"),
}  # fmt: skip
# The rules of the published one for a single question.
JANUS_TEMPLATE = (
    "{% for m in messages %}<|User|>: {{ m['content'][0]['text'].strip() }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|>:{% endif %}"
)


def image_names(kind: str) -> list[str]:
    """Names of the codes in the vocabulary, in another order than the codes."""
    order = torch.randperm(N_CODES, generator=torch.Generator().manual_seed(3)).tolist()
    if kind == "emu3":
        return [f"<|visual token {code:06d}|>" for code in order]
    return ["IMGIMG" + "".join("ABCDEFGHIJ"[int(digit)] for digit in str(code)) + "Z" for code in order]


def tokenizer(kind: str) -> Any:
    """Single bytes and what is special to the kind. Janus's and Chameleon's begin by themselves with <s>, Emu3's does not."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", *MARKS[kind], *(image_names(kind) if kind != "janus" else [])]
    words = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.add_special_tokens([AddedToken(word, normalized=False) for word in special])
    if kind != "emu3":
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    sep = {"sep_token": "<reserved08706>"} if kind == "chameleon" else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        extra_special_tokens=NAMES[kind],
        **sep,
    )


def _processor(kind: str, words: Any) -> Any:
    from transformers import ChameleonProcessor, Emu3ImageProcessor, Emu3Processor, JanusProcessor
    from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil
    from transformers.models.janus.image_processing_pil_janus import JanusImageProcessorPil

    if kind == "janus":
        return JanusProcessor(JanusImageProcessorPil(), words, chat_template=JANUS_TEMPLATE)
    if kind == "emu3":
        return Emu3Processor(Emu3ImageProcessor(), words)
    return ChameleonProcessor(ChameleonImageProcessorPil(), words)


def config(kind: str, n_words: int, vocabulary: dict[str, int], n_codes: int = N_CODES) -> Any:
    from transformers import ChameleonConfig, Emu3Config, JanusConfig

    text: dict[str, Any] = dict(
        vocab_size=n_words, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    vq: dict[str, Any] = dict(base_channels=32, num_res_blocks=1)
    if kind == "janus":
        vision = dict(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=12, patch_size=2, projection_dim=32
        )
        vq |= dict(
            channel_multiplier=[1, 1], num_embeddings=n_codes, embed_dim=4, latent_channels=8, projection_dim=32,
            image_token_embed_dim=32,
        )  # fmt: skip
        return JanusConfig(
            text_config=dict(model_type="llama", **text), vision_config=vision, vq_config=vq,
            image_token_id=vocabulary["<image_placeholder>"],
        )  # fmt: skip
    if kind == "emu3":
        vq |= dict(
            channel_multiplier=[1, 1, 1, 1], codebook_size=n_codes, temporal_downsample_factor=2, hidden_size=32,
            attn_resolutions=[3],
        )  # fmt: skip
        return Emu3Config(text_config=text, vq_config=vq, vocabulary_map=vocabulary)
    vq |= dict(channel_multiplier=[1, 1], num_embeddings=n_codes, embed_dim=8, latent_channels=8, resolution=12)
    return ChameleonConfig(**text, vq_config=vq, vocabulary_map=vocabulary)


def model(kind: str, words: Any, **more: Any) -> Any:
    import transformers

    torch.manual_seed(7)
    names = {"janus": "Janus", "emu3": "Emu3", "chameleon": "Chameleon"}
    made = getattr(transformers, f"{names[kind]}ForConditionalGeneration")(
        config(kind, len(words), words.get_vocab(), **more)
    )
    vq = made.model.vqmodel
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.ndim == 2 and "vqmodel" not in name and "vision_model" not in name:
                torch.nn.init.normal_(weight, std=0.6 if "embed" in name else 0.35)  # so that texts make a difference
        size = SIZES[kind]
        image = torch.rand(1, 3, size, size) * 2 - 1
        if kind == "emu3":
            latents = vq.quant_conv(vq.encoder(image[:, None].repeat(1, 2, 1, 1, 1)).transpose(1, 2))[0].flatten(1).T
        else:
            latents = vq.quant_conv(vq.encoder(image))[0].flatten(1).T
        codes = vq.quantize.embedding.weight  # so that many of them are met
        codes.copy_(latents[torch.randperm(len(latents))[torch.arange(len(codes)) % len(latents)]])
        codes.add_(0.1 * latents.std() * torch.randn(codes.shape))
        codes.mul_(torch.rand(len(codes), 1) + 0.5)  # of different lengths, as Janus's are in memory
    return made.eval()


def save(folder: Path, kind: str, **more: Any) -> Path:
    words = tokenizer(kind)
    _processor(kind, words).save_pretrained(folder)
    model(kind, words, **more).save_pretrained(folder)
    return folder
