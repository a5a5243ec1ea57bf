"""Correction of p values for several tests (Holm 1979), and a note if random draws are too few for it."""

import numpy as np


def holm_correction(p: np.ndarray) -> np.ndarray:
    """Return p values with Holm's correction; NaN stays NaN and does not count as a test."""
    from statsmodels.stats.multitest import (
        multipletests,  # imported here because it takes longer to load than most tests
    )

    adjusted, is_test = np.full(len(p), np.nan), ~np.isnan(p)
    if is_test.any():
        adjusted[is_test] = multipletests(p[is_test], method="holm")[1]
    return adjusted


def too_few_draws_note(dataset: str, n_tests: int, n_draws: int) -> list[str]:
    """Return a note if no p value from `n_draws` random draws can be below .05 after the correction for `n_tests` tests.

    The smallest p value from R draws is 2 / (R + 1). The list is empty if a corrected p value can be below .05.
    """
    smallest = 2 / (n_draws + 1)
    if n_tests * smallest < 0.05:
        return []
    n_needed = int(np.ceil(2 * n_tests / 0.05))
    return [
        f"{n_draws:,} draws cannot give a p value below {smallest:.2g}, so with {n_tests:,} tests of {dataset} no p_holm "
        f"can be below .05, however large the effect is; this needs at least {n_needed:,} draws"
    ]
