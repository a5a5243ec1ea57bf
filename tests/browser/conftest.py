"""A report on observers with unusual names, opened from the disk in headless Chromium."""

from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from analysis.report.report import write_report
from stimuli.images import save_image
from stimuli.stimulus import Stimulus, StimulusSet
from tests.browser.chromium import chromium
from tests.browser.pages import KINDS, ODD, OWN
from tests.unit.analysis.report.simulated_reports import trials


@pytest.fixture(scope="session")
def frame():
    parts = [
        trials("contrast", KINDS, ("c100", "c50", "c05"), 12, seed=1),
        trials("cue-conflict", KINDS, n=70, cues=True),
        trials(OWN, KINDS, ("<b>1</b>", "2"), 9, seed=2).replace({"stimulus": {"0.png": f"{ODD}.png"}}),
    ]  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    net, rng = frame["observer"] == ODD, np.random.default_rng(0)
    for choice in ("cat", "dog", "car"):
        frame[f"evidence_{choice}"] = np.where(
            net, rng.normal(-100, 1, len(frame)) + 5 * (frame["response"] == choice), np.nan
        )
    frame["source"] = "log.csv"
    frame["rt"] = np.where(frame["kind"] == "human", 0.5, np.nan)
    frame.attrs["notes"] = [
        "incomplete: x.csv has only 1 of 2 trials",
        "simulated observers are included (their responses are not measurements): __proto__",
    ]
    return frame


@pytest.fixture(scope="session")
def report(frame, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a report # of % 1")
    for i in range(70):
        save_image(np.full((40, 40, 3), 3 * i, np.uint8), folder / "shown" / f"{i}.png")
    stimuli = tuple(Stimulus(f"{i}.png", folder / "shown" / f"{i}.png", "cat") for i in range(70))
    write_report(frame, folder / "report", stimuli=[StimulusSet("cue-conflict", stimuli, "<i>Somebody</i>")])
    return folder / "report"


@pytest.fixture(scope="session")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def opened(browser, report):
    """Return a function that opens a page; afterwards check that the console is empty and nothing outside was requested."""
    browser.open("about:blank")
    browser.resize(1280, 900)
    browser.console(), browser.requests()
    base = f"file://{quote(str(report))}/"

    def open_page(page, fragment=""):
        browser.open("about:blank")
        browser.open(base + page + fragment)
        if page == "trials.html":
            browser.wait("document.querySelector('#image h2')")
        return browser

    yield open_page
    assert browser.script("return typeof hurt") == "undefined"
    assert browser.console() == []
    requests = {url for url in browser.requests() if not url.startswith(("chrome://", "about:", "data:"))}
    assert requests and {url for url in requests if not url.startswith(base)} == set()
