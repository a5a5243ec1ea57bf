"""A reply of the chat completions API of OpenAI, read from its JSON (https://platform.openai.com/docs/api-reference/chat)."""

from typing import Any

from attrs import frozen

from observers.services.concurrency import UnusableReply

MAX_TEXT = 50_000  # characters of a reply that are kept; a log accepts no longer texts

MIN_LOGPROB = -1e300  # lower values become this one; an integer of hundreds of digits is not a float
ROUNDING = 0.01  # a log-probability may exceed 0 by this much


@frozen
class Completion:
    """The reply of a model.

    Attributes:
        text: The text of the reply, or of the refusal; "" if the reply does not contain a text.
        finish_reason: Why the model stopped: stop, length, content_filter, refusal, or another word of the server.
        model: The name of the model according to the server.
        system_fingerprint: What the server calls its configuration.
        n_prompt_tokens: Number of tokens of the question and the image, or None if the server does not count them.
        n_reply_tokens: Number of tokens of the reply, or None if the server does not count them.
        first_tokens: The most likely first tokens of the reply with their log-probabilities; None if the reply does not
            contain log-probabilities.
    """

    text: str
    finish_reason: str
    model: str = ""
    system_fingerprint: str = ""
    n_prompt_tokens: int | None = None
    n_reply_tokens: int | None = None
    first_tokens: tuple[tuple[str, float], ...] | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the model refused to answer, or a content filter removed the reply."""
        return self.finish_reason in ("content_filter", "refusal")


def parse_completion(body: Any) -> Completion:
    """Return the reply in the JSON of a server.

    Args:
        body: The JSON, without the key of the service.

    Raises:
        UnusableReply: If the JSON is not that of a reply.
    """
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise UnusableReply(f"JSON without a message: {str(body)[:200]}")
    refusal, finish_reason = message.get("refusal"), choice.get("finish_reason")
    text = refusal if isinstance(refusal, str) and refusal else _text_of(message.get("content"))
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        text=text[:MAX_TEXT],
        finish_reason="refusal" if refusal else _to_text(finish_reason),
        model=_to_text(body.get("model")),
        system_fingerprint=_to_text(body.get("system_fingerprint")),
        n_prompt_tokens=_to_count(usage.get("prompt_tokens")),
        n_reply_tokens=_to_count(usage.get("completion_tokens")),
        first_tokens=_first_tokens(choice.get("logprobs")),
    )


def _text_of(content: Any) -> str:
    """Return the text of a message, which may be a list of parts."""
    if isinstance(content, list):
        return "".join(_to_text(part.get("text")) for part in content if isinstance(part, dict))
    return _to_text(content)


def _first_tokens(logprobs: Any) -> tuple[tuple[str, float], ...] | None:
    """Return the most likely first tokens with their log-probabilities, or None if the server did not return them."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    first = content[0] if isinstance(content, list) and content else None
    top = first.get("top_logprobs") if isinstance(first, dict) else None
    if not isinstance(top, list) or not top:
        return None
    tokens = []
    for entry in top:
        token, logprob = (entry.get("token"), entry.get("logprob")) if isinstance(entry, dict) else (None, None)
        if not isinstance(token, str) or not isinstance(logprob, int | float) or not logprob <= ROUNDING:  # also NaN
            raise UnusableReply(f"an entry of top_logprobs that lacks a token or a log-probability: {str(entry)[:200]}")
        tokens.append((token, float(max(logprob, MIN_LOGPROB))))
    return tuple(tokens)


def _to_text(value: Any) -> str:
    """Return a value if it is text, and "" otherwise."""
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _to_count(value: Any) -> int | None:
    """Return a value if it is a number of tokens, and None otherwise."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None
