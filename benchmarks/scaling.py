"""Measure the efficiency of workers, the overhead of an executor per trial, and the growth of memory.

    python benchmarks/scaling.py [--workers 1 2 8 32 64] [--unit-seconds 2.4]     efficiency with processes of this machine
    python benchmarks/scaling.py --overhead                                       overhead in milliseconds per trial
    python benchmarks/scaling.py --memory                                         memory of a dask scheduler, 100,000 trials
    python benchmarks/scaling.py --real                                           microcosm-latent on two cores

In the first three measurements, the observer sleeps instead of computing (`benchmarks/sleeping.py`), so that two cores can
simulate many machines. The efficiency is the total time of all trials, divided by the number of workers and by the wall time
after all workers have started. A unit of work takes `--unit-seconds` here and two minutes in a real run. On average, each
worker computes the trials of twenty such units.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from attrs import evolve

from benchmarks.sleeping import Sleeping, relative_time
from core.parallel.executor import Executor
from core.parallel.processes import ProcessExecutor
from experiments.experiment import Experiment
from experiments.running import planning
from experiments.running.session import run
from experiments.sets.registry import make_experiment
from observers.spec import ObserverSpec
from stimuli.stimulus import StimulusSet

ROOT = Path(__file__).parents[1]
OBSERVER = f"{ROOT / 'benchmarks' / 'sleeping.py'}:Sleeping"


def large_experiment(n_trials: int) -> Experiment:
    """Return an experiment with this number of trials, which repeat the drawn images under different names."""
    drawn = make_experiment("drawn-cue-conflict")
    images = drawn.stimuli.stimuli
    stimuli = [
        evolve(images[i % len(images)], id=f"{i // len(images)}-{images[i % len(images)].id}") for i in range(n_trials)
    ]
    return Experiment("scaling", StimulusSet("scaling", tuple(stimuli)), drawn.choices)


def total_seconds(experiment: Experiment, observer: Sleeping) -> float:
    """Return the total time of all trials in seconds, without the time by which a sleep is too long."""
    ids = [stimulus.id.encode() for stimulus in experiment.stimuli]
    return sum(observer.seconds * (relative_time(sha256(i).digest()) if observer.spread else 1) for i in ids)


def measure_efficiency(n_workers: int, n_trials: int, seconds: float, spread: bool) -> None:
    """Print the efficiency with this number of workers."""
    experiment = large_experiment(n_trials * n_workers)
    observer = Sleeping(seconds, spread)
    spec = ObserverSpec(OBSERVER, {"seconds": seconds, "spread": spread})
    with tempfile.TemporaryDirectory() as folder, ProcessExecutor(n_workers) as executor:
        start_workers(executor, Path(folder))
        start, times = time.perf_counter(), []
        run(experiment, spec, folder, executor=executor, progress=lambda done, total: times.append(time.perf_counter()))
        wall, total = times[-1] - times[0], total_seconds(experiment, observer)
    costs = "uneven" if spread else "equal"
    tail = wall - total / n_workers
    print(
        f"{n_workers:7}  {costs:6}  {len(experiment.stimuli):7,}  {len(times) - 1:5}  {wall:6.1f}  "
        f"{total / n_workers / wall:10.3f}  {tail:6.2f}  {times[0] - start:8.2f}",
        flush=True,
    )


def start_workers(executor: Executor, folder: Path) -> None:
    """Run some trials, so that every worker has imported the project and made the observer before the measurement."""
    n_workers = len(executor.workers())
    run(
        large_experiment(32 * n_workers), ObserverSpec(OBSERVER, {"seconds": 0.02}), folder / "start", executor=executor
    )


def measure_overhead(n_trials: int) -> None:
    """Print the time per trial that is not spent in the observer, in this process and with two processes."""
    experiment, spec = large_experiment(n_trials), ObserverSpec(OBSERVER)
    times: dict[str, list[float]] = {"in this process": [], "two processes": []}
    with ProcessExecutor(2) as processes:
        for repetition in range(4):
            for name, executor in (("in this process", None), ("two processes", processes)):
                with tempfile.TemporaryDirectory() as folder:
                    start = time.perf_counter()
                    run(experiment, spec, folder, executor=executor)
                    if repetition:  # the first one starts the processes
                        times[name].append(1000 * (time.perf_counter() - start) / n_trials)
    for name, values in times.items():
        print(f"{name}: {median(values):.3f} ms per trial (of {n_trials:,}, median of {len(values)} runs)")


@contextmanager
def dask_cluster(n_workers: int, folder: Path) -> Iterator[tuple[Path, int]]:
    """Provide the scheduler file and the process id of a dask scheduler with workers on this machine."""
    file, command = folder / "scheduler.json", [sys.executable, "-m", "cli"]
    processes = [
        subprocess.Popen([*command, "scheduler", "--scheduler-file", file], cwd=ROOT, stdout=subprocess.DEVNULL)
    ]
    try:
        for _ in range(n_workers):
            words = [*command, "worker", "--scheduler", file]
            processes.append(subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        yield file, processes[0].pid
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def measure_memory(n_trials: int) -> None:
    """Print the memory of a dask scheduler and of this process during a run with many trials."""
    import psutil

    from experiments.executors.dask_cluster import DaskExecutor

    experiment, rows = large_experiment(n_trials), []
    with tempfile.TemporaryDirectory() as folder, dask_cluster(2, Path(folder)) as (file, pid):
        scheduler, own = psutil.Process(pid), psutil.Process()
        with DaskExecutor(str(file)) as executor:
            start_workers_of_dask(executor)

            def note(done: int, total: int | None) -> None:
                if done >= len(rows) * n_trials / 10:
                    rows.append((done, scheduler.memory_info().rss / 2**20, own.memory_info().rss / 2**20))
                    print(
                        f"{done:8,} trials: scheduler {rows[-1][1]:6.0f} MiB, coordinator {rows[-1][2]:6.0f} MiB",
                        flush=True,
                    )

            start = time.perf_counter()
            run(experiment, ObserverSpec(OBSERVER), folder, executor=executor, progress=note)
            seconds = time.perf_counter() - start
    growth = np.polyfit([done for done, *_ in rows[3:]], [memory for _, memory, _ in rows[3:]], 1)[0] * 100_000
    print(f"{1000 * seconds / n_trials:.3f} ms per trial; the scheduler grows by {growth:.1f} MiB per 100,000 trials")


def start_workers_of_dask(executor: Executor) -> None:
    """Wait until both workers are connected."""
    while len(executor.workers()) < 2:
        executor.wait(0.5)


def measure_real(n_trials: int) -> None:
    """Print the time of microcosm-latent, alternately with two one-thread processes and one two-thread process."""
    experiment, spec = make_experiment("drawn-cue-conflict"), ObserverSpec("microcosm-latent", {"device": "cpu"})
    ratios = []
    for _ in range(4):
        seconds, logs = [], []
        for n_workers in (2, 1):
            threads = {"OMP_NUM_THREADS": str(2 // n_workers)}
            with tempfile.TemporaryDirectory() as folder, ProcessExecutor(n_workers, [threads] * n_workers) as executor:
                run(experiment, spec, Path(folder) / "start", executor=executor, limit=32)
                start = time.perf_counter()
                logs.append(run(experiment, spec, folder, executor=executor, limit=n_trials).read_text())
                seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
        print(f"two processes {seconds[0]:.1f} s, one process {seconds[1]:.1f} s, ratio {ratios[-1]:.3f}, "
              f"equal logs: {logs[0] == logs[1]}", flush=True)  # fmt: skip
    print(f"median ratio {median(ratios):.3f} ({n_trials} trials, {os.cpu_count()} cores)")


def main() -> None:
    """Run the measurement that the options select."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--workers", nargs="+", type=int, default=[1, 2, 8, 32, 64], help="numbers of workers (default: 1 2 8 32 64)"
    )
    parser.add_argument("--seconds", type=float, default=0.1, help="mean time per trial in s (default: %(default)s)")
    parser.add_argument("--unit-seconds", type=float, default=2.4, help="time per unit in s (default: %(default)s)")
    parser.add_argument("--trials", type=int, help="number of trials (default: depends on the measurement)")
    parser.add_argument("--overhead", action="store_true", help="measure the overhead per trial")
    parser.add_argument("--memory", action="store_true", help="measure the memory of a dask scheduler")
    parser.add_argument("--real", action="store_true", help="measure the time of microcosm-latent")
    options = parser.parse_args()
    if options.overhead:
        measure_overhead(options.trials or 4096)
    elif options.memory:
        measure_memory(options.trials or 100_000)
    elif options.real:
        measure_real(options.trials or 64)
    else:
        print("workers  costs    trials  units  wall s  efficiency  tail s  begin s")
        planning.TARGET_SECONDS = options.unit_seconds
        n_trials = round(20 * options.unit_seconds / options.seconds)
        for spread in (False, True):
            for n_workers in options.workers:
                measure_efficiency(n_workers, n_trials, options.seconds, spread)


if __name__ == "__main__":
    main()
