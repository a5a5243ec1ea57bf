"""Both pages in headless Chromium: names are text, nothing outside is requested, and phones and printers show them."""

import json
import re
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
    closed = "[...document.querySelectorAll('details.fold')].filter((fold) => !fold.open).length"
    before = browser.script(f"return {closed}")
    assert before > 1
    pdf = browser.pdf()
    assert pdf.startswith(b"%PDF") and len(pdf) > 50_000
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) < 26  # names of 300 characters fill several pages
    browser.script("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.script(f"return {closed}") == 0
    browser.script("window.dispatchEvent(new Event('afterprint'))")
    assert browser.script(f"return {closed}") == before


def test_sections_fold_and_links_open_them(opened):
    browser = opened("index.html")
    is_open = "document.getElementById({}).closest('details').open"
    anchors = browser.script("return [...document.querySelectorAll('.dataset h2')].map((head) => head.id)")
    assert [browser.script(f"return {is_open.format(json.dumps(anchor))}") for anchor in anchors] == [
        True,
        False,
        False,
    ]
    last = json.dumps(anchors[-1])
    browser.script(f"location.hash = {last}")
    browser.wait(is_open.format(last))
    part = browser.script("return [...document.querySelectorAll('.dataset')].at(1).querySelector('h3').id")
    browser = opened("index.html", f"#{part}")
    assert browser.script(f"return {is_open.format(json.dumps(part))}")
    browser.wait(f"document.getElementById({json.dumps(part)}).getBoundingClientRect().top < innerHeight")
    browser.press(".fold-all")
    assert not browser.script("return [...document.querySelectorAll('main details.fold')].some((fold) => !fold.open)")
    assert browser.script("return document.querySelector('.fold-all').textContent") in ("Collapse all", "Expand all")


def test_without_scripts_all_sections_are_open(report):
    page = (report / "index.html").read_text("utf-8")
    folds = re.findall(r'<details class="fold"([^>]*)>', page)
    assert len(folds) > 10 and all(" open" in attributes for attributes in folds)


def test_narrow_screens_keep_names_and_values_and_say_which_tables_scroll(opened):
    browser = opened("index.html")
    browser.resize(390, 844, phone=True)
    browser = opened("index.html")
    table = "[...document.querySelectorAll('table.sortable')].find((t) => t.tHead.textContent.includes('shape bias'))"
    browser.script(f"{table}.closest('details.folded')?.setAttribute('open', '')")
    place = f"const b = {table}.tBodies[0].rows[0].cells[{{}}].getBoundingClientRect(); return [b.left, b.right]"
    head, value = (browser.script(place.format(column)) for column in (0, 2))
    assert head[0] >= 0 and value[0] >= head[1] - 1 and value[1] <= 390
    browser.wait(f"{table}.parentElement.previousElementSibling?.classList.contains('hint')")
    browser.script(f"{table}.parentElement.scrollLeft = 400")
    moved = browser.script(f"return {table}.tBodies[0].rows[0].cells[0].getBoundingClientRect().left")
    assert abs(moved - head[0]) < 1
    browser.resize(1280, 900)
