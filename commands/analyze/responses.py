"""Commands about the responses of single observers: accuracy, shape bias, confusion, entropy, thresholds, correlation."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from commands.analyze.output import Output, prints
from commands.options import BootstrapSeed, Dataset, Logs, NChoices, Resamples, Rule
from commands.selection import GroupBy, GroupResamples, selects
from core.errors import LogError

if TYPE_CHECKING:
    from analysis.selection.select import Selection

ByCondition = Annotated[
    bool,
    typer.Option("--by-condition", help="Compute the measure for each condition instead of over all conditions."),
]
MAX_ROWS = 50  # longer tables of wrong responses pool the observers of each kind


@selects
@prints
def accuracy(
    logs: Logs,
    dataset: Dataset = None,
    group_by: GroupBy = None,
    resamples: GroupResamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compute accuracy per observer and condition.

    Accuracy is the proportion of trials whose response is the correct category. Each value has a 95 % Wilson interval.
    --by gives a row for each observer and value of a column. --group-by gives a row for each value, with the mean over
    observers and a bootstrap interval over observers.

    \b
    Examples:
      observers analyze accuracy logs
      observers analyze accuracy humans/contrast logs/contrast --observer kind:human --observer "resnet*" --by session
      observers analyze accuracy humans networks --group-by kind
    """
    from analysis.measures.accuracy import accuracy as compute
    from analysis.measures.by_group import accuracy_by_group
    from analysis.selection.split import separate_parts

    frame = output.read(logs, dataset, selection)
    if group_by:
        output.print(accuracy_by_group(frame, group_by, n_resamples=resamples, seed=seed), by_group=True)
    else:
        output.print(separate_parts(compute(frame), frame))


