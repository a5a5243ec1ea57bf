"""The trial browser in headless Chromium: filters, keys, addresses and the table of responses."""

import time

import pandas as pd
import pytest

from analysis.measures.by_image import responses_by_image
from tests.browser.pages import END, HOME, HURT, KINDS, LEFT, ODD, RIGHT, choose, texts


def test_filters_select_the_matching_images(opened, frame):
    browser = opened("trials.html", "#d=cue-conflict")
    own = frame[frame["dataset"] == "cue-conflict"]
    images = responses_by_image(own).set_index("stimulus")
    right = own.pivot(index="stimulus", columns="observer", values="correct")
    response = own.pivot(index="stimulus", columns="observer", values="response")
    texture = own.drop_duplicates("stimulus").set_index("stimulus")["texture"].reindex(images.index)
    right, response = right.reindex(images.index), response.reindex(images.index)
    share = images["n_people_correct"] / images["n_people"]
    first, second = f"</script><script>{HURT}</script>", "x" * 300

    def passed():
        """Return the names of all images that pass the filters, over all pages of the grid."""
        names = []
        while True:
            names += texts(browser, "#grid .name")
            if browser.script("return document.getElementById('after').disabled"):
                return names
            browser.script("document.getElementById('after').click()")

    def expect(mask):
        names = passed()
        assert sorted(names) == sorted(images.index[mask.reindex(images.index)]) and 0 < len(names) < 70
        browser.script("document.querySelector('#filters button[type=reset]').click()")

    assert sorted(passed()) == sorted(images.index)
    choose(browser, "#by", "published")
    assert passed() == list(images.index)
    browser.key(HOME)
    choose(browser, "#k", "dog")
    expect(images["category"] == "dog")
    choose(browser, "#p", "right")
    expect(share > 0.5)
    choose(browser, "#p", "right")
    choose(browser, "#o1", first)  # selects wrong responses unless another filter is chosen
    expect((share > 0.5) & ~right[first])
    choose(browser, "#o1", first)
    choose(browser, "#o2", second)
    expect(~right[first] & ~right[second])
    choose(browser, "#o1", first)
    choose(browser, "#i1", "texture")
    expect((response[first] == texture) & ~right[first])
    choose(browser, "#o1", second)
    choose(browser, "#i1", "none")
    expect(response[second] == "")
    choose(browser, "#q", "3")
    expect(pd.Series(images.index.str.contains("3"), images.index))
    choose(browser, "#by", "disagreement")
    shares = [images["share"][name] for name in passed()]
    assert shares == sorted(shares)
    choose(browser, "#q", "nothing like it")
    assert "No image of cue-conflict passes these filters" in texts(browser, "#status")[0] and passed() == []


def test_a_condition_is_a_filter(opened, frame):
    browser = opened("trials.html", "#d=contrast&c=c50")
    assert texts(browser, "#status") == ["Image 1 of 12 that pass the filters (36 in total)."]
    assert "condition50" in browser.script("return document.querySelector('#image dl').textContent.replace(/\\s/g, '')")
    browser.script("document.querySelector('#filters button[type=reset]').click()")
    assert texts(browser, "#status") == ["Image 1 of 36."]
    assert "100*" in texts(browser, "#image dl")[0]


def test_arrow_keys_select_images_and_update_the_address(opened, frame):
    browser = opened("trials.html", "#d=cue-conflict&by=published")
    order = list(responses_by_image(frame[frame["dataset"] == "cue-conflict"])["stimulus"])
    heading = "return document.querySelector('#image h2').textContent"
    name = "return new URLSearchParams(location.hash.slice(1)).get('s')"
    for key, position in ((RIGHT, 1), (RIGHT, 2), (LEFT, 1), (END, 69), (RIGHT, 69), (HOME, 0), (LEFT, 0)):
        browser.key(key)
        assert (browser.script(heading), browser.script(name)) == (order[position], order[position])
        assert (
            browser.script("return document.querySelector('#grid [aria-pressed=true] .name').textContent")
            == order[position]
        )
    browser.key(END)
    assert texts(browser, "#page") == ["61–70 of 70"]
    browser.reload()
    browser.wait("document.querySelector('#image h2')")
    assert browser.script(heading) == order[69]
    browser.script("document.getElementById('q').focus()")
    browser.key(LEFT)
    assert browser.script(heading) == order[69]  # keys in a text field do not change the image


