"""Requests to a real service on this machine: order, number at the same time, attempts, waiting times and errors."""

import itertools
import logging
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import requests

from core.errors import ObserverError, UserError
from observers import UnusableReply, respond_concurrently
from observers.protocol import Presentation, Response, Trial
from observers.services import concurrency
from stimuli.stimulus import Stimulus
from tests.unit.observers.services.local_service import LocalService, serving


def trials(n: int) -> list[Trial]:
    return [
        Trial(i, 1, Stimulus(f"t{i}", Path("x.png"), "cat"), ("cat", "dog"), Presentation()) for i in range(1, n + 1)
    ]


def ask(service: LocalService, timeout: float = 5) -> Callable[[Trial], Response]:
    def respond(trial: Trial) -> Response:
        reply = requests.get(f"{service.url}/{trial.stimulus.id}?key=secret", timeout=timeout)
        reply.raise_for_status()
        assert reply.text == trial.stimulus.id.upper()
        return Response("cat", rt=float(trial.number))

    return respond


def numbers(responses: Iterator[Response]) -> list[float | None]:
    return [response.rt for response in responses]


def test_responses_are_in_order_and_requests_overlap() -> None:
    times = {f"t{i}": random.Random(i).choice([0.0, 0.02, 0.1]) for i in range(1, 61)}
    with serving(LocalService(seconds=times.__getitem__)) as service:
        start = time.monotonic()
        answered = numbers(respond_concurrently(ask(service), trials(60), n_concurrent=8))
    assert answered == list(range(1, 61))
    assert service.requests == dict.fromkeys(times, 1)
    assert 3 <= service.n_most <= 8
    assert time.monotonic() - start < sum(times.values())


def test_one_request_at_a_time() -> None:
    with serving(LocalService(seconds=lambda name: 0.01)) as service:
        assert numbers(respond_concurrently(ask(service), trials(5), n_concurrent=1)) == [1, 2, 3, 4, 5]
    assert service.n_most == 1


def test_only_a_few_trials_are_read_ahead() -> None:
    read: list[int] = []
    source = (read.append(trial.number) or trial for trial in trials(100))
    with serving(LocalService()) as service:
        responses = respond_concurrently(ask(service), source, n_concurrent=3)
        assert read == []
        next(responses)
        assert len(read) == 6
        responses.close()  # type: ignore[attr-defined]
    assert sum(service.requests.values()) <= 6


@pytest.mark.parametrize("status", [0, 408, 429, 500, 503])
def test_temporary_problems_are_repeated(status: int) -> None:
    service = LocalService(script=lambda name, attempt: status if attempt < int(name[1:]) % 3 else 200)
    with serving(service):
        answered = numbers(respond_concurrently(ask(service), trials(12), n_concurrent=4, first_wait=0.02))
    assert answered == list(range(1, 13))
    assert service.requests == {f"t{i}": i % 3 + 1 for i in range(1, 13)}


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_slow_answers_are_asked_for_again(library: str) -> None:
    client = pytest.importorskip(library).get
    first = itertools.count()
    service = LocalService(seconds=lambda name: 1.0 if next(first) == 0 else 0.0)

    def respond(trial: Trial) -> Response:
        client(f"{service.url}/{trial.stimulus.id}", timeout=0.3).raise_for_status()
        return Response("cat")

    with serving(service):
        assert len(list(respond_concurrently(respond, trials(1), first_wait=0.01))) == 1
    assert service.requests["t1"] == 2


@pytest.mark.parametrize(
    "header", ["0.5", lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)]
)
def test_the_service_decides_how_long_to_wait(header: str | Callable[[], str]) -> None:
    value = header if isinstance(header, str) else header()
    service = LocalService(script=lambda name, attempt: 429 if attempt == 0 else 200, headers={"Retry-After": value})
    with serving(service):
        assert numbers(respond_concurrently(ask(service), trials(1), first_wait=0.001)) == [1]
    (_, first), (_, second) = service.times
    assert second - first >= 0.5


@pytest.mark.parametrize("value", ["soon", "nan", "-3", ""])
def test_a_header_that_is_wrong_is_ignored(value: str) -> None:
    service = LocalService(script=lambda name, attempt: 429 if attempt == 0 else 200, headers={"Retry-After": value})
    with serving(service):
        assert numbers(respond_concurrently(ask(service), trials(1), first_wait=0.001)) == [1]


