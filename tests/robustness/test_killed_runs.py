"""Runs of experiments that are killed or stopped at random moments, from the start of the process to its end."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.robustness.fork_server import ForkServer, Running, start_process
from tests.robustness.inputs import write_observer, write_set
from tests.robustness.interruptions import Attack, sidecar_problem
from tests.robustness.tally import Tally, count

NETWORK_MEGABYTES = 4000


def attack_run(
    server: ForkServer, tally: Tally, tmp_path: Path, options: Sequence[str], n: int, n_stimuli: int = 60,
    share_of_processes: float = 0.1, max_megabytes: float = 2000,
) -> None:  # fmt: skip
    """Interrupt `observers run-experiment` on a small set `n` times."""
    stimuli = write_set(tmp_path / "set", n=n_stimuli)
    words = ("run-experiment", stimuli, *options, "--out", "logs", "--quiet")
    n_started = 0

    def start(folder: Path, again: bool, alone: bool) -> Running:
        nonlocal n_started
        n_started += 1
        if alone:
            return start_process(tmp_path / f"process-{n_started}", *words, cwd=folder)
        return server.start(*words, cwd=folder)

    Attack(tally, start, "logs", share_of_processes, sidecar_problem).run(tmp_path / "runs", n, max_megabytes)
    tally.check(at_least=n)


@pytest.mark.parametrize("observer", ["ideal", "biased"])
def test_killed_runs(observer: str, server: ForkServer, tally: Tally, tmp_path: Path) -> None:
    attack_run(server, tally, tmp_path, ["--observer", observer], count(140, 8))


def test_killed_runs_of_an_observer_in_a_file(server: ForkServer, tally: Tally, tmp_path: Path) -> None:
    observer = write_observer(tmp_path)
    attack_run(server, tally, tmp_path, ["--observer", observer], count(200, 12))


def test_killed_runs_of_two_observers(server: ForkServer, tally: Tally, tmp_path: Path) -> None:
    observer = write_observer(tmp_path)
    attack_run(server, tally, tmp_path, ["--observer", "ideal", "--observer", observer], count(60, 4))


def test_killed_runs_of_a_network(server_with_networks: ForkServer, tally: Tally, tmp_path: Path) -> None:
    """A network answers in batches, so that several rows are written at once."""
    options = ["--observer", "microcosm-cnn", "--batch-size", "4"]
    attack_run(server_with_networks, tally, tmp_path, options, count(80, 3), 24, 0, NETWORK_MEGABYTES)


def test_killed_runs_with_workers(server: ForkServer, tally: Tally, tmp_path: Path) -> None:
    observer = write_observer(tmp_path)
    attack_run(server, tally, tmp_path, ["--observer", observer, "--workers", "2"], count(30, 2), 60, 1.0)
