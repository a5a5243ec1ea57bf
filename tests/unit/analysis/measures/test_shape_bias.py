"""Shape bias by hand, its interval, and its degenerate cases."""

import numpy as np
import pandas as pd
import pytest

from analysis.measures.shape_bias import (
    COLUMNS,
    describe_people,
    has_cue_conflicts,
    overall_shape_bias,
    pooled_shape_bias,
    shape_bias,
    shape_bias_spread,
)
from core.errors import LogError


def cue_trials(observer, kind, *texts, dataset="cue-conflict"):
    """Return one trial per text "shape/texture/response"."""
    rows = [dict(zip(("shape", "texture", "response"), text.split("/"), strict=True)) for text in texts]
    return pd.DataFrame(rows).assign(observer=observer, kind=kind, dataset=dataset, category=[r["shape"] for r in rows])


NET_TRIALS = ["cat/dog/dog", "cat/dog/cat", "dog/cat/cat", "cat/cat/cat", "dog/car/", "dog/cat/oven"]
FRAME = pd.concat(
    [
        cue_trials("net", "discriminative", *NET_TRIALS),
        cue_trials("subject-02", "human", "cat/dog/cat", "cat/dog/cat", "dog/cat/cat", "//cat"),
        cue_trials("subject-01", "human", "cat/dog/oven"),
    ],
    ignore_index=True,
)


def test_counts_match_calculation_by_hand():
    table = shape_bias(FRAME)
    assert tuple(table.columns) == COLUMNS
    values = {
        (r.observer, r.category): (r.n_conflict, r.n_shape, r.n_texture, r.shape_bias) for r in table.itertuples()
    }
    assert values["net", "all"] == (5, 1, 2, pytest.approx(1 / 3))
    assert values["net", "cat"] == (2, 1, 1, 0.5)
    assert values["net", "dog"] == (3, 0, 1, 0.0)
    assert values["subject-02", "all"] == (3, 2, 1, pytest.approx(2 / 3))
    assert np.isnan(values["subject-01", "all"][3])  # this person never followed a cue
    assert list(table["observer"].unique()) == ["subject-01", "subject-02", "net"]  # people first
    rates = overall_shape_bias(table).set_index("observer").loc["net"]
    assert (rates["shape_rate"], rates["texture_rate"], rates["cue_rate"]) == (0.2, 0.4, pytest.approx(0.6))


def test_wilson_interval_over_shape_and_texture_decisions():
    """The counts are those of the first person of the published experiment."""
    texts = ["cat/dog/cat"] * 829 + ["cat/dog/dog"] * 33 + ["cat/dog/oven"] * 338
    row = shape_bias(cue_trials("subject-01", "human", *texts)).iloc[0]
    assert row["n_conflict"] == 1200
    assert list(row[["shape_bias", "low", "high"]]) == pytest.approx([829 / 862, 0.946725, 0.972612], abs=1e-6)


def test_pooled_people_are_one_observer():
    pooled = pooled_shape_bias(FRAME)
    row = pooled[pooled["category"] == "all"].iloc[0]
    assert (row["observer"], row["n_conflict"], row["n_shape"], row["n_texture"]) == ("human", 4, 2, 1)
    assert describe_people(FRAME) == "people: n = 2, shape bias 0.667 to 0.667, mean 0.6667, pooled 0.6667"
    assert describe_people(FRAME[FRAME["kind"] != "human"]) == ""


def test_frames_without_a_single_cue_conflict_dataset_are_rejected():
    no_conflict = cue_trials("net", "discriminative", "cat/cat/cat")
    assert not has_cue_conflicts(no_conflict)
    assert not has_cue_conflicts(no_conflict.drop(columns="texture"))
    with pytest.raises(LogError, match="shape bias needs a cue-conflict experiment"):
        shape_bias(no_conflict)
    other = cue_trials("net", "discriminative", "cat/dog/cat", dataset="other")
    message = r"several datasets have cue conflicts \(cue-conflict, other\); choose one with --dataset"
    with pytest.raises(LogError, match=message):
        shape_bias(pd.concat([FRAME, other]))


def test_a_category_named_like_the_total_is_not_the_total():
    rows = [
        ("all", "dog", "all"),
        ("all", "dog", "dog"),
        ("cat", "all", "all"),
        ("category all", "dog", "category all"),
    ]
    frame = pd.DataFrame(rows, columns=["shape", "texture", "response"]).assign(
        dataset="mine", observer="a", kind="human", condition="", category=lambda frame: frame["shape"], correct=True
    )
    frame["stimulus"] = [f"{k}.png" for k in range(len(frame))]
    table = shape_bias(frame)
    assert table["category"].tolist() == ["all", "cat", "category all", "category category all"]
    assert table["n_conflict"].tolist() == [4, 1, 1, 2] and len(overall_shape_bias(table)) == 1
    assert shape_bias_spread(table)["n_categories"].item() == 3
