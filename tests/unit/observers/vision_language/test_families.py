"""Evidence and replies of tiny checkpoints of each family are those of a plain loop with transformers, one row at a time."""

from fnmatch import fnmatch
from functools import cache

import numpy as np
import pytest
import torch
from attrs import evolve
from PIL import Image

from observers.checkpoints import quiet_libraries
from observers.vision_language.checkpoint import PATTERNS, REQUIRED, VisionLanguage
from observers.vision_language.processors import load_processor
from observers.vision_language.questions import make_question
from tests.unit.observers.vision_language.tiny_models import FAMILIES

# The library cannot load the processors of these models without torchvision, which they need only for videos.
VIDEO_FAMILIES = ("llava_onevision", "qwen2_5_vl", "qwen3_vl", "internvl")
TEMPLATES = {  # the prompts of models without a chat template, for a message with an image and a text
    "chameleon": "<image>{{ messages[0].content[1].text }}",
    "emu3": "You are a helpful assistant. USER: <image>{{ messages[0].content[1].text }} ASSISTANT:",
}


class Reference:
    """A checkpoint that is loaded with transformers alone."""

    def __init__(self, family, folder):
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self.family = family
        with quiet_libraries():
            self.model = AutoModelForImageTextToText.from_pretrained(folder).eval()
            self.processor = (
                load_processor(folder, family) if family in VIDEO_FAMILIES else AutoProcessor.from_pretrained(folder)
            )
        self.vocabulary = self.processor.tokenizer.get_vocab()

    def inputs(self, trial, question):
        content = [{"type": "image", "image": Image.open(trial.stimulus.path)}, {"type": "text", "text": question}]
        options = {"enable_thinking": False} if self.family == "qwen3_vl" else {}
        return self.processor.apply_chat_template(
            [{"role": "user", "content": content}], chat_template=TEMPLATES.get(self.family), tokenize=True,
            add_generation_prompt=True, return_dict=True, return_tensors="pt", **options,
        )  # fmt: skip

    @torch.inference_mode()
    def log_p(self, inputs, appended=()):
        """Return the log-probabilities of all tokens after the prompt and after each of the appended tokens."""
        ids, n = inputs["input_ids"], len(appended)
        inputs = dict(inputs) | {"input_ids": torch.cat([ids, torch.tensor([list(appended)], dtype=ids.dtype)], dim=1)}
        for name, value in (("attention_mask", 1), ("token_type_ids", 0), ("mm_token_type_ids", 0)):
            if name in inputs:
                inputs[name] = torch.cat([inputs[name], torch.full((1, n), value)], dim=1)
        return self.model(**inputs).logits[0, -n - 1 :].log_softmax(dim=-1).double().numpy()


@pytest.fixture(scope="module")
def reference(checkpoint):
    references = {}
    return lambda family: references.setdefault(family, Reference(family, checkpoint(family)))


@cache
def make(folder, **options):
    options = {"device": "cpu", "batch_size": 3, "max_tokens": 6} | options
    return VisionLanguage("some/tiny", weights=folder, **options)


