"""The page of `observers serve` and its copy for other servers, in a real browser."""

import http.server
import json
import threading
from functools import partial
from pathlib import Path

import pytest

from experiments import log
from experiments.experiment import Experiment
from experiments.people import serving
from experiments.people.posted import import_answers
from experiments.seeds import session_seed
from observers.protocol import Presentation
from tests.browser.chromium import chromium
from tests.browser.session_steps import IMAGE_SIDE, canvas_of, choose, start_trials
from tests.unit.experiments.logs import rows, sidecar
from tests.unit.experiments.people.served_sessions import served

BRIEF = Presentation(fixation=0.1, stimulus=0.1, mask=0.1, response=1.5)


@pytest.fixture
def few(small):
    """An experiment of six trials in two blocks."""
    keep = {s.id for s in small.stimuli.stimuli[:6]}
    return Experiment("few", small.stimuli.where(lambda s: s.id in keep), small.choices, 2, BRIEF)


def test_session_in_a_browser(few, scripts, tmp_path):
    session = serving.WebSession(few, "AB12", tmp_path, scripts)
    trials, path = few.trials(session_seed("AB12", 1)), log.log_path(tmp_path, "few", "AB12", 1)
    with chromium() as browser, served([session]) as [client]:
        session.start()
        settings = client.get("trials.json").json
        browser.open(f"http://127.0.0.1:{client.port}/s/{client.token}/")
        start_trials(browser)
        choose(browser, settings, 1, "dog", trials[0].stimulus.category)  # the last click counts
        choose(browser, settings, 2, "dog")
        browser.wait(canvas_of(3))
        assert len(rows(path)) == 2
        browser.reload()  # during trial 3
        start_trials(browser, card=False)
        choose(browser, settings, 3, "dog")
        browser.wait("document.body.innerText.includes('Block 1 of 2 is done')")
        browser.press(".jspsych-btn")
        choose(browser, settings, 4)  # no answer
        choose(browser, settings, 5, "clock")
        choose(browser, settings, 6, "clock")
        browser.wait("document.body.innerText.includes('Thank you')")
    logged = rows(path)
    assert [row["trial"] for row in logged] == ["1", "2", "3", "4", "5", "6"]
    assert [row["stimulus"] for row in logged] == [trial.stimulus.id for trial in trials]
    assert [row["response"] for row in logged] == [trials[0].stimulus.category, "dog", "dog", "", "clock", "clock"]
    for row in logged:
        assert (row["rt"] == "") == (row["response"] == "") and 0 <= float(row["rt"] or 0) <= 1.6
        assert float(row["measured_n_frames"]) >= 1
        assert float(row["measured_onset"]) < float(row["measured_offset"]) < float(row["measured_grid_onset"])
        assert float(row["measured_image_pixels"]) == IMAGE_SIDE
    assert sidecar(path)["status"] == "complete"


def test_answer_survives_a_server_that_is_down(few, scripts, tmp_path):
    """An answer that was given while no server was running is sent after a reload."""
    path = log.log_path(tmp_path, "few", "AB12", 1)
    session = serving.WebSession(few, "AB12", tmp_path, scripts)
    with chromium() as browser:
        with served([session]) as [client]:
            settings, port = client.get("trials.json").json, client.port
            browser.open(f"http://127.0.0.1:{port}/s/{client.token}/")
            start_trials(browser)
        choose(browser, settings, 1, "dog")
        browser.wait("document.body.innerText.includes('No connection')")
        assert rows(path) == []
        continued = serving.WebSession(few, "AB12", tmp_path, scripts)
        with served([continued], port=port) as [client]:
            browser.open(f"http://127.0.0.1:{port}/s/{client.token}/")
            browser.wait("document.querySelector('#jspsych-fullscreen-btn')")
            assert [row["response"] for row in rows(path)] == ["dog"]
            browser.open(f"http://127.0.0.1:{port}/s/wrong/")
            assert "this page does not exist" in browser.script("return document.body.innerText")


