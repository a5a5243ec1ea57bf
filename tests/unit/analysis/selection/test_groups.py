"""Groups of observers: means with intervals over observers, and degenerate groups."""

import numpy as np
import pandas as pd
import pytest

from analysis import (
    accuracy,
    accuracy_by_group,
    accuracy_figure,
    benchmark_by_group,
    benchmark_table,
    group_contrasts,
    kappa_by_group,
    kappa_by_kind,
    kind_contrasts,
    label_observers,
    shape_bias_by_group,
    shape_bias_figure,
)
from analysis.benchmark.comparable_rows import divide_rows
from analysis.report.groups import group_sections
from analysis.selection.groups import COLORS, group_colors, group_observers
from core.errors import LogError, UnknownName
from tests.unit.analysis.frames import correct_trials, response_trials
from tests.unit.analysis.selection.selected_trials import small_frame, with_categories

pytestmark = pytest.mark.filterwarnings("ignore::analysis.io.notes.DataWarning")


def edge():
    frame = small_frame()
    return frame[(frame["dataset"] == "edge") & (frame["session"] == 1)].reset_index(drop=True)


@pytest.mark.parametrize("convert", [lambda frame: frame, with_categories])
def test_means_over_the_observers_of_each_kind(convert):
    table = accuracy_by_group(convert(edge()), "kind", n_resamples=500)
    people, nets = table.itertuples()
    assert (people.group, people.kind, people.n_observers, people.n) == ("human", "human", 2, 20)
    assert people.accuracy == pytest.approx(0.6) and nets.accuracy == pytest.approx(0.5)
    assert (people.low, people.high) == (0.6, 0.6) and (nets.low, nets.high) == pytest.approx((0.4, 0.6))


def test_every_observer_counts_equally_whatever_its_number_of_trials():
    frame = pd.concat([correct_trials("a", "human", "1" * 30), correct_trials("b", "human", "00")], ignore_index=True)
    (row,) = accuracy_by_group(frame, "kind").itertuples()
    assert row.accuracy == 0.5 and row.n == 32 and row.pooled == 30 / 32


def test_pooled_shape_bias_of_a_group():
    a = response_trials("a", "human", ["cat"] * 30 + ["dog"] * 10, ["cat"] * 40)
    frame = pd.concat([a, response_trials("b", "human", ["dog"] * 10, ["cat"] * 10)], ignore_index=True)
    frame = frame.assign(shape="cat", texture="dog")
    row = shape_bias_by_group(frame, "kind").query("category == 'all'").iloc[0]
    assert row["shape_bias"] == pytest.approx((0.75 + 0) / 2) and row["pooled"] == pytest.approx(30 / 50)


def test_the_interval_resamples_observers():
    """The bootstrap interval of a mean over many observers is close to mean ± 1.96 standard errors."""
    rng = np.random.default_rng(0)
    letters = ["".join(rng.choice(["0", "1"], 40, p=[1 - p, p])) for p in rng.uniform(0.2, 0.8, 60)]
    frame = pd.concat([correct_trials(f"p{i}", "human", text) for i, text in enumerate(letters)], ignore_index=True)
    values = accuracy(frame)["accuracy"]
    (row,) = accuracy_by_group(frame, "kind").itertuples()
    error = 1.96 * values.std() / np.sqrt(len(values))
    assert row.accuracy == pytest.approx(values.mean())
    assert (row.low, row.high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.015)
    again = accuracy_by_group(frame, "kind")
    assert (again["low"] == row.low).all() and accuracy_by_group(frame, "kind", n_resamples=0)["low"].isna().all()


def test_extra_columns_and_sessions_as_groups():
    frame = small_frame()
    table = accuracy_by_group(frame, "age")
    assert table[["dataset", "group", "n_observers"]].to_numpy().tolist() == [
        ["edge", "23", 1], ["edge", "61", 1], ["sketch", "40", 1],
    ]  # fmt: skip
    assert table["low"].isna().all()  # an interval over one observer is undefined
    assert table.attrs["notes"] == [
        "trials without age do not belong to a group and are excluded: 20 trials of 2 observers"
    ]
    by_session = accuracy_by_group(frame, "session")
    assert by_session[["dataset", "group", "n_observers"]].to_numpy().tolist() == [
        ["edge", "1", 4], ["edge", "2", 1], ["sketch", "1", 1],
    ]  # fmt: skip
    assert by_session["accuracy"].tolist() == pytest.approx([0.55, 0.6, 0.5])


