"""The files of a session's web page: a mapping from file names to functions that return the content of the file.

`observers serve` answers requests from this mapping, and `--static` writes its files into a folder. A request for a name
that is not in the mapping fails, and no name in a request is used as a path. Images and masks are named by the number of
their trial, so that their names do not reveal the category.
"""

import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from attrs import asdict
from PIL import Image

from observers.people.answers import FORMAT, SessionInfo, trial_order_digest
from observers.people.grid import response_grid
from observers.people.icons import ICONS, draw_icon
from observers.people.paradigm import FIXATION_SIZE, LATE_FRAMES, MASK_PIXELS
from observers.protocol import Trial
from stimuli.masks import pink_mask

PAGE_FOLDER = Path(__file__).parent / "page"
INDEX, TRIALS, ANSWER = "index.html", "trials.json", "answer"
PAGE_FILES = ("trial.js", "calibration.js", "saving.js", "experiment.js", "page.css")
CARD_MM = (85.6, 53.98)  # width and height of a bank card (ISO/IEC 7810 ID-1)
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".png": "image/png",
}  # fmt: skip
JATOS = b'<script src="jatos.js"></script>'  # JATOS provides this file to the page that it serves

Site = Mapping[str, Callable[[], bytes]]


def make_site(
    trials: Sequence[Trial],
    about: SessionInfo,
    scripts: Mapping[str, bytes],
    *,
    save: str = ANSWER,
    n_done: Callable[[], int] = lambda: 0,
    static: bool = False,
) -> Site:
    """Return the files of the page of one session.

    The page posts each answer to the address `save`. `n_done` returns the number of trials that are already answered. Set
    `static` if another web server or JATOS serves the page.
    """
    choices = trials[0].choices
    site: dict[str, Callable[[], bytes]] = {
        INDEX: partial(_index_page, static),
        TRIALS: lambda: _trials_json(trials, about, save, n_done(), static),
        **{f"app/{name}": partial(_page_file, name) for name in PAGE_FILES},
        **{f"app/{name}": partial(bytes, content) for name, content in scripts.items()},
    }
    for number, choice in enumerate(choices, start=1):
        if choice in ICONS:
            site[_icon_name(number)] = partial(_icon_png, choice)
    for trial in trials:
        site[_image_name(trial)] = partial(_image_png, trial)
        site[_mask_name(trial)] = partial(_mask_png, trial, about.seed)
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


def _index_page(static: bool) -> bytes:
    return (PAGE_FOLDER / INDEX).read_bytes().replace(b"<!-- jatos -->", JATOS if static else b"")


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


def _trials_json(trials: Sequence[Trial], about: SessionInfo, save: str, n_done: int, static: bool) -> bytes:
    """Return everything that the page needs to know about the session, without the categories of the images."""
    first = trials[0]
    cells = response_grid(first.choices, 1.0)
    settings = {
        "format": FORMAT,
        "about": asdict(about),
        "save": save,
        "static": static,
        "next": n_done + 1,
        "presentation": asdict(first.presentation),
        "instruction": first.instruction,
        # The longer side of an image on the screen, in millimeters at the assumed viewing distance.
        "image_mm": 20 * about.distance_cm * math.tan(math.radians(first.presentation.size) / 2),
        "card_mm": CARD_MM,
        "fixation": FIXATION_SIZE,
        "late": LATE_FRAMES,
        # Positions and sizes are fractions of the side of an image, from the center of the screen; y points down.
        "cells": [
            {
                "choice": cell.choice,
                "x": cell.x,
                "y": -cell.y,
                "side": cell.side,
                "icon": _icon_name(number) if cell.choice in ICONS else None,
            }
            for number, cell in enumerate(cells, start=1)
        ],
        "trials": [
            {"number": trial.number, "block": trial.block, "image": _image_name(trial), "mask": _mask_name(trial)}
            for trial in trials
        ],
    }
    return json.dumps(settings, allow_nan=False).encode()


def _image_name(trial: Trial) -> str:
    return f"image/{trial.number}.png"


def _mask_name(trial: Trial) -> str:
    return f"mask/{trial.number}.png"


def _icon_name(number: int) -> str:
    return f"icon/{number}.png"
