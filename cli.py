"""The command line: each command parses, resolves, makes one call and prints. Nothing heavy is imported at the top.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 stopped and can be resumed.
"""

import io
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from analysis.commands import BootstrapSeed, Dataset, Intervals, Logs, analyze, analyze_shape_bias, read
from analysis.export_command import export
from analysis.paper.command import figures
from analysis.run_summary import print_run_summary
from experiments.catalog_command import list_
from experiments.people_commands import calibrate_monitor, collect, doctor
from experiments.privacy_commands import forget
from experiments.web_commands import import_web, serve
from stimuli.commands import Quiet, key_values, make_cue_conflict, make_stimuli, numbers, show_stimuli
from stimuli.errors import UserError, describe_os_error
from stimuli.fetch_command import fetch
from stimuli.resuming import resumable

if TYPE_CHECKING:
    from experiments.experiment import Experiment
    from observers.protocol import Observer


class Group(TyperGroup):
    """Shows a user's error as one sentence without a traceback; anything else is a bug and keeps its traceback.

    A file that cannot be read or written is the user's to mend, too.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"observers: {error}", err=True)
            raise typer.Exit(1) from None
        except OSError as error:
            if isinstance(error, BrokenPipeError) or error.strerror is None:
                raise
            typer.echo(f"observers: {describe_os_error(error)}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(cls=Group, no_args_is_help=True, add_completion=False,
    rich_markup_mode=None,  # rich would take most of the time that --help takes
    pretty_exceptions_enable=False,
                  help="Experiments in which people, classifiers and generative models are all observers.")  # fmt: skip
app.add_typer(analyze, name="analyze")
for command in (
    make_stimuli, make_cue_conflict, show_stimuli, collect, calibrate_monitor, doctor, serve, import_web, forget, figures,
    fetch, export,
):  # fmt: skip
    app.command()(command)
app.command("list")(list_)

Option = Annotated[list[str] | None, typer.Option("-o", metavar="KEY=VALUE", help="An option of the observer.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
Dtype = Annotated[str | None, typer.Option(help="float32, float16 or bfloat16.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Images (of a generative observer: rows) a forward pass.")]


@app.command()
def run_experiment(
    experiment: Annotated[str, typer.Argument(help="A name of `observers list`, mine.py:NAME, or a folder of images.")],
    observer: Annotated[list[str], typer.Option("--observer", "-m", help="Who looks; can be given several times.")],
    option: Option = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N trials; go on later without it.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Order of the trials.")] = 0,
    session: Annotated[int, typer.Option(min=1)] = 1,
    out: Annotated[Path, typer.Option(help="Folder for trial logs.")] = Path("logs"),
    device: Device = None,
    dtype: Dtype = None,
    batch_size: BatchSize = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take; writes nothing.")] = False,
    quiet: Quiet = False,
) -> None:
    """Let observers answer an experiment.

    Trial by trial, into a log each. The same command again resumes.
    """
    from experiments.estimate import estimate
    from experiments.registry import make_experiment

    flags = {"device": device, "dtype": dtype, "batch_size": batch_size}
    who = _observers(observer, option, flags)
    what = make_experiment(experiment)
    if dry_run:
        for one in who:
            typer.echo(f"{one.name} on {what.name}:")
            for sentence in estimate(what, one, out, session=session, seed=seed, limit=limit).sentences():
                typer.echo(f"  {sentence}")
        return
    logs = [_run(what, one, out, session=session, seed=seed, limit=limit, quiet=quiet) for one in who]
    print_run_summary(logs)


@app.command()
def check_observer(
    name: str,
    experiment: Annotated[str, typer.Option(help="Whose first twelve trials are asked.")] = "drawn-cue-conflict",
    option: Option = None,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Does an observer keep the contract?

    Asks it twelve images several times over.
    """
    from experiments.registry import make_experiment
    from observers.check import check_observer as check

    observer = _observers([name], option, {"device": device, "dtype": dtype})[0]
    findings = check(observer, make_experiment(experiment).trials(seed=0)[:12])
    for finding in findings:
        detail = f": {finding.detail}" if finding.detail else ""
        typer.echo(f"{'ok  ' if finding.passed else 'FAIL'} {finding.rule}{detail}")
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


