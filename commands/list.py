"""`observers list`: the names of observers, experiments, models and distortions."""

from typing import Annotated, Literal

import typer


def list_(
    what: Annotated[
        Literal["observers", "experiments", "models", "distortions"] | None,
        typer.Argument(
            help="What to list: observers, experiments, distortions, or models (those in the tables of Jaini et al. 2024). "
            "Default: observers and experiments."
        ),
    ] = None,
) -> None:
    """List observers, experiments, models or distortions.

    The list of experiments tells which stimuli and which recorded trials of people are on this machine.

    \b
    Example:
      observers list experiments
    """
    from commands import catalog

    for title in (what,) if what else ("observers", "experiments"):
        for line in catalog.CATALOGS[title]():
            typer.echo(line)
    if what is None:
        typer.echo(
            "\nTo list the models of Jaini et al. (2024) and the observers that load them: observers list models"
        )
