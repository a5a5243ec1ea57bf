"""The rows of vision-language models, which answer a question about the image in words."""

from core.entries import Entry

GROUP = "Vision-language models"
VISION_LANGUAGE = (
    Entry(
        "api:MODEL",
        "observers.vision_language.api:ApiModel",
        "Any vision-language model behind a server with the API of OpenAI, such as vLLM, Ollama or a paid service.",
        group=GROUP,
        example="api:qwen2.5vl:7b -o base_url=http://localhost:11434/v1",
        source="docs/vision-language-services.md",
        license="the terms of the service",
    ),
)
