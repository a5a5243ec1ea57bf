"""The processor of a vision-language checkpoint, which converts an image and a question to the inputs of the model.

The processor consists of the image processor, the tokenizer and the chat template of the checkpoint. Images are processed
with Pillow on every machine. The processors of many models also process videos, for which they need torchvision. They are
loaded here without this part, so that neither torchvision nor a video library is needed.
"""

from pathlib import Path
from typing import Any

from observers.checkpoints import PROCESSOR, explained_load_errors, load_image_processor
from observers.loading.settings import check_token_counts, read_settings
from observers.loading.tokenizer_trial import try_tokenizer
from observers.protocol import ObserverError

TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")
# The order in which transformers reads the name of the class of the processor.
_NAMING_FILES = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")
_USER_TEXT = "{% for part in messages[0]['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
# Prompts of models that were published without a chat template, by model_type. That of Emu3 is the prompt in the
# documentation of Emu3-Chat; Chameleon gets the image and the text, and its processor adds the end of the turn.
FALLBACK_TEMPLATES = {
    "chameleon": f"<image>{_USER_TEXT}",
    "emu3": f"You are a helpful assistant. USER: <image>{_USER_TEXT} ASSISTANT:",
}

# Some templates contain the current date. It is replaced, because responses must not depend on the day.
_FIXED_DATE = "{% macro strftime_now(format) %}01 Jan 2025{% endmacro %}"


def load_processor(folder: Path, observer: str) -> Any:
    """Load the processor of a checkpoint with transformers, without running code from its repository.

    Args:
        folder: The folder of the checkpoint.
        observer: Name of the observer, for error messages.

    Returns:
        The processor, a `ProcessorMixin` of transformers. Its `chat_template` is that of the checkpoint, or the one in
        FALLBACK_TEMPLATES.

    Raises:
        ObserverError: If the processor cannot be loaded, needs more than images and text, or lacks a chat template.
    """
    from transformers import AutoConfig, AutoTokenizer

    settings = {name: _read_settings(folder / name, observer) for name in _NAMING_FILES}
    for name in PROCESSOR:
        check_token_counts(settings[name], folder / name, observer)
    subject = f"{observer}: its processor in {folder}"
    if "audio_tokenizer" in settings["processor_config.json"] or (folder / "audio_tokenizer_config.json").is_file():
        raise ObserverError(f"{subject} needs a tokenizer for audio: use a model that takes only images and text")
    names = [values["processor_class"] for values in settings.values() if values.get("processor_class")]
    with explained_load_errors(subject):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        processor_class = _find_class(names[0] if names else None, config, subject)
    parts: list[Any] = []
    for attribute in processor_class.get_attributes():
        if attribute == "image_processor":
            parts.append(load_image_processor(folder, observer))
        elif attribute == "tokenizer":
            try_tokenizer(folder / "tokenizer.json", observer)
            with explained_load_errors(f"{observer}: its tokenizer in {folder}"):
                parts.append(AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False))
        elif attribute == "video_processor":
            parts.append(_NoVideos())
        else:
            raise ObserverError(
                f"{subject} ({processor_class.__name__}) also needs a part for {attribute.replace('_', ' ')}: use a model "
                f"that takes only images and text"
            )
    with explained_load_errors(subject):
        options, _ = processor_class.get_processor_dict(folder, local_files_only=True)
        processor = _without_videos(processor_class).from_args_and_dict(parts, options)
    template = options.get("chat_template") or getattr(processor.tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    template = template or FALLBACK_TEMPLATES.get(config.model_type)
    if not template:
        raise ObserverError(
            f"{observer}: {folder} does not contain a chat template ({' or '.join(TEMPLATE_FILES)}), so the format of a "
            f"question is unknown: use a checkpoint that was trained to follow instructions, or add a {TEMPLATE_FILES[0]} "
            f"to a copy of its files and give their folder with -o weights=FOLDER"
        )
    processor.chat_template = _FIXED_DATE + template if "strftime_now" in template else template
    return processor


def _read_settings(path: Path, observer: str) -> dict[str, Any]:
    """Return the settings in a JSON file; empty if the file does not exist."""
    return read_settings(path, observer) if path.is_file() else {}


def _find_class(name: str | None, config: Any, subject: str) -> Any:
    """Return the class of the processor, from its name or from the type of the model."""
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING, processor_class_from_name

    processor_class: Any = processor_class_from_name(name) if name else None
    if processor_class is None and type(config) in PROCESSOR_MAPPING:
        processor_class = PROCESSOR_MAPPING[type(config)]
    if not hasattr(processor_class, "get_attributes"):
        raise ObserverError(
            f"{subject} is of an unknown class ({name or f'model_type {config.model_type}'}): expected a model that "
            f"AutoModelForImageTextToText of transformers supports, with a {' or '.join(PROCESSOR)}"
        )
    if "image_processor" not in processor_class.get_attributes():
        raise ObserverError(f"{subject} ({name}) does not take images: use a vision-language model")
    return processor_class


class _NoVideos(dict[str, Any]):
    """The replacement of the part for videos. A processor writes its parts as JSON, which an empty dict allows.

    The processor of SmolVLM reads these two settings even if there are only images.
    """

    num_frames = fps = None


def _without_videos(processor_class: Any) -> Any:
    """Return a subclass of the class of a processor that accepts _NoVideos as its part for videos."""

    def check_argument_for_proper_class(self: Any, name: str, argument: object) -> Any:
        if isinstance(argument, _NoVideos):
            return _NoVideos
        return processor_class.check_argument_for_proper_class(self, name, argument)

    members = {"check_argument_for_proper_class": check_argument_for_proper_class}
    return type(processor_class.__name__, (processor_class,), members)
