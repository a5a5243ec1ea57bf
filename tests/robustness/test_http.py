"""Hostile requests to `observers serve` cannot read files of the machine, change a log or keep a participant waiting."""

import json
import random
import socket
import string
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.robustness.fork_server import ForkServer
from tests.robustness.inputs import snapshot, write_set
from tests.robustness.outcomes import REFUSED, TRACEBACK, UNEXPLAINED, judge
from tests.robustness.served import answer, start_serving
from tests.robustness.tally import SILENT, Tally, count
from tests.unit.experiments.people.served_sessions import Client

SECRET = b"observers-secret-file"
PATHS = (
    "/", "/s", "/s/", "//", "/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/s/{token}/../../secret.txt",
    "/s/{token}/..%2f..%2fsecret.txt", "/s/{token}/%252e%252e/secret.txt", "/s/{token}/image/../../secret.txt",
    "/s/{token}/app/%2e%2e%2fsecret.txt", "/s/{token}/image/1.png%00", "/s/{token}/\\..\\secret.txt",
    "/s/{token}//etc/passwd",
    "http://127.0.0.1/etc/passwd", "file:///etc/passwd", "*", "/s/{wrong}/", "/s/{wrong}/trials.json",
    "/s/{wrong}/answer",
    "/s/{token}x/trials.json", "/s/{half}/trials.json", "/s/{token}/answer", "/s/{token}/logs/set", "/{long}",
    "/s/{long}/",
    "/s/{token}/image/99999999999999999999.png", "/s/{token}/image/-1.png", "/s/{token}/app/web.py",
        "/s/{token}/?q=1",
)  # fmt: skip
METHODS = (
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PATCH",
    "get",
    "<script>",
    "G" * 5000,
)
HEADERS = (
    "Host: x", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 1e3",
    "Content-Length: ٣",
    "Transfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 7", "Expect: 100-continue",
        "Range: bytes=0-9999999",
    "X: " + "a" * 70_000, "\r\n".join(f"X-{i}: 1" for i in range(300)), "Cookie: \x00\x01", "Host: a\r\n b",
    "no colon",
    "Connection: upgrade\r\nUpgrade: websocket", "Content-Type: multipart/form-data", "If-None-Match: *",
    "Host: \xff",
)  # fmt: skip
BODIES = (
    b"", b"{", b"null", b"[" * 20_000, b'{"a":' * 20_000, b"\xff\xfe\x00", b"1e999", b"NaN", b'"\\ud800"',
    b"0" * 15_000,
    b'{"trial": 1, "trial": 2}', b"x" * 100_000, b'{"__proto__": {"rt": 1}}', b"PK\x03\x04",
        b"<?xml version='1.0'?><a/>",
)  # fmt: skip


def raw_request(rng: random.Random, token: str) -> bytes:
    """Return the bytes of a hostile request; one in five is not HTTP at all."""
    if rng.random() < 0.2:
        return rng.choice([rng.randbytes(rng.randint(1, 3000)), b"\x16\x03\x01\x02\x00\x01", b"\r\n" * 50, b"GET\n\n",
                           b"GET / HTTP/9.9\r\n\r\n", b"A" * 70_000 + b"\r\n\r\n"])  # fmt: skip
    wrong = "".join(rng.choices(string.ascii_letters + string.digits + "-_", k=22))
    path = rng.choice(PATHS).format(token=token, wrong=wrong, half=token[:11], long="a" * 50_000)
    body = rng.choice(BODIES)
    lines = [f"{rng.choice(METHODS)} {path} HTTP/{rng.choice(['1.1', '1.0', '1.1', '2.0', 'x'])}"]
    lines += [*rng.sample(HEADERS, rng.randint(0, 3)), "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes, close the sending side, and return everything that the server replies."""
    reply = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                reply += part
        except TimeoutError:
            raise
        except OSError:
            pass  # the server may close the connection before it has read everything
    return reply


@pytest.fixture
def attacked(server: ForkServer, tmp_path: Path, tally: Tally) -> Iterator[tuple[Client, Path]]:
    """Serve a session, and check at the end that it still works and that the server did not print a traceback."""
    (tmp_path / "secret.txt").write_bytes(SECRET)
    running, client = start_serving(server, write_set(tmp_path / "set", n=12), tmp_path)
    about = client.get("trials.json").json["about"]
    assert client.post(answer(about, 1)).status == 200
    before = snapshot(tmp_path / "logs")
    yield client, tmp_path
    if snapshot(tmp_path / "logs") != before:
        tally.fail(SILENT, "a request has changed the logs")
    start = time.monotonic()
    assert client.post(answer(about, 2)).status == 200
    if time.monotonic() - start > 5:
        tally.fail(SILENT, f"an answer took {time.monotonic() - start:.1f} s")
    running.send(15)
    outcome = running.finish()
    tally.add(judge(outcome, 15), outcome.describe())
    tally.check(at_least=2)


def test_hostile_requests(attacked: tuple[Client, Path], tally: Tally) -> None:
    client, _ = attacked
    for _ in range(count(400, 60)):
        request = raw_request(tally.rng, client.token)
        try:
            reply = exchange(client.port, request)
        except TimeoutError:
            tally.add("hang", f"no reply to {request[:200]!r}")
            continue
        leak = SECRET in reply or b"Traceback" in reply or b"root:" in reply
        case = f"{request[:200]!r}: {reply[:200]!r}"
        if reply.startswith(b"HTTP/1") and b" 200 " in reply[:15]:
            allowed = f"/s/{client.token}/".encode() in request[:200]
            tally.add("right" if allowed and not leak else SILENT, case)
        else:
            tally.add(TRACEBACK if leak else REFUSED, case)


def test_hostile_answers(attacked: tuple[Client, Path], tally: Tally) -> None:
    """Mutations of a correct answer are refused, unless they are equal to the answer."""
    client, _ = attacked
    right = json.dumps(
        answer(client.get("trials.json").json["about"], 1, "dog")
    ).encode()  # trial 1 is answered already
    for _ in range(count(300, 40)):
        body = bytearray(right)
        for _ in range(tally.rng.randint(1, 4)):
            at = tally.rng.randrange(len(body))
            body[at : at + tally.rng.randint(0, 3)] = tally.rng.choice(
                [b"", b"\0", b'"', b"}", b"9" * 40, b"\xff", b"\\u0000", b"-", b"e9", b"null", b"[" * 50]
            )
        reply = client.post(bytes(body))
        acceptable = reply.status in (400, 409, 413) or (reply.status == 200 and b"already" in reply.body)
        tally.add(REFUSED if acceptable else UNEXPLAINED, f"{bytes(body)!r}: {reply.status} {reply.body[:200]!r}")


def test_slow_connections(attacked: tuple[Client, Path], tally: Tally) -> None:
    """Connections that send nothing, or one byte at a time, do not keep a participant waiting."""
    client, _ = attacked
    about = client.get("trials.json").json["about"]
    with ExitStack() as stack:
        for i in range(count(200, 80)):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", client.port), timeout=20))
            if i % 2:
                try:
                    connection.sendall(b"POST /s/")
                except OSError:
                    continue  # the server has closed it already
            if i % 20 == 0:
                start = time.monotonic()
                status = client.post(answer(about, 1)).status  # answered already
                seconds = time.monotonic() - start
                verdict = "right" if status in (200, 409) and seconds < 5 else "hang"
                tally.add(verdict, f"with {i + 1} silent connections: status {status} after {seconds:.1f} s")
