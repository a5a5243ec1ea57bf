"""Commands about the clusters of observers by error consistency, and about their map."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from commands.analyze.output import Output, prints
from commands.options import BootstrapSeed, Dataset, Logs, Resamples, Rule
from commands.selection import selects

if TYPE_CHECKING:
    import pandas as pd

    from analysis.selection.select import Selection

MAX_SENTENCES = 5  # largest number of models that are described one by one; more are listed in a table


@selects
@prints
def clusters(
    logs: Logs,
    dataset: Dataset = None,
    groups: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of clusters (default: the number of kinds of observer)."),
    ] = None,
    rule: Rule = "undefined-is-nan",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Cluster observers by error consistency.

    The command prints the cluster of each observer. For every observer that is not human, it also tells whether the
    observer agrees with people at least as well as the least consistent person does. --csv and --json give every branch
    of the tree with its bootstrap support.

    \b
    Example:
      observers analyze clusters humans/cue-conflict networks/cue-conflict --groups 2
    """
    from analysis.io.number_format import format_p_value
    from analysis.kappa.branches import (
        agreement_with_kinds,
        branch_support,
        human_range_sentences,
        observer_groups,
        resample_trees,
        within_human_range,
    )

    frame = output.read(logs, dataset, selection)
    trees = resample_trees(frame, rule=rule, n_resamples=resamples, seed=seed)
    clustering = observer_groups(trees, groups)
    branches = branch_support(trees)
    if output.is_whole:
        output.print(branches, rule=rule)
        return
    index, p = agreement_with_kinds(clustering, seed=seed)
    result = (
        f"adjusted Rand index {index:.3f}, {format_p_value(p)}"
        if index == index
        else "undefined because there is only one kind or one cluster"
    )
    models = within_human_range(frame, trees, rule=rule, n_resamples=resamples, seed=seed)
    for note in models.attrs["notes"]:
        output.print_note(note)
    agreement = f"Agreement of clusters with kinds of observer: {result}"
    few = human_range_sentences(models) if len(models) <= MAX_SENTENCES else []
    output.print(branches, summary=clustering, rule=rule, sentences=[agreement, *few])
    if len(models) > MAX_SENTENCES:
        _print_human_range(models, output)


def _print_human_range(models: "pd.DataFrame", output: Output) -> None:
    """Print the table of `within_human_range` with the models that agree most with people first."""
    people = models.iloc[0]
    title = (
        f"Human range: the kappa of each of the {people.n_people} people with the others is {people.people_lowest:.3f} to "
        f"{people.people_highest:.3f}, mean {people.people_mean:.3f}. Kappa of the models with people:"
    )
    table = models.sort_values("kappa", ascending=False, kind="stable")
    table["within_range"] = [
        "yes" if within else "no" if within is not None else "undefined" if kappa != kappa else "not compared"
        for within, kappa in zip(table["among_people"], table["kappa"], strict=True)
    ]
    columns = ["observer", "kind", "kappa", "low", "high", "within_range", "n_people_below", "in_cluster"]
    output.print_more(table[columns], title)


@selects
@prints
def map_(
    logs: Logs,
    dataset: Dataset = None,
    rule: Rule = "undefined-is-nan",
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Place observers on a map by error consistency.

    Multidimensional scaling puts observers that make errors on the same images close to each other.

    \b
    Example:
      observers analyze map humans/cue-conflict networks/cue-conflict
    """
    from analysis.kappa.embedding import map_observers
    from analysis.kappa.pairs import pair_kappas

    kappas = pair_kappas(output.read(logs, dataset, selection), rule)
    table, share = map_observers(kappas.matrix())
    table.insert(1, "kind", kappas.kinds)
    output.print(table, rule=rule)
    output.print_note(
        "all pairwise distances are zero"
        if share != share
        else f"two dimensions capture {100 * share:.0f} % of the distances 1 - kappa"
    )


COMMANDS: dict[str, Callable[..., None]] = {"clusters": clusters, "map": map_}
