"""The trials of a dataset for the trial browser: every image, and what every observer answered to it.

Declared once: O observers, I images in the order of `analysis.images`, K choices that evidence is for.
    data/trials_<dataset>.js      all images, all answers: a letter each (scripts.LETTERS), O texts of I letters
    data/details_<dataset>_<n>.js times, evaluations and evidence of N_IMAGES images, where there are any
Evidence has a unit that only its observer knows. It is kept as its highest and lowest value over the choices, and for every
choice the place between them in N_LETTERS - 1 steps.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.frame import observer_order
from analysis.report.plots import labels
from analysis.report.scripts import LETTERS, N_LETTERS, letter, numbers, write_data
from analysis.report.thumbnails import Thumbnails
from experiments.log import EVIDENCE
from stimuli.datasets import DATASETS

N_IMAGES = 128
NOT_SHOWN, NO_ANSWER = " ", "!"  # no letters
DIGITS = {"rt": 3, "n_evaluations": 0}  # what else is shown of a trial, with so many decimals
NEVER = -1


def write_answers(
    out: Path, anchor: str, trials: pd.DataFrame, images: pd.DataFrame, pictures: Thumbnails
) -> dict[str, Any]:
    """Write the files of one dataset; `images` are its rows of `by_image`. Gives what the list of datasets says of it."""
    dataset = str(images["dataset"].iloc[0])
    observers = observer_order(trials)
    o = pd.Index(observers["observer"]).get_indexer(trials["observer"])
    key = ["stimulus", "condition"]
    i = pd.MultiIndex.from_frame(images[key]).get_indexer(pd.MultiIndex.from_frame(trials[key]))
    cues = [name for name in ("shape", "texture") if name in trials.columns and (trials[name] != "").any()]
    first = trials.iloc[np.unique(i, return_index=True)[1]]  # of each image
    texts = pd.concat([trials["response"], images["category"], *(first[cue] for cue in cues)])
    words = sorted(set(texts) - {""})
    number = {word: n for n, word in enumerate(words)}
    conditions = list(dict.fromkeys(images["condition"]))
    place = {condition: n for n, condition in enumerate(conditions)}
    keys = [(dataset, *pair) for pair in images[key].itertuples(index=False, name=None)]
    details = _write_details(out, anchor, trials, o, i, len(observers), len(images))
    data = {
        "dataset": dataset, "credit": pictures.credits.get(dataset, ""), "letters": "".join(map(letter, range(len(words)))),
        "words": words, "names": observers["observer"].tolist(), "kinds": observers["kind"].tolist(),
        "conditions": conditions, "labels": labels(dataset, conditions),
        "left_out": [c in set(conditions) - set(DATASETS[dataset].included()) if dataset in DATASETS else False
                     for c in conditions],
        "stimulus": images["stimulus"].tolist(), "condition": images["condition"].map(place).tolist(),
        "categories": images["category"].map(number).tolist(),
        "cues": {cue: [number.get(text, NEVER) for text in first[cue]] for cue in cues},
        "picture": [pictures.names.get(k, "") for k in keys] if pictures.names else [],
        "n": images["n"].tolist(), "n_correct": images["n_correct"].tolist(), "n_people": images["n_people"].tolist(),
        "n_people_correct": images["n_people_correct"].tolist(), "share": numbers(images["share"], 3),
        "answers": _answers(trials["response"], number, o, i, (len(observers), len(images))),
        "more": details,
    }  # fmt: skip
    write_data(out, f"trials_{anchor}", data)
    n_pictures = sum(k in pictures.names for k in keys)
    return {"name": dataset, "file": f"trials_{anchor}", "n_images": len(images), "n_pictures": n_pictures}


def _answers(
    responses: pd.Series, number: dict[str, int], o: np.ndarray, i: np.ndarray, shape: tuple[int, int]
) -> list[str]:
    """(O, I) letters, an observer a text."""
    letters = np.full(shape, NOT_SHOWN, dtype="U1")
    letters[o, i] = responses.map({word: letter(n) for word, n in number.items()} | {"": NO_ANSWER}).to_numpy("U1")
    return ["".join(row) for row in letters]


def _write_details(
    out: Path, anchor: str, trials: pd.DataFrame, o: np.ndarray, i: np.ndarray, n_observers: int, n_images: int
) -> dict[str, Any] | None:
    """Write the files of details; where they are, and which choices evidence is for, or None where there are none."""
    choices = [c for c in trials.columns if c.startswith(EVIDENCE) and trials[c].notna().any()]
    plain = [name for name in DIGITS if trials[name].notna().any()]
    if not choices and not plain:
        return None
    shape = n_observers, n_images
    grids = {name: _grid(trials[name], o, i, shape) for name in plain}
    evidence = np.full((*shape, len(choices)), np.nan)
    if choices:
        evidence[o, i] = trials[choices].to_numpy(float)
    for begin in range(0, n_images, N_IMAGES):
        part = slice(begin, min(begin + N_IMAGES, n_images))
        data: dict[str, Any] = {}
        for name, grid in grids.items():
            seen = np.flatnonzero(~np.isnan(grid[:, part]).all(axis=1))
            data[name] = {int(k): numbers(grid[k, part], DIGITS[name]) for k in seen}
        if choices:
            seen = np.flatnonzero(~np.isnan(evidence[:, part]).all(axis=(1, 2)))
            data["evidence"] = {int(k): _evidence(evidence[k, part]) for k in seen}
        write_data(out, f"details_{anchor}_{begin // N_IMAGES}", data)
    return {"file": f"details_{anchor}_", "n_images": N_IMAGES, "choices": [c.removeprefix(EVIDENCE) for c in choices]}


def _grid(column: pd.Series, o: np.ndarray, i: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    grid = np.full(shape, np.nan)
    grid[o, i] = column.to_numpy(float, na_value=np.nan)
    return grid


def _evidence(values: np.ndarray) -> dict[str, Any]:
    """(n, K) of one observer -> the ends of each image, and a text of n × K letters; a choice without is NOT_SHOWN."""
    there = np.isfinite(values)
    some = there.any(axis=1)
    low, high = np.full((2, len(values)), np.nan)
    low[some] = np.where(there, values, np.inf).min(axis=1)[some]
    high[some] = np.where(there, values, -np.inf).max(axis=1)[some]
    span = np.where(high > low, high - low, 1.0)
    step = np.where(there, np.rint((values - low[:, None]) / span[:, None] * (N_LETTERS - 1)), 0).astype(int)
    letters = np.where(there, np.array(list(LETTERS))[step], NOT_SHOWN)
    ends = [[None if np.isnan(x) else float(f"{x:.7g}") for x in end] for end in (low, high)]
    return {"low": ends[0], "high": ends[1], "steps": "".join(letters.ravel())}