def observe(folder, trials, **options):
    return list(make(folder, **options).observe(iter(trials)))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_letters_have_the_log_probabilities_of_a_plain_loop(family, checkpoint, reference, mixed):
    plain = reference(family)
    responses = observe(checkpoint(family), mixed)
    for trial, response in zip(mixed, responses, strict=True):
        text = make_question(trial).text
        inputs = plain.inputs(trial, text)
        log_p = plain.log_p(inputs)[0]
        letters = {line[3:]: line[0] for line in text.splitlines() if line[1:3] == ". "}
        assert sorted(letters) == sorted(trial.choices)
        names = ("", "Ġ") if family == "llava" else ("",)
        expected = [
            np.logaddexp.reduce([log_p[plain.vocabulary[name + letters[choice]]] for name in names])
            for choice in trial.choices
        ]
        np.testing.assert_allclose(response.evidence, expected, rtol=0, atol=1e-5)
        assert response.choice == trial.choices[int(np.argmax(expected))]
        assert response.n_evaluations == 1
        assert response.measured["prompt_tokens"] == inputs["input_ids"].shape[1]
        assert response.measured["letter_probability"] == pytest.approx(np.exp(expected).sum(), rel=1e-4)
    assert len({response.choice for response in responses}) > 1


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl", "gemma3", "chameleon"])
def test_texts_have_the_log_probabilities_of_a_plain_loop(family, checkpoint, reference, mixed):
    plain, trials = reference(family), mixed[2:4]
    ends = plain.model.generation_config.eos_token_id
    for trial, response in zip(trials, observe(checkpoint(family), trials, answer="text"), strict=True):
        inputs = plain.inputs(trial, make_question(trial, "text").text)
        expected = []
        for choice in trial.choices:
            variants = []
            for name in ("", "Ġ"):
                tokens = [plain.vocabulary[character] for character in name + choice]
                log_p = plain.log_p(inputs, tokens)
                end = np.logaddexp.reduce(np.atleast_1d(log_p[-1][ends]))
                variants.append(sum(row[token] for row, token in zip(log_p, tokens, strict=False)) + end)
            expected.append(np.logaddexp.reduce(variants))
        np.testing.assert_allclose(response.evidence, expected, rtol=0, atol=1e-4)
        assert response.n_evaluations == 2 * len(trial.choices)
        assert response.measured == {"prompt_tokens": inputs["input_ids"].shape[1]}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_replies_are_those_of_a_plain_loop(family, checkpoint, reference, mixed):
    plain, trial = reference(family), mixed[2]
    tokens, inputs = [], plain.inputs(trial, make_question(trial, "caption").text)
    ends = np.atleast_1d(plain.model.generation_config.eos_token_id)
    while len(tokens) < 6 and not (tokens and tokens[-1] in ends):
        tokens.append(int(plain.log_p(inputs, tokens)[-1].argmax()))
    (response,) = observe(checkpoint(family), [trial], answer="caption")
    assert response.texts == {"reply": plain.processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()}
    assert response.n_evaluations == len(tokens)
    assert response.measured == {"prompt_tokens": inputs["input_ids"].shape[1], "reply_tokens": len(tokens)}
    assert response.evidence is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "answer"),
    [
        ("llava", "letter"),
        ("qwen2_5_vl", "letter"),
        ("internvl", "letter"),
        ("qwen2_5_vl", "text"),
        ("llava", "generate"),
    ],
)
def test_responses_do_not_depend_on_the_batch(family, answer, checkpoint, mixed):
    by_size = [observe(checkpoint(family), mixed, answer=answer, batch_size=size) for size in (1, 3, 8)]
    exact = [[(r.choice, r.texts, r.n_evaluations, r.measured["prompt_tokens"]) for r in rs] for rs in by_size]
    assert exact[0] == exact[1] == exact[2]
    if answer == "generate":
        return
    for responses in by_size[1:]:
        for first, second in zip(by_size[0], responses, strict=True):
            np.testing.assert_allclose(first.evidence, second.evidence, rtol=0, atol=1e-5)
    # With the same batch size, even the last bits are the same.
    alone = [observe(checkpoint(family), [trial], answer=answer, batch_size=3)[0] for trial in mixed[2:5]]
    for first, second in zip(by_size[1][2:5], alone, strict=True):
        assert first.evidence.tobytes() == second.evidence.tobytes()


def test_order_of_the_options_depends_on_the_stimulus_and_is_undone(checkpoint, reference, mixed):
    plain, folder = reference("internvl"), checkpoint("internvl")
    texts = [make_question(trial).text for trial in mixed]
    assert len({text.splitlines()[1] for text in texts}) > 1
    for permute in (True, False):
        (response,) = observe(folder, mixed[:1], permute=permute)
        question = make_question(mixed[0], permute=permute)
        log_p = plain.log_p(plain.inputs(mixed[0], question.text))[0]
        by_option = dict(zip(question.options, (log_p[plain.vocabulary[letter]] for letter in "ABCD"), strict=True))
        expected = [by_option[choice] for choice in mixed[0].choices]
        np.testing.assert_allclose(response.evidence, expected, rtol=0, atol=1e-5)


def test_question_contains_the_instruction(checkpoint, reference, mixed):
    trial = evolve(mixed[0], instruction="Identify the primary texture in the image.")
    default, texture = observe(checkpoint("llava"), [mixed[0], trial])
    plain = reference("llava")
    inputs = plain.inputs(trial, make_question(trial).text)
    assert "primary texture" in plain.processor.tokenizer.decode(inputs["input_ids"][0])
    assert texture.measured["prompt_tokens"] == inputs["input_ids"].shape[1] != default.measured["prompt_tokens"]
    assert np.abs(texture.evidence - default.evidence).max() > 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_all_files_of_a_repository_are_downloaded(family, checkpoint):
    names = {path.name for path in checkpoint(family).iterdir()}
    assert names == {name for name in names if any(fnmatch(name, pattern) for pattern in PATTERNS)}
    assert all(names & set(group) for group in REQUIRED)
