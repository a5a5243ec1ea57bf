"""`observers report`: a folder of web pages with figures and tables on trial logs."""

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import BootstrapSeed, Dataset, Intervals, Logs, NChoices, Resamples, Rule, read_logs
from commands.selection import GroupBy, selects

if TYPE_CHECKING:
    from analysis.selection.select import Selection


@selects
def report(
    logs: Logs,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the pages, figures and tables.")] = Path(
        "report"
    ),
    dataset: Dataset = None,
    group_by: GroupBy = None,
    n_choices: NChoices = None,
    rule: Rule = "undefined-is-nan",
    intervals: Intervals = True,
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Whether to include small copies of the stimuli.")
    ] = True,
    stimuli: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXPERIMENT",
            help="Experiment or folder that holds the stimuli of a dataset. Repeat the option for several "
            "(default: data folders and built-in experiments).",
        ),
    ] = None,
    reconstructions: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder that `observers reconstruct` wrote, shown first in the report (default: none).",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show notes and progress.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the page, the folder and the content of the report as JSON.")
    ] = False,
    *,
    selection: "Selection",
) -> None:
    """Write web pages with figures, tables and trials.

    The report opens in a browser without a server. Every figure is also written as PDF, SVG, PNG and CSV. --labels gives
    observers other names and colors. --group-by adds a section with means over groups of observers.

    \b
    Examples:
      observers report humans/cue-conflict logs/cue-conflict --out report
      observers report humans/cue-conflict networks/cue-conflict --labels labels.csv --group-by group --out report
    """
    from analysis.report.extras import reconstructions_section
    from analysis.report.groups import group_sections
    from analysis.report.report import write_report
    from core.progress import progress_bar
    from experiments.sets.shown_stimuli import find_shown_stimuli

    frame = read_logs(logs, dataset, selection, ambiguous=True, n_choices=n_choices, quiet=quiet)
    shown = find_shown_stimuli(frame["dataset"].unique(), stimuli or ()) if images else ()
    extras = [] if reconstructions is None else [reconstructions_section(reconstructions)]
    if group_by:
        extras += group_sections(frame, group_by, n_resamples=resamples if intervals else 0, seed=seed)
    with progress_bar("report", "steps", quiet=quiet) as progress:
        page = write_report(
            frame, out, intervals=intervals, n_resamples=resamples, seed=seed, rule=rule, stimuli=shown, extras=extras,
            progress=progress,
        )  # fmt: skip
    if json:
        names = list(dict.fromkeys(frame["dataset"].astype("str")))
        content = {"page": str(page), "folder": str(out), "datasets": names, "n_trials": len(frame),
                   "n_observers": int(frame["observer"].nunique()), "notes": list(frame.attrs.get("notes", []))}  # fmt: skip
        typer.echo(dumps(content, ensure_ascii=False, indent=1))
    else:
        typer.echo(f"report: {page}")
