"""Functions that operate the report's pages in a browser, and unusual names for observers and datasets."""

import json

HURT = "hurt=1"
ODD = f'"><img src=x onerror={HURT}>'
KINDS = {
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


def figure(browser, measure, name="cue-conflict"):
    """Open the sections of an interactive figure, scroll to it, wait until it is drawn, and return its selector."""
    selector = f"#{measure}_{name}"
    reveal(browser, selector)
    browser.wait(f"document.querySelector('{selector} .plot svg')")
    return selector


def reveal(browser, selector):
    """Open the sections around an element, and scroll to it."""
    browser.script(
        f"const target = document.querySelector({json.dumps(selector)});"
        "for (let fold = target.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;"
        "target.scrollIntoView()"
    )


def address_fields(browser, selector, name):
    """Return one field of the address of every link that matches the selector."""
    links = f"[...document.querySelectorAll({json.dumps(selector)})]"
    return browser.script(f"return {links}.map(a => new URLSearchParams(a.hash.slice(1)).get('{name}'))")


def texts(browser, selector):
    """Return the text of every element that matches the selector."""
    return browser.script(f"return [...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)")


def choose(browser, selector, value):
    """Set a form field and send the events that a user would cause."""
    value, element = json.dumps(value), f"document.querySelector({json.dumps(selector)})"
    browser.script(
        f"{element}.value = {value}; if ({element}.value !== {value}) throw Error('the option does not exist')"
    )
    for event in ("input", "change"):
        browser.script(f"{element}.dispatchEvent(new Event('{event}', {{bubbles: true}}))")


def select_pair(browser, selector, row, column):
    """Click a cell of the matrix and wait for the details of the pair."""
    browser.press(f"{selector} rect[data-row='{row}'][data-column='{column}']")
    browser.wait(f"!document.querySelector('{selector} .pair').hidden")


def rows_of(browser, selector):
    """Return the observers in the order of the rows, as indices into the names in the data."""
    labels = f"{selector} svg text[text-anchor=end][data-name]"
    return browser.script(f"return [...document.querySelectorAll('{labels}')].map(e => Number(e.dataset.name))")
