"""Interactive figures and tables in headless Chromium: selecting pairs, sorting rows, and choosing curves."""

import json
import re

import numpy as np

from analysis.io.number_format import format_kappa, format_number, shorten
from analysis.kappa.consistency import error_consistency, kappa_matrix
from analysis.kappa.contingency import contingency
from analysis.measures.accuracy import accuracy
from tests.browser.pages import (
    DOWN,
    ENTER,
    KINDS,
    RIGHT,
    UP,
    address_fields,
    choose,
    figure,
    reveal,
    rows_of,
    select_pair,
    texts,
)


def test_a_cell_shows_its_pair(opened, frame):
    browser = opened("index.html")
    selector = figure(browser, "consistency")
    own = frame[frame["dataset"] == "cue-conflict"]
    pairs, counts = error_consistency(own), contingency(own)
    names = list(kappa_matrix(pairs, "cue-conflict").index)
    order = rows_of(browser, selector)
    for row, column in ((0, 3), (4, 2)):
        select_pair(browser, selector, row, column)
        i, j = sorted((order[row], order[column]))
        which = (pairs["observer_1"] == names[i]) & (pairs["observer_2"] == names[j])
        pair, table = pairs[which].iloc[0], counts[which].iloc[0]
        (summary,) = texts(browser, f"{selector} .pair .kappa")
        kappa, low, high = (format_number(pair[name]) for name in ("kappa", "low", "high"))
        assert summary == f"n = 70 images, κ = {kappa} [{low}, {high}]."
        cells = texts(browser, f"{selector} .pair .contingency td")
        assert [int(cells[k]) for k in (4, 5, 7, 8)] == [
            table[name] for name in ("both_right", "only_1", "only_2", "both_wrong")
        ]
        browser.wait(f"document.querySelector('{selector} .strip a')")
        wrong = own[~own["correct"] & own["observer"].isin([names[i], names[j]])]["stimulus"].value_counts()
        both = set(wrong.index[wrong == 2])
        links = address_fields(browser, f"{selector} .strip a", "s")
        assert len(links) == min(24, table["both_wrong"]) and set(links) <= both and len(both) == table["both_wrong"]
        images = f"[...document.querySelectorAll('{selector} .strip img')]"
        browser.script(f"{images}.at(-1).scrollIntoView({{block: 'end'}})")
        browser.wait(f"{images}.every(i => i.complete && i.naturalWidth === 40)")
    (heading,) = texts(browser, f"{selector} .pair h4")
    assert names[i] in heading and names[j] in heading
    select_pair(browser, selector, 1, 1)
    assert "by definition" in browser.script(f"return document.querySelector('{selector} .pair').textContent")
    browser.script(f"document.querySelector('{selector} svg').focus()")
    for key in (RIGHT, DOWN, UP, RIGHT, ENTER):
        browser.key(key)
    assert browser.script(f"return document.querySelector('{selector} .pair').dataset.pair") == "{} {}".format(
        *sorted((order[1], order[3]))
    )


def test_conditions_are_shown_separately(opened, frame):
    browser = opened("index.html")
    selector = figure(browser, "consistency", "contrast")
    select_pair(browser, selector, 0, 1)
    assert "the mean over 2 conditions" in texts(browser, f"{selector} .pair .kappa")[0]  # the benchmark excludes 100
    rows = texts(browser, f"{selector} .pair .scroll tr")
    assert len(rows) == 3 and rows[1].startswith("5012") and rows[2].startswith("512")


def test_the_matrix_is_sorted_as_selected(opened, frame):
    browser = opened("index.html")
    selector = figure(browser, "consistency")
    matrix = kappa_matrix(error_consistency(frame, intervals=False), "cue-conflict")
    names = list(matrix.index)
    choose(browser, f"{selector} select", "name")
    assert [names[o] for o in rows_of(browser, selector)] == sorted(names, key=str.casefold)
    choose(browser, f"{selector} select", "kind")
    assert [KINDS[names[o]] for o in rows_of(browser, selector)] == [
        "human", "human", "generative", "contrastive", "discriminative", "discriminative", "simulated",
    ]  # fmt: skip
    choose(browser, f"{selector} select", "people")
    people = ["subject-01", "subject-02"]
    mean = {name: np.nanmean([matrix.loc[name, p] for p in people if p != name]) for name in names}
    values = [mean[names[o]] for o in rows_of(browser, selector)]
    assert values == sorted(values, reverse=True)
    select_pair(browser, selector, 0, 1)
    pair = browser.script(f"return document.querySelector('{selector} .pair').dataset.pair")
    choose(browser, f"{selector} select", "cluster")
    assert browser.script(f"return document.querySelector('{selector} .pair').dataset.pair") == pair
    assert (
        browser.script(f"return document.querySelectorAll('{selector} svg path[data-height]').length") == len(names) - 1
    )


