"""Both pages in headless Chromium: names are text, nothing is asked for outside, a phone and a printer show them."""

import json
from urllib.parse import quote

import pytest

from tests.analysis.pages.pages import HURT, ODD, OWN, ask, choose, figure, said_in

pytestmark = pytest.mark.slow


def test_the_console_would_tell(browser, report):
    """That nothing was said means something only where something would be."""
    browser.open(f"file://{quote(str(report))}/index.html")
    browser.console()
    add = "document.body.append(Object.assign(document.createElement('{}'), {{{}}}))"
    browser.script("fetch('https://example.org/x').catch(() => 0)")
    browser.script(add.format("script", f"textContent: '{HURT}'"))
    browser.script(add.format("img", "src: 'https://example.org/x.png'"))
    browser.wait("true")
    said = " ".join(browser.console())
    assert "connect-src" in said or "default-src" in said
    assert "script-src" in said and "img-src" in said
    assert browser.script("return typeof hurt") == "undefined"


def test_hostile_names_are_text_and_have_addresses(opened, frame):
    browser = opened("trials.html")
    choose(browser, "#d", OWN)
    browser.wait(f"new URLSearchParams(location.hash.slice(1)).get('d') === {json.dumps(OWN)}")
    browser.wait("[...document.querySelector('#c').options].some(o => o.value === '<b>1</b>')")
    choose(browser, "#c", "<b>1</b>")
    choose(browser, "#q", "onerror")
    there = f"document.querySelector('#one h2')?.textContent === {json.dumps(f'{ODD}.png')}"
    browser.wait(there)
    browser.reload()
    browser.wait(f"{there} && document.getElementById('c').value === '<b>1</b>'")
    browser = opened("index.html")
    links = said_in(browser, ".dataset a[href^=trials]", "d")
    assert sorted(links) == sorted(frame["dataset"].unique())


@pytest.mark.parametrize("page", ["index.html", "trials.html"])
def test_on_a_phone_nothing_sticks_out(opened, page):
    browser = opened(page)
    browser.resize(360, 740, phone=True)
    browser = opened(page)
    if page == "index.html":
        for name in ("contrast", "cue-conflict"):
            ask(browser, figure(browser, "consistency", name), 0, 1)
    assert browser.script("return [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    assert browser.script("return document.querySelector('.notes').textContent").count("simulated") == 1
    browser.resize(1280, 900)


def test_it_prints(opened):
    browser = opened("index.html")
    assert browser.pdf().startswith(b"%PDF") and len(browser.pdf()) > 50_000
    for text in ("beforeprint", "afterprint"):
        browser.script(f"window.dispatchEvent(new Event('{text}'))")
