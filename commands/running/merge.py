"""`observers merge`: merge the part logs of shards into trial logs."""

from pathlib import Path
from typing import Annotated

import typer

from commands.options import to_stderr


def merge(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Folder of the shards (their --out). All sets of shards in it are merged."
        ),
    ],
    accept_versions: Annotated[
        bool,
        typer.Option(
            "--accept-versions",
            help="Merge shards even if they were run with different versions of Python, of packages or of this project.",
        ),
    ] = False,
    remove_shards: Annotated[
        bool, typer.Option("--remove-shards", help="Remove the part logs after the merged log is on disk.")
    ] = False,
) -> None:
    """Merge the part logs of `run-experiment --shard`.

    The merged log has the same bytes as the log of an undivided run. If shards are missing or unfinished, the command
    prints how to run them and exits with code 3.

    \b
    Example:
      observers merge logs
    """
    from experiments.running.merging import merge_shards
    from experiments.running.part_logs import MissingShards

    try:
        for path in merge_shards(
            folder, accept_versions=accept_versions, remove_shards=remove_shards, notify=to_stderr
        ):
            typer.echo(f"log: {path}")
    except MissingShards as error:
        to_stderr(f"observers: {error}")
        raise typer.Exit(3) from None
