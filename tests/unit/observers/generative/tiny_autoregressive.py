"""Tiny Janus, Emu3 and Chameleon models with random weights, and a reference that predicts one token per pass.

Models are saved in the layout of a Hugging Face Hub repository.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

N_CODES = 24
SIZES = {"janus": 12, "emu3": 48, "chameleon": 12}  # pixels per side; an image has 36 tokens
PIXELS_PER_TOKEN = {"janus": 2, "emu3": 8, "chameleon": 2}
SPECIAL_TOKENS = {
    "janus": ["<begin_of_image>", "<end_of_image>", "<image_placeholder>", "<|User|>", "<|Assistant|>"],
    "emu3": ["<|image start|>", "<|image end|>", "<image>", "<|image token|>", "<|extra_200|>", "<|extra_201|>"],
    "chameleon": ["<racm3:break>", "<eoss>", "<image>", "<reserved08706>"],
}
# Names of these tokens in the tokenizer_config.json of each model.
TOKEN_NAMES = {
    "janus": {"image_token": "<image_placeholder>", "boi_token": "<begin_of_image>", "eoi_token": "<end_of_image>"},
    "emu3": {
        "image_token": "<image>", "boi_token": "<|image start|>", "eoi_token": "<|image end|>", "eof_token": "<|extra_201|>",
        "image_wrapper_token": "<|image token|>",
    },
    "chameleon": {"image_token": "<image>", "boi_token": "<racm3:break>", "eoi_token": "<eoss>"},
}  # fmt: skip
# Equal to the published template for a single question.
JANUS_TEMPLATE = (
    "{% for m in messages %}<|User|>: {{ m['content'][0]['text'].strip() }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|>:{% endif %}"
)


def image_tokens(kind: str) -> list[str]:
    """Return the tokens of the codes in the vocabulary, in another order than the codes."""
    order = torch.randperm(N_CODES, generator=torch.Generator().manual_seed(3)).tolist()
    if kind == "emu3":
        return [f"<|visual token {code:06d}|>" for code in order]
    return ["IMGIMG" + "".join("ABCDEFGHIJ"[int(digit)] for digit in str(code)) + "Z" for code in order]


def make_tokenizer(kind: str) -> Any:
    """Return a tokenizer of single bytes and the special tokens of the kind. All kinds but Emu3 add <s> automatically."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", *SPECIAL_TOKENS[kind], *(image_tokens(kind) if kind != "janus" else [])]
    vocabulary = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(vocabulary)}, merges=[]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    if kind != "emu3":
        bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    sep = {"sep_token": "<reserved08706>"} if kind == "chameleon" else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        extra_special_tokens=TOKEN_NAMES[kind],
        **sep,
    )


def _processor(kind: str, tokenizer: Any) -> Any:
    from transformers import ChameleonProcessor, Emu3ImageProcessor, Emu3Processor, JanusProcessor
    from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil
    from transformers.models.janus.image_processing_pil_janus import JanusImageProcessorPil

    sides = {"height": SIZES[kind], "width": SIZES[kind]}
    if kind == "janus":
        images = JanusImageProcessorPil(size=sides, min_size=1)
        return JanusProcessor(images, tokenizer, chat_template=JANUS_TEMPLATE, num_image_tokens=36)
    if kind == "emu3":
        return Emu3Processor(Emu3ImageProcessor(min_pixels=SIZES[kind] ** 2, max_pixels=SIZES[kind] ** 2), tokenizer)
    images = ChameleonImageProcessorPil(size={"shortest_edge": SIZES[kind]}, crop_size=sides)
    return ChameleonProcessor(images, tokenizer, image_seq_length=36)


