"""Contrasts of kinds: means by hand, permutations one by one, and too few observers to ask."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from analysis.consistency import consistency, kappa_matrix
from analysis.contrasts import COLUMNS, PEOPLE, WITHIN, contrasts
from stimuli.errors import LogError
from tests.analysis.frames import right


def clumped(kinds, seed=0, n=200, share=0.7):
    """Observers of one kind err where its own share of images is hard; kinds are independent of each other."""
    rng = np.random.default_rng(seed)
    common = {kind: rng.random(n) < 0.6 for kind in dict.fromkeys(kinds.values())}
    return pd.concat([
        right(name, kind, "".join(str(int(x)) for x in np.where(rng.random(n) < share, common[kind], rng.random(n) < 0.6)))
        for name, kind in kinds.items()
    ])  # fmt: skip


KINDS = {"p1": "human", "p2": "human", "p3": "human", "g1": "generative", "g2": "generative", "d1": "discriminative",
         "d2": "discriminative", "d3": "discriminative"}  # fmt: skip


def slow_p(matrix, first, second, people, contrast):
    """Every assignment of the kinds, with plain loops."""

    def statistic(a, b):
        if contrast == PEOPLE:
            return np.mean([matrix.loc[x, p] for x in a for p in people]) - np.mean(
                [matrix.loc[x, p] for x in b for p in people]
            )
        within = [matrix.loc[x, y] for each in (a, b) for x, y in combinations(each, 2)]
        return np.mean(within) - np.mean([matrix.loc[x, y] for x in a for y in b])

    found = statistic(first, second)
    both = [*first, *second]
    drawn = [statistic(a, [x for x in both if x not in a]) for a in combinations(both, len(first))]
    if contrast == PEOPLE:
        return found, np.mean(np.abs(drawn) >= abs(found) - 1e-12)
    return found, np.mean(np.array(drawn) >= found - 1e-12)


def test_against_plain_loops():
    frame = clumped(KINDS)
    table = contrasts(frame, n_resamples=60)
    assert tuple(table.columns) == COLUMNS
    assert list(table["contrast"]) == [WITHIN, WITHIN, WITHIN, PEOPLE]
    matrix = kappa_matrix(consistency(frame, intervals=False), "mine")
    for row in table.itertuples():
        first, second = ([n for n, kind in KINDS.items() if kind == each] for each in (row.kind_1, row.kind_2))
        found, p = slow_p(matrix, first, second, ["p1", "p2", "p3"], row.contrast)
        assert (row.difference, row.p) == (pytest.approx(found), pytest.approx(p))
        assert row.difference == pytest.approx(row.kappa_1 - row.kappa_2) and row.low < row.difference < row.high
        assert row.smallest_p == pytest.approx(1 / len(list(combinations([*first, *second], len(first)))))
    assert (table.loc[table["contrast"] == WITHIN, "difference"] > 0.2).all()
    assert table["p"].iloc[0] == pytest.approx(0.1)  # the least of 10 assignments


def test_many_observers_are_drawn_from_a_seed():
    kinds = {f"{kind[0]}{i}": kind for kind in ("generative", "discriminative") for i in range(9)}
    frame = clumped(kinds, n=60)
    one, same = (contrasts(frame, n_resamples=20, seed=1) for _ in range(2))
    pd.testing.assert_frame_equal(one, same)
    assert one["smallest_p"].item() == pytest.approx(1e-4) and one["p"].item() == pytest.approx(1e-4)


def test_kinds_that_mean_nothing_are_seldom_significant():
    ps = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        kinds = {f"o{i}": kind for i, kind in enumerate(rng.permutation(["generative"] * 4 + ["contrastive"] * 4))}
        same = clumped(dict.fromkeys(kinds, "generative"), seed=seed, n=80)
        ps.append(contrasts(same.assign(kind=same["observer"].map(kinds)), n_resamples=2)["p"].item())
    assert np.mean(np.array(ps) <= 0.05) <= 0.13 and np.mean(ps) == pytest.approx(0.5, abs=0.13)


def test_too_few_to_ask():
    assert len(contrasts(clumped({"p1": "human", "p2": "human"}), n_resamples=5)) == 0  # one kind
    assert len(contrasts(clumped({"p1": "human"}), n_resamples=5)) == len(contrasts(clumped(KINDS)[:0])) == 0
    (row,) = contrasts(clumped({"p1": "human", "g1": "generative"}), n_resamples=5).itertuples()
    assert np.isnan([row.kappa_1, row.difference, row.p]).all() and not np.isnan(row.kappa_2)
    (row,) = contrasts(clumped({"p1": "human", "p2": "human", "g1": "generative"}), n_resamples=5).itertuples()
    assert row.p >= row.smallest_p == pytest.approx(1 / 3)


def test_what_does_not_count_is_said():
    table = contrasts(clumped(KINDS).assign(dataset="colour", condition="cr"), n_resamples=5)
    assert len(table) == 0 and table.attrs["notes"] == ["left out, since no condition of it counts: colour"]


def test_undefined_kappas():
    perfect = contrasts(clumped(KINDS).assign(correct=True), n_resamples=5)
    assert perfect[["kappa_1", "kappa_2", "difference", "p", "low"]].isna().all(axis=None)
    assert (
        contrasts(clumped(KINDS).assign(correct=True), rule="model-vs-human", n_resamples=5)["difference"] == 0
    ).all()
    with pytest.raises(LogError, match="twice"):
        contrasts(pd.concat([clumped(KINDS), clumped(KINDS)]))
