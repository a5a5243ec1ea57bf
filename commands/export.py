"""`observers export`: write trial logs in other formats."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.options import Logs, read_logs, to_stderr


def export(
    logs: Logs,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the files.")] = Path("export"),
    form: Annotated[
        Literal["field", "bids"],
        typer.Option("--format", help="field: CSV as model-vs-human reads it. bids: BIDS behavioral tables."),
    ] = "field",
    public: Annotated[
        bool, typer.Option("--public", help="Remove dates, times and folder names, for publication (BIDS only).")
    ] = False,
) -> None:
    """Export trial logs as model-vs-human CSV or as BIDS.

    The BIDS tables keep every column. The model-vs-human format has fewer columns; the command prints which data it omits.

    \b
    Example:
      observers export logs --format bids --public --out dataset
    """
    from analysis.io import bids, export

    frame = read_logs(logs, None)
    for path in bids.export_bids(frame, out, public=public) if form == "bids" else export.export(frame, out):
        typer.echo(path)
    for loss in export.describe_losses(frame) if form == "field" else ():
        to_stderr(f"note: {loss}")
