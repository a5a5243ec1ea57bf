"""Measures give the same tables for frames with categories, which `read_trials` returns, and for frames with plain text."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.benchmark.by_condition import consistency_by_condition
from analysis.io.columns import as_text
from analysis.io.frame import observer_order, read_trials, select_dataset
from analysis.measures.by_image import responses_by_image
from core.trial_columns import NAMES
from stimuli.categories import CATEGORIES
from stimuli.published.datasets import DATASETS

KINDS = {
    "subject-02": "human",
    "subject-10": "human",
    "subject-01": "human",
    "sd14": "generative",
    "zz": "discriminative",
}
DATASET_NAMES = ("cue-conflict", "contrast")
MEASURES: dict[str, Callable[[pd.DataFrame], object]] = {
    "accuracy": analysis.accuracy,
    "confusion_table": analysis.confusion_table,
    "confusion_table by condition": lambda frame: analysis.confusion_table(frame, by_condition=True),
    "response_entropy": lambda frame: analysis.response_entropy(frame, n_resamples=20),
    "thresholds": analysis.thresholds,
    "shape_bias": lambda frame: analysis.shape_bias(select_dataset(frame, "cue-conflict")),
    "error_consistency": lambda frame: analysis.error_consistency(frame, intervals=False),
    "error_patterns": lambda frame: analysis.error_patterns(frame, n_resamples=20),
    "difference_test": lambda frame: analysis.difference_test(frame, n_draws=20),
    "independence_test": lambda frame: analysis.independence_test(frame, n_draws=20),
    "noise_ceiling": lambda frame: analysis.noise_ceiling(frame, n_resamples=20),
    "kind_contrasts": lambda frame: analysis.kind_contrasts(frame, n_resamples=20),
    "benchmark_table": analysis.benchmark_table,
    "benchmark_intervals": lambda frame: analysis.benchmark_intervals(frame, n_resamples=20),
    "consistency_by_condition": lambda frame: consistency_by_condition(frame, n_resamples=20),
    "responses_by_image": responses_by_image,
    "observer_order": observer_order,
    "accuracy:contrast": lambda frame: analysis.observer_measure(frame, "accuracy:contrast", people=True),
    "threshold:contrast": lambda frame: analysis.observer_measure(frame, "threshold:contrast", people=True),
    "shape-bias": lambda frame: analysis.observer_measure(
        select_dataset(frame, "cue-conflict"), "shape-bias", people=True
    ),
    "consistency:contrast": lambda frame: analysis.observer_measure(frame, "consistency:contrast", people=True),
}


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """Return trials of two datasets whose conditions and observers are not in alphabetical order."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("logs")
    for dataset in DATASET_NAMES:
        conditions = [c.name for c in DATASETS[dataset].conditions]
        shapes, textures = rng.choice(CATEGORIES[:5], (2, 60))
        for observer, kind in KINDS.items():
            rows = []
            for i, (shape, texture) in enumerate(zip(shapes, textures, strict=True)):
                response = rng.choice([shape, shape, texture, rng.choice(CATEGORIES[:5]), ""])
                fixed = (dataset, observer, kind, "1", "1", str(i + 1), f"{i}.png", conditions[i % len(conditions)])
                rows.append(",".join((*fixed, shape, response, "", "", shape, texture)))
            (folder / f"{dataset}_{observer}.csv").write_text(
                "\n".join([",".join((*NAMES, "shape", "texture")), *rows, ""])
            )
    return read_trials(folder)


def test_columns_of_text_are_categories(frame):
    texts = {
        "dataset",
        "observer",
        "kind",
        "stimulus",
        "condition",
        "category",
        "response",
        "source",
        "shape",
        "texture",
    }
    assert {name for name in frame.columns if isinstance(frame[name].dtype, pd.CategoricalDtype)} == texts
    assert set(as_text(frame).dtypes[list(texts)].astype(str)) == {"str"}
    for name in texts:
        assert list(frame[name].cat.categories) == sorted(frame[name].cat.categories), name
    for name in ("response", "shape", "texture"):
        assert frame[name].dtype == frame["category"].dtype
        ours, plain = frame["category"] == frame[name], as_text(frame)["category"] == as_text(frame)[name]
        pd.testing.assert_series_equal(ours, plain)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_measures_do_not_depend_on_the_dtype_of_text(name, frame):
    """Trials of all datasets, a part that keeps the categories of the whole frame, and rows in another order."""
    is_in_part = ~frame["observer"].isin(["sd14", "zz"]) & (frame["category"] != "dog") & (frame["condition"] != "c15")
    parts = {
        "all": frame,
        "part": frame[is_in_part],
        "shuffled": frame.sample(frac=1, random_state=0).reset_index(drop=True),
    }
    for part in parts.values():
        table, plain = MEASURES[name](part), MEASURES[name](as_text(part))
        compare = pd.testing.assert_series_equal if isinstance(table, pd.Series) else pd.testing.assert_frame_equal
        compare(table, plain, check_exact=True)
        columns = table.reset_index().dtypes
        assert not [dtype for dtype in columns if isinstance(dtype, pd.CategoricalDtype)]


def test_frames_with_other_categories_can_be_joined(frame):
    first, second = (select_dataset(frame, name) for name in DATASET_NAMES)
    second = second.assign(dataset=second["dataset"].cat.remove_unused_categories())
    joined = pd.concat([first, second], ignore_index=True)
    pd.testing.assert_frame_equal(analysis.accuracy(joined), analysis.accuracy(as_text(frame)), check_exact=True)
