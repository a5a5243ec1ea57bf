"""Conventions of programs that record trials: PsychoPy, jsPsych, and other tables.

A program is recognized by its columns. PsychoPy writes one row per trial and per routine, with times in seconds. jsPsych
writes one row per trial of a timeline, including instructions, with times in milliseconds; the response to buttons is the
number of a button, starting at 0.
Sources: https://psychopy.org/general/dataOutputs.html, https://www.jspsych.org/latest/overview/data/
"""

import html
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

from attrs import frozen

from analysis.io.importing.tables import Row, Table

_MEDIA = re.compile(r"\.(?:png|jpe?g|gif|bmp|webp|tiff?|svg|mp4|webm|mov|mp3|wav|ogg)$", re.IGNORECASE)
_SOURCE = re.compile(r"""<\s*(?:img|video|audio|source)\b[^>]*?\bsrc\s*=\s*(["']?)(?P<src>[^"'>]+)\1""", re.IGNORECASE)
# A list with one item, as PsychoPy and jsPsych write it.
_LIST = re.compile(r"""\[\s*(?:u(?=["']))?(["']?)(?P<item>[^,\[\]"']*)\1\s*\]""")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|<!--.*?-->")
# Columns of jsPsych with the labels of the buttons.
CHOICES = ("choices", "button_choices", "button choices", "buttonchoices")


@frozen
class Program:
    """A program that records trials.

    Attributes:
        name: Its name, or "" if the table is not that of a known program.
        rt_unit: The unit of its response times, or "" if it is not known.
        records_people: Whether the observers are people.
    """

    name: str = ""
    rt_unit: Literal["", "s", "ms"] = ""
    records_people: bool = False


PSYCHOPY = Program("PsychoPy", "s", True)
JSPSYCH = Program("jsPsych", "ms", True)
OTHER = Program()


def recognize_program(columns: Sequence[str]) -> Program:
    """Return the program that writes tables with these columns."""
    if {"trial_type", "trial_index"} <= set(columns):
        return JSPSYCH
    has_loop = any(name.endswith((".thisN", ".thisRepN", ".thisTrialN")) for name in columns)
    is_psychopy = {"psychopyVersion", "expName"} & set(columns) or has_loop
    return PSYCHOPY if is_psychopy else OTHER


def media_in(cell: str) -> str:
    """Return the file of the image that a cell shows, which may be HTML or a JSON list of one file, or ""."""
    if cell.startswith("["):
        try:
            items = json.loads(cell)
        except ValueError:
            items = []
        cell = items[0] if len(items) == 1 and isinstance(items[0], str) else cell
    match = _SOURCE.search(cell)
    source = html.unescape(match["src"]) if match else cell
    source = source.split("?", 1)[0].split("#", 1)[0].strip()
    return source if match or _MEDIA.search(source) else ""


def single(cell: str) -> str:
    """Return the only item of a list, such as `left` of `['left']` and `0.5` of `[0.5]`, and any other cell unchanged."""
    match = _LIST.fullmatch(cell.strip())
    return cell if match is None else match["item"]


def text_in(cell: str) -> str:
    """Return the text of a cell with HTML, or the cell itself if it consists of tags only."""
    text = " ".join(html.unescape(_TAG.sub(" ", cell)).split())
    return text or cell


def file_name_of(source: str) -> str:
    """Return the last part of a path with slashes of either kind."""
    return PurePosixPath(source.replace("\\", "/")).name or source


def trials_of_jspsych(table: Table, stimulus: str, category: str | None) -> tuple[list[int], dict[str, int]]:
    """Return the indices of the rows that are trials, and the number of other rows by their type.

    Trials show an image or another file. If no row does, trials are the rows with a category.
    """
    with_media = {i for i, row in enumerate(table.rows) if media_in(row[stimulus])}
    if not with_media and category is not None:
        with_media = {i for i, row in enumerate(table.rows) if row[stimulus] and row[category]}
    if category is not None and any(table.rows[i][category] for i in with_media):
        with_media = {i for i in with_media if table.rows[i][category]}
    others = Counter(row["trial_type"] for i, row in enumerate(table.rows) if i not in with_media)
    return sorted(with_media), dict(others)


def choices_of_row(row: Row) -> list[str] | None:
    """Return the labels of the buttons in a row of jsPsych, or None if it does not contain them."""
    for name, cell in row.items():
        if name.lower() in CHOICES and cell.startswith("["):
            try:
                labels = json.loads(cell)
            except ValueError:
                continue
            return [file_name_of(media_in(str(label))) or text_in(str(label)) for label in labels]
    return None