def test_a_click_sorts_a_table(opened, frame):
    browser = opened("index.html")
    table = "section[aria-labelledby=dataset-contrast] details:has(> summary > h3[id^=accuracy]) > .scroll table"
    expected = accuracy(frame[frame["dataset"] == "contrast"]).query("condition == 'c05'")["accuracy"]
    reveal(browser, table)
    for is_descending in (False, True):
        browser.press(f"{table} thead th:nth-child(5) button")
        cells = texts(browser, f"{table} tbody td:nth-child(5)")
        assert [text[:5] for text in cells] == [format_number(v) for v in sorted(expected, reverse=is_descending)]
        sort = browser.script(
            f"return document.querySelector({json.dumps(table)}).querySelector('th:nth-child(5)').ariaSort"
        )
        assert sort == ("descending" if is_descending else "ascending")
    browser.press(f"{table} thead th:first-child button")
    assert len(set(texts(browser, f"{table} tbody th"))) == len(KINDS)


def test_curves_can_be_selected(opened):
    browser = opened("index.html")
    selector = figure(browser, "accuracy", "contrast")
    lines = f"return document.querySelectorAll('{selector} path.line').length"
    bands = f"return document.querySelectorAll('{selector} path.band').length"
    assert (browser.script(lines), browser.script(bands)) == (len(KINDS), 0)  # many bands would hide each other
    browser.script(f"document.querySelectorAll('{selector} .legend input:checked')[0].click()")
    assert browser.script(lines) == len(KINDS) - 1
    point = "dispatchEvent(new PointerEvent('{}', {{bubbles: {}}}))"
    label, marker = (
        f"document.querySelector('{selector} {part}')" for part in (".legend label:last-child", "svg [data-series]")
    )
    browser.script(f"{label}.{point.format('pointerenter', 'false')}")
    assert browser.script(bands) == 1
    browser.script(f"{label}.{point.format('pointerleave', 'false')}")
    assert browser.script(bands) == 0
    browser.script(f"{marker}.{point.format('click', 'true')}")
    assert browser.script(bands) == 1
    while browser.script(lines) > 3:
        browser.script(f"document.querySelectorAll('{selector} .legend input:checked')[0].click()")
    assert browser.script(bands) == 3
    selector = figure(browser, "shape-bias")
    assert browser.script(f"return document.querySelectorAll('{selector} svg [data-series]').length") > len(KINDS)
    assert browser.script(f"return getComputedStyle(document.querySelector('{selector} > img')).display") == "none"


def test_the_page_and_the_figures_show_the_same_digits(opened, frame, report):
    """The numbers in the cells of the page and of the SVG file are the same, and both are those of Python."""
    browser = opened("index.html")
    for name in ("cue-conflict", "contrast"):
        selector = figure(browser, "consistency", name)
        cells = texts(browser, f"{selector} svg text[pointer-events=none]")
        matrix = kappa_matrix(error_consistency(frame, intervals=False), name).to_numpy(float)
        assert sorted(cells) == sorted(format_kappa(kappa) for kappa in matrix.ravel())
        svg = (report / "figures" / f"consistency_{name}.svg").read_text("utf-8")
        printed = re.findall(
            r'<text style="[^"]*\b6px[^"]*"[^>]*>([^<]+)</text>', svg
        )  # numbers in cells have 6 points
        assert sorted(printed) == sorted(cells)


def test_numbers_are_rounded_as_in_python(opened):
    n = np.arange(1, 60)
    values = np.unique(
        np.concatenate([np.arange(0, k + 1) / k for k in n] + [-np.arange(0, 8) / 16000, [0.285, 0.565]])
    )
    browser = opened("index.html")
    for decimals in (0, 1, 2, 3):
        sent = json.dumps(shorten(values, decimals).tolist())
        shown = browser.script(f"return {sent}.map((value) => report.number(value, {decimals}))")
        assert shown == [format_number(value, decimals) for value in values]
        exact = browser.script(f"return {json.dumps(values.tolist())}.map((value) => report.number(value, {decimals}))")
        assert exact == shown
