"""Failures of a server: requests are repeated, or the message says what to do, and no response is lost."""

import gc
import gzip
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import ObserverError
from experiments.experiment import Experiment
from experiments.running.session import run
from observers.services import chat_completions, concurrency
from observers.vision_language.api import ApiModel
from tests.unit.observers.vision_language.chat_server import (
    Recognizer,
    Reply,
    Request,
    answers,
    completion,
    rows,
    serving,
)

KEY = "sk-secret-0123456789"
WITH_KEY = {"api_key_env": "MY_KEY"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "failure",
    [
        Reply({"error": {"message": "slow down"}}, 429),
        Reply({"error": {"message": "oops"}}, 500),
        Reply(b"<html>gateway</html>", 502),
        Reply(b"<html>welcome</html>"),
        Reply({"error": {"message": "no"}}),
        Reply(completion("B"), action="truncate"),
        Reply(b"", action="reset"),
        Reply(completion("B"), seconds=0.5),
        Reply(b""),
        Reply(b"not compressed", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_temporary_failures_lose_nothing(small: Experiment, tmp_path: Path, failure: Reply) -> None:
    """Every third request fails at first; each trial is nevertheless in the log once, in order, with its own response."""
    right = Recognizer.of(small.stimuli.stimuli)

    def script(request: Request) -> Reply:
        return failure if request.attempt == 0 and request.number % 3 == 1 else right(request)

    timeout = 0.25 if failure.seconds else 30.0
    with serving(script) as server:
        path = run(small, ApiModel("m", base_url=server.url, timeout=timeout, concurrency=6), tmp_path)
    logged = rows(path)
    assert [row["stimulus"] for row in logged] == [trial.stimulus.id for trial in small.trials(0)]
    assert [row["response"] for row in logged] == [row["category"] for row in logged]
    assert server.n_images > 32
    assert server.n_most <= 6 or failure.seconds  # the server continues with requests that timed out


def test_the_number_of_requests_at_the_same_time(small: Experiment) -> None:
    right = Recognizer.of(small.stimuli.stimuli)
    with serving(lambda request: Reply(right(request).body, seconds=0.02)) as server:
        answers(server, small, concurrency=4)
    assert 2 <= server.n_most <= 4 and server.n_images == 32


def test_the_server_decides_how_long_to_wait(few: Experiment) -> None:
    right = Recognizer.of(few.stimuli.stimuli)

    def script(request: Request) -> Reply:
        busy = Reply({"error": {"message": "rate limit"}}, 429, {"Retry-After": "0.6"})
        return busy if request.png and request.attempt == 0 else right(request)

    with serving(script) as server:
        assert len(answers(server, few, concurrency=5)) == 5
    images = [t for t, request in zip(server.times, server.requests, strict=True) if request.png]
    assert len(images) == 10 and min(images[5:]) - min(images) >= 0.6


def rejecting(status: int, error: Any, **headers: str) -> Any:
    return lambda request: Reply(error if isinstance(error, bytes) else {"error": error}, status, headers)


@pytest.mark.parametrize(
    ("status", "error", "message", "options"),
    [
        (401, {"message": "no key"}, r"requires a key: put it into .* -o api_key_env=NAME \(HTTP 401: no key\)", {}),
        (401, {"message": "bad"}, "does not accept the key in the environment variable MY_KEY: correct", WITH_KEY),
        (403, {"message": "no"}, "does not allow a request without a key to use the model m", {}),
        (403, "denied", r"does not allow the key in .* MY_KEY to use the model m.*HTTP 403: denied", WITH_KEY),
        (404, {"message": "not found"}, r"does not have the model m, or its address .*/v1/models; .*404: not found", {}),
        (400, {"message": "temperature 0 is not"}, r"rejects the request for .*HTTP 400: temperature 0 is not", {}),
        (422, b'{"detail": [{"loc": ["body"]}]}', r'HTTP 422: \[\{"loc": \["body"\]\}\]', {}),
        (413, b"too large\n\x00" + b"x" * 1000, r"image of this size: use smaller .*HTTP 413: too large xxx.*…", {}),
        (429, {"code": "insufficient_quota", "message": "quota"}, "does not have credit left: add credit", WITH_KEY),
    ],
)  # fmt: skip
def test_rejected_requests_are_not_repeated(
    few: Experiment, monkeypatch: pytest.MonkeyPatch, status: int, error: Any, message: str, options: dict[str, Any]
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(rejecting(status, error)) as server, pytest.raises(ObserverError, match=message) as caught:
        list(
            ApiModel("m", base_url=server.url, answer="generate", concurrency=1, **options).observe(
                iter(few.trials(0)[:1])
            )
        )
    assert len(server.requests) == 1 and str(caught.value).startswith("trial 1 (") and len(str(caught.value)) < 700


def logprobs_of(value: float) -> dict[str, Any]:
    """Return log-probabilities in which the first token has this one."""
    return {"content": [{"token": "B", "top_logprobs": [{"token": "B", "logprob": value}]}]}


BROKEN_LOGPROBS = {"content": [{"token": "B", "top_logprobs": [{"token": "B"}]}]}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            rejecting(307, {"message": "moved"}, Location="http://localhost:1/v1"),
            "redirects requests to another address: use that address as -o base_url",
        ),
        (
            lambda request: Reply(b"<html>Welcome to our site"),
            r"the service sent 4 unusable replies, at last .* is not JSON and begins with '<html>Welcome",
        ),
        (
            lambda request: Reply({"choices": []}),
            r"at last JSON without a message: \{'choices': \[\]\}; check its address and its log, and run",
        ),
        (
            lambda request: Reply({"choices": [{"message": {"content": "B"}, "logprobs": BROKEN_LOGPROBS}]}),
            r"an entry of top_logprobs that lacks a token or a log-probability: \{'token': 'B'\}; check",
        ),
        (
            lambda request: Reply({"choices": [{"message": {"content": "B"}, "logprobs": logprobs_of(0.7)}]}),
            r"that lacks a token or a log-probability: \{'token': 'B', 'logprob': 0.7\}; check",
        ),
        (
            lambda request: Reply({"choices": [{"message": {"content": "B"}, "logprobs": logprobs_of(10**400)}]}),
            r"that lacks a token or a log-probability: \{'token': 'B', 'logprob': 1000",
        ),
        (
            rejecting(307, {"message": "moved"}, Location="http://[::1"),
            "redirects requests to another address: use that address as -o base_url",
        ),
    ],
)
def test_replies_that_stay_unusable(few: Experiment, script: Any, message: str) -> None:
    with serving(script) as server, pytest.raises(ObserverError, match=message):
        answers(server, few)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b" " * (1 << 20)),
        Reply(gzip.compress(b" " * (1 << 20)), headers={"Content-Encoding": "gzip"}),
        Reply(b" " * (1 << 20), 307, headers={"Location": "http://localhost:1/v1"}),
    ],
)
def test_a_reply_that_is_too_long_is_not_read_to_its_end(
    few: Experiment, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    """Its length counts after decompression, and it is not kept in memory."""
    monkeypatch.setattr(chat_completions, "MAX_BODY", 200_000)
    monkeypatch.setattr(chat_completions, "CHUNK", 1000)
    with (
        serving(lambda request: reply) as server,
        pytest.raises(ObserverError, match="the service sent 4 unusable replies, at last a reply of more than 0 MiB"),
    ):
        answers(server, few, logprobs="false", concurrency=1)


def test_the_timeout_applies_to_the_complete_reply(few: Experiment) -> None:
    """Single bytes that arrive in time do not keep the observer waiting."""
    right = Recognizer.of(few.stimuli.stimuli)

    def script(request: Request) -> Reply:
        slow = request.number == 0
        return Reply(b" " * 200, action="drip") if slow else right(request)

    with serving(script) as server:
        begin = time.monotonic()
        assert len(answers(server, few, logprobs="false", timeout=0.3, concurrency=1)) == 5
        assert time.monotonic() - begin < 4  # the first reply would take 10 s
    assert len(server.requests) == 6


def test_a_server_that_stays_busy(few: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(rejecting(503, {"message": f"model is loading {KEY}"})) as server:
        observer = ApiModel("m", base_url=server.url)
        responses = concurrency.respond_concurrently(
            lambda trial: observer._respond(chat_completions.open_session(server.url, 1), trial),
            few.trials(0),
            patience=0.2,
        )
        with pytest.raises(
            ObserverError, match=r"HTTP 503 Service Unavailable \(model is loading .*run the same command"
        ):
            list(responses)


def test_a_proxy_is_not_used_for_this_computer(few: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        assert len(answers(server, few)) == 5


def test_an_address_that_cannot_exist(few: Experiment) -> None:
    with pytest.raises(ObserverError, match=r"base_url http://\.\./v1 is not the address of a server: correct it"):
        list(ApiModel("m", base_url="http://../v1").observe(iter(few.trials(0))))


def test_a_server_that_does_not_exist(few: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_completions, "PATIENCE_AT_START", 0.1)
    with serving(Recognizer({})) as server:
        pass
    with pytest.raises(ObserverError, match=r"no server answers at http://127.0.0.1:\d+/v1: start the server and wait"):
        answers(server, few)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # requests does not close the connection
def test_a_reply_with_a_damaged_header(few: Experiment) -> None:
    reply = Reply(completion("B"), headers={"Content-Length": "5, 6"})
    message = (
        "4 unusable replies, at last a reply with a damaged header .Content-Length contained multiple unmatching values"
    )
    with serving(lambda request: reply) as server, pytest.raises(ObserverError, match=message):
        answers(server, few)
    gc.collect()  # the warnings about open connections belong to this test, not to the one that runs next
