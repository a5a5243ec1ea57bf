"""`observers serve` and `import-web`: experiments with people in web browsers."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from commands.options import (
    DeclaredExclusions,
    ExperimentName,
    Instruction,
    Language,
    Limit,
    LogFolder,
    ParticipantSeed,
    Quiet,
    Session,
    Texts,
    load_session_texts,
    to_stderr,
)
from core.errors import ObserverError
from core.resuming import resumable

_BANNERS = {  # of the experimenter's page, by (preview, pilot)
    (False, False): "", (False, True): "Pilot sessions: analyses exclude them.",
    (True, False): "Preview: nothing is saved.", (True, True): "Preview: nothing is saved.",
}  # fmt: skip
_ALL_ADDRESSES = ("0.0.0.0", "::")


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
    practice: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of practice trials with feedback before the experiment.")
    ] = 0,
    consent: Annotated[
        bool, typer.Option("--consent/--no-consent", help="Whether the page asks for consent before anything else.")
    ] = True,
    demographics: Annotated[
        bool,
        typer.Option(
            "--demographics",
            help="Ask optional questions about age, gender and vision, whose answers are stored separately from the logs.",
        ),
    ] = False,
    completion_code: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Code that is shown at the end; random gives every participant a code of their own (default: no code).",
        ),
    ] = "",
    redirect: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Address (https) to which participants return at the end, in which {code} and {participant} are replaced "
            "(default: none).",
        ),
    ] = "",
    pilot: Annotated[bool, typer.Option("--pilot", help="Run pilot sessions, which analyses exclude.")] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the session without saving anything; needs no participant code.")
    ] = False,
    language: Language = None,
    texts: Texts = None,
    instruction: Instruction = None,
    limit: Limit = None,
    exclusions: DeclaredExclusions = None,
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

    The command prints one link per participant, and the address of a page for the experimenter. Each response is on disk
    before the next trial. A session that was stopped resumes when the same command is given again.

    \b
    Examples:
      observers serve drawn-cue-conflict --participant K7Q2 --practice 8
      observers serve drawn-cue-conflict --preview --language de
      observers serve drawn-cue-conflict --sessions 10 --completion-code random --host 0.0.0.0
      observers serve drawn-cue-conflict --sessions 10 --static page
    """
    from experiments.exclusion_rules import read_exclusion_rules
    from experiments.people import serving
    from experiments.people.collecting import practice_experiment
    from experiments.people.person_progress import person_progress
    from experiments.people.web_session import WebSession
    from experiments.sets.registry import make_experiment
    from observers.people.completion import Completion
    from observers.people.jspsych import load_scripts
    from observers.people.page_texts import PageOptions

    rules = None if exclusions is None else read_exclusion_rules(exclusions)
    codes = _participant_codes(participant, sessions, preview)
    options = PageOptions(
        load_session_texts(language, texts),
        consent,
        demographics,
        Completion(completion_code, redirect),
        pilot,
        preview,
    )
    chosen, files = make_experiment(experiment, instruction=instruction), load_scripts(assets)
    settings: dict[str, Any] = {
        "session": session, "seed": seed, "distance": distance, "options": options, "limit": limit,
        "practice": practice_experiment(chosen, practice) if practice else None,
    }  # fmt: skip
    if static is not None:
        if exclusions is not None:
            raise typer.BadParameter(
                "it cannot be combined with --static, because the log is written later: use --exclusions of `analyze`",
                param_hint="--exclusions",
            )
        for code in codes:
            folder = static / code if len(codes) > 1 else static
            own_code = options.completion.make_code()
            path = serving.write_static(chosen, code, folder, files, save=save, completion_code=own_code, **settings)
            typer.echo(f"{code}  {path}{f'  completion code {own_code}' if own_code else ''}")
        return
    chosen.stimuli.digest()  # so that a missing image is an error now, and not when a participant opens the page
    new_arguments: list[str] = []  # which continue the same sessions, in addition to the typed command
    if not participant and not preview:
        new_arguments += [word for code in codes for word in ("--participant", code)]
    if preview:
        to_stderr("Preview: nothing is saved.")
    if host in _ALL_ADDRESSES:
        to_stderr(f"note: in the links, replace {host} by the name or the IP address of this computer")

    def announce(code: str, url: str) -> None:
        typer.echo(f"{code}  {url}")
        if port == 0 and "--port" not in new_arguments:  # browsers keep an unsent answer for the address of the server
            new_arguments.extend(["--port", str(urlsplit(url).port)])

    replaced = ["--sessions", *(["--port"] if port == 0 else [])]
    kept_work = (
        "nothing was saved, so the preview starts again at its first page" if preview else "every response is saved"
    )
    with (
        _log_folder(out, preview) as folder,
        resumable(kept_work, ("serve",), new_arguments, replaced_options=replaced),
        person_progress(quiet=quiet) as watch,
    ):
        web_sessions = [
            WebSession(chosen, code, folder, files, **settings, exclusions=rules, notify=to_stderr) for code in codes
        ]
        serving.serve(
            web_sessions, host=host, port=port, announce=announce, watch=watch, notify=to_stderr, title=chosen.name,
            announce_page=lambda url: to_stderr(f"experimenter's page: {url}"), banner=_BANNERS[preview, pilot],
        )  # fmt: skip
    for web_session in web_sessions:
        if web_session.log is None:
            typer.echo(f"{web_session.code}: declined to take part")
        elif preview:
            typer.echo(f"{web_session.code}: the preview is complete; nothing was saved")
        else:
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

    Every session becomes a trial log, as if `observers serve` had written it. Consent, completion codes and demographics
    are stored apart from the logs.

    \b
    Example:
      observers import-web drawn-cue-conflict jatos_results.txt
    """
    from experiments.people.posted import import_answers
    from experiments.sets.registry import make_experiment

    chosen = make_experiment(experiment, instruction=instruction)
    for path in import_answers(chosen, files, out, notify=to_stderr):
        typer.echo(f"log: {path}")


@contextmanager
def _log_folder(out: Path, preview: bool) -> Iterator[Path]:
    """Provide the folder for the logs, which is a temporary one in a preview."""
    if not preview:
        yield out
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _participant_codes(codes: list[str] | None, n_invited: int | None, preview: bool) -> list[str]:
    """Return the participant codes, which are new ones for `n_invited` participants, or for a preview without a code.

    Raises ObserverError if both or neither of `codes` and `n_invited` are set, or if a code is invalid or repeated.
    """
    from observers.people.codes import check_code, new_code

    if preview and not codes and not n_invited:
        return [new_code()]
    if codes and n_invited:
        raise ObserverError("got both --participant and --sessions: --sessions makes codes itself, so omit one of them")
    if not codes and not n_invited:
        raise ObserverError(
            f"the participants are not specified: give either --participant CODE, such as {new_code()}, or --sessions N"
        )
    if codes:
        for code in codes:
            check_code(code)
        if len({code.lower() for code in codes}) < len(codes):
            raise ObserverError(f"a participant code occurs twice: {', '.join(codes)}")
        return codes
    new: dict[str, None] = {}
    while len(new) < (n_invited or 0):
        new[new_code()] = None
    return list(new)
