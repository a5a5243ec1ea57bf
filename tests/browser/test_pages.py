"""Both pages in headless Chromium: names are text, nothing outside is requested, and phones and printers show them."""

import json
from urllib.parse import quote

import pytest

from tests.browser.pages import HURT, ODD, OWN, address_fields, choose, figure, select_pair


def test_the_console_reports_blocked_requests(browser, report):
    """Other tests check that the console is empty, which requires that it reports violations of the policy."""
    browser.open(f"file://{quote(str(report))}/index.html")
    browser.console()
    add = "document.body.append(Object.assign(document.createElement('{}'), {{{}}}))"
    browser.script("fetch('https://example.org/x').catch(() => 0)")
    browser.script(add.format("script", f"textContent: '{HURT}'"))
    browser.script(add.format("img", "src: 'https://example.org/x.png'"))
    browser.wait("true")
    messages = " ".join(browser.console())
    assert "connect-src" in messages or "default-src" in messages
    assert "script-src" in messages and "img-src" in messages
    assert browser.script("return typeof hurt") == "undefined"


def test_names_with_markup_are_text_and_work_in_addresses(opened, frame):
    browser = opened("trials.html")
    choose(browser, "#d", OWN)
    browser.wait(f"new URLSearchParams(location.hash.slice(1)).get('d') === {json.dumps(OWN)}")
    browser.wait("[...document.querySelector('#c').options].some(o => o.value === '<b>1</b>')")
    choose(browser, "#c", "<b>1</b>")
    choose(browser, "#q", "onerror")
    is_shown = f"document.querySelector('#image h2')?.textContent === {json.dumps(f'{ODD}.png')}"
    browser.wait(is_shown)
    browser.reload()
    browser.wait(f"{is_shown} && document.getElementById('c').value === '<b>1</b>'")
    browser = opened("index.html")
    links = address_fields(browser, ".dataset a[href^=trials]", "d")
    assert sorted(links) == sorted(frame["dataset"].unique())


@pytest.mark.parametrize("page", ["index.html", "trials.html"])
def test_pages_fit_the_width_of_a_phone(opened, page):
    browser = opened(page)
    browser.resize(360, 740, phone=True)
    browser = opened(page)
    if page == "index.html":
        for name in ("contrast", "cue-conflict"):
            select_pair(browser, figure(browser, "consistency", name), 0, 1)
    assert browser.script("return [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    assert browser.script("return document.querySelector('.notes').textContent").count("simulated") == 1
    browser.resize(1280, 900)


def test_the_page_can_be_printed(opened):
    browser = opened("index.html")
    assert browser.pdf().startswith(b"%PDF") and len(browser.pdf()) > 50_000
    for text in ("beforeprint", "afterprint"):
        browser.script(f"window.dispatchEvent(new Event('{text}'))")
