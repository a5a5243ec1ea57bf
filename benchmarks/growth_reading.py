"""Measure how the time and memory of reading trial logs and archives grow with the number of trials.

    OMP_NUM_THREADS=1 python benchmarks/growth_reading.py [--trials 10000 … 2560000] [--cases NAME …] [--large 20000000]
        [--figure FILE.png] [--keep DIR]

The cases are many logs of 256 trials, the same logs with the evidence for 16 choices, and one log with all trials. The logs
are synthetic: responses of models to 1,280 images, with sidecars. For each case and size, the logs are read (`read_trials`)
and exported to an archive (`observers export --format parquet`), and the archive is read, each in a fresh process. The
memory is the peak memory of the process, including the imported libraries (about 0.2 GB). The files may be in the cache of
the operating system. `--large` adds one log of that many trials, which needs 0.1 GB of disk space and 0.2 GB of
memory per million trials.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from analysis.figures import style
from analysis.io.archive_export import export_parquet
from analysis.io.frame import read_trials
from benchmarks.growth_analysis import peak_memory
from core.trial_columns import NAMES
from experiments.log import VERSION
from stimuli.categories import CATEGORIES

DATASET = "edge-study"  # not a published dataset
TRIALS_OF_LOG, N_IMAGES, N_CONDITIONS, BLOCK = 256, 1280, 8, 64
TRIALS = (10_240, 102_400, 1_024_000, 2_560_000, 5_000_000)
MAX_EVIDENCE = 2_560_000  # largest number of trials with evidence; more would need 2 GB of disk space
CASES = ("many logs", "many logs with evidence", "one log")
CHUNK = 100_000  # number of trials that are generated at a time

ACTIONS: dict[str, Callable[[Path, Path], object]] = {
    "read the logs": lambda logs, archive: read_trials(logs),
    "export": lambda logs, archive: export_parquet(logs, archive),
    "read the archive": lambda logs, archive: read_trials(archive),
}


def write_logs(folder: Path, case: str, n_trials: int) -> None:
    """Write the logs of one case, with a sidecar for each."""
    size = n_trials if case == "one log" else TRIALS_OF_LOG
    choices = CATEGORIES if "evidence" in case else ()
    (folder / DATASET).mkdir(parents=True)
    for number in range(n_trials // size):
        observer = f"model-{number:05d}"
        path = folder / DATASET / f"{DATASET}_{observer}_session-1.csv"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(",".join([*NAMES, "shape", "texture", *(f"evidence_{choice}" for choice in choices)]) + "\n")
            for start in range(0, size, CHUNK):
                file.writelines(_rows(observer, start, min(CHUNK, size - start), len(choices), seed=number))
        options = {"model": "models/synthetic-classifier", "temperature": 1.0, "seed": number}
        packages = dict.fromkeys(("numpy", "pillow", "torch", "transformers", "diffusers", "observers"), "1.0")
        sidecar = {
            "format": VERSION, "status": "complete", "started": "2026-01-01T00:00:00+00:00",
            "finished": "2026-01-01T01:00:00+00:00", "n_logged": size,
            "identity": {
                "experiment": DATASET, "seed": number, "choices": list(CATEGORIES), "n_trials": size,
                "stimuli": "a" * 64, "observer": {"name": observer, "options": options},
            },
            "environment": {"python": "3.12", "packages": packages}, "provenance": {"runs": [{"commit": "a" * 40}]},
        }  # fmt: skip
        path.with_suffix(".json").write_text(json.dumps(sidecar, indent=2) + "\n", "utf-8")


def _rows(observer: str, start: int, n: int, n_choices: int, seed: int) -> Iterator[str]:
    """Yield the lines of n trials."""
    rng = np.random.default_rng([seed, start])
    category, other = rng.integers(len(CATEGORIES), size=(2, n))
    response = np.where(rng.random(n) < 0.6, category, rng.integers(len(CATEGORIES), size=n))
    evidence = rng.normal(-5000, 20, (n, n_choices)).astype(np.float32).tolist()
    trials = zip(category.tolist(), response.tolist(), other.tolist(), evidence, strict=True)
    for i, (shape, choice, texture, values) in enumerate(trials, start):
        fixed = f"{DATASET},{observer},generative,1,{i // BLOCK + 1},{i + 1},image-{i % N_IMAGES:05d}.png"
        names = f"level-{i % N_CONDITIONS},{CATEGORIES[shape]},{CATEGORIES[choice]}"
        cells = [fixed, names, "", str(16 + i % 500), CATEGORIES[shape], CATEGORIES[texture], *map(repr, values)]
        yield ",".join(cells) + "\n"


def measure_here(action: str, logs: Path, archive: Path) -> dict[str, float]:
    """Run one action in this process; return its time in seconds, and its peak memory and the size of the frame in GB."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = ACTIONS[action](logs, archive)
    seconds, peak = time.perf_counter() - start, peak_memory()
    frame = result.memory_usage(deep=True).sum() / 1e9 if isinstance(result, pd.DataFrame) else np.nan
    return {"seconds": seconds, "gb": peak, "frame": float(frame)}


