"""A complete laboratory session in a browser: consent, questions, practice, a reload, and a completion code."""

import http.server
import json
import threading
from functools import partial

import pytest

from experiments import log
from experiments.experiment import Experiment
from experiments.people import serving
from experiments.people.collecting import practice_experiment
from experiments.people.experimenter_page import ExperimenterPage
from experiments.people.participation import Participation
from experiments.people.posted import import_answers
from experiments.people.web_session import WebSession
from observers.people.completion import Completion
from observers.people.page_texts import PageOptions
from observers.people.texts.reading import load_texts
from observers.protocol import Presentation
from tests.browser.chromium import chromium
from tests.browser.session_steps import canvas_of, choose, measure_screen, page, pixel, press_on
from tests.browser.test_session_page import JATOS, SavingHandler
from tests.unit.experiments.logs import rows, sidecar
from tests.unit.experiments.people.served_sessions import served

BRIEF = Presentation(fixation=0.1, stimulus=0.1, mask=0.1, response=1.0)
BLACK, WHITE = [0, 0, 0], [255, 255, 255]


@pytest.fixture
def few(small):
    """An experiment of four trials in two blocks."""
    keep = {s.id for s in small.stimuli.stimuli[:4]}
    return Experiment("few", small.stimuli.where(lambda s: s.id in keep), small.choices, 2, BRIEF)


def text_of(browser, name):
    """Wait for a page and return its text."""
    browser.wait(page(name), 40)
    return browser.script(f"return {page(name)}.innerText")


@pytest.mark.parametrize(
    ("language", "welcome", "agree", "wrong", "thanks"),
    [
        ("en", "thank you for taking part", "I agree", "Not correct", "Your completion code is"),
        ("de", "vielen Dank, dass Sie mitmachen", "Ich bin einverstanden", "Nicht richtig", "Ihr Teilnahmecode lautet"),
    ],
)
def test_whole_session(few, scripts, tmp_path, language, welcome, agree, wrong, thanks):
    options = PageOptions(
        load_texts(language), consent=True, demographics=True,
        completion=Completion("random", "https://example.org/done?cc={code}"),
    )  # fmt: skip
    session = WebSession(few, "AB12", tmp_path, scripts, options=options, practice=practice_experiment(few, 2))
    other = WebSession(few, "CD34", tmp_path, scripts, options=options, practice=practice_experiment(few, 2))
    experimenter = ExperimenterPage([session, other], "few")
    path = log.log_path(tmp_path, "few", "AB12", 1)
    with chromium() as browser, served([session, other], page=experimenter) as [client, other_client]:
        address = f"http://127.0.0.1:{client.port}/s/{client.token}/"
        browser.open(address)
        assert welcome in text_of(browser, "welcome")
        press_on(browser, "welcome")
        assert (
            "AB12" in text_of(browser, "consent") and browser.script("return document.documentElement.lang") == language
        )
        assert browser.script("return document.querySelector('.jspsych-btn').innerText") == agree
        assert not path.exists()
        press_on(browser, "consent")
        browser.wait(page("demographics"))
        browser.reload()  # the consent is not asked again
        browser.wait(page("demographics"))
        browser.press("input[value='25-34']")
        browser.press("input[value='corrected']")
        browser.press("#answers")
        measure_screen(browser)
        browser.wait(page("instructions-practice"), 40)
        settings = client.get("trials.json").json
        assert settings["demographics"] is None
        correct = [trial["correct"] for trial in settings["practice"]["trials"]]
        incorrect = next(cell["choice"] for cell in settings["cells"] if cell["choice"] not in correct)
        browser.press(".jspsych-btn")
        choose(browser, settings, 1, correct[0], part="practice")
        assert pixel(browser, settings, correct[0]) == BLACK  # the choice is marked at the click
        browser.wait(canvas_of(2, "practice"))
        browser.reload()  # in the middle of the practice
        measure_screen(browser, card=False)
        press_on(browser, "instructions-practice")
        browser.script(
            "const draw = drawFeedback; window.words = [];"
            "drawFeedback = (context, ...rest) => { const fill = context.fillText.bind(context);"
            "context.fillText = (text, ...at) => { window.words.push(text); fill(text, ...at); }; draw(context, ...rest); };"
        )
        choose(browser, settings, 2, incorrect, part="practice")
        browser.wait("window.words.length")
        assert pixel(browser, settings, correct[1]) == WHITE and pixel(browser, settings, incorrect) == BLACK
        assert wrong in browser.script("return window.words[0]")
        press_on(browser, "instructions-trials")
        choose(browser, settings, 1, "dog")
        browser.wait(canvas_of(2))
        browser.reload()  # in the middle of the experiment
        measure_screen(browser, card=False)
        assert "2" in text_of(browser, "instructions-trials")
        browser.press(".jspsych-btn")
        choose(browser, settings, 2, "cat")
        press_on(browser, "break")
        choose(browser, settings, 3)
        choose(browser, settings, 4, "clock")
        participation = Participation(tmp_path, "few", "AB12")
        code = text_of(browser, "end").split(thanks)[1].split()[0].strip(".")
        assert code == participation.completion_code
        browser.reload()
        assert code in text_of(browser, "end")
        assert browser.console() == []
        browser.open(f"http://127.0.0.1:{other_client.port}/s/{other_client.token}/")
        press_on(browser, "welcome")
        press_on(browser, "consent", "button[data-choice='1']")
        declined = text_of(browser, "declined")
        browser.reload()
        assert text_of(browser, "declined") == declined and other.is_finished
        browser.open(f"http://127.0.0.1:{client.port}{experimenter.address}")
        browser.wait("document.querySelectorAll('tbody tr').length === 2")
        table = browser.script("return document.querySelector('#table').innerText")
        browser.wait("document.querySelector('#updated').innerText.startsWith('Last updated')")
        requests = [url for url in browser.requests() if not url.startswith(("chrome", "about:", "data:"))]
        assert requests and all(url.startswith(f"http://127.0.0.1:{client.port}/") for url in requests)
        assert browser.console() == []
    assert "finished" in table and "4 of 4" in table and "did not consent" in table and "1 declined" in table
    assert [row["response"] for row in rows(path)] == ["dog", "cat", "", "clock"]
    assert [row["response"] for row in rows(log.log_path(tmp_path, "few-practice", "AB12", 1))] == [
        correct[0],
        incorrect,
    ]
    records = sidecar(path)["session_records"]
    assert records["texts"][0]["language"] == language and records["consent"][0]["version"] == "1"
    assert participation.decision("1") == "accepted"
    assert json.loads(participation.demographics_path.read_text())["answers"] == {
        "age_group": "25-34", "gender": "prefer-not-to-say", "vision": "corrected"
    }  # fmt: skip
    assert not log.log_path(tmp_path, "few", "CD34", 1).exists()