def make_config(kind: str, vocab_size: int, vocabulary: dict[str, int]) -> Any:
    """Return the config of a tiny model."""
    from transformers import ChameleonConfig, Emu3Config, JanusConfig

    text: dict[str, Any] = {
        "vocab_size": vocab_size, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    vq: dict[str, Any] = {"base_channels": 32, "num_res_blocks": 1, "latent_channels": 8}
    if kind == "janus":
        vision = {
            "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "projection_dim": 32,
            "image_size": SIZES[kind], "patch_size": PIXELS_PER_TOKEN[kind],
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


def make_model(kind: str, tokenizer: Any) -> Any:
    """Return a model with random weights whose scores depend visibly on the prompt, and whose images use many codes."""
    import transformers

    torch.manual_seed(7)
    model_class = getattr(transformers, f"{kind.capitalize()}ForConditionalGeneration")
    model = model_class(make_config(kind, len(tokenizer), tokenizer.get_vocab())).eval()
    vq, size = model.model.vqmodel, SIZES[kind]
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and "vqmodel" not in name and "vision_model" not in name:
                weight.normal_(std=0.6 if "embed" in name else 0.35)
        image = 2 * torch.rand(1, 3, size, size) - 1
        if kind == "emu3":  # its autoencoder takes videos
            latents = vq.quant_conv(vq.encoder(image[:, None].repeat(1, 2, 1, 1, 1)).transpose(1, 2))
        else:
            latents = vq.quant_conv(vq.encoder(image))
        latents = latents[0].flatten(1).T
        codes = vq.quantize.embedding.weight
        codes.copy_(latents[torch.randperm(len(latents))[torch.arange(len(codes)) % len(latents)]])
        codes.add_(0.1 * latents.std() * torch.randn(codes.shape))
        codes.mul_(torch.rand(len(codes), 1) + 0.5)  # the codes of Janus differ in length
    return model


def save(folder: Path, kind: str) -> Path:
    """Save a model of the kind, and return its folder."""
    tokenizer = make_tokenizer(kind)
    _processor(kind, tokenizer).save_pretrained(folder)
    make_model(kind, tokenizer).save_pretrained(folder)
    return folder


class Reference:
    """The classes of transformers with their own processors: one row without padding, one token per pass."""

    def __init__(self, folder, kind):
        import transformers

        from observers.checkpoints import quiet_libraries

        name = kind.capitalize()
        with quiet_libraries():
            self.model = getattr(transformers, f"{name}ForConditionalGeneration").from_pretrained(folder)
            self.processor = getattr(transformers, f"{name}Processor").from_pretrained(folder)
        self.kind, self.size = kind, SIZES[kind]

    def image(self, photo):
        cropped = Image.fromarray(photo[:, 6:46]).resize((self.size, self.size), Image.Resampling.BICUBIC)
        return torch.tensor(np.array(cropped)).permute(2, 0, 1).float() / 127.5 - 1

    @torch.inference_mode()
    def codes(self, image):
        inner = self.model.model
        if self.kind == "janus":
            latents = inner.vqmodel.quant_conv(inner.vqmodel.encoder(image[None]))[0].flatten(1).T
            # The vectors that its decoder gets for the codes, read from an image of 36 tokens.
            grid = torch.arange(36)[None] % N_CODES
            entries = inner.vqmodel.quantize.get_codebook_entry(grid)[0].flatten(1).T[:N_CODES]
            return torch.cosine_similarity(latents[:, None], entries[None], dim=-1).argmax(1).tolist()
        if self.kind == "emu3":
            ids = inner.get_image_tokens(image[None], torch.tensor([[self.size, self.size]])).view(6, 7)
            assert (ids[:, -1] == inner.vocabulary_mapping.eol_token_id).all()
            return [inner.vocabulary_mapping.bpe2img[i] for i in ids[:, :-1].flatten().tolist()]
        return [inner.vocabulary_mapping.bpe2img[i] for i in inner.get_image_tokens(image[None])[0].tolist()]

    def prompt_ids(self, prompt):
        if self.kind == "janus":
            messages = [{"role": "user", "content": [{"type": "text", "text": prompt}]}]
            text = self.processor.apply_chat_template(messages, add_generation_prompt=True)
            return self.processor(text=text, generation_mode="image", return_tensors="pt").input_ids
        if self.kind == "emu3":
            inputs = self.processor(
                text=prompt, return_for_image_generation=True, ratio="1:1", image_area=self.size**2, return_tensors="pt"
            )
            assert inputs.image_sizes == [[6, 6]]
            return inputs.input_ids
        ids = self.processor(text=prompt, return_tensors="pt").input_ids
        return torch.cat([ids, torch.tensor([[self.processor.image_start_token_id]])], dim=1)

    @torch.inference_mode()
    def next_code_log_p(self, prompt, codes):
        """Return log p of all codes at the position of each given code, (n, N_CODES) float64, from ever longer prefixes."""
        model, out = self.model, []
        if self.kind == "janus":
            embeddings = model.get_input_embeddings()(self.prompt_ids(prompt))
            for code in codes:
                state = model.model.language_model(inputs_embeds=embeddings).last_hidden_state[:, -1]
                out.append(model.model.generation_head(state)[0].double().log_softmax(-1))
                next_embedding = model.prepare_embeddings_for_image_generation(torch.tensor([[code]]))
                embeddings = torch.cat([embeddings, next_embedding], dim=1)
            return torch.stack(out)
        mapping, ids = model.model.vocabulary_mapping, self.prompt_ids(prompt)
        allowed = torch.tensor([mapping.img2bpe[code] for code in range(N_CODES)])
        for i, code in enumerate(codes):
            if self.kind == "emu3":
                logits = model(input_ids=ids).logits[0, -1]
            else:
                logits = model.lm_head(model.model(input_ids=ids).last_hidden_state)[0, -1]
            masked = torch.full_like(logits, -torch.inf).index_fill(0, allowed, 0) + logits
            out.append(masked.double().log_softmax(-1)[allowed])
            next_ids = [mapping.img2bpe[code]]
            if self.kind == "emu3" and i % 6 == 5:
                next_ids.append(mapping.eol_token_id)
            ids = torch.cat([ids, torch.tensor([next_ids])], dim=1)
        return torch.stack(out)

    def log_p(self, prompt, codes):
        steps = self.next_code_log_p(prompt, codes)
        return sum(step[code].item() for step, code in zip(steps, codes, strict=True))
