"""Send requests to a server with the chat completions API of OpenAI, and read its replies.

vLLM, llama.cpp, Ollama and LM Studio have the same API (https://platform.openai.com/docs/api-reference/chat). The key of a
service is read from an environment variable when a request is sent. It does not become part of an option, a log or a
message, and if a server repeats it in a reply, it is replaced by KEY_REMOVED as soon as the reply has been read.
"""

import json
import os
import re
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from attrs import define, field, frozen
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from core.errors import ObserverError
from observers.services.completions import Completion, parse_completion
from observers.services.concurrency import TEMPORARY, UnusableReply

OPENAI = "https://api.openai.com/v1"
OPENAI_KEY = "OPENAI_API_KEY"
KEY_REMOVED = "[key]"
MIN_KEY = 8  # characters; shorter keys, such as EMPTY, are not secret and may be words of a reply
MAX_MESSAGE = 300  # characters of a server's message in an error
MAX_BODY = 1 << 24  # bytes of a reply; one with 1,000 log-probabilities for each of 16 tokens has about 2 MB
CHUNK = 1 << 16  # bytes that are read at once
PATIENCE_AT_START = 2.0  # seconds during which a server that has not replied yet may refuse connections
FILTERED = ("content_filter", "content_policy_violation", "moderation_blocked")  # codes of errors about the content
WITHOUT_CREDIT = ("insufficient_quota", "billing_hard_limit_reached")  # codes of status 429 that do not pass by waiting


class RequestRejected(ObserverError):
    """Raised if the server rejects a request for a reason that a retry does not change.

    Args:
        message: The error message.
        server_message: The part of the message that the server wrote.
    """

    def __init__(self, message: str, server_message: str = "") -> None:
        super().__init__(message)
        self.server_message = server_message


class ServiceBusy(requests.HTTPError):
    """Raised for a status that says that the service is busy or has a temporary problem; the request is retried."""

    def __init__(self, response: requests.Response, server_message: str) -> None:
        super().__init__(f"HTTP {response.status_code}", response=response)
        self.server_message = server_message


def check_base_url(instance: object, attribute: Any, value: str) -> None:
    """Raise ObserverError unless `value` is an HTTP address that contains neither a user name, a password nor a query.

    This is an attrs validator. The message does not repeat the address, which may contain a password.
    """
    problem = None
    try:
        parts = urlsplit(value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.port == 0
            or re.search(r"[^!-~]", value)
        ):
            problem = "is not an HTTP address"
        elif "@" in parts.netloc or parts.query or parts.fragment or "?" in value:
            problem = "contains a user name, a password or a query"
    except ValueError:
        problem = "is not an HTTP address"
    if problem:
        raise ObserverError(
            f"base_url {problem}: expected the address of a server, such as http://localhost:8000/v1 or {OPENAI}; put a key "
            f"into an environment variable and name the variable with -o api_key_env=NAME"
        )


def check_variable(instance: object, attribute: Any, value: str | None) -> None:
    """Raise ObserverError unless `value` is None or can be the name of an environment variable.

    This is an attrs validator. The message does not repeat the value, which may be a key.
    """
    if value is not None and not re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", value):
        raise ObserverError(
            f"{attribute.name} is not the name of an environment variable in capital letters, such as {OPENAI_KEY}: put the "
            f"key into a variable, and name the variable here, not the key"
        )


def read_key(variable: str) -> str:
    """Return the key in an environment variable. Raises ObserverError if it is missing, or if it cannot be a key."""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ObserverError(
            f"the environment variable {variable} is not set: set it to the key of the service (export {variable}=…), or "
            f"name another variable with -o api_key_env=NAME; for a local server, use -o base_url=http://localhost:PORT/v1"
        )
    if not re.fullmatch(r"[!-~]+", key):
        raise ObserverError(
            f"the environment variable {variable} cannot be a key, because it contains spaces or characters outside ASCII: "
            f"set it to the key of the service"
        )
    return key


