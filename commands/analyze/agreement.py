"""Commands about pairs of observers: error consistency, its tests, ceiling and contrasts, and wrong responses."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.analyze.output import Output, prints
from commands.analyze.responses import ByCondition
from commands.options import (
    BootstrapSeed,
    Dataset,
    IntervalMethod,
    Intervals,
    Logs,
    MethodResamples,
    NChoices,
    NullDraws,
    Resamples,
    Rule,
    TestResamples,
    UnusedResamples,
)
from commands.selection import GroupBy, selects

if TYPE_CHECKING:
    from analysis.selection.select import Selection

MAX_ROWS = 50  # tables of pairs with more rows are summarized on the terminal


@selects
@prints
def consistency(
    logs: Logs,
    dataset: Dataset = None,
    intervals: Intervals = True,
    method: IntervalMethod = "score",
    resamples: MethodResamples = 1000,
    rule: Rule = "undefined-is-nan",
    seed: BootstrapSeed = 0,
    bounds: Annotated[
        bool, typer.Option("--bounds", help="Add the lowest and highest kappa that the two accuracies allow.")
    ] = False,
    group_by: GroupBy = None,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compute error consistency (kappa) per pair of observers.

    Kappa tells whether two observers make errors on the same images more often than their accuracies predict. It is 1 for
    complete agreement, and 0 on average if the observers make errors independently of each other. If an observer has
    several sessions with the same images, the first response to each image counts. --group-by gives the mean kappa within
    and between groups of observers.

    \b
    Examples:
      observers analyze consistency humans/cue-conflict logs/cue-conflict --csv consistency.csv
      observers analyze consistency humans/cue-conflict networks/cue-conflict --labels labels.csv --group-by group
    """
    from analysis.kappa.by_group import kappa_by_group
    from analysis.kappa.consistency import error_consistency as compute
    from analysis.kappa.pairs import kappa_by_kind

    frame = output.read(logs, dataset, selection)
    n_resamples = resamples if intervals else 0
    if group_by:
        output.print(kappa_by_group(frame, group_by, rule=rule, n_resamples=n_resamples), rule=rule, by_group=True)
        return
    options: dict[str, Any] = {"method": method, "n_resamples": resamples, "seed": seed}
    table = compute(frame, intervals=intervals, rule=rule, bounds=bounds, **options)
    if len(table) <= MAX_ROWS or output.is_whole:
        output.print(table, rule=rule)
        return
    sentence = f"The rows are means over {len(table)} pairs and conditions; --csv FILE writes all of them."
    summary = kappa_by_kind(frame, rule=rule, n_resamples=n_resamples)
    output.print(table, summary=summary, rule=rule, sentences=() if output.csv else (sentence,), by_group=True)


@selects
@prints
def errors(
    logs: Logs,
    dataset: Dataset = None,
    n_choices: NChoices = None,
    by_condition: ByCondition = False,
    intervals: Intervals = True,
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Measure whether observers give the same wrong responses.

    The table has misclassification agreement (how often both give the same wrong response on images that both misclassify)
    and class-level error similarity.

    \b
    Example:
      observers analyze errors humans/edge logs/edge
    """
    from analysis.kappa.error_patterns import error_patterns

    frame = output.read(logs, dataset, selection, n_choices=n_choices)
    options = {"n_resamples": resamples, "seed": seed}
    output.print(error_patterns(frame, by_condition=by_condition, intervals=intervals, **options))


@selects
@prints
def independence(
    logs: Logs,
    dataset: Dataset = None,
    resamples: NullDraws = None,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Test whether kappa differs from chance.

    Under the null hypothesis, the two observers have the observed accuracies, but make errors independently of each
    other. The exact test (Fisher's test, combined over conditions) needs no random draws. --resamples N draws N random
    values under the null hypothesis instead, as Klein et al. (2025) do; p is then at least 2 / (N + 1).

    \b
    Examples:
      observers analyze independence humans/cue-conflict logs/cue-conflict
      observers analyze independence humans/cue-conflict logs/cue-conflict --resamples 100000
    """
    from analysis.kappa.independence import independence_test as compute

    table = compute(output.read(logs, dataset, selection), n_draws=resamples, seed=seed)
    output.print(table, rule="undefined-is-nan")


@selects
@prints
def difference(
    logs: Logs,
    between: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Pair of observers to compare; give the option twice (default: compare all pairs)."
        ),
    ] = None,
    dataset: Dataset = None,
    rule: Rule = "undefined-is-nan",
    resamples: TestResamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Test whether two observers differ in kappa with people.

    The permutation test exchanges the responses of the two observers on randomly selected images (adapted from Klein et
    al. 2025).

    \b
    Example:
      observers analyze difference humans/cue-conflict logs --between resnet50 --between sd14
    """
    from analysis.kappa.difference import difference_test as compute

    if between and len(between) != 2:
        raise typer.BadParameter(
            f"expected the option twice, once for each observer, but it was given {len(between)} "
            f"time{'s' * (len(between) != 1)}",
            param_hint="--between",
        )
    pairs = [(between[0], between[1])] if between else None
    table = compute(output.read(logs, dataset, selection), pairs, rule=rule, n_draws=resamples, seed=seed)
    output.print(table, rule=rule)


@selects
@prints
def ceiling(
    logs: Logs,
    dataset: Dataset = None,
    rule: Rule = "undefined-is-nan",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compute the noise ceiling of consistency with people.

    The ceiling is the mean kappa among people: how consistent one more person would be with them. The table shows how close
    every observer comes to it (share). The lower and the upper bound (Nili et al. 2014) say how consistent with people an
    observer can be at best: they compare each person with the majority of the others, and with the consensus of all people.

    \b
    Example:
      observers analyze ceiling humans/cue-conflict logs/cue-conflict
    """
    from analysis.kappa.ceiling import bounds_of_datasets, noise_ceiling

    table = noise_ceiling(output.read(logs, dataset, selection), rule=rule, n_resamples=resamples, seed=seed)
    bounds = bounds_of_datasets(table)
    output.print(table, summary=table.drop(columns=list(bounds.columns[2:])), rule=rule)
    if len(bounds):
        output.print_more(bounds, "Mean κ among people (ceiling), and the lower and upper bound of the noise ceiling:")


@selects
@prints
def contrasts(
    logs: Logs,
    dataset: Dataset = None,
    group_by: GroupBy = None,
    intervals: Intervals = True,
    rule: Rule = "undefined-is-nan",
    resamples: UnusedResamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compare kappa within and between kinds of observer.

    Kinds are human, generative, discriminative and so on. Each contrast has an interval and a permutation test.
    --group-by compares groups in place of kinds.

    \b
    Examples:
      observers analyze contrasts humans/cue-conflict networks/cue-conflict
      observers analyze contrasts networks/cue-conflict --labels labels.csv --group-by group
    """
    from analysis.kappa.by_group import group_contrasts
    from analysis.kappa.contrasts import kind_contrasts as compute

    frame = output.read(logs, dataset, selection)
    options: dict[str, Any] = {"rule": rule, "n_resamples": resamples if intervals else 0, "seed": seed}
    table = group_contrasts(frame, group_by, **options) if group_by else compute(frame, **options)
    output.print(table, rule=rule)


COMMANDS: dict[str, Callable[..., None]] = {
    "consistency": consistency,
    "errors": errors,
    "independence": independence,
    "difference": difference,
    "ceiling": ceiling,
    "contrasts": contrasts,
}
