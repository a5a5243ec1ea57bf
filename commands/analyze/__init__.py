"""`observers analyze …`: each command computes a measure from trial logs, and prints it as a table or writes a file."""

import typer

from commands.analyze import agreement, benchmark, clusters, illusions, noise_levels, responses, sessions

analyze = typer.Typer(no_args_is_help=True, help="Compute a measure from trial logs.")
for module in (responses, agreement, clusters, sessions, benchmark, noise_levels, illusions):
    for name, command in module.COMMANDS.items():
        analyze.command(name)(command)
