"""The report of more observers than figures can name, in headless Chromium: the matrix, long tables and trials."""

import json
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from analysis.figures import style
from analysis.kappa.consistency import error_consistency, kappa_matrix
from analysis.measures.accuracy import accuracy
from analysis.report import paged_tables
from analysis.report.report import write_report
from tests.browser.pages import DOWN, ENTER, HURT, ODD, RIGHT, choose, texts
from tests.unit.analysis.report.simulated_reports import trials

N = 210
OBSERVERS = {ODD: "generative", f"</script><script>{HURT}</script>": "discriminative", "__proto__": "simulated"} | {
    f"observer {o:03d}": ("human", "generative", "contrastive")[o % 3] for o in range(N - 3)
}
MATRIX = "#consistency_cue-conflict"


@pytest.fixture(scope="module")
def frame():
    frame = trials("cue-conflict", OBSERVERS, n=20, cues=True)
    frame["rt"] = np.where(frame["kind"] == "human", 0.5, np.nan)
    return pd.concat([frame, trials("contrast", OBSERVERS, ("c50", "c05"), n=12, seed=1)], ignore_index=True)


@pytest.fixture(scope="module")
def large(frame, tmp_path_factory):
    folder = tmp_path_factory.mktemp("large #1") / "report"
    write_report(frame, folder, intervals=False)
    return folder


@pytest.fixture
def opened(browser, large):
    """Return a function that opens a page; afterwards check that the console is empty and nothing outside was requested."""
    browser.open("about:blank")
    browser.resize(1280, 900)
    browser.console(), browser.requests()
    base = f"file://{quote(str(large))}/"

    def open_page(page, fragment=""):
        browser.open("about:blank")
        browser.open(base + page + fragment)
        browser.wait("document.querySelector('#image h2, #provenance')")
        return browser

    yield open_page
    assert browser.script("return typeof hurt") == "undefined"
    assert browser.console() == []
    requests = {url for url in browser.requests() if not url.startswith(("chrome://", "about:", "data:"))}
    assert requests and {url for url in requests if not url.startswith(base)} == set()


def show_matrix(browser):
    browser.script(f"document.querySelector('{MATRIX}').scrollIntoView()")
    browser.wait(f"document.querySelector('{MATRIX} canvas')")


def find(browser, name):
    """Type the name of an observer into the search field of the matrix, and wait for its row."""
    choose(browser, f"{MATRIX} .controls input", name)
    browser.wait(f"document.querySelector('{MATRIX} .pair h4')")