def test_a_long_wait_is_told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "WORTH_TELLING", 0.3)
    status = iter([429, 503, 200])
    service = LocalService(script=lambda name, attempt: next(status), headers={"Retry-After": "0.4"})
    with serving(service), caplog.at_level(logging.WARNING):
        assert numbers(respond_concurrently(ask(service), trials(1), first_wait=0.01)) == [1]
    assert caplog.messages == [
        "the service is not available: HTTP 429 Too Many Requests; the next attempt is in 0 s",
        "the service is not available: HTTP 503 Service Unavailable; the next attempt is in 0 s",
    ]


def test_a_service_that_stays_away() -> None:
    service = LocalService(script=lambda name, attempt: 503 if name == "t3" else 200)
    with serving(service):
        responses = respond_concurrently(ask(service), trials(40), n_concurrent=2, patience=0.2, first_wait=0.02)
        assert [next(responses).rt, next(responses).rt] == [1, 2]
        with pytest.raises(ObserverError) as caught:
            next(responses)
    assert service.requests["t3"] > 1
    assert str(caught.value) == (
        "trial 3 (t3): the service is not available: HTTP 503 Service Unavailable; run the same command again later"
    )
    assert len(service.requests) <= 7


def test_a_wait_longer_than_our_patience_is_not_waited_for() -> None:
    service = LocalService(script=lambda name, attempt: 429, headers={"Retry-After": "inf"})
    with serving(service), pytest.raises(ObserverError, match="HTTP 429 Too Many Requests"):
        list(respond_concurrently(ask(service), trials(1), patience=5))
    assert service.requests["t1"] == 1


def test_refused_requests_are_not_repeated() -> None:
    service = LocalService(script=lambda name, attempt: 401)
    with serving(service), pytest.raises(ObserverError, match="refused the request: HTTP 401 Unauthorized; check"):
        list(respond_concurrently(ask(service), trials(3), n_concurrent=1))
    assert service.requests["t1"] == 1


def test_a_service_that_is_not_there_and_its_key() -> None:
    with serving(LocalService()) as service:
        pass
    with pytest.raises(ObserverError, match="could not be reached: ConnectionError") as caught:
        list(respond_concurrently(ask(service), trials(1), patience=0.1, first_wait=0.01))
    assert "secret" not in str(caught.value) and "run the same command again later" in str(caught.value)


def unusable(n_times: int, attempts: dict[int, int]) -> Callable[[Trial], Response]:
    def respond(trial: Trial) -> Response:
        attempts[trial.number] = attempts.get(trial.number, 0) + 1
        if attempts[trial.number] <= n_times:
            raise UnusableReply("half a sentence")
        return Response("cat", rt=float(trial.number))

    return respond


def test_unusable_replies_are_retried_a_few_times() -> None:
    attempts: dict[int, int] = {}
    responses = respond_concurrently(unusable(3, attempts), trials(9), n_concurrent=3, first_wait=0.001)
    assert numbers(responses) == list(range(1, 10)) and set(attempts.values()) == {4}
    attempts.clear()
    with pytest.raises(ObserverError) as caught:
        list(respond_concurrently(unusable(9, attempts), trials(1), first_wait=0.001))
    assert attempts == {1: 4} and str(caught.value) == (
        "trial 1 (t1): the service sent 4 unusable replies, at last half a sentence; check its address and its log, and run "
        "the same command again"
    )
    with pytest.raises(
        ObserverError, match="the service sent an unusable reply: half a sentence; run the same command"
    ):
        list(respond_concurrently(unusable(9, {}), trials(1), patience=0, first_wait=0.001))


def test_other_errors_are_not_hidden() -> None:
    def wrong(trial: Trial) -> Response:
        raise KeyError("choice")

    def refuse(trial: Trial) -> Response:
        raise UserError("no key")

    with pytest.raises(KeyError, match="choice"):
        list(respond_concurrently(wrong, trials(1)))
    with pytest.raises(UserError, match="no key"):
        list(respond_concurrently(refuse, trials(1)))
    with pytest.raises(ValueError, match="n_concurrent must be 1 or more, got 0"):
        respond_concurrently(wrong, trials(1), n_concurrent=0)


def test_no_trials() -> None:
    assert list(respond_concurrently(lambda trial: Response("cat"), [])) == []
