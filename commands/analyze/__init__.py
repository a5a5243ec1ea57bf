"""`observers analyze …`: one measure of trial logs per command, printed as a table and written to a file on request."""

import typer

from commands.analyze import agreement, benchmark, illusions, responses

analyze = typer.Typer(no_args_is_help=True, help="Compute a measure from trial logs.")
for name, command in (responses.COMMANDS | agreement.COMMANDS | benchmark.COMMANDS | illusions.COMMANDS).items():
    analyze.command(name)(command)
