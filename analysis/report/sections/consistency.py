"""The section on error consistency between all pairs of observers."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.consistency import draw_consistency
from analysis.io.number_format import format_interval, format_range, format_value
from analysis.kappa.clustering import Clustering, cluster_observers, smallest_cluster_containing
from analysis.kappa.consistency import RULES, kappa_matrix, select_benchmark_conditions
from analysis.kappa.pairs import mean_kappas
from analysis.measures.minimums import describe_missing, minimum
from analysis.report.sections.figures import write_figure
from analysis.report.sections.large_matrix import write_large_matrix
from analysis.report.sections.parts import MAX_NAMES, Part, ReportFigure, as_sentence, count, table_of
from analysis.report.sections.plots import matrix_data
from analysis.report.sections.section_inputs import Section, SectionInputs
from stimuli.published.datasets import DATASETS

ALL_EXCLUDED = "The benchmark excludes all conditions of these data; their κ values are in tables/consistency.csv."
NO_PAIR = (
    "Error consistency compares observers that responded to the same images in the same condition; these logs do "
    "not contain two such observers."
)


def consistency_section(inputs: SectionInputs) -> Part:
    """Show the matrix of error consistency, the mean κ between kinds, and whether people form a cluster."""
    title, anchor = "Error consistency", f"error-consistency-{inputs.anchor}"
    matrix = kappa_matrix(inputs.pairs, inputs.dataset)
    if len(matrix) < 2:
        return Part(title, anchor, (ALL_EXCLUDED if inputs.pairs["n"].any() else NO_PAIR,))
    kinds, bootstrap, tree = inputs.kinds, inputs.bootstrap, cluster_observers(matrix)
    kappas = mean_kappas(inputs.kappas)
    notes = map(as_sentence, kappas.attrs["notes"])
    n_people = list(kinds.values()).count("human")
    if 1 < n_people < len(kinds) and inputs.n_common_images < minimum("images_of_claim"):
        claim = "The report does not say whether people form a cluster of their own"
        cluster = describe_missing(claim, inputs.n_common_images, "images_of_claim")
    else:
        cluster = _cluster_sentence(tree, kinds)
    sentences = (cluster, _kappa_sentence(kappas), _undefined_sentence(matrix), *notes)
    shown = kappas.drop(columns="dataset").rename(
        columns={"kind_1": "between", "kind_2": "and", "n_pairs": "pairs", "kappa": "mean kappa"}
    )
    caption = (
        "Mean κ between kinds of observers, averaged over conditions within a pair and then over pairs. "
        f"{as_sentence(RULES[bootstrap.rule])}{bootstrap.mean_kappa_caption('; they do not describe other observers')}"
    )
    figure = write_consistency_figure(inputs.out, inputs.anchor, matrix, kinds, tree, inputs.pairs, inputs.contingency)
    tables = (table_of(shown, caption, (("mean kappa", "low", "high"),)),)
    return Part(title, anchor, tuple(sentence for sentence in sentences if sentence), (figure,), tables)


def _cluster_sentence(tree: Clustering, kinds: Mapping[str, str]) -> str:
    """Return a sentence that says whether the people form a cluster of their own."""
    people = [name for name in tree.order if kinds[name] == "human"]
    n_others = len(tree.order) - len(people)
    unknown = "so the report cannot show whether people form a cluster of their own."
    if not people:
        return f"There are no people among these observers, {unknown}"
    if len(people) == 1:
        return f"There is only one person among these observers, {unknown}"
    if not n_others:
        return f"All of these observers are people, {unknown}"
    _, others = smallest_cluster_containing(tree, people)
    if not others:
        excluded = "the one other observer is not" if n_others == 1 else f"none of the {n_others} other observers is"
        return f"The {len(people)} people form one cluster, and {excluded} in it."
    names = ", ".join(style.display_name(name, kinds[name]) for name in others)
    if len(others) > MAX_NAMES:
        n = f"all {n_others}" if len(others) == n_others else f"{len(others)} of the {n_others}"
        names = f"{n} other observers"
    return (
        f"The {len(people)} people do not form a cluster of their own: the smallest cluster that contains all of them "
        f"also contains {names}."
    )


def _kappa_sentence(kappas: pd.DataFrame) -> str:
    """Return a sentence with the mean κ among people, and with that between people and each other kind of observer.

    Return "" if there are no people.
    """
    with_people = kappas.loc[kappas["kind_1"] == "human", ["kind_2", "n_pairs", "kappa", "low", "high"]]
    parts = [
        f"{format_value(kappa)}{f' {interval}' if (interval := format_interval(low, high)) else ''} "
        f"{'among people' if kind == 'human' else f'between people and {kind} observers'} ({count(n_pairs, 'pair')})"
        for kind, n_pairs, kappa, low, high in with_people.to_numpy(object)
    ]
    return f"Mean κ is {', '.join(parts)}." if parts else ""


def _undefined_sentence(matrix: pd.DataFrame) -> str:
    n = int(matrix.isna().to_numpy().sum()) // 2
    return f"κ is undefined for {count(n, 'pair')} and counts as 0 in the clustering." if n else ""


def write_consistency_figure(
    out: Path, anchor: str, matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering, pairs: pd.DataFrame,
    contingency: pd.DataFrame,
) -> ReportFigure:  # fmt: skip
    """Write the matrix of error consistency."""
    order = list(tree.order)
    data = matrix.loc[order, order].rename_axis("observer").reset_index(allow_duplicates=True)
    dataset = str(pairs["dataset"].iloc[0])
    condition = "condition that the benchmark includes" if dataset in DATASETS else "condition"
    people = ", with people shown individually" if "human" in kinds.values() else ""
    has_intervals = pairs["low"].notna().any()
    intervals = "The 95 % intervals of all pairs and conditions (score intervals) are in tables/consistency.csv."
    minus = ", and a minus sign marks values below 0"
    if len(order) > style.MAX_SHOWN:
        minus = (
            ", and the strip at the left side shows the kind of each observer; the CSV file has the names in this order"
        )
    caption = (
        f"Error consistency (κ) of all pairs of n = {len(order)} observers{people}, over "
        f"{format_range(select_benchmark_conditions(pairs, dataset)['n'])} images per {condition}. "
        "κ is computed for each condition and then averaged. Observers are ordered by average-linkage clustering on 1 − κ, "
        f"and the tree is shown at the side. Gray cells are undefined{minus}. "
        f"{intervals if has_intervals else 'No intervals were computed.'}"
    )
    alt = f"Matrix of error consistency between {len(order)} observers"
    arguments = dataset, anchor, matrix, kinds, tree, pairs, contingency
    if len(order) > style.MAX_SHOWN:
        plot = "large-matrix", write_large_matrix(out, *arguments)
    else:
        plot, alt = ("matrix", matrix_data(*arguments)), f"{alt} in the order {', '.join(order)}"
    return write_figure(
        out, f"consistency_{anchor}", lambda: draw_consistency(matrix, kinds, tree, Figure()), data, alt, caption, plot
    )


SECTIONS: dict[str, Section] = {"consistency": consistency_section}
