"""The rows that a trial needs, and the evidence that follows from their log-probabilities.

K is the number of choices of a trial and E the number of tokens that end a reply. A row is described in
`observers.vision_language.rows`.
"""

from typing import Any

import numpy as np
import torch
from attrs import frozen

from observers.protocol import ObserverError, Trial
from observers.vision_language.prompts import Prompter
from observers.vision_language.questions import Answer, Question, make_question
from observers.vision_language.rows import Row, extend


@frozen(eq=False)
class PreparedTrial:
    """A trial with the rows that the model evaluates for it.

    Attributes:
        trial: The trial.
        question: Its question.
        n_prompt: Number of tokens of the prompt.
        rows: The rows: one, or one for each way to write each choice.
        replies: The replies whose probabilities are read, as pairs of the index of a choice and the tokens of the reply.
            They are the targets of the only row, or each of them belongs to a row.
    """

    trial: Trial
    question: Question
    n_prompt: int
    rows: list[Row]
    replies: list[tuple[int, list[int]]]


def prepare_letters(trial: Trial, prompter: Prompter, permute: bool) -> PreparedTrial:
    """Return a trial with one row, whose targets are the tokens of the letters.

    Raises:
        ObserverError: If the tokenizer does not have a single token for one of the letters.
    """
    question = make_question(trial, "letter", permute=permute)
    prompt = prompter.render(question.text)
    replies = []
    for choice, position in enumerate(question.positions):
        letter = question.letters[position]
        tokens = prompter.letter_tokens(letter, prompt)
        if not tokens:
            raise ObserverError(
                f"{prompter.observer}: its tokenizer does not have a single token for the letter {letter} after the prompt, "
                f"so the letter cannot be evaluated in one forward pass: use -o answer=text, which evaluates the names of "
                f"the choices"
            )
        replies += [(choice, [token]) for token in tokens]
    targets = torch.tensor([[token for _, (token,) in replies]])
    row = Row(prompter.encode(trial.stimulus.pixels(), prompt), targets)
    return PreparedTrial(trial, question, row.n_tokens, [row], replies)


def prepare_texts(trial: Trial, prompter: Prompter, permute: bool, ends: list[int]) -> PreparedTrial:
    """Return a trial with one row for each way to write each choice. All rows have the same number of tokens.

    Args:
        trial: The trial.
        prompter: The prompts of the checkpoint.
        permute: Whether the options have a random order.
        ends: The E tokens that end a reply.

    Raises:
        ObserverError: If the prompt cannot be continued with one of the choices.
    """
    question = make_question(trial, "text", permute=permute)
    prompt = prompter.render(question.text)
    replies = []
    for choice, name in enumerate(trial.choices):
        variants = prompter.continue_prompt(prompt, name)
        if not variants:
            raise ObserverError(
                f"{prompter.observer}: its tokenizer cannot write the choice {name!r} after the prompt without changing the "
                f"tokens of the prompt: use -o answer=letter"
            )
        replies += [(choice, tokens) for tokens in variants]
    inputs = prompter.encode(trial.stimulus.pixels(), prompt)
    longest = max(len(tokens) for _, tokens in replies)
    rows = [_reply_row(inputs, tokens, ends, longest) for _, tokens in replies]
    return PreparedTrial(trial, question, rows[0].n_tokens - longest, rows, replies)


def prepare_reply(trial: Trial, prompter: Prompter, permute: bool, answer: Answer) -> PreparedTrial:
    """Return a trial with one row without targets, from which a reply is generated."""
    question = make_question(trial, answer, permute=permute)
    prompt = prompter.render(question.text)
    row = Row(prompter.encode(trial.stimulus.pixels(), prompt), torch.zeros((1, 0), dtype=torch.int64))
    return PreparedTrial(trial, question, row.n_tokens, [row], [])


def _reply_row(inputs: Any, tokens: list[int], ends: list[int], n: int) -> Row:
    """Return the row of a prompt and a reply, which is padded to n tokens.

    The targets have the shape (n + 1, E). At a position within the reply, they are its next token, repeated E times; at the
    end of the reply, they are the tokens that end it; at later positions, they are padding. Tokens after a position do not
    influence the log-probabilities at this position.
    """
    n_padding, width = n - len(tokens), len(ends)
    targets = [[token] * width for token in tokens] + [ends] + [ends[:1] * width] * n_padding
    return Row(extend(inputs, tokens + ends[:1] * n_padding), torch.tensor(targets))


def letter_evidence(prepared: PreparedTrial, log_p: list[np.ndarray]) -> np.ndarray:
    """Return the log-probability of the letter of each choice, (K,), from those of the targets, one array (1, T)."""
    evidence = np.full(len(prepared.trial.choices), -np.inf)
    np.logaddexp.at(evidence, [choice for choice, _ in prepared.replies], log_p[0][0])
    return evidence


def text_evidence(prepared: PreparedTrial, log_p: list[np.ndarray]) -> np.ndarray:
    """Return the log-probability that the reply is the name of each choice and then ends, (K,).

    `log_p` contains one array (n + 1, E) per row.
    """
    evidence = np.full(len(prepared.trial.choices), -np.inf)
    for (choice, tokens), values in zip(prepared.replies, log_p, strict=True):
        n = len(tokens)
        evidence[choice] = np.logaddexp(evidence[choice], values[:n, 0].sum() + np.logaddexp.reduce(values[n]))
    return evidence
