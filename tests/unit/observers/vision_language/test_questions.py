"""The text of a trial for a vision-language model, and the choice that a reply means."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from core.errors import ObserverError
from observers.instructions import INSTRUCTIONS
from observers.protocol import Trial
from observers.vision_language.questions import LETTERS, find_mention, make_question, parse_reply
from stimuli.categories import CATEGORIES
from stimuli.stimulus import Stimulus


def make_trial(name: str = "cat1.png", choices: tuple[str, ...] = CATEGORIES, **values: object) -> Trial:
    return evolve(Trial(1, 1, Stimulus(name, Path(name), choices[0], ""), choices), **values)


def test_published_question():
    lines = make_question(make_trial(), permute=False).text.split("\n")
    assert lines[0] == "Which option best describes the image?"
    assert lines[1:4] == ["A. airplane", "B. bear", "C. bicycle"] and lines[16] == "P. truck"
    assert lines[-1] == "Answer with the option's letter from the given choices directly."
    shape = make_question(make_trial(instruction=INSTRUCTIONS["shape"]), permute=False)
    assert shape.text.split("\n") == ["Identify the primary shape in the image.", *lines[1:]]


def test_permutation_is_undone_exactly():
    trial = make_trial()
    question = make_question(trial)
    assert question.options != trial.choices and sorted(question.options) == sorted(trial.choices)
    listed = dict(re.findall(r"^([A-Z])\. (.*)$", question.text, re.MULTILINE))
    letters = np.array(list(question.letters))
    assert [listed[letter] for letter in letters[question.positions]] == list(trial.choices)
    assert make_question(evolve(trial, number=9, block=2)).text == question.text
    moved = evolve(trial, stimulus=evolve(trial.stimulus, path=Path("elsewhere/x.png"), condition="c05"))
    assert make_question(moved).text == question.text


def test_every_letter_is_equally_frequent():
    first = Counter(make_question(make_trial(f"{i}.png")).options[0] for i in range(3200))
    assert set(first) == set(CATEGORIES) and max(abs(n - 200) for n in first.values()) < 60  # 4.4 standard deviations


@pytest.mark.parametrize("k", [2, 26])
def test_smallest_and_largest_number_of_letters(k):
    question = make_question(make_trial(choices=tuple(f"word {i}" for i in range(k))))
    assert question.letters == LETTERS[:k] and question.text.count("\n") == k + 1


def test_more_choices_than_letters_need_text():
    trial = make_trial(choices=tuple(f"word {i}" for i in range(27)))
    with pytest.raises(ObserverError, match="27 choices, but a question with lettered options has at most 26"):
        make_question(trial)
    text = make_question(trial, "text").text
    assert "A." not in text and text.endswith("Answer with one of the given choices directly.")


def test_caption_does_not_list_the_choices():
    assert make_question(make_trial(), "caption").text == "Describe the image. Keep your response short."
    own = make_question(make_trial(instruction="Describe what is drawn."), "caption")
    assert own.text == "Describe what is drawn. Keep your response short."


@pytest.mark.parametrize(
    ("reply", "choice"),
    [
        ("B", "bear"), (" b.\n", "bear"), ("B. bear", "bear"), ("B) Bear", "bear"), ("(B)", "bear"), ("B: bear.", "bear"),
        ("bear", "bear"), ("**Bear**", "bear"), ('"B"', "bear"), ("P", "truck"),
        ("B. cat", None), ("Q", None), ("", None), ("A bear", None),
        ("The answer is B", None), ("bears", None), ("BB", None),
        ("B or C", None), ("B. bear and C. bicycle", None), ("I cannot help with that.", None), ("1", None), ("ß", None),
    ],
)  # fmt: skip
def test_strict_replies(reply, choice):
    assert parse_reply(reply, make_question(make_trial(), permute=False)) == choice


def test_a_choice_of_one_letter_is_not_taken_for_a_letter():
    question = make_question(make_trial(choices=("b", "a")), permute=False)  # A. b, B. a
    assert parse_reply("a", question) == "a"
    assert parse_reply("A. b", question) == "b"


def test_a_capital_letter_is_the_letter_of_an_option():
    question = make_question(make_trial(choices=("B", "A", "X")), permute=False)  # A. B, B. A, C. X
    replies = {"A": "B", "B": "A", "A.": "B", "B. A": "A", "X": "X", "x": "X", "a": "A", "A. A": None}
    assert {reply: parse_reply(reply, question) for reply in replies} == replies


def test_options_that_differ_in_case():
    question = make_question(make_trial(choices=("Polish", "polish")), permute=False)
    replies = {"polish": "polish", "Polish": "Polish", "POLISH": None, "A": "Polish", "B. polish": "polish"}
    assert {reply: parse_reply(reply, question) for reply in replies} == replies


@pytest.mark.parametrize(
    ("caption", "choice"),
    [
        ("A cat sits on a mat.", "cat"), ("Two CATS.", "cat"), ("three knives", "knife"), ("category theory", None),
        ("a cat and a dog", None), ("a cat, the same cat", "cat"), ("", None), ("a keyboard-like pattern", "keyboard"),
        ("A boat.\nIt floats.", "boat"), ("catdog", None),
    ],
)  # fmt: skip
def test_mention(caption, choice):
    assert find_mention(caption, CATEGORIES) == choice


def test_the_longer_choice_counts():
    choices = ("car", "sports car", "teddy bear")
    assert find_mention("a sports  car", choices) == "sports car"
    assert find_mention("a sports car beside a car", choices) is None
    assert find_mention("teddy-bears", choices) == "teddy bear"
