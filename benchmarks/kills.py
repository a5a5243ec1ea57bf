"""Kill workers, schedulers and commands at random moments, resume, and count lost, duplicate and different rows.

    python benchmarks/kills.py [--kills 300] [--seed 0] [--dask]

`observers run-experiment` runs with three workers, which are processes of this machine, or with `--dask` the workers of a
dask scheduler. After a random time, SIGKILL or SIGTERM is sent to the command, to a worker or to the scheduler. If the
command has ended, it is run again, until the log is complete. The log is then compared with that of an uninterrupted run.
The exit code is 1 if any row is lost, duplicate or different.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from experiments.running.session import run
from experiments.sets.registry import make_experiment
from observers.spec import ObserverSpec

ROOT = Path(__file__).parents[1]
CLI = [sys.executable, "-m", "cli"]
OBSERVER = f"{ROOT / 'benchmarks' / 'sleeping.py'}:Sleeping"
OPTIONS = {"seconds": 0.12, "spread": True}
EXPERIMENT = "drawn-cue-conflict"
N_WORKERS = 3


class Run:
    """A session that is killed and resumed until it is complete."""

    def __init__(self, folder: Path, dask: bool, rng: random.Random, n_left: int) -> None:
        self.folder, self.dask, self.rng, self.n_left = folder, dask, rng, n_left
        self.counts: Counter[str] = Counter()
        self.file = folder / "scheduler.json"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, *words: object) -> subprocess.Popen[bytes]:
        """Start `observers WORDS…`, and write its output to a file."""
        with (self.folder / "output.txt").open("ab") as file:
            return subprocess.Popen([*CLI, *map(str, words)], cwd=ROOT, stdout=file, stderr=file)

    def prepare(self) -> list[object]:
        """With dask, start the scheduler and the workers that are not running. Return the options of the command."""
        if not self.dask:
            return ["--workers", N_WORKERS]
        if self.scheduler is None or self.scheduler.poll() is not None:
            for worker in self.workers:
                end(worker)
            self.workers = []
            self.file.unlink(missing_ok=True)
            self.scheduler = self.start("scheduler", "--scheduler-file", self.file)
            while not (self.file.exists() and self.file.read_text().endswith("}")):
                time.sleep(0.05)
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < N_WORKERS:
            self.workers.append(self.start("worker", "--scheduler", self.file))
        return ["--scheduler", self.file]

    def victim(self, command: subprocess.Popen[bytes]) -> tuple[str, psutil.Process] | None:
        """Return a process to kill: the command, the scheduler, a worker, or the process in which a worker computes."""
        role = self.rng.choice(["command", "worker", "worker", "scheduler" if self.dask else "worker"])
        try:
            if role == "command":
                return role, psutil.Process(command.pid)
            if role == "scheduler" and self.scheduler is not None:
                return role, psutil.Process(self.scheduler.pid)
            parents = [psutil.Process(process.pid) for process in (self.workers or [command])]
            children = [
                child for parent in parents for child in parent.children() if "spawn_main" in " ".join(child.cmdline())
            ]
            candidates = children + (parents if self.dask else [])
            return ("worker", self.rng.choice(candidates)) if candidates else None
        except psutil.NoSuchProcess:
            return None

    def complete(self) -> Path:
        """Run the command until the session is complete, and return its log."""
        words = ["run-experiment", EXPERIMENT, "--observer", OBSERVER, "--out", self.folder / "logs", "--quiet"]
        words += [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
        while True:
            command = self.start(*words, *self.prepare())
            while command.poll() is None:
                time.sleep(self.rng.uniform(0.2, 3.0))
                if self.n_left and command.poll() is None and (chosen := self.victim(command)):
                    role, process = chosen
                    number = self.rng.choice([signal.SIGKILL, signal.SIGTERM])
                    try:
                        process.send_signal(number)
                    except psutil.NoSuchProcess:
                        continue
                    self.n_left -= 1
                    self.counts[f"{role} {number.name}"] += 1
                if self.dask and command.poll() is None:
                    self.prepare()
            self.counts[f"exit code {command.returncode}"] += 1
            if command.returncode == 0:
                return next((self.folder / "logs").rglob("*.csv"))

    def close(self) -> None:
        """End the scheduler and the workers."""
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all of its descendants."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    for each in (*children, process):
        try:
            each.kill()
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    process.wait()


def compare(log: Path, expected: Path) -> tuple[int, int, int]:
    """Return the numbers of lost, duplicate and different rows of a log, whose sidecar must be complete."""
    if json.loads(log.with_suffix(".json").read_text())["status"] != "complete" or log.with_suffix(".units").exists():
        raise SystemExit(f"{log}: its sidecar is incomplete, or its folder of finished units is left")
    rows, wanted = log.read_text().splitlines(), expected.read_text().splitlines()
    counted = Counter(rows)
    doubled = sum(n - 1 for n in counted.values() if n > 1)
    lost = max(0, len(wanted) - len(counted))
    return lost, doubled, sum(a != b for a, b in zip(rows, wanted, strict=False)) + abs(len(rows) - len(wanted))


def main() -> None:
    """Kill until the number of kills is reached, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300, help="number of kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: %(default)s)")
    parser.add_argument("--dask", action="store_true", help="use a dask scheduler (default: processes of the command)")
    options = parser.parse_args()
    rng, counts, totals, n_sessions = random.Random(options.seed), Counter[str](), [0, 0, 0], 0
    with tempfile.TemporaryDirectory() as temporary:
        instant = ObserverSpec(OBSERVER, OPTIONS | {"seconds": 0.0})
        expected = run(make_experiment(EXPERIMENT), instant, Path(temporary) / "expected")
        n_left = options.kills
        while n_left:
            n_sessions += 1
            folder = Path(temporary) / str(n_sessions)
            folder.mkdir()
            each = Run(folder, options.dask, rng, min(n_left, 12))
            try:
                log = each.complete()
            finally:
                each.close()
            n_left -= sum(n for key, n in each.counts.items() if "SIG" in key)
            counts += each.counts
            totals = [total + n for total, n in zip(totals, compare(log, expected), strict=True)]
            print(f"{options.kills - n_left} kills in {n_sessions} sessions: lost {totals[0]}, duplicate {totals[1]}, "
                  f"different {totals[2]} rows; {dict(counts)}", flush=True)  # fmt: skip
    sys.exit(any(totals))


if __name__ == "__main__":
    main()
