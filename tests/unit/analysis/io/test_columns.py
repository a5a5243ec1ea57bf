"""Blocks of cells and the frame that they become together."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.io.columns import Columns, is_text
from analysis.io.frame import read_trials
from core.errors import LogError
from core.trial_columns import FRAME_COLUMNS, NAMES
from experiments.running.session import run
from observers.people.participant import Participant
from observers.simulated import Biased, Ideal
from stimuli.published.layouts import rows

PATH = Path("mine.csv")


def cells(n=2, **columns):
    """Return the cells of n trials, in which the named columns are replaced."""
    texts = {"experiment": "mine", "observer": "o", "kind": "human", "session": "1", "block": "", "stimulus": "x.png"}
    rows = {name: [texts.get(name, "cat" if name in ("category", "response") else "")] * n for name in NAMES}
    return rows | {"trial": [str(i + 1) for i in range(n)]} | columns


def frame_of(*blocks):
    """Return the frame of these blocks of cells, each of which is a file."""
    columns = Columns()
    for block in blocks:
        columns.blocks.append(columns.encode(block, PATH, str(PATH), 2))
    return columns.to_frame()


def test_columns_that_a_log_lacks_are_missing():
    frame = frame_of(cells(shape=["cat", "dog"], evidence_cat=["1e3", "-inf"]), cells(1, measured_onset=["0.5"]))
    assert [*frame.columns] == [*FRAME_COLUMNS, "shape", "evidence_cat", "measured_onset"]
    assert [*frame["shape"]] == ["cat", "dog", ""]
    np.testing.assert_array_equal(frame["evidence_cat"], [1000, -np.inf, np.nan])
    np.testing.assert_array_equal(frame["measured_onset"], [np.nan, np.nan, 0.5])
    assert frame["block"].dtype == frame["trial"].dtype == pd.Int64Dtype()
    assert frame["block"].isna().all() and [*frame["trial"]] == [1, 2, 1]
    assert [*frame["correct"]] == [True] * 3 and frame["correct"].dtype == bool
    assert [name for name in ("rt", "shape", "kind", "evidence_cat", "session") if is_text(name)] == ["shape", "kind"]


def test_only_texts_in_the_frame_are_categories():
    columns = Columns()
    columns.encode(cells(response=["bear", "owl"], observer=["left", "out"]), PATH, "left out.csv", 2)
    columns.blocks.append(columns.encode(cells(response=["", "dog"], shape=["zebra", "ant"]), PATH, "mine.csv", 2))
    frame = columns.to_frame()
    for name in ("response", "category", "shape"):
        assert [*frame[name].cat.categories] == ["", "ant", "cat", "dog", "zebra"]
    assert [*frame["observer"].cat.categories] == ["o"] and [*frame["source"].cat.categories] == ["mine.csv"]
    assert [*frame["correct"]] == [False, False]
    assert frame["response"].cat.codes.dtype == np.int8
    assert not columns.blocks


def test_a_missing_response_is_never_correct():
    columns = Columns()
    block = columns.encode(cells(1), PATH, "mine.csv", 2)
    empty = columns.texts_of("response")[""]
    columns.blocks.append(block | {"response": np.array([empty], np.int32), "category": np.array([empty], np.int32)})
    assert [*columns.to_frame()["correct"]] == [False]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rt": ["0.5", "fast"]}, "mine.csv, line 8: rt is 'fast', expected a number"),
        ({"rt": ["-nan", "fast"]}, "mine.csv, line 7: rt is '-nan', expected a number"),
        ({"evidence_cat": ["", "1_000"]}, "mine.csv, line 8: evidence_cat is '1_000', expected a number"),
        ({"trial": ["1", "1.5"]}, "mine.csv, line 8: trial is '1.5', expected a whole number"),
        ({"trial": ["inf", "2"]}, "mine.csv, line 7: trial is 'inf', expected a whole number"),
        ({"session": ["1", str(2**53 + 2)]}, "line 8: session is '9007199254740994', expected a whole number"),
        ({"observer": ["o", ""]}, "mine.csv, line 8: observer is missing: complete the cell"),
        ({"stimulus": ["a\tb", "\x1b"]}, r"mine.csv, line 7: stimulus is 'a\\tb', expected text without line breaks"),
    ],
)
def test_invalid_cells_are_named_with_their_line(changed, message):
    with pytest.raises(LogError, match=message):
        Columns().encode(cells(**changed), PATH, str(PATH), 7)


def test_a_text_that_is_valid_in_one_column_is_checked_in_the_others():
    columns = Columns()
    columns.encode(cells(response=["", ""], shape=["a\tb", ""]), PATH, str(PATH), 2)
    with pytest.raises(LogError, match="line 2: category is missing: complete the cell"):
        columns.encode(cells(category=["", "cat"]), PATH, str(PATH), 2)
    with pytest.raises(LogError, match=r"line 3: response is 'a\\tb', expected text"):
        columns.encode(cells(response=["", "a\tb"]), PATH, str(PATH), 2)


def test_a_missing_column_is_named():
    with pytest.raises(KeyError, match="experiment"):
        Columns().encode({name: column for name, column in cells().items() if name != "experiment"}, PATH, "", 2)


def test_frames_do_not_depend_on_the_size_of_blocks(small, tmp_path, monkeypatch):
    run(small, Participant(code="K7Q2ZP", simulate="biased"), tmp_path, limit=7)
    run(small, Participant(code="K7Q2ZP", simulate="biased", pilot=True), tmp_path, limit=5)
    for observer in (Ideal(), Biased(0.5)):
        run(small, observer, tmp_path)
    expected = read_trials(tmp_path)
    monkeypatch.setattr(rows, "BLOCK_ROWS", 3)
    frame = read_trials(tmp_path)
    pd.testing.assert_frame_equal(frame, expected, check_exact=True)
    assert frame.attrs == expected.attrs


def test_a_line_is_counted_over_all_blocks(small, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "BLOCK_ROWS", 3)
    path = run(small, Participant(code="K7Q2ZP", simulate="biased"), tmp_path)
    lines = path.read_text().splitlines()
    lines[7] = lines[7].replace(",simulated,", ",simulated,x")
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(LogError, match="line 8: session is 'x1', expected a number"):
        read_trials(path)
