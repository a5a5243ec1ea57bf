"""The interval of the kappa of one pair of observers: the score interval of the 2 × 2 table of their correctness.

The n images that both observers responded to are a multinomial sample with the probabilities π11 (both correct), π10 (only
the first), π01 (only the second) and π00 (both wrong). The interval contains every value k for which Pearson's statistic
    X²(k) = Σ (n_ij - n π_ij(k))² / (n π_ij(k))
is at most 3.84, the 95 % quantile of χ² with one degree of freedom. π(k) are the probabilities with the largest likelihood
among those whose kappa is k. X² is Rao's (1948) score statistic for the hypothesis kappa = k (Cox & Hinkley 1974,
section 9.3; Agresti 2013, section 16.3.4); for a single proportion, this construction gives the interval of Wilson (1927).

Parameters: with w = p1 + p2 - 1, v = p1 - p2 and u = (1 - k)(1 + v² - w²) / 2, the probability of disagreement,
    π11 = (1 - u + w) / 2,  π10 = (u + v) / 2,  π01 = (u - v) / 2,  π00 = (1 - u - w) / 2.
For a given k, Newton's method maximizes the likelihood over w and v. Bisection and secant steps locate the ends.

Unlike percentiles of the bootstrap, the interval is deterministic, and it does not become too narrow when errors (or
correct responses) are rare: `benchmarks/kappa_coverage.py` compares both. It is NaN if kappa is undefined. If one observer
is always right or always wrong, kappa is 0, whatever the responses of the other one; the interval then shows which
kappas are compatible with the responses.
"""

from collections.abc import Callable

import numpy as np

CRITICAL = 3.841458820694124  # 95 % quantile of χ² with one degree of freedom
# With fewer errors or correct responses of an observer, the coverage can differ from 95 % by more than 2 %.
MIN_COUNT = 8
PRECISION = 1e-6  # largest distance between the two numbers that enclose an end of an interval
ZEROS = (0.5, 0.05, 0.005)  # added to all counts in turn, so that no probability is 0; the last value remains
MAX_STEPS = 60
TABLES_AT_ONCE = 20_000
# A function of counts and probabilities, both with shape (4, T), that returns a statistic of each table, with shape (T,).
Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


