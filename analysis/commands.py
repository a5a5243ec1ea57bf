"""`observers analyze …`: a measure of trial logs a command, printed, and written where asked. Nothing heavy at the top."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stimuli.errors import LogError

if TYPE_CHECKING:
    import pandas as pd

analyze = typer.Typer(no_args_is_help=True, help="Measures of trial logs, as tables.")

Logs = Annotated[list[str], typer.Argument(metavar="LOGS…", help="Trial logs or folders of them, searched recursively; "
                                           "humans/DATASET stands for the recorded people.")]  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the whole table to this file.")]
Dataset = Annotated[str | None, typer.Option(help="Only the trials of this dataset.")]
Rule = Annotated[Literal["undefined-is-nan", "model-vs-human"], typer.Option(help="For kappa where it is undefined.")]
Intervals = Annotated[bool, typer.Option("--intervals/--no-intervals", help="Bootstrap intervals.")]
BootstrapSeed = Annotated[int, typer.Option(min=0, help="Of the bootstrap.")]


@analyze.command("accuracy")
def analyze_accuracy(logs: Logs, dataset: Dataset = None, json: Json = False, csv: Csv = None) -> None:
    """Accuracy of every observer in every condition, with Wilson intervals."""
    from analysis.accuracy import accuracy

    _output(accuracy(read(logs, dataset)), json, csv)


@analyze.command("shape-bias")
def analyze_shape_bias(logs: Logs, dataset: Dataset = None, json: Json = False, csv: Csv = None) -> None:
    """Shape bias on cue-conflict images, overall and (in --csv, --json) for every shape category."""
    from analysis.shape_bias import overall, people_sentence, shape_bias

    frame = read(logs, dataset)
    table = shape_bias(frame)
    _output(table, json, csv, shown=overall(table))
    if not json and (people := people_sentence(frame)):
        typer.echo(people)


@analyze.command("consistency")
def analyze_consistency(
    logs: Logs,
    dataset: Dataset = None,
    intervals: Intervals = True,
    rule: Rule = "undefined-is-nan",
    seed: BootstrapSeed = 0,
    bounds: Annotated[bool, typer.Option("--bounds", help="Add the kappas that the accuracies allow.")] = False,
    json: Json = False,
    csv: Csv = None,
) -> None:
    """Error consistency (kappa) of every pair of observers, condition by condition."""
    from analysis.consistency import between_kinds, consistency

    frame = read(logs, dataset)
    table = consistency(frame, intervals=intervals, rule=rule, seed=seed, bounds=bounds)
    _output(table, json, csv, shown=table if len(table) <= 50 else between_kinds(table, frame))
    if not json and not csv and len(table) > 50:
        typer.echo(f"Means over {len(table)} rows of pairs and conditions; --csv FILE writes them all.")


@analyze.command("benchmark")
def analyze_benchmark(logs: Logs, rule: Rule = "undefined-is-nan", json: Json = False, csv: Csv = None) -> None:
    """OOD accuracy, accuracy difference, observed and error consistency with people, averaged over datasets."""
    from analysis.benchmark import benchmark

    table = benchmark(read(logs, None), rule=rule)
    _say_notes(table)
    _output(table, json, csv)


def read(logs: list[str], dataset: str | None) -> "pd.DataFrame":
    """The trials of paths, with a word on what to know of them; `humans/edge`, no path here, is in a data folder."""
    from analysis.frame import of_dataset, read_trials
    from stimuli.datasets import find

    paths = [path if Path(path).exists() or not find(path) else find(path) for path in logs]
    frame = read_trials(path for path in paths if path is not None)
    _say_notes(frame)
    return of_dataset(frame, dataset) if dataset else frame


def _say_notes(table: "pd.DataFrame") -> None:
    for note in table.attrs.get("notes", ()):
        typer.echo(f"note: {note}", err=True)


def _output(table: "pd.DataFrame", json: bool, csv: Path | None, shown: "pd.DataFrame | None" = None) -> None:
    from analysis.formats import format_of
    from analysis.tables import show, to_csv, to_json

    if csv:
        if csv.exists() and format_of(csv):
            raise LogError(f"{csv} is a trial log, which --csv would overwrite: give another file")
        to_csv(table, csv)
    if json:
        typer.echo(to_json(table))
    else:
        show(table if shown is None else shown)
