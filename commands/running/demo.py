"""`observers demo`: run generative models, networks and simulated people on five small experiments, and write a report."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import Quiet, create_observers, print_notes, read_logs
from commands.running.run_experiment import run_session

if TYPE_CHECKING:
    from observers.protocol import Observer


def demo(
    observer: Annotated[
        list[str] | None,
        typer.Option("--observer", "-m", metavar="NAME", help="Additional observer to run. Repeat it for several."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Trials per experiment (default: 16 to 32, depending on the experiment)."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for trial logs and report.")] = Path("demo"),
    quiet: Quiet = False,
) -> None:
    """Run a small demonstration and write its report.

    Generative models and classifiers that were trained on drawn images, and simulated people, answer some trials of five
    experiments. Nothing is downloaded. A demo that was stopped resumes when the same command is given again.

    \b
    Example:
      observers demo --observer efficientnet-lite0
    """
    from experiments.demo import MODELS, PARTS, SIMULATED_PEOPLE, make_simulated_people
    from experiments.sets.registry import make_experiment

    names = list(dict.fromkeys([*MODELS, *(observer or [])]))
    observers, people = create_observers(names, None, {}), make_simulated_people()
    typer.echo(f"SIMULATED: {', '.join(SIMULATED_PEOPLE)} are simulated observers that take the place of people here.")
    for part in PARTS:
        experiment, n_trials = make_experiment(part.experiment), limit or part.limit
        models = " ".join(f"--observer {shlex.quote(name)}" for name in names)
        logs_folder = shlex.quote(f"{out}/logs")
        typer.echo(f"$ observers run-experiment {experiment.name} {models} --limit {n_trials} --out {logs_folder}")
        for each in (*people, *observers):
            run_session(experiment, each, out / "logs", quiet=quiet, limit=n_trials)
    logs = [str(out / "logs" / part.experiment) for part in PARTS]
    typer.echo(f"$ observers analyze shape-bias {shlex.quote(logs[0])}")
    _print_shape_bias(logs[0])
    report_folder = shlex.quote(f"{out}/report")
    typer.echo(f"$ observers report {shlex.join(logs)} --out {report_folder}   (the demo adds two sections to it)")
    _write_demo_report(logs, observers, out / "report")


def _print_shape_bias(logs: str) -> None:
    """Print the shape bias of every observer, as `observers analyze shape-bias` does."""
    from analysis.io.tables import print_table
    from analysis.measures.shape_bias import describe_people, overall_shape_bias, shape_bias

    frame = read_logs([logs], None)
    table = shape_bias(frame)
    print_notes(table)
    print_table(overall_shape_bias(table))
    if people := describe_people(frame):
        typer.echo(people)


def _write_demo_report(logs: list[str], observers: "list[Observer]", out: Path) -> None:
    """Write the report, with a table of all experiments and reconstructions of one trial by generative observers."""
    from analysis.io.tables import print_table
    from analysis.report.extras import Extra, overview_section, reconstruction_drawing
    from analysis.report.report import write_report
    from experiments.demo import PARTS, RECONSTRUCTED_DAMAGE, SIMULATED_PEOPLE
    from experiments.sets.registry import make_experiment
    from experiments.sets.shown_stimuli import find_shown_stimuli
    from observers.protocol import Reconstructor

    frame = read_logs(logs, None)
    overview = overview_section(frame, SIMULATED_PEOPLE)
    if overview.table is not None:
        print_table(overview.table)
    trial = make_experiment(PARTS[0].experiment).trials(seed=0)[0]
    drawings = []
    for each in observers:
        if each.name in RECONSTRUCTED_DAMAGE and isinstance(each, Reconstructor):
            result, stimulus = each.reconstruct(trial.stimulus, each.prompts(trial.choices)), trial.stimulus.id
            images = result.input_image, result.damaged_image, result.images, result.errors
            drawings.append(
                reconstruction_drawing(each.name, stimulus, *images, trial.choices, RECONSTRUCTED_DAMAGE[each.name])
            )
    sentence = (
        f"Each observer reconstructs the image of the first trial, {trial.stimulus.id}, under every choice, and compares "
        f"each reconstruction with the image."
    )
    one_trial = Extra("A trial as generative observers see it", "reconstruction", (sentence,), None, tuple(drawings))
    stimuli = find_shown_stimuli(frame["dataset"].unique())
    typer.echo(f"report: {write_report(frame, out, extras=[overview, one_trial], stimuli=stimuli)}")
