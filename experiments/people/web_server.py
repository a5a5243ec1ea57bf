"""The HTTP server of `observers serve`, which sends the page of each session and receives the answers.

    GET  /s/<token>/<name>     sends the file with this name from the page of the session
    POST /s/<token>/answer     receives the answer to the current trial (observers.people.answers). Once the answer is in the
                               log, the server replies with status 200 and {"status": "saved" or "already"}. It replies with
                               status 409 if the answer is for another trial.
    POST /s/<token>/record     receives consent or demographics (observers.people.records), with the same replies
    GET  /experimenter?token=  sends the experimenter's page (experiments.people.experimenter_page)

Any client can send anything, so the size and the duration of a request are limited, and no name in a request is used as a
path. Each connection serves one request.
"""

import hmac
import io
import json
import re
import socket
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from core.errors import ObserverError, UserError
from observers.people.answers import AnswerError
from observers.people.site import ANSWER, INDEX, RECORD, Site, content_type

MAX_THREADS = 128  # simultaneous requests; further requests wait
BACKLOG = 1024  # waiting connections
REQUEST_TIMEOUT = 10.0  # seconds within which a request must arrive, and a reply must be sent
# While no thread is free, the server closes connections that have not sent a request within this time, in seconds.
SILENT_SECONDS = 0.5
MAX_BODY = 16 << 10  # bytes; a typical answer has about 700
# If a body exceeds MAX_BODY, up to this number of bytes are read and discarded, so that the client can receive the reply.
MAX_DISCARDED = 1 << 20
EXPERIMENTER_PATH = re.compile(r"/experimenter(?:/([a-z.]+))?\?token=([A-Za-z0-9_-]+)")
SESSION_PATH = re.compile(r"/s/([A-Za-z0-9_-]+)/([^?]*)(?:\?.*)?")
# The style sheet of jsPsych contains its font, and the plugins of jsPsych write style attributes.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address contains the token
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Connection": "close",
}


class HostedSession(Protocol):
    """The interface through which the server uses a session. `WebSession` implements it."""

    @property
    def site(self) -> Site:
        """The files of the session's page."""
        ...

    def handle_answer(self, body: bytes) -> tuple[str, Mapping[str, Any]]:
        """Save an answer and return the outcome, such as "saved" or "conflict", and further fields of the reply.

        Raises AnswerError if the answer is not valid.
        """
        ...

    def handle_record(self, body: bytes) -> tuple[str, Mapping[str, Any]]:
        """Save consent or demographics and return the outcome, as `handle_answer` does."""
        ...


class HostedPage(Protocol):
    """The interface through which the server uses the experimenter's page. `ExperimenterPage` implements it."""

    @property
    def token(self) -> str:
        """The secret part of the address of the page."""
        ...

    @property
    def site(self) -> Site:
        """The files of the page; the page itself has the name ""."""
        ...


