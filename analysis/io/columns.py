"""The columns of a frame while logs are read: blocks of cells become arrays, and all blocks together become one frame.

A block is a number of consecutive rows of one file. In a block, a text is replaced by its code in `Columns`, and a number is
a float64, which is NaN if the value is missing. The texts of all logs are thus stored only once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from attrs import field, frozen

from core.errors import LogError
from core.names import is_readable, normalize
from core.trial_columns import FRAME_COLUMNS, FRAME_NAMES, TRIAL_COLUMNS, is_numeric_extra, is_text_extra
from stimuli.published.normalize import is_missing as is_missing_text

Block = dict[str, np.ndarray]  # name of a column in the frame -> codes of texts (int32), or numbers (float64)

TYPES = {FRAME_NAMES.get(column.name, column.name): column for column in TRIAL_COLUMNS}
# These columns of text, and all columns `info_<name>`, have categories of their own. All others (category, response and the
# cues) have the same categories, so that they can be compared with each other.
OWN_CATEGORIES = ("dataset", "observer", "kind", "stimulus", "condition", "source")
SHARED = "category"
EXPECTED_TEXT = "expected text without line breaks or other unprintable characters"
MAX_INTEGER = 2**53  # larger whole numbers are not exact as float64


def is_text(name: str) -> bool:
    """Return whether a column of a frame contains text."""
    return TYPES[name].type == "text" if name in TYPES else not is_numeric_extra(name)


def has_own_categories(name: str) -> bool:
    """Return whether a column of text has categories of its own."""
    return name in OWN_CATEGORIES or is_text_extra(name)


class Texts(dict[str, int]):
    """The code of every text of one or more columns: 0, 1, … in the order in which the texts first occurred.

    Attributes:
        words: The text of every code.
        are_names: Whether texts that are the same in the Unicode normalization form NFC have the same code, because macOS
            may write names in another form than other systems. False for paths.
    """

    def __init__(self, are_names: bool = True) -> None:
        super().__init__()
        self.words: list[str] = []
        self.are_names = are_names

    def __missing__(self, text: str) -> int:
        normalized = normalize(text) if self.are_names else text
        if normalized != text:
            self[text] = code = self[normalized]
            return code
        self[text] = code = len(self.words)
        self.words.append(text)
        return code

    def encode(self, cells: Sequence[str]) -> np.ndarray:
        """Return the codes of some texts, shape (n,). New texts get a code."""
        return np.fromiter(map(self.__getitem__, cells), np.int32, len(cells))


@frozen
class Columns:
    """The blocks of several logs, and the texts in them."""

    blocks: list[Block] = field(factory=list)
    texts: dict[str, Texts] = field(factory=dict)
    valid: dict[str, set[str]] = field(factory=dict)  # the texts of each column that have been checked

    def texts_of(self, name: str) -> Texts:
        """Return the codes of the texts in a column."""
        return self.texts.setdefault(name if has_own_categories(name) else SHARED, Texts(name != "source"))

    def text(self, name: str, code: int) -> str:
        """Return the text of a code in a column."""
        return self.texts_of(name).words[code]

    def encode(self, cells: Mapping[str, Sequence[str]], path: Path, source: str, first_line: int) -> Block:
        """Return the cells of our own trial log as a block, which is not added.

        `first_line` is the line of the first cell in the file. Raises KeyError if a column is missing, and LogError if a
        cell is not a number or is not printable.
        """
        columns = {FRAME_NAMES.get(name, name): column for name, column in cells.items()}
        n = len(next(iter(columns.values())))
        for name, column in TYPES.items():
            if name not in columns and column.required:
                raise KeyError(column.name)
            columns.setdefault(name, [""] * n)
        block = {
            name: self.texts_of(name).encode(column) if is_text(name) else _to_numbers(column, path, name, first_line)
            for name, column in columns.items()
        }
        for name in filter(is_text, TYPES):
            self._check_texts(name, columns[name], path, first_line)
        return block | {"source": np.full(n, self.texts_of("source")[source], np.int32)}

    def encode_valid(self, name: str, words: Sequence[str], path: Path) -> np.ndarray:
        """Return the codes of the texts in a column of an archive. Raises LogError if a text is not valid."""
        invalid = [text for text in words if name in TYPES and not _is_valid(name, text)]
        if invalid:
            raise LogError(f"{path}: {name} is {invalid[0]!r}, {EXPECTED_TEXT}")
        return self.texts_of(name).encode(words)

    def _check_texts(self, name: str, cells: Sequence[str], path: Path, first_line: int) -> None:
        """Raise LogError for names that are empty, or that contain characters which break terminals, tables or figures."""
        valid = self.valid.setdefault(name, set())
        new = set(cells) - valid
        invalid = [text for text in new if not _is_valid(name, text)]
        if invalid:
            row = min(cells.index(text) for text in invalid)
            problem = (
                f"is {cells[row]!r}, {EXPECTED_TEXT}"
                if cells[row]
                else "is missing: complete the cell, or remove the row"
            )
            raise LogError(f"{path}, line {first_line + row}: {name} {problem}")
        valid |= new

    def to_frame(self) -> pd.DataFrame:
        """Return all blocks as one frame, and forget them. The cells of a column that a log does not have are missing."""
        names = dict.fromkeys(FRAME_COLUMNS) | dict.fromkeys(name for block in self.blocks for name in block)
        n = [len(block["source"]) for block in self.blocks]
        response, category = (self._join(name, n) for name in ("response", "category"))
        correct = (response == category) & (response != self.texts_of("response")[""])
        arrays = {"response": response, "category": category, "correct": correct}
        arrays |= {name: self._join(name, n) for name in names if name not in arrays}
        self.blocks.clear()
        shared = [name for name in names if name != "correct" and is_text(name) and not has_own_categories(name)]
        own = [name for name in names if has_own_categories(name)]
        columns: dict[str, object] = dict.fromkeys(names)
        for group in (shared, *([name] for name in own)):
            columns |= _to_categories({name: arrays.pop(name) for name in group}, self.texts_of(group[0]))
        for name in list(arrays):
            is_integer = name in TYPES and TYPES[name].type == "integer"
            columns[name] = _to_integers(arrays.pop(name)) if is_integer else arrays.pop(name)
        return pd.DataFrame(columns, copy=False)

    def _join(self, name: str, n: Sequence[int]) -> np.ndarray:
        """Return a column of all blocks, which have `n` rows each, and remove it from the blocks."""
        missing = self.texts_of(name)[""] if is_text(name) else np.nan
        dtype = np.int32 if is_text(name) else np.float64
        joined = np.full(sum(n), missing, dtype)
        end = 0
        for block, n_rows in zip(self.blocks, n, strict=True):
            if name in block:
                joined[end : end + n_rows] = block.pop(name)
            end += n_rows
        return joined


def _is_valid(name: str, text: str) -> bool:
    return (bool(text) or TYPES[name].can_be_empty) and is_readable(text)


def _to_numbers(cells: Sequence[str], path: Path, name: str, first_line: int) -> np.ndarray:
    """Convert cells to float64, with NaN for a missing value. Raises LogError if a cell is not such a number."""
    if not any(cells):
        return np.full(len(cells), np.nan)
    numbers = np.asarray(pd.to_numeric(np.array(cells, dtype=object), errors="coerce"), np.float64)
    is_missing, expected = np.isnan(numbers), "a number"
    invalid = [row for row in np.flatnonzero(is_missing).tolist() if not is_missing_text(cells[row])]
    if not invalid and name in TYPES and TYPES[name].type == "integer":
        with np.errstate(invalid="ignore"):  # the remainder of infinity is undefined
            is_whole = (np.abs(numbers) <= MAX_INTEGER) & (numbers % 1 == 0)
        invalid, expected = np.flatnonzero(~is_whole & ~is_missing).tolist(), "a whole number"
    if invalid:
        row = invalid[0]
        raise LogError(f"{path}, line {first_line + row}: {name} is {cells[row]!r}, expected {expected}")
    return numbers


def _to_categories(codes: Mapping[str, np.ndarray], texts: Texts) -> dict[str, pd.Categorical]:
    """Return columns of codes as categories: those texts that occur in one of the columns, in alphabetical order."""
    words = texts.words
    is_used = np.zeros(len(words), bool)
    for column in codes.values():
        is_used[column] = True
    order = sorted(np.flatnonzero(is_used), key=words.__getitem__)
    position = np.zeros(len(words), np.int32)
    position[order] = np.arange(len(order))
    dtype = pd.CategoricalDtype(pd.Index([words[code] for code in order], dtype="str"))
    return {name: pd.Categorical.from_codes(position[column], dtype=dtype) for name, column in codes.items()}


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which columns of categories are columns of text, as in the tables of all measures."""
    is_category = [isinstance(dtype, pd.CategoricalDtype) for dtype in table.dtypes]
    return table.astype(dict.fromkeys(table.columns[is_category], "str"))


def _to_integers(numbers: np.ndarray) -> pd.arrays.IntegerArray:
    """Return whole numbers as nullable integers (Int64)."""
    is_missing = np.isnan(numbers)
    return pd.arrays.IntegerArray(np.where(is_missing, 1, numbers).astype(np.int64), is_missing)
