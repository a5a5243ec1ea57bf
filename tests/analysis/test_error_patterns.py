"""Misclassification agreement against scikit-learn, class-level similarity against the authors' formula, one by one."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from analysis.error_patterns import COLUMNS, agreement, error_patterns, similarity
from stimuli.errors import LogError
from tests.analysis.frames import answers

WORDS = ["bear", "car", "cat", "dog"]


def several(seed=0, n=120, who=3, p=0.5):
    rng = np.random.default_rng(seed)
    categories = [WORDS[k % 4] for k in range(n)]
    common = rng.choice(WORDS, size=n)
    return pd.concat([
        answers(f"o{o}", "human", list(np.where(rng.random(n) < p, common, rng.choice(WORDS, size=n))), categories)
        for o in range(who)
    ])  # fmt: skip


def slow_similarity(one, other, categories, k):
    """As the authors' notebook computes it, with plain loops."""
    n_0, divs = [], []
    for c in WORDS:
        others = [w for w in WORDS if w != c]
        a, b = (
            [sum(s == w and t == c for s, t in zip(said, categories, strict=True)) for w in others]
            for said in (one, other)
        )
        p = [(v + 0.5) / (sum(a) + (k - 1) * 0.5) for v in a]
        q = [(v + 0.5) / (sum(b) + (k - 1) * 0.5) for v in b]
        m = [(v + w + 0.5) / (sum(a) + sum(b) + (k - 1) * 0.5) for v, w in zip(a, b, strict=True)]
        kl = [sum(x * math.log(x / y) for x, y in zip(each, m, strict=True)) for each in (p, q)]
        n_0.append(sum(a) + sum(b))
        divs.append(sum(kl) / 2 if n_0[-1] else 0)
    return 1 / (1 + sum(n * d for n, d in zip(n_0, divs, strict=True)) / sum(n_0))


def test_every_pair_against_the_references():
    frame = several()
    table = error_patterns(frame, n_resamples=50)
    assert tuple(table.columns) == COLUMNS and len(table) == 3
    said = {name: list(t["response"]) for name, t in frame.groupby("observer")}
    categories = list(frame["category"][:120])
    for row in table.itertuples():
        one, other = said[row.observer_1], said[row.observer_2]
        wrong = [i for i, c in enumerate(categories) if one[i] != c != other[i]]
        a, b = ([each[i] for i in wrong] for each in (one, other))
        assert row.n_both_wrong == len(wrong) and row.n == 120
        assert row.agreement == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)
        assert row.same_response == pytest.approx(np.mean([x == y for x, y in zip(a, b, strict=True)]))
        assert row.low <= row.agreement <= row.high
        assert row.similarity == pytest.approx(slow_similarity(one, other, categories, 4), abs=1e-12)
        assert row.n_errors == sum(o != c for each in (one, other) for o, c in zip(each, categories, strict=True))


def test_alike_and_unlike():
    (same,) = error_patterns(
        pd.concat([several(who=1), several(who=1).assign(observer="twin")]), n_resamples=20
    ).itertuples()
    assert (same.agreement, same.low, same.high, same.same_response) == (1, 1, 1, 1)
    assert same.similarity > 0.99
    (far,) = error_patterns(several(who=2, p=0.0), n_resamples=20).itertuples()
    assert abs(far.agreement) < 0.3 and far.similarity < same.similarity


def test_bootstrap_one_resample_at_a_time():
    rng = np.random.default_rng(1)
    one, other = rng.integers(4, size=30), rng.integers(4, size=30)
    weight = rng.multinomial(30, np.full(30, 1 / 30), size=20).T.astype(np.float32)
    _, found = agreement(one, other, weight)
    for r in range(20):
        images = np.repeat(np.arange(30), weight[:, r].astype(int))
        assert found[r] == pytest.approx(cohen_kappa_score(one[images], other[images]), abs=1e-6)


def test_degenerate():
    categories = ["cat", "dog"] * 3
    good = answers("good", "human", categories, categories)
    bad = answers("bad", "human", ["dog", "cat"] * 3, categories)
    mute = answers("mute", "human", [""] * 6, categories)
    table = error_patterns(pd.concat([good, bad, mute]), n_resamples=20).set_index(["observer_1", "observer_2"])
    row = table.loc[("bad", "good")]
    assert row["n_both_wrong"] == 0 and np.isnan(row["agreement"]) and row["n_errors"] == 6
    row = table.loc[("bad", "mute")]  # no answer is no response
    assert row["n"] == 0 and np.isnan([row["agreement"], row["similarity"]]).all()
    (both_right,) = error_patterns(pd.concat([good, good.assign(observer="twin")]), n_resamples=20).itertuples()
    assert np.isnan([both_right.agreement, both_right.low, both_right.similarity]).all()
    always = [answers(n, "human", ["car"] * 6, categories) for n in ("a", "b")]
    (row,) = error_patterns(pd.concat(always), n_resamples=20).itertuples()
    assert row.same_response == 1 and np.isnan(row.agreement)  # chance alone would give as much
    assert len(error_patterns(good)) == len(error_patterns(good[:0])) == 0
    with pytest.raises(LogError, match="an observer answered an image of mine twice"):
        error_patterns(pd.concat([good, good]))
    apart = bad.assign(stimulus=bad["stimulus"] + "x")
    (row,) = error_patterns(pd.concat([good, apart])).itertuples()
    assert row.n == 0 and np.isnan(row.agreement)


def test_conditions_together_and_apart():
    frame = pd.concat([several(seed, n=40).assign(condition=c) for seed, c in enumerate(("1", "2"))])
    whole, apart = error_patterns(frame, intervals=False), error_patterns(frame, by_condition=True, intervals=False)
    assert list(whole["condition"]) == ["all"] * 3 and list(apart["condition"]) == ["1"] * 3 + ["2"] * 3
    assert (apart.groupby(["observer_1", "observer_2"])["n_both_wrong"].sum().to_numpy() == whole["n_both_wrong"]).all()
    assert whole["low"].isna().all()


def test_words_that_nobody_said_count_for_the_smoothing():
    a, b = np.array([[0, 5], [3, 0]]), np.array([[0, 2], [7, 0]])
    assert similarity(a, b, 2) == pytest.approx(1)  # one wrong answer only
    assert similarity(a, b, 16) < 1
