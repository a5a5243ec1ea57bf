"""Measure how long the report of many simulated observers takes to build and to open, and how large it is.

    python benchmarks/report.py [--observers 70] [--evidence 10] [--intervals] [--one] [--keep DIR] [--data FOLDER…]

The simulated trials have the image names of the 17 published datasets (18,080 images in total), and every observer
responds to each image. With `--data` the report is made from trial logs, for example those of the recorded people, and
shows the images that are installed. Both CPU time and wall time are measured for building the report. The pages are
opened in headless Chromium from local files.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis.io.frame import read_trials
from analysis.report.report import write_report
from core.kinds import KINDS
from experiments.sets.shown_stimuli import find_shown_stimuli
from stimuli.categories import CATEGORIES
from stimuli.published.datasets import DATASETS


def simulate_trials(n_observers: int, n_with_evidence: int, seed: int = 0) -> pd.DataFrame:
    """Return trials of observers that differ in accuracy. Accuracy decreases from the first condition to the last."""
    rng, parts = np.random.default_rng(seed), []
    categories = np.array(CATEGORIES)
    for dataset in DATASETS.values():
        n = dataset.n_images
        category = rng.integers(16, size=n)
        texture = rng.integers(16, size=n)
        level = np.arange(n) % len(dataset.conditions)
        names = [f"n{i:08d}_{dataset.code}.png" for i in range(n)]
        for o in range(n_observers):
            kind = KINDS[min(o // 10, 3)]  # all but simulated observers
            correct = rng.random(n) < np.clip(0.95 - 0.1 * level - 0.004 * o, 0.06, 1)
            response = np.where(correct, category, texture if dataset.has_cues else rng.integers(16, size=n))
            part = {
                "dataset": dataset.name, "observer": f"{kind}-{o:02d}", "kind": kind, "session": 1, "block": 1,
                "trial": np.arange(n) + 1, "stimulus": names,
                "condition": np.array([c.name for c in dataset.conditions], object)[level],
                "category": categories[category], "response": categories[response],
                "rt": rng.gamma(4, 0.2, n) if kind == "human" else np.nan, "n_evaluations": pd.NA,
                "correct": response == category, "source": f"{dataset.name}_{o}.csv",
                "shape": categories[category] if dataset.has_cues else "",
                "texture": categories[texture] if dataset.has_cues else "",
            }  # fmt: skip
            if 10 <= o < 10 + n_with_evidence:
                evidence = rng.normal(-5000, 20, (n, 16))
                evidence[np.arange(n), response] = evidence.max(axis=1) + 1
                part |= {f"evidence_{name}": evidence[:, k] for k, name in enumerate(CATEGORIES)}
            parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def measure_opening(folder: Path) -> None:
    """Print how long the pages of a report take to open in a browser."""
    from tests.browser import chromium

    ready = {
        "index.html": "document.readyState === 'complete'",
        "trials.html": "document.querySelector('.observers tbody tr')",
    }
    with chromium() as browser:
        for page, condition in ready.items():
            for _ in range(3):
                browser.open("about:blank")
                start = time.monotonic()
                browser.open(f"file://{folder.resolve()}/{page}")
                browser.wait(condition)
                print(f"{page} open in {time.monotonic() - start:.2f} s")
        start = time.monotonic()
        browser.script("document.getElementById('by').value = 'disagreement';"
                       "document.getElementById('by').dispatchEvent(new Event('change'))")  # fmt: skip
        print(f"trials sorted by disagreement in {time.monotonic() - start:.2f} s")


def main() -> None:
    """Build a report, and print times and sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observers", type=int, default=70, help="simulated observers (default: %(default)s)")
    parser.add_argument("--evidence", type=int, default=10, help="observers with evidence (default: %(default)s)")
    parser.add_argument("--intervals", action="store_true", help="compute bootstrap intervals")
    parser.add_argument("--one", action="store_true", help="combine all datasets into one")
    parser.add_argument("--keep", type=Path, help="folder for the report (default: a temporary folder)")
    parser.add_argument("--data", nargs="*", type=Path, help="trial logs (default: simulated trials)")
    options = parser.parse_args()
    frame = read_trials(options.data) if options.data else simulate_trials(options.observers, options.evidence)
    if options.one:
        frame = frame.assign(
            stimulus=frame["dataset"].astype("str") + " " + frame["stimulus"].astype("str"), dataset="one", condition=""
        )
    stimuli = find_shown_stimuli(frame["dataset"].unique()) if options.data else ()
    with tempfile.TemporaryDirectory() as folder:
        out = options.keep or Path(folder)
        cpu_start, wall_start = time.process_time(), time.monotonic()
        write_report(frame, out, intervals=options.intervals or bool(options.data), stimuli=stimuli)
        times = f"{time.process_time() - cpu_start:.0f} s CPU time, {time.monotonic() - wall_start:.0f} s wall time"
        files = [path for path in out.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        n_images = len(frame[["dataset", "stimulus", "condition"]].drop_duplicates())
        n_observers = len(frame[["dataset", "observer"]].drop_duplicates()) / frame["dataset"].nunique()
        print(f"{n_images} images, {n_observers:.0f} observers per dataset, {len(frame)} trials: built in {times}")
        print(f"{size:.1f} MB in {len(files)} files; index.html {(out / 'index.html').stat().st_size / 1e6:.2f} MB")
        measure_opening(out)


if __name__ == "__main__":
    main()
