"""Psychometric functions: how an observer's accuracy falls with the level of a distortion, and where it is halfway.

Declared once: C levels x on their scale (see `stimuli.level_scales`), n trials and k right ones at each.
    psi(x) = guess + (1 - guess - lapse) F((x - threshold) * slope),    F(z) = 1 / (1 + exp(-z))
The threshold is where F = ½, that is where accuracy is halfway between the guess rate and 1 - lapse rate (Wichmann & Hill
2001a, their α). The guess rate is 1 / number of choices. Threshold, slope and lapse rate are those of greatest binomial
likelihood; the slope has the sign that fits better. Width: from F = .05 to F = .95, 2 ln 19 / |slope| (Schütt et al. 2016).

The lapse rate is between 0 and MAX_LAPSE. For trained people Wichmann & Hill hold it below .06; networks and the untrained
miss far more undistorted images than that, and a rate held too low would bend the whole curve, so it may be higher here.
Levels of ±inf on the scale (no filter at all) have F = 0 or 1 and tell the lapse rate.

Interval: profile likelihood, 95 %: thresholds whose best slope and lapse rate come within χ²(1, .95) / 2 of the best of all
(Venzon & Moolgavkar 1988). An end that lies outside the levels shown is open, ±inf on the scale (0 for -inf on log10).
There is no threshold (NaN, and `reason` says why) with fewer than three levels, where the observer is always right or always
wrong, where accuracy does not change with the level (likelihood ratio against one accuracy for all, χ²(2), p > .05), or
where the halfway point lies outside the levels shown: it would be a guess.
`fitter="psignifit"` takes threshold, interval, width and lapse rate from psignifit where there is a threshold at all.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, xlog1py, xlogy
from scipy.stats import chi2

from analysis.frame import dataset_order, observer_order
from experiments.log import EVIDENCE
from stimuli.categories import CATEGORIES
from stimuli.datasets import DATASETS
from stimuli.errors import LogError
from stimuli.level_scales import Scale, numeric_level, scale_of, to_scale

COLUMNS = (
    "dataset", "observer", "kind", "scale", "n_levels", "n", "guess_rate", "lapse_rate", "threshold", "low", "high",
    "width", "accuracy_at_threshold", "deviance", "reason",
)  # fmt: skip
Value = float | np.ndarray
Fitter = Literal["likelihood", "psignifit"]
MAX_LAPSE = 0.5
N_STEPS = 12
N_THRESHOLDS, N_WIDTHS, N_LAPSES = 121, 25, 16
REASONS = {
    "levels": "fewer than three levels",
    "right": "always right",
    "wrong": "always wrong",
    "flat": "accuracy does not change with the level",
    "outside": "halfway lies outside the levels shown",
}
_ENOUGH = float(chi2.ppf(0.95, 1)) / 2


def thresholds(
    frame: pd.DataFrame, *, scale: Scale | None = None, max_lapse: float = MAX_LAPSE, fitter: Fitter = "likelihood"
) -> pd.DataFrame:
    """A row for every observer of every dataset whose conditions are levels, with COLUMNS; people first.

    `threshold`, `low` and `high` are levels; `width` is on the scale. `attrs["notes"]` says which datasets have no levels.
    Raises LogError if none has, and for levels below 0 on log10; ValueError for a `max_lapse` outside 0 to 1.
    """
    if not 0 <= max_lapse < 1:
        raise ValueError(f"a lapse rate lies between 0 and 1, got max_lapse={max_lapse}")
    rows, without = [], []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = frame[frame["dataset"] == dataset]
        levels = {c: numeric_level(dataset, c) for c in trials["condition"].unique()}
        known = {c: x for c, x in levels.items() if x is not None}
        if not known:
            without.append(dataset)
            continue
        used = scale or scale_of(dataset)
        if used == "log10" and min(known.values()) < 0:
            raise LogError(f"{dataset} has levels below 0, which have no logarithm: give --scale linear")
        x = trials["condition"].map({c: to_scale(value, used) for c, value in known.items()})
        counts = trials.assign(x=x).dropna(subset="x").groupby(["observer", "x"])["correct"].agg(["size", "sum"])
        guess, grids = 1 / n_choices(trials), dict[bytes, Grid]()
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            of = counts.loc[[observer]].reset_index("observer", drop=True).sort_index()
            arrays = of.index.to_numpy(float), of["sum"].to_numpy(float), of["size"].to_numpy(float)
            fitted = fit(*arrays, guess, max_lapse, grids)
            if fitter == "psignifit" and not fitted["reason"]:
                fitted |= by_psignifit(*arrays, guess, fitted)
            if used == "log10":
                fitted |= {name: 10.0 ** fitted[name] for name in ("threshold", "low", "high")}
            rows.append({"dataset": dataset, "observer": observer, "kind": kind, "scale": used, **fitted})
    if not rows:
        raise LogError(
            f"no dataset here has levels ({', '.join(without)}): thresholds need a distortion of several levels"
        )
    out = pd.DataFrame(rows)[list(COLUMNS)]
    out.attrs["notes"] = [f"without levels, left out: {', '.join(without)}"] if without else []
    return out


def n_choices(trials: pd.DataFrame) -> int:
    """Of how many choices the trials of one dataset were: by the evidence where a log has it, else by what there is to say.

    The published sets have sixteen. A log that says nothing of its choices has as many as it has categories and answers.
    """
    if trials["dataset"].iloc[0] in DATASETS:
        return len(CATEGORIES)
    asked = [c for c in trials.columns if c.startswith(EVIDENCE) and trials[c].notna().any()]
    seen = (set(trials["category"].unique()) | set(trials["response"].unique())) - {""}
    return max(len(asked), len(seen))


def fit(
    x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, max_lapse: float = MAX_LAPSE,
    grids: "dict[bytes, Grid] | None" = None, enough: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The columns of `thresholds` from `n_levels` on, for one observer; everything on the scale. x ascending.

    `grids` keeps what observers of the same levels, guess rate and `max_lapse` share. The interval holds the thresholds
    whose log likelihood is lower than the greatest by up to `enough`, by default what makes it one of 95 %.
    """
    out: dict[str, Any] = dict.fromkeys(COLUMNS[6:-1], np.nan)
    out |= {"n_levels": len(x), "n": int(n.sum()), "guess_rate": guess, "reason": ""}
    finite = x[np.isfinite(x)]
    if len(x) < 3 or len(finite) < 2:
        return out | {"reason": REASONS["levels"]}
    if k.sum() in (0, n.sum()):
        return out | {"reason": REASONS["right" if k.sum() else "wrong"]}
    saturated, whole = log_likelihood(k / n, k, n), log_likelihood(k.sum() / n.sum(), k, n)
    grids = {} if grids is None else grids
    if x.tobytes() not in grids:
        grids[x.tobytes()] = Grid(x, guess, max_lapse)
    grid = grids[x.tobytes()]
    along = grid.likelihood(k, n)  # (2 signs, thresholds, widths, lapses)
    best = np.unravel_index(along.argmax(), along.shape)
    start = grid.parameters(*(int(i) for i in best))
    threshold, slope, lapse, top = _polished(x, k, n, guess, max_lapse, start)
    out |= {"lapse_rate": lapse, "deviance": 2 * float(saturated.sum() - top)}
    if 2 * (top - whole.sum()) < chi2.ppf(0.95, 2):
        return out | {"lapse_rate": np.nan, "reason": REASONS["flat"]}
    out |= {"width": 2 * np.log(19) / abs(slope), "slope": slope}
    if not finite[0] <= threshold <= finite[-1]:
        return out | {"reason": REASONS["outside"]}
    flat = along[best[0]].reshape(N_THRESHOLDS, -1).argmax(axis=1)
    widths, lapses = np.unravel_index(flat, along.shape[2:])
    sign, nuisance = np.sign(slope), (grid.slopes[widths], grid.lapses[lapses])
    profile = profile_likelihood(x, k, n, guess, max_lapse, grid.thresholds, sign, nuisance)
    low, high = _ends(grid.thresholds, profile, threshold, top, _ENOUGH if enough is None else enough)
    ends = (-np.inf if low < finite[0] else low), (np.inf if high > finite[-1] else high)
    halfway = guess + (1 - guess - lapse) / 2
    return out | {"threshold": threshold, "low": ends[0], "high": ends[1], "accuracy_at_threshold": halfway}