def measure_all(sizes: list[tuple[str, int]], folder: Path) -> pd.DataFrame:
    """Generate logs of every size, run all actions on them in fresh processes, and return the results as a table."""
    rows = []
    print(f"{'case':25}{'trials':>10}{'logs':>7}  {'action':18}{'seconds':>9}{'GB':>7}{'frame':>7}{'files [MB]':>12}")
    for case, n_trials in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            logs, archive = Path(temporary, "logs"), Path(temporary, "archive")
            write_logs(logs, case, n_trials)
            n_logs = 1 if case == "one log" else n_trials // TRIALS_OF_LOG
            for action in ACTIONS:
                command = [sys.executable, __file__, "--one", action, str(logs), str(archive)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                result = json.loads(done.stdout.splitlines()[-1])
                files = (logs if action == "read the logs" else archive).rglob("*.*")
                size = sum(path.stat().st_size for path in files if path.is_file()) / 1e6
                rows.append({"case": case, "trials": n_trials, "logs": n_logs, "action": action, "mb": size, **result})
                line = f"{case:25}{n_trials:10}{n_logs:7}  {action:18}{result['seconds']:9.2f}{result['gb']:7.2f}"
                print(f"{line}{result['frame']:7.2f}{size:12.1f}", flush=True)
    return pd.DataFrame(rows)


def draw_growth(table: pd.DataFrame, path: Path) -> None:
    """Draw time and memory against the number of trials: a color for each case, and a line style for each action."""
    lines = dict(zip(ACTIONS, ("o-", "s:", "^--"), strict=True))
    with style.publication():
        figure = Figure(figsize=(7.0, 4.0), layout="constrained")
        axes = figure.subplots(1, 2)
        for ax, column, label in zip(axes, ("seconds", "gb"), ("Time [s]", "Peak memory [GB]"), strict=True):
            for (case, action), part in table.groupby(["case", "action"], sort=False):
                color = f"C{CASES.index(str(case))}"
                ax.plot(
                    part["trials"],
                    part[column],
                    lines[str(action)],
                    color=color,
                    markersize=4,
                    label=f"{action}: {case}",
                )
            ax.set(xlabel="Trials", ylabel=label, xscale="log", yscale="log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if column == "gb" else (1,)))
            for axis, text in ((ax.xaxis, "{x:,.0f}"), (ax.yaxis, "{x:g}")):
                axis.set_major_formatter(StrMethodFormatter(text))
                axis.set_minor_formatter(NullFormatter())
            ax.grid(color=style.GRID_COLOR, linewidth=0.6)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
        figure.savefig(path)


def main() -> None:
    """Measure the growth, or one action in this process (`--one`, which the benchmark calls itself)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", nargs="+", type=int, default=list(TRIALS), help="numbers of trials")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="cases (default: all)")
    parser.add_argument("--large", nargs="+", type=int, default=[], help="further sizes of one log (default: none)")
    parser.add_argument("--figure", type=Path, help="file for the figure (default: no figure)")
    parser.add_argument("--keep", type=Path, help="folder for temporary files (default: that of the system)")
    parser.add_argument("--one", nargs=3, metavar=("ACTION", "LOGS", "ARCHIVE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        action, logs, archive = options.one
        print(json.dumps(measure_here(action, Path(logs), Path(archive))))
        return
    sizes = [(case, n) for case in options.cases for n in options.trials if "evidence" not in case or n <= MAX_EVIDENCE]
    with tempfile.TemporaryDirectory(dir=options.keep) as temporary:
        table = measure_all([*sizes, *(("one log", n) for n in options.large)], Path(temporary))
    if options.figure:
        draw_growth(table, options.figure)


if __name__ == "__main__":
    main()
