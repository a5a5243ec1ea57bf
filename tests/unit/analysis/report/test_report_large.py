"""The report of many observers: long tables are divided into pages, and large data into files that are loaded on request."""

import gzip
import itertools
import re

import numpy as np
import pandas as pd
import pytest

from analysis.figures import style
from analysis.io.number_format import format_number
from analysis.kappa.consistency import error_consistency
from analysis.kappa.contingency import COUNTS, contingency
from analysis.report import paged_tables
from analysis.report.report import write_report
from analysis.report.sections import agreement, large_matrix
from analysis.report.sections.parts import Part, table_of
from analysis.report.sections.scripts import LETTERS, as_letters
from tests.unit.analysis.report.simulated_reports import HOSTILE, KINDS, page_text, read_data, trials

pytestmark = pytest.mark.usefixtures("empty_figures")


def decode(text, n):
    """Decode numbers of n letters as the page does."""
    codes = [text[k : k + n] for k in range(0, len(text), n)]
    return [
        None if " " in code else sum(LETTERS.index(c) * len(LETTERS) ** (n - 1 - k) for k, c in enumerate(code))
        for code in codes
    ]


def test_numbers_as_letters():
    values = np.array([0, 1, 89, 90, 8099, -1, 2000])
    assert decode(as_letters(values, 2), 2) == [0, 1, 89, 90, 8099, None, 2000]
    assert as_letters(np.array([], int), 2) == ""


def test_a_long_table_is_divided_into_pages(tmp_path):
    frame = pd.DataFrame(
        {"observer": [f"<b>{i}" for i in range(201)], "n": range(201), "kappa": np.linspace(0, 1, 201)}
    )
    frame.loc[3, "kappa"] = np.nan
    frame["low"], frame["high"] = 0.1, 0.2
    table = table_of(frame, "A caption.", (("kappa", "low", "high"),), "kappas")
    (part,) = paged_tables.divide_tables(tmp_path, [Part("Title", "a", tables=(table,))], itertools.count(4))
    (first,) = part.tables
    assert (first.n_rows, first.data, first.csv) == (201, "rows_4", "kappas")
    assert first.rows == table.rows[:100]
    rows = read_data(tmp_path / "data" / "rows_4.js")
    assert rows[200] == ["<b>200", [1, "1.000", "0.100–0.200"], [200, "200"]] and len(rows) == 201
    assert rows[3][1] == [None, "–", "0.100–0.200"] and first.columns == ("observer", "kappa", "n")
    short = table_of(frame[:200])
    assert paged_tables.divide_table(tmp_path, short, itertools.count(5)) is short


@pytest.mark.slow
def test_a_report_with_long_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(paged_tables, "MAX_ROWS", 4)
    monkeypatch.setattr(paged_tables, "PAGE_ROWS", 2)
    page = write_report(trials("own", KINDS, ("1", "2")), tmp_path, intervals=False).read_text("utf-8")
    names = re.findall(r'data-rows="(\w+)" data-n="(\d+)"', page)
    assert names and len(dict(names)) == len(names)
    for name, n in names:
        rows = read_data(tmp_path / "data" / f"{name}.js")
        assert len(rows) == int(n) > 4
    for body in re.findall(r"data-rows.*?<tbody>(.*?)</tbody>", page, re.DOTALL):
        assert body.count("<tr>") == 2
    assert 'All rows are in <a href="tables/accuracy.csv">tables/accuracy.csv</a>' in page
    assert HOSTILE not in page and all(HOSTILE not in p.read_text("utf-8") for p in (tmp_path / "data").glob("rows_*"))
    for link in re.findall(r'All rows are in <a href="([^"]+)"', page):
        assert (tmp_path / link).is_file()


