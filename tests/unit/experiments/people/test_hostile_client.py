"""A malicious client must not get other files, change a log or block other clients."""

import json
import socket
import socketserver
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiments import log
from experiments.people import web_server
from tests.unit.experiments.logs import rows
from tests.unit.experiments.people.served_sessions import file_contents, make_session, served

ROOT = Path(__file__).parents[4]


def with_fields(**fields):
    """Return a function that replaces fields of an answer."""
    return lambda answer: json.dumps(answer | fields)


def with_fields_in(name, **fields):
    """Return a function that replaces fields of an object inside an answer."""
    return lambda answer: json.dumps(answer | {name: answer[name] | fields})


def with_text(old, new):
    """Return a function that replaces text in the JSON of an answer."""
    return lambda answer: json.dumps(answer).replace(old, new)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda answer: "{", "not valid JSON"), (lambda answer: "", "not valid JSON"),
        (lambda answer: "[" * 10_000, "not valid JSON"), (lambda answer: b"\xff\xfe{}", "not valid JSON"),
        (lambda answer: "null", "exactly the fields"), (lambda answer: "[]", "exactly the fields"),
        (lambda answer: json.dumps({"rt": 1}), "exactly the fields"), (with_fields(evil=1), "exactly the fields"),
        (lambda answer: json.dumps(answer)[:-1] + ', "trial": 2}', "a field occurs twice"),
        (with_text("0.75", "NaN"), "NaN is not a valid number"),
        (with_text("0.75", "-Infinity"), "not a valid number"),
        (with_text("0.75", "1e999"), "rt must be a number from 0"),
        (with_text("0.75", "9" * 5000), "not valid JSON"),
        (with_text("0.75", "9" * 400), "rt must be a number from 0"),
        (with_fields(rt=-0.1), "rt must be a number from 0"), (with_fields(rt="0.75"), "rt must be a number"),
        (with_fields(rt=True), "rt must be a number"), (with_fields(rt=2.6), "shown for 1.5 seconds"),
        (with_fields(rt=None), "both be given or both be null"), (with_fields(choice=None), "both be given or both be null"),
        (with_fields(choice="axolotl"), "not one of the choices"), (with_fields(choice=["cat"]), "choice must be a text"),
        (with_fields(choice="cat\n"), "choice must be a text"), (with_fields(choice="c" * 2000), "choice must be a text"),
        (with_fields(trial=1.0), "trial must be an integer"), (with_fields(trial=True), "trial must be an integer"),
        (with_fields(trial=-1), "trial must be an integer"), (with_fields(trial=10**30), "trial must be an integer"),
        (with_fields(measured={}), "measured must be an object with exactly"),
        (with_fields_in("measured", onset=None), "onset must be a number"),
        (with_fields_in("measured", onset=4), "the times are out of order"),
        (with_fields_in("measured", n_frames=1e300), "n_frames must be a number"),
        (with_fields_in("measured", evil=1), "measured must be an object with exactly"),
        (with_fields_in("device", browser="x" * 100), "browser must be a text"),
        (with_fields_in("device", system="<script>"), "system must be a text"),
        (with_fields_in("device", width=-1), "width must be an integer"),
        (with_fields_in("about", participant="CD34"), "another session: these fields differ: participant"),
        (with_fields_in("about", session=2), "another session: these fields differ: session"),
        (with_fields_in("about", format=2), "format 2"), (with_fields_in("about", order="0"), "differ: order"),
        (with_fields_in("about", distance_cm=1), "differ: distance_cm"),
    ],
)  # fmt: skip
def test_invalid_answer_is_refused_and_changes_nothing(client, tmp_path, spoil, message):
    before = file_contents(tmp_path)
    body = spoil(client.answer(1))
    reply = client.post(body if isinstance(body, bytes) else body.encode())
    assert reply.status == 400 and message in reply.json["error"]
    assert file_contents(tmp_path) == before
    assert client.post(client.answer(1)).status == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "image/../trials.json", "image/1.png/", "image/01.png", "image/6.png",
     "image/", "app/", "app/../index.html", "app/%2e%2e/web.py", "/etc/passwd", "image/1.png%00.js", "image//1.png",
     "image\\1.png", "answer", "icon/17.png", "app/index.html", "mask/-1.png", "s/x", "%s" % ("a" * 60_000)],
)  # fmt: skip
def test_unknown_name_is_not_found(client, name):
    reply = client.get(name)
    assert reply.status == 404 and reply.json == {"error": "this page does not exist"}


