"""What a run gave, as a table, and where the logs are. Nothing heavy at the top."""

from pathlib import Path

import typer

from analysis.commands import read


def print_run_summary(logs: list[Path]) -> None:
    """What the run gave, as a table, and what to do with it."""
    from analysis.accuracy import accuracy
    from analysis.illusions.summary import has_illusions, illusions
    from analysis.shape_bias import has_conflicts, overall, shape_bias
    from analysis.tables import show

    frame = read(list(map(str, logs)), None, ambiguous=True)
    if has_illusions(frame):
        show(illusions(frame, n_resamples=0))
    else:
        show(overall(shape_bias(frame)) if has_conflicts(frame) else accuracy(frame))
    for path in logs:
        typer.echo(f"log: {path}")
