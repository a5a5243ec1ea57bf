"""Intervals of mean kappas compared with plain loops, with a simulation, and the notes about them."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from attrs import evolve

from analysis import (
    benchmark_intervals,
    kappa_by_group,
    kappa_by_kind,
    kind_contrasts,
    noise_ceiling,
    resample_trees,
    within_human_range,
)
from analysis.benchmark.by_condition import consistency_by_condition
from analysis.kappa import mean_intervals as module
from analysis.kappa.consistency import kappa
from analysis.kappa.intervals import score_interval
from analysis.kappa.mean_intervals import mean_intervals, mean_weights, pair_intervals, rare_means_note
from tests.unit.analysis.frames import correct_trials


def weighted_kappa(first, second, weight):
    """Return the kappa of two observers if the images count with the given weights."""
    p1, p2, same = (np.average(x, weights=weight) for x in (first, second, first == second))
    return kappa(np.array(same), np.array(p1 * p2 + (1 - p1) * (1 - p2))).item()


def correlated_responses(n_images, accuracies, rng, share=0.5):
    """Return the correctness of observers whose errors are correlated, with shape (O, I)."""
    common = rng.random(n_images)
    own = rng.random((len(accuracies), n_images))
    return (np.where(rng.random(own.shape) < share, common, own) < np.array(accuracies)[:, None]).astype(float)


def slow_ends(conditions, weights):
    """Return the two ends for {pair: weight}, with numeric derivatives and every correlation, for defined kappas."""
    total, below, above = 0.0, 0.0, 0.0
    for responses in conditions:
        margins, influences = [], []
        for (i, j), weight in weights.items():
            weight = weight / len(conditions)
            first, second = responses[i], responses[j]
            estimate = weighted_kappa(first, second, np.ones(len(first)))
            table = [first @ second, first @ (1 - second), (1 - first) @ second, (1 - first) @ (1 - second)]
            low, high = (end[0] for end in score_interval(np.array([table])))
            total += weight * estimate
            margin = (estimate - low, high - estimate)
            margins.append(weight * np.array(margin if weight > 0 else margin[::-1]))
            change = 1e-6 * np.eye(len(first))
            influences.append([(weighted_kappa(first, second, 1 + each) - estimate) / 1e-6 for each in change])
        r = np.corrcoef(influences) if len(influences) > 1 else np.eye(1)
        below, above = (
            square + np.array(margins)[:, side] @ r @ np.array(margins)[:, side]
            for side, square in enumerate((below, above))
        )
    return total - np.sqrt(below), total + np.sqrt(above)


@pytest.mark.parametrize("signs", [(1, 1, 1), (1, -0.5, -0.5)])
def test_ends_equal_those_of_plain_loops(signs):
    rng = np.random.default_rng(4)
    conditions = [correlated_responses(n, (0.8, 0.7, 0.9), rng) for n in (60, 90)]
    pairs = list(combinations(range(3), 2))
    expected = slow_ends(conditions, dict(zip(pairs, np.array(signs) / 3, strict=True)))
    arrays = [(responses, np.ones_like(responses)) for responses in conditions]
    intervals = pair_intervals(arrays, *np.array(pairs).T, "undefined-is-nan")
    weights = mean_weights(intervals, [np.arange(3)]).multiply(np.array(signs)).tocsr()
    values = weights @ intervals.kappas.mean(axis=0)
    result = mean_intervals(values, intervals, weights)
    assert (result.low[0], result.high[0]) == pytest.approx(expected, abs=1e-4)


def test_the_number_of_pairs_at_once_does_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    responses = correlated_responses(80, np.linspace(0.6, 0.95, 8), rng)
    arrays = [(responses, (rng.random(responses.shape) < 0.9).astype(float))]
    arrays = [(correct * answered, answered) for correct, answered in arrays]
    pairs = pair_intervals(arrays, *np.triu_indices(8, k=1), "undefined-is-nan")
    weights = mean_weights(pairs, [np.arange(28), np.arange(5)])
    values = weights @ pairs.kappas[0]
    expected = mean_intervals(values, pairs, weights)
    assert (expected.low < values).all() and (values < expected.high).all()
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 3)
    result = mean_intervals(values, pairs, weights)
    assert result.low == pytest.approx(expected.low, abs=1e-12)
    assert result.high == pytest.approx(expected.high, abs=1e-12)


def test_unknown_correlations_are_one():
    """An observer that is always right has a kappa of 0; the distances to the ends of its intervals are averaged."""
    rng = np.random.default_rng(1)
    responses = np.concatenate([np.ones((1, 100)), correlated_responses(100, (0.8, 0.9), rng)])
    pairs = pair_intervals(
        [(responses, np.ones_like(responses))], np.array([0, 0]), np.array([1, 2]), "undefined-is-nan"
    )
    result = mean_intervals(np.zeros(1), pairs, mean_weights(pairs, [np.arange(2)]))
    assert (result.low[0], result.high[0]) == pytest.approx((-pairs.below.mean(), pairs.above.mean()))
    assert result.is_rare.tolist() == [True]


def test_undefined_kappas():
    ones = np.ones((2, 20))
    for rule, ends in (("undefined-is-nan", (np.nan, np.nan)), ("model-vs-human", (1.0, 1.0))):
        pairs = pair_intervals([(ones, ones)], np.array([0]), np.array([1]), rule)
        result = mean_intervals(pairs.kappas[0], pairs, mean_weights(pairs, [np.array([0])]))
        np.testing.assert_array_equal((result.low[0], result.high[0]), ends)


@pytest.mark.slow
def test_coverage():
    """The interval of the mean kappa of a network with three people contains the true value in at least 90 % of 400 runs.

    The accuracies are .95; percentiles of the bootstrap contain the true value in fewer than 85 % of such runs.
    """
    rng, covered = np.random.default_rng(2), []
    # For independent uniform numbers with the common part `share`, P(both wrong) = share² q + (1 - share²) q².
    true = 0.5**2
    arrays = [(correlated_responses(160, (0.95,) * 4, rng), np.ones((4, 160))) for _ in range(400)]
    runs = pair_intervals(arrays, np.full(3, 3), np.arange(3), "undefined-is-nan")  # all at once, which is faster
    for k, each in enumerate(arrays):
        names = ("counts", "kappas", "below", "above")
        pairs = evolve(runs, arrays=[each], **{name: getattr(runs, name)[[k]] for name in names})
        weights = mean_weights(pairs, [np.arange(3)])
        result = mean_intervals(weights @ np.nan_to_num(pairs.kappas[0]), pairs, weights)
        covered.append(result.low[0] <= true <= result.high[0])
    assert 0.9 <= np.mean(covered) <= 0.99


def observers(accuracy, n=60):
    """Return three people with an accuracy of .7 and two networks, one of which has the given accuracy."""
    rng = np.random.default_rng(0)
    names = {"p1": "human", "p2": "human", "p3": "human", "a": "generative", "b": "discriminative"}
    responses = correlated_responses(n, (0.7, 0.7, 0.7, 0.7, accuracy), rng)
    letters = ["".join(str(int(x)) for x in row) for row in responses]
    parts = [correct_trials(name, kind, row) for (name, kind), row in zip(names.items(), letters, strict=True)]
    return pd.concat(parts, ignore_index=True)


TABLES = {
    "kinds": lambda frame: kappa_by_kind(frame, n_resamples=5),
    "groups": lambda frame: kappa_by_group(frame, "kind", n_resamples=5),
    "contrasts": lambda frame: kind_contrasts(frame, n_resamples=5),
    "ceiling": lambda frame: noise_ceiling(frame, n_resamples=5),
    "human range": lambda frame: within_human_range(frame, resample_trees(frame, n_resamples=5), n_resamples=5),
    "conditions": lambda frame: consistency_by_condition(frame, n_resamples=5),
    "benchmark": lambda frame: benchmark_intervals(frame, n_resamples=5, every_dataset=True),
}
# Numbers of intervals of means that include the network with few errors, and numbers of all intervals.
N_RARE = {"kinds": (2, 4), "groups": (2, 4), "contrasts": (2, 3), "ceiling": (1, 8), "human range": (1, 2),
          "conditions": (1, 3), "benchmark": (1, 3)}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::analysis.io.notes.DataWarning")
@pytest.mark.parametrize("name", TABLES)
def test_one_note_counts_the_intervals_with_few_errors(name):
    notes = [note for note in TABLES[name](observers(0.97)).attrs["notes"] if "of mean kappas" in note]
    assert [note.split(",")[0] for note in notes] == [
        "{} of {} intervals of mean kappas are approximate".format(*N_RARE[name])
    ]
    assert not [note for note in TABLES[name](observers(0.7)).attrs["notes"] if "of mean kappas" in note]


@pytest.mark.filterwarnings("ignore::analysis.io.notes.DataWarning")
@pytest.mark.parametrize("name", ["kinds", "contrasts", "ceiling", "conditions", "benchmark"])
def test_no_intervals_without_resamples(name):
    calls = {
        "kinds": kappa_by_kind, "contrasts": kind_contrasts, "ceiling": noise_ceiling,
        "conditions": consistency_by_condition, "benchmark": lambda f, **o: benchmark_intervals(f, every_dataset=True, **o),
    }  # fmt: skip
    table = calls[name](observers(0.97), n_resamples=0)
    assert table[["low", "high"]].isna().all(axis=None)
    assert not [note for note in table.attrs["notes"] if "of mean kappas" in note]


def test_tables_without_rare_means_do_not_have_a_note():
    assert rare_means_note(np.array([False, False]), 2) == [] and rare_means_note(np.array([], bool), 0) == []
