"""Tiny Janus, Emu3 and Chameleon with random weights, saved as the hub keeps them, and a slow loop over each."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

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
    "janus": {"image_token": "<image_placeholder>", "boi_token": "<begin_of_image>", "eoi_token": "<end_of_image>"},
    "emu3": {
        "image_token": "<image>", "boi_token": "<|image start|>", "eoi_token": "<|image end|>", "eof_token": "<|extra_201|>",
        "image_wrapper_token": "<|image token|>",
    },
    "chameleon": {"image_token": "<image>", "boi_token": "<racm3:break>", "eoi_token": "<eoss>"},
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
    """Single bytes and what is special to the kind. Only Emu3's does not add <s> by itself."""
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


def config(kind: str, n_words: int, vocabulary: dict[str, int]) -> Any:
    from transformers import ChameleonConfig, Emu3Config, JanusConfig

    text: dict[str, Any] = {
        "vocab_size": n_words, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    vq: dict[str, Any] = {"base_channels": 32, "num_res_blocks": 1, "latent_channels": 8}
    if kind == "janus":
        vision = {
            "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "projection_dim": 32,
            "image_size": SIZES[kind], "patch_size": PIXELS_A_TOKEN[kind],
        }  # fmt: skip
        vq |= {
            "num_embeddings": N_CODES, "embed_dim": 4, "channel_multiplier": [1, 1], "projection_dim": 32,
            "image_token_embed_dim": 32,
        }  # fmt: skip
        text |= {"model_type": "llama"}
        image_token = vocabulary["<image_placeholder>"]
        return JanusConfig(text_config=text, vision_config=vision, vq_config=vq, image_token_id=image_token)
    if kind == "emu3":
        vq |= {
            "codebook_size": N_CODES, "channel_multiplier": [1, 1, 1, 1], "temporal_downsample_factor": 2,
            "hidden_size": 32, "attn_resolutions": [3], "embed_dim": 8,
        }  # fmt: skip
        return Emu3Config(text_config=text, vq_config=vq, vocabulary_map=vocabulary)
    vq |= {"num_embeddings": N_CODES, "embed_dim": 8, "channel_multiplier": [1, 1], "resolution": SIZES[kind]}
    return ChameleonConfig(**text, vq_config=vq, vocabulary_map=vocabulary)


def model(kind: str, words: Any) -> Any:
    import transformers

    torch.manual_seed(7)
    make = getattr(transformers, f"{kind.capitalize()}ForConditionalGeneration")
    made = make(config(kind, len(words), words.get_vocab())).eval()
    vq, size = made.model.vqmodel, SIZES[kind]
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.ndim == 2 and "vqmodel" not in name and "vision_model" not in name:
                weight.normal_(std=0.6 if "embed" in name else 0.35)  # so that texts make a difference
        image = 2 * torch.rand(1, 3, size, size) - 1
        if kind == "emu3":  # whose autoencoder is one for videos
            latents = vq.quant_conv(vq.encoder(image[:, None].repeat(1, 2, 1, 1, 1)).transpose(1, 2))
        else:
            latents = vq.quant_conv(vq.encoder(image))
        latents = latents[0].flatten(1).T
        codes = vq.quantize.embedding.weight  # so that many of them are met
        codes.copy_(latents[torch.randperm(len(latents))[torch.arange(len(codes)) % len(latents)]])
        codes.add_(0.1 * latents.std() * torch.randn(codes.shape))
        codes.mul_(torch.rand(len(codes), 1) + 0.5)  # Janus's are not of one length in its files
    return made


def save(folder: Path, kind: str) -> Path:
    words = tokenizer(kind)
    _processor(kind, words).save_pretrained(folder)
    model(kind, words).save_pretrained(folder)
    return folder


class Slow:
    """The classes of transformers, with their own processors: one row without padding, a token a pass."""

    def __init__(self, folder, kind):
        import transformers

        from observers.checkpoints import quiet_libraries

        name = kind.capitalize()
        with quiet_libraries():
            self.model = getattr(transformers, f"{name}ForConditionalGeneration").from_pretrained(folder)
            self.processor = getattr(transformers, f"{name}Processor").from_pretrained(folder)
        self.kind, self.size = kind, SIZES[kind]

    def image(self, photo):
        cut = Image.fromarray(photo[:, 6:46]).resize((self.size, self.size), Image.Resampling.BICUBIC)
        return torch.tensor(np.array(cut)).permute(2, 0, 1).float() / 127.5 - 1

    @torch.inference_mode()
    def codes(self, image):
        inner = self.model.model
        if self.kind == "janus":
            latents = inner.vqmodel.quant_conv(inner.vqmodel.encoder(image[None]))[0].flatten(1).T
            # What its decoder is given for the codes, on a grid of 36.
            grid = torch.arange(36)[None] % N_CODES
            entries = inner.vqmodel.quantize.get_codebook_entry(grid)[0].flatten(1).T[:N_CODES]
            return torch.cosine_similarity(latents[:, None], entries[None], dim=-1).argmax(1).tolist()
        if self.kind == "emu3":
            ids = inner.get_image_tokens(image[None], torch.tensor([[self.size, self.size]])).view(6, 7)
            assert (ids[:, -1] == inner.vocabulary_mapping.eol_token_id).all()
            return [inner.vocabulary_mapping.bpe2img[i] for i in ids[:, :-1].flatten().tolist()]
        return [inner.vocabulary_mapping.bpe2img[i] for i in inner.get_image_tokens(image[None])[0].tolist()]

    def prompt(self, text):
        if self.kind == "janus":
            talk = [{"role": "user", "content": [{"type": "text", "text": text}]}]
            text = self.processor.apply_chat_template(talk, add_generation_prompt=True)
            return self.processor(text=text, generation_mode="image", return_tensors="pt").input_ids
        if self.kind == "emu3":
            given = self.processor(
                text=text, return_for_image_generation=True, ratio="1:1", image_area=self.size**2, return_tensors="pt"
            )
            assert given.image_sizes == [[6, 6]]
            return given.input_ids
        ids = self.processor(text=text, return_tensors="pt").input_ids
        return torch.cat([ids, torch.tensor([[self.processor.image_start_token_id]])], dim=1)

    @torch.inference_mode()
    def steps(self, text, codes):
        """Log p of all codes before each of those given, in float64, by growing prefixes."""
        model, found = self.model, []
        if self.kind == "janus":
            given = model.get_input_embeddings()(self.prompt(text))
            for code in codes:
                state = model.model.language_model(inputs_embeds=given).last_hidden_state[:, -1]
                found.append(model.model.generation_head(state)[0].double().log_softmax(-1))
                given = torch.cat([given, model.prepare_embeddings_for_image_generation(torch.tensor([[code]]))], dim=1)
            return torch.stack(found)
        mapping, given = model.model.vocabulary_mapping, self.prompt(text)
        allowed = torch.tensor([mapping.img2bpe[code] for code in range(N_CODES)])
        for i, code in enumerate(codes):
            if self.kind == "emu3":
                last = model(input_ids=given).logits[0, -1]
            else:
                last = model.lm_head(model.model(input_ids=given).last_hidden_state)[0, -1]
            masked = torch.full_like(last, -torch.inf).index_fill(0, allowed, 0) + last
            found.append(masked.double().log_softmax(-1)[allowed])
            next_ids = [mapping.img2bpe[code]]
            if self.kind == "emu3" and i % 6 == 5:
                next_ids.append(mapping.eol_token_id)
            given = torch.cat([given, torch.tensor([next_ids])], dim=1)
        return torch.stack(found)

    def log_p(self, text, codes):
        return sum(step[code].item() for step, code in zip(self.steps(text, codes), codes, strict=True))
