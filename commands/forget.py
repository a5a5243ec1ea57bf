"""`observers forget`: remove all data of one participant."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.options import to_stderr


def forget(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Participant code, as in the trial logs.")],
    out: Annotated[
        list[Path],
        typer.Option(metavar="FOLDER", help="Folder of trial logs or of an export. Repeat the option for several."),
    ] = [Path("logs")],  # noqa: B006
    any_kind: Annotated[
        bool, typer.Option("--any-kind", help="Also remove data of a model or simulated observer with that name.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove the data without asking for confirmation.")] = False,
) -> None:
    """Remove all data of one participant.

    The command lists and removes that participant's logs and sidecars of every experiment and session, including practice
    and pilot sessions. The code cannot be used again in these folders.

    \b
    Example:
      observers forget K7Q2 --out logs --out export
    """
    from experiments.people import forgetting

    folders = forgetting.find_in_folders(code, out, any_kind=any_kind)
    sessions = [session for data in folders for session in data.sessions]
    if sessions and not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("no terminal is available to ask for confirmation; --yes removes without asking")
        for path in (path for session in sessions for path in session.files):
            typer.echo(path)
        typer.confirm(f"Remove these files of {code} permanently?", abort=True)
    for path in forgetting.forget(code, out, any_kind=any_kind):
        typer.echo(f"{'removed from' if path.name == 'participants.tsv' else 'removed'}: {path}")
    mentions = forgetting.remaining_mentions(code, [data.folder for data in folders])
    n_trials = sum(session.n_trials for session in sessions if session.lock is not None)
    rest = f"; remaining files that contain the code: {len(mentions)}" if mentions else ""
    if sessions or any(data.participant_tables for data in folders):
        typer.echo(f"{code}: {n_trials} trials were removed from the logs{rest}")
    else:
        date = forgetting.deletion_date(code, folders)
        typer.echo(f"{code}: the data were already removed on {date}{rest}")
    for path in mentions:
        to_stderr(f"note: {path} mentions {code} and was kept: check it by hand")
