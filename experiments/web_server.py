"""The HTTP side of `observers serve`: pages and images by a table of names, and answers that come in.

    GET  /s/<token>/<name>     what the site of that session has by that name, and nothing else
    POST /s/<token>/answer     an answer to the trial that is asked; see observers.people.answers
                               200 {"status": "saved" or "already"} once it is in the log, 409 for another trial

Anybody may send anything: what is read is bounded in size and time, and no name becomes a path. A connection is one request.
"""

import io
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from observers.people.answers import AnswerError
from observers.people.site import ANSWER, INDEX, Site, content_type
from stimuli.errors import ObserverError, UserError

THREADS = 128  # requests at a time; others wait
BACKLOG = 1024
SECONDS = 10.0  # a request may take to arrive, and a reply to leave
MAX_BODY = 16 << 10  # bytes of an answer; it has about 700
DRAINED = 1 << 20  # of what is too large, read and thrown away so that the refusal is seen
ADDRESS = re.compile(r"/s/([A-Za-z0-9_-]+)/([^?]*)(?:\?.*)?")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)  # jsPsych's style sheet brings its font, and its plugins write style attributes
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the token is in the address
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Connection": "close",
}


class HostedSession(Protocol):
    """A session as the server sees it."""

    @property
    def site(self) -> Site: ...

    def submit(self, body: bytes) -> tuple[str, Mapping[str, Any]]:
        """What became of an answer, and what else to say. Raises AnswerError."""
        ...


class Server(ThreadingHTTPServer):
    """Listens at once; `handle_request` serves one connection, in a thread. Raises ObserverError where it cannot listen."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = BACKLOG
    timeout = 0.25  # seconds that handle_request waits

    def __init__(self, host: str, port: int, sessions: Mapping[str, HostedSession], say: Callable[[str], None]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sessions, self.say = sessions, say
        self._free = threading.BoundedSemaphore(THREADS)
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise ObserverError(
                f"{host}, port {port}: {error.strerror}; take another --port (0 takes a free one) or --host"
            ) from None

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer would look up the name of this machine

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if self.address_family == socket.AF_INET6 else f"http://{host!s}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self._free.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        if not isinstance(sys.exception(), OSError):  # somebody has hung up
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_DeadlineReader(self.connection, time.monotonic() + SECONDS))

    def do_GET(self) -> None:
        session, name = self._found()
        make = session.site.get(name or INDEX) if session else None
        if session is None or make is None:
            return self._reply(404, {"error": "there is nothing here"})
        try:
            content = make()
        except UserError as error:
            self.server.say(str(error))
            return self._reply(500, {"error": "this cannot be shown"})
        # An image belongs to an address that is never used again.
        cache = "private, max-age=86400, immutable" if name.endswith(".png") else "no-store"
        self._send(HTTPStatus.OK, content, content_type(name or INDEX), cache)

    def do_POST(self) -> None:
        session, name = self._found()
        if session is None or name != ANSWER:
            return self._reply(404, {"error": "there is nothing here"})
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # which a page from elsewhere may not send without being allowed to
            return self._reply(415, {"error": "expected application/json"})
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            return self._reply(411, {"error": "expected a Content-Length"})
        if int(length) > MAX_BODY:
            self.rfile.read(min(int(length), DRAINED))
            return self._reply(413, {"error": f"expected at most {MAX_BODY} bytes"})
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return None  # hung up in the middle
        try:
            outcome, more = session.submit(body)
        except AnswerError as error:
            return self._reply(400, {"error": str(error)})
        except UserError:  # `serve` raises it
            outcome, more = "stopped", {}
        status = {"saved": 200, "already": 200, "conflict": 409, "stopped": 503}[outcome]
        return self._reply(status, {"status": outcome, **more})

    def _found(self) -> tuple[HostedSession | None, str]:
        """The session of the token in the address, and the name behind it; a query is nothing."""
        match = ADDRESS.fullmatch(self.path)
        return (self.server.sessions.get(match[1]), match[2]) if match else (None, "")

    def _reply(self, status: int, said: Mapping[str, Any]) -> None:
        self._send(HTTPStatus(status), json.dumps(said).encode(), "application/json", "no-store")

    def _send(self, status: HTTPStatus, content: bytes, kind: str, cache: str) -> None:
        self.connection.settimeout(SECONDS)
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", cache)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server refuses by itself: a method or a request that is none. Nothing that was sent is repeated."""
        self.close_connection = True
        self._reply(405 if code == HTTPStatus.NOT_IMPLEMENTED else code, {"error": HTTPStatus(code).phrase})

    def version_string(self) -> str:
        return "observers"

    def log_message(self, format: str, *args: Any) -> None:
        """Who asked for what is nobody's."""


class _DeadlineReader(io.RawIOBase):
    """A connection that is read up to a time, however slowly it speaks."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self._connection, self._until = connection, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)
