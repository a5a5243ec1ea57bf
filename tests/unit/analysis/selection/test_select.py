"""Choosing observers and sessions, and splitting observers."""

import pickle

import numpy as np
import pandas as pd
import pytest

from analysis import (
    accuracy,
    error_consistency,
    label_observers,
    noise_ceiling,
    select_observers,
    shape_bias,
    split_observers,
)
from analysis.io.appearance import Appearance, appearance_of, store_appearance
from analysis.io.notes import DataWarning
from analysis.selection.select import Selection, apply_selection
from analysis.selection.split import separate_parts
from core.errors import LogError, UnknownName
from tests.unit.analysis.frames import correct_trials
from tests.unit.analysis.selection.selected_trials import small_frame, with_categories

pytestmark = pytest.mark.filterwarnings("ignore::analysis.io.notes.DataWarning")


def names(frame):
    return sorted({*map("/".join, frame[["dataset", "observer"]].astype(str).to_numpy())})


@pytest.mark.slow
@pytest.mark.parametrize("convert", [lambda frame: frame, with_categories])
@pytest.mark.parametrize(
    ("observers", "exclude", "expected"),
    [
        ("net-1", (), ["edge/net-1"]),
        (["kind:human"], (), ["edge/subject-01", "edge/subject-02", "sketch/subject-01"]),
        ("net*", (), ["edge/net-1", "edge/net-2"]),
        ("kind:*crim*", (), ["edge/net-1", "edge/net-2"]),
        ("net-[13]", (), ["edge/net-1"]),
        ("net-?, subject-02", "net-2", ["edge/net-1", "edge/subject-02"]),
        ("edge:subject-01", (), ["edge/subject-01"]),
        ("sketch:*", (), ["sketch/subject-01"]),
        ((), ["edge:subject-0*", "net-2"], ["edge/net-1", "sketch/subject-01"]),
    ],
)
def test_patterns(convert, observers, exclude, expected):
    selected = select_observers(convert(small_frame()), observers, exclude)
    assert names(selected) == expected
    assert list(selected.index) == list(range(len(selected)))


def test_exact_names_have_priority():
    odd = ["net*", "net-1", "a,b", "a", "b", "kind:human", "[x]"]
    frame = pd.concat([correct_trials(name, "discriminative", "10") for name in odd], ignore_index=True)
    for name in ("net*", "a,b", "kind:human", "[x]"):
        assert set(select_observers(frame, name)["observer"]) == {name}
    assert set(select_observers(frame, "a, b")["observer"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("net-11", "no observer in these logs is named 'net-11': did you mean net-1"),
        (
            "zzz*",
            r"no observer in these logs is named 'zzz\*': known names: net-1, net-2, subject-01, subject-02. Patterns",
        ),
        ("kind:humen", "no kind of observer is named 'humen': did you mean human"),
        ("kind:generative", "no kind of observer in these logs is named 'generative'"),
        ("net-1, sketch:net-1", "no observer in these logs is named 'sketch:net-1'"),
        (" , ", "no observer in these logs is named ' , '"),
    ],
)
def test_patterns_without_matches(pattern, message):
    for options in ({"observers": pattern}, {"exclude": pattern}):
        with pytest.raises(UnknownName, match=message):
            select_observers(small_frame(), **options)


def test_notes_count_what_is_excluded():
    frame = small_frame()
    with pytest.warns(DataWarning, match="net-1, net-2 are excluded"):
        selected = select_observers(frame, "kind:human")
    assert selected.attrs["notes"] == [
        "10 trials repeat an image that the observer saw in an earlier session (subject-01): error consistency uses the "
        "first response, and other measures count all trials; `observers analyze retest` compares the sessions",
        "net-1, net-2 are excluded (20 trials); 3 of 5 observers remain (an observer counts once for each dataset)",
    ]
    second = select_observers(frame, sessions=[2])
    assert len(second) == 10 and second.attrs["notes"] == [
        "50 trials of sessions other than 2 are excluded, among them all trials of net-1, net-2, subject-02"
    ]
    assert select_observers(frame) is frame  # nothing changes without options


