"""`observers fetch`: download published stimuli and the recorded trials of people and networks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from commands.options import Quiet, to_stderr
from commands.parameters.completion import complete_downloads
from core.errors import UnknownName


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME…",
            help="What to download: a published dataset (its stimuli), all-published (the stimuli of all of them), humans "
            "(the recorded trials of people), networks (the recorded trials of networks), vlm (those of vision-language "
            "models and CLIP), children (those of children, adults and networks), or illusions (the four ambiguous images "
            "of Jaini et al. 2024).",
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
    from experiments.sets.catalog import ALL_PUBLISHED
    from stimuli.published.datasets import DATASETS
    from stimuli.published.fetch import fetch_recordings, fetch_stimuli
    from stimuli.published.paper_illusions import fetch_illusions
    from stimuli.published.recordings import SOURCES

    fetch_other: dict[str, Callable[..., Path]] = {part: partial(fetch_recordings, part) for part in SOURCES}
    fetch_other["illusions"] = fetch_illusions
    names = [part for name in names for part in (DATASETS if name == ALL_PUBLISHED else (name,))]
    names = list(dict.fromkeys(names))
    for name in names:  # report a misspelled name before the first download
        if name not in fetch_other and name not in DATASETS:
            raise UnknownName("download", name, (*DATASETS, *fetch_other, ALL_PUBLISHED))
    for name in names:
        with progress_bar(name, "bytes", quiet=quiet) as progress:
            fetch_recorded = fetch_other.get(name)
            folder = fetch_recorded(progress=progress) if fetch_recorded else fetch_stimuli(name, progress=progress)
        typer.echo(f"{name}: {folder}")
        if name in SOURCES:
            to_stderr(f"{name} is from {SOURCES[name].citation}. {SOURCES[name].license}".rstrip())
