"""`observers serve` and `import-web`: experiments with people in web browsers."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from commands.options import ExperimentName, Instruction, LogFolder, ParticipantSeed, Quiet, Session, to_stderr
from core.errors import ObserverError
from core.resuming import resumable


def serve(
    experiment: ExperimentName,
    participant: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Participant code. Repeat the option for several participants."),
    ] = None,
    sessions: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=200,
            metavar="N",
            help="Number of participants to invite, each with a random code (default: the codes of --participant).",
        ),
    ] = None,
    session: Session = 1,
    instruction: Instruction = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on; the default accepts browsers on this machine only."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 picks a free one.")] = 0,
    out: LogFolder = Path("logs"),
    seed: ParticipantSeed = None,
    distance: Annotated[
        float,
        typer.Option(min=1, max=10_000, metavar="CM", help="Assumed distance from eyes to screen, in centimeters."),
    ] = 60.0,
    static: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the page into this folder instead of serving it (default: serve)."),
    ] = None,
    save: Annotated[
        str,
        typer.Option(metavar="URL", help="Address to which a --static page sends responses (default: JATOS)."),
    ] = "",
    assets: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder with npm archives of jsPsych (default: downloaded once to the cache)."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Show an experiment to participants in web browsers.

    The command prints one link per participant. Each response is on disk before the next trial. A session that was stopped
    resumes when the same command is given again.

    \b
    Examples:
      observers serve drawn-cue-conflict --participant K7Q2
      observers serve drawn-cue-conflict --sessions 10 --static page
    """
    from core.progress import progress_bar
    from experiments.people import serving
    from experiments.sets.registry import make_experiment
    from observers.people.jspsych import load_scripts

    codes, stop_message = _participant_codes(participant, sessions)
    chosen, files = make_experiment(experiment, instruction=instruction), load_scripts(assets)
    settings: dict[str, Any] = {"session": session, "seed": seed, "distance": distance}
    if static is not None:
        for code in codes:
            folder = static / code if len(codes) > 1 else static
            typer.echo(f"{code}  {serving.write_static(chosen, code, folder, files, save=save, **settings)}")
        return
    same_port: list[str] = []  # browsers keep an answer that has not arrived for the address of the server

    def announce(code: str, url: str) -> None:
        typer.echo(f"{code}  {url}")
        if port == 0:
            same_port[:] = ["--port", str(urlsplit(url).port)]

    with (
        resumable(stop_message, ("serve",), same_port),
        progress_bar(chosen.name, "trials", quiet=quiet) as progress,
    ):
        total = serving.TotalProgress(progress)
        web_sessions = [
            serving.WebSession(chosen, code, out, files, **settings, progress=total.for_session(code), notify=to_stderr)
            for code in codes
        ]
        serving.serve(
            web_sessions, host=host, port=port, invited=sessions is not None, announce=announce, notify=to_stderr
        )
    for web_session in web_sessions:
        typer.echo(f"log: {web_session.log}")


def import_web(
    experiment: ExperimentName,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Files of responses that a page sent, one JSON object per line."),
    ],
    instruction: Instruction = None,
    out: LogFolder = Path("logs"),
) -> None:
    """Import responses that a --static page collected.

    Every session becomes a trial log, as if `observers serve` had written it.

    \b
    Example:
      observers import-web drawn-cue-conflict jatos_results.txt
    """
    from experiments.people.posted import import_answers
    from experiments.sets.registry import make_experiment

    chosen = make_experiment(experiment, instruction=instruction)
    for path in import_answers(chosen, files, out, notify=to_stderr):
        typer.echo(f"log: {path}")


def _participant_codes(codes: list[str] | None, n_invited: int | None) -> tuple[list[str], str]:
    """Return the participant codes, and the message to print if serving is stopped.

    Raises ObserverError if both or neither of `codes` and `n_invited` are set, or if a code is invalid or repeated.
    """
    from observers.people.codes import check_code, new_code

    if bool(codes) == bool(n_invited):
        raise ObserverError(
            f"the participants are not specified: give either --participant CODE, such as {new_code()}, or --sessions N"
        )
    if codes:
        for code in codes:
            check_code(code)
        if len({code.lower() for code in codes}) < len(codes):
            raise ObserverError(f"a participant code occurs twice: {', '.join(codes)}")
        return codes, "every response is saved"
    new: dict[str, None] = {}
    while len(new) < (n_invited or 0):
        new[new_code()] = None
    same = " ".join(f"--participant {code}" for code in new)
    return list(new), (f"every response is saved; for the same participants replace --sessions {n_invited} by {same}")
