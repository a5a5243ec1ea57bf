"""`observers list`: what there is to choose from. Nothing heavy at the top."""

from typing import Annotated, Literal

import typer


def list_(
    what: Annotated[Literal["observers", "experiments", "models", "distortions"] | None, typer.Argument()] = None,
) -> None:
    """Observers, experiments, models of the paper.

    Of the experiments it says whether their images and people are on this machine.
    """
    from experiments import catalog

    for title in (what,) if what else ("observers", "experiments"):
        for line in catalog.CATALOGS[title]():
            typer.echo(line)
    if what is None:
        typer.echo("\nThe models of the paper, and what loads them: observers list models")
