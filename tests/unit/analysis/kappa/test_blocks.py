"""Measures that are computed in blocks of resamples, or for all pairs at once, equal those that are computed one by one."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from analysis.benchmark.ranks import benchmark_intervals
from analysis.kappa import condition_data, consistency, pairs
from analysis.kappa.branches import branch_support, resample_trees, within_human_range
from analysis.kappa.ceiling import noise_ceiling
from analysis.kappa.clustering import cluster_observers, node_leaves, node_sets
from analysis.kappa.consistency import error_consistency
from analysis.kappa.contrasts import kind_contrasts
from analysis.kappa.error_patterns import class_level_similarity, error_patterns, misclassification_agreement
from analysis.kappa.pairs import kappa_by_kind, resample_kappas
from analysis.measures.resampling import nan_mean
from stimuli.categories import CATEGORIES
from tests.unit.analysis.frames import response_trials
from tests.unit.analysis.kappa.test_contrasts import KINDS, clustered_trials

MEASURES = {
    "kinds": lambda frame: kappa_by_kind(frame, n_resamples=40),
    "contrasts": lambda frame: kind_contrasts(frame, n_resamples=40),
    "branches": lambda frame: branch_support(resample_trees(frame, n_resamples=40)),
    "human range": lambda frame: within_human_range(frame, resample_trees(frame, n_resamples=40), n_resamples=40),
    "ceiling": lambda frame: noise_ceiling(frame, n_resamples=40),
    "benchmark": lambda frame: benchmark_intervals(frame, n_resamples=40, every_dataset=True),
    "pairs": lambda frame: error_consistency(frame, n_resamples=40),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("is_complete", [True, False])
def test_small_blocks_give_the_same_numbers(name, is_complete, monkeypatch):
    frame = pd.concat([clustered_trials(KINDS, seed, n=30).assign(condition=c) for seed, c in enumerate("12")])
    frame = frame if is_complete else frame.sample(frac=0.8, random_state=0)
    expected = MEASURES[name](frame)
    monkeypatch.setattr(pairs, "MAX_VALUES", 28 * 7)  # six blocks
    monkeypatch.setattr(condition_data, "MAX_VALUES", 250)
    for module in (pairs, consistency):
        monkeypatch.setattr(module, "PAIRS_PER_PRODUCT", 5)
    pd.testing.assert_frame_equal(MEASURES[name](frame), expected, check_exact=True)


def test_summaries_are_computed_in_one_pass(monkeypatch):
    monkeypatch.setattr(pairs, "MAX_VALUES", 28 * 7)
    (kappas,) = resample_kappas(clustered_trials(KINDS, n=30), n_resamples=40)
    sizes = []

    def size(data, block):
        sizes.append(block.kappas.shape[1])
        return sizes[-1]

    def total(data, block):
        return data.kappas.shape[1] + block.kappas.shape[1]

    kappas.summarize(size, total)
    assert kappas.summary(size) == sizes == [7, 7, 7, 7, 6, 6] and sum(sizes) == 40
    assert kappas.summary(total) == [n + 1 for n in sizes]


def test_sets_of_leaves_as_numbers():
    values = np.random.default_rng(0).random((70, 70))
    names = [f"o{i}" for i in range(70)]
    tree = cluster_observers(pd.DataFrame((values + values.T) / 2, names, names)).linkage
    leaves = np.random.default_rng(1).permutation(70).tolist()
    assert node_sets(tree) == [sum(1 << leaf for leaf in node) for node in node_leaves(tree)]
    assert node_sets(tree, leaves) == [sum(1 << leaves[leaf] for leaf in node) for node in node_leaves(tree)]


@pytest.mark.parametrize("n_missing", [0, 30])
def test_mistakes_of_all_pairs_equal_those_of_single_pairs(n_missing):
    """All numbers are the same to the last digit, with sixteen choices and with missing responses."""
    rng, n, parts = np.random.default_rng(0), 250, []
    categories = rng.choice(CATEGORIES, n)
    common = rng.choice(CATEGORIES, n)
    for o in range(6):
        response = np.where(rng.random(n) < 0.4, common, rng.choice(CATEGORIES, n))
        response[rng.choice(n, n_missing if o % 2 else 0, replace=False)] = ""
        parts.append(response_trials(f"o{o}", "human", list(response), list(categories)))
    table = error_patterns(pd.concat(parts), intervals=False)
    codes = {word: k for k, word in enumerate(sorted(CATEGORIES))}
    category = np.array([codes[word] for word in categories])
    responses = [np.array([codes.get(word, -1) for word in part["response"]]) for part in parts]
    for row, (first, second) in zip(table.itertuples(), combinations(responses, 2), strict=True):
        answered = (first >= 0) & (second >= 0)
        wrong = [(each != category) & answered for each in (first, second)]
        both = wrong[0] & wrong[1]
        same, agreement = misclassification_agreement(first[both], second[both])
        counts = [np.zeros((16, 16)), np.zeros((16, 16))]
        for count, each, mask in zip(counts, (first, second), wrong, strict=True):
            np.add.at(count, (category[mask], each[mask]), 1)
        assert (row.n, row.n_both_wrong) == (answered.sum(), both.sum())
        assert (row.same_response, row.agreement) == (same[0], agreement[0])
        assert row.n_errors == sum(map(np.sum, counts))
        assert row.similarity == float(class_level_similarity(*counts, 16))


def test_means_with_and_without_undefined_values():
    values = np.random.default_rng(0).random((5, 4, 3))
    assert (nan_mean(values, axis=0) == np.mean(values, axis=0)).all()
    values[0, 1, 2] = np.nan
    np.testing.assert_allclose(nan_mean(values, axis=0), np.nanmean(values, axis=0), rtol=1e-15)
    assert np.isnan(nan_mean(np.empty((0, 2)), axis=0)).all()