@selects
@prints
def shape_bias(
    logs: Logs,
    dataset: Dataset = None,
    group_by: GroupBy = None,
    resamples: GroupResamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compute the shape bias on cue-conflict images.

    Shape bias is the number of shape responses divided by the number of shape and texture responses. The terminal shows one
    row per observer; --csv and --json add a row for every shape category. --by gives a row for each observer and value of
    a column. --group-by gives a row for each value, with the mean over observers and a bootstrap interval over observers.

    \b
    Examples:
      observers analyze shape-bias humans/cue-conflict logs/cue-conflict
      observers analyze shape-bias humans/cue-conflict networks/cue-conflict --labels labels.csv --group-by group
    """
    from analysis.measures.by_group import shape_bias_by_group
    from analysis.measures.shape_bias import describe_people, overall_shape_bias
    from analysis.measures.shape_bias import shape_bias as compute
    from analysis.measures.totals import ALL
    from analysis.selection.split import separate_parts

    frame = output.read(logs, dataset, selection)
    if group_by:
        table = shape_bias_by_group(frame, group_by, n_resamples=resamples, seed=seed)
        output.print(table, summary=table[table["category"] == ALL].drop(columns="category"), by_group=True)
        return
    table = compute(frame)
    summary = separate_parts(overall_shape_bias(table), frame)
    people = "" if output.is_whole else describe_people(frame)
    output.print(separate_parts(table, frame), summary=summary, sentences=[people] if people else ())


@selects
@prints
def confusion(
    logs: Logs,
    dataset: Dataset = None,
    by_condition: ByCondition = False,
    all_observers: Annotated[
        bool,
        typer.Option("--all", help="Show the most frequent wrong responses of every observer, however many there are."),
    ] = False,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Count the responses to each category.

    The terminal shows the most frequent wrong responses: of each observer, or of the observers of each kind together if
    there are many (--all shows every observer). For a single observer, it shows the confusion matrix, too. --csv and --json
    give all counts.

    \b
    Examples:
      observers analyze confusion humans/edge networks/edge --observer resnet50
      observers analyze confusion logs/drawn-cue-conflict --csv confusion.csv
    """
    from analysis.measures.confusion import confusion_table as compute
    from analysis.measures.confusion import frequent_errors, numbered_matrix, pool_by_kind

    table = compute(output.read(logs, dataset, selection), by_condition=by_condition)
    summary = frequent_errors(table)
    rows = "The rows are the 3 most frequent wrong responses of each observer"
    if len(summary) > MAX_ROWS and not all_observers:
        summary = frequent_errors(pool_by_kind(table), 1)
        rows = "The rows are the most frequent wrong responses of each kind of observer; --all shows every observer"
    sentence = f"{rows}; --csv FILE writes all {len(table):,} counts."
    output.print(table, summary=summary, sentences=(sentence,))
    groups = table[["dataset", "observer", "condition"]].drop_duplicates()
    if len(groups) == 1:
        key = [str(text) for text in groups.iloc[0]]
        title = f"Responses of {key[1]} in percent of the images of each category (rows); the columns have the same numbers:"
        output.print_more(numbered_matrix(table, *key), title)


@selects
@prints
def entropy(
    logs: Logs,
    dataset: Dataset = None,
    n_choices: NChoices = None,
    by_condition: ByCondition = False,
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compute the entropy of each observer's responses.

    Entropy, in bits, tells how evenly an observer uses the choices. It is log2 of the number of choices if all are used
    equally often, and 0 if all responses are the same.

    \b
    Example:
      observers analyze entropy logs/drawn-cue-conflict
    """
    from analysis.measures.confusion import response_entropy

    frame = output.read(logs, dataset, selection, n_choices=n_choices)
    output.print(response_entropy(frame, by_condition=by_condition, n_resamples=resamples, seed=seed))


@selects
@prints
def thresholds(
    logs: Logs,
    dataset: Dataset = None,
    n_choices: NChoices = None,
    scale: Annotated[
        Literal["linear", "log10"] | None,
        typer.Option(help="Scale of the levels (default: the usual scale of the distortion)."),
    ] = None,
    max_lapse: Annotated[
        float, typer.Option(min=0, max=0.99, metavar="RATE", help="Highest lapse rate that the fit may use.")
    ] = 0.5,
    fitter: Annotated[
        Literal["likelihood", "psignifit"],
        typer.Option(help="Method of fitting; psignifit needs the extra `psychometrics`."),
    ] = "likelihood",
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Fit psychometric functions and report thresholds.

    The threshold is the level of a distortion at which accuracy is halfway between the guess rate and 1 − lapse rate.
    Use it on datasets whose conditions are levels, such as contrast or uniform-noise.

    \b
    Example:
      observers analyze thresholds humans/contrast logs/contrast
    """
    from analysis.measures.psychometric import thresholds as compute

    table = compute(
        output.read(logs, dataset, selection, n_choices=n_choices), scale=scale, max_lapse=max_lapse, fitter=fitter
    )
    output.print(table)


@selects
@prints
def correlation(
    logs: Logs,
    x: Annotated[
        str | None,
        typer.Option(
            metavar="MEASURE",
            help="Measure on the x axis: shape-bias, accuracy:DATASET, consistency:DATASET or threshold:DATASET (default: "
            "the accuracy on low-pass filtered images).",
        ),
    ] = None,
    y: Annotated[
        str, typer.Option(metavar="MEASURE", help="Measure on the y axis, with the same choices as --x.")
    ] = "shape-bias",
    people: Annotated[
        bool,
        typer.Option(
            "--people/--no-people", help="Whether all people together count as one observer, or are excluded."
        ),
    ] = True,
    rule: Rule = "undefined-is-nan",
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Correlate two measures over observers.

    The default correlates accuracy on low-pass filtered images with shape bias, as in section 4 of Jaini et al. (2024).
    All people together count as one observer, because the people of different datasets are different people.

    \b
    Examples:
      observers analyze correlation microcosm
      observers analyze correlation humans networks --x accuracy:uniform-noise --y shape-bias
    """
    from analysis.benchmark.correlation import correlate_measures, low_pass_datasets

    frame = output.read(logs, None, selection)
    if x is None:
        datasets = low_pass_datasets(frame)
        if not datasets:
            raise LogError(
                "the default of --x is the accuracy on low-pass filtered images, but these logs contain no trials with such "
                "images: add logs that do, or choose a measure with --x"
            )
        x = f"accuracy:{datasets[0]}"
    table = correlate_measures(frame, x, y, people=people, rule=rule)
    output.print(table, rule=rule if "consistency:" in x + y else None)


COMMANDS: dict[str, Callable[..., None]] = {
    "accuracy": accuracy,
    "shape-bias": shape_bias,
    "confusion": confusion,
    "entropy": entropy,
    "thresholds": thresholds,
    "correlation": correlation,
}