def test_groups_of_a_labels_file_have_its_order_and_colors():
    names, numbers = ["net-2", "subject-01", "net-1"], ["1", "2", "3"]
    labels = pd.DataFrame({"observer": names, "group": ["z", "a", "z"], "color": "teal", "order": numbers})
    frame = label_observers(edge(), labels)
    groups = group_observers(frame, "group")
    assert groups.names == ("z", "a") and groups.kinds() == {"z": "discriminative", "a": "human"}
    assert groups.appearance().colors == {"z": "#008080", "a": "#008080"}
    mixed = group_observers(label_observers(edge(), labels.assign(group="all", color="")), "group")
    assert mixed.kinds() == {"all": "mixed"} and mixed.appearance().colors == {"all": COLORS[0]}
    assert accuracy_figure(frame, group_by="group").axes[0].get_yticklabels()[0].get_text() == "z"


def test_colors_of_groups():
    assert group_colors(["4", "5.5", "10"]) == ["#440154", "#25848e", "#bddf26"]  # from dark to light
    assert group_colors(["young", "5"]) == list(COLORS[:2]) and len(set(group_colors([*"abcdefghij"]))) == len(COLORS)
    ages = group_observers(small_frame(), "age").appearance().colors
    assert list(ages) == ["age 23", "age 40", "age 61"] and len(set(ages.values())) == 3


def test_columns_that_cannot_be_groups():
    with pytest.raises(UnknownName, match="no column of these trials is named 'response'"):
        accuracy_by_group(edge(), "response")
    with pytest.raises(LogError, match="the column x is empty in these trials"):
        accuracy_by_group(edge().assign(info_x=""), "x")


def test_undefined_shape_bias_does_not_count():
    frames = []
    for name, responses in {"a": ["cat", "cat"], "b": ["cat", "dog"], "c": ["car", "car"]}.items():
        part = pd.DataFrame({"response": responses, "stimulus": ["x", "y"], "observer": name})
        frames.append(
            part.assign(dataset="mine", kind="human", condition="", category="cat", shape="cat", texture="dog")
        )
    frame = pd.concat(frames, ignore_index=True)
    table = shape_bias_by_group(frame.assign(correct=frame["response"] == "cat"), "kind")
    row = table[table["category"] == "all"].iloc[0]
    assert row["n_observers"] == 2 and row["shape_bias"] == pytest.approx(0.75) and row["n_conflict"] == 6
    figure = shape_bias_figure(frame.assign(correct=True), group_by="kind")
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "human"


def test_kappa_of_groups_by_kind_is_that_of_kinds():
    frame = edge()
    by_group = kappa_by_group(frame, "kind", n_resamples=50).rename(columns={"group_1": "kind_1", "group_2": "kind_2"})
    pd.testing.assert_frame_equal(by_group, kappa_by_kind(frame, n_resamples=50))
    contrasts = group_contrasts(frame, "kind", n_resamples=50)
    expected = kind_contrasts(frame, n_resamples=50).rename(columns={"kind_1": "group_1", "kind_2": "group_2"})
    pd.testing.assert_frame_equal(contrasts, expected)
    labels = pd.DataFrame({"observer": ["net-1", "net-2", "subject-01", "subject-02"], "group": ["b", "a", "a", "b"]})
    table = kappa_by_group(label_observers(frame, labels), "group", n_resamples=0)
    assert table[["group_1", "group_2", "n_pairs"]].to_numpy().tolist() == [["a", "a", 1], ["a", "b", 4], ["b", "b", 1]]
    assert set(group_contrasts(label_observers(frame, labels), "group", n_resamples=20)["contrast"]) == {
        "within - between"
    }


