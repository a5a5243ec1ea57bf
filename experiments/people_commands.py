"""`observers collect`, `calibrate-monitor`, `doctor`: people at the screen. Nothing heavy at the top."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stimuli.errors import ObserverError
from stimuli.resuming import resumable

Monitor = Annotated[Path | None, typer.Option(help="The monitor's profile, of calibrate-monitor.")]
Display = Annotated[int, typer.Option(min=0, help="Which screen, where there are several.")]


def collect(
    experiment: Annotated[str, typer.Argument(help="A name of `observers list`, mine.py:NAME, or a folder of images.")],
    participant: Annotated[str | None, typer.Option(help="Code of the person; asked for in a dialog without.")] = None,
    session: Annotated[int, typer.Option(min=1)] = 1,
    pilot: Annotated[bool, typer.Option("--pilot", help="To try it, in a window; left out of analysis.")] = False,
    practice: Annotated[int, typer.Option(min=0, help="Trials with feedback before.")] = 0,
    monitor: Monitor = None,
    keys: Annotated[bool, typer.Option("--keys", help="Answer by keys, not by the mouse.")] = False,
    dialog: Annotated[bool, typer.Option("--dialog/--no-dialog", help="Ask for what is not said.")] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the next unanswered trial.")] = False,
    simulate: Annotated[str, typer.Option(help="An observer who answers instead, without a screen.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Order of the trials; else it follows from the code.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N trials.")] = None,
    rate: Annotated[float | None, typer.Option(help="Frames a second of a pilot or simulation; else measured.")] = None,
    display: Display = 0,
    out: Annotated[Path, typer.Option(help="Folder for trial logs.")] = Path("logs"),
) -> None:
    """Show an experiment to a person, and log every answer.

    Escape stops at any time; the command with --resume goes on.
    """
    from experiments import collecting
    from experiments.registry import make_experiment
    from experiments.seeds import seed_of
    from observers.people.participant import Participant

    code = participant
    if code is None:
        code, session, pilot = _asked(session, pilot, dialog and not simulate)
    settings: dict[str, Any] = {"pilot": pilot, "keys": keys, "simulate": simulate, "monitor": monitor, "rate": rate}
    order = seed_of(code, session) if seed is None else seed
    who = Participant(code=code, seed=order, display=display, **settings)
    also = [] if resume else ["--resume"]
    if participant is None:
        also += ["--participant", code, "--session", str(session), *(["--pilot"] if pilot else [])]
    with resumable("every answer is kept", ("collect",), also=also):
        path = collecting.collect(make_experiment(experiment), who, out, session=session, seed=order, limit=limit,
                                  n_practice=practice, resume=resume, say=_err)  # fmt: skip
    frames = collecting.Frames.of(path)
    typer.echo(f"log: {path}")
    typer.echo(frames.sentence(), err=frames.too_many)


def calibrate_monitor(
    file: Annotated[Path, typer.Argument(help="Where the profile is written, such as lab.json.")],
    distance: Annotated[float, typer.Option(help="From the eyes to the screen, in cm.")],
    name: Annotated[str, typer.Option(help="Of the monitor.")] = "monitor",
    width: Annotated[float | None, typer.Option(help="Of the picture in cm; else by a bank card.")] = None,
    display: Display = 0,
) -> None:
    """Write the profile of a monitor: how large a degree of visual angle is on it."""
    from observers.people.card_calibration import measured_width
    from observers.people.monitor import Monitor, read_monitor, write_monitor
    from observers.people.psychopy_screen import PsychoPyScreen

    Monitor(name, 1.0 if width is None else width, distance, (1, 1))  # what cannot be is said before a screen opens
    if file.exists():
        read_monitor(file)  # nothing else is written over
    screen = PsychoPyScreen(display=display, timed=False)
    try:
        profile = Monitor(name, round(measured_width(screen), 2) if width is None else width, distance, screen.size)
    finally:
        screen.close()
    write_monitor(profile, file)
    typer.echo(f"{file}: {profile.pixels[0]} × {profile.pixels[1]} pixels on {profile.width_cm:g} cm; a degree is "
               f"{profile.length(1):.1f} pixels")  # fmt: skip


def doctor(monitor: Monitor = None, display: Display = 0) -> None:
    """Are PsychoPy, the screen and its timing fit for an experiment with people?"""
    from observers.people.setup_checks import check_setup

    fine = True
    for finding in check_setup(monitor, display):
        typer.echo(f"{'ok  ' if finding.fine else 'FAIL'} {finding.said}")
        fine &= finding.fine
    if not fine:
        raise typer.Exit(1)


def _asked(session: int, pilot: bool, dialog: bool) -> tuple[str, int, bool]:
    from observers.people.codes import new_code
    from observers.people.dialog import ask

    if not dialog:
        raise ObserverError(f"who takes part? --participant CODE, such as {new_code()}")
    return ask(session, pilot)


def _err(sentence: str) -> None:
    typer.echo(sentence, err=True)
