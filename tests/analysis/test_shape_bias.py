import numpy as np
import pandas as pd
import pytest

from analysis.shape_bias import COLUMNS, has_conflicts, overall, people_sentence, pooled_shape_bias, shape_bias
from stimuli.errors import LogError


def trials(observer, kind, *answers, dataset="cue-conflict"):
    rows = [dict(zip(("shape", "texture", "response"), answer.split("/"), strict=True)) for answer in answers]
    return pd.DataFrame(rows).assign(observer=observer, kind=kind, dataset=dataset, category=[r["shape"] for r in rows])


FRAME = pd.concat(
    [
        trials(
            "net",
            "discriminative",
            "cat/dog/dog",
            "cat/dog/cat",
            "dog/cat/cat",
            "cat/cat/cat",
            "dog/car/",
            "dog/cat/oven",
        ),
        trials("subject-02", "human", "cat/dog/cat", "cat/dog/cat", "dog/cat/cat", "//cat"),
        trials("subject-01", "human", "cat/dog/oven"),
    ],
    ignore_index=True,
)


def test_by_hand():
    table = shape_bias(FRAME)
    assert tuple(table.columns) == COLUMNS
    values = {
        (r.observer, r.category): (r.n_conflict, r.n_shape, r.n_texture, r.shape_bias) for r in table.itertuples()
    }
    assert values["net", "all"] == (5, 1, 2, pytest.approx(1 / 3))
    assert values["net", "cat"] == (2, 1, 1, 0.5)
    assert values["net", "dog"] == (3, 0, 1, 0.0)
    assert values["subject-02", "all"] == (3, 2, 1, pytest.approx(2 / 3))
    assert np.isnan(values["subject-01", "all"][3])  # neither cue was ever followed: undefined
    assert list(table["observer"].unique()) == ["subject-01", "subject-02", "net"]  # people first
    rates = overall(table).set_index("observer").loc["net"]
    assert (rates["shape_rate"], rates["texture_rate"], rates["cue_rate"]) == (0.2, 0.4, pytest.approx(0.6))


def test_the_interval_is_wilsons_over_both_decisions():
    """Counts and interval of the first person of the published experiment."""
    answers = ["cat/dog/cat"] * 829 + ["cat/dog/dog"] * 33 + ["cat/dog/oven"] * 338
    row = shape_bias(trials("subject-01", "human", *answers)).iloc[0]
    assert row["n_conflict"] == 1200
    assert list(row[["shape_bias", "low", "high"]]) == pytest.approx([829 / 862, 0.946725, 0.972612], abs=1e-6)


def test_pooled_people_are_one_observer():
    pooled = pooled_shape_bias(FRAME)
    row = pooled[pooled["category"] == "all"].iloc[0]
    assert (row["observer"], row["n_conflict"], row["n_shape"], row["n_texture"]) == ("human", 4, 2, 1)
    assert people_sentence(FRAME) == "people: n = 2, shape bias 0.667 to 0.667, mean 0.6667, pooled 0.6667"
    assert people_sentence(FRAME[FRAME["kind"] != "human"]) == ""


def test_where_it_has_no_meaning():
    no_conflict = trials("net", "discriminative", "cat/cat/cat")
    assert not has_conflicts(no_conflict)
    assert not has_conflicts(no_conflict.drop(columns="texture"))
    with pytest.raises(LogError, match="needs a cue-conflict experiment"):
        shape_bias(no_conflict)
    other = trials("net", "discriminative", "cat/dog/cat", dataset="other")
    with pytest.raises(LogError, match=r"several datasets have cue conflicts \(cue-conflict, other\): give --dataset"):
        shape_bias(pd.concat([FRAME, other]))
