"""Correlation of two measures over observers, for example of shape bias with accuracy on low-pass images.

Jaini et al. (2024, section 4) report Pearson's r(58) = .59 and Spearman's .64 for this example. Notation: N observers that
have both measures; df = N - 2.
- Pearson's r: p by the t test with N - 2 degrees of freedom, which is exact for normal values, and the 95 % interval by
  Fisher's z with standard error 1 / sqrt(N - 3), which is an approximation. scipy computes both.
- Spearman's r of the ranks (ties share their mean rank): r and p (the same t test) computed by scipy. The interval is
  computed here, because scipy does not offer it, by z with standard error sqrt((1 + r² / 2) / (N - 3)) (Bonett & Wright
  2000).
With few observers, p can be below .05 although the interval contains 0, or the other way round; a note then says so.
With fewer than three observers, or if a measure is the same for all observers, the results are NaN and `reason` says why.
The interval is NaN with three observers, and also if |r| = 1, because z is then infinite. If |r| = 1, p is 0 for Pearson's r
and 2 / N! for Spearman's r, which is the proportion of the N! orders with |r| = 1.
Observers are treated as independent, so related observers (ten ResNets) make p too small. Correlation is not causation.

The name of a measure is `shape-bias`, `accuracy:DATASET` (benchmark conditions pooled, as in OOD accuracy),
`consistency:DATASET` (mean kappa with the people of that dataset) or `threshold:DATASET`. Observers are matched by name.
Because `subject-01` is a different person in every dataset, all people are pooled into one observer, `humans`, as in
Jaini et al. (2024), or excluded. `correlate_measures` does this for the command, the report and the figures.
"""

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np
import pandas as pd
from scipy.stats import norm, pearsonr, spearmanr

from analysis.benchmark.benchmark import HUMANS
from analysis.io.check_frame import check_frame
from analysis.io.frame import dataset_order, select_dataset
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import compare_with_people, group_by_dataset, split_by_condition
from analysis.kappa.consistency import Rule, select_benchmark_conditions
from analysis.measures.psychometric import thresholds
from analysis.measures.shape_bias import (
    cue_conflict_trials,
    has_cue_conflicts,
    overall_shape_bias,
    pooled_shape_bias,
    shape_bias,
)
from analysis.measures.ties import join_ties
from core.errors import LogError, UnknownName
from stimuli.published.level_scales import published_name

COLUMNS = ("method", "x", "y", "n", "df", "r", "low", "high", "p", "reason")
METHODS = ("pearson", "spearman")


def correlate(x: pd.Series, y: pd.Series) -> pd.DataFrame:
    """Correlate two measures over observers by Pearson's and Spearman's coefficients.

    Args:
        x: Values of the first measure, indexed by observer; the name of the series is the name of the measure.
        y: Values of the second measure. Only observers that have both measures are used.

    Returns:
        A table with `COLUMNS` and one row per method: the number of observers `n`, degrees of freedom `df`, the coefficient
        `r` with its 95 % interval, the two-sided `p`, and `reason`, which says why r is NaN ("" if r is defined).

    Raises:
        ValueError: If an observer occurs twice in the index of x or y.

    Example:
        >>> correlate(observer_measure(frame, "accuracy:low-pass"), observer_measure(frame, "shape-bias"))
    """
    if not (x.index.is_unique and y.index.is_unique):
        raise ValueError("every observer must have one value of a measure, but some observers occur twice in the index")
    pairs = pd.concat([x, y], axis=1, join="inner").dropna()
    values, n = pairs.to_numpy(float).T, len(pairs)
    reason = "fewer than three observers" if n < 3 else ""
    if not reason and any(np.ptp(each) <= 1e-12 * max(1.0, np.abs(each).max()) for each in values):
        reason = "a measure is the same for all observers"
    rows = []
    for method in METHODS:
        r = low = high = p = np.nan
        if not reason:
            result = pearsonr(*values) if method == "pearson" else spearmanr(*map(join_ties, values))
            r, p = float(result.statistic), float(result.pvalue)
            if 1 - r * r < 1e-12:  # scipy rounds r = ±1 differently and returns p near 0 for both methods
                p = 0.0 if method == "pearson" else min(1.0, 2 / factorial(n))
            elif n > 3:
                low, high = result.confidence_interval(0.95) if method == "pearson" else _spearman_interval(r, n)
        rows.append((method, str(x.name), str(y.name), n, max(n - 2, 0), r, low, high, p, reason))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def correlate_measures(
    frame: pd.DataFrame, x: str, y: str, *, people: bool = True, rule: Rule = "undefined-is-nan"
) -> pd.DataFrame:
    """Correlate two measures over observers, with all people together as one observer.

    Args:
        frame: Trials as returned by `read_trials`.
        x: Name of the first measure, see `observer_measure`.
        y: Name of the second measure.
        people: Whether all people together count as one observer, `humans`; otherwise they are excluded.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.

    Returns:
        The table of `correlate`. `attrs["notes"]` says what counts as an observer, and whether a p value and its interval
        disagree.

    Raises:
        UnknownName: If a measure or a dataset does not exist.
        LogError: If a measure cannot be computed.

    Example:
        >>> correlate_measures(frame, "accuracy:low-pass", "shape-bias")
    """
    frame = check_frame(frame)
    series = [observer_measure(frame, name, people=people, rule=rule) for name in (x, y)]
    table = correlate(*series)
    add_notes(table, [unit_of_correlation(frame, (x, y), *series), *disagreement_note(table)])
    return table


