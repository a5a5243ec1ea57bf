"""`observers collect`, `calibrate-monitor` and `doctor`: experiments with people at this computer's screen."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.options import (
    DeclaredExclusions,
    ExperimentName,
    Instruction,
    Language,
    Limit,
    LogFolder,
    ParticipantSeed,
    Session,
    Texts,
    load_session_texts,
    to_stderr,
)
from core.errors import ObserverError
from core.resuming import resumable

MonitorProfile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Monitor profile that `observers calibrate-monitor` wrote (default: none; required unless --pilot "
        "or --simulate is given).",
    ),
]
Display = Annotated[int, typer.Option(min=0, metavar="N", help="Number of the screen to use; 0 is the first one.")]


def collect(
    experiment: ExperimentName,
    participant: Annotated[
        str | None, typer.Option(metavar="CODE", help="Participant code (default: a dialog asks for it).")
    ] = None,
    session: Session = 1,
    pilot: Annotated[
        bool, typer.Option("--pilot", help="Run a pilot session in a window. Analyses exclude pilot sessions.")
    ] = False,
    practice: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of practice trials with feedback before the experiment.")
    ] = 0,
    monitor: MonitorProfile = None,
    keys: Annotated[
        bool, typer.Option("--keys", help="Take responses from the keyboard instead of the mouse.")
    ] = False,
    dialog: Annotated[
        bool, typer.Option("--dialog/--no-dialog", help="Whether a dialog may ask for a missing participant code.")
    ] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted session at the first trial without a response.")
    ] = False,
    simulate: Annotated[
        str,
        typer.Option(
            metavar="OBSERVER", help="Simulated observer that answers on a virtual screen (default: a person answers)."
        ),
    ] = "",
    seed: ParticipantSeed = None,
    limit: Limit = None,
    instruction: Instruction = None,
    language: Language = None,
    texts: Texts = None,
    consent: Annotated[
        bool, typer.Option("--consent/--no-consent", help="Whether the participant is asked for consent at the screen.")
    ] = True,
    exclusions: DeclaredExclusions = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar="HZ", help="Frame rate of a pilot or simulated session, in hertz (default: measured)."),
    ] = None,
    display: Display = 0,
    out: LogFolder = Path("logs"),
) -> None:
    """Run a session with one participant at this screen.

    PsychoPy shows a welcome, asks for consent and shows the trials. Every response is logged immediately. Escape stops the
    session at any time; the same command with --resume continues it.

    \b
    Examples:
      observers collect drawn-cue-conflict --participant K7Q2 --simulate biased --limit 40
      observers collect drawn-cue-conflict --participant K7Q2 --monitor lab.json --practice 16
    """
    from experiments.exclusion_rules import read_exclusion_rules
    from experiments.people import collecting
    from experiments.seeds import session_seed
    from experiments.sets.registry import make_experiment
    from observers.people.participant import Participant

    code = participant
    if code is None:
        code, session, pilot = _ask_for_participant(session, pilot, dialog and not simulate)
    rules = None if exclusions is None else read_exclusion_rules(exclusions)
    session_texts = load_session_texts(language, texts)
    settings: dict[str, Any] = {
        "texts": session_texts,
        "pilot": pilot,
        "keys": keys,
        "simulate": simulate,
        "monitor": monitor,
        "rate": rate,
    }
    order_seed = session_seed(code, session) if seed is None else seed
    person = Participant(code=code, seed=order_seed, display=display, **settings)
    to_resume = [] if resume else ["--resume"]
    if participant is None:
        to_resume += ["--participant", code, "--session", str(session), *(["--pilot"] if pilot else [])]
    with resumable("every response is saved", ("collect",), extra_arguments=to_resume):
        path = collecting.collect(
            make_experiment(experiment, instruction=instruction), person, out, session=session, seed=order_seed,
            limit=limit, n_practice=practice, resume=resume, consent=consent, exclusions=rules, notify=to_stderr,
        )  # fmt: skip
    frames = collecting.FrameReport.from_log(path)
    typer.echo(f"log: {path}")
    typer.echo(frames.sentence(), err=frames.too_many_dropped)


def calibrate_monitor(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Monitor profile to write, such as lab.json.")],
    distance: Annotated[
        float, typer.Option(metavar="CM", help="Distance from the participant's eyes to the screen, in centimeters.")
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the monitor.")] = "monitor",
    width: Annotated[
        float | None,
        typer.Option(
            metavar="CM",
            help="Width of the visible area of the screen in centimeters (default: measured with a bank card).",
        ),
    ] = None,
    display: Display = 0,
) -> None:
    """Write a monitor profile for sizes in degrees.

    The profile has the width, viewing distance and resolution of the monitor. Without --width, you measure the width by
    adjusting a box on the screen to the size of a bank card.

    \b
    Example:
      observers calibrate-monitor lab.json --distance 60 --width 53.1
    """
    from observers.people.card_calibration import measure_width
    from observers.people.monitor import Monitor, read_monitor, write_monitor
    from observers.people.screens.psychopy_screen import PsychoPyScreen

    # Invalid numbers are reported before a window opens.
    Monitor(name, 1.0 if width is None else width, distance, (1, 1))
    if file.exists():
        read_monitor(file)  # raises an error unless the file that would be overwritten is a monitor profile
    screen = PsychoPyScreen(display=display, measure_rate=False)
    try:
        profile = Monitor(name, round(measure_width(screen), 2) if width is None else width, distance, screen.size)
    finally:
        screen.close()
    write_monitor(profile, file)
    typer.echo(f"{file}: {profile.pixels[0]} × {profile.pixels[1]} pixels on {profile.width_cm:g} cm; one degree of visual "
               f"angle is {profile.degrees_to_pixels(1):.1f} pixels")  # fmt: skip


def doctor(
    monitor: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Monitor profile that `observers calibrate-monitor` wrote (default: none; then its check fails).",
        ),
    ] = None,
    display: Display = 0,
    language: Language = None,
    texts: Texts = None,
    out: LogFolder = Path("logs"),
) -> None:
    """Check this computer before a study with people.

    One line is printed for each check, which begins with ok, FAIL, or note for what is missing but not required: the folder
    for the trial logs and its disk space, PsychoPy, sound, mouse, frame rate, timing of the screen, the characters of the
    texts, and the monitor profile. A window opens for a few seconds.

    \b
    Example:
      observers doctor --monitor lab.json
    """
    from observers.people.setup_checks import check_setup

    all_passed = True
    for check in check_setup(monitor, display, texts=load_session_texts(language, texts), folder=out):
        typer.echo(f"{check.label:4} {check.message}")
        all_passed &= check.passed
    if not all_passed:
        raise typer.Exit(1)


def _ask_for_participant(session: int, pilot: bool, dialog: bool) -> tuple[str, int, bool]:
    """Ask for the participant code, the session number and whether the session is a pilot, and return the answers.

    Raises ObserverError if `dialog` is False, or if the dialog cannot be shown or is canceled.
    """
    from observers.people.codes import new_code
    from observers.people.dialog import ask_session_details

    if not dialog:
        raise ObserverError(f"there is no participant code: give one with --participant CODE, such as {new_code()}")
    return ask_session_details(session, pilot)
