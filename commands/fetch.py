"""`observers fetch`: download published stimuli and the recorded trials of people."""

from typing import Annotated

import typer

from commands.options import Quiet


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME…",
            help="Names of published datasets (their stimuli), humans (recorded trials of people), or illusions (the four "
            "ambiguous images of Jaini et al. 2024).",
        ),
    ],
    quiet: Quiet = False,
) -> None:
    """Download published stimuli and trials of people.

    Downloads are verified by checksum and stored in the cache. An interrupted download resumes when the same command is
    given again.

    \b
    Example:
      observers fetch cue-conflict humans
    """
    from core.progress import progress_bar
    from stimuli.published.datasets import dataset
    from stimuli.published.fetch import fetch_humans, fetch_stimuli
    from stimuli.published.paper_illusions import fetch_illusions

    for name in names:
        if name not in ("humans", "illusions"):
            dataset(name)  # report a misspelled name before the first download
    for name in names:
        with progress_bar(name, "bytes", quiet=quiet) as progress:
            fetch_other = {"humans": fetch_humans, "illusions": fetch_illusions}.get(name)
            folder = fetch_stimuli(name, progress=progress) if fetch_other is None else fetch_other(progress=progress)
        typer.echo(f"{name}: {folder}")
