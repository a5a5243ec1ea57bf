"""Measure how the responses of two diffusion models of the microcosm depend on the noise level (docs/noise-levels.md).

    python benchmarks/noise_levels.py --limit 240 --pack docs/noise-levels

Every model answers the first trials of `microcosm-cue-conflict` with five parts of its noise schedule. The parts take turns
of STEP trials, so that their numbers of trials differ by at most STEP whenever the script is stopped; the same command
continues.
With `--pack`, the trials that all parts of a model have answered are written as one compressed log, which
`observers analyze levels` reads. The same logs give the same bytes.
"""

import argparse
from pathlib import Path

from benchmarks.pack_recordings import read_log, write_recording
from experiments.running.session import run
from experiments.sets.registry import make_experiment
from observers.registry import make_observer

EXPERIMENT = "microcosm-cue-conflict"
MODELS = ("microcosm-latent", "microcosm-pixel")
BANDS = ("0:0.2", "0.2:0.4", "0.4:0.6", "0.6:0.8", "0.8:1")
STEP = 20  # trials


def name_of(model: str, levels: str) -> str:
    """Return the name of the run of a model with a part of its noise schedule."""
    return f"{model}-{levels.replace(':', '-')}"


def measure(logs: Path, model: str, limit: int) -> None:
    """Run a model with every part of its schedule until each has answered `limit` trials."""
    experiment = make_experiment(EXPERIMENT)
    observers = [make_observer(model, {"levels": levels, "name": name_of(model, levels)}) for levels in BANDS]
    for n in [*range(STEP, limit, STEP), limit]:
        for observer in observers:
            run(experiment, observer, logs, limit=n)
        print(f"{model}: {n} trials with each part of the schedule", flush=True)


def pack(logs: Path, out: Path) -> str:
    """Write the first trials, which all parts of a model have answered, and return a line that describes them."""
    used, models, n_trials = {}, set(), []
    for model in MODELS:
        names = [name_of(model, levels) for levels in BANDS]
        logged = {name: log for name in names if (log := read_log(logs, EXPERIMENT, name)) is not None}
        n = min((len(rows) - 1 for rows, _ in logged.values()), default=0)
        if len(logged) == len(BANDS) and n > 0:
            used |= {name: (rows[: n + 1], sidecar) for name, (rows, sidecar) in logged.items()}
            models.add(model)
            n_trials.append(n)
    if not used:
        return f"{logs}: no model has answered a trial with every part of its schedule"
    size = write_recording(EXPERIMENT, used, max(n_trials), models, out)
    counts = ", ".join(f"{n} trials of {model}" for model, n in zip(sorted(models), n_trials, strict=True))
    return f"{out}: {counts} with each of {len(BANDS)} parts of the schedule, {size >> 10} KiB"


def main() -> None:
    """Measure, and pack the logs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--logs", type=Path, default=Path("benchmarks/cache/noise-levels"), help="folder of the logs")
    parser.add_argument("--model", action="append", choices=MODELS, help="model (default: both)")
    parser.add_argument(
        "--limit", type=int, default=240, help="number of trials; 0 runs nothing (default: %(default)s)"
    )
    parser.add_argument("--pack", type=Path, metavar="FOLDER", help="folder for the compressed log (default: none)")
    options = parser.parse_args()
    for model in (options.model or MODELS) if options.limit else ():
        measure(options.logs, model, options.limit)
    if options.pack is not None:
        print(pack(options.logs, options.pack), flush=True)


if __name__ == "__main__":
    main()
