"""Ask a service for the responses to several trials at the same time, and repeat requests that failed for the moment."""

import logging
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import tenacity
from attrs import frozen

from core.errors import ObserverError, UserError
from observers.protocol import Response, Trial

TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504, 529})  # HTTP status codes after which a request is repeated
READ_AHEAD = 2  # trials in progress or waiting for their turn, relative to the number of concurrent requests
MAX_WAIT = 60.0  # seconds between two attempts, unless the service asks for more
WORTH_TELLING = 10.0  # seconds; the user is told about longer waits


def respond_concurrently(
    respond: Callable[[Trial], Response],
    trials: Iterable[Trial],
    *,
    n_concurrent: int = 8,
    patience: float = 600.0,
    first_wait: float = 1.0,
) -> Iterator[Response]:
    """Return the responses to trials in the order of the trials, while several requests are in progress.

    A request is repeated if the connection fails or times out, and if the service answers with an HTTP status that means
    that it is busy or has a temporary problem (408, 425, 429, 500, 502, 503, 504, 529). The waiting time is random, and its
    upper limit doubles with each attempt, from `first_wait` to one minute ("full jitter", Brooker, "Exponential backoff
    and jitter", AWS Architecture Blog, 2015). It is at least as long as the header Retry-After of the service asks for.

    Args:
        respond: Function that sends the request for one trial and returns the response. It is called in several threads.
            An error of the client is recognized by the attribute `response` with `status_code` and `headers`, which the
            errors of requests, httpx and openai have. Set a timeout for each request, because a call is never ended.
        trials: The trials. At most twice `n_concurrent` trials are read ahead.
        n_concurrent: Number of requests that are in progress at the same time, 1 or more.
        patience: Seconds for which the request of a trial is repeated.
        first_wait: Upper limit of the first waiting time in seconds.

    Returns:
        An iterator over the responses. If it is closed early, requests that have not been sent are given up.

    Raises:
        ObserverError: If a request still fails after `patience` seconds, or if the service refuses it with another HTTP
            status, such as 401. The responses to the trials before have been yielded then, and the following ones are
            given up.
        ValueError: If `n_concurrent` is below 1.

    Example:
        >>> class Service:
        ...     name, kind = "my-service", "discriminative"
        ...     def observe(self, trials):
        ...         return respond_concurrently(self.ask, trials, n_concurrent=16)
        ...     def ask(self, trial):
        ...         reply = requests.post(URL, data=trial.stimulus.path.read_bytes(), timeout=60)
        ...         reply.raise_for_status()
        ...         return Response(reply.json()["choice"])
    """
    if n_concurrent < 1:
        raise ValueError(f"n_concurrent must be 1 or more, got {n_concurrent}")
    return _respond(respond, trials, n_concurrent, patience, first_wait)


def _respond(
    respond: Callable[[Trial], Response], trials: Iterable[Trial], n_concurrent: int, patience: float, first_wait: float
) -> Iterator[Response]:
    stopped = threading.Event()
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_temporary),
        wait=_Wait(first_wait),
        stop=tenacity.stop_any(tenacity.stop_before_delay(patience), tenacity.stop_when_event_set(stopped)),
        sleep=tenacity.sleep_using_event(stopped),
        before_sleep=_tell,
        reraise=True,
    )
    pool = ThreadPoolExecutor(n_concurrent, thread_name_prefix="service")
    waiting: deque[tuple[Trial, Future[Response]]] = deque()
    remaining = iter(trials)
    try:
        while True:
            while len(waiting) < READ_AHEAD * n_concurrent and (trial := next(remaining, None)) is not None:
                waiting.append((trial, pool.submit(retrying.copy(), respond, trial)))
            if not waiting:
                return
            trial, future = waiting.popleft()
            try:
                response = future.result()
            except UserError:
                raise
            except Exception as error:
                if (reason := _describe(error)) is None:
                    raise  # an error in the code of the observer
                advice = (
                    "run the same command again later" if _is_temporary(error) else "check its address, key and model"
                )
                raise ObserverError(f"trial {trial.number} ({trial.stimulus.id}): {reason}; {advice}") from error
            yield response
    finally:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of the response that an error of requests, httpx or openai holds."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _is_temporary(error: BaseException) -> bool:
    """Return whether the same request may succeed later."""
    if (status := _status(error)) is not None:
        return status in TEMPORARY
    return isinstance(error, _connection_errors())


def _connection_errors() -> tuple[type[BaseException], ...]:
    """Return the classes of errors of connections: those of Python, and those of the HTTP clients that are loaded."""
    names = {
        "requests": ("ConnectionError", "Timeout"),
        "httpx": ("TransportError",),
        "openai": ("APIConnectionError",),
    }
    loaded = [(sys.modules[module], name) for module, names in names.items() if module in sys.modules for name in names]
    return ConnectionError, TimeoutError, *(getattr(module, name) for module, name in loaded)


def _describe(error: BaseException) -> str | None:
    """Return what went wrong with a request, or None if the error is of another kind.

    The query of the address is left out, because it may contain a key.
    """
    if (status := _status(error)) is not None:
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
        verb = "is not available" if status in TEMPORARY else "refused the request"
        return f"the service {verb}: HTTP {status} {phrase}".rstrip()
    if isinstance(error, _connection_errors()):
        message = re.sub(r"\?[^\s'\")]*", "?…", str(error))
        return f"the service could not be reached: {type(error).__name__}: {message}"
    return None


@frozen
class _Wait(tenacity.wait.wait_base):
    """The time until the next attempt: a random time, or longer if the service asks for it."""

    first: float

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        seconds = tenacity.wait_random_exponential(multiplier=self.first, max=MAX_WAIT)(retry_state)
        outcome = retry_state.outcome
        error = outcome.exception() if outcome is not None else None
        return max(seconds, _retry_after(getattr(getattr(error, "response", None), "headers", {})))


def _retry_after(headers: Any) -> float:
    """Return the seconds that the header Retry-After asks for, given as a number or as a date (RFC 9110, section 10.2.3)."""
    text = str(headers.get("retry-after", headers.get("Retry-After", ""))).strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _tell(state: tenacity.RetryCallState) -> None:
    """Tell the user about a long wait."""
    seconds = state.next_action.sleep if state.next_action is not None else 0.0
    error = state.outcome.exception() if state.outcome is not None else None
    if seconds >= WORTH_TELLING and error is not None:
        logging.getLogger(__name__).warning("%s; the next attempt is in %.0f s", _describe(error), seconds)
