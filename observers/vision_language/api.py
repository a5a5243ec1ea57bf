"""Vision-language models on any server with the chat completions API of OpenAI (`api:MODEL`).

The model gets one message with the image and the question of `observers.vision_language.questions`. The image is encoded
again as a PNG file of the same size, so that its name and its metadata, which may contain the answer, are not sent.

With `answer=letter`, the evidence of a choice is the log-probability that the reply begins with the letter of the choice, as
`observers.vision_language.first_token` describes, and the response is the choice with the highest evidence. If the server
does not return log-probabilities, or if the most likely first token is not a letter, the trial does not have evidence, and
the response is the choice that the reply names. This is always the rule with `answer=generate`. With `answer=caption`, the
response is the only choice that a description of the image mentions. If the model refuses to answer, if a filter removes
the reply, or if the reply does not name a choice, the response is None. The log contains every reply.

A service can change the model behind a name at any time, so the responses of a service cannot be reproduced with certainty.
The log contains the name and the fingerprint of the model that the server reports for each trial.
"""

import base64
import io
import logging
import threading
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from attrs import define, field, frozen
from PIL import Image

from core.errors import ObserverError
from observers.bounds import bounded
from observers.protocol import MAX_COUNT, RUNTIME, Cost, Kind, Response, Trial
from observers.services.chat_completions import (
    OPENAI,
    OPENAI_KEY,
    ChatClient,
    RequestRejected,
    check_base_url,
    check_variable,
    open_session,
)
from observers.services.completions import Completion
from observers.services.concurrency import respond_concurrently
from observers.vision_language.first_token import letter_evidence
from observers.vision_language.questions import Answer, Question, find_mention, make_question, parse_reply

MAX_TOKENS: dict[Answer, int] = {"letter": 16, "generate": 16, "caption": 64}
# A question without an image, which shows whether a server returns log-probabilities.
PROBE = "Answer with the letter A."


def _strip_slash(url: str) -> str:
    """Return an address without the slash at its end. This is an attrs converter."""
    return url.rstrip("/")


def _check_answer(instance: object, attribute: Any, value: str) -> None:
    """Raise ObserverError if the answer is "text". This is an attrs validator."""
    if value == "text":
        raise ObserverError(
            "answer=text compares the probabilities of the texts of all choices, which servers do not return: use -o "
            "answer=letter or -o answer=generate, or run the model itself with the observer vlm:REPOSITORY"
        )


def _check_temperature(instance: object, attribute: Any, value: float | None) -> None:
    """Raise ObserverError unless the temperature is None or 0 to 2. This is an attrs validator."""
    if value is not None and not 0 <= value <= 2:
        raise ObserverError(f"temperature must be 0 to 2 or none, got {value}")


def _check_timeout(instance: object, attribute: Any, value: float) -> None:
    """Raise ObserverError unless the timeout is a positive number of seconds. This is an attrs validator."""
    if not 0 < value <= 86_400:
        raise ObserverError(f"timeout must be above 0 and up to 86400 seconds, got {value}")


def _check_number(instance: object, attribute: Any, value: int | None) -> None:
    """Raise ObserverError unless a whole number is None or 0 to 2^53. This is an attrs validator."""
    if value is not None:
        bounded(0, MAX_COUNT)(instance, attribute, value)


@define(eq=False)
class _ServerState:
    """What has been learned about the server: whether it returns log-probabilities, or None before the first request."""

    returns_logprobs: bool | None = None
    lock: threading.Lock = field(factory=threading.Lock)


