"""`observers export`: write trial logs in other formats."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.options import Logs, read_logs, to_stderr
from commands.selection import Kinds, Replacements, make_selection


def export(
    logs: Logs,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the files.")] = Path("export"),
    form: Annotated[
        Literal["field", "bids", "parquet"],
        typer.Option(
            "--format",
            help="field: CSV as model-vs-human reads it. bids: BIDS behavioral tables. parquet: one file with all logs.",
        ),
    ] = "field",
    public: Annotated[
        bool,
        typer.Option("--public", help="Remove dates, times and folder names, for publication (BIDS and Parquet only)."),
    ] = False,
    kind: Kinds = None,
    replace: Replacements = None,
) -> None:
    """Export trial logs as CSV, BIDS or Parquet.

    The BIDS tables keep every column. The model-vs-human format has fewer columns; the command prints which data it omits.
    The Parquet file keeps all logs and their sidecars; it is the archive of a large study, and needs the extra `parquet`.
    All formats contain everybody, even people whom exclusion rules leave out of analyses, and attention checks.

    \b
    Examples:
      observers export logs --format bids --public --out dataset
      observers export logs --format parquet --out archive
    """
    from analysis.io import archive_export, bids, export

    if form == "parquet" and (kind or replace):
        raise typer.BadParameter(
            "an archive contains the logs as they are: use --kind and --replace when you analyze it",
            param_hint="--format",
        )
    if form == "parquet":
        path, notes = archive_export.export_parquet(logs, out, public=public)
        for note in notes:
            to_stderr(f"note: {note}")
        typer.echo(path)
        return
    selection = make_selection(kind=kind, replace=replace, no_exclusions=True)
    frame = read_logs(logs, None, selection, attention_checks=True)
    for path in bids.export_bids(frame, out, public=public) if form == "bids" else export.export(frame, out):
        typer.echo(path)
    for loss in export.describe_losses(frame) if form == "field" else ():
        to_stderr(f"note: {loss}")
