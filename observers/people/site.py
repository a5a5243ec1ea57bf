"""The files of a session's web page: a mapping from file names to functions that return the content of the file.

`observers serve` answers requests from this mapping, and `--static` writes its files into a folder. A request for a name
that is not in the mapping fails, and no name in a request is used as a path. Images and masks are named by the number of
their trial, so that their names do not reveal the category.
"""

import html
import io
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import asdict, frozen
from PIL import Image

from observers.people.answers import FORMAT, SessionInfo, trial_order_digest
from observers.people.grid import response_grid
from observers.people.icons import ICONS, draw_icon
from observers.people.page_texts import PageOptions, demographic_questions, page_texts
from observers.people.paradigm import (
    FEEDBACK_SECONDS,
    FIXATION_SIZE,
    LATE_FRAMES,
    MASK_PIXELS,
    MAX_MISSED,
    READING_SECONDS,
)
from observers.protocol import Trial
from stimuli.masks import pink_mask

PAGE_FOLDER = Path(__file__).parent / "page"
INDEX, TRIALS, ANSWER, RECORD = "index.html", "trials.json", "answer", "record"
PAGE_FILES = (
    "texts.js", "trial.js", "calibration.js", "saving.js", "introduction.js", "experiment.js", "page.css",
)  # fmt: skip
CARD_MM = (85.6, 53.98)  # width and height of a bank card (ISO/IEC 7810 ID-1)
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".png": "image/png",
}  # fmt: skip
JATOS = '<script src="jatos.js"></script>'  # JATOS provides this file to the page that it serves

Site = Mapping[str, Callable[[], bytes]]


@frozen
class PageTrials:
    """The trials of one part of a session, which is the practice or the experiment, and the description of this part."""

    trials: Sequence[Trial]
    about: SessionInfo


@frozen
class PageState:
    """What the participant has already done: number of answers in each part, and what need not be asked again.

    `decision` is the decision about the consent text ("" before a decision), and `code` is the completion code of a
    complete session.
    """

    n_done: int = 0
    n_practice_done: int = 0
    decision: str = ""
    has_demographics: bool = False
    is_complete: bool = False
    code: str = ""


def make_site(
    main: PageTrials,
    scripts: Mapping[str, bytes],
    options: PageOptions,
    *,
    practice: PageTrials | None = None,
    state: Callable[[], PageState] = PageState,
    save: str = "",
    static: bool = False,
) -> Site:
    """Return the files of the page of one session.

    `state` returns what the participant has already done. Set `static` if another web server or JATOS serves the page; the
    page then posts everything to the address `save`.
    """
    site: dict[str, Callable[[], bytes]] = {
        INDEX: partial(_index_page, options, static),
        TRIALS: lambda: _trials_json(main, practice, options, state(), save, static),
        **{f"app/{name}": partial(_page_file, name) for name in PAGE_FILES},
        **{f"app/{name}": partial(bytes, content) for name, content in scripts.items()},
    }
    for number, choice in enumerate(main.trials[0].choices, start=1):
        if choice in ICONS:
            site[_icon_name(number)] = partial(_icon_png, choice)
    for part, prefix in ((main, ""), (practice, "practice-")):
        for trial in part.trials if part else ():
            site[_image_name(trial, prefix)] = partial(_image_png, trial)
            site[_mask_name(trial, prefix)] = partial(_mask_png, trial, main.about.seed)
    return site


def make_session_info(
    experiment: str, code: str, session: int, seed: int, distance_cm: float, trials: Sequence[Trial]
) -> SessionInfo:
    """Return the description of a session that is part of each of its answers."""
    return SessionInfo(experiment, code, session, seed, float(distance_cm), trial_order_digest(trials))


def content_type(name: str) -> str:
    """Return the value of the Content-Type header for a file of the page."""
    return CONTENT_TYPES[Path(name).suffix]


