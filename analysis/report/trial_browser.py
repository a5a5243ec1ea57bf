"""Writes the data of the trial browser: every image of a dataset, and the response of every observer.

Array dimensions: O observers, I images in the order of `analysis.measures.by_image`, K choices with evidence.
    data/trials_<dataset>.js         all images and responses: one text of I letters (scripts.LETTERS) for each observer
    data/details_<dataset>_<n>.js    response times, evaluations and evidence of some images, if the logs contain any
Each observer has its own unit of evidence. For each observer and image, a file of details has the lowest and
the highest evidence over the choices, and the position of each choice between them in N_LETTERS - 1 steps.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.figures import style
from analysis.io.frame import observer_order
from analysis.report.sections.plots import condition_labels
from analysis.report.sections.scripts import LETTERS, N_LETTERS, letter, numbers, write_data
from analysis.report.thumbnails import Thumbnails
from core.trial_columns import EVIDENCE
from stimuli.published.datasets import DATASETS

N_IMAGES, N_TRIALS = 128, 20_000  # largest numbers of images and of trials in a file of details
NOT_SHOWN, NO_RESPONSE = " ", "!"  # these characters are not in LETTERS
DECIMALS = {"rt": 3, "n_evaluations": 0}  # number of decimals of the details other than evidence
NO_WORD = -1  # the index of a missing cue


def write_trials(
    out: Path, anchor: str, trials: pd.DataFrame, images: pd.DataFrame, thumbnails: Thumbnails
) -> dict[str, Any]:
    """Write the files of one dataset.

    Args:
        out: The folder of the report.
        anchor: The name of the dataset in file names.
        trials: The trials of the dataset.
        images: The rows of `responses_by_image` for the dataset.
        thumbnails: The copies of the images.

    Returns:
        The entry of the dataset in the list of datasets: its name, its file, its number of images, and how
        many of these images have a thumbnail.
    """
    dataset = str(images["dataset"].iloc[0])
    observers = observer_order(trials)
    style_names = [style.style_name(*pair) for pair in observers.itertuples(index=False, name=None)]
    o = pd.Index(observers["observer"]).get_indexer(trials["observer"])
    key = ["stimulus", "condition"]
    i = pd.MultiIndex.from_frame(images[key]).get_indexer(pd.MultiIndex.from_frame(trials[key]))
    cues = [name for name in ("shape", "texture") if name in trials.columns and (trials[name] != "").any()]
    first = trials.iloc[np.unique(i, return_index=True)[1]]  # the first trial of each image
    texts = pd.concat([trials["response"], images["category"], *(first[cue] for cue in cues)])
    words = sorted(set(texts) - {""})
    word_index = {word: n for n, word in enumerate(words)}
    conditions = list(dict.fromkeys(images["condition"]))
    condition_index = {condition: n for n, condition in enumerate(conditions)}
    keys = [(dataset, *pair) for pair in images[key].itertuples(index=False, name=None)]
    details = _write_details(out, anchor, trials, o, i, len(observers), len(images))
    data = {
        "dataset": dataset, "credit": thumbnails.credits.get(dataset, ""),
        "letters": "".join(map(letter, range(len(words)))),
        "words": words, "names": observers["observer"].tolist(), "kinds": observers["kind"].tolist(),
        "conditions": conditions, "labels": condition_labels(dataset, conditions),
        "left_out": [c in set(conditions) - set(DATASETS[dataset].included()) if dataset in DATASETS else False
                     for c in conditions],
        "stimulus": images["stimulus"].tolist(), "condition": images["condition"].map(condition_index).tolist(),
        "categories": images["category"].map(word_index).tolist(),
        "cues": {cue: [word_index.get(text, NO_WORD) for text in first[cue]] for cue in cues},
        "picture": [thumbnails.names.get(k, "") for k in keys] if thumbnails.names else [],
        "n": images["n"].tolist(), "n_correct": images["n_correct"].tolist(), "n_people": images["n_people"].tolist(),
        "n_people_correct": images["n_people_correct"].tolist(), "share": numbers(images["share"], 3),
        **({"looks": style_names} if style_names != observers["kind"].tolist() else {}),
        "answers": _response_letters(trials["response"], word_index, o, i, (len(observers), len(images))),
        "more": details,
    }  # fmt: skip
    write_data(out, f"trials_{anchor}", data)
    n_pictures = sum(k in thumbnails.names for k in keys)
    return {"name": dataset, "file": f"trials_{anchor}", "n_images": len(images), "n_pictures": n_pictures}


def _response_letters(
    responses: pd.Series, word_index: dict[str, int], o: np.ndarray, i: np.ndarray, shape: tuple[int, int]
) -> list[str]:
    """Return the responses as one text of I letters for each of the O observers; `shape` is (O, I)."""
    letters = np.full(shape, NOT_SHOWN, dtype="U1")
    encoding = {word: letter(n) for word, n in word_index.items()} | {"": NO_RESPONSE}
    letters[o, i] = responses.map(encoding).to_numpy("U1")
    return ["".join(row) for row in letters]


def _write_details(
    out: Path, anchor: str, trials: pd.DataFrame, o: np.ndarray, i: np.ndarray, n_observers: int, n_images: int
) -> dict[str, Any] | None:
    """Write the files of details, if the logs contain any.

    Return the common beginning of their names, the number of images per file and the choices, or None if there are no
    details.
    """
    choices = [c for c in trials.columns if c.startswith(EVIDENCE) and trials[c].notna().any()]
    measures = [name for name in DECIMALS if trials[name].notna().any()]
    if not choices and not measures:
        return None
    shape = n_observers, n_images
    grids = {name: _grid(trials[name], o, i, shape) for name in measures}
    evidence = np.full((*shape, len(choices)), np.nan)
    if choices:
        evidence[o, i] = trials[choices].to_numpy(float)
    n_per_file = max(1, min(N_IMAGES, N_TRIALS // n_observers))
    for begin in range(0, n_images, n_per_file):
        part = slice(begin, min(begin + n_per_file, n_images))
        data: dict[str, Any] = {}
        for name, grid in grids.items():
            has_values = np.flatnonzero(~np.isnan(grid[:, part]).all(axis=1))
            data[name] = {int(k): numbers(grid[k, part], DECIMALS[name]) for k in has_values}
        if choices:
            has_values = np.flatnonzero(~np.isnan(evidence[:, part]).all(axis=(1, 2)))
            data["evidence"] = {int(k): _encode_evidence(evidence[k, part]) for k in has_values}
        write_data(out, f"details_{anchor}_{begin // n_per_file}", data)
    return {
        "file": f"details_{anchor}_",
        "n_images": n_per_file,
        "choices": [c.removeprefix(EVIDENCE) for c in choices],
    }


def _grid(column: pd.Series, o: np.ndarray, i: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a column of trials as an (O, I) array, with NaN for images that were not shown."""
    grid = np.full(shape, np.nan)
    grid[o, i] = column.to_numpy(float, na_value=np.nan)
    return grid


def _encode_evidence(values: np.ndarray) -> dict[str, Any]:
    """Encode the evidence of one observer for n images, with shape (n, K): a range per image, and n × K letters.

    A choice without finite evidence has the letter NOT_SHOWN.
    """
    is_finite = np.isfinite(values)
    has_evidence = is_finite.any(axis=1)
    low, high = np.full((2, len(values)), np.nan)
    low[has_evidence] = np.where(is_finite, values, np.inf).min(axis=1)[has_evidence]
    high[has_evidence] = np.where(is_finite, values, -np.inf).max(axis=1)[has_evidence]
    span = np.where(high > low, high - low, 1.0)
    position = (values - low[:, None]) / span[:, None]
    step = np.where(is_finite, np.rint(position * (N_LETTERS - 1)), 0).astype(int)
    letters = np.where(is_finite, np.array(list(LETTERS))[step], NOT_SHOWN)
    ends = [[None if np.isnan(x) else float(f"{x:.7g}") for x in end] for end in (low, high)]
    return {"low": ends[0], "high": ends[1], "steps": "".join(letters.ravel())}
