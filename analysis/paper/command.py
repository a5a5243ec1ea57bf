"""`observers figures …`: the figures of the paper from trial logs. Nothing heavy at the top."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.commands import BootstrapSeed, Dataset, Logs, Resamples, Rule, read
from stimuli.errors import LogError


def figures(
    logs: Logs,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("figures"),
    figure: Annotated[list[int] | None, typer.Option(help="A number; all that the logs allow, without.")] = None,
    observer: Annotated[
        list[str] | None, typer.Option("--observer", "-m", help="Beside the people in figure 5, marked in figure 13.")
    ] = None,
    stand_in: Annotated[list[str] | None, typer.Option(help="An observer who stands in for people.")] = None,
    dataset: Dataset = None,
    rule: Rule = "undefined-is-nan",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
) -> None:
    """Draw figures 1, 3 to 6 and 9 to 17 of Jaini et al. (2024).

    Each as PDF, SVG and PNG, with its numbers as CSV and its caption; figures.md has all. What cannot be drawn is said.
    """
    from analysis.paper.figure_inputs import FigureInputs
    from analysis.paper.folder import write_figures

    who, people = tuple(observer or ()), tuple(stand_in) if stand_in else None
    material, n = FigureInputs(read(logs, dataset), who, people, rule, resamples, seed), 0
    for written in write_figures(material, out, figure or ()):
        n += bool(written.stem)
        typer.echo(f"figure {written.number}: {out / written.stem}.pdf" if written.stem else
                   f"figure {written.number}: {written.said}", err=not written.stem)  # fmt: skip
    if not n:
        raise LogError("no figure can be drawn from these logs: give more of them, as said above")
    typer.echo(f"captions: {out / 'figures.md'}")
