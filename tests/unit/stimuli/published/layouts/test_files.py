"""The layout of a file of trials, and the conversion of the model-vs-human layout to the cells of our own log."""

import csv
import io
from pathlib import Path

import pytest

from core.errors import LogError
from core.trial_columns import NAMES
from stimuli.published.layouts import rows as row_module
from stimuli.published.layouts.files import (
    complete_rows,
    describe_other_file,
    detect_layout,
    header_names,
    read_cells,
    read_own_cells,
)
from stimuli.published.layouts.rows import complete_size, read_blocks
from stimuli.published.layouts.table import LAYOUTS

OWN, BIDS = LAYOUTS["own"], LAYOUTS["bids"]
MODEL_VS_HUMAN = "subj,Session,trial,rt,object_response,category,condition,imagename"


def to_own_cells(header, rows, path):
    """Convert one block of rows in model-vs-human format."""
    return LAYOUTS["model-vs-human"].converter(header, path)(rows)


@pytest.mark.parametrize(
    ("name", "header", "layout"),
    [
        ("a.csv", ",".join(NAMES), "own"),
        ("a.csv", '\ufeff"observer",kind,"stimulus", Response', "own"),
        ("a.csv", MODEL_VS_HUMAN, "model-vs-human"),
        ("a.csv", MODEL_VS_HUMAN.upper(), "model-vs-human"),
        ("a_beh.tsv", "stimulus\tcategory\tresponse", "bids"),
        ("a_beh.tsv", ",".join(NAMES), None),
        ("a.csv", "stimulus\tcategory\tresponse", None),
        ("a.csv", "observer,response", None),
        ("a.csv", "", None),
    ],
)
def test_layouts_are_recognized_by_the_first_line(tmp_path, name, header, layout):
    (tmp_path / name).write_text(f"{header}\nx\n", encoding="utf-8")
    assert detect_layout(tmp_path / name) is (None if layout is None else LAYOUTS[layout])


def test_an_incomplete_last_row_is_removed_from_our_own_logs_only():
    assert complete_rows(b"a,b\n1,2\n3", OWN) == complete_rows(b"a,b\n1,2\n", OWN) == b"a,b\n1,2\n"
    assert complete_rows(b"a,b", BIDS) == b""
    assert complete_rows(b"a,b\n1,2\n3,4", LAYOUTS["model-vs-human"]) == b"a,b\n1,2\n3,4"


def test_cells_are_read_as_text(tmp_path):
    content = '\ufeffa,b\n1.0,"x,y"\n\n,\n'.encode()
    assert read_cells(content, tmp_path, OWN) == (["a", "b"], [["1.0", "x,y"]])
    assert read_cells(b"", tmp_path, OWN) == ([], [])
    assert read_cells(b"a\tb\n1,2\t3\n", tmp_path, BIDS) == (["a", "b"], [["1,2", "3"]])
    assert header_names(' "A",b ') == ["a", "b"]
    with pytest.raises(LogError, match="two columns of the same name"):
        read_cells(b"a,a\n", tmp_path, OWN)


def test_rows_are_converted_to_the_cells_of_our_own_log(tmp_path):
    rows = [
        ["subject-01", "1", "4", "0.7", "na", "cat", "0.1", "0004_nse_s01_0.10_cat_10_n02504458_7209.png"],
        ["net", "1", "5", "NaN", "dog", "cat", "0.90", "0005_nse_dnn_0.90_cat_10_n02504458_7210.png"],
    ]
    cells = to_own_cells(MODEL_VS_HUMAN.split(","), rows, tmp_path / "uniform-noise" / "x_y.csv")
    assert set(cells) == set(NAMES)
    assert tuple(cells["condition"]) == ("0.1", "0.90")  # its spelling is that of the file
    assert {name: tuple(cells[name]) for name in NAMES[:12] if name != "condition"} == {
        "experiment": ("uniform-noise",) * 2, "observer": ("subject-01", "net"), "kind": ("human", "discriminative"),
        "session": ("1", "1"), "block": ("", ""), "trial": ("4", "5"),
        "stimulus": ("n02504458_7209.png", "n02504458_7210.png"), "category": ("cat", "cat"),
        "response": ("", "dog"), "rt": ("0.7", ""), "n_evaluations": ("", ""),
    }  # fmt: skip
    assert "rt" not in to_own_cells(["subj", "object_response", "category", "condition", "imagename"],
                                    [["a", "cat", "cat", "", "x.png"]], tmp_path / "x.csv")  # fmt: skip
    with pytest.raises(KeyError, match="object_response"):
        to_own_cells(["subj", "category", "condition", "imagename"], [["a", "cat", "", "x.png"]], tmp_path / "x.csv")
    content = "\n".join([MODEL_VS_HUMAN, ",".join(rows[0]), ",".join([*rows[0][:6], "c5", "x.png"])]).encode()
    path = tmp_path / "uniform-noise" / "uniform-noise_x.csv"
    with pytest.raises(LogError, match="uniform-noise does not have the condition 'c5'"):
        read_own_cells(content, path, LAYOUTS["model-vs-human"])
    known = read_own_cells(content[: content.rindex(b"\n") + 1], path, LAYOUTS["model-vs-human"])
    assert known["condition"] == ["0.10"]


