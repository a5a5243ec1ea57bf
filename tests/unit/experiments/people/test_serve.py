"""`observers serve`, tested with a client that behaves like the page."""

import io
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from core.errors import LogError, ObserverError
from experiments import log
from experiments.people import serving, web_server
from experiments.people.collecting import collect
from experiments.running.session import run
from experiments.seeds import session_seed
from observers.people.icons import draw_icon
from observers.people.participant import Participant
from observers.registry import make_observer
from stimuli.masks import pink_mask
from tests.unit.experiments.logs import rows, sidecar
from tests.unit.experiments.people.served_sessions import DEVICE, MEASURED, Client, file_contents, make_session, served


def decode_png(reply):
    assert reply.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(reply.body)))


def test_seed_follows_from_code_and_session():
    assert session_seed("AB12", 1) == 3713651018  # the first four bytes of sha256("AB12 1")
    assert len({session_seed(code, n) for code in ("AB12", "AB13") for n in (1, 2)}) == 4


def test_page_has_the_trials_of_the_seed(few, client):
    settings = client.get("trials.json").json
    trials = few.trials(session_seed("AB12", 1))
    assert settings["next"] == 1
    assert [t["block"] for t in settings["trials"]] == [t.block for t in trials] == [1, 1, 1, 2, 2]
    for page_trial, trial in zip(settings["trials"], trials, strict=True):
        assert page_trial["number"] == trial.number
        np.testing.assert_array_equal(decode_png(client.get(page_trial["image"])), trial.stimulus.pixels())
        mask = pink_mask(256, 1.0, np.random.default_rng([session_seed("AB12", 1), trial.number]))
        np.testing.assert_array_equal(decode_png(client.get(page_trial["mask"])), mask[..., 0])
    text = json.dumps(settings)
    assert not any(trial.stimulus.id in text or str(trial.stimulus.path) in text for trial in trials)


def test_trial_order_is_the_same_at_the_screen_in_the_browser_and_in_a_replay(few, client, tmp_path):
    for number in range(1, 6):
        assert client.post(client.answer(number)).status == 200
    in_browser = rows(log.log_path(tmp_path, "few", "AB12", 1))
    seed = session_seed("AB12", 1)
    participant = Participant(code="AB12", simulate="ideal", seed=seed)
    at_screen = rows(collect(few, participant, tmp_path / "screen", seed=seed))
    recorded = make_observer(f"recorded:{log.log_path(tmp_path, 'few', 'AB12', 1)}")
    replayed = rows(run(few, recorded, tmp_path / "replay", seed=seed))
    for column in ("trial", "block", "stimulus", "condition", "category"):
        values = [[row[column] for row in logged] for logged in (in_browser, at_screen, replayed)]
        assert values[0] == values[1] == values[2]
    assert [row["response"] for row in replayed] == [row["response"] for row in in_browser] == ["cat"] * 5


def test_response_grid_has_the_published_order(client):
    settings = client.get("trials.json").json
    columns = sorted(settings["cells"], key=lambda cell: (round(cell["x"], 6), cell["y"]))  # y points down
    assert [cell["choice"] for cell in columns][:5] == ["knife", "airplane", "keyboard", "elephant", "bicycle"]
    assert [cell["choice"] for cell in columns][-1] == "dog"
    for cell in settings["cells"]:
        np.testing.assert_array_equal(decode_png(client.get(cell["icon"])), draw_icon(cell["choice"]))
    assert settings["image_mm"] == pytest.approx(31.42, abs=0.01)  # 3 degrees at 60 cm


def test_answer_is_in_the_log_before_the_reply(few, client, tmp_path):
    path = log.log_path(tmp_path, "few", "AB12", 1)
    for trial in few.trials(session_seed("AB12", 1)):
        choice = trial.stimulus.category if trial.number % 2 else None
        reply = client.post(client.answer(trial.number, choice, 0.5 + trial.number / 8))
        assert reply.status == 200 and reply.json["status"] == "saved"
        assert reply.json.get("right") == {3: 2 / 3, 5: 1 / 2}.get(trial.number)  # only after the last trial of a block
        logged = rows(path)
        assert len(logged) == trial.number
        row = logged[-1]
        assert (row["trial"], row["stimulus"]) == (str(trial.number), trial.stimulus.id)
        assert (row["response"], row["rt"]) == ((choice, str(0.5 + trial.number / 8)) if choice else ("", ""))
        assert {name: float(row[f"measured_{name}"]) for name in MEASURED} == MEASURED
    facts = sidecar(path)
    assert facts["status"] == "complete" and facts["identity"]["observer"]["kind"] == "human"
    assert facts["identity"]["observer"]["options"] == {"code": "AB12", "distance": 60.0}
    assert facts["provenance"]["platform"] == "web" and facts["provenance"]["jspsych"] == "8.3.0"
    assert "chrome 150 on Linux" in facts["provenance"]["device"]
    assert "3.78 pixels a mm by a bank card, 60 cm from the eyes" in facts["provenance"]["device"]
    assert client.get("trials.json").json["next"] == 6


