"""Psychometric functions: the accuracy of an observer as a function of the level of a distortion, and the threshold.

Notation: C levels x on their scale (see `stimuli.published.level_scales`); n trials and k correct responses at each level.
    psi(x) = guess + (1 - guess - lapse) F((x - threshold) slope),    F(z) = 1 / (1 + exp(-z))
The threshold is the level at which F = ½, where accuracy is halfway between the guess rate and 1 - lapse rate (parameter α
of Wichmann & Hill 2001a). The guess rate is 1 / number of choices. Threshold, slope and lapse rate maximize the binomial
likelihood; the slope takes the sign that fits better. The width is the distance from F = .05 to F = .95, 2 ln 19 / |slope|
(Schütt et al. 2016).

The lapse rate is between 0 and MAX_LAPSE. Wichmann & Hill limit it to .06 for trained people. Networks and untrained
people make more errors on undistorted images, and a limit that is too low would bias the whole curve, so the limit is higher
here. A level of ±inf on the scale (no filter at all) has F = 0 or 1 and only informs the lapse rate.

Interval: profile likelihood, 95 %, that is all thresholds whose best slope and lapse rate have a log likelihood within
χ²(1, .95) / 2 of the maximum (Venzon & Moolgavkar 1988). If an end lies outside the tested levels, the interval is open
there: the end is ±inf on the scale (on log10, -inf is the level 0).

Degenerate cases: the threshold is NaN, and `reason` says why, if there are fewer than three levels, if the observer is
always right or always wrong, if accuracy does not change with the level (likelihood ratio against constant accuracy, χ²(2),
p > .05), or if the halfway point is outside the tested levels, where it would be an extrapolation.
`fitter="psignifit"` takes threshold, interval, width and lapse rate from psignifit wherever the threshold is defined.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, xlog1py, xlogy
from scipy.stats import chi2

from analysis.io.check_frame import check_frame
from analysis.io.choices import n_choices
from analysis.io.frame import dataset_order, observer_order
from analysis.io.notes import add_notes
from core.errors import LogError
from stimuli.published.level_scales import Scale, numeric_level, scale_of, to_scale

COLUMNS = (
    "dataset", "observer", "kind", "scale", "n_levels", "n", "guess_rate", "lapse_rate", "threshold", "low", "high",
    "width", "accuracy_at_threshold", "deviance", "reason",
)  # fmt: skip
Fitter = Literal["likelihood", "psignifit"]
MAX_LAPSE = 0.5
N_STEPS = 12  # largest number of steps of Fisher scoring
N_THRESHOLDS, N_WIDTHS, N_LAPSES = 121, 25, 16  # numbers of grid points of each parameter
REASONS = {
    "levels": "fewer than three levels",
    "right": "always right",
    "wrong": "always wrong",
    "flat": "accuracy does not change with the level",
    "outside": "halfway lies outside the levels shown",
}
_DROP_95 = float(chi2.ppf(0.95, 1)) / 2


def thresholds(
    frame: pd.DataFrame, *, scale: Scale | None = None, max_lapse: float = MAX_LAPSE, fitter: Fitter = "likelihood"
) -> pd.DataFrame:
    """Fit a psychometric function to every observer of every dataset whose conditions are levels of a distortion.

    Args:
        frame: Trials as returned by `read_trials`.
        scale: Scale of the levels, "linear" or "log10" (default: the usual scale of the distortion).
        max_lapse: Upper limit of the lapse rate, at least 0 and below 1.
        fitter: "likelihood", or "psignifit" from the extra `psychometrics`.

    Returns:
        A table with `COLUMNS` and one row per dataset and observer, people first. `threshold`, `low` and `high` are levels;
        `width` is on the scale. `reason` says why a threshold is NaN ("" if it is not). `attrs["notes"]` lists the datasets
        without levels.

    Raises:
        LogError: If no dataset has levels, if a level is below 0 on a log10 scale, or if psignifit is not installed.
        ValueError: If `max_lapse` is below 0 or at least 1.

    Example:
        >>> thresholds(frame[frame["dataset"] == "contrast"])[["observer", "threshold", "low", "high", "reason"]]
    """
    if not 0 <= max_lapse < 1:
        raise ValueError(f"max_lapse must be at least 0 and below 1, got {max_lapse}")
    frame = check_frame(frame, "condition", "correct")
    rows, without_levels = [], []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = frame[frame["dataset"] == dataset]
        levels = {c: numeric_level(dataset, c) for c in trials["condition"].unique()}
        known = {c: x for c, x in levels.items() if x is not None}
        if not known:
            without_levels.append(dataset)
            continue
        used_scale = scale or scale_of(dataset)
        if used_scale == "log10" and min(known.values()) < 0:
            raise LogError(f"{dataset} has levels below 0, which a log10 scale cannot show; use --scale linear")
        x_of = {c: to_scale(value, used_scale) for c, value in known.items()}
        counts = (
            trials.assign(x=trials["condition"].map(x_of).astype(float), observer=trials["observer"].astype("str"))
            .dropna(subset="x")
            .groupby(["observer", "x"])["correct"]
            .agg(["size", "sum"])
        )
        guess, grids = 1 / n_choices(trials), dict[bytes, LikelihoodGrid]()
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own_counts = counts.loc[[observer]].reset_index("observer", drop=True).sort_index()
            x, k = own_counts.index.to_numpy(float), own_counts["sum"].to_numpy(float)
            n = own_counts["size"].to_numpy(float)
            fitted = fit_psychometric(x, k, n, guess, max_lapse, grids)
            if fitter == "psignifit" and not fitted["reason"]:
                fitted |= refit_with_psignifit(x, k, n, guess, fitted)
            if used_scale == "log10":
                fitted |= {name: 10.0 ** fitted[name] for name in ("threshold", "low", "high")}
            rows.append({"dataset": dataset, "observer": observer, "kind": kind, "scale": used_scale, **fitted})
    if not rows:
        raise LogError(
            f"no dataset in these logs has levels (found {', '.join(without_levels)}); thresholds need a distortion with "
            "several levels"
        )
    table = pd.DataFrame(rows)[list(COLUMNS)]
    datasets = ", ".join(without_levels)
    add_notes(table, [f"datasets without levels are excluded: {datasets}"] if without_levels else [])
    return table


def fit_psychometric(
    x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, max_lapse: float = MAX_LAPSE,
    grids: "dict[bytes, LikelihoodGrid] | None" = None, likelihood_drop: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Fit one observer. Return the result as a dict with the columns of `thresholds` from `n_levels` to the last.

    All levels, both in the arguments and in the result, are on their scale.

    At each of the C levels `x`, in ascending order, `k` of `n` trials are correct. `grids` caches the likelihood grid,
    which observers with the same levels, guess rate and `max_lapse` share. The interval contains the thresholds whose
    log likelihood is at most `likelihood_drop` below the maximum (default: the value that makes it a 95 % interval).
    """
    result: dict[str, Any] = dict.fromkeys(COLUMNS[6:-1], np.nan)
    result |= {"n_levels": len(x), "n": int(n.sum()), "guess_rate": guess, "reason": ""}
    finite = x[np.isfinite(x)]
    if len(x) < 3 or len(finite) < 2:
        return result | {"reason": REASONS["levels"]}
    if k.sum() in (0, n.sum()):
        return result | {"reason": REASONS["right" if k.sum() else "wrong"]}
    saturated, constant = log_likelihood(k / n, k, n), log_likelihood(k.sum() / n.sum(), k, n)
    grids = {} if grids is None else grids
    if x.tobytes() not in grids:
        grids[x.tobytes()] = LikelihoodGrid(x, guess, max_lapse)
    grid = grids[x.tobytes()]
    likelihoods = grid.likelihood(k, n)  # (2 signs, thresholds, widths, lapses)
    best = np.unravel_index(likelihoods.argmax(), likelihoods.shape)
    start = grid.parameters(*(int(i) for i in best))
    threshold, slope, lapse, maximum = _refine_maximum(x, k, n, guess, max_lapse, start)
    result |= {"lapse_rate": lapse, "deviance": 2 * float(saturated.sum() - maximum)}
    if 2 * (maximum - constant.sum()) < chi2.ppf(0.95, 2):
        return result | {"lapse_rate": np.nan, "reason": REASONS["flat"]}
    result |= {"width": 2 * np.log(19) / abs(slope), "slope": slope}
    if not finite[0] <= threshold <= finite[-1]:
        return result | {"reason": REASONS["outside"]}
    flat = likelihoods[best[0]].reshape(N_THRESHOLDS, -1).argmax(axis=1)
    widths, lapses = np.unravel_index(flat, likelihoods.shape[2:])
    sign, nuisance = np.sign(slope), (grid.slopes[widths], grid.lapses[lapses])
    profile = profile_likelihood(x, k, n, guess, max_lapse, grid.thresholds, sign, nuisance)
    drop = _DROP_95 if likelihood_drop is None else likelihood_drop
    low, high = _interval_ends(grid.thresholds, profile, threshold, maximum, drop)
    return result | {
        "threshold": threshold,
        "low": -np.inf if low < finite[0] else low,
        "high": np.inf if high > finite[-1] else high,
        "accuracy_at_threshold": guess + (1 - guess - lapse) / 2,
    }


