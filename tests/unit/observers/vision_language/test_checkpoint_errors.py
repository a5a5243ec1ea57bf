"""What a vision-language checkpoint that cannot be used says, and what to do."""

import importlib.util
import json
import shutil

import numpy as np
import pytest
import torch
from attrs import evolve
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from observers.protocol import ObserverError, Trial
from observers.vision_language.checkpoint import VisionLanguage
from observers.vision_language.rows import Row, map_rows
from stimuli.images import save_image
from stimuli.stimulus import Stimulus
from tests.unit.observers.vision_language.tiny_models import make_tokenizer


@pytest.fixture
def folder(checkpoint, tmp_path):
    return shutil.copytree(checkpoint("llava"), tmp_path / "llava")


def first(folder, trials, **options):
    options = {"device": "cpu", "max_tokens": 3} | options
    return next(VisionLanguage("some/tiny", weights=folder, **options).observe(iter(trials)))


def change(path, **values):
    """Change values of a JSON file; None removes a key."""
    settings = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))


def test_pickles_are_refused(folder, mixed):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ObserverError, match=r"only pytorch_model\.bin: only safetensors are loaded"):
        first(folder, mixed)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_missing_files_are_named(name, folder, mixed):
    (folder / name).unlink()
    with pytest.raises(ObserverError, match=rf"has no {name.replace('.', '[.]')}.*: give a folder"):
        first(folder, mixed)


def test_missing_processor_is_named(folder, mixed):
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").unlink()
    with pytest.raises(
        ObserverError, match=r"has no preprocessor_config\.json or processor_config\.json: give a folder"
    ):
        first(folder, mixed)


def test_error_without_network_says_what_to_do(tmp_path, monkeypatch, mixed):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    message = (
        r"HuggingFaceTB/SmolVLM-256M-Instruct at revision main \(about 0\.5 GB, license Apache-2\.0: .*\) cannot be "
        r"downloaded \(HF_HUB_OFFLINE is set\), and the cache .* files \(config\.json, preprocessor_config\.json .*"
        r"connect to the internet once, or give a local folder"
    )
    with pytest.raises(ObserverError, match=message):
        next(VisionLanguage("HuggingFaceTB/SmolVLM-256M-Instruct").observe(iter(mixed)))


def test_unknown_device_is_refused_before_the_download(mixed):
    with pytest.raises(ObserverError, match="unknown device 'gpu'"):
        next(VisionLanguage("some/model", device="gpu").observe(iter(mixed)))


def test_missing_template_is_reported(folder, mixed):
    (folder / "chat_template.jinja").unlink()
    message = (
        r"does not contain a chat template \(chat_template\.jinja or chat_template\.json\).*add a chat_template\.jinja"
    )
    with pytest.raises(ObserverError, match=message):
        first(folder, mixed)


def test_templates_in_older_files_are_used(folder, mixed):
    expected = first(folder, mixed).evidence
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    assert first(folder, mixed).evidence.tobytes() == expected.tobytes()
    (folder / "chat_template.json").unlink()
    change(folder / "tokenizer_config.json", chat_template=template)
    assert first(folder, mixed).evidence.tobytes() == expected.tobytes()


def test_default_of_several_templates_is_used(folder, mixed):
    expected = first(folder, mixed).evidence
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    templates = [{"name": "tool_use", "template": "no image"}, {"name": "default", "template": template}]
    change(folder / "tokenizer_config.json", chat_template=templates)
    assert first(folder, mixed).evidence.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ messages[0].content[5].text.strip() }}", "does not work for a message with an image and a text"),
        ("{% if %}", "does not work for a message with an image and a text"),
        ("USER: {{ messages[0].content[1].text }} ASSISTANT:", "its processor in .* does not work .*<image>"),
    ],
)
def test_unsuitable_templates_are_reported(template, message, folder, mixed):
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(ObserverError, match=message):
        first(folder, mixed)


def test_special_tokens_in_a_question_are_refused(folder, mixed):
    message = (
        "the question contains {}, which is a special token .*: change the instruction or the names of the choices"
    )
    with pytest.raises(ObserverError, match=message.format("<image>")):
        first(folder, [evolve(mixed[0], instruction="What does <image> show?")])
    with pytest.raises(ObserverError, match=message.format("</s>")):
        first(folder, [evolve(mixed[0], choices=("bear", "cat</s>"))], answer="text")
    assert (
        first(folder, [evolve(mixed[0], instruction="What does {{ 7 * 7 }} <b>show</b>?")]).choice in mixed[0].choices
    )


