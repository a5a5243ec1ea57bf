"""Simulate races between nearly tied choices, and count how often the best choice is eliminated.

    python benchmarks/racing_errors.py [--races 400] [--draws 500] [--error-rate 0.05] [--plot FILE]

A race makes an error if its response differs from that of exhaustive evaluation, which uses all draws of all choices. If
choices are tied, the best choice is thus the one that wins with these draws by chance, and not one with a higher expected
score. The column "true best" counts a different kind of error, which finite draws make even without a race: the response
is not the choice with the highest expected score.

The best choice is better than all others, which are tied, by a gap in units of the standard deviation of a score. Scores
are independent and normal. All rules race on the same scores. Takes a few minutes on one core; torch is not needed.
"""

import argparse
from pathlib import Path

import numpy as np

from observers.generative.draws import kronecker_sequence
from observers.generative.racing import Exhaustive, RaceResult, Racing, Schedule

N_CHOICES = (2, 3, 4, 8, 16)
GAPS = (0.0, 0.05, 0.1, 0.3, 1.0, 3.0)


def positions(draws: np.ndarray) -> np.ndarray:
    """Return the positions of draws along the noise levels."""
    return kronecker_sequence(draws, 0)


def replay(schedule: Schedule, scores: np.ndarray) -> RaceResult:
    """Run a race on stored scores (n_choices, n_draws) and return its result."""
    race = schedule(len(scores), positions)
    request = next(race)
    while True:
        try:
            request = race.send(scores[request.choices, request.first : request.last])
        except StopIteration as end:
            return end.value


def schedules(draws: int, error_rate: float) -> dict[str, Schedule]:
    """Return the rules that are compared: an error rate per round, per race, and a confidence sequence."""
    return {
        "per round": Racing(draws, error_rate=error_rate, error_rate_per="round"),
        "per race": Racing(draws, error_rate=error_rate),
        "anytime": Racing(draws, error_rate=error_rate, anytime=True),
        "exhaustive": Exhaustive(draws),
    }


def measure(n_choices: int, gap: float, n_races: int, draws: int, error_rate: float) -> dict[str, tuple[float, ...]]:
    """Return for each rule the share of errors, the share of responses that are not the true best, and evaluations."""
    rng = np.random.default_rng([n_choices, draws])
    means = np.where(np.arange(n_choices) == 0, gap, 0.0)
    sums = {name: np.zeros(3) for name in schedules(draws, error_rate)}
    for _ in range(n_races):
        scores = means[:, None] + rng.normal(size=(n_choices, draws))
        best = scores.mean(axis=1).argmax()
        for name, schedule in schedules(draws, error_rate).items():
            result = replay(schedule, scores)
            response = result.evidence.argmax()
            sums[name] += response != best, response != 0, result.n_evaluations / n_choices
    return {name: tuple(total / n_races) for name, total in sums.items()}


def main() -> None:
    """Print one row for each number of choices, gap and rule, and plot the error rates if requested."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--races", type=int, default=400, help="number of races per row (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=500, help="draws per choice (default: %(default)s)")
    parser.add_argument("--error-rate", type=float, default=0.05, help="error rate of the rules (default: %(default)s)")
    parser.add_argument("--plot", type=Path, help="file for the figure (default: no figure)")
    options = parser.parse_args()
    print(f"{'choices':>7}{'gap':>6}  {'rule':<12}{'errors':>8}{'not the true best':>19}{'draws per choice':>18}")
    rows: dict[tuple[int, float], dict[str, tuple[float, ...]]] = {}
    for k in N_CHOICES:
        for gap in GAPS:
            rows[k, gap] = measure(k, gap, options.races, options.draws, options.error_rate)
            for name, (errors, misses, n) in rows[k, gap].items():
                print(f"{k:>7}{gap:>6g}  {name:<12}{errors:>8.3f}{misses:>19.3f}{n:>18.1f}", flush=True)
    if options.plot:
        plot(rows, options.error_rate, options.plot)


def plot(rows: dict[tuple[int, float], dict[str, tuple[float, ...]]], error_rate: float, path: Path) -> None:
    """Plot the error rates and the number of draws per choice against the gap."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(2, len(N_CHOICES), figsize=(12, 5), layout="constrained", sharex=True, sharey="row")
    for k, column in zip(N_CHOICES, axes.T, strict=True):
        for name, style in (("per round", "o-"), ("per race", "s-"), ("anytime", "^:")):
            column[0].plot(GAPS, [100 * rows[k, gap][name][0] for gap in GAPS], style, ms=4, label=name)
            column[1].plot(GAPS, [rows[k, gap][name][2] for gap in GAPS], style, ms=4, label=name)
        column[0].axhline(100 * error_rate, color="0.5", lw=1, ls="--")
        column[0].set_title(f"{k} choices")
        column[1].set(xlabel="gap (sd of a score)", yscale="log")
        column[1].set_xscale("symlog", linthresh=0.05)
        column[1].set_xticks(GAPS, [f"{gap:g}" for gap in GAPS], rotation=60)
        column[1].xaxis.set_minor_locator(ticker.NullLocator())
    axes[0, 0].set_ylim(0)
    axes[0, 0].set_ylabel("races with an error (%)")
    axes[1, 0].set_ylabel("draws per choice")
    axes[0, -1].legend(fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
