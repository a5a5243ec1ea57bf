"""What observers made of images, read back: rows of `reconstructions.csv` with numbers as numbers, and their pictures."""

from pathlib import Path

import numpy as np
import pandas as pd

from experiments.reconstruction_table import COLUMNS, TABLE, read_rows
from stimuli.errors import StimulusError
from stimuli.images import open_image

SETTING_COLUMNS = ["strength", "steps", "guidance"]
NUMBERS = {"strength": float, "steps": int, "guidance": float, "seed": int}
DISTANCES = {"pixel_distance": float, "latent_distance": float}  # empty or nan where there is none


def read_reconstructions(folder: Path) -> pd.DataFrame:
    """A row a reconstruction, with COLUMNS; files are paths that can be opened. Raises StimulusError for what is none."""
    folder = Path(folder)
    table = pd.DataFrame(read_rows(folder), columns=list(COLUMNS))
    if table.empty:
        raise StimulusError(f"{folder / TABLE} lists no reconstruction")
    for name, kind in (NUMBERS | DISTANCES).items():
        numbers = pd.to_numeric(table[name], errors="coerce").astype(float)
        bad = ~np.isfinite(numbers)
        if kind is int:
            bad |= numbers % 1 != 0
        if name in DISTANCES:
            bad &= ~table[name].isin(["", "nan"])
        if bad.any():
            row = int(np.argmax(bad))
            raise StimulusError(
                f"{folder / TABLE}, line {row + 2}: {name} is {table[name][row]!r}, expected "
                f"{'a whole number' if kind is int else 'a number'}"
            )
        table[name] = numbers.astype(kind)
    for name in ("file", "original"):
        table[name] = [str(folder / file) for file in table[name]]
    return table


def read_image(file: str) -> np.ndarray:
    """(h, w, 3) float64 in 0..1. Raises StimulusError."""
    return np.asarray(open_image(Path(file)) / 255)
