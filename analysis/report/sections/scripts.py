"""Writes the data of the pages as scripts.

A browser does not let a page that is opened from the disk fetch files, but it does let the page load scripts.
`data/<name>.js` calls `report.take(name, data)`. NaN becomes null, and `<` is escaped so that no text can end a script.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from analysis.io.number_format import DECIMALS, shorten

# Characters that JSON writes without escapes. Each encodes one number below N_LETTERS, which keeps the files small.
LETTERS = "".join(chr(code) for code in range(0x23, 0x7F) if chr(code) not in "\\<")
N_LETTERS = len(LETTERS)
FIRST_EXTRA = 0x100  # code point of the character that encodes N_LETTERS; larger numbers follow


def write_data(out: Path, name: str, data: Any) -> None:
    """Write data as `<out>/data/<name>.js`."""
    path = out / "data" / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"report.take({as_json(name)},{as_json(data)});\n", "utf-8", newline="\n")


def as_json(data: Any) -> str:
    """Return data as JSON that is safe inside a script."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def letter(number: int) -> str:
    """Return the character that encodes a whole number, which is at least 0."""
    if number < N_LETTERS:
        return LETTERS[number]
    code = FIRST_EXTRA + number - N_LETTERS
    return chr(code if code < 0xD800 else code + 0x800)  # skips surrogates, which are not characters


def as_letters(numbers: np.ndarray, n_letters: int) -> str:
    """Return whole numbers as `n_letters` letters each, with the first digit first; numbers below 0 become spaces."""
    assert numbers.max(initial=0) < N_LETTERS**n_letters
    digits = numbers[:, None] // N_LETTERS ** np.arange(n_letters - 1, -1, -1) % N_LETTERS
    codes = np.frombuffer(LETTERS.encode("ascii"), np.uint8)[digits]
    codes[numbers < 0] = ord(" ")
    return codes.tobytes().decode("ascii")


def numbers(values: Any, decimals: int = DECIMALS) -> list[float | int | None]:
    """Return numbers with few decimals, such that the page rounds them to at most `decimals` as the numbers themselves.

    Trailing zeros are omitted, and values that are not finite become None.
    """
    return [_plain(value) for value in shorten(np.asarray(values, dtype=float), decimals).tolist()]


def _plain(value: float) -> float | int | None:
    return None if not math.isfinite(value) else int(value) if value == int(value) else value
