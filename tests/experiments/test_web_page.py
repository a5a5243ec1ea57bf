"""The page of `observers serve`: in a real browser, as a folder for any server, and its answers on their way into logs."""

import http.server
import io
import json
import tarfile
import threading
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from experiments import log, serving, web_server
from experiments.experiment import Experiment
from experiments.posted import import_answers
from experiments.seeds import seed_of
from observers.people import jspsych
from observers.people.site import make_about
from observers.people.web import WebParticipant
from observers.protocol import Presentation
from stimuli.errors import LogError, ObserverError
from tests.browser import Browser, chromium
from tests.experiments.logs import rows, sidecar
from tests.experiments.serving_sessions import DEVICE, MEASURED, SCRIPTS, served

SIDE = 119  # CSS pixels of 3 degrees at 60 cm, on a screen of 96 pixels an inch
BRIEF = Presentation(fixation=0.1, stimulus=0.1, mask=0.1, response=1.5)


@pytest.fixture
def few(small):
    """Six trials in two blocks."""
    keep = {s.id for s in small.stimuli.stimuli[:6]}
    return Experiment("few", small.stimuli.where(lambda s: s.id in keep), small.choices, 2, BRIEF)


@pytest.fixture(scope="session")
def scripts(cache):
    """jsPsych as npm has it. Skips without it and without a network."""
    try:
        return jspsych.scripts()
    except ObserverError as error:
        pytest.skip(str(error))


def begin(browser: Browser, *, card: bool = True) -> None:
    """From the first page to the first trial."""
    if card:
        browser.press("#fits")
    browser.press("#jspsych-fullscreen-btn")
    browser.wait("document.body.innerText.includes('Then click what it showed')")
    browser.press(".jspsych-btn")
    browser.wait("document.querySelector('canvas')")


def shown(number: int) -> str:
    return f"document.querySelector('canvas[data-trial=\"{number}\"]')"


def choose(browser: Browser, told: dict, number: int, *choices: str) -> None:
    """Once the choices of a trial are there, click these one after the other."""
    browser.wait(f"{shown(number)}?.style.cursor === 'default'")
    width, height = browser.script("return [innerWidth, innerHeight]")
    for choice in choices:
        cell = next(cell for cell in told["cells"] if cell["choice"] == choice)
        browser.click(width / 2 + cell["x"] * SIDE, height / 2 + cell["y"] * SIDE)


@pytest.mark.slow
def test_a_person_in_a_browser(few, scripts, tmp_path):
    person = serving.WebSession(few, "AB12", tmp_path, scripts)
    trials, path = few.trials(seed_of("AB12", 1)), log.log_path(tmp_path, "few", "AB12", 1)
    with chromium() as browser, served([person]) as [client]:
        person.begin()
        told = client.get("trials.json").json
        browser.open(f"http://127.0.0.1:{client.port}/s/{client.token}/")
        begin(browser)
        choose(browser, told, 1, "dog", trials[0].stimulus.category)  # the last click counts
        choose(browser, told, 2, "dog")
        browser.wait(shown(3))
        assert len(rows(path)) == 2
        browser.reload()  # in the middle of the third
        begin(browser, card=False)
        choose(browser, told, 3, "dog")
        browser.wait("document.body.innerText.includes('Block 1 of 2 is done')")
        browser.press(".jspsych-btn")
        choose(browser, told, 4)  # no answer
        choose(browser, told, 5, "clock")
        choose(browser, told, 6, "clock")
        browser.wait("document.body.innerText.includes('Thank you')")
    found = rows(path)
    assert [row["trial"] for row in found] == ["1", "2", "3", "4", "5", "6"]
    assert [row["stimulus"] for row in found] == [trial.stimulus.id for trial in trials]
    assert [row["response"] for row in found] == [trials[0].stimulus.category, "dog", "dog", "", "clock", "clock"]
    for row in found:
        assert (row["rt"] == "") == (row["response"] == "") and 0 <= float(row["rt"] or 0) <= 1.6
        assert float(row["measured_n_frames"]) >= 1
        assert float(row["measured_onset"]) < float(row["measured_offset"]) < float(row["measured_grid_onset"])
        assert float(row["measured_image_pixels"]) == SIDE
    assert sidecar(path)["status"] == "complete"


