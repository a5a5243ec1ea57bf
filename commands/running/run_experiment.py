"""`observers run-experiment`: run observers on experiments, and write a trial log for each of them."""

import json as json_module
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from attrs import asdict, evolve

from commands.options import (
    BatchSize,
    Device,
    Dtype,
    Instruction,
    Limit,
    LogFolder,
    ObserverOption,
    Quiet,
    Session,
    observer_options,
    to_stderr,
)
from commands.parameters.completion import complete_experiments, complete_observers
from commands.running.summaries import print_json, print_summaries
from commands.running.workers import Gpus, Scheduler, TimeLimit, Workers, open_executor, run_sessions
from core.errors import UserError
from core.resuming import resumable

if TYPE_CHECKING:
    from experiments.experiment import Experiment
    from experiments.running.session_log import Session as SessionPlan
    from experiments.running.shards import Shard
    from observers.protocol import Observer


def run_experiment(
    experiment: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXPERIMENT…",
            help="Names of experiments (see `observers list experiments`), FILE.py:NAME for your own, folders of images, or "
            "all-published for the published datasets whose images are on this machine.",
            autocompletion=complete_experiments,
        ),
    ] = None,
    observer: Annotated[
        list[str] | None,
        typer.Option(
            "--observer",
            "-m",
            metavar="NAME",
            help="Observer to run. Repeat the option for several observers.",
            autocompletion=complete_observers,
        ),
    ] = None,
    option: ObserverOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="Run all built-in experiments whose images are on this machine.")
    ] = False,
    runs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Read experiments, observers, options, sessions and seeds from this file (default: from the command line; "
            "see docs/cluster.md for the format).",
        ),
    ] = None,
    limit: Limit = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Random seed for the order of trials.")] = 0,
    session: Session = 1,
    instruction: Instruction = None,
    out: LogFolder = Path("logs"),
    device: Device = None,
    dtype: Dtype = None,
    batch_size: BatchSize = None,
    workers: Workers = None,
    gpus: Gpus = None,
    scheduler: Scheduler = None,
    time_limit: TimeLimit = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Run only shard I of N; `observers merge` merges the shards. auto reads I and N from the environment "
            "variables of SLURM or torchrun, and auto/N reads only I (default: the whole session).",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate time, evaluations and memory without writing anything.")
    ] = False,
    quiet: Quiet = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the paths of the logs and the results, or the estimate, as JSON.")
    ] = False,
) -> None:
    """Run experiments with one or more observers.

    A trial log is written for each observer and experiment. To resume a run that was stopped, give the same command
    again. With --workers, --gpus or --scheduler, several processes or machines compute the responses, and the logs are
    the same.

    \b
    Examples:
      observers run-experiment drawn-cue-conflict --observer biased --limit 40
      observers run-experiment cue-conflict --observer sd14 --dry-run
      observers run-experiment cue-conflict sketch --observer sd14 --observer clip --gpus all
      observers run-experiment all-published --observer efficientnet-lite0
    """
    from experiments.running.requests import RunRequest, plan_sessions, read_runs

    part = read_shard(shard)
    flags = {"device": device, "dtype": dtype, "batch_size": batch_size}
    if runs is not None:
        if experiment or observer or option or every:
            raise typer.BadParameter(
                "it cannot be combined with EXPERIMENT, --all, --observer or -o", param_hint="--runs"
            )
        requests = [evolve(request, experiments=tuple(_expand(request.experiments))) for request in read_runs(runs)]
    else:
        if not observer:
            raise typer.BadParameter("name at least one observer, such as --observer ideal", param_hint="--observer")
        names = (*_expand(experiment or ()), *(_available_experiments() if every else ()))
        if not names:
            raise typer.BadParameter("name at least one experiment, or use --all", param_hint="EXPERIMENT")
        options = observer_options(option, flags)
        requests = [
            RunRequest(tuple(dict.fromkeys(names)), tuple(observer), options, session, seed, limit, instruction)
        ]
    sessions = plan_sessions(requests, out, shard=part, notify=to_stderr)
    if dry_run:
        _print_estimates(sessions, json)
        return
    in_process = workers is None and gpus is None and scheduler is None
    if in_process and time_limit is not None:
        raise typer.BadParameter("it needs --workers, --gpus or --scheduler", param_hint="--time-limit")
    kept = "every response is saved" if in_process else "the responses of all finished units are saved"
    with resumable(kept, ("run-experiment",)), open_executor(workers, gpus, scheduler) as executor:
        if executor is not None:
            run_sessions(sessions, executor, time_limit=time_limit, quiet=quiet, notify=to_stderr)
        else:
            run_sessions_here(sessions, quiet=quiet)
    if json:
        print_json(sessions, has_results=part is None)
    elif part is None:
        print_summaries(sessions)
    else:
        for plan in sessions:
            typer.echo(f"log of shard {part}: {plan.path}")