def score_interval(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of the 95 % score interval of kappa.

    Args:
        counts: Numbers of images on which both observers were correct, only the first, only the second, and neither,
            with shape (T, 4).

    Returns:
        Two arrays with shape (T,); NaN where kappa is undefined because both observers are always correct or always wrong.

    Example:
        >>> score_interval(np.array([[150, 4, 5, 1]]))
    """
    counts = np.asarray(counts).astype(np.int64).reshape(-1, 4)
    # Kappa does not change if the two observers are exchanged, or if correct and wrong are exchanged.
    sorted_counts = np.concatenate([np.sort(counts[:, [0, 3]], axis=1), np.sort(counts[:, [1, 2]], axis=1)], axis=1)
    unique, inverse = _unique_rows(sorted_counts)
    both_1, both_0, only_1, only_2 = unique.T
    tables = np.array([both_1, only_1, only_2, both_0]).astype(float)
    n_correct, n = tables[0] + tables[1], tables.sum(axis=0)
    n_correct_2 = tables[0] + tables[2]
    is_defined = (n > 0) & ~((n_correct == n_correct_2) & ((n_correct == 0) | (n_correct == n)))
    ends = np.full((2, len(unique)), np.nan)
    defined = np.flatnonzero(is_defined)
    for start in range(0, len(defined), TABLES_AT_ONCE):
        part = defined[start : start + TABLES_AT_ONCE]
        ends[:, part] = locate_end(tables[:, part], -1.0), locate_end(tables[:, part], 1.0)
    low, high = ends[:, inverse]
    return low, high


def rare_counts_note(counts: np.ndarray) -> list[str]:
    """Return a note about intervals of pairs with few errors or few correct responses; the list is empty without them.

    `counts` has the shape (T, 4), as in `score_interval`.
    """
    counts = np.asarray(counts).reshape(-1, 4)
    n, n_1, n_2 = counts.sum(axis=1), counts[:, 0] + counts[:, 1], counts[:, 0] + counts[:, 2]
    fewest = np.minimum(np.minimum(n_1, n - n_1), np.minimum(n_2, n - n_2))
    is_defined = (n > 0) & ~((n_1 == n_2) & ((n_1 == 0) | (n_1 == n)))
    n_rare, n_constant = int((is_defined & (fewest < MIN_COUNT)).sum()), int((is_defined & (fewest == 0)).sum())
    if not n_rare:
        return []
    note = (
        f"{n_rare} of {int(is_defined.sum())} intervals of kappa are approximate, because an observer of the pair made "
        f"fewer than {MIN_COUNT} errors or gave fewer than {MIN_COUNT} correct responses: in simulations, such intervals "
        "contained the true kappa in 90 to 100 % of the cases"
    )
    constant = (
        f"in {n_constant} of them an observer was always right or always wrong, so that kappa is necessarily 0, whatever "
        "the responses of the other observer"
    )
    return [f"{note}; {constant}" if n_constant else note]


def _unique_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different rows of an array of counts, and for each row the number of the row that equals it."""
    base = int(rows.max(initial=0)) + 1
    if base**4 < 2**62:  # one number for each row is much faster to compare
        numbers = ((rows[:, 0] * base + rows[:, 1]) * base + rows[:, 2]) * base + rows[:, 3]
        _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    else:
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return rows[first], inverse.ravel()


def pearson_statistic(tables: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return Pearson's statistic of tables with shape (4, T) for probabilities of the same shape."""
    expected = tables.sum(axis=0) * p
    return np.asarray(((tables - expected) ** 2 / expected).sum(axis=0))


def locate_end(tables: np.ndarray, limit: float, statistic: Statistic = pearson_statistic) -> np.ndarray:
    """Return the end of the interval between kappa and `limit` (-1 or 1) for tables with shape (4, T)."""
    both_correct, only_1, only_2, both_wrong = tables
    n = tables.sum(axis=0)
    n_1, n_2 = both_correct + only_1, both_correct + only_2
    inside = 2 * (both_correct * both_wrong - only_1 * only_2) / (n_1 * (n - n_2) + n_2 * (n - n_1))
    outside = np.full(len(n), limit)
    # The square root of X² is nearly linear in k. At the limit itself, one probability is 0, so X² is infinite or 0.
    root_inside = np.full(len(n), -np.sqrt(CRITICAL))
    root_outside = np.full(len(n), np.inf)
    w, v = (both_correct - both_wrong) / n, np.zeros(len(n))
    active = np.flatnonzero(np.abs(outside - inside) > PRECISION)
    for step in range(MAX_STEPS):
        if not len(active):
            break
        near, far, f, g = (array[active] for array in (inside, outside, root_inside, root_outside))
        # Every third step is a bisection, so that the bracket shrinks even where secants converge from one side.
        secant = near + (far - near) * np.divide(f, f - g, out=np.full(len(f), 0.5), where=np.isfinite(g))
        k = np.where(np.isfinite(g) & (step % 3 > 0), secant, (near + far) / 2)
        smallest_step = PRECISION / 4 * np.sign(far - near)
        k = np.where(np.abs(k - near) < PRECISION / 4, near + smallest_step, k)
        k = np.where(np.abs(far - k) < PRECISION / 4, far - smallest_step, k)
        w[active], v[active], root = _root_statistic(tables[:, active], k, w[active], v[active], statistic)
        value = root - np.sqrt(CRITICAL)
        is_inside = value <= 0
        inside[active], root_inside[active] = np.where(is_inside, k, near), np.where(is_inside, value, f)
        outside[active], root_outside[active] = np.where(is_inside, far, k), np.where(is_inside, g, value)
        active = active[np.abs(outside[active] - inside[active]) > PRECISION]
    return np.where(np.isinf(root_outside), limit, (inside + outside) / 2)


def _probabilities(w: np.ndarray, v: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the four probabilities, with shape (4, T), of tables with kappa k."""
    u = (1 - k) / 2 * (1 + v * v - w * w)
    return np.array([(1 - u + w) / 2, (u + v) / 2, (u - v) / 2, (1 - u - w) / 2])


def _root_statistic(
    tables: np.ndarray, k: np.ndarray, w: np.ndarray, v: np.ndarray, statistic: Statistic
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return w and v that maximize the likelihood for kappa k, and the root of the statistic there. Start at w and v."""
    # Start inside the region in which all probabilities are positive.
    largest = np.where(k < 0, (1 + k) / (1 - k), 1.0)
    is_feasible = (_probabilities(w, v, k) > 0).all(axis=0)
    w, v = np.where(is_feasible, w, 0.999 * np.clip(w, -largest, largest)), np.where(is_feasible, v, 0.0)
    has_zero = (tables == 0).any(axis=0)
    for zero in ZEROS[:-1]:  # approach the edge of the region in steps, since Newton's method gets stuck near it
        w[has_zero], v[has_zero] = _maximize(tables[:, has_zero] + zero, k[has_zero], w[has_zero], v[has_zero])
    w, v = _maximize(tables + ZEROS[-1], k, w, v)
    return w, v, np.sqrt(np.maximum(statistic(tables, _probabilities(w, v, k)), 0.0))


def _maximize(n: np.ndarray, k: np.ndarray, w: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return w and v that maximize the likelihood of positive counts n for kappa k. Start at w and v."""
    c = (1 - k) / 2
    likelihood = (n * np.log(_probabilities(w, v, k))).sum(axis=0)
    active = np.arange(len(k))
    for _ in range(MAX_STEPS):
        step_w, step_v, gain = _newton_step(n[:, active], k[active], w[active], v[active], c[active])
        is_moving = gain > 1e-8 + 1e-12 * n[:, active].sum(axis=0)  # less is rounding error
        active, step_w, step_v, gain = active[is_moving], step_w[is_moving], step_v[is_moving], gain[is_moving]
        if not len(active):
            break
        size, missing = np.ones(len(active)), np.arange(len(active))
        for _ in range(MAX_STEPS):  # shorten the steps until the likelihood increases
            at = active[missing]
            new_w, new_v = w[at] + size[missing] * step_w[missing], v[at] + size[missing] * step_v[missing]
            p = _probabilities(new_w, new_v, k[at])
            value = np.where((p > 0).all(axis=0), (n[:, at] * np.log(np.maximum(p, 1e-300))).sum(axis=0), -np.inf)
            is_better = value >= likelihood[at] + 1e-4 * size[missing] * gain[missing]
            done = at[is_better]
            w[done], v[done], likelihood[done] = new_w[is_better], new_v[is_better], value[is_better]
            missing = missing[~is_better]
            if not len(missing):
                break
            size[missing] /= 3
        active = np.delete(active, missing)  # steps that cannot improve the likelihood within the precision of numbers
    return w, v


def _newton_step(
    n: np.ndarray, k: np.ndarray, w: np.ndarray, v: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the step in w and in v, and the increase of the likelihood that its gradient predicts for the step."""
    p = _probabilities(w, v, k)
    by_w = np.array([c * w + 0.5, -c * w, -c * w, c * w - 0.5])
    by_v = np.array([-c * v, c * v + 0.5, c * v - 0.5, -c * v])
    curvature = np.array([c, -c, -c, c])  # of p in w; that in v has the other sign
    ratio = n / p
    slope_w, slope_v = (ratio * by_w).sum(axis=0), (ratio * by_v).sum(axis=0)
    weight = ratio / p
    ww, wv, vv = (weight * by_w**2).sum(axis=0), (weight * by_w * by_v).sum(axis=0), (weight * by_v**2).sum(axis=0)
    bend = (ratio * curvature).sum(axis=0)
    # Use the exact second derivatives where the likelihood is concave, and otherwise those of Gauss and Newton.
    is_concave = (ww > bend) & ((ww - bend) * (vv + bend) - wv**2 > 1e-12 * ww * vv)
    ww, vv = np.where(is_concave, ww - bend, ww), np.where(is_concave, vv + bend, vv)
    determinant = np.maximum(ww * vv - wv**2, 1e-12 * ww * vv)
    step_w, step_v = (vv * slope_w - wv * slope_v) / determinant, (ww * slope_v - wv * slope_w) / determinant
    return step_w, step_v, step_w * slope_w + step_v * slope_v
