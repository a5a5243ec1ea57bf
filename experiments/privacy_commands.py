"""`observers forget`: one person's data, gone. Nothing heavy at the top."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def forget(
    code: Annotated[str, typer.Argument(help="Of the person, as in the logs.")],
    out: Annotated[list[Path], typer.Option(help="Folder of logs or of an export; can be given several times.")] = [  # noqa: B006
        Path("logs")
    ],
    any_kind: Annotated[
        bool, typer.Option("--any-kind", help="A model or simulated observer of that name, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove all data of one person.

    Logs and what belongs to them, of every experiment and session, of practice and pilots. That code is refused from then
    on.
    """
    from experiments import forgetting

    found = forgetting.find(code, out, any_kind=any_kind)
    sessions = [session for traces in found for session in traces.sessions]
    if sessions and not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("there is nobody to ask here; --yes removes without asking")
        for path in (path for session in sessions for path in session.files):
            typer.echo(path)
        typer.confirm(f"Remove these files of {code} for good?", abort=True)
    for path in forgetting.forget(code, out, any_kind=any_kind):
        typer.echo(f"{'struck out of' if path.name == 'participants.tsv' else 'removed'}: {path}")
    n_trials = sum(session.n_trials for session in sessions if session.lock is not None)
    gone = sessions or any(traces.participants for traces in found)
    before = f"nothing was left; it was forgotten on {forgetting.forgotten_on(code, found)}"
    typer.echo(f"{code}: {f'{n_trials} trials in logs are gone' if gone else before}")
    for path in (path for traces in found for path in traces.mentions):
        typer.echo(f"note: {path} names {code} and stays: look at it", err=True)
