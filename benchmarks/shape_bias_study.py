"""Tables and figures of the study of shape bias (docs/shape-bias.md), from the logs of its models.

    python benchmarks/shape_bias_study.py [LOGS] [--figures docs/shape-bias]

LOGS is the folder study/logs that `python -m observers.microcosm.training.study` writes. By default, the recorded trials
that come with the installation (microcosm-study) are used. The intervals account for the variation between images and
between training runs; docs/shape-bias.md describes how they are computed.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm
from attrs import frozen
from scipy import stats

from analysis.figures.style import publication
from analysis.io.columns import as_text
from analysis.io.frame import read_trials
from analysis.io.writing.formats import to_markdown as markdown
from analysis.kappa.consistency import correct_matrix, resampled_kappa
from analysis.measures.accuracy import accuracy
from benchmarks.microcosm import CONFLICT, CONSISTENT, LOW_PASS, blurred_conditions, decisions
from core.errors import LogError, UserError

FAMILIES = ("network", "noise", "latent", "ar")
COLORS = {"network": "#4D4D4D", "noise": "#0072B2", "latent": "#D55E00", "ar": "#009E73"}
MIN_ACCURACY = 0.25  # smallest accuracy on consistent images with which a model is interpreted
N_RESAMPLES, SEED = 2000, 0
LEVEL = 0.95


def read_study(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Return the trials of the models of the study, with the columns family, agreement, run (the seed) and cell."""
    frame = as_text(read_trials(list(paths)))
    name = rf"^study-(?P<family>{'|'.join(FAMILIES)})-(?P<agreement>0\.\d+|1)-(?P<run>\d+)$"
    parts = frame["observer"].str.extract(name)
    if parts["family"].isna().any():
        others = sorted(frame.loc[parts["family"].isna(), "observer"].unique())
        raise LogError(
            f"these observers are not models of the study: {', '.join(others)}; give the folder study/logs that "
            f"`python -m observers.microcosm.training.study` writes"
        )
    if not {"shape", "texture"} <= set(frame.columns) or CONFLICT not in set(frame["dataset"]):
        raise LogError(f"these logs do not contain trials of {CONFLICT}, from which shape bias is computed")
    frame = frame.assign(family=parts["family"], agreement=parts["agreement"].astype(float), run=parts["run"])
    return frame.assign(cell=frame["family"] + " " + frame["agreement"].map("{:.0%}".format))


def trial_notes(frame: pd.DataFrame) -> list[str]:
    """Return a note for each dataset whose images are not the same for all models, which differences can be due to."""
    notes = []
    n_models = frame["observer"].nunique()
    for dataset, trials in frame.groupby("dataset"):
        n_trials = trials.groupby("observer").size()
        images = trials.drop_duplicates(["observer", "stimulus", "condition"])
        n_common = int((images.groupby(["stimulus", "condition"]).size() == n_models).sum())
        if len(n_trials) < n_models or (n_trials != n_common).any():
            notes.append(
                f"{dataset}: {len(n_trials)} of {n_models} models answered {n_trials.min()} to {n_trials.max()} trials, and "
                f"{n_common} images were answered by all models: models are not compared on the same images"
            )
    return notes


@frozen
class CellModel:
    """The log odds of a shape decision in every cell, with both sources of variation.

    Attributes:
        cells: The names of the cells that have both shape and texture decisions.
        log_odds: Log odds of each cell, averaged over its training runs.
        n_runs: Number of training runs of each cell.
        image_covariance: Covariance matrix of the log odds due to images, clustered by icon and by texture. It is
            positive semidefinite.
        image_df: Its degrees of freedom, the number of textures minus 1.
        run_variance: Variance of the log odds between the training runs of a cell, pooled; NaN if every cell has one run.
        run_df: Its degrees of freedom.
    """

    cells: tuple[str, ...]
    log_odds: np.ndarray
    n_runs: np.ndarray
    image_covariance: np.ndarray
    image_df: int
    run_variance: float
    run_df: int

    def contrast(self, weights: dict[str, float]) -> tuple[float, float, float]:
        """Return the value and the 95 % interval of a weighted sum of the log odds of cells."""
        w = np.array([weights.get(cell, 0.0) for cell in self.cells])
        by_images = float(w @ self.image_covariance @ w)
        by_runs = float(np.nan_to_num(self.run_variance) * np.sum(w**2 / self.n_runs))
        variance = by_images + by_runs
        if not variance:
            return float(w @ self.log_odds), float("nan"), float("nan")
        df = variance**2 / (by_images**2 / self.image_df + (by_runs**2 / self.run_df if self.run_df else 0.0))
        half = float(stats.t.ppf(0.5 + LEVEL / 2, df)) * variance**0.5
        value = float(w @ self.log_odds)
        return value, value - half, value + half


