"""Vision-language checkpoints follow the contract, resume, and can be asked in both directions."""

import json
import shutil

import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file, save_file

from core.errors import LogError
from experiments import run
from observers.check import check_observer
from observers.registry import make_observer, options_of_observer
from observers.vision_language.checkpoint import VisionLanguage
from observers.vision_language.questions import make_question, parse_reply
from tests.unit.observers.vision_language.tiny_models import AUTOREGRESSIVE


def make(folder, **options):
    return VisionLanguage("some/tiny", weights=folder, **({"device": "cpu", "max_tokens": 5} | options))


@pytest.fixture(scope="session")
def talkative(checkpoint, tmp_path_factory):
    """Return a checkpoint whose replies often begin with the letter of one of sixteen options."""
    folder = tmp_path_factory.mktemp("talkative") / "tiny"
    shutil.copytree(checkpoint("internvl"), folder)
    weights = load_file(folder / "model.safetensors")
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (head,) = (name for name in weights if name.endswith("lm_head.weight"))
    weights[head][[vocabulary[letter] for letter in "ABCDEFGHIJKLMNOP"]] *= 6
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["letter", "text", "generate", "caption"])
def test_observer_follows_the_contract(answer, checkpoint, mixed):
    results = check_observer(make(checkpoint("qwen3_vl"), answer=answer, batch_size=2), mixed[:4])
    assert [result for result in results if not result.passed] == []
    assert len(results) >= 7


def test_generated_letters_are_the_most_probable_letters(talkative, small):
    trials = small.trials(0)[:8]
    letters = list(make(talkative).observe(iter(trials)))
    replies = list(make(talkative, answer="generate", max_tokens=1).observe(iter(trials)))
    n_letters = 0
    for trial, letter, reply in zip(trials, letters, replies, strict=True):
        assert reply.choice == parse_reply(reply.texts["reply"], make_question(trial))
        assert reply.evidence is None and reply.measured["reply_tokens"] == 1
        if reply.choice is not None:
            n_letters += 1
            assert reply.choice == letter.choice
    assert n_letters >= 4


def test_caption_that_mentions_one_choice_is_a_response(talkative, small):
    trials = [evolve(trial, choices=tuple("ABCDEFGHIJKLMNOP")) for trial in small.trials(0)[:6]]
    responses = list(make(talkative, answer="caption", max_tokens=1).observe(iter(trials)))
    assert any(response.choice for response in responses)
    for response in responses:
        reply = response.texts["reply"]
        assert response.choice == (reply if reply in trials[0].choices else None)


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["letter", "generate"])
def test_stopped_run_continues_with_the_same_bytes(answer, checkpoint, few, tmp_path):
    observer = make(checkpoint("llava"), answer=answer, batch_size=2)
    uninterrupted = run(few, observer, tmp_path / "a")
    run(few, observer, tmp_path / "b", limit=3)
    resumed = run(few, make(checkpoint("llava"), answer=answer, batch_size=2), tmp_path / "b")
    assert resumed.read_bytes() == uninterrupted.read_bytes()
    header = resumed.read_text().splitlines()[0].split(",")
    assert ("info_reply" in header) == (answer == "generate")
    assert "measured_prompt_tokens" in header
    sidecar = json.loads(resumed.with_suffix(".json").read_text())
    assert str(checkpoint("llava").parent) not in json.dumps(sidecar)


@pytest.mark.slow
@pytest.mark.parametrize("family", AUTOREGRESSIVE)
def test_checkpoint_can_be_asked_in_both_directions(family, checkpoint, mixed):
    folder = checkpoint(family)
    by_question = make_observer(f"vlm:{folder}", device="cpu")
    size = {"size": 48} if family == "emu3" else {}
    by_likelihood = make_observer(f"autoregressive:{folder}", device="cpu", **size)
    assert (by_question.kind, by_likelihood.kind) == ("vision-language", "generative")
    for observer in (by_question, by_likelihood):
        (response,) = observer.observe(iter(mixed[:1]))
        assert observer.name == folder.name and response.choice in mixed[0].choices
        assert np.isfinite(response.evidence).all()


def test_name_contains_the_answer():
    assert VisionLanguage("owner/model").name == "model"
    assert VisionLanguage("owner/model", answer="caption").name == "model-caption"


def test_batch_size_and_device_do_not_belong_to_the_identity():
    options = options_of_observer("vlm:REPOSITORY")
    assert {name for name, option in options.items() if option.runtime} == {"device", "batch_size"}
    assert options_of_observer("janus-pro-1b")["model"].default == options_of_observer("janus")["model"].default


def test_weights_have_the_chosen_dtype(checkpoint, mixed):
    exact, rounded = (make(checkpoint("idefics3"), dtype=dtype) for dtype in ("float32", "bfloat16"))
    first, second = (next(observer.observe(iter(mixed))) for observer in (exact, rounded))
    assert rounded._network.dtype == torch.bfloat16
    assert np.abs(first.evidence - second.evidence).max() < 0.5
    assert (first.evidence != second.evidence).any()
    assert rounded.provenance()["dtype"] == "bfloat16"
    assert len(rounded.provenance()["sha256"]) == 64


def test_dates_in_templates_are_fixed(checkpoint, mixed, tmp_path):
    folder = shutil.copytree(checkpoint("llava"), tmp_path / "dated")
    path = folder / "chat_template.jinja"
    path.write_text("{{ strftime_now('%d %b %Y') }} " + path.read_text())
    assert make(folder)._prompter.render("Which?").startswith("01 Jan 2025 USER: <image>\nWhich?")


def test_session_is_not_resumed_with_another_template(checkpoint, few, tmp_path):
    folder = shutil.copytree(checkpoint("llava"), tmp_path / "llava")
    run(few, make(folder), tmp_path / "logs", limit=2)
    path = folder / "chat_template.jinja"
    path.write_text("You are a helpful assistant. " + path.read_text())
    with pytest.raises(LogError, match="chat_template_sha256"):
        run(few, make(folder), tmp_path / "logs")


def test_reasoning_is_switched_off(checkpoint):
    prompt = make(checkpoint("qwen3_vl"))._prompter.render("Which?")
    assert prompt.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