def test_the_table_of_responses(opened, frame):
    browser = opened("trials.html", "#d=cue-conflict&s=7.png")
    own = frame[(frame["dataset"] == "cue-conflict") & (frame["stimulus"] == "7.png")].set_index("observer")
    browser.wait("document.querySelector('.observers .evidence')")
    names = texts(browser, ".observers tbody th")
    assert sorted(names) == sorted(KINDS)
    rows = browser.script(
        "return [...document.querySelectorAll('.observers tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    for name, response, result, seconds, _ in rows:
        logged = own.loc[name, "response"]
        assert response == (logged or "–") and seconds == ("0.50" if name.startswith("subject") else "–")
        expected = "correct" if own.loc[name, "correct"] else "wrong"
        if not own.loc[name, "correct"] and logged == own.loc[name, "texture"]:
            expected = "texture"
        assert result == (expected if logged else "no response")
    dark = browser.script("return document.querySelector('.evidence .response title').textContent")
    choice = own.loc[ODD, "response"]
    if choice:
        assert dark.startswith(f"{choice}: about ")
        assert float(dark.split()[-1]) == pytest.approx(own.loc[ODD, f"evidence_{choice}"], abs=0.1)
    assert texts(browser, "#image dd")[:3] == [own["category"].iloc[0], own["shape"].iloc[0], own["texture"].iloc[0]]
    browser.wait("document.querySelector('#image img').naturalWidth === 40")
    assert "Images of cue-conflict: <i>Somebody</i>." in texts(browser, "main > p.small")[0]


def test_the_first_images_are_those_on_which_kinds_of_observers_differ(opened, frame):
    """Simulated observers do not count, and images of a condition near chance are last."""
    browser = opened("trials.html")
    assert browser.script("return document.getElementById('d').value") == "cue-conflict"
    own = frame[(frame["dataset"] == "cue-conflict") & (frame["kind"] != "simulated")]
    shares = own.pivot_table(index="stimulus", columns="kind", values="correct", aggfunc="mean")
    difference = shares.max(axis=1) - shares.min(axis=1)
    first = texts(browser, "#grid .name")
    assert [difference[name] for name in first] == sorted(difference, reverse=True)[: len(first)]
    by_condition = frame[frame["dataset"] == "contrast"].groupby("condition")["correct"].mean()
    browser = opened("trials.html", "#d=contrast")
    shown = browser.script("return document.querySelector('#image dl').textContent")
    near = by_condition[by_condition < (1 / 2 + by_condition.max()) / 2].index
    assert not any(f"condition{name.removeprefix('c')}" in shown.replace(" ", "") for name in near) or len(near) == 3


def test_the_list_of_the_selected_images_can_be_saved(opened, frame, tmp_path):
    browser = opened("trials.html", "#d=cue-conflict&k=dog&by=published")
    browser.devtools("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    (label,) = texts(browser, "#save")
    own = frame[(frame["dataset"] == "cue-conflict") & (frame["category"] == "dog")]
    names = own["stimulus"].unique()
    assert label == f"Save the list of these {len(names)} images (CSV)"
    browser.script("document.getElementById('save').click()")
    path, end = tmp_path / "images_cue-conflict.csv", time.monotonic() + 20
    while not path.is_file():
        assert time.monotonic() < end
        time.sleep(0.02)
    table = pd.read_csv(path, keep_default_na=False)
    images = responses_by_image(frame[frame["dataset"] == "cue-conflict"]).set_index("stimulus")
    assert sorted(table["stimulus"]) == sorted(names) and set(table["category"]) == {"dog"}
    responses = own.pivot(index="stimulus", columns="observer", values="response")
    for row in table.to_dict("records"):
        assert (row["n_observers"], row["n_correct"]) == (len(KINDS), images.loc[row["stimulus"], "n_correct"])
        assert {name: row[f"response_{name}"] for name in KINDS} == responses.loc[row["stimulus"]].to_dict()
