"""`observers run-experiment`: observers answer an experiment, and each writes a trial log."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.options import (
    BatchSize,
    Device,
    Dtype,
    ExperimentName,
    Limit,
    LogFolder,
    ObserverNames,
    ObserverOption,
    Quiet,
    Session,
    create_observers,
    read_logs,
    to_stderr,
)
from core.errors import UserError
from core.resuming import resumable

if TYPE_CHECKING:
    from experiments.experiment import Experiment
    from experiments.running.shards import Shard
    from observers.protocol import Observer


def run_experiment(
    experiment: ExperimentName,
    observer: ObserverNames,
    option: ObserverOption = None,
    limit: Limit = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Random seed for the order of trials.")] = 0,
    session: Session = 1,
    out: LogFolder = Path("logs"),
    device: Device = None,
    dtype: Dtype = None,
    batch_size: BatchSize = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Run only part I of N; `observers merge` merges the parts. auto takes I and N from SLURM or torchrun, and "
            "auto/N takes only I (default: all parts).",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate time, evaluations and memory without writing anything.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run an experiment with one or more observers.

    Each observer answers trial by trial and writes one trial log. A run that was stopped resumes when the same command is
    given again.

    \b
    Examples:
      observers run-experiment drawn-cue-conflict --observer biased --limit 40
      observers run-experiment cue-conflict --observer sd14 --dry-run
    """
    from experiments.running.estimate import estimate
    from experiments.sets.registry import make_experiment

    part = read_shard(shard)
    flags = {"device": device, "dtype": dtype, "batch_size": batch_size}
    observers = create_observers(observer, option, flags)
    chosen = make_experiment(experiment)
    if dry_run:
        for each in observers:
            typer.echo(f"{each.name} on {chosen.name}:")
            for sentence in estimate(
                chosen, each, out, session=session, seed=seed, limit=limit, shard=part
            ).sentences():
                typer.echo(f"  {sentence}")
        return
    pair = None if part is None else (part.index, part.count)
    logs = [
        run_session(chosen, each, out, session=session, seed=seed, limit=limit, shard=pair, quiet=quiet)
        for each in observers
    ]
    if part is None:
        print_summary(logs)
        return
    for path in logs:
        typer.echo(f"log of shard {part}: {path}")


def read_shard(text: str | None) -> "Shard | None":
    """Return the shard that the option --shard describes. Raises typer.BadParameter if it does not describe one."""
    from experiments.running.shards import parse_shard

    try:
        return None if text is None else parse_shard(text, os.environ)
    except UserError as error:
        raise typer.BadParameter(str(error), param_hint="--shard") from None


def run_session(experiment: "Experiment", observer: "Observer", out: Path, *, quiet: bool, **options: Any) -> Path:
    """Run one session with a progress bar and return the path of its trial log. `options` are passed to `run`."""
    from core.progress import progress_bar
    from experiments.running.session import run

    with (
        resumable("every response is saved", ("run-experiment", "demo")),
        progress_bar(f"{experiment.name} · {observer.name}", "trials", quiet=quiet) as progress,
    ):
        return run(experiment, observer, out, **options, progress=progress, notify=to_stderr)


def print_summary(logs: list[Path]) -> None:
    """Print the main measure of the experiment, such as accuracy, for each observer, and the path of every trial log."""
    from analysis.illusions.summary import has_illusions, illusion_table
    from analysis.io.tables import print_table
    from analysis.measures.accuracy import accuracy
    from analysis.measures.shape_bias import has_cue_conflicts, overall_shape_bias, shape_bias

    frame = read_logs(list(map(str, logs)), None, ambiguous=True)
    if has_illusions(frame):
        print_table(illusion_table(frame, n_resamples=0))
    else:
        print_table(overall_shape_bias(shape_bias(frame)) if has_cue_conflicts(frame) else accuracy(frame))
    for path in logs:
        typer.echo(f"log: {path}")
