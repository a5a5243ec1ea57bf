"""The experimenter's page, and the progress of participants in the terminal."""

from attrs import evolve

from experiments.people.experimenter_page import ExperimenterPage, describe_idle
from experiments.people.person_progress import PersonLines
from experiments.people.person_status import PersonStatus
from tests.unit.experiments.people.served_sessions import MEASURED, make_session, served

K7Q2 = PersonStatus("K7Q2", "token", "invited", 0, 8, 0, 0, 8, None)


def test_page_needs_its_own_token(few, tmp_path):
    session = make_session(few, tmp_path)
    page = ExperimenterPage([session], "few <b>", "PILOT <i>")
    with served([session], page=page) as [client]:
        reply = client.request("GET", page.address)
        assert reply.status == 200 and reply.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        text = reply.body.decode()
        assert "few &lt;b&gt;" in text and "PILOT &lt;i&gt;" in text and f'href="s/{client.token}/"' in text
        for name in ("table.html", "experimenter.js", "experimenter.css"):
            assert client.request("GET", f"/experimenter/{name}?token={page.token}").status == 200
        for path in (
            "/experimenter", "/experimenter?token=", f"/experimenter?token={client.token}", f"/s/{page.token}/",
            f"/experimenter?token={page.token}x", f"/experimenter/table.html?token={client.token}",
            f"/experimenter/../trials.json?token={page.token}", f"/experimenter/index.html?token={page.token}",
            f"/experimenter/?token={page.token}",
        ):  # fmt: skip
            assert client.request("GET", path).status == 404, path
        assert client.request("POST", page.address, b"{}", {"Content-Type": "application/json"}).status == 404
    with served([make_session(few, tmp_path / "other")]) as [client]:  # a server without the page
        assert client.request("GET", page.address).status == 404


def test_page_shows_where_everybody_is(few, tmp_path):
    session = make_session(few, tmp_path)
    page = ExperimenterPage([session])
    with served([session], page=page) as [client]:
        table = f"/experimenter/table.html?token={page.token}"
        assert "1 participant: 0 finished, 0 in the session, 1 invited" in client.request("GET", table).body.decode()
        client.get("trials.json")
        assert "reading the first page" in client.request("GET", table).body.decode()
        for number, n_dropped in enumerate((0, 2, 0, 0, 0), start=1):
            client.post(client.answer(number, measured=MEASURED | {"n_dropped": n_dropped}))
            if number == 3:
                text = client.request("GET", table).body.decode()
                assert "3 of 5" in text and "<td class=warning>1 of 3 trials</td>" in text and "0 s ago" in text
        text = client.request("GET", table).body.decode()
        assert "5 of 5" in text and "finished" in text and client.token not in text
    assert [describe_idle(seconds) for seconds in (None, 59, 61, 6000)] == ["–", "59 s ago", "1 min ago", "2 h ago"]


def test_dropped_frames_of_a_continued_session_are_counted(few, tmp_path):
    with served([make_session(few, tmp_path)]) as [client]:
        client.post(client.answer(1, measured=MEASURED | {"n_dropped": 1}))
    continued = make_session(few, tmp_path)
    with served([continued]):
        continued.resume()
        assert (continued.status.n_dropped, continued.status.n_answered, continued.status.stage) == (1, 1, "trials")


def test_terminal_says_who_has_answered_how_many_of_all_trials():
    lines = []
    watch = PersonLines(lines.append).update
    other = evolve(K7Q2, code="M3XP")
    watch([K7Q2, other])
    assert lines == []
    watch([evolve(K7Q2, stage="opened"), other])
    watch([evolve(K7Q2, stage="consented"), other])
    for n in (1, 2, 3):  # not more than one line in ten seconds
        watch([evolve(K7Q2, stage="trials", n_done=n, n_answered=n), other])
    watch([evolve(K7Q2, stage="finished", n_done=8, n_answered=8), evolve(other, stage="declined")])
    assert lines == [
        "K7Q2 has opened the page", "K7Q2 has consented", "K7Q2: 1 of 8 trials (1 of 16 trials of all 2 participants)",
        "K7Q2: 8 of 8 trials, finished (8 of 16 trials of all 2 participants)", "M3XP declined to take part",
    ]  # fmt: skip
    lines.clear()
    PersonLines(lines.append).update([evolve(K7Q2, stage="trials", n_done=3, n_answered=3)])
    assert lines == ["K7Q2: 3 of 8 trials"]
