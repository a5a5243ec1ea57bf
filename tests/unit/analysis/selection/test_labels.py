"""The labels file: names, colors, an order and groups, in the encodings of spreadsheet programs."""

import pandas as pd
import pytest

from analysis import accuracy, label_observers
from analysis.figures import style
from analysis.io.appearance import Appearance, appearance_of, store_appearance
from core.errors import LogError
from tests.unit.analysis.selection.selected_trials import small_frame, with_categories

pytestmark = pytest.mark.filterwarnings("ignore::analysis.io.notes.DataWarning")
TEXT = "observer,label,color,group,order\nnet-2,VGG,teal,old nets,1\nsubject-01,Änne,#A0B0C0,,2\nnet-9,,,,\n"


def label(tmp_path, text, frame=None, encoding="utf-8"):
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    return label_observers(small_frame() if frame is None else frame, tmp_path / "labels.csv")


@pytest.mark.parametrize("convert", [lambda frame: frame, with_categories])
def test_labels_replace_names_everywhere(tmp_path, convert):
    frame = label(tmp_path, TEXT, convert(small_frame()))
    assert list(dict.fromkeys(accuracy(frame)["observer"])) == ["VGG", "Änne", "subject-02", "net-1"]
    appearance = appearance_of(frame)
    assert appearance.is_chosen and appearance.order == ("VGG", "Änne", "subject-02", "net-1")
    assert appearance.colors == {"VGG": "#008080", "Änne": "#a0b0c0"} and appearance.groups == {"VGG": "old nets"}
    assert dict(frame.groupby("observer", observed=True)["info_group"].first()) == {
        "VGG": "old nets", "Änne": "", "net-1": "", "subject-02": "",
    }  # fmt: skip
    assert (
        frame.attrs["notes"][-1] == f"{tmp_path / 'labels.csv'} also names observers that are not in these logs: net-9"
    )
    assert len(frame) == len(small_frame()) and list(frame["correct"]) == list(small_frame()["correct"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (TEXT, "utf-8-sig"),
        (TEXT, "utf-16"),
        (TEXT, "cp1252"),
        (TEXT.replace(",", ";"), "cp1252"),
        (TEXT.replace(",", "\t"), "utf-16"),
        (TEXT.replace("\n", "\r\n"), "utf-8"),
        (TEXT.replace("\n", "\r"), "utf-8"),
        ("sep=;\n" + TEXT.replace(",", ";"), "utf-8"),
        ("\n" + TEXT.replace("observer,label,color", " Observer , LABEL ,Colour"), "utf-8"),
        (TEXT + ",,,,\n\n", "utf-8"),
    ],
)
def test_files_of_spreadsheet_programs(tmp_path, text, encoding):
    frame = label(tmp_path, text, encoding=encoding)
    assert set(frame["observer"]) == {"VGG", "Änne", "subject-02", "net-1"}
    assert appearance_of(frame).colors == {"VGG": "#008080", "Änne": "#a0b0c0"}


def test_a_table_and_the_column_order():
    labels = pd.DataFrame(
        {"observer": ["net-1", "net-2", "subject-02"], "order": [2, None, 1], "comment": ["x", "", ""]}
    )
    frame = label_observers(small_frame(), labels)
    assert appearance_of(frame).order == ("subject-02", "net-1", "subject-01", "net-2")
    assert frame.attrs["notes"][-1] == "columns of the table of labels are ignored: comment"


def test_labels_without_numbers_keep_the_usual_order(tmp_path):
    frame = label(tmp_path, "observer,label\nnet-2,VGG\nsubject-02,\n")
    assert not appearance_of(frame).is_chosen
    assert list(dict.fromkeys(accuracy(frame)["observer"])) == ["subject-01", "subject-02", "net-1", "VGG"]


