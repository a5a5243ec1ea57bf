"""Figures 3, 4, 9 and 11: bar charts of averages over datasets, and of accuracy on datasets with a single condition."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from analysis.benchmark.benchmark import HUMANS, SIMULATED_PEOPLE
from analysis.figures import paper
from analysis.figures.paper.bars import LABELS
from analysis.measures.accuracy import PEOPLE
from analysis.paper.figure_inputs import (
    SINGLE,
    FigureInputs,
    PaperFigure,
    no_people_message,
    shorten_list,
)
from core.errors import LogError

TITLES = {
    3: "Out-of-distribution accuracy",
    4: "Error consistency (κ) with people, computed per condition and averaged over conditions and people,",
    9: "Benchmark results",
}
COLUMNS = ["measure", "observer", "kind", "n_datasets", "of", "value", "low", "high"]


def make_averages(number: int, measures: Sequence[str], inputs: FigureInputs) -> list[PaperFigure | str]:
    """Make figure 3, 4 or 9, each of which shows averages of the given measures over datasets."""
    try:
        benchmark = inputs.benchmark
    except LogError as error:
        return [str(error)]
    table, n_datasets = _sort_rows(benchmark, measures, inputs.ranks)
    missing = [LABELS[measure].lower() for measure in measures if measure not in set(table["measure"])]
    messages = []
    if missing:
        messages.append(no_people_message(f"{' and '.join(missing)} {'needs' if len(missing) == 1 else 'need'}"))
    if not len(table):
        return [*messages]
    draw = partial(getattr(paper, f"figure_{number}"), table)
    figure = PaperFigure(number, "", draw, table, _average_caption(number, table, n_datasets, inputs, benchmark))
    return [figure, *(f"some panels are missing: {message}" for message in messages)]


def _sort_rows(
    benchmark: pd.DataFrame, measures: Sequence[str], ranks: Mapping[str, int] | None = None
) -> tuple[pd.DataFrame, int]:
    """Return the rows of the measures in drawing order, and the largest number of datasets that any observer has.

    The first row of each measure combines all people. The observers with responses to all datasets follow, and then all
    other observers; both groups are in the order of the benchmark. If `ranks` has an order that the user chose, all
    observers are in this order. Measures that are undefined for all observers are omitted, and rows that combine all
    people are omitted if they are undefined.
    """
    table, n_datasets = benchmark[benchmark["measure"].isin(measures)].copy(), int(benchmark["n_datasets"].max())
    table["of"] = [f"({n} of {n_datasets})" if n < n_datasets else "" for n in table["n_datasets"]]
    is_pooled = _is_pooled_row(table)
    is_measured = table["value"].notna().groupby(table["measure"]).transform("any")
    table = table.assign(
        measure_rank=table["measure"].map({measure: i for i, measure in enumerate(measures)}),
        is_single=~is_pooled,
        is_partial=table["of"] != "" if ranks is None else False,
        rank=0 if ranks is None else table["observer"].map(ranks).fillna(len(ranks)),
    )
    table = table[is_measured & (~is_pooled | table["value"].notna())]
    table = table.sort_values(["measure_rank", "is_single", "is_partial", "rank"], kind="stable")
    return table[COLUMNS].reset_index(drop=True), n_datasets


def _is_pooled_row(table: pd.DataFrame) -> pd.Series:
    """Return a mask of the rows that combine all people. Such a row must also be the first row of its measure."""
    return table["observer"].isin([HUMANS, SIMULATED_PEOPLE]) & ~table["measure"].duplicated()


def _average_caption(
    number: int, table: pd.DataFrame, n_datasets: int, inputs: FigureInputs, benchmark: pd.DataFrame
) -> str:
    datasets = [name for name in inputs.datasets if name not in inputs.excluded_datasets]
    pooled = table[_is_pooled_row(table)]
    title = (
        f"{TITLES[number]} averaged over {n_datasets} dataset{'' if n_datasets == 1 else 's'} "
        f"({shorten_list(datasets)}): {inputs.describe(table, datasets)}."
    )
    people = "No people responded to these datasets."
    if len(pooled):
        n = inputs.n_averaged_people
        with_others = "" if number == 3 else "; consistency and difference compare each of them with the others"
        people = (
            f"The first row and the dashed line with its shaded interval show {pooled['observer'].iloc[0]}, all {n} "
            f"combined{with_others}."
        )
    order = inputs.order_sentence("Observers are sorted from best to worst.")
    if (table["of"] != "").any():
        place = "" if inputs.ranks else " at the end"
        order += f" Pale bars{place} are means over fewer datasets, which cannot be compared with the others."
    of_groups = " for people, and a bootstrap over observers for groups" if inputs.group_by else ""
    sentences = [title, people, order, f"Error bars show {inputs.bootstrap_intervals}{of_groups}."]
    if "error_consistency" in set(table["measure"]):
        sentences.append(f"The error bars of error consistency show {inputs.kappa_intervals}{of_groups}.")
    if number != 3:
        sentences.append(_as_sentence(benchmark.attrs["rule"]))
    if "accuracy_difference" in set(table["measure"]):
        sentences.append(
            "Noise increases squared differences, so the error bars of the accuracy difference are somewhat too high."
        )
    sentences += [_as_sentence(note) for note in benchmark.attrs["notes"] if note != benchmark.attrs["rank_note"]]
    return " ".join(sentences) + inputs.stand_in_note + inputs.simulated_note(table)


def _as_sentence(note: str) -> str:
    return f"{note[0].upper()}{note[1:]}."


def make_single_conditions(inputs: FigureInputs) -> list[PaperFigure | str]:
    """Make figure 11, which shows accuracy on each dataset with a single condition."""
    available = [d for d in inputs.datasets if d not in (*inputs.parametric_datasets, *inputs.conflict_datasets)]
    if not available:
        return [f"the logs contain no dataset with a single condition: add logs of {', '.join(SINGLE)}"]
    datasets = [d for d in SINGLE if d in available] + [d for d in available if d not in SINGLE]
    table = inputs.accuracies[inputs.accuracies["dataset"].isin(datasets)].rename(columns={"accuracy": "value"})
    table = table.assign(
        dataset_rank=table["dataset"].map({d: i for i, d in enumerate(datasets)}), is_machine=table["kind"] != "human"
    )
    keys, ranks = {"dataset_rank": True, "is_machine": True, "value": False}, inputs.ranks
    if ranks is not None:
        table = table.assign(
            is_single=table["observer"] != PEOPLE, rank=table["observer"].map(ranks).fillna(len(ranks))
        )
        keys = {"dataset_rank": True, "is_single": True, "rank": True}
    table = table.sort_values([*keys], ascending=[*keys.values()], kind="stable")
    columns = ["dataset", "observer", "kind", "n_observers", "n", "n_correct", "of", "value", "low", "high"]
    table = table.assign(of="")[[name for name in columns if name in (*table, "of")]].reset_index(drop=True)
    people = table[table["observer"] == PEOPLE]
    n_people = ", ".join(f"{n} on {d}" for d, n in zip(people["dataset"], people["n_observers"], strict=True))
    combined = (
        f"People are combined into their mean (n = {n_people}), and their bar shows their range and not an interval. "
        if n_people
        else ""
    )
    order = inputs.order_sentence("People come first; the other observers are sorted from best to worst.")
    caption = (
        f"Accuracy on datasets with a single condition: {inputs.describe(table, datasets)}. {order} {combined}"
        f"Error bars show {inputs.trial_intervals}. The dotted line marks chance, "
        f"where it is known.{inputs.simulated_note(table)}"
    )
    draw = partial(paper.figure_11, table, chance=inputs.chance(datasets))
    missing = [name for name in SINGLE if name not in datasets]
    messages = (
        [f"these datasets are not shown because they are not in the logs: {', '.join(missing)}"] if missing else []
    )
    return [PaperFigure(11, "", draw, table, caption), *messages]
