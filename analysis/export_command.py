"""`observers export`: trial logs in the field's format, or as BIDS. Nothing heavy at the top."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from analysis.commands import Logs, read


def export(
    logs: Logs,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("export"),
    form: Annotated[Literal["field", "bids"], typer.Option("--format", help="The field's CSV, or BIDS.")] = "field",
    public: Annotated[bool, typer.Option("--public", help="Without dates, times and folders, to give away.")] = False,
) -> None:
    """Write trial logs in the field's own format, or as BIDS.

    The CSV files that model-vs-human and its relatives read, or behavioral tables that lose nothing.
    """
    from analysis import bids, export

    frame = read(logs, None)
    for path in bids.export_bids(frame, out, public=public) if form == "bids" else export.export(frame, out):
        typer.echo(path)
    for loss in export.losses(frame) if form == "field" else ():
        typer.echo(f"note: {loss}", err=True)
