"""Sessions served in a thread, and a client that speaks plain HTTP."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from experiments.serving import WebSession
from experiments.web_server import Server

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

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def get(self, name: str) -> Reply:
        return self.ask("GET", f"/s/{self.token}/{name}")

    def post(self, said: Any) -> Reply:
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        return self.ask("POST", f"/s/{self.token}/answer", body, {"Content-Type": "application/json"})

    def answer(self, trial: int, choice: str | None = "cat", rt: float | None = 0.75, **other: Any) -> dict[str, Any]:
        """What the page posts."""
        told = self.get("trials.json").json
        said = {"about": told["about"], "trial": trial, "choice": choice, "rt": None if choice is None else rt}
        return said | {"measured": MEASURED, "device": DEVICE} | other


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def served(sessions: Sequence[WebSession], said: list[str] | None = None, port: int = 0) -> Iterator[list[Client]]:
    say = ([] if said is None else said).append
    server = Server("127.0.0.1", port, {session.token: session for session in sessions}, say)
    server.timeout = 0.02
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            server.handle_request()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield [Client(server.server_address[1], session.token) for session in sessions]
    finally:
        done.set()
        thread.join()
        server.server_close()
        for session in sessions:
            session.close()


def session(experiment: Any, out: Path, code: str = "AB12", **options: Any) -> WebSession:
    return WebSession(experiment, code, out, SCRIPTS, **options)
