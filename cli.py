"""The command line `observers`: the commands in groups, and how errors are shown. No heavy library is imported here.

Exit codes: 0 if the command succeeded, 1 if it was refused or failed, 2 for wrong usage, 3 if it was stopped and can be
resumed.
"""

import io
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from commands.analyze import analyze
from commands.check_observer import check_observer
from commands.demo import demo
from commands.export import export
from commands.fetch import fetch
from commands.figures import figures
from commands.forget import forget
from commands.generative import estimate_allocation, explain_trial, reconstruct
from commands.list import list_
from commands.people import calibrate_monitor, collect, doctor
from commands.report import report
from commands.run_experiment import run_experiment
from commands.stimuli import make_cue_conflict, make_stimuli, show_stimuli
from commands.web import import_web, serve
from core.errors import UserError, describe_os_error

GROUPS = {
    "Run experiments": (demo, run_experiment, check_observer, estimate_allocation, list_),
    "Look at results": (report, figures, explain_trial, reconstruct),
    "Analyze trial logs": (analyze, export),
    "Work with people": (collect, calibrate_monitor, doctor, serve, import_web, forget),
    "Prepare stimuli": (fetch, make_stimuli, make_cue_conflict, show_stimuli),
}


def command_name(command: Any) -> str:
    """Return the name under which a command of GROUPS is called on the command line."""
    return "analyze" if command is analyze else command.__name__.strip("_").replace("_", "-")


class Group(TyperGroup):
    """The top-level command, which lists the commands in groups and prints errors.

    Errors that a user can fix are printed without a traceback. They are UserError, and OSError for a file that cannot be
    read or written. Any other exception is a bug and is shown with its traceback.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command. After a UserError or an OSError, print a sentence to standard error and exit with code 1."""
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

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, one section per group."""
        width = max(map(len, self.commands))
        for title, commands in GROUPS.items():
            with formatter.section(title):
                names = [command_name(command) for command in commands]
                limit = formatter.width - 6 - width
                formatter.write_dl([(n.ljust(width), self.commands[n].get_short_help_str(limit)) for n in names])


app = typer.Typer(cls=Group, no_args_is_help=True, add_completion=False,
    rich_markup_mode=None,  # rich would take most of the time that --help takes
    pretty_exceptions_enable=False,
    help="Run psychophysics experiments in which people, classifiers and generative models are all observers, and analyze "
         "their trial logs. `observers COMMAND --help` explains a command and gives an example.")  # fmt: skip
for command in (command for commands in GROUPS.values() for command in commands):
    if command is analyze:
        app.add_typer(analyze, name="analyze")
    else:
        app.command(command_name(command))(command)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # some terminals cannot encode every character
            stream.reconfigure(errors="replace")
    app()


if __name__ == "__main__":
    main()
