"""What a decision among sixteen choices costs, and how often it is the one that exhaustive evaluation comes to.

    python benchmarks/racing.py [--images 512] [--draws 500] [--cache DIR] [--plot FILE]

A small latent diffusion model (small_world.py, trained first if need be) scores every image under every choice at every
draw; the schedules are then replayed on these scores, so that all of them meet the same noise. The images come from a seed
that neither training nor the settings of any schedule have seen, a quarter of them in each of four conditions. Then once
more with draws allocated to noise levels by a pilot on other images. Scoring 512 images takes 4.1 million forward passes of
one row, an hour on one core, and goes on where it was stopped; the allocated draws take as long again.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import small_world
import torch
from attrs import evolve, frozen
from small_world import CONDITIONS, FOLDER, PROMPT, TEST_SEED, TUNING_SEED, distort, draw

from observers.generative.allocation_pilot import binned_standard_deviations
from observers.generative.draws import neyman_allocation, write_allocation
from observers.generative.latent import LatentDiffusion
from observers.generative.options import Objective
from observers.generative.racing import ClarkJaini, Exhaustive, Positions, RaceResult, Racing, Schedule, Staged
from stimuli.categories import CATEGORIES

ROWS = 256  # of a forward pass
N_PILOT, PILOT_DRAWS = 16, 64
COUNTS = (1, 2, 4, 8, 16, 32, 64, 125, 250, 500)
RATES = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001)  # 0.05 is the default
ALLOCATED = ", allocated"
CURVES = (
    ("all of", False, "all choices, fixed number of draws", "o-"),
    ("racing, error", False, "racing, error rate 0.5 to 0.001", "s-"),
    ("racing, error", True, "racing, draws allocated to noise levels", "*-"),
)
SCHEDULES: dict[str, Schedule] = {
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


def replay(schedule: Schedule, scores: np.ndarray, positions: Positions) -> RaceResult:
    """The verdict of a race that is fed with (n_choices, n_draws) scores."""
    race = schedule(len(scores), positions)
    request = next(race)
    while True:
        try:
            request = race.send(scores[request.choices, request.first : request.last].astype(float))
        except StopIteration as end:
            return end.value


@frozen(eq=False)
class Images:
    """Scores of one way to draw, with what is right."""

    scores: np.ndarray  # (n_images, 16, n_draws)
    labels: np.ndarray
    positions: Positions

    @property
    def exhaustive(self) -> np.ndarray:
        """What all draws decide."""
        return np.asarray(self.scores.mean(axis=2, dtype=float).argmax(axis=1))

    def measure(self, schedule: Schedule, part: slice = slice(None)) -> dict[str, float]:
        exhaustive = self.exhaustive[part]
        verdicts = [replay(schedule, s, self.positions) for s in self.scores[part]]
        decisions = np.array([v.evidence.argmax() for v in verdicts])
        spent = np.array([v.n_evaluations for v in verdicts])
        return {
            "evaluations": spent.mean(), "median": np.median(spent), "most": spent.max(),
            "agreement": (decisions == exhaustive).mean(), "accuracy": (decisions == self.labels[part]).mean(),
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
    model = small_world.model(said.model)
    pixels, labels = draw(said.images, said.seed)
    pixels, _ = distort(pixels, said.seed)
    name = f"{said.seed}-{said.images}-{said.draws}.npy"
    scores = score(model, pixels, said.draws, said.cache / f"scores-{name}")
    even = Images(scores, labels, model.positions)
    model = allocated(model, said.cache)
    scores = score(model, pixels, said.draws, said.cache / f"allocated-{name}")
    ours = Images(scores, labels, model.positions)
    same = (even.exhaustive == ours.exhaustive).mean()
    print(f"all {said.draws} draws, even and allocated, agree in {same:.4f} of the images")

    rows = {}
    for kind, images in (("", even), (ALLOCATED, ours)):
        rows |= {f"all of {n} draws{kind}": images.measure(Exhaustive(n)) for n in COUNTS if n <= said.draws}
        rows |= {f"racing, error rate {p:g}{kind}": images.measure(Racing(said.draws, error_rate=p)) for p in RATES}
    rows |= {name: even.measure(schedule) for name, schedule in SCHEDULES.items()}
    show(rows)
    for kind, images in (("", even), (ALLOCATED, ours)):
        parts = {name: slice(i, None, len(CONDITIONS)) for i, name in enumerate(CONDITIONS)}
        show({f"{name}{kind}": images.measure(Racing(said.draws), part) for name, part in parts.items()})
    if said.plot:
        plot(rows, said.plot)


def allocated(model: LatentDiffusion, cache: Path) -> LatentDiffusion:
    """The model with draws allocated by a pilot, on images that are used for nothing else here."""
    path = cache / "allocation.csv"
    pixels, _ = distort(draw(N_PILOT, TUNING_SEED)[0], TUNING_SEED)
    pilot = score(model, pixels, PILOT_DRAWS, cache / f"scores-{TUNING_SEED}-{N_PILOT}-{PILOT_DRAWS}.npy")
    found = neyman_allocation(binned_standard_deviations(pilot.astype(float), model.positions(np.arange(PILOT_DRAWS))))
    write_allocation(path, found)
    print("draws at noise levels from low to high, 1 is even:", *(f"{d:.2f}" for d in found.density))
    return evolve(model, objective=Objective(allocation=path))


def show(rows: dict[str, dict[str, float]]) -> None:
    print(f"\n{'':<40}{'evaluations':>12}{'median':>8}{'most':>7}{'agreement':>11}{'accuracy':>10}")
    for name, row in rows.items():
        print(
            f"{name:<40}{row['evaluations']:>12.0f}{row['median']:>8.0f}{row['most']:>7.0f}{row['agreement']:>11.4f}"
            f"{row['accuracy']:>10.4f}"
        )


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
        for start, end, label, style in CURVES:
            part = [row for name, row in rows.items() if name.startswith(start) and name.endswith(ALLOCATED) == end]
            ax.plot([r["evaluations"] for r in part], [100 * r[what] for r in part], style, ms=4, label=label)
        for name, marker in zip(SCHEDULES, "Pv^D", strict=True):
            ax.plot(rows[name]["evaluations"], 100 * rows[name][what], marker, ms=9, color="0.3", label=name)
        ax.set(xscale="log", xlabel="evaluations a decision (16 choices)", ylabel=f"{what} (%)")
        ax.grid(alpha=0.3)
    axes[0].set_title("with the decision by all of the same draws")
    axes[1].legend(fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
