"""Measure how many evaluations a decision among sixteen choices takes, and how often it equals the exhaustive decision.

    python benchmarks/racing.py [--images 512] [--draws 500] [--cache DIR] [--plot FILE]

A small latent diffusion model (toy_diffusion.py, trained first if needed) scores every image under every choice with
every draw. The schedules are then replayed on these scores, so all schedules have the same noise. The images are
generated from a random seed that was used neither for training nor for choosing the settings of a schedule. A quarter
of them is shown in each of four conditions. Everything is then repeated with draws that are allocated to noise levels
according to a pilot run on other images. Scoring 512 images takes 4.1 million evaluations (an hour on one core), and
can be interrupted and resumed. Scoring them again with the allocated draws takes another hour.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
import toy_diffusion
from attrs import evolve, frozen
from toy_diffusion import CONDITIONS, FOLDER, PROMPT, TEST_SEED, TUNING_SEED, distort, draw_images

from observers.generative.allocation_pilot import binned_standard_deviations
from observers.generative.denoising_scorer import DenoisingScorer
from observers.generative.draws import neyman_allocation, write_allocation
from observers.generative.families.latent import LatentDiffusion
from observers.generative.options import Objective
from observers.generative.racing import ClarkJaini, Exhaustive, Positions, RaceResult, Racing, Schedule, Staged
from stimuli.categories import CATEGORIES

ROWS = 256  # rows per forward pass
N_PILOT, PILOT_DRAWS = 16, 64
COUNTS = (1, 2, 4, 8, 16, 32, 64, 125, 250, 500)
RATES = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001)  # per round
ALLOCATED = ", allocated"
CURVES = (  # start of the row name, whether draws are allocated, label, marker
    ("all of", False, "all choices, fixed number of draws", "o-"),
    ("racing, error", False, "racing, error rate 0.5 to 0.001 per round", "s-"),
    ("racing, error", True, "racing, draws allocated to noise levels", "*-"),
)
SCHEDULES: dict[str, Schedule] = {
    "racing, default (0.05 per race)": Racing(),
    "racing, anytime-valid": Racing(anytime=True),
    "Clark & Jaini 2023": ClarkJaini(draws=500),
    "Li et al. 2023, 25/250": Staged(((25, 16), (250, 5))),
    "Li et al. 2023, 50/500": Staged(((50, 16), (500, 5))),
}


def score(scorer: DenoisingScorer, images: np.ndarray, n_draws: int, path: Path) -> np.ndarray:
    """Return the scores of images, of shape (n_images, 16, n_draws), after saving them to a file image by image."""
    shape = (len(images), len(CATEGORIES), n_draws)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(path, "w+", np.float32, shape)[:] = np.nan
    scores = np.lib.format.open_memmap(path, "r+")
    assert scores.shape == shape, f"{path} has the scores of other images or draws: delete it"
    conditions = torch.stack([c for (c,) in scorer.condition([PROMPT.format(c) for c in CATEGORIES])])
    choices, draws = (part.ravel() for part in np.meshgrid(np.arange(shape[1]), np.arange(n_draws), indexing="ij"))
    start, n = time.monotonic(), 0
    for i, image in enumerate(images):
        if not np.isnan(scores[i, -1, -1]):
            continue
        x = scorer.encode(image)
        parts = []
        for first in range(0, len(draws), ROWS):
            rows = slice(first, first + ROWS)
            size = len(draws[rows])
            parts.append(scorer.score(x.expand(size, *x.shape), (conditions[choices[rows]],), draws[rows]))
        scores[i] = torch.cat(parts).numpy().reshape(shape[1:])
        n += 1
        if n % 16 == 0:
            remaining = (time.monotonic() - start) / n * int(np.isnan(scores[:, -1, -1]).sum())
            print(f"{i + 1} of {len(images)} images scored, about {remaining / 60:.0f} min remaining", flush=True)
    return np.asarray(scores)


def replay(schedule: Schedule, scores: np.ndarray, positions: Positions) -> RaceResult:
    """Run a race on stored scores (n_choices, n_draws) and return its result."""
    race = schedule(len(scores), positions)
    request = next(race)
    while True:
        try:
            request = race.send(scores[request.choices, request.first : request.last].astype(float))
        except StopIteration as end:
            return end.value


@frozen(eq=False)
class ScoredImages:
    """Scores of all images with one allocation of the draws.

    Attributes:
        scores: Score of each choice at each draw, (n_images, 16, n_draws).
        labels: The correct choices, (n_images,).
        positions: Function that returns the positions of draws along the noise levels.
    """

    scores: np.ndarray
    labels: np.ndarray
    positions: Positions

    @property
    def exhaustive(self) -> np.ndarray:
        """For each image, the index of the choice with the highest mean score over all draws."""
        return np.asarray(self.scores.mean(axis=2, dtype=float).argmax(axis=1))

    def measure(self, schedule: Schedule, part: slice = slice(None)) -> dict[str, float]:
        """Return how many evaluations a schedule takes on some of the images, its agreement and its accuracy."""
        exhaustive = self.exhaustive[part]
        results = [replay(schedule, s, self.positions) for s in self.scores[part]]
        decisions = np.array([result.evidence.argmax() for result in results])
        evaluations = np.array([result.n_evaluations for result in results])
        return {
            "evaluations": evaluations.mean(), "median": np.median(evaluations), "most": evaluations.max(),
            "agreement": (decisions == exhaustive).mean(), "accuracy": (decisions == self.labels[part]).mean(),
        }  # fmt: skip


def main() -> None:
    """Score all images, print the results of all schedules, and plot them if requested."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=512, help="number of images (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=500, help="draws per choice (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=TEST_SEED, help="random seed of the images (default: %(default)s)")
    parser.add_argument("--model", type=Path, default=FOLDER, help="folder of the model, which is trained if needed")
    parser.add_argument("--cache", type=Path, default=FOLDER.parent, help="folder for the scores")
    parser.add_argument("--plot", type=Path, help="file for the figure (default: no figure)")
    options = parser.parse_args()
    model = toy_diffusion.load_model(options.model)
    pixels, labels = draw_images(options.images, options.seed)
    pixels, _ = distort(pixels, options.seed)
    name = f"{options.seed}-{options.images}-{options.draws}.npy"
    scores = score(model.scorer, pixels, options.draws, options.cache / f"scores-{name}")
    even = ScoredImages(scores, labels, model.scorer.positions)
    model = allocate_draws(model, options.cache)
    scores = score(model.scorer, pixels, options.draws, options.cache / f"allocated-{name}")
    allocated = ScoredImages(scores, labels, model.scorer.positions)
    same = (even.exhaustive == allocated.exhaustive).mean()
    print(f"all {options.draws} draws, even and allocated, give the same decision for {same:.4f} of the images")

    rows = {}
    for kind, images in (("", even), (ALLOCATED, allocated)):
        rows |= {f"all of {n} draws{kind}": images.measure(Exhaustive(n)) for n in COUNTS if n <= options.draws}
        rules = {f"{p:g}": Racing(options.draws, error_rate=p, error_rate_per="round") for p in RATES}
        rows |= {f"racing, error rate {p} per round{kind}": images.measure(rule) for p, rule in rules.items()}
    rows |= {name: even.measure(schedule) for name, schedule in SCHEDULES.items()}
    print_table(rows)
    for kind, images in (("", even), (ALLOCATED, allocated)):
        parts = {name: slice(i, None, len(CONDITIONS)) for i, name in enumerate(CONDITIONS)}
        print_table({f"{name}{kind}": images.measure(Racing(options.draws), part) for name, part in parts.items()})
    if options.plot:
        plot(rows, options.plot)


def allocate_draws(model: LatentDiffusion, cache: Path) -> LatentDiffusion:
    """Return the model with an allocation of draws to noise levels, estimated in a pilot on separate images."""
    path = cache / "allocation.csv"
    pixels, _ = distort(draw_images(N_PILOT, TUNING_SEED)[0], TUNING_SEED)
    pilot = score(model.scorer, pixels, PILOT_DRAWS, cache / f"scores-{TUNING_SEED}-{N_PILOT}-{PILOT_DRAWS}.npy")
    allocated = neyman_allocation(
        binned_standard_deviations(pilot.astype(float), model.scorer.positions(np.arange(PILOT_DRAWS)))
    )
    write_allocation(path, allocated)
    print("density of draws from low to high noise levels (1 is even):", *(f"{d:.2f}" for d in allocated.density))
    return evolve(model, objective=Objective(allocation=path))


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """Print one row per schedule."""
    print(f"\n{'':<40}{'evaluations':>12}{'median':>8}{'most':>7}{'agreement':>11}{'accuracy':>10}")
    for name, row in rows.items():
        print(
            f"{name:<40}{row['evaluations']:>12.0f}{row['median']:>8.0f}{row['most']:>7.0f}{row['agreement']:>11.4f}"
            f"{row['accuracy']:>10.4f}"
        )


def plot(rows: dict[str, dict[str, float]], path: Path) -> None:
    """Plot agreement and accuracy against the number of evaluations, and write the values to a CSV file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with open(path.with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["schedule", *next(iter(rows.values()))])
        writer.writerows([name, *(f"{value:.6g}" for value in row.values())] for name, row in rows.items())
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for ax, measure in zip(axes, ("agreement", "accuracy"), strict=True):
        for start, end, label, style in CURVES:
            part = [row for name, row in rows.items() if name.startswith(start) and name.endswith(ALLOCATED) == end]
            ax.plot([r["evaluations"] for r in part], [100 * r[measure] for r in part], style, ms=4, label=label)
        for name, marker in zip(SCHEDULES, "*Pv^D", strict=True):
            ax.plot(rows[name]["evaluations"], 100 * rows[name][measure], marker, ms=9, color="0.3", label=name)
        ax.set(xscale="log", xlabel="evaluations per decision (16 choices)", ylabel=f"{measure} (%)")
        ax.grid(alpha=0.3)
    axes[0].set_title("with the decision by all draws of all choices")
    axes[1].legend(fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
