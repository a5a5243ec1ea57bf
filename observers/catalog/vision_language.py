"""The rows of vision-language models, which answer a question about the image in words."""

from core.entries import Entry

CHECKPOINT = "observers.vision_language.checkpoint:VisionLanguage"
GROUP = "Vision-language models"


def _model(name: str, repository: str, size: str, license: str, description: str, gated: bool = False) -> Entry:
    """Return the row of a published checkpoint on the Hugging Face Hub, of which the newest version is used."""
    return Entry(
        name,
        CHECKPOINT,
        description,
        group=GROUP,
        example=f"{name} -o dtype=bfloat16",
        source=f"huggingface.co/{repository}",
        license=license,
        size=size,
        gated=gated,
        needs=("models",),
        options={"model": repository},
    )


# fmt: off
VISION_LANGUAGE = (
    Entry(
        "vlm:REPOSITORY", CHECKPOINT,
        "Any vision-language model of the library transformers, from the Hugging Face Hub or a local folder.",
        group=GROUP,
        example="vlm:Qwen/Qwen2.5-VL-3B-Instruct -o dtype=bfloat16",
        source="huggingface.co/models?pipeline_tag=image-text-to-text",
        license="stated on the page of the model",
        needs=("models",),
    ),
    Entry(
        "api:MODEL", "observers.vision_language.api:ApiModel",
        "Any vision-language model on a server with the API of OpenAI, such as vLLM, Ollama or a paid service.",
        group=GROUP,
        example="api:qwen2.5vl:7b -o base_url=http://localhost:11434/v1",
        source="docs/vision-language-services.md",
        license="the terms of the service",
    ),
    _model("smolvlm-256m", "HuggingFaceTB/SmolVLM-256M-Instruct", "0.5 GB", "Apache-2.0",
           "SmolVLM 256M, the smallest of these models, which also runs on a laptop."),
    _model("qwen2.5-vl-3b", "Qwen/Qwen2.5-VL-3B-Instruct", "7.5 GB", "Qwen Research License, research only",
           "Qwen2.5-VL 3B, a vision-language model that processes images at their original size."),
    _model("qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct", "16.6 GB", "Apache-2.0",
           "Qwen2.5-VL 7B, a vision-language model that processes images at their original size."),
    _model("qwen3-vl-2b", "Qwen/Qwen3-VL-2B-Instruct", "4.3 GB", "Apache-2.0",
           "Qwen3-VL 2B, a vision-language model that processes images at their original size."),
    _model("internvl3-1b", "OpenGVLab/InternVL3-1B-hf", "1.9 GB", "Qwen License",
           "InternVL3 1B, a vision-language model (448 pixels)."),
    _model("llava-1.5-7b", "llava-hf/llava-1.5-7b-hf", "14 GB", "Llama 2 Community License",
           "LLaVA 1.5 7B, a vision-language model (336 pixels) of the study of Gavrikov et al. (2025)."),
    _model("llava-onevision-0.5b", "llava-hf/llava-onevision-qwen2-0.5b-ov-hf", "1.8 GB", "Apache-2.0",
           "LLaVA-OneVision 0.5B, a vision-language model (384 pixels)."),
    _model("gemma-3-4b", "google/gemma-3-4b-it", "8.6 GB", "Gemma Terms of Use",
           "Gemma 3 4B, a vision-language model (896 pixels).", gated=True),
    _model("janus-pro-1b", "deepseek-community/Janus-Pro-1B", "4.2 GB", "MIT (code), DeepSeek Model License",
           "Janus-Pro 1B (384 pixels) as a vision-language model; the observer janus is the same model as a generator."),
    _model("emu3-chat", "BAAI/Emu3-Chat-hf", "35 GB", "Apache-2.0",
           "Emu3-Chat 8B, a vision-language model that was trained further from the same model as Emu3-Gen."),
    _model("chameleon-7b", "facebook/chameleon-7b", "14 GB", "Chameleon Research License",
           "Chameleon 7B (512 pixels), a vision-language model on which Anole is based.", gated=True),
)
# fmt: on
