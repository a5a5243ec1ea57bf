"""Vision-language models behind a real server on this machine: requests, evidence, failures, keys and logs."""

import csv
import gzip
import json
import logging
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ObserverError, UserError
from experiments.experiment import Experiment
from experiments.running.estimate import estimate
from experiments.running.session import run
from observers.check import check_observer
from observers.protocol import Response
from observers.registry import make_observer
from observers.services import chat_completions, concurrency
from observers.vision_language.api import ApiModel
from observers.vision_language.questions import make_question
from tests.commands import observers
from tests.unit.observers.vision_language.chat_server import (
    ChatServer,
    Recognizer,
    Reply,
    Request,
    completion,
    digest,
    pixels_of,
    serving,
)

ROOT = Path(__file__).parents[4]
KEY = "sk-secret-0123456789"
WITH_KEY = {"api_key_env": "MY_KEY"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a shorter time before retries, and use neither a proxy nor a key of the user."""
    monkeypatch.setattr(concurrency, "MAX_WAIT", 0.02)
    for name in ("OPENAI_API_KEY", "MY_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def answers(server: ChatServer, experiment: Experiment, **options: Any) -> list[Response]:
    observer = ApiModel("test/model", base_url=server.url, **options)
    return list(observer.observe(iter(experiment.trials(0))))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_model_that_is_always_right(small: Experiment, tmp_path: Path) -> None:
    """The permutation of the letters is undone, each trial has one request, and the log has evidence, tokens and replies."""
    with serving(Recognizer.of(small.stimuli.stimuli)) as server:
        observer = make_observer("api:test/model", base_url=server.url)
        path = run(small, observer, tmp_path)
    logged = rows(path)
    assert [row["response"] for row in logged] == [row["category"] for row in logged]
    assert [row["stimulus"] for row in logged] == [trial.stimulus.id for trial in small.trials(0)]
    assert server.n_images == 32 and len(server.requests) == 33  # one short question tests the log-probabilities
    assert len({row["info_reply"] for row in logged}) > 5
    evidence = np.array([[float(row[f"evidence_{choice}"]) for choice in small.choices] for row in logged])
    assert [small.choices[i] for i in evidence.argmax(axis=1)] == [row["category"] for row in logged]
    assert evidence.max() == -0.1 and evidence.min() == -17
    first = logged[0]
    assert (first["measured_prompt_tokens"], first["measured_reply_tokens"]) == ("300.0", "2.0")
    assert first["measured_missing_letters"] == "0.0"
    assert float(first["measured_letter_probability"]) == pytest.approx(
        np.exp(-0.1) + np.exp(-3.0 - np.arange(15)).sum()
    )
    assert (first["info_model"], first["info_system_fingerprint"]) == ("model-2026-01-01", "fp_1")
    assert first["info_finish_reason"] == "stop" and first["observer"] == "model"
    sidecar = json.loads(path.with_suffix(".json").read_text())
    address = server.url.removeprefix("http://")
    assert sidecar["provenance"] == {"service": address, "pinned": "false", "logprobs": "true"}
    assert sidecar["devices"] == [f"service at {address}"]


def test_the_request(few: Experiment) -> None:
    """A message has the image, encoded again, and the question; nothing names the file."""
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        answers(server, few, concurrency=1, seed=7, detail="low")
    trial = few.trials(0)[0]
    request = server.requests[1]
    assert request.text == make_question(trial).text
    assert digest(pixels_of(request)) == digest(trial.stimulus.pixels())
    assert request.body["messages"][0]["content"][0]["image_url"]["detail"] == "low"
    fields = {name: value for name, value in request.body.items() if name != "messages"}
    assert fields == {
        "model": "test/model", "max_tokens": 16, "temperature": 0.0, "seed": 7, "logprobs": True, "top_logprobs": 20,
    }  # fmt: skip
    assert request.key is None
    assert trial.stimulus.id not in json.dumps(request.body) and trial.stimulus.path.name not in json.dumps(
        request.body
    )


def test_options_that_are_not_sent(few: Experiment) -> None:
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        answers(server, few, temperature=None, max_tokens=0, logprobs="false")
    assert {frozenset(request.body) for request in server.requests} == {frozenset({"model", "messages"})}


def test_the_name_of_the_limit_at_openai() -> None:
    observer = ApiModel("gpt")
    sent: list[Any] = []
    object.__setattr__(
        observer, "_client", type("Client", (), {"complete": lambda self, *args: sent.append(args[1])})()
    )
    observer._complete(None, "text", logprobs=False)  # type: ignore[arg-type]
    assert sent[0]["max_completion_tokens"] == 16 and "max_tokens" not in sent[0]


def test_the_instruction_is_part_of_the_question(few: Experiment) -> None:
    shape = Experiment(
        "few", few.stimuli, few.choices, n_blocks=2, instruction="Identify the primary shape in the image."
    )
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        answers(server, shape)
    assert all(r.text.startswith("Identify the primary shape in the image.\nA. ") for r in server.requests if r.png)


def scripted(
    text: str | None, tokens: list[tuple[str, float]] | None = None, reason: str = "stop", **fields: Any
) -> Any:
    """Return a script that gives this reply to every question with an image, and a letter to the question without one."""

    def script(request: Request) -> Reply:
        if not request.png:
            return Reply(completion("A", [("A", 0.0)]))
        return Reply(completion(text, tokens, reason, **fields))

    return script


def test_missing_letters_have_an_upper_bound(few: Experiment) -> None:
    tokens = [("B", -1.0), (" B", -1.0), ("The", -1.5), ("C", -2.0), ("a", -3.0), ("D", -6.0), ("Z", -9.0)]
    with serving(scripted("B", tokens)) as server:
        responses = answers(server, few, permute=False)
    evidence = responses[0].evidence
    assert evidence is not None
    np.testing.assert_allclose(evidence[:4], [-9, -1 + np.log(2), -2, -6])
    assert (evidence[4:] == -9).all() and responses[0].choice == few.choices[1]
    measured = responses[0].measured or {}
    assert measured["missing_letters"] == 13
    assert measured["letter_probability"] == pytest.approx(2 * np.exp(-1) + np.exp(-2) + np.exp(-6))


def test_a_sampled_token_beyond_the_requested_number_is_no_bound(few: Experiment) -> None:
    tokens = [("B", -1.0), ("C", -2.0), ("D", -50.0)]
    with serving(scripted("D", tokens)) as server:
        responses = answers(server, few, permute=False, top_logprobs=2, temperature=1.0)
    assert responses[0].evidence is not None
    assert responses[0].choice == few.choices[1] and responses[0].evidence[0] == -2


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I'm sorry, I can't help with that.", [("I", -0.01), ("B", -5.0)]),
        ("A bear is in the image.", [("A", -0.1), ("B", -3.0)]),
        ("The image shows a bear.", [("The", -0.1), (" The", -3.0)]),
        ("The image shows a bear.", [("The", -0.1), ("A", -3.0), ("B", -4.0)]),
        ("Z", [("Z", -0.1), ("B", -3.0)]),
    ],
)
def test_words_are_not_letters(few: Experiment, text: str, tokens: list[tuple[str, float]]) -> None:
    with serving(scripted(text, tokens)) as server:
        responses = answers(server, few)
    assert {(response.choice, response.evidence is None) for response in responses} == {(None, True)}
    assert (responses[0].texts or {})["reply"] == text


def test_a_reply_in_another_form_counts_without_evidence(few: Experiment) -> None:
    with serving(scripted("**C. " + few.choices[2] + "**", [("**", -0.1), ("D", -3.0)])) as server:
        responses = answers(server, few, permute=False)
    assert {(response.choice, response.evidence is None) for response in responses} == {(few.choices[2], True)}


def test_log_probabilities_of_minus_infinity(few: Experiment) -> None:
    with serving(scripted("B", [("B", 0.0), ("A", float("-inf")), ("C", -9999.0)])) as server:
        responses = answers(server, few, permute=False)
    assert list(responses[0].evidence)[:3] == [-9999.0, 0.0, -9999.0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("script", "reason", "reply"),
    [
        (scripted(None, None, "content_filter"), "content_filter", ""),
        (scripted(None, None, "stop", refusal="I will not."), "refusal", "I will not."),
        (scripted("", [("B", -0.1)], "length"), "length", ""),
        (scripted(None), "stop", ""),
        (scripted("no idea", [("no", -0.1)]), "stop", "no idea"),
        (
            lambda request: (
                Reply({"error": {"message": "filtered", "code": "content_filter"}}, 400)
                if request.png
                else Reply(completion("A", [("A", 0.0)]))
            ),
            "content_filter",
            "filtered",
        ),
    ],
)
def test_refusals_are_logged_and_do_not_stop_the_run(
    few: Experiment, tmp_path: Path, script: Any, reason: str, reply: str
) -> None:
    with serving(script) as server:
        path = run(few, ApiModel("m", base_url=server.url), tmp_path)
    logged = rows(path)
    assert [row["response"] for row in logged] == [""] * 5
    assert {(row["info_finish_reason"], row["info_reply"]) for row in logged} == {(reason, reply)}


def test_without_log_probabilities(few: Experiment, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that omits them is asked once; the replies are parsed, and the sidecar says so."""
    with serving(Recognizer.of(few.stimuli.stimuli, logprobs=False)) as server:
        path = run(few, ApiModel("m", base_url=server.url), tmp_path)
    assert [row["response"] for row in rows(path)] == [row["category"] for row in rows(path)]
    assert {row["evidence_bear"] for row in rows(path)} == {""}
    assert [request.body.get("logprobs") for request in server.requests] == [True] + [None] * 5
    assert json.loads(path.with_suffix(".json").read_text())["provenance"]["logprobs"] == "false"
    assert caplog.messages == [
        "m: the log will not contain evidence, because log-probabilities are not available (the server does not return them)"
    ]


def test_log_probabilities_that_the_server_rejects(few: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    right = Recognizer.of(few.stimuli.stimuli)

    def script(request: Request) -> Reply:
        if "logprobs" in request.body:
            return Reply({"error": {"message": "top_logprobs must be at most 5"}}, 400)
        return right(request)

    with serving(script) as server:
        responses = answers(server, few)
        assert [r.choice for r in responses] == [t.stimulus.category for t in few.trials(0)]
        assert "(the server rejects the request: top_logprobs must be at most 5)" in caplog.messages[0]
        with pytest.raises(ObserverError, match="HTTP 400: top_logprobs must be at most 5"):
            answers(server, few, logprobs="true")


def test_log_probabilities_that_are_required(few: Experiment) -> None:
    with (
        serving(Recognizer.of(few.stimuli.stimuli, logprobs=False)) as server,
        pytest.raises(ObserverError, match=r"trial 1 \(.*does not return log-probabilities: use -o logprobs=auto or"),
    ):
        answers(server, few, logprobs="true")


def test_a_session_is_not_resumed_without_its_log_probabilities(few: Experiment, tmp_path: Path) -> None:
    right = Recognizer.of(few.stimuli.stimuli)
    with serving(right) as server:
        observer = ApiModel("m", base_url=server.url)
        run(few, observer, tmp_path, limit=2)
        run(few, ApiModel("m", base_url=server.url, concurrency=2, timeout=9.0), tmp_path, limit=3)
        right.logprobs = False
        with pytest.raises(UserError, match=r"was started with a different logprobs \(was true, is now false\)"):
            run(few, ApiModel("m", base_url=server.url), tmp_path)


def test_replies_in_words_and_captions(few: Experiment) -> None:
    trials = few.trials(0)
    with serving(lambda request: Reply(completion(f"{sorted(request.options)[3]}."))) as server:
        responses = answers(server, few, answer="generate")
    assert [r.choice for r in responses] == [few.choices[3]] * 5 and responses[0].evidence is None
    assert all("logprobs" not in request.body for request in server.requests)
    with serving(lambda request: Reply(completion("Two bears in a boat-like shape of a cat."))) as server:
        assert {r.choice for r in answers(server, few, answer="caption")} == {None}
    with serving(lambda request: Reply(completion([{"type": "text", "text": "A photo of two bears."}]))) as server:
        assert {r.choice for r in answers(server, few, answer="caption")} == {"bear"}
        assert server.requests[0].body["max_tokens"] == 64
        assert server.requests[0].text == make_question(trials[0], "caption").text


def test_the_contract(small: Experiment) -> None:
    with serving(Recognizer.of(small.stimuli.stimuli)) as server:
        results = check_observer(ApiModel("m", base_url=server.url), small.trials(0)[:12])
    assert [result for result in results if not result.passed] == [] and len(results) == 8


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


def escaped(request: Request) -> str:
    """Return the key of a request with "|" before the code of each character, which stands for \\u in JSON."""
    return "".join(f"|{ord(c):04x}" for c in request.key or "")


def token_choice(key: str | None) -> dict[str, Any]:
    """Return a choice whose most likely first token is the key and lacks a log-probability."""
    return {"message": {"content": "B"}, "logprobs": {"content": [{"top_logprobs": [{"token": key}]}]}}


@pytest.mark.parametrize("echo", ["error", "cut error", "escaped error", "reply", "html", "cut html", "token", "reset"])
def test_the_key_stays_secret(
    few: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, echo: str
) -> None:
    """The server gets the key; even if it repeats the key, no error, log, warning or description of the observer has it."""
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setattr(chat_completions, "PATIENCE_AT_START", 0.1)
    replies = {
        "error": lambda request: Reply({"error": {"message": f"bad key {request.key}"}}, 401),
        "reply": lambda request: Reply(completion(f"Your key is {request.key}")),
        "cut error": lambda request: Reply({"error": {"message": f"{'x' * 270} {request.key}"}}, 400),
        "escaped error": lambda request: Reply(
            json.dumps({"error": escaped(request)}).replace("|", "\\u").encode(), 400
        ),
        "html": lambda request: Reply(f"<html>{request.key}".encode()),
        "cut html": lambda request: Reply(f"<html>{'x' * 60}{request.key}".encode()),
        "token": lambda request: Reply(completion("B") | {"choices": [token_choice(request.key)]}),
        "reset": lambda request: Reply(b"", action="reset"),
    }
    with serving(replies[echo]) as server, caplog.at_level(logging.DEBUG):
        observer = make_observer("api:m", base_url=server.url, api_key_env="MY_KEY")
        try:
            run(few, observer, tmp_path)
            texts = [repr(rows(tmp_path / "few" / "few_m_session-1.csv"))]
            assert "Your key is Bearer [key]" in texts[0]
        except ObserverError as error:
            assert echo != "reply"
            texts = traceback.format_exception(error)
            while error is not None:
                texts += [str(error), repr(error)]
                error = error.__cause__ or error.__context__  # type: ignore[assignment]
    assert {request.key for request in server.requests} == {f"Bearer {KEY}"}
    assert ("[key]" in "".join(texts)) == (echo != "reset")
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2 and KEY[:6] not in "".join([*texts, *files, repr(observer), *caplog.messages])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"MY_KEY is not set: set it to the key of the service \(export MY_KEY=…\), or"),
        ("  ", "MY_KEY is not set"),
        ("two words", "MY_KEY cannot be a key, because it contains spaces or characters outside ASCII"),
        ("schlüssel", "MY_KEY cannot be a key"),
    ],
)
def test_a_variable_without_a_key(
    few: Experiment, monkeypatch: pytest.MonkeyPatch, value: str | None, message: str
) -> None:
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with serving(Recognizer({})) as server, pytest.raises(ObserverError, match=message):
        answers(server, few, api_key_env="MY_KEY")
    assert server.requests == []