def fit_cells(chosen: pd.DataFrame) -> CellModel:
    """Fit the log odds of the cells to the shape and texture decisions of `decisions`.

    The covariance due to images is that of a logistic regression with two crossed clusters, icons and textures (Cameron,
    Gelbach & Miller 2011, Journal of Business & Economic Statistics 29(2)). It is a difference of matrices and can have
    negative eigenvalues, which are set to 0 as they propose. A cell with shape decisions only or with texture
    decisions only does not have finite log odds and is omitted.

    Raises:
        LogError: If every cell is omitted, or if there are fewer than two textures or icons.
    """
    shares = chosen.groupby("cell")["is_shape"].transform("mean")
    chosen = chosen[(shares > 0) & (shares < 1)]
    if chosen["texture"].nunique() < 2 or chosen["icon"].nunique() < 2:
        raise LogError(
            "intervals need a cell with shape and texture decisions on at least two icons and two textures: add trials"
        )
    order = chosen.assign(order=chosen["family"].map(FAMILIES.index)).sort_values(
        ["agreement", "order"], ascending=[False, True]
    )
    cells = tuple(dict.fromkeys(order["cell"]))
    design = pd.DataFrame({cell: (chosen["cell"] == cell).astype(float) for cell in cells})
    groups = np.column_stack([pd.factorize(chosen["icon"])[0], pd.factorize(chosen["texture"])[0]])
    fit = sm.GLM(chosen["is_shape"], design, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": groups}
    )
    counts = chosen.groupby(["cell", "observer"])["is_shape"].agg(["sum", "count"])
    log_odds = np.log((counts["sum"] + 0.5) / (counts["count"] - counts["sum"] + 0.5)).groupby("cell")
    n_runs, df = log_odds.size().loc[list(cells)].to_numpy(), int((log_odds.size() - 1).sum())
    squares = float(((log_odds.size() - 1) * log_odds.var().fillna(0.0)).sum())
    return CellModel(
        cells, log_odds.mean().loc[list(cells)].to_numpy(), n_runs, _without_negative_eigenvalues(fit.cov_params()),
        chosen["texture"].nunique() - 1, squares / df if df else float("nan"), df,
    )  # fmt: skip


def _without_negative_eigenvalues(covariance: pd.DataFrame) -> np.ndarray:
    values, vectors = np.linalg.eigh(np.asarray(covariance))
    return np.asarray(vectors * np.maximum(values, 0.0) @ vectors.T)


def probability(log_odds: float) -> float:
    """Return the probability that corresponds to log odds."""
    return float(1 / (1 + np.exp(-log_odds)))


