"""Print and write the tables of the `analyze` commands: as text, Markdown, LaTeX, CSV or JSON."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from attrs import frozen

from commands.analyze.captions import CAPTIONS
from commands.options import Csv, Json, KappaRule, read_logs, to_stderr
from commands.parameters.added_options import add_options
from core.errors import LogError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.io.tables import RowBlock
    from analysis.selection.select import Selection

TableFormat = Literal["text", "markdown", "latex", "csv", "json"]
Format = Annotated[
    TableFormat,
    typer.Option(
        "--format",
        help="Format of the printed table. text, markdown and latex have rounded numbers; csv and json have the whole table "
        "with full numbers.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not print notes.")]


@frozen
class Output:
    """How a command prints its results.

    Attributes:
        command: Name of the command.
        summary: Caption of the table in Markdown and LaTeX if `CAPTIONS` does not have one.
        format: Format of the printed table.
        csv: File that the whole table is also written to, or None.
        quiet: Whether notes are left out.
    """

    command: str
    summary: str
    format: TableFormat
    csv: Path | None
    quiet: bool

    @property
    def is_whole(self) -> bool:
        """Whether the output is the whole table for other programs, without summaries and sentences."""
        return self.format in ("csv", "json")

    def print(
        self,
        table: "pd.DataFrame",
        *,
        summary: "pd.DataFrame | None" = None,
        rule: KappaRule | None = None,
        blocks: "Sequence[RowBlock]" = (),
        sentences: Sequence[str] = (),
        by_group: bool = False,
    ) -> None:
        """Print the notes of both tables and the rule for undefined kappas, then the table in the requested format.

        JSON and CSV contain the whole `table`. The other formats show `summary` if it is given, `blocks` of rows apart from
        each other, and the `sentences` below the table. Means over kinds or groups of observers (`by_group`) have a caption
        of their own. Raises LogError if `csv` is an existing trial log, which would be overwritten.
        """
        from analysis.io.tables import csv_text, print_table, to_csv, to_json
        from analysis.io.writing.formats import to_latex, to_markdown
        from analysis.kappa.consistency import RULES
        from stimuli.published.layouts.files import detect_layout

        shown = table if summary is None or self.is_whole else summary
        rules = [RULES[rule]] if rule is not None else [table.attrs["rule"]] if "rule" in table.attrs else []
        notes = list(dict.fromkeys(note for each in (table, shown) for note in each.attrs.get("notes", ())))
        for note in (*notes, *rules):
            self.print_note(note)
        if not len(table):
            self.print_note("the table is empty because these logs contain nothing that can be compared")
        if self.csv:
            if self.csv.exists() and detect_layout(self.csv):
                raise LogError(f"{self.csv} is a trial log, which --csv would overwrite: give another file")
            to_csv(table, self.csv)
        if self.format == "json":
            typer.echo(to_json(table))
        elif self.format == "csv":
            typer.echo(csv_text(table), nl=False)
        elif self.format == "text":
            print_table(shown, blocks)
            for sentence in sentences:
                typer.echo(sentence)
        else:
            write = to_markdown if self.format == "markdown" else to_latex
            name = f"{self.command} by group" if by_group else self.command
            caption = " ".join([CAPTIONS.get(name, self.summary), *(f"{rule[0].upper()}{rule[1:]}." for rule in rules)])
            remarks = [] if self.quiet else [*notes, *sentences]
            typer.echo(write(shown, caption, remarks, blocks), nl=False)

    def print_more(self, table: "pd.DataFrame", title: str) -> None:
        """Print a further table below its title, in one of the formats for reading."""
        from analysis.io.tables import print_table
        from analysis.io.writing.formats import to_latex, to_markdown

        if self.format == "text":
            typer.echo(title)
            print_table(table)
        elif not self.is_whole:
            typer.echo(
                "\n" + (to_markdown if self.format == "markdown" else to_latex)(table, f"{title.rstrip(':')}."),
                nl=False,
            )

    def print_note(self, text: str) -> None:
        """Print a note to standard error, unless notes are left out."""
        if not self.quiet:
            to_stderr(f"note: {text}")

    def read(self, logs: list[str], dataset: str | None, selection: "Selection", **options: Any) -> "pd.DataFrame":
        """Read trial logs as `read_logs` does, and print their notes unless notes are left out."""
        return read_logs(logs, dataset, selection, quiet=self.quiet, **options)


OPTIONS = {"format": (Format, "text"), "json": (Json, False), "csv": (Csv, None), "quiet": (Quiet, False)}


def prints(command: Callable[..., None]) -> Callable[..., None]:
    """Add OPTIONS to a command, which gets their values as one `Output` in its parameter `output`.

    The caption of the table is that in `CAPTIONS`, or the first line of the help text of a command without a caption.
    """
    name = command.__name__.rstrip("_").replace("_", "-")
    summary = (command.__doc__ or "").strip().partition("\n")[0]

    def make_output(format: TableFormat, json: bool, csv: Path | None, quiet: bool) -> Output:
        if json and format not in ("text", "json"):
            raise typer.BadParameter(f"--json and --format {format} ask for two formats: use one of them")
        return Output(name, summary, "json" if json else format, csv, quiet)

    return add_options(command, OPTIONS, "output", make_output)
