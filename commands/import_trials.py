"""`observers import`: import tables of trials that other programs wrote."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.options import LogFolder, to_stderr


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="Tables with one row per trial: CSV with any delimiter and encoding, JSON, JSON lines or Excel, also those "
            "of PsychoPy and jsPsych.",
        ),
    ],
    dataset: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Name of the dataset: that of a published dataset if its images were shown, or a name of your own.",
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND", help="Kind of all observers, such as human (default: from the table, if it says so)."
        ),
    ] = None,
    observer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name of the only observer (default: from a column, or the name of the file)."
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS,…",
            help="Columns of the table that contain ours, such as stimulus=image,response=pred_label; an empty THEIRS means "
            "that the table does not have it. Ours are observer, kind, session, block, trial, stimulus, condition, "
            "category, response, rt, shape, texture, measured_NAME and info_NAME (default: recognized by common names).",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Import only the rows in which the column has this value, or, without =VALUE, is not empty. Repeat the "
            "option for several columns (default: all rows).",
        ),
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=CATEGORY,…",
            help="Category that each recorded response stands for, such as f=animal,j=object or 0=cat,1=dog "
            "(default: responses are categories).",
        ),
    ] = None,
    out: LogFolder = Path("logs"),
    rt_unit: Annotated[
        Literal["s", "ms"] | None,
        typer.Option(help="Unit of response times (default: from the program, the name of the column, or the median)."),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="CHARACTER", help="Character between two cells, or tab (default: inferred).")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Encoding of the text, such as cp1252 (default: inferred).")
    ] = None,
    decimal: Annotated[
        Literal[".", ","] | None, typer.Option(help="Decimal separator (default: inferred for each column).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be imported, and do not write logs.")
    ] = False,
) -> None:
    """Import tables of trials that other programs wrote.

    Every observer and session becomes a trial log with a sidecar. Before the logs are written, the command prints which
    column became which, how observers, kinds, sessions and units were determined, and which rows are not trials. If
    something cannot be determined, the message shows the option to add. Existing logs are not overwritten. All other
    columns are kept as info_NAME.

    \b
    Examples:
      observers import data/07_faces.csv --dataset faces
      observers import results.csv --dataset cue-conflict --kind vision-language --map stimulus=img,response=answer
    """
    from analysis.io.importing.import_files import import_files
    from analysis.io.importing.options import ImportOptions, parse_answers
    from analysis.io.importing.people import kind_from_text

    options = ImportOptions(
        dataset=dataset, kind=kind_from_text(kind), observer=observer, columns=tuple(map_ or ()), where=tuple(where or ()),
        answers=parse_answers(answers or ()), rt_unit=rt_unit, delimiter=delimiter, encoding=encoding, decimal=decimal,
    )  # fmt: skip
    for path in import_files(files, out, options, to_stderr, dry_run=dry_run):
        typer.echo(f"log: {path}")