def low_pass_datasets(frame: pd.DataFrame) -> list[str]:
    """Return the datasets with low-pass filtered images: `low-pass`, and datasets of drawn images with this distortion."""
    return [name for name in dataset_order(frame["dataset"].unique()) if published_name(name) == "low-pass"]


def disagreement_note(table: pd.DataFrame) -> list[str]:
    """Return a note about the methods in a table of `correlate` whose p value and interval disagree at the 5 % level."""
    has_interval = table["low"].notna() & table["high"].notna()
    excludes_zero = (table["low"] > 0) | (table["high"] < 0)
    names = table.loc[has_interval & (excludes_zero != (table["p"] < 0.05)), "method"].str.capitalize()
    if names.empty:
        return []
    return [
        f"p and the 95 % interval of {' and '.join(f'{name}’s r' for name in names)} disagree on whether r differs from 0: "
        "p comes from a t test and the interval from Fisher’s z, which is an approximation if there are few observers"
    ]


def unit_of_correlation(frame: pd.DataFrame, names: Sequence[str], x: pd.Series, y: pd.Series) -> str:
    """Return a note about what counts as an observer in the correlation of two measures with these names and values."""
    n = len(pd.concat([x, y], axis=1, join="inner").dropna())
    start = f"the correlation is over {n} observer{'s' * (n != 1)} that have both measures"
    if HUMANS not in x.index or HUMANS not in y.index:
        return f"{start}; people are not included"
    datasets = [name.partition(":")[2] for name in names]
    counts = []
    for dataset in datasets:
        trials = frame if not dataset else frame[frame["dataset"] == dataset]
        trials = trials if dataset or not has_cue_conflicts(trials) else cue_conflict_trials(trials)
        counts.append(int(trials.loc[trials["kind"] == "human", "observer"].nunique()))
    texts = [f"{count} {'person' if count == 1 else 'people'}" for count in counts]
    people = texts[0] if counts[0] == counts[1] else " and ".join(map("{} for {}".format, texts, names))
    return f"{start}; all people together count as one of them, {HUMANS} ({people}, whose trials are pooled)"


def _spearman_interval(r: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of Spearman's r over n observers (Bonett & Wright 2000)."""
    half_width = norm.ppf(0.975) * np.sqrt((1 + r * r / 2) / (n - 3))
    return float(np.tanh(np.arctanh(r) - half_width)), float(np.tanh(np.arctanh(r) + half_width))


def observer_measure(
    frame: pd.DataFrame, name: str, *, people: bool = True, rule: Rule = "undefined-is-nan"
) -> pd.Series:
    """Return one measure of every observer.

    Args:
        frame: Trials as returned by `read_trials`.
        name: `shape-bias`, `accuracy:DATASET`, `consistency:DATASET` or `threshold:DATASET`.
        people: Include all people together as one observer named `humans`; otherwise people are excluded.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.

    Returns:
        The values indexed by observer, for `correlate`. The name of the series is `name`.

    Raises:
        UnknownName: If the measure or the dataset does not exist.
        LogError: If the measure cannot be computed, for example consistency with people from logs without people.

    Example:
        >>> observer_measure(frame, "consistency:edge")
    """
    frame = check_frame(frame)
    measure, _, dataset = name.partition(":")
    if measure not in MEASURES or bool(dataset) == (measure == "shape-bias"):
        raise UnknownName(
            "measure", name, ["shape-bias", *(f"{key}:DATASET" for key in MEASURES if key != "shape-bias")]
        )
    trials = select_dataset(frame, dataset) if dataset else frame
    values = MEASURES[measure](trials, rule)
    return (values if people else values.drop(HUMANS, errors="ignore")).rename(name)


def _shape_bias(frame: pd.DataFrame, _: Rule) -> pd.Series:
    table = overall_shape_bias(shape_bias(frame)).set_index("observer")
    values = table.loc[table["kind"] != "human", "shape_bias"].copy()
    if (table["kind"] == "human").any():
        values[HUMANS] = overall_shape_bias(pooled_shape_bias(frame))["shape_bias"].item()
    return values


def _accuracy(trials: pd.DataFrame, _: Rule) -> pd.Series:
    trials = select_benchmark_conditions(trials, str(trials["dataset"].iloc[0]))
    return trials.groupby(_with_pooled_people(trials))["correct"].mean()


def _consistency(trials: pd.DataFrame, rule: Rule) -> pd.Series:
    groups = group_by_dataset([c for c in split_by_condition(trials) if c.is_reference.any()])
    if not groups:
        raise LogError(
            "consistency with people needs trials of people in a condition of the benchmark; add the logs of people"
        )
    (conditions,) = groups.values()
    comparison = compare_with_people(conditions, rule)
    kappas = [comparison.between_people[2, 0], *comparison.with_people[2, :, 0]]
    return pd.Series(kappas, index=[HUMANS, *comparison.names])


def _threshold(trials: pd.DataFrame, _: Rule) -> pd.Series:
    return thresholds(trials.assign(observer=_with_pooled_people(trials))).set_index("observer")["threshold"]


def _with_pooled_people(trials: pd.DataFrame) -> pd.Series:
    """Return the observer of each trial, which is `HUMANS` for all people."""
    return trials["observer"].astype("str").where(trials["kind"] != "human", HUMANS)


MEASURES: dict[str, Callable[[pd.DataFrame, Rule], pd.Series]] = {
    "shape-bias": _shape_bias,
    "accuracy": _accuracy,
    "consistency": _consistency,
    "threshold": _threshold,
}