def model_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each model: accuracy on consistent and on blurred images, shape bias, and its counts."""
    consistent = accuracy(frame[frame["dataset"] == CONSISTENT]).set_index("observer")["accuracy"]
    blurred = frame[(frame["dataset"] == LOW_PASS) & frame["condition"].isin(blurred_conditions(frame))]
    counts = (
        decisions(frame[frame["dataset"] == CONFLICT])
        .groupby(["family", "agreement", "run", "observer"])["is_shape"]
        .agg(["sum", "count"])
    )
    table = counts.reset_index().rename(columns={"sum": "n_shape", "count": "n_cue"}).astype({"n_shape": int})
    table["shape_bias"] = table["n_shape"] / table["n_cue"]
    table["consistent"] = table["observer"].map(consistent)
    table["blurred"] = table["observer"].map(blurred.groupby("observer")["correct"].mean())
    order = table["family"].map(FAMILIES.index)
    return table.assign(order=order).sort_values(["agreement", "order", "run"], ascending=[False, True, True]).drop(
        columns="order"
    )  # fmt: skip


def contrast_table(model: CellModel) -> pd.DataFrame:
    """Return differences of log odds with intervals: those of predictions 1 to 4, and three on the effect of noise.

    A difference that needs a cell that the model lacks is omitted.
    """
    rows: list[tuple[str, dict[str, float]]] = []
    for family in FAMILIES:
        rows.append((f"{family}: agreement 50% − 100%", {f"{family} 50%": 1.0, f"{family} 100%": -1.0}))
    for agreement, (other, family) in product(("100%", "75%", "50%"), combinations(FAMILIES, 2)):
        weights = {f"{family} {agreement}": 1.0, f"{other} {agreement}": -1.0}
        rows.append((f"{family} − {other} at agreement {agreement}", weights))
    ends = [f"{family} {agreement}" for agreement in ("50%", "100%") for family in FAMILIES]
    weights = {cell: (1.0 if " 50%" in cell else -1.0) / len(FAMILIES) for cell in ends}
    rows.append(("mean of the families: agreement 50% − 100%", weights))
    for other in ("75%", "50%"):  # these three were chosen after the results had been seen
        weights = {"noise 100%": 1.0, "network 100%": -1.0, f"noise {other}": -1.0, f"network {other}": 1.0}
        rows.append((f"noise − network: at agreement 100% − at {other}", weights))
    rows.append(("network at agreement 50% − noise at 100%", {"network 50%": 1.0, "noise 100%": -1.0}))
    values = [(label, *model.contrast(weights)) for label, weights in rows if set(weights) <= set(model.cells)]
    return pd.DataFrame(values, columns=["contrast", "log_odds_ratio", "low", "high"])


def kappa_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the mean κ on cue-conflict images within and between families at each agreement, with bootstrap intervals.

    An image counts as correct if the response is the category of its shape. All images of the dataset are used, also those
    whose cues agree. The intervals are percentiles over resamples of single images, so they contain neither the variation
    between training runs nor that between icons and textures, and are too narrow for conclusions about either.
    """
    rng, rows = np.random.default_rng(SEED), []
    for agreement, trials in frame[frame["dataset"] == CONFLICT].groupby("agreement"):
        names, correct, answered = correct_matrix(trials)
        family = dict(zip(trials["observer"], trials["family"], strict=True))
        pairs = list(combinations(range(len(names)), 2))
        if not pairs:
            continue
        i, j = np.array(pairs).T
        n = correct.shape[1]
        weight = np.column_stack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), N_RESAMPLES).T])
        kappas = resampled_kappa(correct, answered, weight, i, j, "undefined-is-nan")
        is_same = np.array([family[names[a]] == family[names[b]] for a, b in pairs])
        for label, chosen in (("two seeds of one family", is_same), ("different families", ~is_same)):
            if chosen.any():
                rows.append((agreement, label, int(chosen.sum()), *_with_interval(np.nanmean(kappas[chosen], axis=0))))
        if is_same.any() and not is_same.all():
            difference = np.nanmean(kappas[is_same], axis=0) - np.nanmean(kappas[~is_same], axis=0)
            rows.append((agreement, "difference", len(pairs), *_with_interval(difference)))
    return pd.DataFrame(rows, columns=["agreement", "pairs", "n_pairs", "mean_kappa", "low", "high"])