def refit_with_psignifit(
    x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, fitted: dict[str, Any]
) -> dict[str, Any]:
    """Return the estimates of psignifit for data in which `fit_psychometric` found a threshold.

    Raises LogError if psignifit is not installed.
    """
    from analysis.measures.psignifit_fitter import fit_with_psignifit

    sign = int(np.sign(fitted["slope"]))
    result = fit_with_psignifit(x, k, n, guess, sign)
    slope = sign * 2 * np.log(19) / result["width"]
    p = psychometric_function(x, result["threshold"], slope, result["lapse_rate"], guess)
    maximum = log_likelihood(np.clip(p, 1e-12, 1 - 1e-12), k, n).sum()
    halfway = guess + (1 - guess - result["lapse_rate"]) / 2
    deviance = 2 * (log_likelihood(k / n, k, n).sum() - maximum)
    return result | {"accuracy_at_threshold": halfway, "deviance": deviance}


def psychometric_function(
    x: np.ndarray, threshold: np.ndarray, slope: np.ndarray, lapse: np.ndarray, guess: float
) -> np.ndarray:
    """Return psi(x); the arguments are broadcast against each other."""
    with np.errstate(invalid="ignore"):
        z = np.where(np.isinf(x), np.sign(slope) * x, slope * (x - threshold))
    return np.asarray(guess + (1 - guess - lapse) * expit(z))