def test_preview_of_a_static_page_sends_nothing(few, scripts, tmp_path):
    folder = tmp_path / "page"
    options = PageOptions(load_texts(), consent=True, demographics=True, preview=True)
    serving.write_static(few, "AB12", folder, scripts, options=options, limit=1)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(SavingHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with chromium() as browser:
                settings = json.loads((folder / "trials.json").read_text())
                browser.open(f"http://127.0.0.1:{server.server_address[1]}/")
                browser.wait("document.querySelector('.banner')?.innerText.includes('PREVIEW')")
                press_on(browser, "welcome")
                press_on(browser, "consent")
                browser.press("#answers")
                measure_screen(browser)
                press_on(browser, "instructions-trials")
                choose(browser, settings, 1, "dog")
                browser.wait(page("end"))
        finally:
            server.shutdown()
            thread.join()
    assert not (folder / "saved.jsonl").exists()


def test_jatos_page_with_consent_and_practice_is_imported(few, scripts, tmp_path):
    folder, out = tmp_path / "page", tmp_path / "logs"
    options = PageOptions(
        load_texts("de"), consent=True, demographics=True, completion=Completion("random"), pilot=True
    )
    serving.write_static(
        few,
        "AB12",
        folder,
        scripts,
        options=options,
        practice=practice_experiment(few, 1),
        limit=2,
        completion_code="XYZ7",
    )
    (folder / "jatos.js").write_text(JATOS)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(SavingHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with chromium() as browser:
                settings = json.loads((folder / "trials.json").read_text())
                browser.open(f"http://127.0.0.1:{server.server_address[1]}/")
                press_on(browser, "welcome")
                press_on(browser, "consent")
                browser.press("#answers")
                browser.wait("document.querySelector('#fits')")
                browser.reload()  # neither the consent nor the questions are asked again
                measure_screen(browser)
                press_on(browser, "instructions-practice")
                choose(browser, settings, 1, settings["practice"]["trials"][0]["correct"], part="practice")
                press_on(browser, "instructions-trials")
                choose(browser, settings, 1, "dog")
                choose(browser, settings, 2, "oven")
                assert "XYZ7" in text_of(browser, "end")
                browser.press(".jspsych-btn")
                browser.wait("document.body.innerText === 'ended'")
        finally:
            server.shutdown()
            thread.join()
    practice, path = sorted(import_answers(few, [folder / "saved.jsonl"], out), key=lambda path: len(path.name))[::-1]
    assert [row["response"] for row in rows(path)] == ["dog", "oven"] and sidecar(path)["status"] == "partial"
    assert rows(practice)[0]["experiment"] == "few-practice" and rows(path)[0]["observer"] == "AB12-pilot"
    participation = Participation(out, "few", "AB12-pilot")
    assert (participation.decision("1"), participation.completion_code) == ("accepted", "XYZ7")
    assert participation.has_demographics
