"""Measure how the time and memory of the analysis grow with the numbers of observers and images, and draw the curves.

    OMP_NUM_THREADS=1 python benchmarks/growth_analysis.py [--observers 10 30 100 300 1000] [--images 256 1280]
        [--measures NAME …] [--figure FILE.png] [--keep DIR]

The trials are simulated: ten of the observers are people, the others are of three kinds, and the same images are difficult
for all observers of a kind. Every combination of measure and size runs in a fresh process. The time does not include the
simulation of the trials. The memory is the peak memory of the process while the measure is computed, including the trials
and the imported libraries (about 0.2 GB). The last lines show the size of the largest report, and the time that its pages
take to open in headless Chromium.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from analysis.benchmark.benchmark import benchmark_table
from analysis.benchmark.ranks import benchmark_intervals
from analysis.figures import style
from analysis.kappa.consistency import correct_matrix, error_consistency, kappa, kappa_matrix, pairwise_agreement
from analysis.kappa.error_patterns import error_patterns
from analysis.report.report import write_report
from core.kinds import KINDS
from stimuli.categories import CATEGORIES

DATASET = "cue-conflict"  # a published dataset, so that the benchmark applies
N_PEOPLE = 10
MODEL_KINDS = [kind for kind in KINDS if kind not in ("human", "simulated")]
Measure = Callable[[pd.DataFrame, Path], object]


def simulate_trials(n_observers: int, n_images: int, seed: int = 0) -> pd.DataFrame:
    """Return the trials of all observers on all images, with text columns as categories."""
    rng = np.random.default_rng(seed)
    kinds = ["human" if o < N_PEOPLE else MODEL_KINDS[o % len(MODEL_KINDS)] for o in range(n_observers)]
    category, texture = rng.integers(16, size=(2, n_images))
    difficulty = {kind: rng.random(n_images) for kind in ("all", "human", *MODEL_KINDS)}
    skill = rng.uniform(0.3, 0.9, n_observers)
    hard = np.array([0.6 * difficulty["all"] + 0.4 * difficulty[kind] for kind in kinds])
    correct = rng.random((n_observers, n_images)) < np.clip(skill[:, None] + 1.2 * (0.5 - hard), 0.03, 0.99)
    other = np.where(rng.random((n_observers, n_images)) < 0.5, texture, rng.integers(16, size=(n_observers, n_images)))
    response = np.where(correct, category, other)
    names = [f"{kind}-{o:04d}" for o, kind in enumerate(kinds)]
    of_observer, of_image = np.repeat(np.arange(n_observers), n_images), np.tile(np.arange(n_images), n_observers)

    def texts(values: list[str] | tuple[str, ...], codes: np.ndarray) -> pd.Categorical:
        words, numbers = np.unique(values, return_inverse=True)
        return pd.Categorical.from_codes(numbers[codes], list(words))

    return pd.DataFrame({
        "dataset": texts([DATASET], np.zeros(len(of_image), int)), "observer": texts(names, of_observer),
        "kind": texts(kinds, of_observer), "session": 1, "block": 1, "trial": of_image + 1,
        "stimulus": texts([f"image-{i:04d}.png" for i in range(n_images)], of_image),
        "condition": texts([""], np.zeros(len(of_image), int)), "category": texts(CATEGORIES, category[of_image]),
        "response": texts(CATEGORIES, response.ravel()), "rt": np.nan,
        "n_evaluations": pd.array([pd.NA], "Int64").repeat(len(of_image)), "correct": (response == category).ravel(),
        "source": texts([f"{name}.csv" for name in names], of_observer),
        "shape": texts(CATEGORIES, category[of_image]), "texture": texts(CATEGORIES, texture[of_image]),
    })  # fmt: skip


def _kappa_of_arrays(frame: pd.DataFrame, _: Path) -> Callable[[], np.ndarray]:
    """Return a function that computes the kappa matrix from the matrix of correct responses."""
    _, correct, answered = correct_matrix(frame)

    def compute() -> np.ndarray:
        _, expected, observed = pairwise_agreement(correct, answered)
        return kappa(observed, expected)

    return compute


# The functions that are measured. Those in PREPARED return the function to measure; the preparation is not measured.
MEASURES: dict[str, Measure] = {
    "kappa, from arrays": _kappa_of_arrays,
    "kappa matrix": lambda frame, _: kappa_matrix(error_consistency(frame, intervals=False), DATASET),
    "kappa bootstrap": lambda frame, _: error_consistency(frame),
    "same mistakes": lambda frame, _: error_patterns(frame, intervals=False),
    "benchmark table": lambda frame, _: benchmark_table(frame),
    "benchmark bootstrap": lambda frame, _: benchmark_intervals(frame),
    "report": lambda frame, folder: write_report(frame, folder, intervals=False),
    "report bootstrap": lambda frame, folder: write_report(frame, folder),
}
PREPARED = ("kappa, from arrays",)


def measure_here(name: str, n_observers: int, n_images: int, folder: Path) -> dict[str, float]:
    """Compute one measure in this process; return its time in seconds and the peak memory in GB."""
    frame = simulate_trials(n_observers, n_images)
    call: Callable[[], object] = lambda: MEASURES[name](frame, folder)  # noqa: E731
    if name in PREPARED:
        call = MEASURES[name](frame, folder)  # type: ignore[assignment]
    peak = Path("/proc/self/clear_refs")
    if peak.exists():
        peak.write_text("5")  # on Linux, this resets the peak memory, which includes the simulation
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call()
    return {"seconds": time.perf_counter() - start, "gb": peak_memory()}


def peak_memory() -> float:
    """Return the peak memory of this process in GB."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # kilobytes on Linux, and bytes elsewhere


