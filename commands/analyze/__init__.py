"""`observers analyze …`: each command computes a measure from trial logs, and prints it as a table or writes a file."""

import typer

from commands.analyze import agreement, benchmark, illusions, responses

analyze = typer.Typer(no_args_is_help=True, help="Compute a measure from trial logs.")
for name, command in (responses.COMMANDS | agreement.COMMANDS | benchmark.COMMANDS | illusions.COMMANDS).items():
    analyze.command(name)(command)
