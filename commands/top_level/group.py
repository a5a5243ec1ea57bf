"""The top-level command `observers`: its list of commands, the display of errors, and the option --version."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from analysis.io.notes import hide_warnings
from commands.top_level.usage import reword
from core.errors import UserError, describe_os_error
from core.extras import explain_missing_module
from core.stopping import command_running

CITATION = (
    "Please cite: The observers authors (2026). observers: psychophysics experiments in which people and models are "
    "observers (version {}) [computer software]; and the papers whose experiments, measures and data you use."
)


class Group(TyperGroup):
    """The top-level command, which lists the commands in groups and prints errors.

    Errors that a user can fix are printed without a traceback. They are UserError, OSError for a file that cannot be read or
    written, and ModuleNotFoundError for a package of an extra. Any other exception is a bug and is shown with its traceback.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command. After an error that a user can fix, print a sentence to standard error and exit with code 1."""
        try:
            with command_running(), hide_warnings():  # the commands print the notes of tables
                return super().invoke(ctx)
        except typer.BadParameter as error:
            reword(error)
            raise
        except UserError as error:
            typer.echo(f"observers: {error}", err=True)
            raise typer.Exit(1) from None
        except OSError as error:
            if isinstance(error, BrokenPipeError) or error.strerror is None:
                raise
            typer.echo(f"observers: {describe_os_error(error)}", err=True)
            raise typer.Exit(1) from None
        except ModuleNotFoundError as error:
            sentence = explain_missing_module(error, f"`observers {ctx.invoked_subcommand}`")
            if sentence is None:
                raise
            typer.echo(f"observers: {sentence}", err=True)
            raise typer.Exit(1) from None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, one section per panel."""
        width = max(map(len, self.commands))
        panels: dict[str, list[Any]] = {}
        # typer puts groups after commands; `analyze` comes first in its panel, because it has most of the commands.
        for command in sorted(self.commands.values(), key=lambda command: not isinstance(command, TyperGroup)):
            panels.setdefault(getattr(command, "rich_help_panel", ""), []).append(command)
        for title in dict.fromkeys(getattr(command, "rich_help_panel", "") for command in self.commands.values()):
            with formatter.section(title):
                limit = formatter.width - 6 - width
                formatter.write_dl([(c.name.ljust(width), c.get_short_help_str(limit)) for c in panels[title]])


def _print_version(requested: bool) -> None:
    """Print the name and version of the installed package and how to cite it, and exit, if the option was given."""
    if requested:
        from importlib.metadata import version

        number = version("observers")
        typer.echo(f"observers {number}")
        typer.echo(CITATION.format(number))
        raise typer.Exit


def top_level_options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and how to cite it, and exit."
        ),
    ] = False,
) -> None:
    """Declare the options of `observers` itself, which are handled by their callbacks."""