def test_images_that_a_processor_refuses_are_described(checkpoint, tmp_path):
    save_image(np.zeros((2, 900, 3), np.uint8), tmp_path / "thin.png")
    trial = Trial(1, 1, Stimulus("thin.png", tmp_path / "thin.png", "cat"), ("cat", "dog"))
    with pytest.raises(ObserverError, match=r"does not work for an image of 900 × 2 pixels \(.*aspect ratio"):
        first(checkpoint("qwen2_5_vl"), [trial])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "processor_config.json",
            {"processor_class": "WhisperProcessor"},
            r"\(WhisperProcessor\) does not take images",
        ),
        (
            "processor_config.json",
            {"processor_class": "Qwen2_5OmniProcessor"},
            "also needs a part for feature extractor",
        ),
        ("processor_config.json", {"audio_tokenizer": {"audio_tokenizer_class": "X"}}, "needs a tokenizer for audio"),
        (
            "preprocessor_config.json",
            {"crop_size": {"height": 30, "width": 42}},
            r"does not match its processor \(Input image size \(30\*42\)",
        ),
        (
            "config.json",
            {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Evil"}},
            "its processor .* cannot be loaded",
        ),
    ],
)
def test_unsuitable_processors_are_reported(name, values, message, folder, mixed):
    change(folder / name, **values)
    with pytest.raises(ObserverError, match=message):
        first(folder, mixed)


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="torchvision is installed")
def test_processors_that_need_torchvision_say_so(folder, mixed):
    change(folder / "processor_config.json", processor_class="PixtralProcessor")
    with pytest.raises(ObserverError, match=r"cannot be loaded \(PixtralProcessor requires the Torchvision library"):
        first(folder, mixed)


def test_other_models_are_refused(folder, mixed):
    (folder / "config.json").write_text(json.dumps({"model_type": "resnet"}))
    (folder / "processor_config.json").unlink()
    for name in ("preprocessor_config.json", "tokenizer_config.json"):
        change(folder / name, processor_class=None)
    with pytest.raises(
        ObserverError, match=r"unknown class \(model_type resnet\): expected a model that AutoModelForImage"
    ):
        first(folder, mixed)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "cannot be read"), ("[]", "is not a configuration: expected a JSON object, got list")]
)
def test_damaged_settings_are_reported(text, message, folder, mixed):
    (folder / "processor_config.json").write_text(text)
    with pytest.raises(ObserverError, match=rf"processor_config\.json.*{message}"):
        first(folder, mixed)


def test_missing_weights_are_reported(folder, mixed):
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in weights if "multi_modal_projector" in name))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ObserverError, match="is not a complete vision-language model: its checkpoint lacks 1 weights"):
        first(folder, mixed)


def test_letters_of_several_tokens_suggest_another_answer(folder, mixed):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Replace", "pattern": {"String": "B"}, "content": "bb"}
    tokenizer["model"]["merges"] = []
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ObserverError, match=r"a single token for the letter B after the prompt.*use -o answer=text"):
        first(folder, mixed)
    assert first(folder, mixed, answer="text").choice in mixed[0].choices


def test_choices_that_cannot_continue_the_prompt_are_reported(folder, mixed):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Strip", "strip_left": True, "strip_right": True}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    blank = evolve(mixed[0], choices=("cat", "  "))
    with pytest.raises(ObserverError, match=r"cannot write the choice '  ' after the prompt.*use -o answer=letter"):
        first(folder, [blank], answer="text")


@pytest.mark.parametrize("answer", ["text", "generate"])
def test_missing_end_of_a_reply_is_reported(answer, folder, mixed):
    (folder / "generation_config.json").unlink()
    for name in ("config.json", "tokenizer_config.json"):
        settings = json.loads((folder / name).read_text())
        settings.pop("eos_token", None)
        settings.pop("eos_token_id", None)
        if "text_config" in settings:
            settings["text_config"]["eos_token_id"] = None
        (folder / name).write_text(json.dumps(settings))
    with pytest.raises(ObserverError, match=r"specifies the token that ends a reply: use -o answer=letter"):
        first(folder, mixed, answer=answer)
    assert first(folder, mixed).choice in mixed[0].choices


def test_too_many_choices_are_refused(folder, mixed):
    trial = evolve(mixed[0], choices=tuple(f"object {i}" for i in range(27)))
    with pytest.raises(ObserverError, match="has 27 choices, but a question with lettered options has at most 26"):
        first(folder, [trial])
    assert len(first(folder, [trial], answer="text").evidence) == 27


def test_overflow_is_reported(folder, mixed):
    weights = load_file(folder / "model.safetensors")
    (head,) = (name for name in weights if name.endswith("lm_head.weight"))
    weights[head] *= 1e38
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ObserverError, match=r"output for 0\.png contains NaN, because its values overflow float32"):
        first(folder, mixed)


def test_lack_of_memory_is_reported():
    row = Row({"input_ids": torch.zeros((1, 7), dtype=torch.int64)}, torch.zeros((1, 1), dtype=torch.int64))

    def forward(inputs, rows):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(
        ObserverError, match=r"a batch of 4 rows with 7 tokens each does not fit .*a smaller --batch-size"
    ):
        map_rows([row], forward, 4)


def test_max_tokens_is_bounded():
    with pytest.raises(ObserverError, match="max_tokens"):
        VisionLanguage("some/model", max_tokens=0)


def test_byte_tokenizer_joins_letters_only_if_requested():
    joined, separate = (make_tokenizer([], {}, joins_space=value) for value in (True, False))
    assert (len(joined(" A").input_ids), len(separate(" A").input_ids)) == (1, 2)
