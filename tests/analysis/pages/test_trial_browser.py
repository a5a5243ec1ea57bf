"""The trial browser in headless Chromium: its filters, keys and addresses do what they say."""

import pandas as pd
import pytest

from analysis.images import by_image
from tests.analysis.pages.pages import END, HOME, HURT, LEFT, ODD, RIGHT, WHO, choose, texts

pytestmark = pytest.mark.slow


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
    for name, answer, verdict, seconds, _ in rows:
        given = own.loc[name, "response"]
        assert answer == (given or "–") and seconds == ("0.50" if name.startswith("subject") else "–")
        expected = "right" if own.loc[name, "correct"] else "texture" if given == own.loc[name, "texture"] else "wrong"
        assert verdict == (expected if given else "no answer")
    dark = browser.script("return document.querySelector('.evidence .given title').textContent")
    choice = own.loc[ODD, "response"]
    if choice:
        assert dark.startswith(f"{choice}: about ")
        assert float(dark.split()[-1]) == pytest.approx(own.loc[ODD, f"evidence_{choice}"], abs=0.1)
    assert texts(browser, "#one dd")[:3] == [own["category"].iloc[0], own["shape"].iloc[0], own["texture"].iloc[0]]
    browser.wait("document.querySelector('#one img').naturalWidth === 40")
    assert "Images of cue-conflict: <i>Somebody</i>." in texts(browser, "main > p.small")[0]
