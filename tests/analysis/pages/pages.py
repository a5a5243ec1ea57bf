"""What tests of the report's pages say to a browser, and the odd names that they show."""

import json

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