def test_answer_survives_a_restarted_server_that_does_not_know_the_link(few, scripts, tmp_path):
    """The page stays open, and its next attempt reaches the restarted server, which refuses the old link."""
    path = log.log_path(tmp_path, "few", "AB12", 1)
    with chromium() as browser:
        with served([serving.WebSession(few, "AB12", tmp_path, scripts)]) as [client]:
            settings, port = client.get("trials.json").json, client.port
            browser.open(f"http://127.0.0.1:{port}/s/{client.token}/")
            start_trials(browser)
        choose(browser, settings, 1, "dog")
        browser.wait("document.body.innerText.includes('No connection')")
        continued = serving.WebSession(few, "AB12", tmp_path, scripts)
        with served([continued], port=port) as [client]:
            browser.wait("document.body.innerText.includes('This link is no longer valid')", 40)
            assert "stored in this browser" in browser.script("return document.body.innerText")
            continued.start()
            assert rows(path) == []
            browser.open(f"http://127.0.0.1:{port}/s/{client.token}/")
            start_trials(browser, card=False)
            assert [row["response"] for row in rows(path)] == ["dog"]
            browser.wait(canvas_of(2))


def test_answer_that_the_server_refuses_is_not_sent_again(few, scripts, tmp_path):
    """The answer has a response time that is too long, and its trial is repeated after a reload."""
    path = log.log_path(tmp_path, "few", "AB12", 1)
    with chromium() as browser, served([serving.WebSession(few, "AB12", tmp_path, scripts)]) as [client]:
        settings = client.get("trials.json").json
        browser.open(f"http://127.0.0.1:{client.port}/s/{client.token}/")
        start_trials(browser)
        browser.script("const save = TrialPlugin.save; TrialPlugin.save = (answer) => save({ ...answer, rt: 99 })")
        choose(browser, settings, 1, "dog")
        browser.wait("document.body.innerText.includes('The answer was not accepted (error 400)')")
        browser.reload()
        start_trials(browser, welcome=True, card=False)
        choose(browser, settings, 1, "cat")
        browser.wait(canvas_of(2))
        assert [row["response"] for row in rows(path)] == ["cat"]


class SavingHandler(http.server.SimpleHTTPRequestHandler):
    """Another web server, which saves what is posted to it."""

    def do_POST(self) -> None:
        with open(Path(self.directory) / "saved.jsonl", "ab") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args) -> None:
        pass


# The functions of JATOS that the page uses.
JATOS = """var jatos = {
  onLoad: (start) => setTimeout(start, 10), endStudy: () => { document.body.innerText = "ended"; },
  appendResultData: (text) => fetch("save", {method: "POST", body: text.trim()}),
};"""


@pytest.mark.parametrize("jatos", [False, True])
def test_answers_of_a_static_page_are_imported(few, scripts, tmp_path, jatos):
    page = tmp_path / "page"
    serving.write_static(few, "AB12", page, scripts, save="" if jatos else "save")
    if jatos:
        (page / "jatos.js").write_text(JATOS)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(SavingHandler, directory=str(page))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with chromium() as browser:
                settings = json.loads((page / "trials.json").read_text())
                browser.open(f"http://127.0.0.1:{server.server_address[1]}/")
                start_trials(browser)
                choose(browser, settings, 1, "dog")
                choose(browser, settings, 2, "cat")
                browser.wait(canvas_of(3))
                browser.reload()
                start_trials(browser, card=False)
                choose(browser, settings, 3, "oven")
                browser.wait("document.body.innerText.includes('Block 1 of 2 is done')")
                browser.press(".jspsych-btn")
                for number in (4, 5, 6):
                    choose(browser, settings, number, "clock")
                browser.wait("document.body.innerText.includes('Thank you')")
                if jatos:
                    browser.press(".jspsych-btn")
                    browser.wait("document.body.innerText === 'ended'")
        finally:
            server.shutdown()
            thread.join()
    (path,) = import_answers(few, [page / "saved.jsonl"], tmp_path / "logs")
    assert [row["response"] for row in rows(path)] == ["dog", "cat", "oven", "clock", "clock", "clock"]
    assert sidecar(path)["status"] == "complete"
