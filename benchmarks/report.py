"""The report on many: how long it takes to build and to open, and how large it is. Observers are simulated.

    python benchmarks/report.py [--observers 70] [--evidence 10] [--intervals] [--one] [--keep DIR] [--data FOLDER…]

The images are named as those of the 17 published datasets, 18,080 in all, and every observer answers each of them;
`--evidence` of the observers give evidence over 16 choices, and with `--one` all is one dataset. `--data` reports on trial
logs instead, such as the recorded people, with the images that are on this machine. Times to build are of the processor and
of the wall; opening is in headless Chromium, from the disk, on the wall.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis.frame import read_trials
from analysis.report.report import write_report
from experiments.shown_stimuli import find_shown_stimuli
from stimuli.categories import CATEGORIES
from stimuli.datasets import DATASETS

KINDS = ("human", "generative", "contrastive", "discriminative")


def simulated(n_observers: int, n_with_evidence: int, seed: int = 0) -> pd.DataFrame:
    """Every observer is right as often as it likes, less so the further a condition is down the list."""
    rng, parts = np.random.default_rng(seed), []
    categories = np.array(CATEGORIES)
    for dataset in DATASETS.values():
        n = dataset.n_images
        category = rng.integers(16, size=n)
        texture = rng.integers(16, size=n)
        level = np.arange(n) % len(dataset.conditions)
        names = [f"n{i:08d}_{dataset.code}.png" for i in range(n)]
        for o in range(n_observers):
            kind = KINDS[min(o // 10, 3)]
            right = rng.random(n) < np.clip(0.95 - 0.1 * level - 0.004 * o, 0.06, 1)
            answer = np.where(right, category, texture if dataset.has_cues else rng.integers(16, size=n))
            part = {
                "dataset": dataset.name, "observer": f"{kind}-{o:02d}", "kind": kind, "session": 1, "block": 1,
                "trial": np.arange(n) + 1, "stimulus": names,
                "condition": np.array([c.name for c in dataset.conditions], object)[level],
                "category": categories[category], "response": categories[answer],
                "rt": rng.gamma(4, 0.2, n) if kind == "human" else np.nan, "n_evaluations": pd.NA,
                "correct": answer == category, "source": f"{dataset.name}_{o}.csv",
                "shape": categories[category] if dataset.has_cues else "",
                "texture": categories[texture] if dataset.has_cues else "",
            }  # fmt: skip
            if 10 <= o < 10 + n_with_evidence:
                evidence = rng.normal(-5000, 20, (n, 16))
                evidence[np.arange(n), answer] = evidence.max(axis=1) + 1
                part |= {f"evidence_{name}": evidence[:, k] for k, name in enumerate(CATEGORIES)}
            parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def opened(folder: Path) -> None:
    from tests.browser import chromium

    ready = {
        "index.html": "document.readyState === 'complete'",
        "trials.html": "document.querySelector('.who tbody tr')",
    }
    with chromium() as browser:
        for page, condition in ready.items():
            for _ in range(3):
                browser.open("about:blank")
                begin = time.monotonic()
                browser.open(f"file://{folder.resolve()}/{page}")
                browser.wait(condition)
                print(f"{page} open in {time.monotonic() - begin:.2f} s")
        begin = time.monotonic()
        browser.script("document.getElementById('by').value = 'disagreement';"
                       "document.getElementById('by').dispatchEvent(new Event('change'))")  # fmt: skip
        print(f"trials sorted by disagreement in {time.monotonic() - begin:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observers", type=int, default=70)
    parser.add_argument("--evidence", type=int, default=10)
    parser.add_argument("--intervals", action="store_true")
    parser.add_argument("--one", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--data", nargs="*", type=Path)
    given = parser.parse_args()
    frame = read_trials(given.data) if given.data else simulated(given.observers, given.evidence)
    if given.one:
        frame = frame.assign(stimulus=frame["dataset"] + " " + frame["stimulus"], dataset="one", condition="")
    stimuli = find_shown_stimuli(frame["dataset"].unique()) if given.data else ()
    with tempfile.TemporaryDirectory() as folder:
        out = given.keep or Path(folder)
        begin, wall = time.process_time(), time.monotonic()
        write_report(frame, out, intervals=given.intervals or bool(given.data), stimuli=stimuli)
        took = f"{time.process_time() - begin:.0f} s of processor, {time.monotonic() - wall:.0f} s of wall"
        files = [path for path in out.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        n_images = len(frame[["dataset", "stimulus", "condition"]].drop_duplicates())
        who = len(frame[["dataset", "observer"]].drop_duplicates()) / frame["dataset"].nunique()
        print(f"{n_images} images, {who:.0f} observers a dataset, {len(frame)} trials: built in {took}")
        print(f"{size:.1f} MB in {len(files)} files; index.html {(out / 'index.html').stat().st_size / 1e6:.2f} MB")
        opened(out)


if __name__ == "__main__":
    main()