@frozen
class ApiModel:
    """A vision-language model on a server with the chat completions API of OpenAI (`api:MODEL`).

    Evidence: log-probability that the reply begins with the letter of the choice (see `observers.vision_language.api`).

    Attributes:
        model: Name of the model at the server, such as Qwen/Qwen2.5-VL-7B-Instruct.
        base_url: Address of the server, which usually ends with /v1.
        api_key_env: Name of the environment variable that contains the key, never the key itself. By default
            OPENAI_API_KEY for api.openai.com; other servers get a key only if this option names a variable.
        answer: letter (the evidence is the log-probability of each letter), generate (the response is the choice that the
            reply names), or caption (the response is the only choice that a description of the image mentions). text is
            only available with `vlm:REPOSITORY`.
        permute: Whether the options have a random order that depends on the name of the stimulus.
        logprobs: Whether log-probabilities are requested with answer=letter. With auto, a short question without an image
            first tests whether the server returns them, and the sidecar contains the result.
        top_logprobs: Number of most likely first tokens that are requested. The evidence of a letter that is not
            among them is an upper bound. Most services allow up to 20, some only 5; the option --max-logprobs of vLLM
            sets its limit.
        max_tokens: Largest number of tokens of a reply; by default 16, and 64 for captions. Models that reason before they
            answer need more. With 0, the server decides.
        temperature: Temperature of sampling, 0 to 2. With none, the server decides; some models require this.
        seed: Random seed of sampling, which some servers use if the temperature is above 0; by default no seed is sent.
        detail: Resolution at which OpenAI processes the image. Other servers ignore it; auto is not sent.
        concurrency: Number of requests that are in progress at the same time.
        timeout: Seconds to wait for a reply before the request is repeated.
        name: The observer's name in logs and figures; by default the last part of `model`.

    Example:
        >>> ApiModel("qwen2.5vl:7b", base_url="http://localhost:11434/v1")
    """

    model: str
    base_url: str = field(default=OPENAI, converter=_strip_slash, validator=check_base_url)
    api_key_env: str | None = field(default=None, metadata=RUNTIME, validator=check_variable)
    answer: Answer = field(default="letter", validator=_check_answer)
    permute: bool = True
    logprobs: Literal["auto", "true", "false"] = "auto"
    top_logprobs: int = field(default=20, validator=bounded(1, 1000))
    max_tokens: int | None = field(default=None, validator=_check_number)
    temperature: float | None = field(default=0.0, validator=_check_temperature)
    seed: int | None = field(default=None, validator=_check_number)
    detail: Literal["auto", "low", "high"] = "auto"
    concurrency: int = field(default=8, metadata=RUNTIME, validator=bounded(1, 1000))
    timeout: float = field(default=120.0, metadata=RUNTIME, validator=_check_timeout)
    name: str = field()
    kind: Kind = field(default="vision-language", init=False)

    @name.default
    def _default_name(self) -> str:
        return self.model.rstrip("/").rpartition("/")[2]

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of the measurements.

        They are the numbers of tokens that the server counts, the total probability of the returned letters, and the number
        of letters whose evidence is an upper bound.
        """
        letters = ("letter_probability", "missing_letters") if self.answer == "letter" else ()
        return ("prompt_tokens", "reply_tokens", *letters)

    @property
    def text_names(self) -> tuple[str, ...]:
        """The reply, why it ended, and the name and fingerprint of the model that the server reports."""
        return ("reply", "finish_reason", "model", "system_fingerprint")

    @property
    def _limit(self) -> int:
        """The largest number of tokens of a reply; 0 if the server decides."""
        return MAX_TOKENS[self.answer] if self.max_tokens is None else self.max_tokens

    @property
    def _address(self) -> str:
        """The host and path of the server."""
        parts = urlsplit(self.base_url)
        return f"{parts.netloc}{parts.path}"

    @property
    def _is_openai(self) -> bool:
        return urlsplit(self.base_url).hostname == urlsplit(OPENAI).hostname

    @cached_property
    def _client(self) -> ChatClient:
        variable = self.api_key_env or (OPENAI_KEY if self._is_openai else None)
        return ChatClient(self.base_url, self.model, variable)

    @cached_property
    def _state(self) -> _ServerState:
        return _ServerState()

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield the response to each trial. Several requests are in progress at the same time.

        Raises:
            ObserverError: If the key is missing, if the server cannot be reached or rejects a request, or if a trial has
                more than 26 choices.
        """
        self._client, self._state  # noqa: B018, before several threads use them
        with open_session(self.base_url, self.concurrency) as session:
            yield from respond_concurrently(partial(self._respond, session), trials, n_concurrent=self.concurrency)

    def provenance(self) -> dict[str, str]:
        """Return the address of the service, and whether log-probabilities were requested."""
        returns_logprobs = "true" if self._state.returns_logprobs else "false"
        return {
            "service": self._address,
            "pinned": "false",  # a service may change the model behind its name
            "logprobs": returns_logprobs if self.answer == "letter" else "false",
        }

    def cost(self, trial: Trial) -> Cost:
        """Return sentences about the requests that the run would send. No request is sent."""
        image, question = trial.stimulus.pixels(), make_question(trial, self.answer, permute=self.permute)
        limit = f"at most {self._limit:,}" if self._limit else "any number of"
        return Cost(0.0, 1, (1, 1), requests=(
            f"each trial sends one request to {self._address}, which may cost money; no request was sent now",
            f"the first trial has an image of {image.shape[1]} × {image.shape[0]} pixels and a text of {len(question.text)} "
            f"characters, and its reply has {limit} tokens",
        ))  # fmt: skip

    def _respond(self, session: requests.Session, trial: Trial) -> Response:
        """Send the request for a trial and return the response."""
        question = make_question(trial, self.answer, permute=self.permute)
        asks_logprobs = self._asks_logprobs(session)
        image = {"url": _encode(trial)} | ({"detail": self.detail} if self.detail != "auto" else {})
        content = [{"type": "image_url", "image_url": image}, {"type": "text", "text": question.text}]
        try:
            reply = self._complete(session, content, logprobs=asks_logprobs)
        except RequestRejected as error:
            raise ObserverError(f"trial {trial.number} ({trial.stimulus.id}): {error}") from None
        return self._to_response(reply, question, trial, asks_logprobs)

    def _complete(self, session: requests.Session, content: Any, *, logprobs: bool) -> Completion:
        """Send a message with this content and return the reply."""
        payload: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
        if self._limit:  # new models of OpenAI do not accept the old name, and some servers do not know the new one
            payload["max_completion_tokens" if self._is_openai else "max_tokens"] = self._limit
        if self.temperature is not None:
            payload["temperature"] = self.temperature
        if self.seed is not None:
            payload["seed"] = self.seed
        if logprobs:
            payload |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        return self._client.complete(session, payload, self.timeout)

    def _asks_logprobs(self, session: requests.Session) -> bool:
        """Return whether log-probabilities are requested. With auto, the first call tests whether the server has them."""
        if self.answer != "letter" or self.logprobs == "false":
            return False
        with self._state.lock:
            if self._state.returns_logprobs is None:
                self._state.returns_logprobs = self.logprobs == "true" or self._probe(session)
            return self._state.returns_logprobs

    def _probe(self, session: requests.Session) -> bool:
        """Return whether the server returns log-probabilities. If it does not, log a warning."""
        try:
            reply = self._complete(session, PROBE, logprobs=True)
        except RequestRejected as error:
            if "logprob" not in error.server_message.lower():
                raise
            reason = f"the server rejects the request: {error.server_message}"
        else:
            if reply.first_tokens is not None:
                return True
            reason = "the server does not return them"
        logging.getLogger(__name__).warning(
            "%s: the log will not contain evidence, because log-probabilities are not available (%s)", self.name, reason
        )
        return False

    def _to_response(self, reply: Completion, question: Question, trial: Trial, asks_logprobs: bool) -> Response:
        """Return the response that a reply means."""
        choice, letters = None, None
        if reply.is_refused or not reply.text.strip():
            pass
        elif self.answer == "caption":
            choice = find_mention(reply.text, trial.choices)
        else:
            if self.logprobs == "true" and asks_logprobs and reply.first_tokens is None:
                raise ObserverError(
                    f"trial {trial.number} ({trial.stimulus.id}): the server {self.base_url} does not return "
                    f"log-probabilities: use -o logprobs=auto or -o logprobs=false"
                )
            letters = letter_evidence(reply, question, self.top_logprobs) if asks_logprobs else None
            choice = trial.choices[letters.index] if letters is not None else parse_reply(reply.text, question)
        measured: dict[str, float | None] = {
            "prompt_tokens": reply.n_prompt_tokens,
            "reply_tokens": reply.n_reply_tokens,
        }
        if letters is not None:
            measured |= {"letter_probability": letters.probability, "missing_letters": letters.n_missing}
        texts = {
            "reply": reply.text,
            "finish_reason": reply.finish_reason,
            "model": reply.model,
            "system_fingerprint": reply.system_fingerprint,
        }
        return Response(
            choice,
            evidence=letters.evidence if letters is not None else None,
            measured={name: float(value) for name, value in measured.items() if value is not None},
            texts=texts,
        )


def _encode(trial: Trial) -> str:
    """Return the image of a trial as a data URL of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(trial.stimulus.pixels()).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
