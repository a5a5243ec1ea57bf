"""Options for computing on several workers, and the table of sessions that a command prints."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import to_stderr

if TYPE_CHECKING:
    from core.parallel.executor import Executor
    from experiments.running.coordinator import Report
    from experiments.running.session_log import Session

MAX_LISTED = 40  # sessions in a table; if there are more, it has one row per experiment

Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Number of worker processes, which divide the CPU cores of this machine (default: compute in this process).",
    ),
]
Gpus = Annotated[
    str | None,
    typer.Option(
        metavar="GPUS",
        help="GPUs of this machine to use: all, or indices such as 0,1,3. There is one worker process per GPU, unless "
        "--workers is larger (default: compute in this process, on the device of --device).",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS|FILE",
        help="Address or scheduler file of a dask scheduler whose workers compute the responses (default: none; see "
        "docs/cluster.md).",
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        metavar="MINUTES",
        help="Time limit for a unit of work in minutes. A worker that exceeds it is ended, and the unit is computed on "
        "another worker (default: no limit until the first unit is finished, then 20 times the longest time per trial so "
        "far, and at least 30 minutes).",
    ),
]


@contextmanager
def open_executor(workers: int | None, gpus: str | None, scheduler: str | None) -> "Iterator[Executor | None]":
    """Provide the executor that the options describe, or None if all of them are None."""
    if scheduler is not None and (workers is not None or gpus is not None):
        raise typer.BadParameter("it cannot be combined with --workers or --gpus", param_hint="--scheduler")
    with ExitStack() as stack:
        if scheduler is not None:
            from experiments.executors.dask_cluster import DaskExecutor

            executor: Executor = DaskExecutor(scheduler, notify=to_stderr)
        elif gpus is not None:
            from core.parallel.gpus import choose_gpus, gpu_environments
            from core.parallel.processes import ProcessExecutor

            chosen = choose_gpus(gpus)
            n_workers = max(workers or 0, len(chosen))
            executor = ProcessExecutor(n_workers, gpu_environments(chosen, n_workers))
        elif workers is not None:
            from core.parallel.processes import ProcessExecutor

            executor = ProcessExecutor(workers)
        else:
            yield None
            return
        stack.callback(executor.close)
        yield executor


def run_sessions(
    sessions: "Sequence[Session]",
    executor: "Executor",
    *,
    time_limit: float | None,
    quiet: bool,
    notify: Callable[[str], None],
) -> None:
    """Run sessions on workers with a progress bar, and print their states before and after.

    Raises:
        typer.Exit: With code 1 if an error stopped a session, and with 3 if trials failed on two workers.
    """
    from core.progress import progress_bar
    from experiments.running.coordinator import run_on_workers

    with progress_bar(
        "all sessions" if len(sessions) > 1 else sessions[0].path.stem, "trials", quiet=quiet
    ) as progress:
        report = run_on_workers(
            sessions, executor, time_limit=None if time_limit is None else 60 * time_limit, progress=progress, notify=notify,
            begin=lambda report: None if quiet else print_states(report),
        )  # fmt: skip
    if not quiet:
        print_states(report)
    for state in report.sessions:
        if state.error is not None:
            typer.echo(f"observers: {state.experiment}, {state.observer}: {state.error}", err=True)
    if report.failures:  # each of them has been reported
        n = len(report.failures)
        typer.echo(
            f"observers: {n} unit{'s' if n > 1 else ''} of work failed on two workers, as listed above", err=True
        )
    if report.failures or report.errors:
        typer.echo("The other responses are saved. To continue, run the same command again.", err=True)
        raise typer.Exit(1 if report.errors else 3)


def print_states(report: "Report") -> None:
    """Print the number of trials that are done and left: for each session, or with many sessions for each experiment."""
    many = len(report.sessions) > MAX_LISTED
    totals: dict[tuple[str, str], list[int]] = {}
    for state in report.sessions:
        n_observers = sum(other.experiment == state.experiment for other in report.sessions)
        row = totals.setdefault((state.experiment, f"{n_observers} observers" if many else state.observer), [0, 0])
        row[0] += state.n_done
        row[1] += state.n_trials - state.n_done
    table = [("experiment", "observer", "done", "left")]
    table += [(experiment, observer, f"{n:,}", f"{left:,}") for (experiment, observer), (n, left) in totals.items()]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for experiment, observer, n_done, n_left in table:
        cells = experiment.ljust(widths[0]), observer.ljust(widths[1]), n_done.rjust(widths[2]), n_left.rjust(widths[3])
        typer.echo("  ".join(cells), err=True)
