"""The report in headless Chromium, opened from the disk: it does what it says, asks for nothing outside, and is not hurt."""

import json
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from analysis.accuracy import accuracy
from analysis.consistency import consistency, kappa_matrix
from analysis.contingency import contingency
from analysis.images import by_image
from analysis.report.report import write_report
from stimuli.images import save_image
from stimuli.stimulus import Stimulus, StimulusSet
from tests.analysis.test_report import trials
from tests.browser import chromium

pytestmark = pytest.mark.slow
HURT = "hurt=1"
ODD = f'"><img src=x onerror={HURT}>'
WHO = {
    "subject-01": "human",
    "subject-02": "human",
    f"</script><script>{HURT}</script>": "discriminative",
    ODD: "generative",
    "名前 & co + 100 % #1": "contrastive",
    "x" * 300: "discriminative",
    "__proto__": "simulated",
}
OWN = f"'{ODD}&d=+#own"
LEFT, RIGHT, HOME, END, UP, DOWN, ENTER = "\ue012", "\ue014", "\ue011", "\ue010", "\ue013", "\ue015", "\ue007"


@pytest.fixture(scope="module")
def frame():
    parts = [
        trials("contrast", WHO, ("c100", "c50", "c05"), 12, seed=1),
        trials("cue-conflict", WHO, n=70, cues=True),
        trials(OWN, WHO, ("<b>1</b>", "2"), 9, seed=2).replace({"stimulus": {"0.png": f"{ODD}.png"}}),
    ]  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    net, rng = frame["observer"] == ODD, np.random.default_rng(0)
    for choice in ("cat", "dog", "car"):
        frame[f"evidence_{choice}"] = np.where(
            net, rng.normal(-100, 1, len(frame)) + 5 * (frame["response"] == choice), np.nan
        )
    frame["source"] = "log.csv"
    frame["rt"] = np.where(frame["kind"] == "human", 0.5, np.nan)
    frame.attrs["notes"] = ["partial: x.csv holds 1 of 2 trials", "simulated, not measured: __proto__"]
    return frame


