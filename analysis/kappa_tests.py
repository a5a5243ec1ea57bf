"""Is a kappa more than chance, and are two observers' kappas with people different? (Klein et al. 2025, arXiv 2507.06645.)

Declared once: I images of a cell (a dataset in a condition that counts), R draws. The statistic of a dataset is kappa per
condition, averaged over conditions (and people), as everywhere; p is two-sided, from R simulated values of the statistic.

Independence: two observers who are right independently of each other, with probabilities p_i ~ Beta(k_i, n - k_i), k_i of n
right; a binomial draw of all four outcomes per condition, kappa, mean over conditions. One who is always right (or wrong)
stays so. Where kappa is undefined there is no p.
Difference, for every dataset and their mean (`all`): on every image the answers of two observers change places with
probability ½, in the same way for every person. Interval of the difference: paired bootstrap over images.
Holm's (1979) correction over the rows of one dataset is `p_holm`.
Unbiased kappa: n kappa / (n - 1 + kappa), since kappa of n images is too near to 0.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from attrs import frozen

from analysis.condition_data import ConditionData, by_dataset, cells, notes_on, once, resampling, with_people
from analysis.confusion import ALL
from analysis.consistency import Rule, agreement, kappa
from analysis.resampling import N_RESAMPLES, nan_mean, p_value, percentiles
from stimuli.errors import UnknownName

INDEPENDENCE_COLUMNS = (
    "dataset", "observer_1", "observer_2", "n_conditions", "n", "kappa", "unbiased", "null_low", "null_high", "p", "p_holm",
)  # fmt: skip
DIFFERENCE_COLUMNS = (
    "dataset", "observer_1", "observer_2", "n_people", "n", "kappa_1", "kappa_2", "difference", "low", "high", "p", "p_holm",
)  # fmt: skip


def unbiased(kappas: np.ndarray, n: np.ndarray) -> np.ndarray:
    """n kappa / (n - 1 + kappa), elementwise; NaN where kappa or n is."""
    room = np.asarray(n - 1 + kappas, float)
    return np.asarray(np.divide(n * kappas, room, out=np.full(room.shape, np.nan), where=room > 1e-12))


def independence(frame: pd.DataFrame, *, n_draws: int = N_RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """A row for every dataset and pair of observers, with INDEPENDENCE_COLUMNS; people first.

    `n` images both answered, in the `n_conditions` in which kappa is defined. Raises LogError as `consistency` does.
    """
    parts = []
    for dataset, of_dataset in by_dataset(cells(frame)).items():
        names = _names(of_dataset)
        pairs = list(combinations(range(len(names)), 2))
        if not pairs:
            continue
        i, j = np.array(pairs).T
        rng = np.random.default_rng(seed)
        values, drawn, images, fair = [], [], [], []
        for cell in of_dataset:
            right, there = _aligned(cell, names)
            n, expected, observed = (m[i, j] for m in agreement(right, there))
            own = right @ there.T
            value = kappa(observed, expected)
            values.append(value)
            images.append(np.where(np.isnan(value), 0, n))
            fair.append(unbiased(value, n))
            null = _independent(own[i, j], own[j, i], n, n_draws, rng)
            drawn.append(np.where(np.isnan(value)[:, None], np.nan, null))
        statistic, null = nan_mean(np.array(values), axis=0), nan_mean(np.array(drawn), axis=0)
        low, high = percentiles(null)
        p = p_value(null, statistic)
        parts.append(pd.DataFrame({
            "dataset": dataset, "observer_1": np.array(names, object)[i], "observer_2": np.array(names, object)[j],
            "n_conditions": (~np.isnan(values)).sum(axis=0), "n": np.sum(images, axis=0).astype(int), "kappa": statistic,
            "unbiased": nan_mean(np.array(fair), axis=0), "null_low": low, "null_high": high, "p": p, "p_holm": holm(p),
        }))  # fmt: skip
    columns = list(INDEPENDENCE_COLUMNS)
    out = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    kept = set(out["dataset"])
    out.attrs["notes"] = notes_on(frame, kept, "no two observers answered them in a condition that counts")
    return out


def _independent(
    right_1: np.ndarray, right_2: np.ndarray, n: np.ndarray, n_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """kappa of independent observers with k of n right, (pairs, R); NaN where no image is shared."""
    shape = (len(n), n_draws)
    p = []
    for k in (right_1, right_2):
        inside = ((k > 0) & (k < n))[:, None]
        a, b = (np.where(inside, count[:, None], 1.0) for count in (k, n - k))
        share = np.divide(k, n, out=np.zeros(len(n)), where=n > 0)[:, None]
        p.append(np.where(inside, rng.beta(a, b, shape), np.where(share > 0.5, 1.0, 0.0)))
    images = n.astype(int)[:, None]
    right = rng.binomial(images, p[0])  # of the first; the second is right apart from that
    both, second = rng.binomial(right, p[1]), rng.binomial(images - right, p[1])
    first = right - both
    total = np.where(n > 0, n, np.nan)[:, None]
    p1, p2 = (both + first) / total, (both + second) / total
    return kappa((total - first - second) / total, p1 * p2 + (1 - p1) * (1 - p2))


def difference(
    frame: pd.DataFrame, pairs: Sequence[tuple[str, str]] | None = None, *, rule: Rule = "undefined-is-nan",
    n_draws: int = N_RESAMPLES, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """A row for every dataset that people answered and pair of other observers (all of them, or those given).

    Columns DIFFERENCE_COLUMNS. Two observers are compared on the images both answered. Raises UnknownName for an observer
    who is nowhere, LogError as `consistency` does.
    """
    known = set(frame.loc[frame["kind"] != "human", "observer"])
    for name in (name for pair in pairs or () for name in pair):
        if name not in known:
            raise UnknownName("observer besides people in these logs", name, known)
    rows = []
    everywhere: dict[tuple[str, str], list[_PairComparison]] = {}
    begin = 0
    for dataset, of_dataset in by_dataset(cells(frame)).items():
        of_dataset = [cell for cell in of_dataset if cell.is_person.any()]
        others = [name for name in _names(of_dataset) if name in known]
        found = {
            (one, other): _compare(of_dataset, one, other, rule, n_draws, seed, begin)
            for one, other in (pairs if pairs is not None else combinations(others, 2))
            if one in others and other in others
        }
        rows += _rows(dataset, found)
        begin += len(of_dataset)
        for pair, compared in found.items():
            everywhere.setdefault(pair, []).append(compared)
    if any(len(those) > 1 for those in everywhere.values()):
        rows += _rows(ALL, {pair: _mean(those) for pair, those in everywhere.items()})
    out = pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
    why = "no person and two others answered them in a condition that counts"
    out.attrs["notes"] = notes_on(frame, set(out["dataset"]), why)
    return out


@frozen(eq=False)
class _PairComparison:
    """Kappas of two observers with people: those of the data (2,), of resampled images (2, R), of swapped answers (2, R)."""

    n_people: int
    n: int
    kappas: np.ndarray
    resampled: np.ndarray
    swapped: np.ndarray


def _rows(dataset: str, found: dict[tuple[str, str], _PairComparison]) -> list[tuple[object, ...]]:
    rows, ps = [], []
    for (one, other), of in found.items():
        value = of.kappas[0] - of.kappas[1]
        low, high = percentiles((of.resampled[0] - of.resampled[1])[None])[:, 0]
        ps.append(p_value((of.swapped[0] - of.swapped[1])[None], np.array([value]))[0])
        rows.append((dataset, one, other, of.n_people, of.n, *of.kappas, value, low, high, ps[-1]))
    return [(*row, p) for row, p in zip(rows, holm(np.array(ps, float)), strict=True)]


def _mean(those: list[_PairComparison]) -> _PairComparison:
    """Over datasets; people of different datasets are different people."""
    arrays = [
        nan_mean(np.array([getattr(of, name) for of in those]), axis=0) for name in ("kappas", "resampled", "swapped")
    ]
    return _PairComparison(sum(of.n_people for of in those), sum(of.n for of in those), *arrays)


def _compare(
    of_dataset: list[ConditionData], one: str, other: str, rule: Rule, n_draws: int, seed: int, begin: int
) -> _PairComparison:
    """`begin` is the number of the first cell among those of all datasets, whose draws are independent."""
    kept, null = [], []
    rng = np.random.default_rng([seed, begin])
    for cell in of_dataset:
        if one not in cell.names or other not in cell.names:
            continue
        a, b = cell.names.index(one), cell.names.index(other)
        images = (cell.answered[a] * cell.answered[b]) > 0
        rows = [*np.flatnonzero(cell.is_person), a, b]
        if images.any():
            kept.append(ConditionData(
                cell.dataset, cell.condition, tuple(cell.names[o] for o in rows), tuple(cell.kinds[o] for o in rows),
                cell.is_person[rows], cell.right[rows][:, images], cell.answered[rows][:, images],
            ))  # fmt: skip
    if not kept:
        return _PairComparison(0, 0, np.full(2, np.nan), *np.full((2, 2, n_draws), np.nan))
    people = list(dict.fromkeys(name for cell in kept for name in cell.names[:-2]))
    for cell in kept:
        swap = rng.integers(2, size=(cell.right.shape[1], n_draws)).astype(np.float32)
        null.append(_swapped(cell, people, swap, rule))
    whole, boot = (with_people(kept, rule, how, begin).others[2] for how in (once, resampling(n_draws, seed)))
    drawn = nan_mean(nan_mean(np.array(null), axis=0), axis=1)  # (2, R): over conditions, then people
    n = int(sum(cell.right.shape[1] for cell in kept))
    return _PairComparison(len(people), n, whole[:, 0], boot, drawn)


def _swapped(cell: ConditionData, people: list[str], swap: np.ndarray, rule: Rule) -> np.ndarray:
    """kappa of the last two of a cell with each person, (2, P, R), with their answers exchanged where `swap` (I, R) is 1."""
    right, there = cell.right.astype(np.float32), cell.answered.astype(np.float32)
    out = np.full((2, len(people), swap.shape[1]), np.nan)
    persons = np.arange(len(right) - 2)
    place = [people.index(cell.names[o]) for o in persons]
    for which, (mine, theirs) in enumerate(((-2, -1), (-1, -2))):
        both = (right[persons] * right[mine]) @ (1 - swap) + (right[persons] * right[theirs]) @ swap
        n = there[persons].sum(axis=1, keepdims=True).astype(float)
        n = np.where(n > 0, n, np.nan)
        p1 = right[persons].sum(axis=1, keepdims=True) / n
        p2 = ((there[persons] * right[mine]) @ (1 - swap) + (there[persons] * right[theirs]) @ swap) / n
        out[which, place] = kappa(1 - p1 - p2 + 2 * both / n, p1 * p2 + (1 - p1) * (1 - p2), rule)
    return out


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p, as statsmodels has it: NaN stays NaN and does not count."""
    out, there = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    order = there[np.argsort(p[there], kind="stable")]
    out[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return out


def _names(of_dataset: list[ConditionData]) -> list[str]:
    """Everybody, people first."""
    person = {name: bool(p) for cell in of_dataset for name, p in zip(cell.names, cell.is_person, strict=True)}
    return sorted(person, key=lambda name: not person[name])


def _aligned(cell: ConditionData, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """right and answered (O, I) in the order of names; 0 for who is not there."""
    place = pd.Index(cell.names).get_indexer(pd.Index(names))
    there = place[:, None] >= 0
    return np.where(there, cell.right[place], 0.0), np.where(there, cell.answered[place], 0.0)
