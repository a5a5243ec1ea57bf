"""What a decision among sixteen choices costs, and how often it is the one that exhaustive evaluation comes to.

    python benchmarks/racing.py [--images 512] [--draws 500] [--cache DIR] [--plot FILE]

A small latent diffusion model (small_world.py, trained first if need be) scores every image under every choice at every
draw; the schedules are then replayed on these scores, so that all of them meet the same noise.
The images come from a seed that
neither training nor the settings of any schedule have seen. Scoring 512 images takes 4.1 million forward passes of one row,
half an hour to an hour on two cores, and goes on where it was stopped.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
from attrs import evolve
from small_world import FOLDER, PROMPT, TEST_SEED, distort, draw, train

from observers.generative.latent import LatentDiffusion
from observers.generative.options import Compute, Source
from observers.generative.racing import ClarkJaini, Exhaustive, Racing, Schedule, Staged, Verdict
from stimuli.categories import CATEGORIES

ROWS = 256  # of a forward pass
SCHEDULES: dict[str, Schedule] = {
    "racing (default)": Racing(),
    "racing, anytime-valid": Racing(anytime=True),
    "Clark & Jaini 2023": ClarkJaini(draws=500),
    "Li et al. 2023, 25/250": Staged(((25, 16), (250, 5))),
    "Li et al. 2023, 50/500": Staged(((50, 16), (500, 5))),
}


def score(model: LatentDiffusion, images: np.ndarray, n_draws: int, path: Path) -> np.ndarray:
    """(n_images, 16, n_draws) float32 scores, kept in `path` image by image."""
    shape = (len(images), len(CATEGORIES), n_draws)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(path, "w+", np.float32, shape)[:] = np.nan
    found = np.lib.format.open_memmap(path, "r+")
    assert found.shape == shape, f"{path} is of other images or draws: remove it"
    conditions = torch.stack([c for (c,) in model.condition([PROMPT.format(c) for c in CATEGORIES])])
    choices, draws = (part.ravel() for part in np.meshgrid(np.arange(shape[1]), np.arange(n_draws), indexing="ij"))
    start, n = time.monotonic(), 0
    for i, image in enumerate(images):
        if not np.isnan(found[i, -1, -1]):
            continue
        x = model.encode(image)
        parts = []
        for first in range(0, len(draws), ROWS):
            rows = slice(first, first + ROWS)
            size = len(draws[rows])
            parts.append(model.score(x.expand(size, *x.shape), (conditions[choices[rows]],), draws[rows]))
        found[i] = torch.cat(parts).numpy().reshape(shape[1:])
        n += 1
        if n % 16 == 0:
            left = (time.monotonic() - start) / n * int(np.isnan(found[:, -1, -1]).sum())
            print(f"{i + 1} of {len(images)} images scored, about {left / 60:.0f} min left", flush=True)
    return np.asarray(found)


def replay(schedule: Schedule, scores: np.ndarray) -> Verdict:
    """The verdict of a race that is fed with (n_choices, n_draws) scores."""
    race = schedule(len(scores))
    request = next(race)
    while True:
        try:
            request = race.send(scores[request.choices, request.first : request.last].astype(float))
        except StopIteration as end:
            return end.value


def measure(schedule: Schedule, scores: np.ndarray, labels: np.ndarray, exhaustive: np.ndarray) -> dict[str, float]:
    verdicts = [replay(schedule, s) for s in scores]
    decisions = np.array([v.evidence.argmax() for v in verdicts])
    spent = np.array([v.n_evaluations for v in verdicts])
    return {
        "evaluations": spent.mean(), "median": np.median(spent), "most": spent.max(),
        "agreement": (decisions == exhaustive).mean(), "accuracy": (decisions == labels).mean(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--seed", type=int, default=TEST_SEED, help="of the images")
    parser.add_argument("--model", type=Path, default=FOLDER)
    parser.add_argument("--cache", type=Path, default=FOLDER.parent)
    parser.add_argument("--plot", type=Path)
    said = parser.parse_args()
    if not (said.model / "model_index.json").is_file():
        train(said.model)
    model = LatentDiffusion(Source("small-world", weights=said.model), Compute(device="cpu"))
    images, labels = draw(said.images, said.seed)
    images, _conditions = distort(images, said.seed)
    scores = score(model, images, said.draws, said.cache / f"scores-{said.seed}-{said.images}-{said.draws}.npy")
    exhaustive = scores.mean(axis=2, dtype=float).argmax(axis=1)
    rows = {
        f"all of {n} draws": measure(Exhaustive(n), scores, labels, exhaustive)
        for n in (1, 2, 4, 8, 16, 32, 64, 125, 250, 500)
    }
    rows |= {name: measure(schedule, scores, labels, exhaustive) for name, schedule in SCHEDULES.items()}
    curve = {f"racing, error rate {p:g}": measure(evolve(Racing(), error_rate=p), scores, labels, exhaustive)
             for p in (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001)}  # fmt: skip
    rows |= curve
    print(f"{'':<28}{'evaluations':>12}{'median':>8}{'most':>7}{'agreement':>11}{'accuracy':>10}")
    for name, row in rows.items():
        print(
            f"{name:<28}{row['evaluations']:>12.0f}{row['median']:>8.0f}{row['most']:>7.0f}{row['agreement']:>11.4f}{row['accuracy']:>10.4f}"
        )
    if said.plot:
        plot(rows, said.plot)


def plot(rows: dict[str, dict[str, float]], path: Path) -> None:
    """Agreement and accuracy against evaluations, a CSV of the same beside it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with open(path.with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["schedule", *next(iter(rows.values()))])
        writer.writerows([name, *(f"{value:.6g}" for value in row.values())] for name, row in rows.items())
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for ax, what in zip(axes, ("agreement", "accuracy"), strict=True):
        for start, label, style in (("all of", "fixed number of draws", "o-"), ("racing, error", "racing", "s-")):
            part = [row for name, row in rows.items() if name.startswith(start)]
            ax.plot([r["evaluations"] for r in part], [100 * r[what] for r in part], style, label=label)
        for name, marker in (
            ("Clark & Jaini 2023", "^"),
            ("Li et al. 2023, 25/250", "v"),
            ("Li et al. 2023, 50/500", "D"),
            ("racing (default)", "*"),
        ):
            ax.plot(rows[name]["evaluations"], 100 * rows[name][what], marker, ms=10, label=name)
        ax.set(xscale="log", xlabel="evaluations a decision (16 choices)", ylabel=f"{what} (%)")
        ax.grid(alpha=0.3)
    axes[0].set_title("with the exhaustive decision, 8,000 evaluations")
    axes[1].legend(fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