def test_the_benchmark_of_groups():
    frame = edge()
    table = benchmark_by_group(frame, "kind", n_resamples=20)
    single = benchmark_table(frame).set_index("observer")
    assert set(table["measure"]) == {
        "ood_accuracy", "accuracy_difference", "observed_consistency", "error_consistency",
    }  # fmt: skip
    for measure, rows in table.groupby("measure"):
        people, nets = rows.itertuples()
        assert people.group == "humans" and people.value == single.loc["humans", measure]
        assert nets.value == pytest.approx(single.loc[["net-1", "net-2"], measure].mean()) and nets.n_observers == 2
    several = pd.concat(
        [frame, frame[frame["observer"] == "net-1"].assign(session=2, stimulus="new" + frame["stimulus"])]
    )
    with pytest.raises(LogError, match=r"some observers belong to several groups by session; .* --by session"):
        benchmark_by_group(several.reset_index(drop=True), "session", n_resamples=5)


def test_groups_of_the_benchmark_with_different_datasets():
    sketch = small_frame().query("dataset == 'sketch'", engine="python")
    frame = pd.concat([edge(), sketch, correct_trials("net-1", "discriminative", "1100110011", dataset="sketch")])
    table = benchmark_by_group(frame.reset_index(drop=True), "kind", n_resamples=5)
    assert set(table.loc[table["group"] == "discriminative", "n_datasets"]) == {1}
    assert (
        "observers of discriminative responded to different conditions, so the mean of such a group cannot be compared with "
        "other means" in table.attrs["notes"]
    )
    arranged, blocks = divide_rows(table)
    assert [block.n_rows for block in blocks] == [4, 4] and set(arranged["group"][:4]) == {"humans"}
    assert "Means over observers that responded to different conditions" in blocks[1].sentence
    labels = pd.DataFrame({"observer": ["net-1", "net-2"], "group": ["both datasets", "one dataset"]})
    by_label = benchmark_by_group(label_observers(frame.reset_index(drop=True), labels), "group", n_resamples=5)
    arranged, blocks = divide_rows(by_label)
    assert [block.n_rows for block in blocks] == [8, 4] and set(arranged["group"][8:]) == {"one dataset"}
    assert blocks[1].sentence.startswith("Means over 1 condition of 1 dataset (edge)")
    assert divide_rows(benchmark_by_group(edge(), "kind", n_resamples=5))[1] == []


@pytest.mark.parametrize(("n_resamples", "has_intervals"), [(5, True), (0, False)])
def test_sections_of_a_report_mention_intervals_only_if_it_has_them(n_resamples, has_intervals):
    for section in group_sections(edge(), "kind", n_resamples=n_resamples, seed=0):
        texts = [" ".join(section.sentences), *(drawing.caption for drawing in section.drawings)]
        assert all(("interval" in text) == has_intervals for text in texts), texts


def test_shape_bias_of_an_observer_with_another_group_in_a_dataset_without_cues():
    frame = small_frame().assign(texture="dog")
    frame["shape"] = frame["category"].where(frame["dataset"] == "edge", "")
    labels = pd.DataFrame(
        {
            "observer": ["subject-01", "subject-01", "subject-02"],
            "dataset": ["edge", "sketch", ""],
            "group": list("XYX"),
        }
    )
    labeled = label_observers(frame[frame["session"] == 1], labels)
    row = shape_bias_by_group(labeled, "group").iloc[0]
    assert (row["group"], row["category"], row["n_observers"]) == ("X", "all", 2)
    assert set(shape_bias_by_group(labeled, "group")["group"]) == {"X"}


def test_people_alone_are_not_grouped_in_the_benchmark():
    frame = edge()
    with pytest.raises(
        LogError, match=r"all observers are people, who are the reference .*: add logs of other observers"
    ):
        benchmark_by_group(frame[frame["kind"] == "human"], "kind")


def test_numbers_keep_their_digits():
    frame = edge().assign(weight=1234567.0)
    frame.loc[frame["observer"] == "net-1", "weight"] = 1234568.0
    frame.loc[frame["observer"] == "net-2", "weight"] = 0.25
    assert group_observers(frame, "weight").names == ("0.25", "1234567", "1234568")