def test_the_key_of_openai_is_sent_to_openai_only(
    few: Experiment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither OPENAI_API_KEY nor a netrc file is used for another server; without the variable, nothing is sent."""
    with pytest.raises(ObserverError, match="the environment variable OPENAI_API_KEY is not set"):
        list(ApiModel("m").observe(iter(few.trials(0))))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {KEY}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        answers(server, few)
    assert {request.key for request in server.requests} == {None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"base_url": "http://me:hunter2@localhost/v1"},
            "base_url contains a user name, a password or a query: expected",
        ),
        ({"base_url": "http://localhost/v1?key=hunter2"}, "base_url contains a user name, a password or a query"),
        (
            {"base_url": "localhost:8000/v1"},
            "base_url is not an HTTP address: expected the address of a server, such as",
        ),
        ({"base_url": "http://localhost:x/v1"}, "base_url is not an HTTP address"),
        ({"base_url": "http://local host/v1"}, "base_url is not an HTTP address"),
        ({"base_url": "ftp://localhost/v1"}, "base_url is not an HTTP address"),
        ({"api_key_env": "sk-hunter2"}, "api_key_env is not the name of an environment variable in capital letters"),
        (
            {"answer": "text"},
            "answer=text compares the probabilities of the texts of all choices, which servers do not",
        ),
        ({"temperature": 3.0}, "temperature must be 0 to 2 or none, got 3.0"),
        ({"timeout": 0.0}, "timeout must be above 0 and up to 86400 seconds, got 0.0"),
        ({"seed": -1}, "seed must be 0 to"),
        ({"max_tokens": -1}, "max_tokens must be 0 to"),
        ({"concurrency": 0}, "concurrency must be 1 to 1000, got 0"),
        ({"top_logprobs": 0}, "top_logprobs must be 1 to 1000, got 0"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ObserverError, match=message) as caught:
        make_observer("api:m", **options)
    assert "hunter2" not in str(caught.value)


def test_a_dry_run_sends_nothing(few: Experiment, tmp_path: Path) -> None:
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        observer = ApiModel("m", base_url=server.url)
        first = list(estimate(few, observer, tmp_path).sentences())
        assert server.requests == [] and not list(tmp_path.iterdir())
        run(few, observer, tmp_path, limit=2)
        n = len(server.requests)
        second = list(estimate(few, observer, tmp_path).sentences())
        run(few, observer, tmp_path)
        third = list(estimate(few, observer, tmp_path).sentences())
    assert n == 3 and len(server.requests) == 6
    assert first[0] == "5 trials" and "no request was sent" in first[1]
    assert first[2].startswith("the first trial has an image of 224 × 224 pixels and a text of ")
    assert first[2].endswith(" characters, and its reply has at most 16 tokens") and "--limit 10" in first[3]
    assert second[0] == "3 trials" and second[3:] == [
        "prompt tokens: 2 logged trials took 600 (300.0 per trial), the remaining trials about 900",
        "reply tokens: 2 logged trials took 4 (2.0 per trial), the remaining trials about 6",
    ]
    assert third == [
        "all trials are already answered",
        "prompt tokens: 5 logged trials took 1,500 (300.0 per trial)",
        "reply tokens: 5 logged trials took 10 (2.0 per trial)",
    ]


def test_the_description(few: Experiment) -> None:
    shown = observers("show", "api:gpt-4o").output
    assert "OPENAI_API_KEY" in shown and "Options that do not change the responses" in shown
    assert "--observer api:qwen2.5vl:7b -o base_url=http://localhost:11434/v1" in observers("show", "api:MODEL").output
    assert make_observer("api:qwen2.5vl:7b", base_url="http://localhost:11434/v1/").name == "qwen2.5vl:7b"


def test_torch_is_not_loaded() -> None:
    code = (
        "import sys; from observers import make_observer\n"
        "make_observer('api:m'); print({'torch', 'transformers', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "set()\n"