def test_rows_for_one_dataset_have_priority(tmp_path):
    frame = label(
        tmp_path,
        "observer,label,dataset\nsubject-01,Anna,edge\nsubject-01,Berta,\nsubject-02,Berta,edge\nnet-1,,other\n",
    )
    pairs = set(map("/".join, frame[["dataset", "observer"]].to_numpy(str)))
    assert {"edge/Anna", "sketch/Berta", "edge/Berta"} <= pairs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name,label\na,b\n",
            "needs the column observer and any of label, color, order, group, dataset; its columns are name",
        ),
        ("observer\n", "contains only a header: expected a header and one row per observer"),
        ("", "contains nothing: expected a header"),
        ("observer,label,label\nnet-1,a,b\n", "has two columns label: remove one of them"),
        ("observer,label\nnet-1,a,b\n", r"has a row with 3 cells, but the header has 2: 'net-1,a,b'"),
        ("observer,label\n,a\n", "has a row without the name of an observer"),
        ("observer,label\nnet-1,a\nnet-1,b\n", "has two rows for net-1: remove one of them"),
        ("observer,color\nnet-1,#12\n", "has the color '#12': expected #RRGGBB or a color name such as teal"),
        ("observer,color\nnet-1,none\n", "has the color 'none'"),
        ("observer,order\nnet-1,first\n", "has the order 'first': expected a number"),
        ("observer,order\nnet-1,inf\n", "has the order 'inf': expected a number"),
        ("observer,label\nnet-1,humans\n", "has the label humans, the name of a row for all people"),
        (
            "observer,group\nnet-1,people\n",
            "has the group people, the name of a row for all people: choose another name",
        ),
        ('observer,label\nnet-1,"a\tb"\n', r"has the label 'a\\tb': expected text without unprintable characters"),
        ("observer,label\nnet-1,a\nnet-2,a\n", "gives the name a to both net-1 and net-2: choose different labels"),
        ("observer,label\nnet-1,net-2\n", "gives the name net-2 to two observers of edge, net-1 and net-2"),
        (
            "observer,label\nnobody,a\n",
            "no row of .* is about an observer in these logs; the observers are net-1, net-2",
        ),
        (
            "observer,label,color,dataset\nsubject-01,A,red,edge\nsubject-01,A,blue,sketch\n",
            "gives two colors to A: give its rows the same color or different labels",
        ),
    ],
)
def test_files_that_are_refused(tmp_path, text, message):
    with pytest.raises(LogError, match=message):
        label(tmp_path, text)


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "labels.xlsx").write_bytes(b"PK\x03\x04\0\0\0\x81")
    with pytest.raises(LogError, match="is not a text file: save it as CSV in UTF-8"):
        label_observers(small_frame(), tmp_path / "labels.xlsx")


def test_groups_replace_a_column_of_the_trials(tmp_path):
    frame = label(tmp_path, "observer,group\nnet-1,a\n", small_frame().assign(info_group="x"))
    assert any(
        note.startswith("the column group of the trials is replaced by that of") for note in frame.attrs["notes"]
    )
    assert set(frame["info_group"]) == {"a", ""}


def test_styles_of_observers_with_colors():
    n = 8
    observers = [f"net-{i}" for i in range(n)] + ["subject-01"]
    table = pd.DataFrame({"observer": observers, "kind": ["discriminative"] * n + ["human"]})
    frame = small_frame()
    with style.showing(frame):
        usual = style.observer_styles(table)
    assert usual["net-0"].is_grouped and usual["net-0"].legend == "discriminative (n = 8)"
    store_appearance(frame, Appearance(("net-3", "net-0"), is_chosen=True, colors={"net-3": "#ffff00"}))
    with style.showing(frame):
        styles = style.observer_styles(table)
        assert style.style_of("net-3", "discriminative").text_color < "#a"  # dark enough to be read on white
    assert list(styles)[-2:] == ["net-3", "net-0"]
    assert styles["net-3"].kind_style.color == "#ffff00" and styles["net-3"].legend == "net-3"
    assert styles["net-0"].legend == "discriminative (n = 7)" or styles["net-1"].legend == "discriminative (n = 7)"
    groups = Appearance(colors=dict.fromkeys(observers[:n], "#00ff00"), groups=dict.fromkeys(observers[:n], "CNN"))
    with style.showing(groups):
        styles = style.observer_styles(table)
        assert styles["net-0"].legend == "CNN (n = 8)" and styles["net-1"].legend == ""
        assert [shown.label for shown in style.legend_styles(observers, list(table["kind"]))] == ["people", "CNN"]
    assert style.observer_styles(table) == usual  # the appearance ends with the block


def test_wide_spaces_become_usual_spaces(tmp_path):
    frame = label(tmp_path, "observer,label\nnet-1,Res\u00a0Net\u202f50\nnet-2,\u3000VGG\n")
    assert {"Res Net 50", "VGG"} < set(frame["observer"])


def test_a_cell_that_is_too_long_is_reported(tmp_path):
    with pytest.raises(LogError, match=r"is not a table of labels .*: save it as CSV in UTF-8"):
        label(tmp_path, "observer,label\nnet-1," + "x" * 200_000)


def test_a_label_does_not_combine_observers_of_different_datasets(tmp_path):
    frame = small_frame()
    frame.loc[frame["dataset"] == "sketch", "observer"] = "net-9"
    message = "gives net-1 of edge the name net-9, which is an observer of sketch: choose another label, or fill in the"
    with pytest.raises(LogError, match=message):
        label(tmp_path, "observer,label\nnet-1,net-9\n", frame)
    label(tmp_path, "observer,label,dataset\nnet-1,net-9,edge\n", frame)
    same = label(tmp_path, "observer,label,dataset\nsubject-02,P,edge\nnet-9,P,sketch\n", frame)
    assert set(same.loc[same["observer"] == "P", "dataset"]) == {"edge", "sketch"}
    exchanged = label(tmp_path, "observer,label\nnet-1,net-9\nnet-9,net-1\n", frame)
    assert set(exchanged.loc[exchanged["dataset"] == "sketch", "observer"]) == {"net-1"}
