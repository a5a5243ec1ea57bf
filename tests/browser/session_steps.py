"""Steps of a participant through the page of a session."""

from typing import Any

from tests.browser.chromium import Browser

IMAGE_SIDE = 119  # CSS pixels of 3 degrees at 60 cm, on a screen of 96 pixels per inch


def page(name: str) -> str:
    """Return a JavaScript expression that is true while the page with this name is shown."""
    return f"document.querySelector('[data-page=\"{name}\"]')"


def press_on(browser: Browser, name: str, selector: str = ".jspsych-btn") -> None:
    """Wait for the page with this name and press a button on it."""
    browser.wait(page(name), 40)
    browser.press(selector)


def start_trials(browser: Browser, *, card: bool = True, welcome: bool | None = None) -> None:
    """Go from the first page to the first trial of the experiment, without practice.

    `card` is whether the page asks for the card measurement, and `welcome` whether it begins with the welcome (by default,
    if it asks for the card).
    """
    if card if welcome is None else welcome:
        press_on(browser, "welcome")
    measure_screen(browser, card=card)
    browser.wait("document.body.innerText.includes('Which option best describes the image?')")
    browser.press(".jspsych-btn")
    browser.wait("document.querySelector('canvas')")


def measure_screen(browser: Browser, *, card: bool = True) -> None:
    """Pass the measurement of the screen."""
    if card:
        browser.press("#fits")
    browser.press("#jspsych-fullscreen-btn")


def canvas_of(number: int, part: str = "trial") -> str:
    """Return a JavaScript expression for the canvas of a trial; `part` is "trial" or "practice"."""
    return f"document.querySelector('canvas[data-{part}=\"{number}\"]')"


def choose(browser: Browser, settings: dict[str, Any], number: int, *choices: str, part: str = "trial") -> None:
    """Wait for the response grid of a trial, then click these choices one after the other."""
    browser.wait(f"{canvas_of(number, part)}?.style.cursor === 'default'")
    width, height = browser.script("return [innerWidth, innerHeight]")
    for choice in choices:
        cell = next(cell for cell in settings["cells"] if cell["choice"] == choice)
        browser.click(width / 2 + cell["x"] * IMAGE_SIDE, height / 2 + cell["y"] * IMAGE_SIDE)


def pixel(browser: Browser, settings: dict[str, Any], choice: str) -> list[int]:
    """Return the color at the upper edge of a choice on the canvas, where its frame is."""
    cell = next(cell for cell in settings["cells"] if cell["choice"] == choice)
    y = (cell["y"] - cell["side"] / 2) * IMAGE_SIDE
    return list(
        browser.script(
            "const c = document.querySelector('canvas'), r = devicePixelRatio, copy = document.createElement('canvas'),"
            "context = copy.getContext('2d', { willReadFrequently: true });"
            f"context.drawImage(c, -(c.width / 2 + {cell['x'] * IMAGE_SIDE} * r), -(c.height / 2 + {y} * r));"
            "return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3)"
        )
    )
