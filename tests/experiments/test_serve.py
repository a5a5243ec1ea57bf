"""`observers serve` as a client sees it: the page's own, and a hostile one."""

import io
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from experiments import log, serving, web_server
from experiments.collecting import collect
from experiments.experiment import Experiment
from experiments.seeds import seed_of
from experiments.session import run
from observers.people.icons import icon
from observers.people.participant import Participant
from observers.registry import make_observer
from stimuli.errors import LogError, ObserverError
from stimuli.masks import pink_mask
from tests.experiments.logs import rows, sidecar
from tests.experiments.serving_sessions import DEVICE, MEASURED, Client, served, session


@pytest.fixture
def few(small):
    """Five trials in two blocks."""
    keep = {s.id for s in small.stimuli.stimuli[:5]}
    return Experiment("few", small.stimuli.where(lambda s: s.id in keep), small.choices, n_blocks=2)


@pytest.fixture
def client(few, tmp_path):
    one = session(few, tmp_path)
    with served([one]) as [client]:
        one.begin()
        yield client


def pixels(reply):
    assert reply.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(reply.body)))


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_seed_is_of_code_and_session():
    assert seed_of("AB12", 1) == 3713651018  # the first four bytes of sha256("AB12 1")
    assert len({seed_of(code, n) for code in ("AB12", "AB13") for n in (1, 2)}) == 4


def test_page_shows_the_trials_of_the_seed(few, client):
    told = client.get("trials.json").json
    trials = few.trials(seed_of("AB12", 1))
    assert told["next"] == 1
    assert [t["block"] for t in told["trials"]] == [t.block for t in trials] == [1, 1, 1, 2, 2]
    for asked, trial in zip(told["trials"], trials, strict=True):
        assert asked["number"] == trial.number
        np.testing.assert_array_equal(pixels(client.get(asked["image"])), trial.stimulus.pixels())
        mask = pink_mask(256, 1.0, np.random.default_rng([seed_of("AB12", 1), trial.number]))
        np.testing.assert_array_equal(pixels(client.get(asked["mask"])), mask[..., 0])
    text = json.dumps(told)
    assert not any(trial.stimulus.id in text or str(trial.stimulus.path) in text for trial in trials)


def test_the_order_is_that_at_the_screen_and_of_a_replay(few, client, tmp_path):
    """The same experiment and person: one order, and one row for another, however the answers come."""
    for number in range(1, 6):
        assert client.post(client.answer(number)).status == 200
    in_browser = rows(log.log_path(tmp_path, "few", "AB12", 1))
    seed = seed_of("AB12", 1)
    who = Participant(code="AB12", simulate="ideal", seed=seed)
    at_screen = rows(collect(few, who, tmp_path / "screen", seed=seed))
    recorded = make_observer(f"recorded:{log.log_path(tmp_path, 'few', 'AB12', 1)}")
    replayed = rows(run(few, recorded, tmp_path / "replay", seed=seed))
    for column in ("trial", "block", "stimulus", "condition", "category"):
        found = [[row[column] for row in some] for some in (in_browser, at_screen, replayed)]
        assert found[0] == found[1] == found[2]
    assert [row["response"] for row in replayed] == [row["response"] for row in in_browser] == ["cat"] * 5


def test_choices_lie_as_published(client):
    told = client.get("trials.json").json
    columns = sorted(told["cells"], key=lambda cell: (round(cell["x"], 6), cell["y"]))  # y is downwards
    assert [cell["choice"] for cell in columns][:5] == ["knife", "airplane", "keyboard", "elephant", "bicycle"]
    assert [cell["choice"] for cell in columns][-1] == "dog"
    for cell in told["cells"]:
        np.testing.assert_array_equal(pixels(client.get(cell["icon"])), icon(cell["choice"]))
    assert told["image_mm"] == pytest.approx(31.42, abs=0.01)  # 3 degrees at 60 cm


def test_an_answer_is_in_the_log_before_the_reply(few, client, tmp_path):
    path = log.log_path(tmp_path, "few", "AB12", 1)
    for trial in few.trials(seed_of("AB12", 1)):
        choice = trial.stimulus.category if trial.number % 2 else None
        reply = client.post(client.answer(trial.number, choice, 0.5 + trial.number / 8))
        assert reply.status == 200 and reply.json["status"] == "saved"
        assert reply.json.get("right") == {3: 2 / 3, 5: 1 / 2}.get(trial.number)  # at the end of a block
        found = rows(path)
        assert len(found) == trial.number
        row = found[-1]
        assert (row["trial"], row["stimulus"]) == (str(trial.number), trial.stimulus.id)
        assert (row["response"], row["rt"]) == ((choice, str(0.5 + trial.number / 8)) if choice else ("", ""))
        assert {name: float(row[f"measured_{name}"]) for name in MEASURED} == MEASURED
    said = sidecar(path)
    assert said["status"] == "complete" and said["identity"]["observer"]["kind"] == "human"
    assert said["identity"]["observer"]["options"] == {"code": "AB12", "distance": 60.0}
    assert said["provenance"]["platform"] == "web" and said["provenance"]["jspsych"] == "8.3.0"
    assert "chrome 150 on Linux" in said["provenance"]["device"]
    assert "3.78 pixels a mm by a bank card, 60 cm from the eyes" in said["provenance"]["device"]
    assert client.get("trials.json").json["next"] == 6