def test_notes_about_simulated_observers_are_renewed():
    frame = pd.concat([correct_trials("ideal", "simulated", "11"), correct_trials("net", "discriminative", "10")])
    note = "simulated observers are included (their responses are not measurements): ideal"
    frame.attrs["notes"] = [note, "another note"]
    assert select_observers(frame, "ideal").attrs["notes"][:2] == ["another note", note]
    assert note not in select_observers(frame, "net").attrs["notes"]


def test_selections_that_leave_nothing():
    with pytest.raises(LogError, match="the selection excludes all trials: choose other observers or sessions"):
        select_observers(small_frame(), "net-1", "net*")
    with pytest.raises(LogError, match="the selection excludes all trials"):
        select_observers(small_frame(), "net-1", sessions=[2])
    with pytest.raises(UnknownName, match="no session in these logs is named '3': known names: 1, 2"):
        select_observers(small_frame(), sessions=[1, 3])


@pytest.mark.parametrize("convert", [lambda frame: frame, with_categories])
def test_sessions_as_observers(convert):
    split = split_observers(convert(small_frame()), "session")
    table = accuracy(split[split["dataset"] == "edge"])
    assert list(table["observer"]) == [
        "subject-01 (session 1)", "subject-01 (session 2)", "subject-02 (session 1)", "net-1 (session 1)",
        "net-2 (session 1)",
    ]  # fmt: skip
    assert list(table["n"]) == [10] * 5
    assert split.attrs["notes"] == [
        "observers are split by session: 4 observers became 5, which count as different observers in every measure"
    ]
    pairs = error_consistency(split, intervals=False)
    assert pairs["n"].to_numpy().tolist() == [10] * 10


def test_the_note_about_one_observer():
    frame = small_frame()
    split = split_observers(frame[frame["observer"] == "net-1"], "session")
    assert split.attrs["notes"][0].startswith("observers are split by session: 1 observer became 1, which")


def test_split_names_are_in_natural_order_and_missing_values_keep_the_name():
    frame = pd.concat([correct_trials("a", "human", "10").assign(block=block) for block in (10, 2, np.nan)])
    split = split_observers(frame.reset_index(drop=True), "block")
    assert list(accuracy(split)["observer"]) == ["a (block 2)", "a (block 10)", "a"]
    table = separate_parts(accuracy(split), split)
    assert list(table.columns[:4]) == ["dataset", "observer", "block", "kind"]
    assert set(table["observer"]) == {"a"} and list(table["block"]) == ["2", "10", ""]
    assert separate_parts(table, frame) is table


def test_columns_by_which_observers_cannot_be_split():
    frame = small_frame()
    with pytest.raises(UnknownName, match="no column of these trials is named 'agee': did you mean age"):
        split_observers(frame, "agee")
    with pytest.raises(UnknownName, match="no column of these trials is named 'rt'"):
        split_observers(frame, "rt")
    with pytest.raises(UnknownName, match=r"named 'group': .* A labels file with the column group adds this column"):
        split_observers(frame, "group")
    many = pd.concat([frame] * 5, ignore_index=True).assign(confidence=lambda f: np.arange(len(f)) / 7)
    with pytest.raises(LogError, match="the column confidence has 300 different values, too many for groups"):
        split_observers(many, "confidence")
    twins = pd.concat([correct_trials("a", "human", "1").assign(block=1), correct_trials("a (block 1)", "human", "1")])
    with pytest.raises(LogError, match=r"two observers would be named a \(block 1\): give one of them another label"):
        split_observers(twins.reset_index(drop=True), "block")


def test_short_names_of_columns():
    by_short, by_long = (split_observers(small_frame(), name) for name in ("age", "info_age"))
    assert set(by_short["observer"]) == set(by_long["observer"])
    assert "subject-01 (age 23)" in set(by_short["observer"]) and "net-1" in set(by_short["observer"])


