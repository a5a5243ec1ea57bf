"""`observers status`: which sessions in folders of trial logs are complete, running or unfinished."""

import json as json_module
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from experiments.status.session_status import SessionStatus

MAX_LISTED = 40  # if there are more sessions, those that are complete are counted instead of listed


def status(
    logs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="LOGS…", help="Folders of trial logs, or single trial logs (default: the folder logs)."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help=f"List all sessions, even if there are more than {MAX_LISTED}.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the status of every session as JSON.")] = False,
) -> None:
    """Show which sessions are complete or unfinished.

    For every session, the command shows its state, the number of trials, the time and recent rate, and how to continue it.
    It reads sidecars and locks, and it does not change anything.

    \b
    Examples:
      observers status
      observers status logs other-logs --json
    """
    from experiments.status.session_status import STATES, read_status

    sessions = read_status(logs or [Path("logs")])
    if json:
        typer.echo(json_module.dumps([_to_json(session) for session in sessions], indent=1, ensure_ascii=False))
        return
    listed = sessions
    if len(sessions) > MAX_LISTED and not every:
        listed = [session for session in sessions if session.state != "complete"]
        complete = Counter(session.experiment for session in sessions if session.state == "complete")
        for experiment, n in complete.items():
            typer.echo(f"{experiment}: {n} session{'s' if n > 1 else ''} complete")
    _print_table(listed)
    typer.echo(_summary(sessions))
    for state in dict.fromkeys(session.state for session in listed if session.state not in ("complete", "running")):
        typer.echo(f"{state}: {STATES[state]}")
    for session in listed:
        if session.error:
            typer.echo(f"{session.path}: {session.error}")
    _print_commands(listed)


def _print_table(sessions: "list[SessionStatus]") -> None:
    """Print one line per session."""
    if not sessions:
        return
    rows = [("experiment", "observer", "session", "trials", "state", "time", "rate", "left")]
    for s in sessions:
        name = f"{s.observer} (pilot)" if s.is_pilot and not s.observer.endswith("-pilot") else s.observer
        total = "?" if s.n_trials is None else f"{s.n_trials:,}"
        waiting = f" + {s.n_waiting:,}" if s.n_waiting else ""
        state = s.state if s.shards is None else f"{s.state}, {s.shards['complete']} of {s.shards['count']} shards"
        rate = "" if s.rate is None else f"{s.rate:.3g}/s" if s.rate >= 0.1 else f"{60 * s.rate:.2g}/min"
        left = duration(s.seconds_left) if s.state == "running" else ""
        rows.append(
            (s.experiment or s.path.name, name, str(s.session or ""), f"{s.n_logged:,}{waiting} of {total}", state,
             duration(s.seconds), rate, left)
        )  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if any(s.n_waiting for s in sessions):
        typer.echo(
            "+: trials that workers have finished; they are written into the log when earlier trials are finished"
        )


def _summary(sessions: "list[SessionStatus]") -> str:
    """Return the number of sessions in each state, and the number of people and pilot sessions."""
    states = Counter(session.state for session in sessions)
    n_done, n_trials = sum(s.n_logged + s.n_waiting for s in sessions), sum(s.n_trials or 0 for s in sessions)
    text = f"{len(sessions)} session{'s' if len(sessions) > 1 else ''}: "
    text += ", ".join(f"{n} {state}" for state, n in states.items()) + f"; {n_done:,} of {n_trials:,} trials"
    real = [s for s in sessions if s.kind == "human" and not s.is_pilot and not s.is_practice]
    people = {s.observer for s in real}
    if people:
        unfinished = {s.observer for s in real if s.state != "complete"}
        text += f"; {len(people)} {'people' if len(people) > 1 else 'person'}"
        text += f" ({len(people - unfinished)} with all sessions complete)"
    for name, n in (("pilot", sum(s.is_pilot for s in sessions)), ("practice", sum(s.is_practice for s in sessions))):
        text += f"; {n} {name} session{'s' if n > 1 else ''}" if n else ""
    return text


def _print_commands(sessions: "list[SessionStatus]") -> None:
    """Print the command that continues each session, and name the sessions for which the sidecar does not tell it."""
    from experiments.status.resume_command import MONITOR, TEXTS, join_commands

    commands = join_commands(s.command for s in sessions if s.command)
    if commands:
        typer.echo("\nTo continue:")
        for command in commands:
            typer.echo(f"  {command}")
    missing = [s for s in sessions if s.shards and s.shards["missing"] and "--shard I/" in (s.command or "")]
    for s in missing:
        shards = s.shards or {}
        typer.echo(f"  (I in {s.path.stem}: {shards['missing']})")
    if any(".py:" in command or ":./" in command for command in commands):
        typer.echo("Run commands with FILE.py or a local folder in the folder that contains it.")
    if any(f"--monitor {MONITOR}" in command for command in commands):
        typer.echo(f"Replace {MONITOR} with the monitor profile of the session.")
    if any(f"--texts {TEXTS}" in command for command in commands):
        typer.echo(f"Replace {TEXTS} with the folder of your texts. If you did not edit the texts, omit --texts: an earlier "
                   f"version of the program had other texts.")  # fmt: skip
    if any(command.startswith("observers serve ") for command in commands):
        typer.echo("Add the options that sessions do not record, such as --completion-code, --redirect and --port.")
    unknown = [
        s for s in sessions if s.state in ("stopped", "failed", "killed") and not s.command and not s.is_practice
    ]
    for s in unknown:
        typer.echo(f"{s.path}: to continue, repeat the command or the call of `run` that started the session")


def duration(seconds: float | None) -> str:
    """Return a time in the units that a reader expects: 12 s, 3 min 20 s, 2 h 10 min, 3 d 4 h."""
    if seconds is None:
        return ""
    whole = round(seconds)
    for size, unit, smaller, smaller_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{whole} s"


def _to_json(session: "SessionStatus") -> dict[str, Any]:
    """Return the status of a session as a JSON object."""
    from attrs import asdict

    return asdict(session) | {"path": str(session.path), "seconds_left": session.seconds_left}
