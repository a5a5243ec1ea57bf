"""Run the microcosm's observers on its sixteen experiments, and compute the measures of the paper.

    python benchmarks/microcosm.py [--limit 160] [--out benchmarks/cache/microcosm] [--figures docs/microcosm] [--workers 2]
    python benchmarks/microcosm.py --recorded [--figures docs/microcosm]

With `--recorded`, the recorded trials that come with the installation are analyzed, which takes a minute. Otherwise the
observers run, and trials that are already in the logs are not repeated. A complete run takes two to three hours on two
cores. With `--workers` or `--gpus`, several processes compute the responses, and the logs are the same (see
docs/cluster.md). The printed tables (in Markdown) and the figures show the accuracy on the consistent images, the shape
bias, the out-of-distribution accuracy as in Table 1 of the paper, the correlation of low-pass accuracy with shape bias, and
the error consistency with its clusters. `--limit` is the number of trials per distortion; all observers get the same
trials. The four sets without distortions are always run completely.
"""

import argparse
import shutil
from pathlib import Path

import pandas as pd
import statsmodels.api as sm
from scipy import stats

from analysis.io.columns import as_text
from analysis.io.frame import read_trials
from analysis.io.writing.formats import to_markdown as markdown
from analysis.kappa.clustering import cluster_observers
from analysis.kappa.consistency import error_consistency, kappa_matrix
from analysis.measures.accuracy import accuracy
from analysis.measures.shape_bias import overall_shape_bias, shape_bias
from analysis.report.report import write_report
from commands.options import to_stderr
from commands.running.run_experiment import run_sessions_here
from commands.running.workers import open_executor, run_sessions
from core.parallel.executor import Executor
from experiments.running.requests import RunRequest, plan_sessions
from experiments.sets.catalog import EXPERIMENTS
from observers.catalog.microcosm import MICROCOSM
from stimuli.draw.microcosm import exemplars
from stimuli.draw.microcosm_sets import SETS

CONSISTENT, CONFLICT, LOW_PASS = "microcosm", "microcosm-cue-conflict", "microcosm-low-pass"
FIGURES = (
    f"shape-bias_{CONFLICT}",
    f"consistency_{CONFLICT}",
    f"accuracy_{LOW_PASS}",
    "accuracy_microcosm-uniform-noise",
)


def run_experiments(out: Path, limit: int, executor: Executor | None) -> pd.DataFrame:
    """Run all observers on all experiments and return their trials. Incomplete logs in the folder are resumed."""
    observers = tuple(row.name for row in MICROCOSM)
    experiments = [name for name in EXPERIMENTS if name.startswith("microcosm") and name != "microcosm-ambiguous"]
    distorted = tuple(name for name in experiments if name not in SETS)
    requests = [RunRequest(tuple(SETS), observers), RunRequest(distorted, observers, limit=limit)]
    sessions = plan_sessions(requests, out / "logs")
    if executor is not None:
        run_sessions(sessions, executor, time_limit=None, quiet=False, notify=to_stderr)
    else:
        run_sessions_here(sessions, quiet=False)
    return as_text(read_trials([out / "logs"]))


def summarize(frame: pd.DataFrame) -> pd.DataFrame:
    """Return each observer's shape bias, and its accuracy on consistent, out-of-distribution and blurred images.

    Out-of-distribution accuracy is the mean over all experiments except the one with consistent images.
    """
    accuracies = frame.groupby(["observer", "kind", "dataset"])["correct"].mean().unstack("dataset")
    bias = overall_shape_bias(shape_bias(frame)).set_index("observer")["shape_bias"]
    low_pass = frame[(frame["dataset"] == LOW_PASS) & frame["condition"].isin(blurred_conditions(frame))]
    table = pd.DataFrame({
        "consistent": accuracies[CONSISTENT],
        "ood": accuracies.drop(columns=CONSISTENT).mean(axis=1),
        "low_pass": low_pass.groupby(["observer", "kind"])["correct"].mean(),
    }).reset_index()  # fmt: skip
    table.insert(2, "shape_bias", table["observer"].map(bias))
    return table.sort_values("shape_bias", ascending=False)


