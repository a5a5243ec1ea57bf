"""Figures and tables of the page in headless Chromium: they can be asked, ordered, sorted and chosen from."""

import json

import numpy as np
import pytest

from analysis.accuracy import accuracy
from analysis.consistency import consistency, kappa_matrix
from analysis.contingency import contingency
from tests.analysis.pages.pages import DOWN, ENTER, RIGHT, UP, WHO, ask, choose, figure, rows_of, said_in, texts

pytestmark = pytest.mark.slow


def test_a_cell_tells_of_its_pair(opened, frame):
    browser = opened("index.html")
    selector = figure(browser, "consistency")
    own = frame[frame["dataset"] == "cue-conflict"]
    pairs, counts = consistency(own), contingency(own)
    names = list(kappa_matrix(pairs, "cue-conflict").index)
    order = rows_of(browser, selector)
    for row, column in ((0, 3), (4, 2)):
        ask(browser, selector, row, column)
        i, j = sorted((order[row], order[column]))
        which = (pairs["observer_1"] == names[i]) & (pairs["observer_2"] == names[j])
        pair, four = pairs[which].iloc[0], counts[which].iloc[0]
        (said,) = texts(browser, f"{selector} .asked .kappa")
        assert said == f"n = 70 images, κ = {pair['kappa']:.3f} [{pair['low']:.3f}, {pair['high']:.3f}]."
        cells = texts(browser, f"{selector} .asked .two td")
        assert [int(cells[k]) for k in (4, 5, 7, 8)] == [
            four[n] for n in ("both_right", "only_1", "only_2", "both_wrong")
        ]
        browser.wait(f"document.querySelector('{selector} .strip a')")
        wrong = own[~own["correct"] & own["observer"].isin([names[i], names[j]])]["stimulus"].value_counts()
        both = set(wrong.index[wrong == 2])
        links = said_in(browser, f"{selector} .strip a", "s")
        assert len(links) == min(24, four["both_wrong"]) and set(links) <= both and len(both) == four["both_wrong"]
        pictures = f"[...document.querySelectorAll('{selector} .strip img')]"
        browser.script(f"{pictures}.at(-1).scrollIntoView({{block: 'end'}})")
        browser.wait(f"{pictures}.every(i => i.complete && i.naturalWidth === 40)")
    (heading,) = texts(browser, f"{selector} .asked h4")
    assert names[i] in heading and names[j] in heading
    ask(browser, selector, 1, 1)
    assert "by definition" in browser.script(f"return document.querySelector('{selector} .asked').textContent")
    browser.script(f"document.querySelector('{selector} svg').focus()")
    for key in (RIGHT, DOWN, UP, RIGHT, ENTER):
        browser.key(key)
    assert browser.script(f"return document.querySelector('{selector} .asked').dataset.pair") == "{} {}".format(
        *sorted((order[1], order[3]))
    )


def test_several_conditions_stand_one_by_one(opened, frame):
    browser = opened("index.html")
    selector = figure(browser, "consistency", "contrast")
    ask(browser, selector, 0, 1)
    assert "the mean over 2 conditions" in texts(browser, f"{selector} .asked .kappa")[0]  # 100 does not count
    rows = texts(browser, f"{selector} .asked .scroll tr")
    assert len(rows) == 3 and rows[1].startswith("5012") and rows[2].startswith("512")


def test_the_order_is_what_it_says(opened, frame):
    browser = opened("index.html")
    selector = figure(browser, "consistency")
    matrix = kappa_matrix(consistency(frame, intervals=False), "cue-conflict")
    names = list(matrix.index)
    choose(browser, f"{selector} select", "name")
    assert [names[o] for o in rows_of(browser, selector)] == sorted(names, key=str.casefold)
    choose(browser, f"{selector} select", "kind")
    assert [WHO[names[o]] for o in rows_of(browser, selector)] == [
        "human", "human", "generative", "contrastive", "discriminative", "discriminative", "simulated",
    ]  # fmt: skip
    choose(browser, f"{selector} select", "people")
    people = ["subject-01", "subject-02"]
    mean = {name: np.nanmean([matrix.loc[name, p] for p in people if p != name]) for name in names}
    found = [mean[names[o]] for o in rows_of(browser, selector)]
    assert found == sorted(found, reverse=True)
    ask(browser, selector, 0, 1)
    pair = browser.script(f"return document.querySelector('{selector} .asked').dataset.pair")
    choose(browser, f"{selector} select", "cluster")
    assert browser.script(f"return document.querySelector('{selector} .asked').dataset.pair") == pair
    assert (
        browser.script(f"return document.querySelectorAll('{selector} svg path[data-height]').length") == len(names) - 1
    )


def test_tables_are_sorted_by_a_click(opened, frame):
    browser = opened("index.html")
    table = "section[aria-labelledby=dataset-contrast] h3[id^=accuracy] + figure + .scroll table"
    expected = accuracy(frame[frame["dataset"] == "contrast"]).query("condition == 'c05'")["accuracy"]
    browser.script(f"document.querySelector({json.dumps(table)}).scrollIntoView()")
    for falling in (False, True):
        browser.press(f"{table} thead th:nth-child(6) button")
        cells = texts(browser, f"{table} tbody td:nth-child(6)")
        assert [float(text[:5]) for text in cells] == [round(v, 3) for v in sorted(expected, reverse=falling)]
        sort = browser.script(
            f"return document.querySelector({json.dumps(table)}).querySelector('th:nth-child(6)').ariaSort"
        )
        assert sort == ("descending" if falling else "ascending")
    browser.press(f"{table} thead th:first-child button")
    assert len(set(texts(browser, f"{table} tbody th"))) == len(WHO)


def test_curves_and_markers_are_drawn_and_chosen(opened):
    browser = opened("index.html")
    selector = figure(browser, "accuracy", "contrast")
    lines = f"return document.querySelectorAll('{selector} path.line').length"
    bands = f"return document.querySelectorAll('{selector} path.band').length"
    assert (browser.script(lines), browser.script(bands)) == (len(WHO), len(WHO))
    browser.script(f"document.querySelectorAll('{selector} .legend input:checked')[0].click()")
    assert (browser.script(lines), browser.script(bands)) == (len(WHO) - 1,) * 2
    selector = figure(browser, "shape-bias")
    assert browser.script(f"return document.querySelectorAll('{selector} svg [data-series]').length") > len(WHO)
    assert browser.script(f"return getComputedStyle(document.querySelector('{selector} > img')).display") == "none"