def log_likelihood(p: np.ndarray, k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the binomial log likelihood at every level, without the constant term."""
    return np.asarray(xlogy(k, p) + xlog1py(n - k, -p))


class LikelihoodGrid:
    """The values of psi on a grid of thresholds, slopes of both signs and lapse rates.

    The maximization starts from the best points of the grid.
    """

    def __init__(self, x: np.ndarray, guess: float, max_lapse: float) -> None:
        """Compute psi at the C levels `x` (on their scale) for a guess rate and an upper limit of the lapse rate."""
        finite = x[np.isfinite(x)]
        extent, step = finite[-1] - finite[0], np.diff(finite).min()
        self.thresholds = np.linspace(finite[0] - extent / 2, finite[-1] + extent / 2, N_THRESHOLDS)
        self.slopes = 2 * np.log(19) / np.geomspace(step / 10, 10 * extent, N_WIDTHS)
        self.lapses = np.linspace(0, max_lapse, N_LAPSES) if max_lapse else np.zeros(1)
        axes = np.ix_(np.array([1.0, -1.0]), self.thresholds, self.slopes, self.lapses)
        sign, threshold, slope, lapse = (axis[..., None] for axis in axes)
        p = np.clip(psychometric_function(x, threshold, sign * slope, lapse, guess), 1e-12, 1 - 1e-12)
        self.log_p, self.log_q = np.log(p), np.log1p(-p)

    def likelihood(self, k: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Return the log likelihood at all points of the grid, with shape (2, thresholds, slopes, lapse rates)."""
        return np.asarray(self.log_p @ k + self.log_q @ (n - k))

    def parameters(self, sign: int, threshold: int, slope: int, lapse: int) -> tuple[float, float, float]:
        """Return threshold, signed slope and lapse rate of the grid point with these indices."""
        return (
            float(self.thresholds[threshold]), float((1 - 2 * sign) * self.slopes[slope]), float(self.lapses[lapse]),
        )  # fmt: skip


def _refine_maximum(
    x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, max_lapse: float, start: tuple[float, float, float]
) -> tuple[float, float, float, float]:
    """Return threshold, slope, lapse rate and log likelihood of the maximum near a grid point; the slope keeps its sign."""
    sign = np.sign(start[1])
    finite = x[np.isfinite(x)]
    extent, step = finite[-1] - finite[0], np.diff(finite).min()
    steepest, shallowest = np.log(20 * np.log(19) / step), np.log(0.2 * np.log(19) / extent)

    def loss(q: np.ndarray) -> float:
        p = psychometric_function(x, q[0] * extent, sign * np.exp(q[1]), q[2], guess)
        return -float(log_likelihood(np.clip(p, 1e-12, 1 - 1e-12), k, n).sum())

    q0 = np.array([start[0] / extent, np.log(abs(start[1])), start[2]])
    threshold_bounds = (finite[0] / extent - 0.5, finite[-1] / extent + 0.5)
    bounds = [threshold_bounds, (shallowest, steepest), (0, max_lapse)]
    result = minimize(loss, q0, method="L-BFGS-B", bounds=bounds)
    q, value = (result.x, result.fun) if result.fun <= loss(q0) else (q0, loss(q0))
    return float(q[0] * extent), float(sign * np.exp(q[1])), float(q[2]), -float(value)


def profile_likelihood(
    x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, max_lapse: float, at: np.ndarray, sign: float,
    start: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:  # fmt: skip
    """Return the maximum log likelihood over lapse rates and slopes of one sign, at each of the G thresholds `at`.

    Fisher scoring maximizes the likelihood over log slope and lapse rate, for all thresholds at once, beginning with the
    slopes and lapse rates `start`. Every iteration tries steps in both parameters, and steps in only one of them because
    the other may be at its bound. It takes the best step, or no step if none increases the likelihood.
    """
    q = np.stack([np.log(start[0]), start[1]])  # (2, G)
    is_finite, distance = np.isfinite(x), np.where(np.isfinite(x), x, 0.0) - at[:, None]
    low, high = np.array([q[0].min() - 1, 0.0]), np.array([q[0].max() + 1, max_lapse])

    def likelihood(q: np.ndarray) -> np.ndarray:
        p = psychometric_function(x, at[:, None], sign * np.exp(q[0, ..., None]), q[1, ..., None], guess)
        return np.asarray(log_likelihood(np.clip(p, 1e-12, 1 - 1e-12), k, n).sum(axis=-1))

    best = likelihood(q)
    for _ in range(N_STEPS):
        slope = sign * np.exp(q[0])[:, None]
        z = np.where(is_finite, slope * distance, sign * x)
        f = expit(z)
        p = np.clip(guess + (1 - guess - q[1][:, None]) * f, 1e-12, 1 - 1e-12)
        # Derivatives of psi by log slope and by lapse rate, with shape (2, G, C).
        gradient = np.stack([(1 - guess - q[1][:, None]) * f * (1 - f) * np.where(is_finite, z, 0.0), -f])
        score = (gradient * (k - n * p) / (p * (1 - p))).sum(axis=-1)
        (a, b), (_, d) = np.einsum("igc,jgc,gc->ijg", gradient, gradient, n / (p * (1 - p)))
        determinant = np.maximum(a * d - b * b, 1e-12)
        single = score / np.maximum([a, d], 1e-12)
        joint = np.stack([d * score[0] - b * score[1], a * score[1] - b * score[0]]) / determinant
        steps = [share * joint for share in (1, 0.5, 0.2)]
        steps += [share * single * axis for share in (1, 0.3) for axis in (np.array([[1], [0]]), np.array([[0], [1]]))]
        candidates = np.clip(q + np.stack(steps), low[:, None], high[:, None])  # (steps, 2, G)
        values = likelihood(candidates.swapaxes(0, 1))  # (steps, G)
        chosen, columns = values.argmax(axis=0), np.arange(len(at))
        is_better = values[chosen, columns] > best
        q = np.where(is_better, candidates[chosen, :, columns].T, q)
        largest_gain = (values[chosen, columns] - best).max()
        best = np.maximum(best, values[chosen, columns])
        if largest_gain < 1e-5:
            break
    return best


def _interval_ends(
    at: np.ndarray, profile: np.ndarray, threshold: float, maximum: float, drop: float
) -> tuple[float, float]:
    """Return the thresholds at which the profile likelihood is `drop` below the maximum, or ±inf where it stays higher.

    The square root of the drop is interpolated, because it is linear in the threshold if the log likelihood is a parabola.
    """
    position = int(np.searchsorted(at, threshold))
    root_drop = np.insert(np.sqrt(np.maximum(maximum - profile, 0)), position, 0.0)
    at = np.insert(at, position, threshold)
    ends, limit = [], np.sqrt(drop)
    for side in (slice(position, None, -1), slice(position, None)):
        x, y = at[side], root_drop[side]
        beyond = np.flatnonzero(y > limit)
        if not len(beyond):
            ends.append(-np.inf if side.step else np.inf)
            continue
        i = beyond[0]
        ends.append(float(x[i - 1] + (x[i] - x[i - 1]) * (limit - y[i - 1]) / (y[i] - y[i - 1])))
    return ends[0], ends[1]
