"""A server on this machine with the chat completions API, which answers and fails as its script says."""

import base64
import csv
import hashlib
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field, frozen
from PIL import Image

from experiments.experiment import Experiment
from observers.protocol import Response
from observers.vision_language.api import ApiModel
from stimuli.stimulus import Stimulus


@frozen
class Reply:
    """What the server sends: a status, a body, and headers.

    Attributes:
        body: JSON, or bytes that are sent as they are.
        action: "" for a complete reply, "reset" to close the connection instead, "truncate" to send half of the body, or
            "drip" to send a byte every 0.05 s.
        seconds: Time before the reply.
    """

    body: Any
    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    action: str = ""
    seconds: float = 0.0


@frozen
class Request:
    """A request as a script sees it.

    Attributes:
        body: The JSON of the request.
        attempt: Number of earlier requests with the same JSON.
        number: Number of earlier requests.
        key: The header Authorization.
    """

    body: dict[str, Any]
    attempt: int
    number: int
    key: str | None

    @property
    def text(self) -> str:
        """The text of the message."""
        content = self.body["messages"][0]["content"]
        return content if isinstance(content, str) else content[1]["text"]

    @property
    def png(self) -> bytes:
        """The image of the message; empty for a message without an image."""
        content = self.body["messages"][0]["content"]
        return b"" if isinstance(content, str) else base64.b64decode(content[0]["image_url"]["url"].partition(",")[2])

    @property
    def options(self) -> dict[str, str]:
        """The lettered options of the question: option -> letter."""
        return {option: letter for letter, option in re.findall(r"^([A-Z])\. (.+)$", self.text, re.MULTILINE)}


def digest(pixels: np.ndarray) -> str:
    """Return a digest of the pixels of an image."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def pixels_of(request: Request) -> np.ndarray:
    """Return the image of a request."""
    return np.asarray(Image.open(io.BytesIO(request.png)))


def completion(
    text: str | None, tokens: Sequence[tuple[str, float]] | None = None, finish_reason: str = "stop", **message: Any
) -> dict[str, Any]:
    """Return the JSON of a reply whose first token has these alternatives, with their log-probabilities."""
    top = [{"token": token, "logprob": value, "bytes": None} for token, value in tokens or ()]
    logprobs = (
        None if tokens is None else {"content": [{"token": top[0]["token"], "logprob": 0.0, "top_logprobs": top}]}
    )
    return {
        "id": "1", "object": "chat.completion", "model": "model-2026-01-01", "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text, **message},
                     "finish_reason": finish_reason, "logprobs": logprobs}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 2, "total_tokens": 302},
    }  # fmt: skip


@define
class Recognizer:
    """A model that knows the category of every image; its first token has the log-probability of its letter."""

    categories: dict[str, str]
    logprobs: bool = True

    @classmethod
    def of(cls, stimuli: Sequence[Stimulus], logprobs: bool = True) -> "Recognizer":
        return cls({digest(s.pixels()): s.category for s in stimuli}, logprobs)

    def __call__(self, request: Request) -> Reply:
        tokens = None
        letter = request.options[self.categories[digest(pixels_of(request))]] if request.png else "A"
        if request.body.get("logprobs") and self.logprobs:
            others = [other for other in "ABCDEFGHIJKLMNOP" if other != letter]
            tokens = [(letter, -0.1), *((other, -3.0 - i) for i, other in enumerate(others))]
        return Reply(completion(letter, tokens))


@define(eq=False)
class ChatServer:
    """The server and what it has received."""

    script: Callable[[Request], Reply]
    url: str = ""
    requests: list[Request] = field(factory=list)
    times: list[float] = field(factory=list)
    seen: Counter[str] = field(factory=Counter)
    n_now: int = 0
    n_most: int = 0
    lock: threading.Lock = field(factory=threading.Lock)

    @property
    def n_images(self) -> int:
        """The number of requests with an image."""
        return sum(bool(request.png) for request in self.requests)


@contextmanager
def serving(script: Callable[[Request], Reply]) -> Iterator[ChatServer]:
    """Start a server at an address of this machine."""
    chat = ChatServer(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            with chat.lock:
                request = Request(
                    json.loads(content), chat.seen[content.decode()], len(chat.requests), self.headers["Authorization"]
                )
                chat.seen[content.decode()] += 1
                chat.requests.append(request)
                chat.times.append(time.monotonic())
                chat.n_now += 1
                chat.n_most = max(chat.n_most, chat.n_now)
            reply = chat.script(request) if self.path == "/v1/chat/completions" else Reply(b"<html>", 404)
            time.sleep(reply.seconds)
            with chat.lock:
                chat.n_now -= 1
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            if reply.action == "reset":
                self.close_connection = True
                return
            self.send_response(reply.status)
            for key, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if reply.action == "drip":
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
                return
            self.wfile.write(body[: len(body) // 2] if reply.action == "truncate" else body)
            self.close_connection = reply.action == "truncate" or self.close_connection

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            pass  # clients close connections early

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    chat.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()


def answers(server: ChatServer, experiment: Experiment, **options: Any) -> list[Response]:
    """Return the responses of an observer that uses the server to all trials of an experiment."""
    observer = ApiModel("test/model", base_url=server.url, **options)
    return list(observer.observe(iter(experiment.trials(0))))


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a log."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
