"""`observers demo`: small models answer some trials live, and a report shows all of their recorded trials."""

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import Quiet
from commands.running.run_experiment import run_session

if TYPE_CHECKING:
    from commands.running.demo_reports import Models
    from experiments.demo import Comparison


def demo(
    observer: Annotated[
        list[str] | None,
        typer.Option(
            "--observer",
            "-m",
            metavar="NAME",
            help="Additional observer, which answers all trials of microcosm-cue-conflict live. Repeat it for several.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Largest number of live trials of each observer (default: 2 to 16)."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for trial logs and reports.")] = Path("demo"),
    quiet: Quiet = False,
) -> None:
    """Run a demonstration and write its report.

    Small generative models and classifiers, which come with the installation, answer some trials live. Their responses are
    compared with the recorded ones, and a report shows all recorded trials. Nothing is downloaded. If the images and the
    recorded people of cue-conflict are on this computer, a second report compares people, networks and vision-language
    models. A demo that was stopped resumes when the same command is given again.

    \b
    Example:
      observers demo --observer efficientnet-lite0
    """
    from commands.running.demo_reports import (
        Models,
        describe_results,
        find_people_logs,
        model_report_in_background,
        write_model_report,
        write_people_report,
    )
    from experiments.demo import LIVE_EXPERIMENT, LIVE_TRIALS

    n_live = {name: min(n, limit or n) for name, n in LIVE_TRIALS.items()}
    extra, people_logs = [name for name in observer or [] if name not in LIVE_TRIALS], find_people_logs()
    _print_plan(sum(n_live.values()), out, has_people=bool(people_logs))
    n_processors = os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, n_processors // 2)))  # PyTorch is imported later and reads it
    models = Models(quiet)
    with ExitStack() as stack:
        if n_processors > 1 and not extra:
            stack.enter_context(model_report_in_background(out))
        typer.echo(f"\n1. {len(n_live)} models answer {sum(n_live.values())} trials of {LIVE_EXPERIMENT}:")
        comparisons = [_answer_live(models, name, n_trials, out) for name, n_trials in n_live.items()]
        extra_logs = [_answer_all(models, name, limit, out) for name in extra]
        typer.echo(f"\n2. {_describe_comparisons(comparisons)}")
    report = write_model_report(out, extra_logs, models.make)
    people_report = write_people_report(out, people_logs, models.make, quiet=quiet) if people_logs else None
    describe_results(out, report, people_report)


def _print_plan(n_live: int, out: Path, *, has_people: bool) -> None:
    """Print what the demo will do, and how long it will take."""
    typer.echo("This demo takes about one minute on two processor cores:")
    typer.echo(f"  1. Small models, which come with the installation, answer {n_live} trials on this computer.")
    typer.echo("  2. Their responses are compared with the recorded responses.")
    typer.echo(f"  3. A report on all recorded trials is written to {out / 'report' / 'index.html'}.")
    if has_people:
        typer.echo(
            f"  4. A report on people, networks and vision-language models is written to {out / 'people-report'}."
        )
        typer.echo("     This takes two to three more minutes, because a network answers 1,280 trials.")


def _answer_live(models: "Models", name: str, n_trials: int, out: Path) -> "Comparison":
    """Let a model answer its first trials, print a line about it, and return the comparison with the recorded responses."""
    from experiments.demo import LIVE_EXPERIMENT, compare_with_recording
    from experiments.log import has_rows, log_path, read_rows
    from experiments.sets.registry import make_experiment

    start, log = time.monotonic(), log_path(out / "logs", LIVE_EXPERIMENT, name, 1)
    if has_rows(log) and len(read_rows(log)) > n_trials:
        typer.echo(f"   {name:<26}{n_trials:>3} trials, answered by an earlier run")
    else:
        experiment = make_experiment(LIVE_EXPERIMENT)
        run_session(experiment, models.make(name), name, out / "logs", quiet=models.quiet, limit=n_trials)
        typer.echo(f"   {name:<26}{n_trials:>3} trials, {time.monotonic() - start:.1f} s including loading")
    return compare_with_recording(log, name)


def _answer_all(models: "Models", name: str, limit: int | None, out: Path) -> Path:
    """Let an additional observer answer all trials, print a line about it, and return its log."""
    from experiments.demo import LIVE_EXPERIMENT
    from experiments.sets.registry import make_experiment

    start = time.monotonic()
    experiment = make_experiment(LIVE_EXPERIMENT)
    log = run_session(experiment, models.make(name), name, out / "logs", quiet=models.quiet, limit=limit)
    typer.echo(f"   {name}: {time.monotonic() - start:.1f} s including loading")
    return log


def _describe_comparisons(comparisons: "list[Comparison]") -> str:
    """Return whether the live responses equal the recorded ones, with a line for each response that does not."""
    n_equal = sum(each.n_equal for each in comparisons)
    n_different = sum(len(each.differences) for each in comparisons)
    n_unrecorded = sum(each.n_unrecorded for each in comparisons)
    n_compared = n_equal + n_different
    if not n_compared:
        return "The live responses cannot be compared, because the included recordings do not contain these trials."
    equal = f"All {n_compared} live responses equal the recorded ones."
    lines = [equal if n_compared > 1 else "The live response equals the recorded one."]
    if n_different:
        lines = [
            f"{n_equal} of {n_compared} live responses equal the recorded ones. The others differ, which can happen with "
            "other processors or package versions if two choices have almost equal evidence:"
        ]
        lines += [f"   {each.observer}, {text}" for each in comparisons for text in each.differences]
    if n_unrecorded:
        names = ", ".join(each.observer for each in comparisons if each.n_unrecorded)
        lines.append(f"   {n_unrecorded} live responses were not recorded, so they are not compared ({names}).")
    return "\n".join(lines)