def test_the_matrix_is_a_canvas_that_keys_can_use(opened, frame):
    browser = opened("index.html")
    show_matrix(browser)
    assert browser.script(f"return document.querySelectorAll('{MATRIX} svg, {MATRIX} rect').length") == 0
    matrix = kappa_matrix(error_consistency(frame, intervals=False), "cue-conflict")
    choose(browser, f"{MATRIX} select", "name")
    names = sorted(OBSERVERS, key=lambda name: (name.casefold(), name))
    find(browser, ODD)
    assert ODD in texts(browser, f"{MATRIX} .pair h4")[0]
    assert "κ of an observer with itself is 1" in texts(browser, f"{MATRIX} .pair")[0]
    closest = texts(browser, f"{MATRIX} .pair tbody th")
    values = [float(text) for text in texts(browser, f"{MATRIX} .pair tbody td")]
    expected = matrix[ODD].drop(ODD).sort_values(ascending=False).head(10)
    assert values == pytest.approx(expected.to_list(), abs=0.002)
    assert matrix.loc[closest, ODD].to_list() == pytest.approx(values, abs=0.001)
    browser.script(f"document.querySelector('{MATRIX} canvas').focus()")
    for key in (RIGHT, RIGHT, DOWN):
        browser.key(key)
    row, column = names[names.index(ODD) + 1], names[names.index(ODD) + 2]
    status = texts(browser, f"{MATRIX} [role=status]")[0]
    assert row in status and column in status and status.endswith(f"κ = {matrix.loc[row, column]:.3f}")
    browser.key(ENTER)
    browser.wait(f"document.querySelector('{MATRIX} .contingency')")
    (summary,) = texts(browser, f"{MATRIX} .pair .kappa")
    assert summary == f"n = 20 images, κ = {matrix.loc[row, column]:.3f}."
    own = frame[frame["dataset"] == "cue-conflict"].pivot(index="stimulus", columns="observer", values="correct")
    first, second = sorted((row, column), key=list(matrix.index).index)
    cells = [int(texts(browser, f"{MATRIX} .contingency td")[k]) for k in (4, 5, 7, 8)]
    a, b = own[first].to_numpy(bool), own[second].to_numpy(bool)
    assert cells == [(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()]


def test_the_matrix_can_be_zoomed_and_moved(opened):
    browser = opened("index.html")
    show_matrix(browser)
    pixels = (
        f"const c = document.querySelector('{MATRIX} canvas'); return c.toDataURL().slice(-2000) + c.toDataURL().length"
    )
    whole = browser.script(pixels)
    images = [whole]
    for label in ("Zoom in", "Zoom in", "Zoom in", "Show the whole matrix"):
        browser.script(f"document.querySelector('{MATRIX} button[title=\"{label}\"]').click()")
        images.append(browser.script(pixels))
    assert len(set(images[:4])) == 4 and images[4] == whole
    browser.script(f"document.querySelector('{MATRIX} canvas').focus()")
    browser.key("+")
    assert browser.script(pixels) == images[1]
    browser.key("0")
    assert browser.script(pixels) == whole
    for by in ("kind", "people", "name"):
        choose(browser, f"{MATRIX} select", by)
        images.append(browser.script(pixels))
    assert len(set(images)) == 7


def test_a_pair_in_several_conditions(opened, frame):
    browser = opened("index.html", "#dataset-contrast")  # the address opens the section
    selector = "#consistency_contrast"
    browser.script(f"document.querySelector('{selector}').scrollIntoView()")
    browser.wait(f"document.querySelector('{selector} canvas')")
    choose(browser, f"{selector} .controls input", "__proto__")
    browser.script(f"document.querySelector('{selector} canvas').focus()")
    browser.key(RIGHT)
    browser.key(ENTER)
    browser.wait(f"document.querySelector('{selector} .contingency')")
    rows = texts(browser, f"{selector} .pair .scroll tr")
    assert len(rows) == 3 and rows[1].startswith("5012") and rows[2].startswith("512")


def test_a_long_table_has_pages_and_can_be_sorted_and_searched(opened, frame):
    browser = opened("index.html")
    section = "section[aria-labelledby=dataset-cue-conflict]"
    table = f"{section} details:has(> summary > h3[id^=accuracy]) details table"
    browser.script(f"document.querySelector('{table}').closest('details').open = true")
    names, size = f"{table} tbody th", paged_tables.PAGE_ROWS
    expected = accuracy(frame[frame["dataset"] == "cue-conflict"])
    assert texts(browser, names) == list(expected["observer"][:size])
    form = f"document.querySelector('{table}').closest('details').querySelector('.controls')"
    seen = set(texts(browser, names))
    while not browser.script(f"return {form}.querySelectorAll('button')[1].disabled"):
        first = texts(browser, names)[0]
        browser.script(f"{form}.querySelectorAll('button')[1].click()")
        browser.wait(f"document.querySelector('{names}').textContent !== {json.dumps(first)}")
        seen |= set(texts(browser, names))
    assert seen == set(OBSERVERS)
    head = f"document.querySelector('{table} thead th:nth-child(3) button')"
    for is_descending in (False, True):
        browser.script(f"{head}.click()")
        browser.wait(f"{form}.textContent.includes('Rows 1–{size} of {N}')")
        cells = [float(text[:5]) for text in texts(browser, f"{table} tbody td:nth-child(3)")]
        assert cells == [round(v, 3) for v in sorted(expected["accuracy"], reverse=is_descending)[:size]]
    browser.script(f"const field = {form}.querySelector('input'); field.value = 'ONERROR';"
                   "field.dispatchEvent(new Event('input'))")  # fmt: skip
    browser.wait(f"{form}.textContent.includes('Rows 1–1 of 1 that contain this text ({N} in total)')")
    assert texts(browser, names) == [ODD]
    assert browser.script(
        f"return document.querySelector('{table}').closest('details').querySelector('p a').textContent"
    ) == ("tables/accuracy.csv")


def test_curves_and_lines_of_single_observers(opened):
    browser = opened("index.html", "#dataset-contrast")
    curves = "#accuracy_contrast"
    browser.script(f"document.querySelector('{curves}').scrollIntoView()")
    browser.wait(f"document.querySelector('{curves} .plot svg')")
    assert len(texts(browser, f"{curves} .legend label")) < 8
    n = browser.script(f"return document.querySelectorAll('{curves} path.line').length")
    choose(browser, f"{curves} .controls input", ODD)
    assert ODD[:10] in texts(browser, f"{curves} .legend label")[-1]
    assert browser.script(f"return document.querySelectorAll('{curves} path.line').length") == n + 1
    bias = "#shape-bias_cue-conflict"
    browser.script(f"document.querySelector('{bias}').scrollIntoView()")
    browser.wait(f"document.querySelector('{bias} path.lines')")
    assert browser.script(f"return document.querySelectorAll('{bias} [data-series]').length") == 0
    choose(browser, f"{bias} select", "3")
    assert browser.script(f"return document.querySelectorAll('{bias} [data-series=\"3\"]').length") > 0


def test_the_responses_to_an_image_have_pages(opened, frame):
    browser = opened("trials.html", "#d=cue-conflict&s=3.png")
    names = ".observers tbody th"
    assert len(texts(browser, names)) == 50
    own = frame[(frame["dataset"] == "cue-conflict") & (frame["stimulus"] == "3.png")]
    field = "#image .controls input"
    browser.script(f"document.querySelector('{field}').focus()")
    choose(browser, field, "no response")
    n = int((own["response"] == "").sum())
    browser.wait(f"document.querySelector('#image .controls').textContent.includes(' of {n} that contain this text')")
    assert set(texts(browser, ".observers tbody td:nth-child(3)")) == {"no response"}
    browser.script("document.getElementById('next').click()")  # the text stays for the next image
    browser.wait("document.querySelector('#image .controls input')?.value === 'no response'")
    browser.wait(
        "[...document.querySelectorAll('.observers tbody td:nth-child(3)')].every(c => c.textContent === 'no response')"
    )


@pytest.mark.parametrize("page", ["index.html", "trials.html"])
def test_a_large_report_fits_a_phone(opened, page):
    browser = opened(page)
    browser.resize(360, 740, phone=True)
    browser = opened(page)
    if page == "index.html":
        show_matrix(browser)
        find(browser, ODD)
    assert browser.script("return [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    browser.resize(1280, 900)


def test_the_figures_are_those_of_many_observers():
    assert N > style.MAX_SHOWN and N > paged_tables.MAX_ROWS