def read_shard(text: str | None) -> "Shard | None":
    """Return the shard that the option --shard describes. Raises typer.BadParameter if the option is invalid."""
    from experiments.running.shards import parse_shard

    try:
        return None if text is None else parse_shard(text, os.environ)
    except UserError as error:
        raise typer.BadParameter(str(error), param_hint="--shard") from None


def _expand(names: Sequence[str]) -> list[str]:
    """Return names of experiments, with the published datasets whose images are on this machine for all-published.

    The other published datasets are reported, with the command that downloads them.

    Raises:
        UserError: If the images of none of the published datasets are on this machine.
    """
    from experiments.sets.catalog import ALL_PUBLISHED, EXPERIMENTS, images_on_disk
    from stimuli.published.datasets import DATASETS

    if ALL_PUBLISHED not in names:
        return list(names)
    present = [name for name in DATASETS if images_on_disk(EXPERIMENTS[name]) is not None]
    missing = [name for name in DATASETS if name not in present]
    download = f"to download them: observers fetch {' '.join(missing) if present else ALL_PUBLISHED}"
    if not present:
        raise UserError(f"the images of the {len(DATASETS)} published datasets are not on this machine; {download}")
    if missing:
        to_stderr(
            f"{len(missing)} of the {len(DATASETS)} published datasets are not on this machine: {', '.join(missing)}; "
            f"{download}. The run continues with the other {len(present)}."
        )
    return [part for name in names for part in (present if name == ALL_PUBLISHED else [name])]


def _available_experiments() -> list[str]:
    """Return the names of the built-in experiments whose images are on this machine, and report the others."""
    from experiments.sets.catalog import EXPERIMENTS, images_on_disk

    missing = [row.name for row in EXPERIMENTS.values() if images_on_disk(row) is None]
    if missing:
        to_stderr(
            f"{len(missing)} experiments are omitted, because their images are not on this machine: {', '.join(missing)}"
        )
    return [name for name in EXPERIMENTS if name not in missing]


def _print_estimates(sessions: "Sequence[SessionPlan]", json: bool) -> None:
    """Print the estimated cost of each session in this process."""
    from experiments.running.estimate import estimate

    rows = []
    for plan in sessions:
        if not json:
            typer.echo(f"{plan.observer.name} on {plan.experiment.name}:")
        planned = estimate(
            plan.experiment, plan.observer, plan.directory,
            session=plan.number, seed=plan.seed, limit=plan.limit, shard=plan.shard,
        )  # fmt: skip
        rows.append(
            {"experiment": plan.experiment.name, "observer": plan.observer.name, "log": str(plan.path)}
            | asdict(planned)
        )
        for sentence in () if json else planned.sentences():
            typer.echo(f"  {sentence}")
    if json:
        typer.echo(json_module.dumps(rows, indent=1, ensure_ascii=False))


def run_sessions_here(sessions: "Sequence[SessionPlan]", *, quiet: bool) -> None:
    """Run sessions one after another in this process, each with a progress bar.

    If an error stops one of several sessions, the others are run, and the exit code is 1.
    """
    from core.progress import progress_bar
    from experiments.running.session import run_here

    n_errors = 0
    for plan in sessions:
        try:
            with progress_bar(f"{plan.experiment.name} · {plan.observer.name}", "trials", quiet=quiet) as progress:
                run_here(plan, progress, to_stderr)
        except UserError as error:
            if len(sessions) == 1:
                raise
            n_errors += 1
            to_stderr(f"observers: {plan.experiment.name}, {plan.observer.name}: {error}")
    if n_errors:
        to_stderr(f"{n_errors} of {len(sessions)} sessions were stopped by an error, and all others were run")
        raise typer.Exit(1)


def run_session(
    experiment: "Experiment", observer: "Observer", name: str, out: Path, *, quiet: bool, limit: int | None = None
) -> Path:
    """Run the first session of an observer with a progress bar and return the path of its trial log.

    `name` is the name from which the observer was made. The sidecar records it, so that `observers status` can print the
    command that continues the session.
    """
    from core.progress import progress_bar
    from experiments.running.session import run_here
    from experiments.running.session_log import Session
    from observers.spec import ObserverSpec

    plan = Session(experiment, observer, out, number=1, seed=0, limit=limit, spec=ObserverSpec(name))
    with (
        resumable("every response is saved", ("run-experiment", "demo")),
        progress_bar(f"{experiment.name} · {observer.name}", "trials", quiet=quiet) as progress,
    ):
        run_here(plan, progress, to_stderr)
    return plan.path
