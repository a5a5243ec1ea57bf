"""Detection of the format of a file of trials from its first line.

The formats are our own trial log ("own"), the CSV files of model-vs-human ("field") and our BIDS tables ("bids").
"""

from pathlib import Path
from typing import Literal

Format = Literal["own", "field", "bids"]
PATTERNS = ("*.csv", "*_beh.tsv")  # names of files that may contain trials
MAX_LINE = 1 << 20  # bytes; a file with a longer line is not a trial log


def detect_format(path: Path) -> Format | None:
    """Return the format of a file, or None if it does not contain trials."""
    with open(path, "rb") as file:
        return parse_header(file.read(MAX_LINE), path)[1]


def parse_header(content: bytes, path: Path) -> tuple[str, Format | None]:
    """Return the first line of a file and the format of the file, which is None if the file is not a trial log.

    `content` is the beginning of the file, and `path` is used only for the file name.
    """
    header = content[:MAX_LINE].split(b"\n", 1)[0].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    if path.name.endswith("_beh.tsv"):
        return header, "bids" if {"stimulus", "category", "response"} <= set(header.split("\t")) else None
    columns = {name.strip('"').lower() for name in header.split(",")}
    if {"observer", "stimulus", "response"} <= columns:
        return header, "own"
    return header, "field" if {"subj", "imagename"} <= columns else None