def test_only_the_trial_that_is_asked_is_taken(client, tmp_path):
    first = client.answer(1)
    assert client.post(first).json["status"] == "saved"
    assert client.post(first).json["status"] == "already"  # the reply got lost
    before = files(tmp_path)
    for other in (client.answer(1, "dog"), client.answer(0), client.answer(3), client.answer(6), client.answer(10**9)):
        assert client.post(other).status == 409
    assert files(tmp_path) == before
    assert client.post(client.answer(2)).json["status"] == "saved"
    assert client.post(first).status == 409


def test_the_same_answer_many_times_at_once_is_one_row(client, tmp_path):
    said = client.answer(1)
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(client.post, [said] * 20))
    assert {reply.status for reply in replies} == {200}
    assert len(rows(log.log_path(tmp_path, "few", "AB12", 1))) == 1


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
        for secret in (socket.gethostname(), str(tmp_path), "Python", "/work"):
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


def test_a_session_goes_on_where_it_stopped_in_another_browser_too(few, tmp_path):
    with served([session(few, tmp_path)]) as [client]:
        client.get("")
        for number in (1, 2):
            client.post(client.answer(number))
    path = log.log_path(tmp_path, "few", "AB12", 1)
    assert sidecar(path)["status"] == "partial"
    with served([session(few, tmp_path)]) as [client]:
        client.get("")
        assert client.get("trials.json").json["next"] == 3
        for number in (3, 4, 5):
            client.post(client.answer(number, device=DEVICE | {"browser": "firefox 140"}))
    assert [row["trial"] for row in rows(path)] == ["1", "2", "3", "4", "5"]
    assert "firefox" in sidecar(path)["provenance"]["device"]
    for options, why in (({"seed": 3}, "another seed"), ({"distance": 90}, "another observer .*distance")):
        with pytest.raises(LogError, match=why):
            session(few, tmp_path, **options).begin()


def test_an_invitation_that_nobody_takes_leaves_no_log(few, tmp_path, monkeypatch):
    def stop(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(web_server.Server, "handle_request", stop)
    for invited, n in ((True, 0), (False, 2)):
        with pytest.raises(KeyboardInterrupt):
            serving.serve([session(few, tmp_path)], invited=invited)
        assert len([path for path in files(tmp_path) if path.suffix != ".lock"]) == n


def test_it_ends_when_all_are_done(few, tmp_path):
    one, told = session(few, tmp_path), []
    thread = threading.Thread(
        target=serving.serve, args=([one],), kwargs={"announce": lambda *a: told.append(a), "linger": 0.1}
    )
    thread.start()
    while not told:
        time.sleep(0.01)
    code, url = told[0]
    assert code == "AB12" and url.startswith("http://127.0.0.1:") and url.endswith(f"/s/{one.token}/")
    client = Client(int(url.split(":")[2].split("/")[0]), one.token)
    for number in range(1, 6):
        client.post(client.answer(number))
    thread.join(20)
    assert not thread.is_alive() and len(rows(one.log)) == 5


def test_a_full_disk_stops_it(few, tmp_path, monkeypatch):
    write = log.LogWriter.write

    def full(writer, cells):
        if cells[0] == "few":
            raise LogError("the disk is full; make room, then run the same command again")
        write(writer, cells)

    monkeypatch.setattr(log.LogWriter, "write", full)
    one = session(few, tmp_path)
    with served([one]) as [client]:
        client.get("")
        assert client.post(client.answer(1)).status == 503
        with pytest.raises(LogError, match="the disk is full"):
            serving.serve([one])
    assert rows(log.log_path(tmp_path, "few", "AB12", 1)) == []


def test_an_image_that_is_gone_is_said_here_and_not_there(few, tmp_path):
    one, said = session(few, tmp_path), []
    gone = few.trials(seed_of("AB12", 1))[0].stimulus.path
    content = gone.read_bytes()
    try:
        with served([one], said) as [client]:
            one.begin()
            gone.unlink()
            reply = client.get("image/1.png")
    finally:
        gone.write_bytes(content)
    assert reply.status == 500 and reply.json == {"error": "this cannot be shown"}
    assert said == [f"the image {gone} does not exist"]


def test_a_port_that_is_taken_is_said(few, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ObserverError, match="take another --port"):
        serving.serve([session(few, tmp_path)], port=taken.getsockname()[1])
