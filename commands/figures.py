"""`observers figures`: the figures of Jaini et al. (2024) from trial logs."""

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import BootstrapSeed, Dataset, Logs, NChoices, Resamples, Rule, read_logs
from commands.selection import GroupBy, selects
from core.errors import LogError
from core.progress import progress_bar

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
    json: Annotated[bool, typer.Option("--json", help="Print the files and messages as JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not print notes, progress and figures that cannot be drawn.")
    ] = False,
    *,
    selection: "Selection",
) -> None:
    """Draw the figures of Jaini, Clark and Geirhos (2024).

    Figures 1, 3 to 6 and 9 to 17 can be drawn from trial logs. Each figure is written as PDF, SVG and PNG, with its numbers
    as CSV and its caption; figures.md shows all of them. The command prints a message for each figure that cannot be
    drawn from these logs. --observer and --exclude choose the observers of all figures; figures that compare observers
    with people need kind:human among them. --labels gives observers other names and colors. With --group-by, all figures
    except the matrices show means over groups of observers.

    \b
    Examples:
      observers figures humans logs --figure 1 --figure 3 --out figures
      observers figures humans networks --figure 4 --observer kind:human --observer resnet50
      observers figures humans networks --labels labels.csv --group-by group --out figures
    """
    from analysis.paper.figure_inputs import FigureInputs
    from analysis.paper.folder import write_figures

    highlighted, reference = tuple(highlight or ()), tuple(stand_in) if stand_in else None
    frame = read_logs(logs, dataset, selection, n_choices=n_choices, quiet=quiet)
    inputs = FigureInputs(frame, highlighted, reference, rule, resamples, seed, group_by or "")
    results = []
    with progress_bar("figures", "figures", quiet=quiet) as update:
        for written in write_figures(inputs, out, figure or (), update):
            results.append(written)
            if written.stem and not json:
                typer.echo(f"figure {written.number}: {out / written.stem}.pdf")
    if not any(written.stem for written in results):
        messages = "; ".join(f"figure {written.number}: {written.text}" for written in results)
        raise LogError(
            messages if len(results) == 1 else f"none of the figures can be drawn from these logs: {messages}"
        )
    if json:
        rows = [
            {"figure": w.number, "file": f"{out / w.stem}.pdf" if w.stem else None, "text": w.text} for w in results
        ]
        typer.echo(dumps(rows, ensure_ascii=False, indent=1))
        return
    for written in results:
        if not written.stem and not quiet:
            typer.echo(f"figure {written.number}: {written.text}", err=True)
    typer.echo(f"captions: {out / 'figures.md'}")