def test_answers_survive_a_server_that_is_away(few, scripts, tmp_path):
    """What was clicked while nobody listened arrives after a reload."""
    path = log.log_path(tmp_path, "few", "AB12", 1)
    person = serving.WebSession(few, "AB12", tmp_path, scripts)
    with chromium() as browser:
        with served([person]) as [client]:
            told, port = client.get("trials.json").json, client.port
            browser.open(f"http://127.0.0.1:{port}/s/{client.token}/")
            begin(browser)
        choose(browser, told, 1, "dog")
        browser.wait("document.body.innerText.includes('No connection')")
        assert rows(path) == []
        again = serving.WebSession(few, "AB12", tmp_path, scripts)
        with served([again], port=port) as [client]:
            browser.open(f"http://127.0.0.1:{port}/s/{client.token}/")
            browser.wait("document.querySelector('#jspsych-fullscreen-btn')")
            assert [row["response"] for row in rows(path)] == ["dog"]
            browser.open(f"http://127.0.0.1:{port}/s/wrong/")
            assert "there is nothing here" in browser.script("return document.body.innerText")


class Collecting(http.server.SimpleHTTPRequestHandler):
    """A web server of somebody's own, with an address to save to."""

    def do_POST(self) -> None:
        with open(Path(self.directory) / "saved.jsonl", "ab") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args) -> None:
        pass


# What JATOS gives to a page, as far as ours uses it.
JATOS = """var jatos = {
  onLoad: (begin) => setTimeout(begin, 10), endStudy: () => { document.body.innerText = "ended"; },
  appendResultData: (text) => fetch("save", {method: "POST", body: text.trim()}),
};"""


@pytest.mark.slow
@pytest.mark.parametrize("jatos", [False, True])
def test_a_page_for_another_server_and_back(few, scripts, tmp_path, jatos):
    page = tmp_path / "page"
    serving.write_static(few, "AB12", page, scripts, save="" if jatos else "save")
    if jatos:
        (page / "jatos.js").write_text(JATOS)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Collecting, directory=str(page))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with chromium() as browser:
                told = json.loads((page / "trials.json").read_text())
                browser.open(f"http://127.0.0.1:{server.server_address[1]}/")
                begin(browser)
                choose(browser, told, 1, "dog")
                choose(browser, told, 2, "cat")
                browser.wait(shown(3))
                browser.reload()
                begin(browser, card=False)
                choose(browser, told, 3, "oven")
                browser.wait("document.body.innerText.includes('Block 1 of 2 is done')")
                browser.press(".jspsych-btn")
                for number in (4, 5, 6):
                    choose(browser, told, number, "clock")
                browser.wait(f"document.body.innerText.includes({'ended' if jatos else 'Thank you'!r})")
        finally:
            server.shutdown()
            thread.join()
    (path,) = import_answers(few, [page / "saved.jsonl"], tmp_path / "logs")
    assert [row["response"] for row in rows(path)] == ["dog", "cat", "oven", "clock", "clock", "clock"]
    assert sidecar(path)["status"] == "complete"


def answers(experiment, code="AB12", n=6, **other):
    who = make_about(experiment.name, code, 1, seed_of(code, 1), 60.0, experiment.trials(seed_of(code, 1)))
    told = {name: getattr(who, name) for name in who.__slots__ if not name.startswith("__")}
    return [
        {"about": told, "trial": i, "choice": "cat", "rt": 0.5, "measured": MEASURED, "device": DEVICE} | other
        for i in range(1, n + 1)
    ]


def lines(path, answers):
    path.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    return path


def test_posted_answers_become_the_log_that_a_server_writes(few, tmp_path):
    one = serving.WebSession(few, "AB12", tmp_path / "served", SCRIPTS)
    with served([one]) as [client]:
        client.get("")
        for answer in answers(few):
            assert client.post(answer).status == 200
    shuffled = [*answers(few)[::-1], *answers(few)[:2], *answers(few, "CD34", 2)]  # and some twice
    posted = import_answers(few, [lines(tmp_path / "a.txt", shuffled)], tmp_path / "posted")
    assert posted[0].read_bytes() == one.log.read_bytes()
    assert len(rows(posted[1])) == 2
    assert sidecar(posted[0])["identity"] == sidecar(one.log)["identity"]
    assert sidecar(posted[0])["provenance"] == sidecar(one.log)["provenance"]


