"""Tables of any form are read as text: delimiters, encodings, JSON, workbooks."""

import json
from importlib.util import find_spec

import pytest

from analysis.io.importing import tables
from analysis.io.importing.tables import read_table
from core.errors import LogError

ROWS = [{"image": "bär,1.png", "answer": "café"}, {"image": "b.png", "answer": ""}]


def text(delimiter):
    return delimiter.join(["image", "answer"]) + "\r\n" + f'"bär,1.png"{delimiter}café\r\n' + f"b.png{delimiter}\r\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_delimiters_and_encodings_are_inferred(tmp_path, delimiter, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(text(delimiter).encode(encoding))
    table = read_table(path)
    assert table.rows == ROWS and table.columns == ("image", "answer") and table.lines == [2, 3]
    assert table.form == f"CSV separated by {tables.DELIMITERS[delimiter]} in {encoding}"


def test_delimiter_and_encoding_can_be_chosen(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("image:answer\né:1\n".encode("latin-1"))
    assert read_table(path, ":", "latin-1").rows == [{"image": "é", "answer": "1"}]
    path.write_text("a\tb,c\n1,2\t3\n")
    assert read_table(path, "tab").rows == [{"a": "1,2", "b,c": "3"}]
    path.write_text("sep=;\na;b\n1;2\n")
    assert read_table(path).rows == [{"a": "1", "b": "2"}]
    path.write_bytes(b"a,b\n\x81\x8d,2\n")
    assert read_table(path).form.endswith("latin-1")


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(ROWS),
        json.dumps([ROWS]),
        "\n".join(map(json.dumps, ROWS)) + "\n\n",
        json.dumps({"trials": ROWS}),
        json.dumps({"image": {"0": "bär,1.png", "1": "b.png"}, "answer": {"0": "café", "1": None}}),
        json.dumps({"image": ["bär,1.png", "b.png"], "answer": ["café", None]}),
    ],
)
def test_forms_of_json(tmp_path, data):
    (tmp_path / "a.json").write_text(data, "utf-8")
    assert read_table(tmp_path / "a.json").rows == ROWS


def test_values_of_json_become_text(tmp_path):
    (tmp_path / "a.json").write_text(
        json.dumps([{"a": 1, "b": 0.5, "c": True, "d": [1, "x"], "e": None, "f": {"g": 1}}, {}])
    )
    table = read_table(tmp_path / "a.json")
    assert table.rows[0] == {"a": "1", "b": "0.5", "c": "true", "d": '[1, "x"]', "e": "", "f.g": "1"}
    assert table.rows[1]["a"] == "" and table.columns == ("a", "b", "c", "d", "f.g")


def test_sessions_with_lists_of_trials_keep_what_identifies_them(tmp_path):
    data = [{"id": name, "trials": [{"rt": 1}, {"rt": 2}]} for name in ("a", "b")]
    (tmp_path / "a.json").write_text(json.dumps(data))
    assert [(row["id"], row["rt"]) for row in read_table(tmp_path / "a.json").rows] == [
        ("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"),
    ]  # fmt: skip


