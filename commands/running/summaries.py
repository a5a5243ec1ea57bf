"""The main measure of each experiment that was run, such as accuracy, as a table or as JSON."""

import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from commands.options import read_logs, to_stderr

if TYPE_CHECKING:
    import pandas as pd

    from experiments.running.session_log import Session as SessionPlan


def print_summaries(sessions: "Sequence[SessionPlan]") -> None:
    """Print the main measure of each experiment, such as accuracy, for each observer, and the path of every trial log."""
    for experiment in dict.fromkeys(plan.experiment.name for plan in sessions):
        logs = [plan.path for plan in sessions if plan.experiment.name == experiment and plan.path.exists()]
        if logs:
            _print_summary(logs)


def print_json(sessions: "Sequence[SessionPlan]", *, has_results: bool) -> None:
    """Print the paths of the logs, and the main measure of each experiment, as JSON."""
    from analysis.io.tables import to_json

    results: dict[str, Any] = {}
    for experiment in dict.fromkeys(plan.experiment.name for plan in sessions) if has_results else ():
        logs = [plan.path for plan in sessions if plan.experiment.name == experiment and plan.path.exists()]
        table = _summarize(logs) if logs else None
        results[experiment] = [] if table is None else json_module.loads(to_json(table))
    paths = [str(plan.path) for plan in sessions if plan.path.exists()]
    typer.echo(json_module.dumps({"logs": paths, "results": results}, indent=1, ensure_ascii=False))


def _print_summary(logs: list[Path]) -> None:
    """Print the main measure of one experiment and the paths of its logs."""
    from analysis.io.tables import print_table

    table = _summarize(logs)
    if table is not None:
        print_table(table)
    for path in logs:
        typer.echo(f"log: {path}")


def _summarize(logs: list[Path]) -> "pd.DataFrame | None":
    """Return the main measure of one experiment, or None if its images do not have a correct answer."""
    from analysis.illusions.summary import has_illusions, illusion_table
    from analysis.io.answerable import exclude_unanswerable
    from analysis.measures.accuracy import accuracy
    from analysis.measures.shape_bias import has_cue_conflicts, overall_shape_bias, shape_bias
    from stimuli.categories import AMBIGUOUS

    frame = read_logs(list(map(str, logs)), None, ambiguous=True)
    if has_illusions(frame):
        return illusion_table(frame, n_resamples=0)
    if (frame["category"] != AMBIGUOUS).any():
        n_notes, frame = len(frame.attrs["notes"]), exclude_unanswerable(frame)
        for note in frame.attrs["notes"][n_notes:]:
            to_stderr(f"note: {note}")
        return overall_shape_bias(shape_bias(frame)) if has_cue_conflicts(frame) else accuracy(frame)
    return None
