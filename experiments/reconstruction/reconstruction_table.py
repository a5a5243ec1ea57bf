"""The table of reconstructions: one row for each image that a generative observer restored under a prompt.

Running observers produces the trial logs and this table; the analysis does not read any other results. The columns are:
- `image`, `observer`, `prompt`: the id of the image, the name of the observer, and the text.
- `strength`, `steps`, `guidance`: noise level or fraction of masked tokens (0..1), denoising steps, classifier-free
  guidance scale.
- `seed`: the number of the draw of noise or masks; every prompt gets the same draws.
- `file`, `original`: the PNG files of the reconstruction and of the image, relative to the folder of the table.
- `pixel_distance`: the root mean square difference between the reconstruction and the image as the observer receives it
  (cropped and resized). The mean is over pixels and channels, with values in 0..1.
- `latent_distance`: the root mean square difference over the elements of the latent. It is empty if the model works
  without latents.
- `attribution`: the credit line to print wherever the image or a reconstruction of it appears.
"""

import csv
from pathlib import Path

from core.errors import StimulusError
from core.files import read_text

COLUMNS = (
    "image", "observer", "prompt", "strength", "steps", "guidance", "seed", "file", "pixel_distance", "latent_distance",
    "original", "attribution",
)  # fmt: skip
KEY = COLUMNS[:7]
TABLE = "reconstructions.csv"
Row = dict[str, str]


def read_rows(out: Path) -> list[Row]:
    """Read the rows of the table in the folder `out`; an incomplete last row is skipped.

    Raises StimulusError if the table is missing, cannot be read, has other columns, or names files outside its folder.
    """
    path = Path(out) / TABLE
    try:
        text = read_text(path, "utf-8-sig")
        rows = list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines(), strict=True))
    except FileNotFoundError:
        raise StimulusError(f"there is no {path}: give a folder that `observers reconstruct --out` wrote") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StimulusError(f"{path} cannot be read: {error}") from None
    if any(tuple(row) != COLUMNS or None in row.values() for row in rows):
        raise StimulusError(f"{path} is not a table of reconstructions: expected the columns {','.join(COLUMNS)}")
    for row in rows:
        for name in ("file", "original"):
            if Path(row[name]).is_absolute() or ".." in Path(row[name]).parts or Path(row[name]).suffix != ".png":
                raise StimulusError(f"{path}: {row[name]!r} is not the path of a PNG file in the folder of the table")
    return rows
