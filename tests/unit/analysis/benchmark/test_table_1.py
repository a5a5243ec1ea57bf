"""Table 1 has the values of the measures that it joins, and rows over other conditions are in separate blocks."""

import numpy as np
import pandas as pd
import pytest

from analysis.benchmark.benchmark import benchmark_table
from analysis.benchmark.comparable_rows import divide_rows
from analysis.benchmark.ranks import benchmark_intervals
from analysis.benchmark.table_1 import COLUMNS, table_1
from analysis.measures.shape_bias import overall_shape_bias, pooled_shape_bias, shape_bias
from core.errors import LogError
from tests.unit.analysis.frames import correct_trials
from tests.unit.analysis.paper.test_paper import simulate_observers


def frame_with_partial_observers():
    """Return observers of three datasets, one observer of only `edge`, and one of only cue-conflict."""
    frame = simulate_observers()
    edge_only = correct_trials("only-edge", "discriminative", "1" * 12 + "0" * 12, dataset="edge")
    other = frame[(frame["observer"] == "net") & (frame["dataset"] == "cue-conflict")].assign(observer="only-conflict")
    return pd.concat([frame, edge_only, other], ignore_index=True)


@pytest.mark.slow
def test_values_are_those_of_the_measures():
    frame = simulate_observers()
    table = table_1(frame, n_resamples=20)
    assert tuple(table.columns) == COLUMNS and table["observer"].iloc[0] == "humans"
    intervals = benchmark_intervals(frame, n_resamples=20).set_index(["measure", "observer"])
    biases = overall_shape_bias(shape_bias(frame[frame["dataset"] == "cue-conflict"])).set_index("observer")
    for row in table.itertuples():
        for measure in ("ood_accuracy", "error_consistency"):
            expected = intervals.loc[(measure, row.observer), ["value", "low", "high"]].to_list()
            assert [getattr(row, f"{measure}{end}") for end in ("", "_low", "_high")] == pytest.approx(expected)
        if row.observer != "humans":
            assert row.shape_bias == pytest.approx(biases.loc[row.observer, "shape_bias"])
    pooled = overall_shape_bias(pooled_shape_bias(frame)).iloc[0]
    assert table.iloc[0][["shape_bias", "shape_bias_low"]].tolist() == pytest.approx(
        [pooled["shape_bias"], pooled["low"]]
    )
    kappas = table["error_consistency"][1:].to_numpy()
    assert (np.diff(kappas[~np.isnan(kappas)]) <= 1e-9).all()


def test_rows_over_other_conditions_are_in_separate_blocks():
    table, blocks = divide_rows(table_1(frame_with_partial_observers(), n_resamples=5))
    assert [block.n_rows for block in blocks] == [4, 1, 1]
    assert blocks[0].sentence == "Means over 5 conditions of 3 datasets, which cannot be compared with the rows below."
    assert set(table["observer"][:4]) == {"humans", "gen", "net", "ideal"}
    sentences = {name: block.sentence for name, block in zip(table["observer"][4:], blocks[1:], strict=True)}
    assert sentences == {
        "only-edge": "Means over 1 condition of 1 dataset (edge), which cannot be compared with the other rows.",
        "only-conflict": "Means over 1 condition of 1 dataset (cue-conflict), which cannot be compared with the other rows.",
    }
    without_conflict = table.set_index("observer").loc["only-edge"]
    assert np.isnan(without_conflict["shape_bias"]) and without_conflict["ood_accuracy"] == 0.5


def test_blocks_of_the_benchmark_and_of_its_intervals():
    frame = frame_with_partial_observers()
    table, blocks = divide_rows(benchmark_table(frame))
    assert [block.n_rows for block in blocks] == [4, 1, 1] and table["mean_rank"][4:].isna().all()
    intervals, blocks = divide_rows(benchmark_intervals(frame, n_resamples=5))
    assert [block.n_rows for block in blocks] == [24, 6, 6] and intervals["n_datasets"][24:].eq(1).all()
    assert divide_rows(benchmark_table(simulate_observers()))[1] == []


@pytest.mark.slow
def test_people_outside_the_published_recordings_are_named():
    frame = simulate_observers()
    people = sorted(frame.loc[frame["kind"] == "human", "observer"].unique())
    published = {name: f"subject-{n:02}" for n, name in enumerate(people, start=1)}
    notes = table_1(frame.replace({"observer": published}), n_resamples=5).attrs["notes"]
    assert not [note for note in notes if note.startswith("the row humans combines")]
    own = frame.replace({"observer": published | {people[-1]: "K7Q2"}})
    (note,) = [note for note in benchmark_table(own).attrs["notes"] if note.startswith("the row humans combines")]
    assert note == (
        "the row humans combines all people in the logs, including 1 person whose name is not in the published recordings "
        "(subject-01 and so on): K7Q2; --exclude leaves them out"
    )


def test_a_table_without_people_is_refused():
    with pytest.raises(LogError, match="no person responded to a benchmark condition"):
        table_1(simulate_observers(people=False))