def test_a_column_and_an_info_column_of_the_same_name():
    frame = small_frame().assign(info_block="x", block=1)
    assert set(split_observers(frame, "block")["observer"]) >= {"net-1 (block 1)"}
    assert set(split_observers(frame.assign(block=np.nan), "block")["observer"]) >= {"net-1 (block x)"}


def test_a_selection_is_applied_in_order(tmp_path):
    (tmp_path / "labels.csv").write_text("observer,label,color\nsubject-01,Anna,red\nnet-1,Net,\n")
    selection = Selection(("kind:human",), ("subject-02",), (), tmp_path / "labels.csv", "session")
    frame = apply_selection(small_frame(), selection)
    assert sorted(set(frame["observer"])) == ["Anna (session 1)", "Anna (session 2)"]
    assert not any("not in these logs" in note for note in frame.attrs["notes"])  # net-1 is excluded, but exists
    assert apply_selection(small_frame(), Selection()).equals(small_frame())


def test_the_order_of_observers_does_not_change_numbers():
    frame = small_frame()
    frame = frame[(frame["session"] == 1) & (frame["dataset"] == "edge")]
    reordered = frame.copy()
    store_appearance(reordered, Appearance(("net-2", "subject-02", "net-1", "subject-01"), is_chosen=True))
    assert list(accuracy(reordered)["observer"]) == ["net-2", "subject-02", "net-1", "subject-01"]
    for measure in (accuracy, noise_ceiling):
        first, second = (measure(f).sort_values("observer").reset_index(drop=True) for f in (frame, reordered))
        pd.testing.assert_frame_equal(first, second)
    kappas = [
        {frozenset((r.observer_1, r.observer_2)): r.kappa for r in error_consistency(f, intervals=False).itertuples()}
        for f in (frame, reordered)
    ]
    assert kappas[0] == pytest.approx(kappas[1], nan_ok=True)


def test_labels_and_parts_survive_copies_and_parquet(tmp_path):
    labels = pd.DataFrame({"observer": ["net-1"], "label": ["Net"], "color": ["teal"], "order": [1]})
    frame = split_observers(label_observers(small_frame(), labels), "session")
    copies = [frame[frame["dataset"] == "edge"], frame.copy(), pickle.loads(pickle.dumps(frame))]
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "frame.parquet")
    for copy in (*copies, pd.read_parquet(tmp_path / "frame.parquet")):
        assert accuracy(copy)["observer"].iloc[0] == "Net (session 1)"
        assert appearance_of(copy).colors == {"Net (session 1)": "#008080"}
        assert separate_parts(accuracy(copy), copy)["session"].iloc[0] == "1"


def test_many_observers_are_selected_and_split_quickly():
    n = 1000
    frame = pd.DataFrame(
        {"observer": np.repeat([f"net-{i}" for i in range(n)], 20), "session": np.tile([1, 2], 10 * n)}
    )
    frame = frame.assign(
        dataset="edge", kind="discriminative", condition="", category="cat", response="cat", correct=True
    )
    frame["stimulus"] = np.tile(np.repeat([f"{i}.png" for i in range(10)], 2), n)
    frame = with_categories(frame.assign(info_age="20"))
    selected = select_observers(frame, "net-*", [f"net-{i}" for i in range(100)])
    split = split_observers(selected, "session")
    assert selected["observer"].nunique() == 900 and split["observer"].nunique() == 1800
    assert len(accuracy(split)) == 1800


def test_shape_bias_by_session_needs_no_other_option():
    frame = pd.DataFrame({"response": ["cat", "dog", "cat", "cat"], "session": [1, 1, 2, 2]})
    frame = frame.assign(dataset="mine", observer="a", kind="human", condition="", stimulus=["x", "y", "x", "y"])
    frame = frame.assign(category="cat", correct=frame["response"] == "cat", shape="cat", texture="dog")
    table = shape_bias(split_observers(frame, "session"))
    assert list(table.loc[table["category"] == "all", "shape_bias"]) == [0.5, 1.0]
