"""Small inputs of the attacks: sets of images, an observer in a Python file, and trial logs. All are made from a seed."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CATEGORIES = ("cat", "dog", "car", "oven")
OBSERVER = """
import os, time
from attrs import frozen
from observers.protocol import Response

@frozen
class Sleepy:
    '''Answer with the shape, after a short time.'''
    name: str = "sleepy"
    kind: str = "discriminative"
    def observe(self, trials):
        for trial in trials:
            time.sleep(0.003)
            k = len(trial.choices)
            yield Response(trial.choices[trial.number % k], evidence=[0.1 * i / (trial.number + 1) for i in range(k)])
"""


def write_observer(folder: Path) -> str:
    """Write a Python file with an observer, and return its name for the option --observer."""
    (folder / "mine.py").write_text(OBSERVER)
    return f"{folder / 'mine.py'}:Sleepy"


def write_image(path: Path, seed: int, side: int = 16) -> None:
    """Write a PNG file of colored noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)


def write_folder(folder: Path, n: int = 8, side: int = 16) -> Path:
    """Write a folder of images with one subfolder for each of the categories, `n` images in all."""
    for i in range(n):
        write_image(folder / CATEGORIES[i % len(CATEGORIES)] / f"image{i:03}.png", i, side)
    return folder


def write_set(
    folder: Path, rows: Iterable[Sequence[str]] | None = None, cues: Sequence[str] = ("shape", "texture"), n: int = 40
) -> Path:
    """Write a stimulus set: a `stimuli.csv` and one image for all rows.

    Args:
        folder: Folder to write.
        rows: The cells of every row without the path: stimulus, category, condition and cues. By default, `n` stimuli
            with cue conflicts in two conditions.
        cues: Names of the cues.
        n: Number of stimuli.
    """
    if rows is None:
        kinds = len(CATEGORIES)
        rows = [
            (f"image{i}.png", CATEGORIES[i % kinds], f"c{i % 2}", CATEGORIES[i % kinds], CATEGORIES[(i + 1) % kinds])
            for i in range(n)
        ]
    write_image(folder / "image.png", 0)
    with (folder / "stimuli.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["stimulus", "path", "category", "condition", *cues])
        writer.writerows([stimulus, "image.png", *others] for stimulus, *others in rows)
    return folder


def snapshot(folder: Path) -> Mapping[str, bytes]:
    """Return the content of every file below a folder, by its path relative to the folder. Lock files are left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
