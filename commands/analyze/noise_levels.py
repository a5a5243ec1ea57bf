"""The command about generative observers that were run at several noise levels."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.analyze.output import Output, prints
from commands.options import Dataset, Logs, Rule
from commands.selection import selects
from core.errors import LogError

if TYPE_CHECKING:
    from analysis.selection.select import Selection

FORMATS = (".pdf", ".svg", ".png")


@selects
@prints
def levels(
    logs: Logs,
    dataset: Dataset = None,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PDF, SVG or PNG file for the figure of one dataset (default: none)."),
    ] = None,
    rule: Rule = "undefined-is-nan",
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compute shape bias and kappa as functions of noise level.

    The table has a row for every part of the noise schedule with which a model was run (option `levels` of generative
    observers; the sidecars of the logs record it). Shape bias is computed over images with a cue conflict, and accuracy over
    images without one. Kappa is the mean with people, or with the other observers if there are no people.

    \b
    Examples:
      observers analyze levels logs/cue-conflict humans/cue-conflict
      observers analyze levels logs/cue-conflict humans/cue-conflict --figure levels.pdf
    """
    from analysis.benchmark.noise_level_curves import SHOWN, noise_level_curves
    from analysis.figures.from_trials import noise_level_figure
    from analysis.io.notes import hide_warnings

    if figure is not None and figure.suffix.lower() not in FORMATS:
        raise typer.BadParameter(
            f"expected a file whose name ends in .pdf, .svg or .png, got {figure}", param_hint="--figure"
        )
    frame = output.read(logs, dataset, selection)
    table = noise_level_curves(frame, rule=rule)
    datasets = list(dict.fromkeys(table["dataset"]))
    if figure is not None and len(datasets) > 1:
        raise LogError(
            f"a figure shows one dataset, but the table contains {', '.join(datasets)}: choose one with --dataset"
        )
    summary = table[[*(["dataset"] if len(datasets) > 1 else []), *SHOWN]]
    compared = table.dropna(subset="compared_with").drop_duplicates("dataset")
    sentences = [
        f"kappa{f' in {row.dataset}' if len(datasets) > 1 else ''}: mean with {row.compared_with} (n = {row.n_compared})"
        for row in compared.itertuples()
    ]
    output.print(table, summary=summary, rule=rule, sentences=sentences)
    if figure is not None:
        with hide_warnings():  # the notes were printed with the table
            noise_level_figure(frame, datasets[0], rule=rule).savefig(figure)
        output.print_note(f"the figure is in {figure}")


COMMANDS: dict[str, Callable[..., None]] = {"levels": levels}