def measure_all(names: list[str], observers: list[int], images: list[int], folder: Path) -> pd.DataFrame:
    """Run every combination in a fresh process, print a line for each, and return the results as a table."""
    rows = []
    print(f"{'measure':22}{'observers':>10}{'images':>8}{'trials':>11}{'seconds':>10}{'GB':>7}")
    for name in names:
        for n_images in images:
            for n_observers in observers:
                command = [
                    sys.executable,
                    __file__,
                    "--one",
                    name,
                    str(n_observers),
                    str(n_images),
                    "--keep",
                    str(folder),
                ]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                result = json.loads(done.stdout.splitlines()[-1])
                rows.append({"measure": name, "observers": n_observers, "images": n_images, **result})
                line = f"{name:22}{n_observers:10}{n_images:8}{n_observers * n_images:11}"
                print(f"{line}{result['seconds']:10.2f}{result['gb']:7.2f}", flush=True)
    return pd.DataFrame(rows)


def draw_growth(table: pd.DataFrame, path: Path) -> None:
    """Draw time and memory against the number of observers, for the largest number of images, on logarithmic axes."""
    table = table[table["images"] == table["images"].max()]
    with style.publication():
        figure = Figure(figsize=(7.0, 3.0), layout="constrained")
        for ax, column, label in zip(
            figure.subplots(1, 2), ("seconds", "gb"), ("Time [s]", "Peak memory [GB]"), strict=True
        ):
            for k, (name, part) in enumerate(table.groupby("measure", sort=False)):
                ax.loglog(part["observers"], part[column], marker="os^vDPX*"[k % 8], markersize=4, label=name)
            ax.set(xlabel=f"Observers ({table['images'].max()} images)", ylabel=label)
            if column == "gb":
                ax.yaxis.set_major_locator(LogLocator(subs=[1, 2, 5]))
            for axis in (ax.xaxis, ax.yaxis):  # numbers without mathematical text, which the style does not draw
                axis.set_major_formatter(StrMethodFormatter("{x:g}"))
                axis.set_minor_formatter(NullFormatter())
            ax.grid(color=style.GRID_COLOR, linewidth=0.6)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper")  # equal for both panels
        figure.savefig(path)


def measure_report(folder: Path) -> None:
    """Print the size of a report, and how long its pages take to open and a table takes to sort."""
    from tests.browser.chromium import chromium

    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    print(f"report: {size:.0f} MB, index.html {(folder / 'index.html').stat().st_size / 1e6:.2f} MB")
    with chromium() as browser:
        pages = {"index.html": "true", "trials.html": "document.querySelector('.observers tbody tr')"}
        for page, is_ready in pages.items():
            browser.open("about:blank")
            start = time.monotonic()
            browser.open(f"file://{folder.resolve()}/{page}")
            browser.wait(is_ready)
            print(f"{page} opens in {time.monotonic() - start:.2f} s")
        browser.open(f"file://{folder.resolve()}/index.html")
        start = time.monotonic()
        browser.script(f"document.querySelector('#consistency_{DATASET}').scrollIntoView()")
        browser.wait(f"document.querySelector('#consistency_{DATASET} .plot canvas, #consistency_{DATASET} .plot svg')")
        print(f"the matrix is drawn in {time.monotonic() - start:.2f} s")
        start = time.monotonic()
        browser.script("document.querySelectorAll('details.folded').forEach((d) => { d.open = true; });"
                       "document.querySelector('details.folded table.sortable th:nth-child(3) button').click()")  # fmt: skip
        browser.wait("document.querySelector('details.folded th[aria-sort]')")
        print(f"a table is sorted in {time.monotonic() - start:.2f} s")


def main() -> None:
    """Measure the growth, or one measure in this process (`--one`, which the benchmark calls itself)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--observers", nargs="+", type=int, default=[10, 30, 100, 300, 1000], help="numbers of observers"
    )
    parser.add_argument("--images", nargs="+", type=int, default=[256, 1280], help="numbers of images")
    parser.add_argument(
        "--measures", nargs="+", choices=list(MEASURES), default=list(MEASURES), help="measures (default: all)"
    )
    parser.add_argument("--figure", type=Path, help="file for the figure (default: no figure)")
    parser.add_argument("--keep", type=Path, help="folder for the report (default: a temporary folder)")
    parser.add_argument("--one", nargs=3, metavar=("MEASURE", "OBSERVERS", "IMAGES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, n_observers, n_images = options.one
        print(json.dumps(measure_here(name, int(n_observers), int(n_images), options.keep)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        table = measure_all(options.measures, options.observers, options.images, folder)
        if options.figure:
            draw_growth(table, options.figure)
        if any(name.startswith("report") for name in options.measures):
            measure_report(folder)


if __name__ == "__main__":
    main()