def test_posted_answers_that_do_not_fit_are_refused(few, small, tmp_path):
    file, out, said = tmp_path / "a.txt", tmp_path / "logs", []
    good = answers(few)
    for bad, why in (
        ([*good, good[0] | {"choice": "dog"}], "line 7: trial 1 of AB12 was answered otherwise"),
        ([good[0] | {"choice": "axolotl"}], "line 1: this choice is none"),
        ([good[0] | {"trial": 7}], "has 6 trials, this answers trial 7"),
        ([{}], "line 1: an answer must have exactly"), ([], "no answers in here"), (good[1:], "the first trial has no"),
        (answers(small), "answers another experiment than few"),
        ([good[0] | {"about": good[0]["about"] | {"distance_cm": 0}}], "distance_cm must be 1 to 10000"),
    ):  # fmt: skip
        with pytest.raises(LogError, match=why):
            import_answers(few, [lines(file, bad)], out)
    (path,) = import_answers(few, [lines(file, [*good[:2], good[4]])], out, said.append)
    assert len(rows(path)) == 2
    assert said == ["AB12: trial 3 has no answer, so 1 after it are left out"]
    before = path.read_bytes()
    with pytest.raises(LogError, match="has another answer to trial 1: these are of another session"):
        import_answers(few, [lines(file, [good[0] | {"choice": "dog"}, *good[1:]])], out)
    assert path.read_bytes() == before
    file.write_bytes(b"\xef\xbb\xbf" + lines(file, good).read_bytes())
    assert len(rows(import_answers(few, [file], out)[0])) == len(good)


def test_static_folder_holds_all_there_is(few, tmp_path):
    index = serving.write_static(few, "AB12", tmp_path / "page", SCRIPTS, save="https://example.org/save")
    text = index.read_text()
    assert "jatos.js" in text and "http" not in text
    for name in ("app/jspsych.js", "app/trial.js", "image/1.png", "mask/6.png", "icon/16.png"):
        assert (index.parent / name).is_file()
    assert json.loads((index.parent / "trials.json").read_text())["save"] == "https://example.org/save"
    with pytest.raises(ObserverError, match="is there already"):
        serving.write_static(few, "AB12", tmp_path / "page", SCRIPTS)


def test_scripts_are_those_of_the_registry(scripts, tmp_path, monkeypatch):
    assert b"jsPsych" in scripts["jspsych.js"] and len(scripts) == 6
    folder = jspsych.cache_folder() / "jspsych"
    assert jspsych.scripts(folder) == scripts
    with tarfile.open(tmp_path / "jspsych-8.3.0.tgz", "w:gz") as tar:  # of that name, with something else in it
        member = tarfile.TarInfo(jspsych.SCRIPT)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(
        ObserverError, match=r"no jspsych-8\.3\.0\.tgz as the npm registry has it: .* `npm pack jspsych@8"
    ):
        jspsych.scripts(tmp_path)
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(jspsych, "REGISTRY", "http://127.0.0.1:9")
    with pytest.raises(ObserverError, match=r"cannot be downloaded .* give the folder with those files by --assets"):
        jspsych.scripts()


def test_a_web_participant_needs_a_server(few):
    with pytest.raises(ObserverError, match="observers serve"):
        next(WebParticipant("AB12").observe(few.trials(0)))
    with pytest.raises(ObserverError, match="no participant code"):
        WebParticipant("me@home")


@pytest.fixture
def command(monkeypatch, tmp_path):
    monkeypatch.setattr(jspsych, "scripts", lambda folder: SCRIPTS)
    monkeypatch.setattr("sys.argv", ["observers", "serve", "drawn-cue-conflict"])
    return lambda *words: CliRunner().invoke(app, ["serve", "drawn-cue-conflict", "--out", str(tmp_path), *words])


def test_command_says_who_can_come_and_how_to_go_on(command, drawn, monkeypatch):
    def stop(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(web_server.Server, "handle_request", stop)
    done = command("--participant", "AB12", "--participant", "CD34")
    assert done.exit_code == 3
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == ["AB12", "CD34"]
    assert "Stopped; every answer is kept. To continue, run: observers serve drawn-cue-conflict" in done.stderr
    done = command("--sessions", "2")
    codes = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert len(set(codes)) == 2
    assert f"replace --sessions 2 by --participant {codes[0]} --participant {codes[1]}" in done.stderr


def test_command_refuses_whom_it_cannot_ask(command, drawn, tmp_path):
    for words, why in (
        ((), "the participants are not specified"), (("--participant", "AB12", "--sessions", "2"), "the participants are not specified"),
        (("--participant", "19800131"), "reads like a date"), (("--participant", "AB12", "--participant", "ab12"), "twice"),
    ):  # fmt: skip
        done = command(*words)
        assert done.exit_code == 1 and why in done.stderr
    done = command("--participant", "AB12", "--static", str(tmp_path / "page"), "--save", "/save")
    assert done.exit_code == 0 and done.stdout == f"AB12  {tmp_path / 'page' / 'index.html'}\n"