def family_kappas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the mean κ on cue-conflict images for every pair of families, over the models with the same agreement."""
    rows = []
    for agreement, trials in frame[frame["dataset"] == CONFLICT].groupby("agreement"):
        names, correct, answered = correct_matrix(trials)
        family = dict(zip(trials["observer"], trials["family"], strict=True))
        pairs = np.array(list(combinations(range(len(names)), 2)))
        if not len(pairs):
            continue
        kappas = resampled_kappa(
            correct, answered, np.ones((correct.shape[1], 1)), pairs[:, 0], pairs[:, 1], "undefined-is-nan"
        )
        for (a, b), value in zip(pairs, kappas[:, 0], strict=True):
            first, second = sorted((family[names[a]], family[names[b]]), key=FAMILIES.index)
            rows.append((agreement, f"{first}, {second}", value))
    table = pd.DataFrame(rows, columns=["agreement", "families", "kappa"])
    means = table.groupby(["families", "agreement"], sort=False)["kappa"].mean().unstack("agreement")
    means = means[sorted(means, reverse=True)]
    return means.rename(columns="kappa at {:.0%}".format).reset_index()


def _with_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the first value, and the percentile interval of the others."""
    low, high = np.nanpercentile(values[1:], [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(values[0]), float(low), float(high)


def correlation_table(models: pd.DataFrame) -> pd.DataFrame:
    """Return Pearson's r of accuracy on blurred images and shape bias over all models, and within each agreement.

    The intervals are those of Fisher's z, as if models were independent and their shape bias were known exactly.
    """
    groups = [("all", models), *((f"{a:.0%}", group) for a, group in models.groupby("agreement"))]
    rows = []
    for label, every in groups:
        group = every.dropna(subset=["blurred", "shape_bias"])
        if len(group) >= 4 and (group[["blurred", "shape_bias"]].nunique() > 1).all():
            result = stats.pearsonr(group["blurred"], group["shape_bias"])
            rows.append((label, len(group), result.statistic, *result.confidence_interval(LEVEL)))
    return pd.DataFrame(rows, columns=["agreement", "n_models", "r", "low", "high"])


def plot_shape_bias(models: pd.DataFrame, model: CellModel, path: Path) -> None:
    """Draw the shape bias of every family as a function of the agreement: cells with intervals, and single models."""
    with publication():
        figure, ax = plt.subplots(figsize=(4.2, 3.0))
        agreements = sorted(models["agreement"].unique(), reverse=True)
        for shift, family in zip((-0.12, -0.04, 0.04, 0.12), FAMILIES, strict=True):
            x, values = [], []
            for position, agreement in enumerate(agreements):
                cell = f"{family} {agreement:.0%}"
                if cell in model.cells:
                    x.append(position + shift)
                    values.append([probability(value) for value in model.contrast({cell: 1.0})])
                own = models[(models["family"] == family) & (models["agreement"] == agreement)]["shape_bias"]
                ax.plot([position + shift] * len(own), own, "_", color=COLORS[family], markersize=5)
            if x:
                center, low, high = np.array(values).T
                ax.errorbar(
                    x, center, [center - low, high - center], color=COLORS[family], marker="o", markersize=4,
                    linewidth=1, label=family,
                )  # fmt: skip
        ax.axhline(0.5, color="#999999", linewidth=0.6, linestyle=":")
        ax.set_xticks(range(len(agreements)), [f"{agreement:.0%}" for agreement in agreements])
        ax.set_xlabel("training images in which the texture agrees with the category")
        ax.set_ylabel("shape bias")
        ax.set_ylim(0, 1)
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.25, 0.0))
        figure.savefig(path)
        plt.close(figure)


def main() -> None:
    """Print the tables and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("logs", nargs="*", default=["microcosm-study"], help="logs (default: the recorded trials)")
    parser.add_argument("--figures", type=Path, help="folder for the figure (default: none)")
    options = parser.parse_args()
    try:
        show(read_study(options.logs), options.figures)
    except (UserError, OSError) as error:
        sys.exit(f"shape_bias_study: {error}")


def show(frame: pd.DataFrame, figures: Path | None) -> None:
    """Print the tables of the trials of `read_study`, and draw the figure into a folder unless it is None."""
    models = model_table(frame)
    for note in trial_notes(frame):
        print(f"note: {note}\n")
    without = sorted(set(frame["observer"]) - set(models["observer"]))
    if without:
        print(f"without a shape or texture decision, and therefore omitted: {', '.join(without)}\n")
    print(markdown(models[["family", "agreement", "run", "consistent", "blurred", "n_shape", "n_cue", "shape_bias"]]))
    weak = models.loc[~(models["consistent"] >= MIN_ACCURACY), "observer"]  # also without trials with consistent images
    if len(weak):
        print(f"not interpreted, because the accuracy on consistent images is not 25 % or more: {', '.join(weak)}\n")
    chosen = decisions(frame[(frame["dataset"] == CONFLICT) & ~frame["observer"].isin(weak)])
    model = fit_cells(chosen)
    one_sided = sorted(set(chosen["cell"]) - set(model.cells))
    if one_sided:
        print(f"omitted below, because the log odds of one kind of decision are infinite: {', '.join(one_sided)}\n")
    cells = [(cell, *map(probability, model.contrast({cell: 1.0}))) for cell in model.cells]
    print(markdown(pd.DataFrame(cells, columns=["cell", "shape_bias", "low", "high"])))
    sd = model.run_variance**0.5
    if model.run_df:
        print(
            f"standard deviation of the log odds between training runs: {sd:.3f} ({model.run_df} degrees of freedom)\n"
        )
    else:
        print("note: every cell has one training run, so the intervals do not contain the variation between runs\n")
    interpreted = models[~models["observer"].isin(weak)]
    for table in (contrast_table(model), kappa_table(frame), family_kappas(frame), correlation_table(interpreted)):
        if len(table):
            print(markdown(table))
    if figures:
        figures.mkdir(parents=True, exist_ok=True)
        plot_shape_bias(models, model, figures / "shape-bias.png")


if __name__ == "__main__":
    main()
