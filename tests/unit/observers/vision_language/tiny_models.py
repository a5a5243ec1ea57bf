"""Tiny vision-language models with random weights, saved in the layouts of their repositories on the Hugging Face Hub."""

import json
from pathlib import Path
from typing import Any

import torch

from tests.unit.observers.generative import tiny_autoregressive

SIZE = 28  # pixels per side of the images that most of the models receive
TEXT = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 2048, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
VISION = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
CLIP_SIZES = {"size": {"shortest_edge": SIZE}, "crop_size": {"height": SIZE, "width": SIZE}}
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for part in m['content'] %}{% if part['type'] == 'image' %}"
    "IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING = CHATML.replace(
    "assistant\n{% endif %}",
    "assistant\n{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}",
)
PLAIN = (
    "{% for m in messages %}USER: {% for part in m['content'] %}{% if part['type'] == 'image' %}<image>\n{% else %}"
    "{{ part['text'] }}{% endif %}{% endfor %} {% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m['role'] }}\n{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}<start_of_image>{% else %}{{ part['text'] | trim }}{% endif %}{% endfor %}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
JANUS = (
    "{% for m in messages %}<|User|>: {% for part in m['content'] %}{% if part['type'] == 'image' %}<image_placeholder>\n"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n\n{% endfor %}{% if add_generation_prompt %}<|Assistant|>:"
    "{% endif %}"
)
AUTOREGRESSIVE = ("janus", "emu3", "chameleon")
FAMILIES = ("llava", "llava_onevision", "qwen2_5_vl", "qwen3_vl", "internvl", "idefics3", "gemma3", *AUTOREGRESSIVE)


def make_tokenizer(
    special: list[str], named: dict[str, str], *, adds_bos: bool = False, joins_space: bool = False
) -> Any:
    """Return a tokenizer of single bytes and of the special tokens.

    With `joins_space`, a capital letter and the space before it are one token.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if joins_space else ""
    tokens = ["<s>", "<pad>", "</s>", *special]
    vocabulary = tokens + sorted(pre_tokenizers.ByteLevel.alphabet()) + [f"Ġ{letter}" for letter in letters]
    bpe = Tokenizer(
        models.BPE(vocab={t: i for i, t in enumerate(vocabulary)}, merges=[("Ġ", letter) for letter in letters])
    )
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.add_special_tokens([AddedToken(token, normalized=False) for token in tokens])
    if adds_bos:
        bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", pad_token="<pad>", eos_token="</s>", extra_special_tokens=named
    )


def _llava(folder: Path) -> Any:
    from transformers import LlavaConfig
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = make_tokenizer(["<image>"], {"image_token": "<image>"}, adds_bos=True, joins_space=True)
    _write(
        folder, tokenizer, CLIPImageProcessorPil(**CLIP_SIZES), PLAIN, "LlavaProcessor",
        patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
    )  # fmt: skip
    vision = VISION | {"model_type": "clip_vision_model", "image_size": SIZE, "patch_size": 14}
    text = TEXT | {"model_type": "llama", "vocab_size": len(tokenizer)}
    return LlavaConfig(vision_config=vision, text_config=text, image_token_id=3)


def _llava_onevision(folder: Path) -> Any:
    from transformers import LlavaOnevisionConfig
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil

    tokenizer = make_tokenizer(["<image>", "<video>", "<|im_start|>", "<|im_end|>"], {})
    grid = [[SIZE, SIZE], [SIZE, 2 * SIZE], [2 * SIZE, SIZE]]
    images = LlavaOnevisionImageProcessorPil(size={"height": SIZE, "width": SIZE}, image_grid_pinpoints=grid)
    template = CHATML.replace("IMAGE", "<image>")
    _write(
        folder, tokenizer, images, template, "LlavaOnevisionProcessor", num_image_tokens=4,
        vision_feature_select_strategy="full",
    )  # fmt: skip
    vision = VISION | {
        "model_type": "siglip_vision_model",
        "image_size": SIZE,
        "patch_size": 14,
        "vision_use_head": False,
    }
    return LlavaOnevisionConfig(
        vision_config=vision, text_config=TEXT | {"model_type": "qwen2", "vocab_size": len(tokenizer)}, image_token_id=3,
        video_token_id=4, image_grid_pinpoints=grid, vision_feature_layer=-1,
    )  # fmt: skip


def _qwen(folder: Path, processor: str, template: str) -> tuple[Any, dict[str, int]]:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    special = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = make_tokenizer(special, {})
    patch = {"patch_size": 14, "temporal_patch_size": 2, "merge_size": 2, "min_pixels": 28 * 28, "max_pixels": 56 * 56}
    template = template.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    _write(folder, tokenizer, Qwen2VLImageProcessorPil(**patch), template, processor)
    ids = {
        f"{token[2:-2]}_id".replace("pad", "token").replace("start", "start_token").replace("end", "end_token"): 3 + i
        for i, token in enumerate(special) if i > 1
    }  # fmt: skip
    return tokenizer, ids


def _qwen2_5_vl(folder: Path) -> Any:
    from transformers import Qwen2_5_VLConfig

    tokenizer, ids = _qwen(folder, "Qwen2_5_VLProcessor", CHATML)
    vision = {
        "hidden_size": 16, "intermediate_size": 32, "depth": 2, "num_heads": 2, "out_hidden_size": 32, "window_size": 56,
        "fullatt_block_indexes": [1],
    }  # fmt: skip
    text = TEXT | {
        "vocab_size": len(tokenizer),
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2]},
    }
    return Qwen2_5_VLConfig(vision_config=vision, text_config=text, **ids)


def _qwen3_vl(folder: Path) -> Any:
    from transformers import Qwen3VLConfig

    tokenizer, ids = _qwen(folder, "Qwen3VLProcessor", THINKING)
    vision = {
        "hidden_size": 16, "intermediate_size": 32, "depth": 2, "num_heads": 2, "out_hidden_size": 32, "patch_size": 14,
        "num_position_embeddings": 16, "deepstack_visual_indexes": [0],
    }  # fmt: skip
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0}
    text = TEXT | {"vocab_size": len(tokenizer), "head_dim": 8, "rope_parameters": rope}
    return Qwen3VLConfig(vision_config=vision, text_config=text, **ids)


def _internvl(folder: Path) -> Any:
    from transformers import InternVLConfig
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    named = {
        "start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }  # fmt: skip
    tokenizer = make_tokenizer([*named.values(), "<|im_start|>", "<|im_end|>"], named)
    images = GotOcr2ImageProcessorPil(size={"height": SIZE, "width": SIZE}, crop_to_patches=True, max_patches=4)
    template = CHATML.replace("IMAGE", "<IMG_CONTEXT>\n")
    _write(folder, tokenizer, images, template, "InternVLProcessor", image_seq_length=1)
    vision = VISION | {"image_size": [SIZE, SIZE], "patch_size": [14, 14]}
    text = TEXT | {"model_type": "qwen2", "vocab_size": len(tokenizer)}
    return InternVLConfig(
        vision_config=vision, text_config=text, image_token_id=5, image_seq_length=1, tie_word_embeddings=False
    )


def _idefics3(folder: Path) -> Any:
    from transformers import Idefics3Config
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    special = [
        "<fake_token_around_image>",
        "<image>",
        "<end_of_utterance>",
        "<global-img>",
        "<|im_start|>",
        "<|im_end|>",
    ]
    special += [f"<row_{row}_col_{col}>" for row in range(1, 4) for col in range(1, 4)]
    tokenizer = make_tokenizer(special, {})
    edge = {"longest_edge": SIZE}
    images = Idefics3ImageProcessorPil(size={"longest_edge": 2 * SIZE}, max_image_size=edge, do_image_splitting=True)
    _write(folder, tokenizer, images, CHATML.replace("IMAGE", "<image>"), "Idefics3Processor", image_seq_len=1)
    vision = VISION | {"image_size": SIZE, "patch_size": 14}
    text = TEXT | {"model_type": "llama", "vocab_size": len(tokenizer)}
    return Idefics3Config(vision_config=vision, text_config=text, image_token_id=4, scale_factor=2)


def _gemma3(folder: Path) -> Any:
    from transformers import Gemma3Config
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    named = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = make_tokenizer([*named.values(), "<start_of_turn>", "<end_of_turn>"], named, adds_bos=True)
    images = Gemma3ImageProcessorPil(size={"height": SIZE, "width": SIZE})
    _write(folder, tokenizer, images, GEMMA, "Gemma3Processor", image_seq_length=1)
    vision = VISION | {"image_size": SIZE, "patch_size": 14, "vision_use_head": False}
    text = TEXT | {"vocab_size": len(tokenizer), "head_dim": 8, "sliding_window": 32, "query_pre_attn_scalar": 8}
    return Gemma3Config(
        vision_config=vision, text_config=text, image_token_id=3, boi_token_id=4, eoi_token_id=5, mm_tokens_per_image=1
    )


def _write(folder: Path, tokenizer: Any, images: Any, template: str, processor: str, **options: Any) -> None:
    """Write all files but the weights and their config.json."""
    tokenizer.save_pretrained(folder)
    images.save_pretrained(folder)
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text()) | {"processor_class": processor}
    # Published files name the class for torchvision, in recent repositories with the suffix Fast.
    suffix = "Fast" if processor in ("Qwen3VLProcessor", "InternVLProcessor", "Gemma3Processor") else ""
    settings["image_processor_type"] = settings["image_processor_type"].removesuffix("Pil") + suffix
    path.write_text(json.dumps(settings))
    if options:
        (folder / "processor_config.json").write_text(json.dumps(options | {"processor_class": processor}))
    (folder / "chat_template.jinja").write_text(template)


def save(folder: Path, family: str) -> Path:
    """Save a model of the family, and return its folder."""
    from transformers import AutoModelForImageTextToText

    if family in AUTOREGRESSIVE:
        tiny_autoregressive.save(folder, family)
        if family == "janus":
            (folder / "chat_template.jinja").write_text(JANUS)
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    config = globals()[f"_{family}"](folder)
    torch.manual_seed(1)
    model = AutoModelForImageTextToText.from_config(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.3)
            elif not name.endswith("bias"):
                weight.add_(0.1 * torch.randn(weight.shape))
        model.get_output_embeddings().weight[config.image_token_id] = 0  # no reply contains the token for the image
    # Models on the Hub often request random tokens and a penalty for repetitions.
    model.generation_config.update(do_sample=True, temperature=0.7, repetition_penalty=1.3, eos_token_id=[2, 4])
    model.save_pretrained(folder)
    return folder
