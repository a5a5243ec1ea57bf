"""Send the requests for several trials to a service at the same time, and retry requests that fail temporarily."""

import logging
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import tenacity
from attrs import define, frozen

from core.errors import ObserverError, UserError
from observers.protocol import Response, Trial
from observers.services.request_threads import RequestThreads

TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504, 529})  # HTTP status codes after which a request is retried
# Exceptions for failed connections, by module. A request that raised one of the second table would fail again.
CONNECTION_ERRORS = {
    "builtins": ("ConnectionError", "TimeoutError"),
    "requests.exceptions": ("ConnectionError", "Timeout", "ChunkedEncodingError"),
    "httpx": ("TransportError",),
    "openai": ("APIConnectionError",),
}
PERMANENT_ERRORS = {"requests.exceptions": ("SSLError", "InvalidSchema"), "httpx": ("UnsupportedProtocol",)}
READ_AHEAD = 2  # number of trials that are read ahead, as a multiple of the number of concurrent requests
MAX_WAIT = 60.0  # seconds between two attempts, unless the service requires a longer wait
WORTH_TELLING = 10.0  # seconds; longer waits are logged as warnings
MAX_UNUSABLE = 4  # number of unusable replies to the requests for a trial after which the run stops


class UnusableReply(Exception):
    """Raised by the function that sends a request if the reply is damaged or incomplete; the request is then retried.

    After MAX_UNUSABLE such replies for a trial, the run stops with an ObserverError. The message says what is wrong.
    """


def respond_concurrently(
    respond: Callable[[Trial], Response],
    trials: Iterable[Trial],
    *,
    n_concurrent: int = 8,
    patience: float = 600.0,
    first_wait: float = 1.0,
) -> Iterator[Response]:
    """Send several requests to a service at the same time, and return the responses in the order of the trials.

    A request is retried with exponential backoff if the connection fails or times out, or if the HTTP status means that the
    service is busy or has a temporary problem (408, 425, 429, 500, 502, 503, 504, 529). The wait before a retry is random,
    and its upper limit doubles with each attempt, from `first_wait` to 60 s ("full jitter", Brooker, "Exponential backoff
    and jitter", AWS Architecture Blog, 2015). If the reply has the header Retry-After, the wait is at least that long.

    Args:
        respond: Function that sends the request for one trial and returns the response. It is called in several threads.
            The HTTP status is read from the attribute `response` of an exception, which has `status_code` and `headers`
            in requests, httpx and openai. If the exception has the attribute `server_message`, error messages contain
            it. If the function raises UnusableReply, the request is retried up to three times. Set a timeout for each
            request, because a call is never interrupted.
        trials: The trials. At most `2 * n_concurrent` trials are read ahead.
        n_concurrent: Number of requests that are in progress at the same time, 1 or more.
        patience: Time in seconds during which the request for a trial is retried.
        first_wait: Upper limit of the first wait in seconds.

    Returns:
        An iterator over the responses. If it is closed early, requests that have not been sent are canceled.

    Raises:
        ObserverError: If a request still fails after `patience` seconds, or if the service refuses it with another HTTP
            status, such as 401. The responses to all earlier trials have been yielded by then, and requests for later
            trials are canceled.
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
    threads = RequestThreads(n_concurrent)
    waiting: deque[tuple[Trial, Future[Response]]] = deque()
    remaining = iter(trials)
    try:
        while True:
            while len(waiting) < READ_AHEAD * n_concurrent and (trial := next(remaining, None)) is not None:
                waiting.append((trial, threads.submit(retrying.copy(), _Attempts(respond), trial)))
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
        threads.stop()


@define
class _Attempts:
    """The attempts to get the response to one trial, which count the unusable replies."""

    respond: Callable[[Trial], Response]
    n_unusable: int = 0

    def __call__(self, trial: Trial) -> Response:
        try:
            return self.respond(trial)
        except UnusableReply as error:
            self.n_unusable += 1
            if self.n_unusable < MAX_UNUSABLE:
                raise
            raise ObserverError(
                f"trial {trial.number} ({trial.stimulus.id}): the service sent {MAX_UNUSABLE} unusable replies, at last "
                f"{error}; check its address and its log, and run the same command again"
            ) from None


def _status(error: BaseException) -> int | None:
    """Return the HTTP status code of an error of requests, httpx or openai; None if it does not have one."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _is_temporary(error: BaseException) -> bool:
    """Return whether the same request may succeed later."""
    if isinstance(error, UnusableReply):
        return True
    if (status := _status(error)) is not None:
        return status in TEMPORARY
    return isinstance(error, _errors(CONNECTION_ERRORS)) and not isinstance(error, _errors(PERMANENT_ERRORS))


def _errors(names: Mapping[str, Sequence[str]]) -> tuple[type[BaseException], ...]:
    """Return the exception classes with these names from the modules that have been imported."""
    loaded = [(sys.modules[module], name) for module in names if module in sys.modules for name in names[module]]
    return tuple(getattr(module, name) for module, name in loaded)


def _describe(error: BaseException) -> str | None:
    """Return a clause that describes a failed request, or None if the error is not that of a request.

    The query string of a URL is omitted, because it may contain a key.
    """
    if isinstance(error, UnusableReply):
        return f"the service sent an unusable reply: {error}"
    if (status := _status(error)) is not None:
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
        verb = "is not available" if status in TEMPORARY else "refused the request"
        message = getattr(error, "server_message", "")
        return f"the service {verb}: HTTP {status} {phrase}".rstrip() + (f" ({message})" if message else "")
    if isinstance(error, _errors(CONNECTION_ERRORS)):
        message = re.sub(r"\?[^\s'\")]*", "?…", str(error))
        return f"the service could not be reached: {type(error).__name__}: {message}"
    return None


@frozen
class _Wait(tenacity.wait.wait_base):
    """The wait before the next attempt in seconds: random, or as long as Retry-After requires if that is longer."""

    first: float

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        seconds = tenacity.wait_random_exponential(multiplier=self.first, max=MAX_WAIT)(retry_state)
        outcome = retry_state.outcome
        error = outcome.exception() if outcome is not None else None
        return max(seconds, _retry_after(getattr(getattr(error, "response", None), "headers", {})))


def _retry_after(headers: Any) -> float:
    """Return the wait in seconds that the header Retry-After gives as a number or a date (RFC 9110, section 10.2.3)."""
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
    """Log a warning before a long wait."""
    seconds = state.next_action.sleep if state.next_action is not None else 0.0
    error = state.outcome.exception() if state.outcome is not None else None
    if seconds >= WORTH_TELLING and error is not None:
        logging.getLogger(__name__).warning("%s; the next attempt is in %.0f s", _describe(error), seconds)
