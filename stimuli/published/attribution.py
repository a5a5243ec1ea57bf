"""Credit lines of images, stored in a file `attribution.csv` in the folder of the images.

The file has the columns `stimulus,attribution,license,link`. Images without a row need no credit.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from core.atomic import write_atomically
from core.errors import StimulusError
from core.names import is_readable

FILE = "attribution.csv"
COLUMNS = ("stimulus", "attribution", "license", "link")


@frozen
class Credit:
    """Creator, license and source of one image."""

    attribution: str  # name of the creator
    license: str
    link: str = ""

    def caption(self) -> str:
        """Return the credit line to print below the image."""
        return ", ".join(filter(None, (self.attribution, self.license, self.link)))


def read_credits(folder: Path) -> dict[str, Credit]:
    """Return the credits of the images in a folder by image name, or {} if the folder has no `attribution.csv`.

    Raise StimulusError if the file cannot be read, has other columns, or contains unprintable characters.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return {}
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StimulusError(f"{path} cannot be read: {error}") from None
    if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise StimulusError(f"{path}: expected the header {','.join(COLUMNS)} and {len(COLUMNS)} cells per row")
    if not all(is_readable(cell) for row in rows for cell in row):
        raise StimulusError(f"{path} contains a line break or another invisible character in a cell; remove it")
    return {row[0]: Credit(*row[1:]) for row in rows[1:]}


def write_credits(folder: Path, credits: Mapping[str, Credit]) -> None:
    """Write `attribution.csv` into a folder, with one row per image."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([COLUMNS, *((name, c.attribution, c.license, c.link) for name, c in credits.items())])
    write_atomically(Path(folder) / FILE, buffer.getvalue().encode())
