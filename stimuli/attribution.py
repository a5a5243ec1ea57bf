"""Whom to name under an image: `attribution.csv` beside the images of a set.

Columns `stimulus,attribution,license,link`. An image that it does not name needs no word.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from stimuli.atomic import write_atomically
from stimuli.errors import StimulusError

FILE = "attribution.csv"
COLUMNS = ("stimulus", "attribution", "license", "link")


@frozen
class Credit:
    attribution: str  # who made it
    license: str
    link: str = ""

    def said(self) -> str:
        """As it stands under the image."""
        return ", ".join(filter(None, (self.attribution, self.license, self.link)))


def read_credits(folder: Path) -> dict[str, Credit]:
    """Image -> whom to name; {} where the folder has no attribution.csv. Raises StimulusError for a damaged one."""
    path = Path(folder) / FILE
    if not path.is_file():
        return {}
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StimulusError(f"{path} cannot be read: {error}") from None
    if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise StimulusError(f"{path}: expected rows of {','.join(COLUMNS)}, as its first line says")
    if not all(cell.isprintable() for row in rows for cell in row):
        raise StimulusError(f"{path} holds a character that cannot be seen")
    return {row[0]: Credit(*row[1:]) for row in rows[1:]}


def write_credits(folder: Path, credits: Mapping[str, Credit]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([COLUMNS, *((name, c.attribution, c.license, c.link) for name, c in credits.items())])
    write_atomically(Path(folder) / FILE, out.getvalue().encode())
