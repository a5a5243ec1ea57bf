"""Sessions that are served in a thread, and a client that sends plain HTTP requests."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from experiments.people.web_server import HostedPage, Server
from experiments.people.web_session import WebSession

SCRIPTS = {"jspsych.js": b"// none here", "jspsych.css": b""}
MEASURED = {
    "onset": 3.25, "offset": 3.45, "grid_onset": 3.7, "n_frames": 12, "n_dropped": 0, "frame_rate": 60.0,
    "image_pixels": 119.0, "pixels_per_mm": 3.779528,
}  # fmt: skip
DEVICE = {"browser": "chrome 150", "system": "Linux", "width": 1280, "height": 800, "pixel_ratio": 1}


@frozen
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@frozen
class Client:
    port: int
    token: str

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def get(self, name: str) -> Reply:
        return self.request("GET", f"/s/{self.token}/{name}")

    def post(self, message: Any) -> Reply:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.request("POST", f"/s/{self.token}/answer", body, {"Content-Type": "application/json"})

    def answer(self, trial: int, choice: str | None = "cat", rt: float | None = 0.75, **fields: Any) -> dict[str, Any]:
        """Return the message that the page would post, with some fields replaced."""
        settings = self.get("trials.json").json
        message = {"about": settings["about"], "trial": trial, "choice": choice, "rt": None if choice is None else rt}
        return message | {"measured": MEASURED, "device": DEVICE} | fields


def file_contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def served(
    sessions: Sequence[WebSession], notes: list[str] | None = None, port: int = 0, page: HostedPage | None = None
) -> Iterator[list[Client]]:
    """Serve the sessions in a thread and yield a client for each; the server's notes are appended to `notes`."""
    notify = ([] if notes is None else notes).append
    server = Server("127.0.0.1", port, {session.token: session for session in sessions}, notify, page)
    server.timeout = 0.02
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            server.handle_request()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield [Client(server.server_address[1], session.token) for session in sessions]
    finally:
        stop.set()
        thread.join()
        server.server_close()
        for session in sessions:
            session.close()


def make_session(experiment: Any, out: Path, code: str = "AB12", **options: Any) -> WebSession:
    return WebSession(experiment, code, out, SCRIPTS, **options)