@app.command()
def reconstruct(
    image: Annotated[list[str], typer.Argument(metavar="IMAGE…", help="Image files, folders of them, or experiments.")],
    observer: Annotated[list[str], typer.Option("--observer", "-m", help="Who restores; can be given several times.")],
    prompt: Annotated[
        list[str] | None, typer.Option(help="A text, as often as you like; else an image's percepts.")
    ] = None,
    strength: Annotated[str, typer.Option(help="Shares of noise or masks, with commas.")] = "0.5",
    seeds: Annotated[int, typer.Option(min=1, help="Draws of noise or masks.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="In which an image is restored; 1 is what scores compare.")] = 20,
    guidance: Annotated[float, typer.Option(help="Beyond what the text says; 1 for none.")] = 1.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N images.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for pictures, table and sheets.")] = Path("reconstructions"),
    option: Option = None,
    device: Device = None,
    dtype: Dtype = None,
    batch_size: BatchSize = None,
    quiet: Quiet = False,
) -> None:
    """Let generative observers restore images under prompts.

    From a share of noise, or of masked tokens; with a table of distances and contact sheets.
    """
    from analysis.illusions.sheets import write_sheets
    from experiments.reconstruction_run import ReconstructionSettings, find_stimuli
    from experiments.reconstruction_run import reconstruct as restore
    from stimuli.progress import progress_bar

    who = _observers(observer, option, {"device": device, "dtype": dtype, "batch_size": batch_size})
    asked = ReconstructionSettings(tuple(prompt or ()), numbers(strength, "--strength"), seeds, steps, guidance)
    with (
        resumable("what is restored is kept", ("reconstruct",)),
        progress_bar("reconstruct", "images", quiet=quiet) as progress,
    ):
        table = restore(find_stimuli(image, limit), who, asked, out, progress=progress)
    typer.echo(f"table: {table}")
    for sheet in write_sheets(out):
        typer.echo(f"sheet: {sheet}")


@app.command()
def explain_trial(
    log: Annotated[Path, typer.Argument(help="A trial log.")],
    trial: Annotated[int, typer.Option(min=1, help="Number of the trial.")] = 1,
    experiment: Annotated[str | None, typer.Option(help="By which name, if not the log's.")] = None,
    observer: Annotated[str | None, typer.Option("--observer", "-m", help="By which name, if not the log's.")] = None,
    strength: Annotated[float, typer.Option(help="Share of noise or masks.")] = 0.5,
    steps: Annotated[int, typer.Option(min=1, help="In which the image is restored; 1 is what scores compare.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Which draw of noise or masks.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the figure.")] = Path("explained"),
    option: Option = None,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Draw one trial as the observer sees it.

    The image, what was left of it, and what is restored under each choice; or its evidence.
    """
    from analysis.illusions.trial_figure import write_explanation
    from experiments.trial_explanation import explain
    from observers.protocol import Restoration

    def make(name: str) -> "Observer":
        return _observers([name], option, {"device": device, "dtype": dtype})[0]

    how = Restoration(strength, steps, draw=seed)
    found = explain(log, trial, make, how, experiment=experiment, observer=observer)
    typer.echo(f"figure: {write_explanation(found, out, log.stem, trial)}")


@app.command()
def estimate_allocation(
    experiment: Annotated[str, typer.Argument(help="Whose images the pilot sees.")],
    observer: Annotated[str, typer.Option("--observer", "-m", help="A generative observer with noise levels.")],
    out: Annotated[Path, typer.Option(help="File for the allocation.")] = Path("allocation.csv"),
    limit: Annotated[int, typer.Option(min=1, help="Trials.")] = 16,
    draws: Annotated[int, typer.Option(help="Of every choice of a trial.")] = 64,
    option: Option = None,
    device: Device = None,
    dtype: Dtype = None,
    batch_size: BatchSize = None,
) -> None:
    """Find out which noise levels deserve more draws.

    A pilot with even draws; a run with -o allocation=FILE then needs fewer of them.
    """
    from experiments.registry import make_experiment
    from observers.generative.allocation_pilot import estimate_allocation as estimate
    from observers.generative.draws import write_allocation

    one = _observers([observer], option, {"device": device, "dtype": dtype, "batch_size": batch_size})[0]
    out.parent.mkdir(parents=True, exist_ok=True)
    new = not out.exists()
    out.open("a").close()  # what cannot be written is said before the pilot
    if new:
        out.unlink()
    found, share = estimate(one, make_experiment(experiment).trials(seed=0)[:limit], draws)
    typer.echo("draws at noise levels from low to high, 1 is even: " + " ".join(f"{d:.2g}" for d in found.density))
    typer.echo(f"by the pilot {100 * share:.0f} % of the draws do as well as all of them spread evenly")
    write_allocation(out, found)
    typer.echo(f"allocation: {out}; use it with -o allocation={shlex.quote(str(out))}")


@app.command()
def report(
    logs: Logs,
    out: Annotated[Path, typer.Option(help="Folder for the pages, figures and tables.")] = Path("report"),
    dataset: Dataset = None,
    intervals: Intervals = True,
    seed: BootstrapSeed = 0,
    images: Annotated[bool, typer.Option("--images/--no-images", help="Small copies of the images.")] = True,
    stimuli: Annotated[list[str] | None, typer.Option(help="Experiment or folder whose images were shown.")] = None,
    reconstructions: Annotated[
        Path | None, typer.Option(help="A folder of observers reconstruct, to begin with.")
    ] = None,
) -> None:
    """Write figures, tables and pages to look at.

    Every figure as PDF, SVG, PNG and the CSV behind it. Images of published datasets are found in a data folder.
    """
    from analysis.report.extras import reconstructions as of_reconstructions
    from analysis.report.report import write_report
    from experiments.shown_stimuli import find_shown_stimuli

    frame = read(logs, dataset, ambiguous=True)
    shown = find_shown_stimuli(frame["dataset"].unique(), stimuli or ()) if images else ()
    extras = [] if reconstructions is None else [of_reconstructions(reconstructions)]
    typer.echo(f"report: {write_report(frame, out, intervals=intervals, seed=seed, stimuli=shown, extras=extras)}")


@app.command()
def demo(
    observer: Annotated[list[str] | None, typer.Option("--observer", "-m", help="Who looks besides.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Trials of each experiment; more are better.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for logs and report.")] = Path("demo"),
    quiet: Quiet = False,
) -> None:
    """Run the main job in small and write its report.

    Real generative models and networks, trained on a small world, answer some trials of five of its experiments; simulated
    people stand in for people. The same command again goes on where it was stopped.
    """
    from experiments.demo import MODELS, PARTS, SIMULATED_PEOPLE, make_simulated_people
    from experiments.registry import make_experiment

    names = list(dict.fromkeys([*MODELS, *(observer or [])]))
    who, people = _observers(names, None, {}), make_simulated_people()
    typer.echo(f"SIMULATED: {', '.join(SIMULATED_PEOPLE)} are no people; they stand in for them here")
    for part in PARTS:
        what, n = make_experiment(part.experiment), limit or part.limit
        models = " ".join(f"--observer {shlex.quote(name)}" for name in names)
        typer.echo(f"$ observers run-experiment {what.name} {models} --limit {n} --out {shlex.quote(f'{out}/logs')}")
        for one in (*people, *who):
            _run(what, one, out / "logs", quiet=quiet, limit=n)
    logs = [str(out / "logs" / part.experiment) for part in PARTS]
    typer.echo(f"$ observers analyze shape-bias {shlex.quote(logs[0])}")
    analyze_shape_bias(logs[:1])
    typer.echo(f"$ observers report {shlex.join(logs)} --out {shlex.quote(f'{out}/report')}   (and what follows)")
    _demo_report(logs, who, out / "report")


def _demo_report(logs: list[str], who: "list[Observer]", out: Path) -> None:
    """The report with a table over all experiments, and a trial as those see it who can show it."""
    from analysis.report.extras import Extra, reconstruction, summary
    from analysis.report.report import write_report
    from analysis.tables import show
    from experiments.demo import PARTS, RECONSTRUCTED_DAMAGE, SIMULATED_PEOPLE
    from experiments.registry import make_experiment
    from experiments.shown_stimuli import find_shown_stimuli
    from observers.protocol import Reconstructor

    frame = read(logs, None)
    first = summary(frame, SIMULATED_PEOPLE)
    show(first.table)
    trial = make_experiment(PARTS[0].experiment).trials(seed=0)[0]
    drawings = []
    for one in who:
        if one.name in RECONSTRUCTED_DAMAGE and isinstance(one, Reconstructor):
            found, name = one.reconstruct(trial.stimulus, one.prompts(trial.choices)), trial.stimulus.id
            parts = found.input_image, found.damaged_image, found.images, found.errors
            drawings.append(reconstruction(one.name, name, *parts, trial.choices, RECONSTRUCTED_DAMAGE[one.name]))
    said = (
        f"The first trial, {trial.stimulus.id}: what was left of the image is restored under each choice, and compared."
    )
    seen = Extra("A trial as generative observers see it", "reconstruction", (said,), None, tuple(drawings))
    typer.echo(
        f"report: {write_report(frame, out, extras=[first, seen], stimuli=find_shown_stimuli(frame['dataset'].unique()))}"
    )


def _observers(names: list[str], options: list[str] | None, flags: dict[str, Any]) -> "list[Observer]":
    """The observers, each with those of the `-o` options and general flags that it has."""
    from observers.registry import make_observers

    given = {flag: str(value) for flag, value in flags.items() if value is not None}
    return make_observers(names, given | key_values(options), notify=lambda text: typer.echo(text, err=True))


def _run(what: "Experiment", one: "Observer", out: Path, *, quiet: bool, **options: Any) -> Path:
    """One session with a progress bar."""
    from experiments.session import run
    from stimuli.progress import progress_bar

    with (
        resumable("every answer is kept", ("run-experiment", "demo")),
        progress_bar(f"{what.name} · {one.name}", "trials", quiet=quiet) as progress,
    ):
        return run(what, one, out, **options, progress=progress, notify=lambda text: typer.echo(text, err=True))


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know every letter
            stream.reconfigure(errors="replace")
    app()


if __name__ == "__main__":
    main()
