"""Numbers as text: p values are never shown as 0, undefined values are dashes, and a number is rounded only once."""

import numpy as np
import pandas as pd
import pytest

from analysis.io.number_format import (
    P_COLUMNS,
    format_interval,
    format_kappa,
    format_number,
    format_p,
    format_p_value,
    format_range,
    format_value,
    round_half_away,
    shorten,
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


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (13 / 23, 2, "0.57"), (5 / 13, 2, "0.38"), (0.125, 2, "0.13"), (0.285, 2, "0.29"), (0.565, 2, "0.57"),
        (-0.125, 2, "-0.13"), (-0.0004, 3, "0.000"), (0.0, 3, "0.000"), (-0.0005, 3, "-0.001"), (0.9995, 3, "1.000"),
        (12.5, 0, "13"), (1e-15, 3, "0.000"), (123456.0005, 3, "123456.001"),
    ],
)  # fmt: skip
def test_a_half_is_rounded_away_from_zero(value, decimals, text):
    assert format_number(value, decimals) == text
    assert float(text) == round_half_away(np.array([value]), decimals)[0]


def test_kappa_without_the_zero_before_the_point():
    assert [format_kappa(k) for k in (13 / 23, -5 / 13, 1.0, -0.001, np.nan)] == [".57", "−.38", "1.00", ".00", "–"]


def test_shortened_numbers_are_rounded_as_the_numbers_themselves():
    n = np.arange(1, 300)
    values = np.unique(np.concatenate([(k / n)[k <= n] for k in range(300)] + [-0.5 / n]))
    short = shorten(values, 3)
    for decimals in (1, 2, 3):
        assert [format_number(x, decimals) for x in short] == [format_number(x, decimals) for x in values]
    assert np.mean(np.abs(short * 1000 - np.round(short * 1000)) < 1e-6) > 0.9  # most have three decimals
    rounded_twice = [format_number(float(format_number(x, 3)), 2) for x in values]
    assert rounded_twice != [format_number(x, 2) for x in values]


def test_undefined_and_infinite_numbers_stay():
    short = shorten(np.array([np.nan, np.inf, -np.inf, 0.25]), 0)
    assert np.isnan(short[0]) and list(short[1:]) == [np.inf, -np.inf, 0.25 // 1]
    assert format_value(float("nan")) == "–" and format_value(1 / 16) == "0.063"
