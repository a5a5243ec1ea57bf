"""Do observers who score higher on one measure score higher on another? Correlation over observers, such as that of shape
bias with accuracy on low-pass images (Jaini et al. 2024, section 4: Pearson's r(58) = .59, Spearman's .64).

Declared once: N observers with both measures, df = N - 2.
Pearson's r; p from t = r sqrt(df / (1 - r²)); 95 % interval by Fisher's z with standard error 1 / sqrt(N - 3).
Spearman's r of the ranks (ties share theirs); p likewise; interval by z with sqrt((1 + r² / 2) / (N - 3)) (Bonett & Wright
2000). NaN, and `reason` says why, for fewer than three observers or where a measure is the same for all; no interval for
three, or for |r| = 1, where z is infinite; there p is 0, of ranks 2 / N!, the share of orders that are as perfect.
Observers count as independent: relatives (ten ResNets) make p too small. Correlation is not cause.

A measure is named: `shape-bias`, `accuracy:DATASET` (included conditions pooled, as OOD accuracy),
`consistency:DATASET` (mean kappa with people there) or `threshold:DATASET`. An observer is known by its name alone here,
and `subject-01` of two datasets are two people; so people are left out, or all of them are one observer, `humans`.
"""

from collections.abc import Callable
from math import factorial

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata, t

from analysis.benchmark import HUMANS
from analysis.condition_data import by_dataset, cells, with_people
from analysis.consistency import Rule, included
from analysis.frame import of_dataset
from analysis.psychometric import thresholds
from analysis.shape_bias import overall, pooled_shape_bias, shape_bias
from stimuli.errors import LogError, UnknownName

COLUMNS = ("method", "x", "y", "n", "df", "r", "low", "high", "p", "reason")
METHODS = ("pearson", "spearman")


def correlate(x: pd.Series, y: pd.Series) -> pd.DataFrame:
    """A row for every method, with COLUMNS, over the observers (the index) that have both measures, named by the series.

    Raises ValueError where an observer is there twice.
    """
    if not (x.index.is_unique and y.index.is_unique):
        raise ValueError("an observer has one value of a measure: the index must be unique")
    both = pd.concat([x, y], axis=1, join="inner").dropna()
    values, n = both.to_numpy(float).T, len(both)
    reason = "fewer than three observers" if n < 3 else ""
    if not reason and any(np.ptp(each) <= 1e-12 * max(1.0, np.abs(each).max()) for each in values):
        reason = "a measure is the same for all"
    rows = []
    for method in METHODS:
        r = low = high = p = np.nan
        if not reason:
            one, other = (rankdata(each) for each in values) if method == "spearman" else values
            r = float(np.clip(np.corrcoef(one, other)[0, 1], -1, 1))
            exact = 1 - r * r < 1e-12
            perfect = min(1.0, 2 / factorial(n)) if method == "spearman" else 0.0
            p = perfect if exact else float(2 * t.sf(abs(r) * np.sqrt((n - 2) / (1 - r * r)), n - 2))
            if n > 3 and not exact:
                half = norm.ppf(0.975) * np.sqrt((1 + (r * r / 2 if method == "spearman" else 0)) / (n - 3))
                low, high = np.tanh(np.arctanh(r) + np.array([-half, half]))
        rows.append((method, str(x.name), str(y.name), n, max(n - 2, 0), r, low, high, p, reason))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def measure(frame: pd.DataFrame, name: str, *, people: bool = False, rule: Rule = "undefined-is-nan") -> pd.Series:
    """One measure of every observer, the index; with `people` that of all people together as `humans`.

    Raises UnknownName for a measure or dataset that there is not, LogError where a measure does.
    """
    what, _, dataset = name.partition(":")
    if what not in MEASURES or bool(dataset) == (what == "shape-bias"):
        raise UnknownName("measure", name, ["shape-bias", *(f"{m}:DATASET" for m in MEASURES if m != "shape-bias")])
    trials = of_dataset(frame, dataset) if dataset else frame
    values = MEASURES[what](trials, rule)
    return (values if people else values.drop(HUMANS, errors="ignore")).rename(name)


def _shape_bias(frame: pd.DataFrame, _: Rule) -> pd.Series:
    table = overall(shape_bias(frame)).set_index("observer")
    values = table.loc[table["kind"] != "human", "shape_bias"].copy()
    if (table["kind"] == "human").any():
        values[HUMANS] = overall(pooled_shape_bias(frame))["shape_bias"].item()
    return values


def _accuracy(trials: pd.DataFrame, _: Rule) -> pd.Series:
    trials = included(trials, str(trials["dataset"].iloc[0]))
    return trials.groupby(trials["observer"].where(trials["kind"] != "human", HUMANS))["correct"].mean()


def _consistency(trials: pd.DataFrame, rule: Rule) -> pd.Series:
    found = by_dataset([cell for cell in cells(trials) if cell.is_person.any()])
    if not found:
        raise LogError("consistency with people needs people who answered a condition that counts")
    (of,) = found.values()
    part = with_people(of, rule)
    return pd.Series([part.among_people[2, 0], *part.others[2, :, 0]], index=[HUMANS, *part.names])


def _threshold(trials: pd.DataFrame, _: Rule) -> pd.Series:
    pooled = trials.assign(observer=trials["observer"].where(trials["kind"] != "human", HUMANS))
    return thresholds(pooled).set_index("observer")["threshold"]


MEASURES: dict[str, Callable[[pd.DataFrame, Rule], pd.Series]] = {
    "shape-bias": _shape_bias,
    "accuracy": _accuracy,
    "consistency": _consistency,
    "threshold": _threshold,
}
