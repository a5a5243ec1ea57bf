"""What the page of a session is made of, as a table of names: nothing else can be asked for, and no name is a path.

`observers serve` answers from it, `--static` writes it into a folder. Images and masks go by the number of their trial, so
that neither tells the category.
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

from observers.people.answers import FORMAT, SessionInfo, order_of
from observers.people.grid import grid
from observers.people.icons import ICONS, icon
from observers.people.paradigm import FIXATION, LATE, MASK
from observers.protocol import Trial
from stimuli.masks import pink_mask

PAGE = Path(__file__).parent / "page"
INDEX, TRIALS, ANSWER = "index.html", "trials.json", "answer"
OWN = ("trial.js", "calibration.js", "saving.js", "experiment.js", "page.css")
CARD_MM = (85.6, 53.98)  # ISO/IEC 7810 ID-1, a bank card
TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".png": "image/png",
}  # fmt: skip
JATOS = b'<script src="jatos.js"></script>'

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
    """The page of a session, which posts answers to `save`; `static` is one that no server of ours serves."""
    choices = trials[0].choices
    site: dict[str, Callable[[], bytes]] = {
        INDEX: partial(_index, static),
        TRIALS: lambda: _trials(trials, about, save, n_done(), static),
        **{f"app/{name}": partial(_own, name) for name in OWN},
        **{f"app/{name}": partial(bytes, content) for name, content in scripts.items()},
    }
    for number, choice in enumerate(choices, start=1):
        if choice in ICONS:
            site[_icon(number)] = partial(_drawn, choice)
    for trial in trials:
        site[_image(trial)] = partial(_pixels, trial)
        site[_mask(trial)] = partial(_noise, trial, about.seed)
    return site


def make_about(
    experiment: str, code: str, session: int, seed: int, distance: float, trials: Sequence[Trial]
) -> SessionInfo:
    return SessionInfo(experiment, code, session, seed, float(distance), order_of(trials))


def content_type(name: str) -> str:
    return TYPES[Path(name).suffix]


def png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", compress_level=1)
    return content.getvalue()


def _index(static: bool) -> bytes:
    return (PAGE / INDEX).read_bytes().replace(b"<!-- jatos -->", JATOS if static else b"")


def _own(name: str) -> bytes:
    return (PAGE / name).read_bytes()


@lru_cache(maxsize=64)
def _drawn(choice: str) -> bytes:
    drawing = icon(choice)
    assert drawing is not None
    return png(drawing)


def _pixels(trial: Trial) -> bytes:
    """As every observer gets it: no color profile, no orientation, no texts that came with the file."""
    return png(trial.stimulus.pixels())


def _noise(trial: Trial, seed: int) -> bytes:
    mask = pink_mask(MASK, trial.presentation.mask_contrast, np.random.default_rng([seed, trial.number]))
    return png(mask[..., 0])


def _trials(trials: Sequence[Trial], about: SessionInfo, save: str, n_done: int, static: bool) -> bytes:
    first = trials[0]
    cells = grid(first.choices, 1.0)
    told = {
        "format": FORMAT,
        "about": asdict(about),
        "save": save,
        "static": static,
        "next": n_done + 1,
        "presentation": asdict(first.presentation),
        # The longer side of an image in millimeters on the screen, the middle of which is `distance_cm` away.
        "image_mm": 20 * about.distance_cm * math.tan(math.radians(first.presentation.size) / 2),
        "card_mm": CARD_MM,
        "fixation": FIXATION,
        "late": LATE,
        # In sides of an image, from the middle of the screen, y downwards.
        "cells": [
            {
                "choice": cell.choice,
                "x": cell.x,
                "y": -cell.y,
                "side": cell.side,
                "icon": _icon(number) if cell.choice in ICONS else None,
            }
            for number, cell in enumerate(cells, start=1)
        ],
        "trials": [
            {"number": trial.number, "block": trial.block, "image": _image(trial), "mask": _mask(trial)}
            for trial in trials
        ],
    }
    return json.dumps(told, allow_nan=False).encode()


def _image(trial: Trial) -> str:
    return f"image/{trial.number}.png"


def _mask(trial: Trial) -> str:
    return f"mask/{trial.number}.png"


def _icon(number: int) -> str:
    return f"icon/{number}.png"
