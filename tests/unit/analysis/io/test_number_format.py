"""Numbers as text: p values are never shown as 0, and undefined values are dashes."""

import numpy as np
import pandas as pd
import pytest

from analysis.io.number_format import (
    P_COLUMNS,
    format_interval,
    format_p,
    format_p_value,
    format_range,
    format_value,
)
from analysis.io.tables import print_table, to_json
from analysis.report.sections.parts import table_of


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "< .001"), (1e-300, "< .001"), (0.00099, "< .001"), (0.001, ".001"), (0.01234, ".012"), (0.9994, ".999"),
        (0.9996, "> .999"), (1.0, "1.000"), (np.nan, "–"),
    ],
)  # fmt: skip
def test_p_values(p, text):
    assert format_p(p) == text


def test_p_values_in_sentences():
    texts = [format_p_value(p) for p in (np.nan, 1e-9, 0.01234, 0.9999, 1.0)]
    assert texts == ["p undefined", "p < .001", "p = .012", "p > .999", "p = 1.000"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.565217, "0.565"), (np.float64(2), "2.000"), (np.nan, "–"), (pd.NA, "–"), (None, "–"), (3, "3"), ("a_b", "a_b")],
)
def test_values(value, text):
    assert format_value(value) == text


def test_an_interval_and_a_range():
    assert format_interval(0.1, 0.25) == "[0.100, 0.250]" and format_interval(np.nan, 1.0) == ""
    assert [format_range(pd.Series(n)) for n in ([2, 5], [3, 3])] == ["2 to 5", "3"]


@pytest.mark.parametrize("column", sorted(P_COLUMNS))
def test_printed_tables_and_pages_show_small_p_values_as_below_a_limit(column, capsys):
    table = pd.DataFrame({"observer": ["a"], column: [2e-7], "kappa": [2e-7]})
    print_table(table)
    assert capsys.readouterr().out.splitlines()[1].split() == ["a", "<", ".001", "0.000"]
    cells = table_of(table).rows[0]
    assert [cell.text for cell in cells] == ["a", "< .001", "0.000"] and cells[1].value == 2e-7
    assert "2e-07" in to_json(table)