def encode_png(pixels: np.ndarray) -> bytes:
    """Return an image as a PNG file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", compress_level=1)
    return content.getvalue()


def _index_page(options: PageOptions, static: bool) -> bytes:
    page = (PAGE_FOLDER / INDEX).read_text("utf-8").replace("<!-- jatos -->", JATOS if static else "")
    texts = options.texts
    parts = {
        "LANGUAGE": texts.language, "TITLE": texts.line("browser.title"), "NOSCRIPT": texts.line("browser.javascript"),
    }  # fmt: skip
    return fill_page(page, {name: html.escape(text) for name, text in parts.items()}).encode()


def fill_page(page: str, parts: Mapping[str, str]) -> str:
    """Replace each {NAME} of a page by a part in HTML. The parts themselves are not searched."""
    return re.sub(r"\{([A-Z]+)\}", lambda match: parts[match[1]], page)


def _page_file(name: str) -> bytes:
    return (PAGE_FOLDER / name).read_bytes()


@lru_cache(maxsize=64)
def _icon_png(choice: str) -> bytes:
    pixels = draw_icon(choice)
    assert pixels is not None
    return encode_png(pixels)


def _image_png(trial: Trial) -> bytes:
    """Return the pixels that all observers see, without the color profile, orientation and metadata of the image file."""
    return encode_png(trial.stimulus.pixels())


def _mask_png(trial: Trial, seed: int) -> bytes:
    """Return the mask of a trial, which is the same as that of `human:psychopy` with the same seed."""
    mask = pink_mask(MASK_PIXELS, trial.presentation.mask_contrast, np.random.default_rng([seed, trial.number]))
    return encode_png(mask[..., 0])


def _trials_json(
    main: PageTrials, practice: PageTrials | None, options: PageOptions, state: PageState, save: str, static: bool
) -> bytes:
    """Return everything that the page needs to know about the session, without the categories of the images.

    The categories of practice trials are included, because they are the feedback.
    """
    first, about = main.trials[0], main.about
    cells = response_grid(first.choices, 1.0)
    settings = {
        "format": FORMAT,
        "about": asdict(about),
        "save": save if static else ANSWER,
        "save_record": save if static else RECORD,
        "static": static,
        "next": state.n_done + 1,
        "presentation": asdict(first.presentation),
        # The longer side of an image on the screen, in millimeters at the assumed viewing distance.
        "image_mm": 20 * about.distance_cm * math.tan(math.radians(first.presentation.size) / 2),
        "card_mm": CARD_MM,
        "fixation": FIXATION_SIZE,
        "late": LATE_FRAMES,
        "max_missed": MAX_MISSED,
        "feedback": {"correct": FEEDBACK_SECONDS, "error": READING_SECONDS},  # seconds
        # Positions and sizes are fractions of the side of an image, from the center of the screen; y points down.
        "cells": [
            {
                "choice": cell.choice,
                "label": options.texts.choice_name(cell.choice),
                "x": cell.x,
                "y": -cell.y,
                "side": cell.side,
                "icon": _icon_name(number) if cell.choice in ICONS else None,
            }
            for number, cell in enumerate(cells, start=1)
        ],
        "trials": [_describe_trial(trial) for trial in main.trials],
        "practice": None if practice is None else _describe_practice(practice, state),
        "n_blocks": max(trial.block for trial in main.trials),
        "language": options.texts.language,
        "texts": page_texts(options, main.trials, about, 0 if practice is None else len(practice.trials)),
        "consent": {"version": options.texts.consent_version, "decision": state.decision}
        if options.asks_consent
        else None,
        "demographics": demographic_questions(options.texts)
        if options.demographics and not state.has_demographics
        else None,
        "banner": options.banner,
        "preview": options.preview,
        "completion": options.describe_completion(state.code, about.participant)
        if static or state.is_complete
        else None,
    }
    return json.dumps(settings, allow_nan=False).encode()


def _describe_trial(trial: Trial, prefix: str = "") -> dict[str, Any]:
    """Return the entry of a trial."""
    return {
        "number": trial.number, "block": trial.block, "image": _image_name(trial, prefix), "mask": _mask_name(trial, prefix),
    }  # fmt: skip


def _describe_practice(practice: PageTrials, state: PageState) -> dict[str, Any]:
    """Return the entry of the practice trials, which has the correct choices for the feedback."""
    trials = [_describe_trial(trial, "practice-") | {"correct": trial.stimulus.category} for trial in practice.trials]
    return {"about": asdict(practice.about), "next": state.n_practice_done + 1, "trials": trials}


def _image_name(trial: Trial, prefix: str) -> str:
    return f"{prefix}image/{trial.number}.png"


def _mask_name(trial: Trial, prefix: str) -> str:
    return f"{prefix}mask/{trial.number}.png"


def _icon_name(number: int) -> str:
    return f"icon/{number}.png"
