"""Print and write the tables of the `analyze` commands."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands.options import KappaRule, print_notes, to_stderr
from core.errors import LogError

if TYPE_CHECKING:
    import pandas as pd


def output(
    table: "pd.DataFrame",
    json: bool,
    csv: Path | None,
    *,
    summary: "pd.DataFrame | None" = None,
    rule: KappaRule | None = None,
) -> None:
    """Print the notes of both tables and the rule for undefined kappas, then the table in the requested form.

    JSON and CSV contain the whole `table`. If `summary` is given, the terminal shows it instead of `table`. Raises
    LogError if `csv` is an existing trial log, which would be overwritten.
    """
    from analysis.io.tables import print_table, to_csv, to_json
    from analysis.kappa.consistency import RULES
    from stimuli.published.layouts.files import detect_layout

    print_notes(table)
    if summary is not None and not json:
        print_notes(summary)
    if rule is not None:
        to_stderr(f"note: {RULES[rule]}")
    if not len(table):
        to_stderr("note: the table is empty because these logs contain nothing that can be compared")
    if csv:
        if csv.exists() and detect_layout(csv):
            raise LogError(f"{csv} is a trial log, which --csv would overwrite: give another file")
        to_csv(table, csv)
    if json:
        typer.echo(to_json(table))
    else:
        print_table(table if summary is None else summary)
