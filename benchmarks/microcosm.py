"""The microcosm in full: its observers on its sixteen experiments, and what they have in common with the paper's.

    python benchmarks/microcosm.py [--limit 160] [--out benchmarks/cache/microcosm] [--figures docs/microcosm]

Runs what is not there yet (an hour or two on two cores), then prints tables in Markdown and writes figures: accuracy on the
world itself, Table 1 in small, shape bias under noise, low-pass accuracy and shape bias, error consistency and its clusters.
`--limit` is that of the distortions, the same trials for everybody; the four sets without distortion are whole.
"""

import argparse
import shutil
import time
from pathlib import Path

import pandas as pd
from scipy import stats

from analysis.accuracy import accuracy
from analysis.clustering import cluster
from analysis.consistency import consistency, kappa_matrix
from analysis.frame import read_trials
from analysis.report.report import write_report
from analysis.shape_bias import overall, shape_bias
from analysis.tables import cell
from experiments.microcosm import NAMES
from experiments.registry import make_experiment
from experiments.session import run
from observers.microcosm import named
from observers.registry import make_observer
from stimuli.microcosm_sets import SETS

WORLD, CONFLICT, LOW_PASS = "microcosm", "microcosm-cue-conflict", "microcosm-low-pass"
FIGURES = (
    f"shape-bias_{CONFLICT}",
    f"consistency_{CONFLICT}",
    f"accuracy_{LOW_PASS}",
    "accuracy_microcosm-uniform-noise",
)


def markdown(table: pd.DataFrame) -> str:
    rows = [[str(c) for c in table.columns], ["---"] * len(table.columns)]
    rows += [[cell(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def answers(out: Path, limit: int) -> pd.DataFrame:
    """The trials of everybody; what was answered before is not asked again."""
    for name in named.NAMES:
        for experiment in NAMES:
            what, start = make_experiment(experiment), time.monotonic()
            n = None if experiment in SETS else limit
            run(what, make_observer(name), out / "logs", limit=n)
            print(f"{name} on {experiment}: {time.monotonic() - start:.0f} s", flush=True)
    return read_trials([out / "logs"])


def in_small(frame: pd.DataFrame) -> pd.DataFrame:
    """Shape bias, mean accuracy out of distribution (all but the world itself), and on the world."""
    accuracies = frame.groupby(["observer", "kind", "dataset"])["correct"].mean().unstack("dataset")
    bias = overall(shape_bias(frame)).set_index("observer")["shape_bias"]
    low_pass = frame[(frame["dataset"] == LOW_PASS) & frame["condition"].isin(blurred(frame))]
    table = pd.DataFrame({
        "world": accuracies[WORLD],
        "ood": accuracies.drop(columns=WORLD).mean(axis=1),
        "low_pass": low_pass.groupby(["observer", "kind"])["correct"].mean(),
    }).reset_index()  # fmt: skip
    table.insert(2, "shape_bias", table["observer"].map(bias))
    return table.sort_values("shape_bias", ascending=False)


def blurred(frame: pd.DataFrame) -> list[str]:
    """Conditions of low-pass that blur at all."""
    conditions = frame.loc[frame["dataset"] == LOW_PASS, "condition"].unique()
    return [c for c in conditions if float(c.lstrip("abcdefghijklmnopqrstuvwxyz-")) > 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limit", type=int, default=160)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/cache/microcosm"))
    parser.add_argument("--figures", type=Path)
    said = parser.parse_args()
    if said.limit < 1:
        parser.error("--limit must be 1 or more")
    frame = answers(said.out, said.limit)
    world = accuracy(frame[frame["dataset"] == WORLD])
    print(markdown(world[["observer", "kind", "n", "accuracy", "low", "high"]]))
    conflicts = overall(shape_bias(frame))
    columns = ["observer", "n_shape", "n_texture", "shape_bias", "low", "high", "shape_rate", "texture_rate"]
    print(markdown(conflicts[columns]))
    table = in_small(frame)
    print(markdown(table))
    for what, test in (("Pearson", stats.pearsonr), ("Spearman", stats.spearmanr)):
        found = test(table["low_pass"], table["shape_bias"])
        print(f"low-pass accuracy and shape bias, {what}: r({len(table) - 2}) = {found[0]:.2f}, p = {found[1]:.3f}")
    by_dataset = frame.groupby(["dataset", "observer"])["correct"].mean().unstack("observer").reset_index()
    print("\n" + markdown(by_dataset))
    pairs = consistency(frame, intervals=False)
    matrices = [kappa_matrix(pairs, dataset) for dataset in pairs["dataset"].unique()]
    mean = pd.concat(matrices).groupby(level=0).mean()
    mean = mean.loc[mean.index, mean.index]
    order = list(cluster(mean).order)
    print("error consistency, mean over experiments\n")
    print(markdown(mean.loc[order, order].rename_axis("observer").reset_index()))
    page = write_report(frame, said.out / "report", intervals=False)
    print(f"report: {page}")
    if said.figures:
        said.figures.mkdir(parents=True, exist_ok=True)
        for stem in FIGURES:
            shutil.copy(page.parent / "figures" / f"{stem}.png", said.figures / f"{stem}.png")


if __name__ == "__main__":
    main()