def accuracy_by_experiment(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy of every observer (columns) in every experiment (rows)."""
    return frame.groupby(["dataset", "observer"])["correct"].mean().unstack("observer").reset_index()


def decisions(conflicts: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of `microcosm-cue-conflict` whose response is the shape or the texture of a cue conflict.

    The column `icon` identifies the icon of each image, and `is_shape` is 1.0 for the shape and 0.0 for the texture.
    """
    trials = conflicts[conflicts["shape"] != conflicts["texture"]]
    trials = trials[(trials["response"] == trials["shape"]) | (trials["response"] == trials["texture"])]
    n_icons = {category: len(shapes) for category, shapes in exemplars().items()}
    number = trials["stimulus"].str.extract(r"(\d+)-", expand=False).astype(int) - 1
    icon = trials["shape"] + (number % trials["shape"].map(n_icons)).astype(str)
    return trials.assign(icon=icon, is_shape=(trials["response"] == trials["shape"]).astype(float))


def clustered_shape_bias(conflicts: pd.DataFrame) -> pd.DataFrame:
    """Return the shape bias of every observer with intervals that allow for images of the same icon or texture.

    The shape bias is the mean of the shape and texture decisions (1 for shape). Its variance is that of Cameron, Gelbach
    & Miller (2011, Journal of Business & Economic Statistics 29(2)) for two crossed groupings, icons and textures, and
    the interval is that of the t distribution with as many degrees of freedom as there are textures, minus 1.

    Args:
        conflicts: Trials of `microcosm-cue-conflict`.

    Returns:
        One row per observer: the shape bias, the interval, and the numbers of icons and textures.
    """
    decided = decisions(conflicts)
    groups = pd.DataFrame({column: pd.factorize(decided[column])[0] for column in ("icon", "texture")})
    groups.index = decided.index
    rows = []
    for observer, trials in decided.groupby("observer"):
        is_shape = trials["is_shape"].to_numpy(float)
        clusters = groups.loc[trials.index]
        fit = sm.OLS(is_shape, [1.0] * len(is_shape)).fit(
            cov_type="cluster", cov_kwds={"groups": clusters.to_numpy()}, use_t=True
        )
        low, high = fit.conf_int()[0]
        rows.append((observer, fit.params[0], low, high, *clusters.nunique()))
    return pd.DataFrame(rows, columns=["observer", "shape_bias", "low", "high", "n_icons", "n_textures"])


def blurred_conditions(frame: pd.DataFrame) -> list[str]:
    """Return the conditions of the low-pass experiment in which images are blurred."""
    conditions = frame.loc[frame["dataset"] == LOW_PASS, "condition"].unique()
    return [c for c in conditions if float(c.lstrip("abcdefghijklmnopqrstuvwxyz-")) > 0]


def main() -> None:
    """Run the experiments, print the tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limit", type=int, default=160, help="trials per distortion (default: %(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("benchmarks/cache/microcosm"),
        help="folder for logs and report (default: %(default)s)",
    )
    parser.add_argument("--figures", type=Path, help="folder to which figures are copied (default: none)")
    parser.add_argument("--recorded", action="store_true", help="analyze the recorded trials, without running a model")
    parser.add_argument("--workers", type=int, help="number of worker processes (default: compute in this process)")
    parser.add_argument("--gpus", help="GPUs to use: all, or indices such as 0,1 (default: none)")
    options = parser.parse_args()
    if options.limit < 1 or (options.workers or 1) < 1:
        parser.error("--limit and --workers must be 1 or more")
    if options.recorded:
        frame = as_text(read_trials("microcosm"))
    else:
        with open_executor(options.workers, options.gpus, None) as executor:
            frame = run_experiments(options.out, options.limit, executor)
    consistent = accuracy(frame[frame["dataset"] == CONSISTENT])
    print(markdown(consistent[["observer", "kind", "n", "accuracy", "low", "high"]]))
    conflicts = overall_shape_bias(shape_bias(frame))
    columns = ["observer", "n_shape", "n_texture", "shape_bias", "low", "high", "shape_rate", "texture_rate"]
    print(markdown(conflicts[columns]))
    print("shape bias, with intervals that allow for images of the same icon or texture\n")
    print(markdown(clustered_shape_bias(frame[frame["dataset"] == CONFLICT])))
    table = summarize(frame)
    print(markdown(table))
    for name, test in (("Pearson", stats.pearsonr), ("Spearman", stats.spearmanr)):
        result = test(table["low_pass"], table["shape_bias"])
        print(f"low-pass accuracy and shape bias, {name}: r({len(table) - 2}) = {result[0]:.2f}, p = {result[1]:.3f}")
    print("\n" + markdown(accuracy_by_experiment(frame)))
    pairs = error_consistency(frame, intervals=False)
    matrices = [kappa_matrix(pairs, dataset) for dataset in pairs["dataset"].unique()]
    mean = pd.concat(matrices).groupby(level=0).mean()
    mean = mean.loc[mean.index, mean.index]
    order = list(cluster_observers(mean).order)
    print("error consistency, mean over experiments\n")
    print(markdown(mean.loc[order, order].rename_axis("observer").reset_index()))
    page = write_report(frame, options.out / "report", intervals=False)
    print(f"report: {page}")
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        for stem in FIGURES:
            figure = page.parent / "figures" / f"{stem}.png"
            if figure.is_file():
                shutil.copy(figure, options.figures)
            else:
                print(f"{stem}: not drawn, because there are too few trials")


if __name__ == "__main__":
    main()
