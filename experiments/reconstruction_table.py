"""The table of what observers made of images under texts: a second bridge, beside the trial log, from running to analyzing.

Distances are L2, root mean square: of the pixels, in 0..1, to the image as the observer takes it; of the latent, in its own
units, empty where there is none. The seed is the number of the draw of noise or masks, the same for every text. Files are
relative to the table. `attribution` is whom to name wherever the image, or what was made of it, appears.
"""

import csv
from pathlib import Path

from stimuli.errors import StimulusError

COLUMNS = (
    "image", "observer", "prompt", "strength", "steps", "guidance", "seed", "file", "pixel_distance", "latent_distance",
    "original", "attribution",
)  # fmt: skip
KEY = COLUMNS[:7]
TABLE = "reconstructions.csv"
Row = dict[str, str]


def read_rows(out: Path) -> list[Row]:
    """The rows of a table, a torn last one left out. Raises StimulusError for what is no such table."""
    path = Path(out) / TABLE
    try:
        text = path.read_text("utf-8-sig")
        rows = list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines(), strict=True))
    except FileNotFoundError:
        raise StimulusError(f"there is no {path}: name the --out of observers reconstruct") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StimulusError(f"{path} cannot be read: {error}") from None
    if any(tuple(row) != COLUMNS or None in row.values() for row in rows):
        raise StimulusError(f"{path} is no table of reconstructions: expected the columns {','.join(COLUMNS)}")
    for row in rows:
        for name in ("file", "original"):
            if Path(row[name]).is_absolute() or ".." in Path(row[name]).parts or Path(row[name]).suffix != ".png":
                raise StimulusError(f"{path}: {row[name]!r} is no image in its folder")
    return rows
