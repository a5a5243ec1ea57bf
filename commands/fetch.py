"""`observers fetch`: download published stimuli and the recorded trials of people and networks."""

from typing import Annotated

import typer

from commands.completion import complete_downloads
from commands.options import Quiet


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME…",
            help="What to download: a published dataset (its stimuli), humans (the recorded trials of people), networks "
            "(the recorded trials of networks), or illusions (the four ambiguous images of Jaini et al. 2024).",
            autocompletion=complete_downloads,
        ),
    ],
    quiet: Quiet = False,
) -> None:
    """Download published stimuli and recorded trials.

    Downloads are verified by checksum and stored in the cache. An interrupted download resumes when the same command is
    given again.

    \b
    Example:
      observers fetch cue-conflict humans
    """
    from core.progress import progress_bar
    from stimuli.published.datasets import dataset
    from stimuli.published.fetch import fetch_humans, fetch_networks, fetch_stimuli
    from stimuli.published.paper_illusions import fetch_illusions

    fetch_other = {"humans": fetch_humans, "networks": fetch_networks, "illusions": fetch_illusions}
    for name in names:
        if name not in fetch_other:
            dataset(name)  # report a misspelled name before the first download
    for name in names:
        with progress_bar(name, "bytes", quiet=quiet) as progress:
            fetch_recorded = fetch_other.get(name)
            folder = fetch_recorded(progress=progress) if fetch_recorded else fetch_stimuli(name, progress=progress)
        typer.echo(f"{name}: {folder}")
