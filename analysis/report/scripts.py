"""Data for the page's scripts. A page opened from a disk may fetch nothing, so they are scripts themselves.

`data/<name>.js` calls `report.take(name, data)`. NaN is null; `<` is escaped, so that no text can end a script.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

# What a number up to N_LETTERS - 1 is written as where there are very many: a letter that JSON takes as it is.
LETTERS = "".join(chr(code) for code in range(0x23, 0x7F) if chr(code) not in "\\<")
N_LETTERS = len(LETTERS)
MORE = 0x100  # the first letter of those behind them


def write_data(out: Path, name: str, data: Any) -> None:
    """Write `<out>/data/<name>.js`."""
    path = out / "data" / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"report.take({as_json(name)},{as_json(data)});\n", "utf-8", newline="\n")


def as_json(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def letter(number: int) -> str:
    """0, 1, … as a letter, with no end."""
    if number < N_LETTERS:
        return LETTERS[number]
    code = MORE + number - N_LETTERS
    return chr(code if code < 0xD800 else code + 0x800)  # surrogates are no letters


def numbers(values: Any, digits: int = 4) -> list[float | int | None]:
    """Numbers rounded to `digits` decimals, without the zeros behind them; null for NaN."""
    return [_plain(round(float(value), digits)) for value in np.asarray(values, dtype=float)]


def _plain(value: float) -> float | int | None:
    return None if not math.isfinite(value) else int(value) if value == int(value) else value