@pytest.mark.parametrize("path", ["/", "/s", "/s/", "/s/wrong/", "/s/wrong/trials.json", "/favicon.ico", "//s/x/", "*"])
def test_nothing_is_found_without_the_token(client, path):
    assert client.request("GET", path).status == 404
    assert client.request("POST", path, b"{}", {"Content-Type": "application/json"}).status == 404
    assert client.request("GET", f"/s/{client.token}").status == 404
    assert client.request("GET", f"/s/{client.token.lower()}x/").status == 404


def test_malformed_requests_are_refused(client, tmp_path):
    before, json_type = file_contents(tmp_path), {"Content-Type": "application/json"}
    path = f"/s/{client.token}/answer"
    assert client.post(b"x" * 20_000).status == 413
    assert client.post(b"x" * 3_000_000).status == 413
    assert client.request("POST", path, b"{}", {"Content-Type": "text/plain"}).status == 415
    for length in ("-1", "1e3", "", "٣", "9" * 30):
        assert client.request("POST", path, None, json_type | {"Content-Length": length.encode()}).status == 411
    for method in ("PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "EVIL"):
        reply = client.request(method, f"/s/{client.token}/")
        assert reply.status == 405 and b"EVIL" not in reply.body
    for raw in (b"\x16\x03\x01\x02\x00\x01\n\n", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"A" * 70_000 + b"\r\n"):
        with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
            connection.sendall(raw)
            assert b"Python" not in connection.recv(1000)
    assert file_contents(tmp_path) == before
    assert client.post(client.answer(1)).status == 200


def test_replies_do_not_reveal_the_machine(client, tmp_path):
    for name in ("", "trials.json", "image/1.png", "app/trial.js", "nowhere"):
        reply = client.get(name)
        assert reply.headers["server"] == "observers"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "unsafe-eval" not in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        for secret in (socket.gethostname(), str(tmp_path), "Python", str(ROOT)):
            assert secret not in str(reply.headers)
    assert client.get("").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("app/trial.js").headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.slow
def test_server_survives_a_thousand_simultaneous_requests(client, tmp_path):
    before = file_contents(tmp_path)
    first = client.answer(1)

    def send(i):
        return (client.get("trials.json") if i % 2 else client.post({"junk": i})).status

    with ThreadPoolExecutor(250) as pool:
        assert set(pool.map(send, range(1000))) == {200, 400}
    assert threading.active_count() < web_server.MAX_THREADS
    assert file_contents(tmp_path) == before
    assert client.post(first).status == 200


def test_idle_and_slow_connections_are_closed(client, monkeypatch):
    monkeypatch.setattr(web_server, "REQUEST_TIMEOUT", 1.0)
    idle = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(web_server.MAX_THREADS + 40)]
    try:
        slow = idle[0]
        for letter in b"GET /":  # each byte arrives in time, but the request as a whole does not
            time.sleep(0.05)
            slow.send(bytes([letter]))
        assert client.post(client.answer(1)).status == 200
        slow.settimeout(5)
        assert slow.recv(10) == b""
    finally:
        for connection in idle:
            connection.close()


def test_silent_connections_do_not_make_others_wait(client):
    """Twice as many silent connections as there are threads, all from one address, and none has reached its timeout."""
    silent = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(2 * web_server.MAX_THREADS)]
    try:
        start = time.monotonic()
        assert client.post(client.answer(1)).status == 200
        assert time.monotonic() - start < web_server.REQUEST_TIMEOUT / 2
    finally:
        for connection in silent:
            connection.close()


def test_signal_after_a_thread_has_begun_frees_the_thread_once(monkeypatch):
    served_requests = []

    def start_and_interrupt(server, request, address):
        thread = threading.Thread(target=server.process_request_thread, args=(request, address))
        thread.start()
        thread.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(socketserver.ThreadingMixIn, "process_request", start_and_interrupt)
    monkeypatch.setattr(
        socketserver.ThreadingMixIn,
        "process_request_thread",
        lambda server, request, address: served_requests.append(request),
    )
    server = web_server.Server("127.0.0.1", 0, {}, print)
    try:
        with pytest.raises(KeyboardInterrupt):
            server.process_request("request", ("127.0.0.1", 1))
        assert served_requests == ["request"]
        assert all(server._free_threads.acquire(blocking=False) for _ in range(web_server.MAX_THREADS))
    finally:
        server.server_close()


def test_token_is_valid_for_its_own_session_only(few, tmp_path):
    sessions = [make_session(few, tmp_path, code) for code in ("AB12", "CD34")]
    with served(sessions) as [first, second]:
        for session in sessions:
            session.start()
        assert first.post(second.answer(1)).status == 400
        assert first.post(first.answer(1)).status == 200
        assert second.get("trials.json").json["next"] == 1
    assert len(rows(log.log_path(tmp_path, "few", "AB12", 1))) == 1
    assert rows(log.log_path(tmp_path, "few", "CD34", 1)) == []
