"""A client that sends what no page would: it gets nothing, changes nothing and stops nobody."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiments import log, web_server
from tests.experiments.logs import rows
from tests.experiments.serving_sessions import files, served, session

ROOT = Path(__file__).parents[2]


def changed(**parts):
    return lambda said: json.dumps(said | parts)


def part(name, **values):
    return lambda said: json.dumps(said | {name: said[name] | values})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda said: "{", "no JSON"), (lambda said: "", "no JSON"), (lambda said: "[" * 10_000, "no JSON"),
        (lambda said: b"\xff\xfe{}", "no JSON"), (lambda said: "null", "exactly the fields"), (lambda said: "[]", "exactly"),
        (lambda said: json.dumps({"rt": 1}), "exactly the fields"), (changed(evil=1), "exactly the fields"),
        (lambda said: json.dumps(said)[:-1] + ', "trial": 2}', "there twice"),
        (lambda said: json.dumps(said).replace("0.75", "NaN"), "NaN is no number"),
        (lambda said: json.dumps(said).replace("0.75", "-Infinity"), "no number"),
        (lambda said: json.dumps(said).replace("0.75", "1e999"), "rt must be a number from 0"),
        (lambda said: json.dumps(said).replace("0.75", "9" * 5000), "no JSON"),
        (lambda said: json.dumps(said).replace("0.75", "9" * 400), "rt must be a number from 0"),
        (changed(rt=-0.1), "rt must be a number from 0"), (changed(rt="0.75"), "rt must"), (changed(rt=True), "rt must"),
        (changed(rt=2.6), "shown for 1.5 seconds"), (changed(rt=None), "come together"), (changed(choice=None), "together"),
        (changed(choice="axolotl"), "none of the trial's"), (changed(choice=["cat"]), "choice must be a text"),
        (changed(choice="cat\n"), "choice must be a text"), (changed(choice="c" * 2000), "choice must be a text"),
        (changed(trial=1.0), "trial must be a whole"), (changed(trial=True), "trial must"), (changed(trial=-1), "whole"),
        (changed(trial=10**30), "trial must be a whole"), (changed(measured={}), "measured must have exactly"),
        (part("measured", onset=None), "onset must be a number"), (part("measured", onset=4), "an image appears before"),
        (part("measured", n_frames=1e300), "n_frames must be a number"), (part("measured", evil=1), "measured must have"),
        (part("device", browser="x" * 100), "browser must be"), (part("device", system="<script>"), "system must be"),
        (part("device", width=-1), "width must"), (part("about", participant="CD34"), "another session: participant"),
        (part("about", session=2), "another session: session"), (part("about", format=2), "format 2"),
        (part("about", order="0"), "order differ"), (part("about", distance_cm=1), "distance_cm differ"),
    ],
)  # fmt: skip
def test_what_is_no_answer_changes_nothing(client, tmp_path, spoil, why):
    before = files(tmp_path)
    said = spoil(client.answer(1))
    reply = client.post(said if isinstance(said, bytes) else said.encode())
    assert reply.status == 400 and why in reply.json["error"]
    assert files(tmp_path) == before
    assert client.post(client.answer(1)).status == 200


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "image/../trials.json", "image/1.png/", "image/01.png", "image/6.png",
     "image/", "app/", "app/../index.html", "app/%2e%2e/web.py", "/etc/passwd", "image/1.png%00.js", "image//1.png",
     "image\\1.png", "answer", "icon/17.png", "app/index.html", "mask/-1.png", "s/x", "%s" % ("a" * 60_000)],
)  # fmt: skip
def test_nothing_is_there_but_what_the_table_names(client, name):
    reply = client.get(name)
    assert reply.status == 404 and reply.json == {"error": "there is nothing here"}


@pytest.mark.parametrize("path", ["/", "/s", "/s/", "/s/wrong/", "/s/wrong/trials.json", "/favicon.ico", "//s/x/", "*"])
def test_nothing_without_the_token(client, path):
    assert client.ask("GET", path).status == 404
    assert client.ask("POST", path, b"{}", {"Content-Type": "application/json"}).status == 404
    assert client.ask("GET", f"/s/{client.token}").status == 404
    assert client.ask("GET", f"/s/{client.token.lower()}x/").status == 404


def test_what_is_no_request_is_refused(client, tmp_path):
    before, json_ = files(tmp_path), {"Content-Type": "application/json"}
    answer = f"/s/{client.token}/answer"
    assert client.post(b"x" * 20_000).status == 413
    assert client.post(b"x" * 3_000_000).status == 413
    assert client.ask("POST", answer, b"{}", {"Content-Type": "text/plain"}).status == 415
    for length in ("-1", "1e3", "", "٣", "9" * 30):
        assert client.ask("POST", answer, None, json_ | {"Content-Length": length.encode()}).status == 411
    for method in ("PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "EVIL"):
        reply = client.ask(method, f"/s/{client.token}/")
        assert reply.status == 405 and b"EVIL" not in reply.body
    for raw in (b"\x16\x03\x01\x02\x00\x01\n\n", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"A" * 70_000 + b"\r\n"):
        with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
            connection.sendall(raw)
            assert b"Python" not in connection.recv(1000)
    assert files(tmp_path) == before
    assert client.post(client.answer(1)).status == 200


def test_replies_say_nothing_about_the_machine(client, tmp_path):
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


def test_a_thousand_requests_at_once_leave_it_up(client, tmp_path):
    before = files(tmp_path)
    first = client.answer(1)

    def one(i):
        return (client.get("trials.json") if i % 2 else client.post({"junk": i})).status

    with ThreadPoolExecutor(250) as pool:
        assert set(pool.map(one, range(1000))) == {200, 400}
    assert threading.active_count() < web_server.THREADS
    assert files(tmp_path) == before
    assert client.post(first).status == 200


def test_who_says_nothing_is_hung_up_on(client, monkeypatch):
    monkeypatch.setattr(web_server, "SECONDS", 1.0)
    idle = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(web_server.THREADS + 40)]
    try:
        slow = idle[0]
        for letter in b"GET /":  # each letter is in time, all of them are not
            time.sleep(0.05)
            slow.send(bytes([letter]))
        assert client.post(client.answer(1)).status == 200
        slow.settimeout(5)
        assert slow.recv(10) == b""
    finally:
        for connection in idle:
            connection.close()


def test_nobody_answers_for_somebody_else(few, tmp_path):
    people = [session(few, tmp_path, code) for code in ("AB12", "CD34")]
    with served(people) as [one, other]:
        for person in people:
            person.begin()
        assert one.post(other.answer(1)).status == 400
        assert one.post(one.answer(1)).status == 200
        assert other.get("trials.json").json["next"] == 1
    assert len(rows(log.log_path(tmp_path, "few", "AB12", 1))) == 1
    assert rows(log.log_path(tmp_path, "few", "CD34", 1)) == []
