"""`observers figures`: the figures of Jaini et al. (2024) from trial logs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import BootstrapSeed, Dataset, Logs, NChoices, Resamples, Rule, read_logs
from commands.selection import GroupBy, selects
from core.errors import LogError

if TYPE_CHECKING:
    from analysis.selection.select import Selection


@selects
def figures(
    logs: Logs,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the figures.")] = Path("figures"),
    figure: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            help="Number of a figure in the paper. Repeat the option for several figures "
            "(default: every figure that these logs allow).",
        ),
    ] = None,
    highlight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Observer to draw next to people in figure 5 and to highlight in figure 13. Repeat the option for several "
            "(default: the generative observers).",
        ),
    ] = None,
    stand_in: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Observer to use in place of people as the reference. Repeat the option for several (default: people).",
        ),
    ] = None,
    dataset: Dataset = None,
    group_by: GroupBy = None,
    n_choices: NChoices = None,
    rule: Rule = "undefined-is-nan",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    selection: "Selection",
) -> None:
    """Draw the figures of Jaini, Clark and Geirhos (2024).

    Figures 1, 3 to 6 and 9 to 17 can be drawn from trial logs. Each figure is written as PDF, SVG and PNG, with its numbers
    as CSV and its caption; figures.md shows all of them. The command prints a message for each figure that cannot be
    drawn from these logs. --labels gives observers other names and colors. With --group-by, all figures except the
    matrices show means over groups of observers.

    \b
    Examples:
      observers figures humans logs --figure 1 --figure 3 --out figures
      observers figures humans networks --labels labels.csv --group-by group --out figures
    """
    from analysis.paper.figure_inputs import FigureInputs
    from analysis.paper.folder import write_figures

    highlighted, reference = tuple(highlight or ()), tuple(stand_in) if stand_in else None
    frame = read_logs(logs, dataset, selection, n_choices=n_choices)
    inputs = FigureInputs(frame, highlighted, reference, rule, resamples, seed, group_by or "")
    n_drawn = 0
    for written in write_figures(inputs, out, figure or ()):
        n_drawn += bool(written.stem)
        typer.echo(f"figure {written.number}: {out / written.stem}.pdf" if written.stem else
                   f"figure {written.number}: {written.text}", err=not written.stem)  # fmt: skip
    if not n_drawn:
        raise LogError("none of the figures can be drawn from these logs: the messages above say what is missing")
    typer.echo(f"captions: {out / 'figures.md'}")