@pytest.mark.slow
def test_a_csv_file_with_many_rows_is_compressed(tmp_path, monkeypatch):
    monkeypatch.setattr(paged_tables, "MAX_PLAIN_ROWS", 8)
    frame = trials("own", KINDS)
    for folder in ("a", "b"):
        page = write_report(frame, tmp_path / folder, intervals=False).read_text("utf-8")
    content = [(tmp_path / folder / "tables" / "consistency.csv.gz").read_bytes() for folder in ("a", "b")]
    assert content[0] == content[1] and gzip.decompress(content[0]).startswith(b"dataset,condition,observer_1")
    assert len(pd.read_csv(tmp_path / "a" / "tables" / "consistency.csv.gz")) == 10
    assert not (tmp_path / "a" / "tables" / "consistency.csv").exists()
    assert (tmp_path / "a" / "tables" / "accuracy.csv").exists()  # has five rows
    assert 'href="tables/consistency.csv.gz" download' in page
    assert "tables/consistency.csv.gz also contains the lowest and the highest κ" in page_text(page)
    text = "See tables/consistency.csv and tables/accuracy.csv."
    expected = "See tables/consistency.csv.gz and tables/accuracy.csv."
    assert paged_tables.name_csv_files(text, ["consistency.csv.gz", "accuracy.csv"]) == expected
    write_report(frame[:24], tmp_path / "a", intervals=False)  # one observer, so that no pairs exist
    assert not (tmp_path / "a" / "tables" / "consistency.csv.gz").exists()


@pytest.mark.slow
def test_the_matrix_of_many_observers_is_loaded_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(style, "MAX_SHOWN", 4)
    monkeypatch.setattr(large_matrix, "PAIRS_PER_FILE", 5)
    frame = trials("own", KINDS, ("1", "2"))
    frame = frame[~((frame["observer"] == "net") & (frame["condition"] == "2"))]
    page = write_report(frame, tmp_path).read_text("utf-8")
    assert 'data-plot="large-matrix"' in page
    assert 'alt="Matrix of error consistency between 5 observers"' in page
    data = read_data(tmp_path / "data" / "consistency_own.js")
    names, files = data["names"], [read_data(path) for path in sorted((tmp_path / "data").glob("pairs_own_*.js"))]
    assert data["conditions"] == ["1", "2"] and data["first_observers"] == [0, 1, 3][: len(files)] and len(files) > 1
    pairs = error_consistency(frame).merge(contingency(frame)).set_index(["condition", "observer_1", "observer_2"])
    for condition in (0, 1):
        columns = {name: "".join(file[condition][name] for file in files) for name in ("kappa", "low", "high", *COUNTS)}
        numbers = {name: decode(text, 3 if name in COUNTS else 2) for name, text in columns.items()}
        for k, observers in enumerate(itertools.combinations(names, 2)):
            key = (data["conditions"][condition], *observers)
            for name in columns:
                expected = pairs[name].get(key, np.nan)
                if np.isnan(expected):
                    assert numbers[name][k] is None
                elif name in COUNTS:
                    assert numbers[name][k] == expected
                else:
                    shown = (numbers[name][k] - 2000.5) / 2000  # as large-matrix.js decodes it
                    for decimals in (2, 3):
                        assert format_number(shown, decimals) == format_number(expected, decimals)
    assert [len(file) for file in files] == [2] * len(files)
    assert sum(len(file[0]["kappa"]) for file in files) == len(data["kappa"]) == 2 * 10


def test_encoded_kappas_are_rounded_as_the_kappas():
    kappas = np.array([0.0, 1.0, -1.0, 0.125, -0.125, 13 / 23, 5 / 13, -0.0005, 0.385, np.nan])
    for kappa, code in zip(kappas, decode(large_matrix._encode_kappas(kappas), 2), strict=True):
        if code is None:
            assert np.isnan(kappa)
        else:
            assert [format_number((code - 2000.5) / 2000, d) for d in (2, 3)] == [
                format_number(kappa, d) for d in (2, 3)
            ]


@pytest.mark.slow
def test_intervals_of_mistakes_are_omitted_for_many_pairs(tmp_path, monkeypatch):
    monkeypatch.setattr(agreement, "MAX_PAIRS", 3)
    page = page_text(write_report(trials("own", KINDS), tmp_path).read_text("utf-8"))
    assert pd.read_csv(tmp_path / "tables" / "mistakes.csv")["low"].isna().all()
    assert "Their intervals are not computed here; observers analyze errors computes them." in page.replace("`", "")