def test_columns_without_names_and_repeated_names(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,a,,b,\n1,2,3,4,\n5,6\n\n,,,,\n")
    table = read_table(path)
    assert table.columns == ("a", "a 2", "column 3", "b")
    assert table.rows[1] == {"a": "5", "a 2": "6", "column 3": "", "b": "", "column 5": ""}
    assert table.notes == [
        "names of columns that occur several times are numbered: a 2",
        "1 row is shorter than the header; its last cells are empty",
    ]


@pytest.mark.parametrize("title", ["Experiment 1", "Experiment 1\n\nof May", "Experiment 1;;"])
def test_titles_above_the_header_are_not_read(tmp_path, title):
    path = tmp_path / "a.csv"
    path.write_text(f"{title}\nimage;answer;rt\na.png;cat;1\nb.png;dog;2\n")
    table = read_table(path)
    assert [row["answer"] for row in table.rows] == ["cat", "dog"]
    assert table.notes[0].startswith("lines above the header are not read: Experiment 1")


def test_repeated_headers_and_numbers_in_the_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\na,b\n3,4\n")
    table = read_table(path)
    assert [row["a"] for row in table.rows] == ["1", "3"] and table.lines == [2, 4]
    assert table.notes == ["the header is repeated in line 3, which is not a trial"]
    path.write_text("a,b\n1,2\na,b\na,b\n")
    assert read_table(path).notes == ["the header is repeated in 2 lines, which are not trials"]
    path.write_text("sub010,0,09761\nsub011,1,06420\n")
    assert (
        read_table(path).notes[0].startswith("the header contains numbers (0, 09761); if line 1 is a trial, add a line")
    )


def test_rows_within_a_cell_are_noted(tmp_path):
    (tmp_path / "a.csv").write_text('a,b,c\n1,2,"3\n4,5,6\n7,8,"\n9,9,9\n')
    table = read_table(tmp_path / "a.csv")
    assert len(table.rows) == 2
    assert table.notes == [
        "a cell that ends in line 4 contains lines that look like rows; if they are trials, correct the quotation marks"
    ]


def test_a_nul_byte_does_not_change_the_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,x\0y\n")
    assert read_table(tmp_path / "a.csv").rows[0]["b"] == "x\0y"


def test_participants_by_name_in_json(tmp_path):
    trials = [{"rt": 1}, {"rt": 2}]
    (tmp_path / "a.json").write_text(
        json.dumps({"-N1": {"id": "x", "data": trials}, "-N2": {"id": "y", "data": trials}})
    )
    assert [(row["id"], row["rt"]) for row in read_table(tmp_path / "a.json").rows] == [
        ("x", "1"), ("x", "2"), ("y", "1"), ("y", "2"),
    ]  # fmt: skip


@pytest.mark.skipif(find_spec("openpyxl") is None, reason="openpyxl is not installed")
def test_workbooks_are_read(tmp_path):
    import pandas as pd

    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame({"image": ["a.png", "b.png"], "rt": [0.5, 1.0], "note": [None, "x"]}).to_excel(writer, index=False)
        pd.DataFrame({"other": [1]}).to_excel(writer, sheet_name="Notes", index=False)
    table = read_table(path)
    assert table.rows == [{"image": "a.png", "rt": "0.5", "note": ""}, {"image": "b.png", "rt": "1", "note": "x"}]
    assert table.notes == ["only the sheet 'Sheet1' is read, of 'Sheet1', 'Notes'"]
    pd.DataFrame().to_excel(path, index=False)
    with pytest.raises(LogError, match="does not have a sheet with a header and rows"):
        read_table(path)
    path.write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(LogError, match=r"a\.xlsx cannot be read as an Excel workbook"):
        read_table(path)


def test_a_workbook_needs_openpyxl(tmp_path, monkeypatch):
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04")
    monkeypatch.setattr(tables, "find_spec", lambda _: None)
    with pytest.raises(
        LogError, match=r"a\.xlsx is an Excel workbook: save it as CSV and import that file, or install"
    ):
        read_table(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", {}, r"a\.csv is empty: expected a table with a header"),
        (b"  \n", {}, r"a\.csv is empty"),
        (b"a,b\n", {}, r"a\.csv has a header but no rows"),
        (b"a\n1\n", {}, r"has a single column, 'a': name the character between two cells with --delimiter"),
        (b"a,b\n1,2,3\n", {}, r"a\.csv, line 2: found 3 cells, but the header has 2"),
        (b"a,b\n1,2\n", {"delimiter": "::"}, r"the delimiter '::' is not a single character"),
        (b"a,b\n1,2\n", {"encoding": "klingon"}, r"'klingon' is not the name of an encoding"),
        (b"a,b\n1,2\n", {"encoding": "undefined"}, r"cannot be read with the encoding 'undefined'"),
        (b"a,b\n1,2\n", {"encoding": "a\0b"}, r"cannot be read with the encoding 'a\\x00b'"),
        (b"a,b\n\xe4,2\n", {"encoding": "utf-8"}, r"a\.csv is not text in utf-8 .* name its encoding with --encoding"),
        (b"[1, 2]", {}, r"does not contain a list of records"),
        (b'[{"a": 1', {}, r"a\.csv is not valid JSON"),
        (b"\xd0\xcf\x11\xe0\xa1", {}, r"is an old Excel workbook \(\.xls\): save it as CSV"),
        (b"a,b\n" + b"x" * 200_000 + b",1\n", {}, r"a\.csv cannot be read: field larger than"),
    ],
)
def test_other_files_are_refused(tmp_path, content, options, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(LogError, match=message):
        read_table(path, **options)


def test_missing_and_large_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(LogError, match=r"none\.csv cannot be read: No such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(tables, "MAX_BYTES", 4)
    with pytest.raises(LogError, match=r"a\.csv is larger than 0 MiB: divide it"):
        read_table(tmp_path / "a.csv")
