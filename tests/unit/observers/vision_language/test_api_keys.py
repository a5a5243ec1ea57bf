"""The key of a service: it is sent to its own server only, and it is in no file, output or error."""

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from core.errors import ObserverError
from experiments.experiment import Experiment
from experiments.running.session import run
from observers.registry import make_observer
from observers.services import chat_completions
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


def escaped(request: Request) -> str:
    """Return the key of a request with "|" before the code of each character, which stands for \\u in JSON."""
    return "".join(f"|{ord(c):04x}" for c in request.key or "")


def token_choice(key: str | None) -> dict[str, Any]:
    """Return a choice whose most likely first token is the key and lacks a log-probability."""
    return {"message": {"content": "B"}, "logprobs": {"content": [{"top_logprobs": [{"token": key}]}]}}


@pytest.mark.slow
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
