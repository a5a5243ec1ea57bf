"""Files in a folder of trial logs that cannot be read as logs, but may contain trials, so that skipping them must be noted.

Files of spreadsheet programs and of statistics programs are recognized by their names. Text files are recognized by their
content, because a folder also contains descriptions, licenses and sidecars.
"""

from pathlib import Path

from core.files import open_binary
from stimuli.published.layouts.files import header_names
from stimuli.published.layouts.rows import first_lines

IMPORTABLE = frozenset({".xlsx", ".jsonl", ".ndjson"})  # `observers import` reads them
UNREADABLE = frozenset(
    {".xls", ".ods", ".numbers", ".mat", ".rds", ".rdata", ".sav", ".dta", ".pkl", ".npz", ".zip", ".7z"}
)
TEXT = frozenset({".txt", ".dat", ".tsv", ".tab", ".json"})
NOT_TRIALS = frozenset({"participants.tsv"})  # BIDS
MIN_COLUMNS = 4  # of a table of trials: observer, image, category and response
BEGINNING = 1 << 16  # bytes of a text file by which a table is recognized


def may_be_table(path: Path) -> bool:
    """Return whether a file has the name of a file in another format that may contain a table of trials."""
    suffix = path.suffix.lower()
    return suffix in IMPORTABLE | UNREADABLE | TEXT and not path.name.startswith(".") and path.name not in NOT_TRIALS


def skipping_reason(path: Path) -> str:
    """Return why a file for which `may_be_table` is true is skipped, or "" if it does not contain a table."""
    suffix = path.suffix.lower()
    if suffix in UNREADABLE:
        return f"trials are not read from {suffix} files (save the table as CSV)"
    if suffix in IMPORTABLE or _is_table(path):
        return "the name does not end in .csv (`observers import` can read it)"
    return ""


def _is_table(path: Path) -> bool:
    """Return whether a text file contains a table, or a list in JSON."""
    try:
        with open_binary(path) as file:
            content = file.read(BEGINNING)
    except OSError:  # it may be a table
        return True
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return path.suffix.lower() != ".json"
    if path.suffix.lower() == ".json":
        return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    lines = first_lines(content)[:2]
    widths = [[len(header_names(line, delimiter)) for line in lines] for delimiter in ",;\t|"]
    return any(len(width) == 2 and width[0] == width[1] >= MIN_COLUMNS for width in widths)
