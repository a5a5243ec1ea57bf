"""Evidence from the most likely first tokens of a reply, of which most servers return at most 20.

K is the number of choices. The evidence of a choice is the log-probability that the reply begins with the letter of the
choice: the logarithm of the summed probabilities of the tokens that consist of this capital letter and white space, such as
"B" and " B". Small letters do not count, because "a" is mostly the article of a sentence.

A letter may be missing among the returned tokens. Its log-probability is then at most that of the least likely returned
token, and the evidence of the choice is this upper bound. The order of the choices is not affected, because the
log-probability of every returned letter is at least as high.

If a model begins its replies with other words, the first token does not show which option the reply names (Wang et al. 2024,
"My Answer is C", arXiv 2402.14499). A trial therefore has evidence only if the most likely first token is a letter.
"""

import re

import numpy as np
from attrs import frozen

from observers.services.completions import Completion
from observers.vision_language.questions import Question

# "A" and "I" are also words, as in "A bear" and "I'm sorry". The reply then does not name the option.
_WORD = re.compile(r"\s*[AI](?:['’]| +\w)")


@frozen(eq=False)
class LetterEvidence:
    """The evidence of a trial.

    Attributes:
        evidence: Log-probabilities in the order of the trial's choices, (K,).
        index: Index of the choice with the highest evidence.
        n_missing: Number of choices whose letter was not returned, and whose evidence is an upper bound.
        probability: Total probability of the returned letters.
    """

    evidence: np.ndarray
    index: int
    n_missing: int
    probability: float


def letter_evidence(reply: Completion, question: Question, n_tokens: int) -> LetterEvidence | None:
    """Return the evidence from the first tokens of a reply.

    Args:
        reply: The reply with `first_tokens`.
        question: The question with lettered options.
        n_tokens: Number of first tokens that were requested.

    Returns:
        The evidence, or None if the most likely first token is not a letter of the question, or if the reply begins with
        the word "A" or "I".
    """
    if not reply.first_tokens or _WORD.match(reply.text):
        return None
    logprobs: dict[str, list[float]] = {}
    for token, logprob in reply.first_tokens:
        logprobs.setdefault(token.strip(" \t\r\n▁Ġ"), []).append(max(logprob, -9999.0))
    totals = {token: float(np.logaddexp.reduce(values)) for token, values in logprobs.items()}
    if max(totals, key=totals.__getitem__) not in set(question.letters):
        return None
    present = np.array([letter in totals for letter in question.letters])
    # If a token was sampled that is not among the most likely ones, servers return it in addition.
    most_likely = sorted((max(value, -9999.0) for _, value in reply.first_tokens), reverse=True)[:n_tokens]
    values = [totals.get(letter, most_likely[-1]) for letter in question.letters]
    evidence = np.minimum(np.array(values), 0.0)[question.positions]
    index = int(np.argmax(np.where(present[question.positions], evidence, -np.inf)))
    probability = min(float(np.exp(np.logaddexp.reduce(np.array(values)[present]))), 1.0)
    return LetterEvidence(evidence, index, int((~present).sum()), probability)
