"""Misclassification agreement compared with scikit-learn, class-level similarity with the formula of the authors."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from analysis.kappa.error_patterns import COLUMNS, class_level_similarity, error_patterns, misclassification_agreement
from core.errors import LogError
from tests.unit.analysis.frames import response_trials

WORDS = ["bear", "car", "cat", "dog"]


def random_trials(seed=0, n=120, n_observers=3, p=0.5):
    """Return trials of observers that give the same random response to an image with probability p."""
    rng = np.random.default_rng(seed)
    categories = [WORDS[k % 4] for k in range(n)]
    common = rng.choice(WORDS, size=n)
    return pd.concat([
        response_trials(
            f"o{o}", "human", list(np.where(rng.random(n) < p, common, rng.choice(WORDS, size=n))), categories
        )
        for o in range(n_observers)
    ])  # fmt: skip


def slow_similarity(responses_1, responses_2, categories, n_choices):
    """Return the similarity as the authors' notebook computes it, with plain loops."""
    n_errors, divergences = [], []
    for c in WORDS:
        others = [w for w in WORDS if w != c]
        a, b = (
            [sum(s == w and t == c for s, t in zip(responses, categories, strict=True)) for w in others]
            for responses in (responses_1, responses_2)
        )
        p = [(v + 0.5) / (sum(a) + (n_choices - 1) * 0.5) for v in a]
        q = [(v + 0.5) / (sum(b) + (n_choices - 1) * 0.5) for v in b]
        m = [(v + w + 0.5) / (sum(a) + sum(b) + (n_choices - 1) * 0.5) for v, w in zip(a, b, strict=True)]
        kl = [sum(x * math.log(x / y) for x, y in zip(each, m, strict=True)) for each in (p, q)]
        n_errors.append(sum(a) + sum(b))
        divergences.append(sum(kl) / 2 if n_errors[-1] else 0)
    return 1 / (1 + sum(n * d for n, d in zip(n_errors, divergences, strict=True)) / sum(n_errors))


def test_all_pairs_equal_the_references():
    frame = random_trials()
    table = error_patterns(frame, n_resamples=50)
    assert tuple(table.columns) == COLUMNS and len(table) == 3
    responses = {name: list(t["response"]) for name, t in frame.groupby("observer")}
    categories = list(frame["category"][:120])
    for row in table.itertuples():
        first, second = responses[row.observer_1], responses[row.observer_2]
        wrong = [i for i, c in enumerate(categories) if first[i] != c != second[i]]
        a, b = ([each[i] for i in wrong] for each in (first, second))
        assert row.n_both_wrong == len(wrong) and row.n == 120
        assert row.agreement == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)
        assert row.same_response == pytest.approx(np.mean([x == y for x, y in zip(a, b, strict=True)]))
        assert row.low <= row.agreement <= row.high
        assert row.similarity == pytest.approx(slow_similarity(first, second, categories, 4), abs=1e-12)
        assert row.n_errors == sum(o != c for each in (first, second) for o, c in zip(each, categories, strict=True))


def test_identical_and_independent_observers():
    single = random_trials(n_observers=1)
    (same,) = error_patterns(pd.concat([single, single.assign(observer="twin")]), n_resamples=20).itertuples()
    assert (same.agreement, same.low, same.high, same.same_response) == (1, 1, 1, 1)
    assert same.similarity > 0.99
    (independent,) = error_patterns(random_trials(n_observers=2, p=0.0), n_resamples=20).itertuples()
    assert abs(independent.agreement) < 0.3 and independent.similarity < same.similarity


def test_bootstrap_equals_one_resample_at_a_time():
    rng = np.random.default_rng(1)
    first, second = rng.integers(4, size=30), rng.integers(4, size=30)
    weight = rng.multinomial(30, np.full(30, 1 / 30), size=20).T.astype(np.float32)
    _, agreement = misclassification_agreement(first, second, weight)
    for r in range(20):
        images = np.repeat(np.arange(30), weight[:, r].astype(int))
        assert agreement[r] == pytest.approx(cohen_kappa_score(first[images], second[images]), abs=1e-6)


def test_degenerate_cases():
    categories = ["cat", "dog"] * 3
    correct = response_trials("correct", "human", categories, categories)
    bad = response_trials("bad", "human", ["dog", "cat"] * 3, categories)
    silent = response_trials("silent", "human", [""] * 6, categories)
    frame = pd.concat([correct, bad, silent])
    table = error_patterns(frame, n_resamples=20).set_index(["observer_1", "observer_2"])
    row = table.loc[("bad", "correct")]
    assert row["n_both_wrong"] == 0 and np.isnan(row["agreement"]) and row["n_errors"] == 6
    row = table.loc[("bad", "silent")]  # a missing response cannot be compared
    assert row["n"] == 0 and np.isnan([row["agreement"], row["similarity"]]).all()
    twins = pd.concat([correct, correct.assign(observer="twin")])
    (both_correct,) = error_patterns(twins, n_resamples=20).itertuples()
    assert np.isnan([both_correct.agreement, both_correct.low, both_correct.similarity]).all()
    constant = [response_trials(n, "human", ["car"] * 6, categories) for n in ("a", "b")]
    (row,) = error_patterns(pd.concat(constant), n_resamples=20).itertuples()
    assert row.same_response == 1 and np.isnan(row.agreement)  # the expected agreement is 1 too
    assert len(error_patterns(correct)) == len(error_patterns(correct[:0])) == 0
    with pytest.raises(LogError, match=r"correct responded to 0\.png of mine twice"):
        error_patterns(pd.concat([correct, correct]))
    other_images = bad.assign(stimulus=bad["stimulus"] + "x")
    (row,) = error_patterns(pd.concat([correct, other_images])).itertuples()
    assert row.n == 0 and np.isnan(row.agreement)


def test_pooled_and_separate_conditions():
    frame = pd.concat([random_trials(seed, n=40).assign(condition=c) for seed, c in enumerate(("1", "2"))])
    pooled = error_patterns(frame, intervals=False)
    separate = error_patterns(frame, by_condition=True, intervals=False)
    assert list(pooled["condition"]) == ["all"] * 3 and list(separate["condition"]) == ["1"] * 3 + ["2"] * 3
    n_both_wrong = separate.groupby(["observer_1", "observer_2"])["n_both_wrong"].sum().to_numpy()
    assert (n_both_wrong == pooled["n_both_wrong"]).all()
    assert pooled["low"].isna().all()


def test_unused_choices_count_for_the_smoothing():
    a, b = np.array([[0, 5], [3, 0]]), np.array([[0, 2], [7, 0]])
    assert class_level_similarity(a, b, 2) == pytest.approx(1)  # only one wrong response is possible
    assert class_level_similarity(a, b, 16) < 1
