"""A service on this machine that answers the requests of observers, and fails as its script says."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from attrs import define, field


@define(eq=False)
class LocalService:
    """What the service has seen.

    Attributes:
        script: Function of the trial's name and the number of earlier requests for it. It returns an HTTP status, or 0 to
            close the connection without an answer.
        seconds: Time that an answer takes.
        headers: Headers of answers other than 200.
    """

    script: Callable[[str, int], int] = lambda name, attempt: 200
    seconds: Callable[[str], float] = lambda name: 0.0
    headers: dict[str, str] = field(factory=dict)
    url: str = ""
    requests: Counter[str] = field(factory=Counter)
    times: list[tuple[str, float]] = field(factory=list)
    n_now: int = 0
    n_most: int = 0
    lock: threading.Lock = field(factory=threading.Lock)


@contextmanager
def serving(service: LocalService) -> Iterator[LocalService]:
    """Start the service; its answer to `GET /NAME` is NAME in capital letters."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/").partition("?")[0]
            with service.lock:
                attempt = service.requests[name]
                service.requests[name] += 1
                service.times.append((name, time.monotonic()))
                service.n_now += 1
                service.n_most = max(service.n_most, service.n_now)
            time.sleep(service.seconds(name))
            status = service.script(name, attempt)
            with service.lock:
                service.n_now -= 1
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for key, value in service.headers.items() if status != 200 else ():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(name.upper().encode())

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