def by_psignifit(x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, found: dict[str, Any]) -> dict[str, Any]:
    """What psignifit finds where the likelihood found a threshold. Raises LogError without the extra."""
    from analysis.psignifit_fitter import fit as psignifit

    sign = int(np.sign(found["slope"]))
    out = psignifit(x, k, n, guess, sign)
    p = accuracy_at(x, out["threshold"], sign * 2 * np.log(19) / out["width"], out["lapse_rate"], guess)
    top = log_likelihood(np.clip(p, 1e-12, 1 - 1e-12), k, n).sum()
    halfway = guess + (1 - guess - out["lapse_rate"]) / 2
    return out | {"accuracy_at_threshold": halfway, "deviance": 2 * (log_likelihood(k / n, k, n).sum() - top)}


def accuracy_at(x: np.ndarray, threshold: np.ndarray, slope: np.ndarray, lapse: np.ndarray, guess: float) -> np.ndarray:
    """psi, broadcast over its arguments."""
    with np.errstate(invalid="ignore"):
        z = np.where(np.isinf(x), np.sign(slope) * x, slope * (x - threshold))
    return np.asarray(guess + (1 - guess - lapse) * expit(z))


def log_likelihood(p: np.ndarray, k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Binomial log likelihood at every level, without its constant."""
    return np.asarray(xlogy(k, p) + xlog1py(n - k, -p))


class Grid:
    """psi at all levels for all thresholds × slopes × lapse rates of a grid, slopes of either sign."""

    def __init__(self, x: np.ndarray, guess: float, max_lapse: float) -> None:
        finite = x[np.isfinite(x)]
        reach, step = finite[-1] - finite[0], np.diff(finite).min()
        self.thresholds = np.linspace(finite[0] - reach / 2, finite[-1] + reach / 2, N_THRESHOLDS)
        self.slopes = 2 * np.log(19) / np.geomspace(step / 10, 10 * reach, N_WIDTHS)
        self.lapses = np.linspace(0, max_lapse, N_LAPSES) if max_lapse else np.zeros(1)
        shape = np.ix_(np.array([1.0, -1.0]), self.thresholds, self.slopes, self.lapses)
        sign, threshold, slope, lapse = (axis[..., None] for axis in shape)
        p = np.clip(accuracy_at(x, threshold, sign * slope, lapse, guess), 1e-12, 1 - 1e-12)
        self.log_p, self.log_q = np.log(p), np.log1p(-p)

    def likelihood(self, k: np.ndarray, n: np.ndarray) -> np.ndarray:
        return np.asarray(self.log_p @ k + self.log_q @ (n - k))

    def parameters(self, sign: int, threshold: int, slope: int, lapse: int) -> tuple[float, float, float]:
        return (
            float(self.thresholds[threshold]), float((1 - 2 * sign) * self.slopes[slope]), float(self.lapses[lapse]),
        )  # fmt: skip


def _polished(
    x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, max_lapse: float, start: tuple[float, float, float]
) -> tuple[float, float, float, float]:
    """The maximum near a point of the grid, and its likelihood; the slope keeps its sign."""
    sign = np.sign(start[1])
    finite = x[np.isfinite(x)]
    reach, step = finite[-1] - finite[0], np.diff(finite).min()
    steepest, shallowest = np.log(20 * np.log(19) / step), np.log(0.2 * np.log(19) / reach)

    def loss(q: np.ndarray) -> float:
        p = accuracy_at(x, q[0] * reach, sign * np.exp(q[1]), q[2], guess)
        return -float(log_likelihood(np.clip(p, 1e-12, 1 - 1e-12), k, n).sum())

    q0 = np.array([start[0] / reach, np.log(abs(start[1])), start[2]])
    outer = (finite[0] / reach - 0.5, finite[-1] / reach + 0.5)
    done = minimize(loss, q0, method="L-BFGS-B", bounds=[outer, (shallowest, steepest), (0, max_lapse)])
    q, value = (done.x, done.fun) if done.fun <= loss(q0) else (q0, loss(q0))
    return float(q[0] * reach), float(sign * np.exp(q[1])), float(q[2]), -float(value)


def profile_likelihood(
    x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, max_lapse: float, at: np.ndarray, sign: float,
    start: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:  # fmt: skip
    """The greatest likelihood at each of the thresholds `at` (G,), over slopes of one sign and lapse rates, (G,).

    Fisher scoring in log slope and lapse rate, for all thresholds at once, from `start`: of several steps, together and of
    one parameter alone (the other may stand at its bound), the best is taken, and none where none is better.
    """
    q = np.stack([np.log(start[0]), start[1]])  # (2, G)
    finite, distance = np.isfinite(x), np.where(np.isfinite(x), x, 0.0) - at[:, None]
    low, high = np.array([q[0].min() - 1, 0.0]), np.array([q[0].max() + 1, max_lapse])

    def likelihood(q: np.ndarray) -> np.ndarray:
        p = accuracy_at(x, at[:, None], sign * np.exp(q[0, ..., None]), q[1, ..., None], guess)
        return np.asarray(log_likelihood(np.clip(p, 1e-12, 1 - 1e-12), k, n).sum(axis=-1))

    best = likelihood(q)
    for _ in range(N_STEPS):
        slope = sign * np.exp(q[0])[:, None]
        z = np.where(finite, slope * distance, sign * x)
        f = expit(z)
        p = np.clip(guess + (1 - guess - q[1][:, None]) * f, 1e-12, 1 - 1e-12)
        by = np.stack([(1 - guess - q[1][:, None]) * f * (1 - f) * np.where(finite, z, 0.0), -f])  # (2, G, C)
        score = (by * (k - n * p) / (p * (1 - p))).sum(axis=-1)
        (a, b), (_, d) = np.einsum("igc,jgc,gc->ijg", by, by, n / (p * (1 - p)))
        room = np.maximum(a * d - b * b, 1e-12)
        alone = score / np.maximum([a, d], 1e-12)
        together = np.stack([d * score[0] - b * score[1], a * score[1] - b * score[0]]) / room
        steps = [share * together for share in (1, 0.5, 0.2)]
        steps += [share * alone * axis for share in (1, 0.3) for axis in (np.array([[1], [0]]), np.array([[0], [1]]))]
        tried = np.clip(q + np.stack(steps), low[:, None], high[:, None])  # (steps, 2, G)
        found = likelihood(tried.swapaxes(0, 1))  # (steps, G)
        chosen, columns = found.argmax(axis=0), np.arange(len(at))
        better = found[chosen, columns] > best
        q = np.where(better, tried[chosen, :, columns].T, q)
        gained = (found[chosen, columns] - best).max()
        best = np.maximum(best, found[chosen, columns])
        if gained < 1e-5:
            break
    return best


def _ends(at: np.ndarray, profile: np.ndarray, threshold: float, top: float, enough: float) -> tuple[float, float]:
    """Where the profile likelihood falls below what is enough; ±inf where it does not.

    Interpolated linearly in the root of what is missing, which is straight where the likelihood is a parabola.
    """
    place = int(np.searchsorted(at, threshold))
    at, missing = np.insert(at, place, threshold), np.insert(np.sqrt(np.maximum(top - profile, 0)), place, 0.0)
    ends, enough = [], np.sqrt(enough)
    for side in (slice(place, None, -1), slice(place, None)):
        x, y = at[side], missing[side]
        beyond = np.flatnonzero(y > enough)
        if not len(beyond):
            ends.append(-np.inf if side.step else np.inf)
            continue
        i = beyond[0]
        ends.append(float(x[i - 1] + (x[i] - x[i - 1]) * (enough - y[i - 1]) / (y[i] - y[i - 1])))
    return ends[0], ends[1]