class Server(ThreadingHTTPServer):
    """A server that listens as soon as it is created. `handle_request` serves one connection in a separate thread.

    `sessions` maps tokens to sessions, and `page` is the experimenter's page. Raises ObserverError if the server cannot
    listen on the address.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = BACKLOG
    timeout = 0.25  # seconds for which handle_request waits for a connection

    def __init__(
        self,
        host: str,
        port: int,
        sessions: Mapping[str, HostedSession],
        notify: Callable[[str], None],
        page: HostedPage | None = None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sessions, self.notify, self.page = sessions, notify, page
        self._free_threads = threading.BoundedSemaphore(MAX_THREADS)
        # Connections without a complete request, in the order of their start, with their address and time of start.
        self._silent: dict[Any, tuple[str, float]] = {}
        self._silent_lock = threading.Lock()
        self._unstarted: set[Any] = set()  # requests whose thread has not begun
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise ObserverError(
                f"cannot listen on {host}, port {port} ({error.strerror}): use another --host or --port (--port 0 selects a "
                f"free port)"
            ) from None

    def server_bind(self) -> None:
        """Bind the socket without looking up the name of this computer, as HTTPServer would do."""
        socketserver.TCPServer.server_bind(self)

    @property
    def url(self) -> str:
        """The URL of the server, without a path."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if self.address_family == socket.AF_INET6 else f"http://{host!s}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Wait for a free thread, then serve the request in a new one."""
        is_free = self._free_threads.acquire(blocking=False)
        while not is_free:
            self._close_silent_connection()
            is_free = self._free_threads.acquire(timeout=SILENT_SECONDS / 10)
        with self._silent_lock:
            self._silent[request] = client_address[0], time.monotonic()
            self._unstarted.add(request)
        try:
            super().process_request(request, client_address)
        except BaseException:  # a signal can arrive before or after the thread has begun
            self.mark_received(request)
            if self._take(request):
                self._free_threads.release()
            raise

    def _take(self, request: Any) -> bool:
        """Return whether the caller is the first to take a request whose thread has not begun; it then frees the thread."""
        with self._silent_lock:
            is_first = request in self._unstarted
            self._unstarted.discard(request)
        return is_first

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve the request in its thread, then mark the thread as free."""
        if not self._take(request):
            return
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.mark_received(request)
            self._free_threads.release()

    def mark_received(self, request: Any) -> None:
        """Record that a connection has sent its request, so that it is not closed in favor of others."""
        with self._silent_lock:
            self._silent.pop(request, None)

    def _close_silent_connection(self) -> None:
        """Close the oldest silent connection of the address with the most silent connections, if it is old enough."""
        with self._silent_lock:
            n_by_address = Counter(address for address, _ in self._silent.values())
            latest = time.monotonic() - SILENT_SECONDS
            old = {request: address for request, (address, start) in self._silent.items() if start <= latest}
            if old:
                request = max(old, key=lambda request: n_by_address[old[request]])  # the first one of equal ones
                del self._silent[request]
                with suppress(OSError):  # the client has closed it
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of an error, except if the client closed the connection or was too slow."""
        import sys

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Serves one request."""

    server: Server

    def setup(self) -> None:
        """Limit the time for reading the request."""
        super().setup()
        self.rfile = io.BufferedReader(_DeadlineReader(self.connection, time.monotonic() + REQUEST_TIMEOUT))

    def do_GET(self) -> None:
        """Send a file of a session's page."""
        self.server.mark_received(self.connection)
        site, name = self._find_site()
        make_content = site.get(name)
        if make_content is None:
            return self._reply(404, {"error": "this page does not exist"})
        try:
            content = make_content()
        except UserError as error:
            self.server.notify(str(error))
            return self._reply(500, {"error": "this file cannot be shown"})
        # The address of an image contains the token of this session, so the content of an address never changes.
        cache = "private, max-age=86400, immutable" if name.endswith(".png") else "no-store"
        self._send(HTTPStatus.OK, content, content_type(name or INDEX), cache)

    def do_POST(self) -> None:
        """Receive an answer or a record."""
        session, name = self._find_session()
        if session is None or name not in (ANSWER, RECORD):
            return self._reply(404, {"error": "this page does not exist"})
        media_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":  # pages of other origins cannot send this type without permission
            return self._reply(415, {"error": "expected the content type application/json"})
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            return self._reply(411, {"error": "expected a Content-Length"})
        if int(length) > MAX_BODY:
            self.rfile.read(min(int(length), MAX_DISCARDED))
            return self._reply(413, {"error": f"expected at most {MAX_BODY} bytes"})
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return None  # the client closed the connection
        self.server.mark_received(self.connection)
        try:
            outcome, fields = session.handle_answer(body) if name == ANSWER else session.handle_record(body)
        except AnswerError as error:
            return self._reply(400, {"error": str(error)})
        except UserError:  # `serve` reports this error
            outcome, fields = "stopped", {}
        status = {"saved": 200, "already": 200, "conflict": 409, "stopped": 503}[outcome]
        return self._reply(status, {"status": outcome, **fields})

    def _find_site(self) -> tuple[Site, str]:
        """Return the site that the path belongs to, which is empty without a valid token, and the name of the file."""
        match, page = EXPERIMENTER_PATH.fullmatch(self.path), self.server.page
        if match and page is not None and hmac.compare_digest(match[2], page.token):
            return page.site, match[1] or ""
        session, name = self._find_session()
        return ({}, "") if session is None else (session.site, name or INDEX)

    def _find_session(self) -> tuple[HostedSession | None, str]:
        """Return the session whose token is in the path (None if unknown) and the file name after it; ignore a query."""
        match = SESSION_PATH.fullmatch(self.path)
        return (self.server.sessions.get(match[1]), match[2]) if match else (None, "")

    def _reply(self, status: int, message: Mapping[str, Any]) -> None:
        """Send a JSON object."""
        self._send(HTTPStatus(status), json.dumps(message).encode(), "application/json", "no-store")

    def _send(self, status: HTTPStatus, content: bytes, media_type: str, cache: str) -> None:
        self.connection.settimeout(REQUEST_TIMEOUT)
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", media_type)
        self.send_header("Cache-Control", cache)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that http.server does not accept, without repeating any part of it in the reply."""
        self.close_connection = True
        self._reply(405 if code == HTTPStatus.NOT_IMPLEMENTED else code, {"error": HTTPStatus(code).phrase})

    def version_string(self) -> str:
        """Return the value of the Server header, without the version of Python."""
        return "observers"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, because the addresses of participants are personal data."""


class _DeadlineReader(io.RawIOBase):
    """Reads from a connection up to a deadline, so that a slow client cannot occupy a thread for long."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._connection.settimeout(remaining)
        return self._connection.recv_into(buffer)