@pytest.fixture(scope="module")
def report(frame, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a report # of % 1")
    for i in range(70):
        save_image(np.full((40, 40, 3), 3 * i, np.uint8), folder / "shown" / f"{i}.png")
    shown = tuple(Stimulus(f"{i}.png", folder / "shown" / f"{i}.png", "cat") for i in range(70))
    write_report(frame, folder / "report", stimuli=[StimulusSet("cue-conflict", shown, "<i>Somebody</i>")])
    return folder / "report"


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@pytest.fixture
def opened(browser, report):
    """Opens a page of the report; afterwards nothing was said in the console, and nothing asked for outside."""
    browser.open("about:blank")
    browser.resize(1280, 900)
    browser.said(), browser.requests()
    base = f"file://{quote(str(report))}/"

    def open_page(page, fragment=""):
        browser.open("about:blank")
        browser.open(base + page + fragment)
        if page == "trials.html":
            browser.wait("document.querySelector('#one h2')")
        return browser

    yield open_page
    assert browser.script("return typeof hurt") == "undefined"
    assert browser.said() == []
    asked = {url for url in browser.requests() if not url.startswith(("chrome://", "about:", "data:"))}
    assert asked and {url for url in asked if not url.startswith(base)} == set()


def figure(browser, measure, name="cue-conflict"):
    """Selector of a figure whose drawing is there."""
    selector = f"#{measure}_{name}"
    browser.script(f"document.querySelector('{selector}').scrollIntoView()")
    browser.wait(f"document.querySelector('{selector} .plot svg')")
    return selector


def said_in(browser, selector, name):
    """A word of the address, of every link there."""
    links = f"[...document.querySelectorAll({json.dumps(selector)})]"
    return browser.script(f"return {links}.map(a => new URLSearchParams(a.hash.slice(1)).get('{name}'))")


def texts(browser, selector):
    return browser.script(f"return [...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)")


def choose(browser, selector, value):
    value, found = json.dumps(value), f"document.querySelector({json.dumps(selector)})"
    browser.script(f"{found}.value = {value}; if ({found}.value !== {value}) throw Error('there is no such option')")
    for event in ("input", "change"):
        browser.script(f"{found}.dispatchEvent(new Event('{event}', {{bubbles: true}}))")


def ask(browser, selector, row, column):
    browser.press(f"{selector} rect[data-row='{row}'][data-column='{column}']")
    browser.wait(f"!document.querySelector('{selector} .asked').hidden")


def rows_of(browser, selector):
    """Whole names of the observers in the order of the rows, by place in the data."""
    marks = f"{selector} svg text[text-anchor=end][data-name]"
    return browser.script(f"return [...document.querySelectorAll('{marks}')].map(e => Number(e.dataset.name))")


def test_the_console_would_tell(browser, report):
    """That nothing was said means something only where something would be."""
    browser.open(f"file://{quote(str(report))}/index.html")
    browser.said()
    add = "document.body.append(Object.assign(document.createElement('{}'), {{{}}}))"
    browser.script("fetch('https://example.org/x').catch(() => 0)")
    browser.script(add.format("script", f"textContent: '{HURT}'"))
    browser.script(add.format("img", "src: 'https://example.org/x.png'"))
    browser.wait("true")
    said = " ".join(browser.said())
    assert "connect-src" in said or "default-src" in said
    assert "script-src" in said and "img-src" in said
    assert browser.script("return typeof hurt") == "undefined"


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
    table = "section[aria-labelledby=dataset-contrast] h3[id^=accuracy] ~ .scroll table"
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


def test_the_filters_pass_what_they_say(opened, frame):
    browser = opened("trials.html", "#d=cue-conflict")
    own = frame[frame["dataset"] == "cue-conflict"]
    images = by_image(own).set_index("stimulus")
    right = own.pivot(index="stimulus", columns="observer", values="correct")
    response = own.pivot(index="stimulus", columns="observer", values="response")
    texture = own.drop_duplicates("stimulus").set_index("stimulus")["texture"].reindex(images.index)
    right, response = right.reindex(images.index), response.reindex(images.index)
    share = images["n_people_correct"] / images["n_people"]
    one, other = f"</script><script>{HURT}</script>", "x" * 300

    def passed():
        """All names that pass, over the pages of the grid."""
        found = []
        while True:
            found += texts(browser, "#grid .name")
            if browser.script("return document.getElementById('after').disabled"):
                return found
            browser.script("document.getElementById('after').click()")

    def expect(keep):
        found = passed()
        assert sorted(found) == sorted(images.index[keep.reindex(images.index)]) and 0 < len(found) < 70
        browser.script("document.querySelector('#filters button[type=reset]').click()")

    assert passed() == list(images.index)
    browser.key(HOME)
    choose(browser, "#k", "dog")
    expect(images["category"] == "dog")
    choose(browser, "#p", "right")
    expect(share > 0.5)
    choose(browser, "#p", "right")
    choose(browser, "#o1", one)  # which was wrong, unless another is chosen
    expect((share > 0.5) & ~right[one])
    choose(browser, "#o1", one)
    choose(browser, "#o2", other)
    expect(~right[one] & ~right[other])
    choose(browser, "#o1", one)
    choose(browser, "#i1", "texture")
    expect((response[one] == texture) & ~right[one])
    choose(browser, "#o1", other)
    choose(browser, "#i1", "none")
    expect(response[other] == "")
    choose(browser, "#q", "3")
    expect(pd.Series(images.index.str.contains("3"), images.index))
    choose(browser, "#by", "disagreement")
    found = [images["share"][name] for name in passed()]
    assert found == sorted(found)
    choose(browser, "#q", "nothing like it")
    assert "No image of cue-conflict is like that" in texts(browser, "#said")[0] and passed() == []


def test_a_condition_is_a_filter(opened, frame):
    browser = opened("trials.html", "#d=contrast&c=c50")
    assert texts(browser, "#said") == ["Image 1 of 12 that are chosen, of 36 in all."]
    assert "condition50" in browser.script("return document.querySelector('#one dl').textContent.replace(/\\s/g, '')")
    browser.script("document.querySelector('#filters button[type=reset]').click()")
    assert texts(browser, "#said") == ["Image 1 of 36."]
    assert "100*" in texts(browser, "#one dl")[0]


def test_the_arrows_turn_and_the_address_says_where(opened, frame):
    browser = opened("trials.html", "#d=cue-conflict")
    order = list(by_image(frame[frame["dataset"] == "cue-conflict"])["stimulus"])
    heading = "return document.querySelector('#one h2').textContent"
    where = "return new URLSearchParams(location.hash.slice(1)).get('s')"
    for key, place in ((RIGHT, 1), (RIGHT, 2), (LEFT, 1), (END, 69), (RIGHT, 69), (HOME, 0), (LEFT, 0)):
        browser.key(key)
        assert (browser.script(heading), browser.script(where)) == (order[place], order[place])
        assert (
            browser.script("return document.querySelector('#grid [aria-pressed=true] .name').textContent")
            == order[place]
        )
    browser.key(END)
    assert texts(browser, "#page") == ["61–70 of 70"]
    browser.reload()
    browser.wait("document.querySelector('#one h2')")
    assert browser.script(heading) == order[69]
    browser.script("document.getElementById('q').focus()")
    browser.key(LEFT)
    assert browser.script(heading) == order[69]  # a key in a field is the field's


def test_what_every_observer_answered(opened, frame):
    browser = opened("trials.html", "#d=cue-conflict&s=7.png")
    own = frame[(frame["dataset"] == "cue-conflict") & (frame["stimulus"] == "7.png")].set_index("observer")
    browser.wait("document.querySelector('.who .evidence')")
    names = texts(browser, ".who tbody th")
    assert sorted(names) == sorted(WHO)
    rows = browser.script(
        "return [...document.querySelectorAll('.who tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    said = {"right": "right", "wrong": "wrong"}
    for name, answer, verdict, seconds, _ in rows:
        given = own.loc[name, "response"]
        assert answer == (given or "–") and seconds == ("0.50" if name.startswith("subject") else "–")
        assert verdict == (
            "no answer" if not given else "right" if own.loc[name, "correct"] else "texture"
        ) or said.get(verdict)
    dark = browser.script("return document.querySelector('.evidence .given title').textContent")
    choice = own.loc[ODD, "response"]
    if choice:
        assert dark.startswith(f"{choice}: about ")
        assert float(dark.split()[-1]) == pytest.approx(own.loc[ODD, f"evidence_{choice}"], abs=0.1)
    assert texts(browser, "#one dd")[:3] == [own["category"].iloc[0], own["shape"].iloc[0], own["texture"].iloc[0]]
    browser.wait("document.querySelector('#one img').naturalWidth === 40")
    assert "Images of cue-conflict: <i>Somebody</i>." in texts(browser, "main > p.small")[0]


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
