"""Error consistency compared with a slow reference written from the formulas, and with two libraries."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from analysis.io.frame import read_trials
from analysis.kappa.consistency import (
    BOUNDS,
    COLUMNS,
    attainable_kappa,
    bootstrap_interval,
    correct_matrix,
    error_consistency,
    kappa,
    kappa_matrix,
    pairwise_agreement,
)
from analysis.kappa.pairs import kappa_by_kind
from core.errors import LogError
from tests.conftest import real


def slow_consistency(trials_1, trials_2):
    """Return (n, expected, observed, kappa) of two {image: correct} dicts, one image at a time."""
    shared = [image for image in trials_1 if image in trials_2]
    n = len(shared)
    p1, p2 = sum(trials_1[i] for i in shared) / n, sum(trials_2[i] for i in shared) / n
    observed = sum(trials_1[i] == trials_2[i] for i in shared) / n
    expected = p1 * p2 + (1 - p1) * (1 - p2)
    return n, expected, observed, (observed - expected) / (1 - expected)


def make_frame(correct, answered=None, dataset="mine", condition=""):
    parts = []
    for o, row in enumerate(correct):
        images = np.arange(len(row)) if answered is None else np.flatnonzero(answered[o])
        parts.append(
            pd.DataFrame({"observer": f"o{o:02d}", "stimulus": [f"i{i}" for i in images], "correct": row[images] > 0})
        )
    return pd.concat(parts, ignore_index=True).assign(dataset=dataset, kind="simulated", condition=condition)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_table_equals_the_slow_reference(missing):
    rng = np.random.default_rng(1)
    skill = rng.uniform(0.1, 0.95, (9, 1))
    correct = (rng.random((9, 200)) < skill).astype(float)
    answered = (rng.random((9, 200)) >= missing).astype(float)
    table = error_consistency(make_frame(correct, answered), intervals=False)
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 36
    trials = [{i: bool(correct[o, i]) for i in np.flatnonzero(answered[o])} for o in range(9)]
    for row in table.itertuples():
        expected = slow_consistency(trials[int(row.observer_1[1:])], trials[int(row.observer_2[1:])])
        np.testing.assert_allclose((row.n, row.expected, row.observed, row.kappa), expected, atol=1e-12)


def test_kappa_equals_scikit_learn_and_statsmodels():
    rng = np.random.default_rng(2)
    correct = (rng.random((6, 500)) < rng.uniform(0.2, 0.9, (6, 1))).astype(float)
    for row in error_consistency(make_frame(correct), intervals=False).itertuples():
        a, b = (correct[int(name[1:])].astype(int) for name in (row.observer_1, row.observer_2))
        assert row.kappa == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)
        table = np.array([[np.sum((a == x) & (b == y)) for y in (0, 1)] for x in (0, 1)])
        assert row.kappa == pytest.approx(cohens_kappa(table).kappa, abs=1e-12)


def test_observers_that_are_always_right_or_wrong():
    correct = np.array([[1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 0, 1]], dtype=float)
    frame = make_frame(correct)
    table = error_consistency(frame).set_index(["observer_1", "observer_2"])
    assert np.isnan(table.loc[("o00", "o01"), "kappa"])  # both always right: undefined
    assert np.isnan(table.loc[("o00", "o01"), "low"])
    assert table.loc[("o00", "o02"), "kappa"] == 0  # one always right, one always wrong: expected and observed are 0
    assert table.loc[("o00", "o03"), "kappa"] == 0
    other_rule = error_consistency(frame, rule="model-vs-human", intervals=False).set_index(
        ["observer_1", "observer_2"]
    )
    assert other_rule.loc[("o00", "o01"), "kappa"] == 1
    disjoint = make_frame(correct[:2], np.array([[1, 1, 0], [0, 0, 1]]))
    (row,) = error_consistency(disjoint).itertuples()
    assert (row.n, np.isnan(row.kappa), np.isnan(row.observed)) == (0, True, True)


def test_single_observer_gives_an_empty_table():
    assert len(error_consistency(make_frame(np.ones((1, 5))))) == 0


def test_duplicate_trials_are_rejected():
    frame = make_frame(np.ones((2, 3)))
    duplicated = pd.concat([frame, frame.iloc[:1]])
    with pytest.raises(
        LogError, match=r"o00 responded to i0 of mine twice; .* one response per image in each session, so remove"
    ):
        error_consistency(duplicated)


def test_kappa_is_averaged_over_conditions_and_not_pooled():
    rng = np.random.default_rng(3)
    easy, hard = (rng.random((2, 400)) < p for p in (0.95, 0.1))
    parts = [make_frame(c.astype(float), condition=name) for c, name in ((easy, "easy"), (hard, "hard"))]
    frame = pd.concat(parts, ignore_index=True)
    table = error_consistency(frame, intervals=False)
    assert list(table["condition"]) == ["easy", "hard"]
    mean = kappa_matrix(table, "mine").loc["o00", "o01"]
    assert mean == pytest.approx(table["kappa"].mean())
    assert abs(mean) < 0.15
    pooled = frame.assign(stimulus=frame["stimulus"] + frame["condition"], condition="")
    assert error_consistency(pooled, intervals=False)["kappa"].item() > 0.5


def test_only_benchmark_conditions_of_a_published_dataset_count():
    rng = np.random.default_rng(4)
    frame = pd.concat(
        [make_frame((rng.random((2, 50)) < 0.5).astype(float), dataset="colour", condition=c) for c in ("cr", "bw")]
    )
    table = error_consistency(frame.reset_index(drop=True), intervals=False)
    assert kappa_matrix(table, "colour").loc["o00", "o01"] == table.loc[table["condition"] == "bw", "kappa"].item()


def test_bootstrap_equals_resampling_trial_by_trial():
    """The ends of the interval are the percentiles of kappas that are computed pair by pair from the same draws."""
    rng = np.random.default_rng(5)
    correct = (rng.random((3, 60)) < 0.6).astype(float)
    for answered in (np.ones((3, 60)), (rng.random((3, 60)) < 0.8).astype(float)):
        correct_answered = correct * answered
        low, high = bootstrap_interval(correct_answered, answered, "undefined-is-nan", 50, seed=7)
        draws, kappas = np.random.default_rng(7), []
        for _ in range(50):
            images = draws.integers(60, size=60)
            pairs = []
            for i, j in ((0, 1), (0, 2), (1, 2)):
                both = [k for k in images if answered[i, k] and answered[j, k]]
                first, second = (dict(enumerate(correct_answered[o, both])) for o in (i, j))
                pairs.append(slow_consistency(first, second)[3])
            kappas.append(pairs)
        np.testing.assert_allclose((low, high), np.percentile(kappas, [2.5, 97.5], axis=0), atol=1e-9)


def test_bootstrap_interval_has_nominal_coverage():
    """The 95 % interval contains the true kappa in about 95 % of 200 simulated experiments."""
    rng, p, true_kappa, n_covered = np.random.default_rng(6), 0.7, 0.4, 0
    for seed in range(200):
        first = rng.random(300) < p
        second = np.where(rng.random(300) < true_kappa, first, rng.random(300) < p)
        correct = np.array([first, second], dtype=float)
        low, high = bootstrap_interval(correct, np.ones_like(correct), "undefined-is-nan", 300, seed)
        n_covered += bool(low[0] <= true_kappa <= high[0])
    assert n_covered / 200 == pytest.approx(0.95, abs=0.045)


def test_seed_and_rule_affect_the_bootstrap():
    rng = np.random.default_rng(4)
    correct = np.array([rng.random(12) < 0.7, np.arange(12) > 0, np.ones(12)], dtype=float)
    frame = make_frame(correct)
    options = {"n_resamples": 200, "method": "bootstrap"}
    first, repeated, other_seed = (error_consistency(frame, seed=seed, **options) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, repeated)
    assert not first["high"].equals(other_seed["high"])
    other_rule = error_consistency(frame, rule="model-vs-human", **options)
    # The last two observers are both always right in a third of the resamples, where kappa is undefined, or 1.
    assert (other_rule["high"].iloc[2], first["high"].iloc[2]) == (1.0, 0.0)
    scores = [error_consistency(frame, seed=seed)[["low", "high"]] for seed in (0, 1)]
    pd.testing.assert_frame_equal(*scores)  # the score interval does not depend on chance


def test_undefined_resamples_are_excluded_from_the_percentiles():
    """Two observers are wrong on the same one of twelve images: kappa is 1, or undefined if it was not drawn."""
    correct = np.ones((2, 12))
    correct[:, 0] = 0
    low, high = bootstrap_interval(correct, np.ones_like(correct), "undefined-is-nan", 300, 0)
    assert (low[0], high[0]) == (1.0, 1.0)
    correct[1, 1] = 0
    kappas, rng = [], np.random.default_rng(0)
    for _ in range(300):
        drawn = correct[:, rng.integers(12, size=12)]
        _, expected, observed = pairwise_agreement(drawn, np.ones_like(drawn))
        kappas.append(kappa(observed, expected)[0, 1])
    assert np.isnan(kappas).any()
    low, high = bootstrap_interval(correct, np.ones_like(correct), "undefined-is-nan", 300, 0)
    assert [low[0], high[0]] == pytest.approx(list(np.nanpercentile(kappas, [2.5, 97.5])))


def test_attainable_kappas_are_reached_and_not_exceeded():
    p1, p2, n = 0.7, 0.4, 1000
    first = np.arange(n) < p1 * n
    low, high = attainable_kappa(p1, p2)
    nested, opposed = np.arange(n) < p2 * n, np.arange(n) >= n - p2 * n
    for second, limit in ((nested, high), (opposed, low)):
        _, expected, observed = pairwise_agreement(np.array([first, second], float), np.ones((2, n)))
        assert kappa(observed, expected)[0, 1] == pytest.approx(float(limit), abs=1e-12)
    rng = np.random.default_rng(7)
    for _ in range(200):
        _, expected, observed = pairwise_agreement(np.array([first, rng.permutation(nested)], float), np.ones((2, n)))
        assert low - 1e-12 <= kappa(observed, expected)[0, 1] <= high + 1e-12
    assert np.isnan(attainable_kappa(1.0, 1.0)).all()


def test_bounds_contain_the_kappa_of_every_pair():
    rng = np.random.default_rng(9)
    correct = (rng.random((5, 60)) < rng.uniform(0.2, 0.9, (5, 1))).astype(float)
    answered = (rng.random((5, 60)) < 0.7).astype(float)
    table = error_consistency(make_frame(correct, answered), intervals=False, bounds=True)
    assert tuple(table.columns) == (*COLUMNS, *BOUNDS)
    for row in table.itertuples():
        i, j = int(row.observer_1[1:]), int(row.observer_2[1:])
        both = (answered[i] * answered[j]) > 0
        low, high = attainable_kappa(correct[i, both].mean(), correct[j, both].mean())
        assert (row.lowest, row.highest) == (pytest.approx(float(low)), pytest.approx(float(high)))
        assert row.lowest - 1e-12 <= row.kappa <= row.highest + 1e-12


def test_pairs_with_undefined_kappa_are_not_counted():
    correct = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]], dtype=float)
    frame = make_frame(correct)
    (row,) = kappa_by_kind(frame, n_resamples=0).itertuples()
    assert (row.n_pairs, row.kappa) == (2, 0.0)


def test_empty_frame_gives_all_columns():
    frame = make_frame(np.ones((2, 3)))
    assert list(error_consistency(frame[:0], bounds=True).columns) == [*COLUMNS, *BOUNDS]


def test_mean_kappa_between_kinds():
    frame = make_frame((np.random.default_rng(8).random((3, 90)) < 0.5).astype(float))
    frame["kind"] = frame["observer"].map({"o00": "human", "o01": "human", "o02": "generative"})
    table = error_consistency(frame, intervals=False)
    means = kappa_by_kind(frame, n_resamples=200).set_index(["kind_1", "kind_2"])
    assert means.loc[("human", "human"), "n_pairs"] == 1
    expected = table[table["observer_2"] == "o02"]["kappa"].mean()
    row = means.loc[("human", "generative")]
    assert row["kappa"] == pytest.approx(expected)
    assert row["low"] < expected < row["high"]


@pytest.mark.slow
def test_all_real_pairs_on_cue_conflict():
    """Expected, observed and kappa of all 630 pairs of people and networks equal the slow reference to 1e-12."""
    frame = read_trials([real("humans", "cue-conflict"), real("networks", "cue-conflict")])
    assert frame["observer"].nunique() == 36
    table = error_consistency(frame, intervals=False)
    assert len(table) == 630
    trials = {name: dict(zip(t["stimulus"], t["correct"], strict=True)) for name, t in frame.groupby("observer")}
    for row in table.itertuples():
        expected = slow_consistency(trials[row.observer_1], trials[row.observer_2])
        np.testing.assert_allclose((row.n, row.expected, row.observed, row.kappa), expected, rtol=0, atol=1e-12)
        assert row.n == 1280
    names, correct, answered = correct_matrix(frame)
    assert (names[0], correct.shape, answered.all()) == ("subject-01", (36, 1280), True)
