"""The text of a trial for a vision-language model, and the choice that a reply in words means.

The question is that of Gavrikov et al. (2025, "Can We Talk Models Into Seeing the World Differently?", ICLR): the
instruction of the experiment, one option per line with a letter, and the request to answer with a letter. K is the number of
choices of a trial, 2 to 26.

Models prefer some letters to others (arXiv 2509.16805). With `permute`, the order of the options is therefore random. It
depends only on the name of the stimulus, so an image has the same order in all conditions, sessions and models.
"""

import hashlib
import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Literal

import numpy as np
from attrs import frozen

from core.errors import ObserverError
from observers.instructions import DEFAULT_INSTRUCTION
from observers.protocol import Trial

Answer = Literal["letter", "text", "generate", "caption"]
LETTERS = ascii_uppercase
ANSWER_REQUEST = "Answer with the option's letter from the given choices directly."
WORD_REQUEST = "Answer with one of the given choices directly."
CAPTION_REQUEST = "Describe the image. Keep your response short."
SHORT_REQUEST = "Keep your response short."


@frozen
class Question:
    """The text of a trial, and the meaning of its letters.

    Attributes:
        text: The text that the model gets beside the image.
        options: The K choices in the order in which the text lists them, so that the first has the letter A.
        positions: For each choice of the trial, its index in `options`, (K,). `values[positions]` converts K values in the
            order of the letters to the order of the choices.
    """

    text: str
    options: tuple[str, ...]
    positions: np.ndarray

    @property
    def letters(self) -> str:
        """The letters of the options, such as "ABC"."""
        return LETTERS[: len(self.options)]


def make_question(trial: Trial, answer: Answer = "letter", *, permute: bool = True) -> Question:
    """Return the question of a trial.

    Args:
        trial: The trial.
        answer: How the model answers. "letter" and "generate" request a letter, "text" requests one of the choices, and
            "caption" requests a short description without listing the choices. A caption is requested by
            CAPTION_REQUEST; if the experiment has another instruction than the default, the caption is requested by this
            instruction and SHORT_REQUEST.
        permute: Whether the options have a random order that depends on the name of the stimulus.

    Raises:
        ObserverError: If options need letters and the trial has more than 26 choices.
    """
    k = len(trial.choices)
    if answer == "caption":
        has_default = trial.instruction == DEFAULT_INSTRUCTION
        text = CAPTION_REQUEST if has_default else f"{trial.instruction} {SHORT_REQUEST}"
        return Question(text, trial.choices, np.arange(k))
    if answer != "text" and k > len(LETTERS):
        raise ObserverError(
            f"trial {trial.number} has {k} choices, but a question with lettered options has at most {len(LETTERS)}: use "
            f"-o answer=text or -o answer=caption"
        )
    order = _order(trial.stimulus.id, k) if permute else np.arange(k)
    options = tuple(trial.choices[index] for index in order)
    if answer == "text":
        lines = [trial.instruction, *options, WORD_REQUEST]
    else:
        lettered = (f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))
        lines = [trial.instruction, *lettered, ANSWER_REQUEST]
    return Question("\n".join(lines), options, np.argsort(order))


def _order(stimulus: str, k: int) -> np.ndarray:
    """Return a permutation of 0 … k − 1 whose seed is the SHA-256 of the name of the stimulus, (k,)."""
    seed = int.from_bytes(hashlib.sha256(stimulus.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).permutation(k)


def parse_reply(reply: str, question: Question) -> str | None:
    """Return the choice that a reply to a question with lettered options names, or None.

    The reply must be a letter of the question, a letter and its option ("B. bear", "B) bear", "B: bear"), or an option.
    Upper and lower case, surrounding white space and quotes, and one final period do not matter. Any other reply gives
    None, such as a sentence, a letter with the option of another letter, or an empty reply. If the choices are letters, a
    capital letter is the letter of an option, as in the request. If two options differ only in their case, the case matters.
    """
    text = reply.strip().strip("\"'*`").strip()
    text = text.removesuffix(".").strip()
    if len(text) == 1 and text in question.letters:
        return question.options[question.letters.index(text)]
    if text in question.options:
        return text
    options = [option for option in question.options if option.casefold() == text.casefold()]
    if options:
        return options[0] if len(options) == 1 else None
    match = re.fullmatch(r"\(?([A-Za-z])(?:[.):]+\s*(.*)|)", text, re.DOTALL)
    index = question.letters.find(match[1].upper()) if match else -1
    if match is None or index < 0:
        return None
    option, word = question.options[index], (match[2] or "").strip()
    return option if word.casefold() in ("", option.casefold()) else None


def find_mention(caption: str, choices: Sequence[str]) -> str | None:
    """Return the only choice that a caption mentions, in the singular or plural, or None.

    None is also returned if the caption mentions several choices, because the order of words does not show which of them
    the model would have chosen. A choice inside a longer choice that is mentioned does not count ("car" in "sports car").
    Upper and lower case do not matter.
    """
    spans = {choice: [m.span() for m in _mention_pattern(choice).finditer(caption)] for choice in choices}
    mentioned = [choice for choice, own in spans.items() if any(not _is_inside(span, spans, choice) for span in own)]
    return mentioned[0] if len(mentioned) == 1 else None


def _mention_pattern(choice: str) -> re.Pattern[str]:
    """Return a pattern for a choice as a whole word, in the singular or with a regular English plural."""
    forms = [choice, f"{choice}s", f"{choice}es"]
    forms += [choice[:-1] + "ies"] if choice.endswith("y") else []
    forms += [choice[:-2] + "ves"] if choice.endswith("fe") else []
    words = (
        r"[\s_-]+".join(map(re.escape, re.split(r"[\s_]+", form))) for form in sorted(forms, key=len, reverse=True)
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)


def _is_inside(span: tuple[int, int], spans: dict[str, list[tuple[int, int]]], choice: str) -> bool:
    """Return whether a longer mention of another choice contains this mention."""
    return any(
        other != choice and begin <= span[0] and span[1] <= end and end - begin > span[1] - span[0]
        for other, mentions in spans.items()
        for begin, end in mentions
    )