@frozen
class _Authorization(AuthBase):
    """Add the header with the key. Without a variable, no header is added, not even that of a netrc file."""

    variable: str | None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.variable is not None:
            request.headers["Authorization"] = f"Bearer {read_key(self.variable)}"
        return request


class _Session(requests.Session):
    """A session that does not look at redirects, for which requests would read the whole reply, however long it is."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, as for a reply that is not a redirect."""


def open_session(base_url: str, n_connections: int) -> requests.Session:
    """Return a session that keeps connections open and does not store cookies. It must be closed.

    Requests to a server on this computer do not use a proxy.
    """
    session = _Session()
    session.trust_env = urlsplit(base_url).hostname not in ("localhost", "127.0.0.1", "::1")
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=n_connections))
    return session


@define(eq=False)
class ChatClient:
    """A client of one server. Its methods can be called in several threads.

    Attributes:
        base_url: Address of the server without /chat/completions.
        model: Name of the model at the server.
        key_variable: Environment variable with the key; None if the server does not need a key.
        has_replied: Whether the server has replied to a request.
    """

    base_url: str
    model: str
    key_variable: str | None
    has_replied: bool = False
    _first_failure: float | None = field(default=None, init=False)

    def complete(self, session: requests.Session, payload: Mapping[str, Any], timeout: float) -> Completion:
        """Send a request and return the reply.

        Args:
            session: The session from `open_session`.
            payload: The fields of the request other than the model.
            timeout: Seconds to wait for a connection, and for the complete reply.

        Returns:
            The reply. If a content filter rejects the request, the reply has the finish reason content_filter.

        Raises:
            ServiceBusy, requests.RequestException: If the request failed and may succeed later.
            UnusableReply: If the reply is damaged, or has more than MAX_BODY bytes.
            RequestRejected: If the server rejects the request.
            ObserverError: If the key is missing, or if a server that has not replied before cannot be reached.
        """
        deadline = time.monotonic() + timeout
        try:
            with session.post(
                f"{self.base_url}/chat/completions",
                json={"model": self.model, **payload},
                auth=_Authorization(self.key_variable),
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as reply:
                self.has_replied = True
                content = _read_content(reply, deadline)
        except requests.exceptions.InvalidURL:
            raise ObserverError(f"base_url {self.base_url} is not the address of a server: correct it") from None
        except requests.exceptions.InvalidHeader as error:
            raise UnusableReply(f"a reply with a damaged header ({error})") from None
        except (requests.exceptions.SSLError, requests.exceptions.ProxyError):
            raise
        except (requests.ConnectionError, urllib3.exceptions.HTTPError) as error:
            self._check_start()
            raise requests.ConnectionError(f"{self.base_url}: {_reason(error)}") from None
        key = self._key()
        body = _read_json(content, key)
        text = _remove_key(content.decode("utf-8", errors="replace"), key)
        if not reply.ok or 300 <= reply.status_code < 400:
            return self._read_error(reply, body, text)
        if body is None:
            raise UnusableReply(
                f"a reply with the status {reply.status_code} that is not JSON and begins with {text[:80]!r}"
            )
        return parse_completion(body)

    def _key(self) -> str:
        """Return the key that is removed from replies; "" without a key, or if the key is too short to be secret."""
        key = os.environ.get(self.key_variable, "").strip() if self.key_variable is not None else ""
        return key if len(key) >= MIN_KEY else ""

    def _check_start(self) -> None:
        """Raise ObserverError if the server has not replied yet and has refused connections for PATIENCE_AT_START."""
        now = time.monotonic()
        if self._first_failure is None:
            self._first_failure = now
        if not self.has_replied and now - self._first_failure > PATIENCE_AT_START:
            raise ObserverError(
                f"no server answers at {self.base_url}: start the server and wait until its model is loaded, or correct -o "
                f"base_url"
            ) from None

    def _read_error(self, reply: requests.Response, body: Any, text: str) -> Completion:
        """Raise the error for a status other than 200, or return a reply if a content filter rejected the request.

        `body` is the JSON of the reply, or None; `text` is its text.
        """
        status, error = reply.status_code, body.get("error", body) if isinstance(body, dict) else body
        code = str(error.get("code") or "") if isinstance(error, dict) else ""
        message = _message_of(error, text)
        if status == 400 and code in FILTERED:
            return Completion(message, "content_filter")
        if status in TEMPORARY and code not in WITHOUT_CREDIT:
            raise ServiceBusy(reply, message)
        colon = ": " if message else ""
        raise RequestRejected(f"{self._describe(status, code)} (HTTP {status}{colon}{message})", message)

    def _describe(self, status: int, code: str) -> str:
        """Return what a status means and what to do, without the message of the server."""
        key = f"the key in the environment variable {self.key_variable}"
        if status == 401 and self.key_variable is None:
            return (
                f"the server {self.base_url} requires a key: put it into an environment variable and name the variable with "
                f"-o api_key_env=NAME"
            )
        if status == 401:
            return f"the server {self.base_url} does not accept {key}: correct the key, or -o base_url"
        if status == 403:
            subject = key if self.key_variable is not None else "a request without a key"
            return f"the server {self.base_url} does not allow {subject} to use the model {self.model}: use another of them"
        if status == 404:
            return (
                f"the server {self.base_url} does not have the model {self.model}, or its address is wrong: compare the "
                f"name with the list at {self.base_url}/models; the address usually ends with /v1"
            )
        if status == 413:
            return f"the server {self.base_url} does not accept an image of this size: use smaller images"
        if code in WITHOUT_CREDIT:
            return f"the account of {key} does not have credit left: add credit and run the same command again"
        if 300 <= status < 400:
            return f"the server {self.base_url} redirects requests to another address: use that address as -o base_url"
        return (
            f"the server {self.base_url} rejects the request for the model {self.model}: check that the model accepts "
            f"images, and change the option that the server names (temperature may be none, max_tokens 0, logprobs "
            f"false)"
        )


def _reason(error: Exception) -> str:
    """Return why a connection failed, in the words of the operating system."""
    match = re.search(r"\[Errno -?\d+\] ([^'\")]+)", str(error))
    return match[1] if match else "the connection was closed before the reply was complete"


def _read_content(reply: requests.Response, deadline: float) -> bytes:
    """Return the body of a reply, decompressed.

    Raises UnusableReply if it is damaged or too long, and requests.Timeout if it is not complete at the deadline.
    """
    content = bytearray()
    try:
        while part := reply.raw.read1(CHUNK, decode_content=True):
            content += part
            if len(content) > MAX_BODY:
                raise UnusableReply(f"a reply of more than {MAX_BODY >> 20} MiB")
            if time.monotonic() > deadline:
                raise requests.Timeout("the reply was not complete in time, which -o timeout=SECONDS changes")
    except urllib3.exceptions.DecodeError:
        raise UnusableReply("a reply whose compression is damaged") from None
    return bytes(content)


def _read_json(content: bytes, key: str) -> Any:
    """Return the body of a reply as JSON without the key, or None if it is not JSON."""
    try:
        return _remove_key(json.loads(content), key)
    except (ValueError, RecursionError):
        return None


def _remove_key(value: Any, key: str) -> Any:
    """Return a JSON value or a text in which the key, if it occurs, is replaced by KEY_REMOVED."""
    if not key:
        return value
    if isinstance(value, dict):
        return {_remove_key(name, key): _remove_key(part, key) for name, part in value.items()}
    if isinstance(value, list):
        return [_remove_key(part, key) for part in value]
    return value.replace(key, KEY_REMOVED) if isinstance(value, str) else value


def _message_of(error: Any, body: str) -> str:
    """Return the message of an error of the server, or else the body, on one line of up to MAX_MESSAGE characters."""
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or error
    text = error if isinstance(error, str) else json.dumps(error) if error is not None else body[:2000]
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE - 1]}…"
