"""Contrasts of kinds of observer: means calculated by hand, permutations in plain loops, and too few observers."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from analysis.kappa.consistency import error_consistency, kappa_matrix
from analysis.kappa.contrasts import COLUMNS, PEOPLE, WITHIN, kind_contrasts
from core.errors import LogError
from tests.unit.analysis.frames import correct_trials


def clustered_trials(kinds, seed=0, n=200, share=0.7):
    """Return trials in which observers of one kind share the images they are correct on; kinds are independent."""
    rng = np.random.default_rng(seed)
    common = {kind: rng.random(n) < 0.6 for kind in dict.fromkeys(kinds.values())}
    parts = []
    for name, kind in kinds.items():
        correct = np.where(rng.random(n) < share, common[kind], rng.random(n) < 0.6)
        parts.append(correct_trials(name, kind, "".join(str(int(x)) for x in correct)))
    return pd.concat(parts)


KINDS = {"p1": "human", "p2": "human", "p3": "human", "g1": "generative", "g2": "generative", "d1": "discriminative",
         "d2": "discriminative", "d3": "discriminative"}  # fmt: skip


def slow_test(matrix, first, second, people, contrast):
    """Return the contrast and its p value over all assignments of the kinds, with plain loops."""

    def statistic(a, b):
        if contrast == PEOPLE:
            return np.mean([matrix.loc[x, p] for x in a for p in people]) - np.mean(
                [matrix.loc[x, p] for x in b for p in people]
            )
        within = [matrix.loc[x, y] for group in (a, b) for x, y in combinations(group, 2)]
        return np.mean(within) - np.mean([matrix.loc[x, y] for x in a for y in b])

    observed = statistic(first, second)
    observers = [*first, *second]
    permuted = [statistic(a, [x for x in observers if x not in a]) for a in combinations(observers, len(first))]
    if contrast == PEOPLE:
        return observed, np.mean(np.abs(permuted) >= abs(observed) - 1e-12)
    return observed, np.mean(np.array(permuted) >= observed - 1e-12)


def test_contrasts_equal_plain_loops():
    frame = clustered_trials(KINDS)
    table = kind_contrasts(frame, n_resamples=60)
    assert tuple(table.columns) == COLUMNS
    assert list(table["contrast"]) == [WITHIN, WITHIN, WITHIN, PEOPLE]
    matrix = kappa_matrix(error_consistency(frame, intervals=False), "mine")
    for row in table.itertuples():
        first, second = ([n for n, kind in KINDS.items() if kind == each] for each in (row.kind_1, row.kind_2))
        difference, p = slow_test(matrix, first, second, ["p1", "p2", "p3"], row.contrast)
        assert (row.difference, row.p) == (pytest.approx(difference), pytest.approx(p))
        assert row.difference == pytest.approx(row.kappa_1 - row.kappa_2) and row.low < row.difference < row.high
        assert row.smallest_p == pytest.approx(1 / len(list(combinations([*first, *second], len(first)))))
    assert (table.loc[table["contrast"] == WITHIN, "difference"] > 0.2).all()
    assert table["p"].iloc[0] == pytest.approx(0.1)  # the smallest possible value with 10 assignments


def test_many_observers_use_random_permutations_from_the_seed():
    kinds = {f"{kind[0]}{i}": kind for kind in ("generative", "discriminative") for i in range(9)}
    frame = clustered_trials(kinds, n=60)
    first, repeated = (kind_contrasts(frame, n_resamples=20, seed=1) for _ in range(2))
    pd.testing.assert_frame_equal(first, repeated)
    assert first["smallest_p"].item() == pytest.approx(1e-4) and first["p"].item() == pytest.approx(1e-4)


def test_too_few_observers():
    assert len(kind_contrasts(clustered_trials({"p1": "human", "p2": "human"}), n_resamples=5)) == 0  # a single kind
    assert len(kind_contrasts(clustered_trials({"p1": "human"}), n_resamples=5)) == 0
    assert len(kind_contrasts(clustered_trials(KINDS)[:0])) == 0
    (row,) = kind_contrasts(clustered_trials({"p1": "human", "g1": "generative"}), n_resamples=5).itertuples()
    assert np.isnan([row.kappa_1, row.difference, row.p]).all() and not np.isnan(row.kappa_2)
    kinds = {"p1": "human", "p2": "human", "g1": "generative"}
    (row,) = kind_contrasts(clustered_trials(kinds), n_resamples=5).itertuples()
    assert row.p >= row.smallest_p == pytest.approx(1 / 3)


def test_excluded_datasets_are_noted():
    table = kind_contrasts(clustered_trials(KINDS).assign(dataset="colour", condition="cr"), n_resamples=5)
    assert len(table) == 0
    assert table.attrs["notes"] == [
        "datasets are excluded because none of their conditions count in the benchmark: colour"
    ]


def test_undefined_kappas():
    frame = clustered_trials(KINDS).assign(correct=True)
    perfect = kind_contrasts(frame, n_resamples=5)
    assert perfect[["kappa_1", "kappa_2", "difference", "p", "low"]].isna().all(axis=None)
    assert (kind_contrasts(frame, rule="model-vs-human", n_resamples=5)["difference"] == 0).all()
    with pytest.raises(LogError, match="twice"):
        kind_contrasts(pd.concat([frame, frame]))
