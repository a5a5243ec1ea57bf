"""The format of a file of trials, and the conversion of the model-vs-human format to the cells of our own log."""

import pytest

from core.errors import LogError
from core.trial_columns import NAMES
from stimuli.published.trial_files import complete_rows, detect_format, header_names, read_cells, to_own_cells

MODEL_VS_HUMAN = "subj,Session,trial,rt,object_response,category,condition,imagename"


@pytest.mark.parametrize(
    ("name", "header", "form"),
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
def test_formats_are_recognized_by_the_first_line(tmp_path, name, header, form):
    (tmp_path / name).write_text(f"{header}\nx\n", encoding="utf-8")
    assert detect_format(tmp_path / name) == form


def test_an_incomplete_last_row_is_removed_from_our_own_logs_only():
    assert complete_rows(b"a,b\n1,2\n3", "own") == complete_rows(b"a,b\n1,2\n", "own") == b"a,b\n1,2\n"
    assert complete_rows(b"a,b", "bids") == b""
    assert complete_rows(b"a,b\n1,2\n3,4", "model-vs-human") == b"a,b\n1,2\n3,4"


def test_cells_are_read_as_text(tmp_path):
    content = '\ufeffa,b\n1.0,"x,y"\n\n,\n'.encode()
    assert read_cells(content, tmp_path, "own") == (["a", "b"], [["1.0", "x,y"], ["", ""]])
    assert read_cells(b"", tmp_path, "own") == ([], [])
    assert read_cells(b"a\tb\n1,2\t3\n", tmp_path, "bids") == (["a", "b"], [["1,2", "3"]])
    assert header_names(' "A",b ') == ["a", "b"]
    with pytest.raises(LogError, match="two columns of the same name"):
        read_cells(b"a,a\n", tmp_path, "own")


def test_rows_are_converted_to_the_cells_of_our_own_log(tmp_path):
    rows = [
        ["subject-01", "1", "4", "0.7", "na", "cat", "0.1", "0004_nse_s01_0.10_cat_10_n02504458_7209.png"],
        ["net", "1", "5", "NaN", "dog", "cat", "0.90", "0005_nse_dnn_0.90_cat_10_n02504458_7210.png"],
    ]
    cells = to_own_cells(MODEL_VS_HUMAN.split(","), rows, tmp_path / "uniform-noise" / "x_y.csv")
    assert set(cells) == set(NAMES)
    assert {name: tuple(cells[name]) for name in NAMES[:12]} == {
        "experiment": ("uniform-noise",) * 2, "observer": ("subject-01", "net"), "kind": ("human", "discriminative"),
        "session": ("1", "1"), "block": ("", ""), "trial": ("4", "5"),
        "stimulus": ("n02504458_7209.png", "n02504458_7210.png"), "condition": ("0.10", "0.90"), "category": ("cat", "cat"),
        "response": ("", "dog"), "rt": ("0.7", ""), "n_evaluations": ("", ""),
    }  # fmt: skip
    assert "rt" not in to_own_cells(["subj", "object_response", "category", "condition", "imagename"],
                                    [["a", "cat", "cat", "", "x.png"]], tmp_path / "x.csv")  # fmt: skip
    with pytest.raises(KeyError, match="object_response"):
        to_own_cells(["subj", "category", "condition", "imagename"], [["a", "cat", "", "x.png"]], tmp_path / "x.csv")
    with pytest.raises(LogError, match="uniform-noise does not have the condition 'c5'"):
        to_own_cells(
            MODEL_VS_HUMAN.split(","), [[*rows[0][:6], "c5", "x"]], tmp_path / "uniform-noise" / "uniform-noise_x.csv"
        )