def test_only_an_answer_to_the_current_trial_is_accepted(client, tmp_path):
    first = client.answer(1)
    assert client.post(first).json["status"] == "saved"
    assert client.post(first).json["status"] == "already"  # as after a lost reply
    before = file_contents(tmp_path)
    for answer in (client.answer(1, "dog"), client.answer(0), client.answer(3), client.answer(6), client.answer(10**9)):
        assert client.post(answer).status == 409
    assert file_contents(tmp_path) == before
    assert client.post(client.answer(2)).json["status"] == "saved"
    assert client.post(first).status == 409


def test_simultaneous_copies_of_an_answer_make_one_row(client, tmp_path):
    answer = client.answer(1)
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(client.post, [answer] * 20))
    assert {reply.status for reply in replies} == {200}
    assert len(rows(log.log_path(tmp_path, "few", "AB12", 1))) == 1


def test_stopped_session_can_be_continued_in_another_browser(few, tmp_path):
    with served([make_session(few, tmp_path)]) as [client]:
        client.get("")
        for number in (1, 2):
            client.post(client.answer(number))
    path = log.log_path(tmp_path, "few", "AB12", 1)
    assert sidecar(path)["status"] == "partial"
    with served([make_session(few, tmp_path)]) as [client]:
        client.get("")
        assert client.get("trials.json").json["next"] == 3
        for number in (3, 4, 5):
            client.post(client.answer(number, device=DEVICE | {"browser": "firefox 140"}))
    assert [row["trial"] for row in rows(path)] == ["1", "2", "3", "4", "5"]
    assert "firefox" in sidecar(path)["provenance"]["device"]
    for options, message in (({"seed": 3}, "different seed"), ({"distance": 90}, "different observer .*distance")):
        with pytest.raises(LogError, match=message):
            make_session(few, tmp_path, **options).start()


def test_unused_invitation_leaves_no_log(few, tmp_path, monkeypatch):
    def stop(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(web_server.Server, "handle_request", stop)
    with pytest.raises(KeyboardInterrupt):
        serving.serve([make_session(few, tmp_path)])
    assert file_contents(tmp_path) == {}


def test_serve_ends_when_all_sessions_are_complete(few, tmp_path):
    session, announcements = make_session(few, tmp_path), []
    thread = threading.Thread(
        target=serving.serve,
        args=([session],),
        kwargs={"announce": lambda *details: announcements.append(details), "linger": 0.1},
    )
    thread.start()
    while not announcements:
        time.sleep(0.01)
    code, url = announcements[0]
    assert code == "AB12" and url.startswith("http://127.0.0.1:") and url.endswith(f"/s/{session.token}/")
    client = Client(int(url.split(":")[2].split("/")[0]), session.token)
    for number in range(1, 6):
        client.post(client.answer(number))
    thread.join(20)
    assert not thread.is_alive() and len(rows(session.log)) == 5


def test_full_disk_stops_the_session_with_an_error(few, tmp_path, monkeypatch):
    write = log.LogWriter.write

    def fail_to_write(writer, cells):
        if cells[0] == "few":
            raise LogError("the disk is full; make room, then run the same command again")
        write(writer, cells)

    monkeypatch.setattr(log.LogWriter, "write", fail_to_write)
    session = make_session(few, tmp_path)
    with served([session]) as [client]:
        client.get("")
        assert client.post(client.answer(1)).status == 503
        with pytest.raises(LogError, match="the disk is full"):
            serving.serve([session])
    assert rows(log.log_path(tmp_path, "few", "AB12", 1)) == []


def test_missing_image_is_reported_to_the_experimenter_and_not_to_the_client(few, tmp_path):
    session, notes = make_session(few, tmp_path), []
    path = few.trials(session_seed("AB12", 1))[0].stimulus.path
    content = path.read_bytes()
    try:
        with served([session], notes) as [client]:
            session.start()
            path.unlink()
            reply = client.get("image/1.png")
    finally:
        path.write_bytes(content)
    assert reply.status == 500 and reply.json == {"error": "this file cannot be shown"}
    assert notes == [f"the image {path} does not exist"]


def test_used_port_is_refused(few, tmp_path):
    with (
        socket.create_server(("127.0.0.1", 0)) as used,
        pytest.raises(ObserverError, match="use another --host or --port"),
    ):
        serving.serve([make_session(few, tmp_path)], port=used.getsockname()[1])
