"""Which format a file of trials is in, by how it begins: our own trial log, the field's CSV, or our BIDS table."""

from pathlib import Path
from typing import Literal

Format = Literal["own", "field", "bids"]
PATTERNS = ("*.csv", "*_beh.tsv")  # of files that may be one of them
MAX_LINE = 1 << 20  # bytes; a longer line is no row of a trial log


def format_of(path: Path) -> Format | None:
    """None for what holds no trials."""
    with open(path, "rb") as file:
        return begins(file.read(MAX_LINE), path)[1]


def begins(content: bytes, path: Path) -> tuple[str, Format | None]:
    """First line, and the format that it is of."""
    head = content[:MAX_LINE].split(b"\n", 1)[0].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    if path.name.endswith("_beh.tsv"):
        return head, "bids" if {"stimulus", "category", "response"} <= set(head.split("\t")) else None
    columns = {name.strip('"').lower() for name in head.split(",")}
    if {"observer", "stimulus", "response"} <= columns:
        return head, "own"
    return head, "field" if {"subj", "imagename"} <= columns else None
