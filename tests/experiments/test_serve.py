"""`observers serve` as the page's own client sees it."""

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
from experiments.seeds import seed_of
from experiments.session import run
from observers.people.icons import icon
from observers.people.participant import Participant
from observers.registry import make_observer
from stimuli.errors import LogError, ObserverError
from stimuli.masks import pink_mask
from tests.experiments.logs import rows, sidecar
from tests.experiments.serving_sessions import DEVICE, MEASURED, Client, files, served, session


def pixels(reply):
    assert reply.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(reply.body)))


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