@pytest.fixture
def _small_chunks(monkeypatch):
    """Read four bytes at once and convert two rows at once, with lines of up to 12 bytes."""
    monkeypatch.setattr(row_module, "CHUNK", 4)
    monkeypatch.setattr(row_module, "BLOCK_ROWS", 2)
    monkeypatch.setattr(row_module, "MAX_LINE", 12)


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize(
    "content",
    [
        '\ufeffa,b\n1.0,"x,y"\n\n,\n\n',
        'a,b\r\n1,"two\r\nlines"\r\né,ü\r\n3,4',
        "a,b\r1,2\r",
        "a,b\n1,\ufeff2\n3,4\n5,6\n7,8\n9,0\n",
        "a,b\n",
        "",
    ],
)
def test_blocks_contain_the_rows_of_the_whole_file(content):
    expected = [row for row in csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline="")) if any(row)]
    data = content.encode()
    header, blocks = read_blocks(io.BytesIO(data), len(data), Path("x.csv"), OWN)
    rows = list(blocks)
    assert [header, *(row for block in rows for row in block)] == (expected or [[]])
    assert all(len(block) == 2 for block in rows[:-1])


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n3,\0\n", "has a NUL byte or a line of more than 12 bytes"),
        (b"a,b\n1,2\n" + b"x" * 13 + b"\n", "has a NUL byte or a line of more than 12 bytes"),
        (b"a,b\n1,2\n" + b"x" * 13, "has a NUL byte or a line of more than 12 bytes"),
        (b"a,b\n1,2\n\n3,4,5\n", "line 4: found 3 cells, but the header has 2"),
        (b"a,b\n1,2\n3,\xff\n", r"x\.csv cannot be read: byte 10 is not valid UTF-8"),
        (b"\xff,b\n", r"x\.csv cannot be read: byte 0 is not valid UTF-8"),
        (b'a,b\n1,2\n3,"4"5\n', r"x\.csv cannot be read: ',' expected after '\"'"),
        (b'"a"b\n', r"x\.csv cannot be read: ',' expected after '\"'"),
    ],
)
def test_damage_after_the_first_block_is_found(content, message):
    with pytest.raises(LogError, match=message):
        read_cells(content, Path("x.csv"), OWN)


@pytest.mark.usefixtures("_small_chunks")
def test_an_incomplete_row_that_is_longer_than_a_chunk_is_removed():
    assert complete_size(io.BytesIO(b"a,b\n1,2\n3" + b"\0" * 20), OWN) == 8
    assert complete_size(io.BytesIO(b"\0" * 20), BIDS) == 0
    assert complete_size(io.BytesIO(b"a,b\n1,2\n3,4"), LAYOUTS["model-vs-human"]) == 11


def test_the_first_image_of_an_observer_decides_its_kind_in_all_blocks(tmp_path):
    person, model = (f"0001_cop_{code}_c30_knife_10_n03041632_7380.png" for code in ("s01", "dnn"))
    names = ["subj", "object_response", "category", "condition", "imagename"]
    convert = LAYOUTS["model-vs-human"].converter(names, tmp_path / "x.csv")
    for image in (person, model):
        cells = convert([["a", "cat", "cat", "", image]])
        assert cells["kind"] == ["human"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b" \r\n", "the file is empty"),
        ("subj,imagename\n".encode("utf-16"), "the encoding is UTF-16 (`observers import` can read it)"),
        (b"subj;imagename\n", "the columns are separated by semicolons (`observers import` can read them)"),
        (b"Observer\tstimulus\tresponse\n", "the columns are separated by tabs (`observers import` can read them)"),
        (b"a,b\n", "the columns are not those of a trial log"),
    ],
)
def test_other_files_are_described(content, reason):
    assert describe_other_file(content) == reason


def test_further_columns_of_a_file_are_kept_as_information(tmp_path):
    """The rows of all blocks have the same columns, and names of columns may have any case and spaces around them."""
    names = [*MODEL_VS_HUMAN.upper().split(","), " Age [years]", "Country"]
    row = ["a", "1", "1", "0.5", "cat", "cat", "0", "cat1.png", "31", "n/a"]
    cells = to_own_cells(names, [row], tmp_path / "x.csv")
    assert cells["info_age_years"] == ["31"] and cells["info_country"] == [""] and cells["rt"] == ["0.5"]


def test_the_columns_of_our_own_log_may_be_in_upper_case():
    """Evidence and cues keep their names, because choices and cues may differ in case alone."""
    names = ["Experiment", " OBSERVER", "evidence_Cat", "Shape"]
    cells = OWN.converter(names, Path("x.csv"))([["a", "b", "1", "cat"]])
    assert cells == {"experiment": ("a",), "observer": ("b",), "evidence_Cat": ("1",), "Shape": ("cat",)}


def test_the_layouts_have_unique_names_and_a_header_that_they_recognize(tmp_path):
    for name in ("own", "huber", "model-vs-human"):
        path = tmp_path / f"{name}.csv"
        path.write_text(LAYOUTS[name].header + "\n")
        assert detect_layout(path) is LAYOUTS[name]
    assert all(layout.columns == {column.lower() for column in layout.columns} for layout in LAYOUTS.values())
