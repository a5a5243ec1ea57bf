"""`observers fetch`: images and people into the cache. Nothing heavy at the top."""

from typing import Annotated

import typer

from stimuli.commands import Quiet


def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Published datasets, humans, or illusions.")],
    quiet: Quiet = False,
) -> None:
    """Download published images, recorded people, or the paper's illusions.

    Into the cache; checked, and resumed where it was cut off.
    """
    from stimuli.datasets import dataset
    from stimuli.fetch import fetch_humans, fetch_stimuli
    from stimuli.paper_illusions import fetch_illusions
    from stimuli.progress import progress_bar

    for name in names:
        if name not in ("humans", "illusions"):
            dataset(name)  # a misspelled name is said before the first download
    for name in names:
        with progress_bar(name, "bytes", quiet=quiet) as progress:
            fetched = {"humans": fetch_humans, "illusions": fetch_illusions}.get(name)
            folder = fetch_stimuli(name, progress=progress) if fetched is None else fetched(progress=progress)
        typer.echo(f"{name}: {folder}")
