"""Read the table of reconstructions that `observers reconstruct` wrote, and its images."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import StimulusError
from experiments.reconstruction.reconstruction_table import COLUMNS, TABLE, read_rows
from stimuli.images import open_image

SETTING_COLUMNS = ["strength", "steps", "guidance"]
NUMBERS = {"strength": float, "steps": int, "guidance": float, "seed": int}
DISTANCES = {"pixel_distance": float, "latent_distance": float}  # these may be empty or `nan`


def read_reconstructions(folder: Path) -> pd.DataFrame:
    """Read the table of reconstructions in a folder.

    Args:
        folder: Folder that `observers reconstruct --out` wrote.

    Returns:
        One row for each reconstruction, with the columns of `experiments.reconstruction.reconstruction_table`. Numbers are
        converted, empty distances are NaN, and `file` and `original` begin with the path of the folder.

    Raises:
        StimulusError: If the table is missing or empty, or a cell is not a number.
    """
    folder = Path(folder)
    table = pd.DataFrame(read_rows(folder), columns=list(COLUMNS))
    if table.empty:
        raise StimulusError(f"{folder / TABLE} has a header but lists no reconstructions")
    for name, kind in (NUMBERS | DISTANCES).items():
        numbers = pd.to_numeric(table[name], errors="coerce").astype(float)
        invalid = ~np.isfinite(numbers)
        if kind is int:
            invalid |= numbers % 1 != 0
        if name in DISTANCES:
            invalid &= ~table[name].isin(["", "nan"])
        if invalid.any():
            row = int(np.argmax(invalid))
            raise StimulusError(
                f"{folder / TABLE}, line {row + 2}: {name} is {table[name][row]!r}, expected "
                f"{'an integer' if kind is int else 'a number'}"
            )
        table[name] = numbers.astype(kind)
    for name in ("file", "original"):
        table[name] = [str(folder / file) for file in table[name]]
    return table


def read_image(file: str) -> np.ndarray:
    """Read an image as `(height, width, 3)` float64 in 0..1. Raise StimulusError if it cannot be opened."""
    return np.asarray(open_image(Path(file)) / 255)
