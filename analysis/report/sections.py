"""The sections of one dataset.

SECTIONS has the functions for the trials whose image has a correct response, and ILLUSION_SECTIONS has the functions
for all trials. A section function takes the `SectionInputs` of a dataset and returns a `Part` with sentences, figures,
tables and the data to write as CSV, or None if the section does not apply to the dataset (for example shape bias
without cue conflicts). A section that applies but cannot be computed returns a `Part` with a sentence that gives the
reason. To add a section, write such a function and add it to SECTIONS.
"""

from collections.abc import Callable, Mapping

import pandas as pd

from analysis.figures import style
from analysis.io.tables import format_value
from analysis.kappa.clustering import Clustering, cluster_observers, smallest_cluster_containing
from analysis.kappa.consistency import RULES, kappa_matrix
from analysis.kappa.pairs import kappa_by_kind
from analysis.measures.shape_bias import describe_people, overall_shape_bias
from analysis.report.agreement_sections import ceiling_section, clusters_section, contrasts_section, mistakes_section
from analysis.report.figures import accuracy_figure, consistency_figure, shape_bias_figure
from analysis.report.illusion_sections import illusions_section
from analysis.report.parts import MAX_NAMES, Part, Table, TableCell, as_sentence, count, list_of, table_of
from analysis.report.response_sections import responses_section, thresholds_section
from analysis.report.section_inputs import SectionInputs
from stimuli.published.datasets import DATASETS

ALL_EXCLUDED = "The benchmark excludes all conditions of these data; their κ values are in tables/consistency.csv."
NO_PAIR = (
    "Error consistency compares observers that responded to the same images in the same condition; these logs do "
    "not contain two such observers."
)
NO_CONFLICT = "Shape bias cannot be computed, because shape and texture do not differ in any image."


def shape_bias_section(inputs: SectionInputs) -> Part | None:
    """Show the shape bias. Return None if the images are not labeled with shape and texture cues."""
    title, anchor = "Shape bias", f"shape-bias-{inputs.anchor}"
    if inputs.shape_bias is None:
        has_cues = {"shape", "texture"} <= set(inputs.trials.columns) and (inputs.trials["shape"] != "").any()
        return Part(title, anchor, (NO_CONFLICT,)) if has_cues else None
    people = describe_people(inputs.trials)
    table = overall_shape_bias(inputs.shape_bias)
    columns = {
        "observer": "observer", "kind": "kind", "n_conflict": "images", "n_shape": "shape", "n_texture": "texture",
        "shape_bias": "shape bias", "low": "low", "high": "high", "shape_rate": "shape rate",
        "texture_rate": "texture rate", "cue_rate": "either rate",
    }  # fmt: skip
    caption = (
        "Shape bias over all images whose shape and texture differ, with 95 % Wilson intervals. The rates are "
        "proportions of these images; “either rate” counts responses with the shape or the texture."
    )
    shown = table[list(columns)].rename(columns=columns)
    return Part(
        title,
        anchor,
        (as_sentence(people),) if people else (),
        (shape_bias_figure(inputs.out, inputs.anchor, inputs.trials, inputs.shape_bias),),
        (table_of(shown, caption, (("shape bias", "low", "high"),)),),
        {"shape-bias": inputs.shape_bias},
    )


def consistency_section(inputs: SectionInputs) -> Part:
    """Show the matrix of error consistency, the mean κ between kinds, and whether people form a cluster."""
    title, anchor = "Error consistency", f"error-consistency-{inputs.anchor}"
    matrix = kappa_matrix(inputs.pairs, inputs.dataset)
    if len(matrix) < 2:
        return Part(title, anchor, (ALL_EXCLUDED if inputs.pairs["n"].any() else NO_PAIR,))
    kinds, bootstrap, tree = inputs.kinds, inputs.bootstrap, cluster_observers(matrix)
    kappas = kappa_by_kind(inputs.benchmark_trials, **bootstrap.options)
    sentences = (_cluster_sentence(tree, kinds), _kappa_sentence(kappas), _undefined_sentence(matrix))
    shown = kappas.drop(columns="dataset").rename(
        columns={"kind_1": "between", "kind_2": "and", "n_pairs": "pairs", "kappa": "mean kappa"}
    )
    caption = (
        "Mean κ between kinds of observers, averaged over conditions within a pair and then over pairs. "
        f"{as_sentence(RULES['undefined-is-nan'])}{bootstrap.caption('; observers are not resampled')}"
    )
    figure = consistency_figure(
        inputs.out, inputs.anchor, matrix, kinds, tree, inputs.pairs, inputs.contingency, bootstrap.description
    )
    tables = (table_of(shown, caption, (("mean kappa", "low", "high"),)),)
    return Part(title, anchor, tuple(sentence for sentence in sentences if sentence), (figure,), tables)


def accuracy_section(inputs: SectionInputs) -> Part:
    """Show the accuracy, and name the observers that gave no response."""
    responding = set(inputs.trials.loc[inputs.trials["response"] != "", "observer"])
    silent = [name for name in inputs.trials["observer"].unique() if name not in responding]
    sentences = (f"These observers gave no response to any image: {list_of(silent)}.",) if silent else ()
    figure = accuracy_figure(inputs.out, inputs.anchor, inputs.trials, inputs.accuracies)
    tables = (_accuracy_table(inputs.accuracies, inputs.dataset),)
    return Part("Accuracy", f"accuracy-{inputs.anchor}", sentences, (figure,), tables)


ILLUSION_SECTIONS: Mapping[str, Callable[[SectionInputs], Part | None]] = {"illusion": illusions_section}
SECTIONS: Mapping[str, Callable[[SectionInputs], Part | None]] = {
    "shape-bias": shape_bias_section,
    "consistency": consistency_section,
    "noise ceiling": ceiling_section,
    "kinds": contrasts_section,
    "clusters": clusters_section,
    "mistakes": mistakes_section,
    "accuracy": accuracy_section,
    "thresholds": thresholds_section,
    "responses": responses_section,
}


def _accuracy_table(table: pd.DataFrame, dataset: str) -> Table:
    """Return a table with one row for each observer and one column for each condition; * marks excluded conditions."""
    conditions = list(dict.fromkeys(table["condition"]))
    rows = []
    for (observer, kind), part in table.groupby(["observer", "kind"], sort=False):
        columns = (part[name].tolist() for name in ("condition", "accuracy", "low", "high"))
        cells = {condition: TableCell(*values) for condition, *values in zip(*columns, strict=True)}
        first_cells = (TableCell(str(observer)), TableCell(str(kind)), TableCell(int(part["n"].sum())))
        rows.append((*first_cells, *(cells.get(c, TableCell(float("nan"))) for c in conditions)))
    published = DATASETS.get(dataset)
    excluded = set(conditions) - set(published.included()) if published else set()
    labels = [(published.label(c) if published else c) or "accuracy" for c in conditions]
    marked_labels = (label + "*" * (c in excluded) for c, label in zip(conditions, labels, strict=True))
    caption = "Accuracy with 95 % Wilson intervals; n is the number of trials."
    if excluded:
        caption += " The benchmark and the κ values of this report exclude conditions marked with *."
    return Table(caption, ("observer", "kind", "n", *marked_labels), tuple(rows))


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
    with_people = kappas.loc[kappas["kind_1"] == "human", ["kind_2", "n_pairs", "kappa"]]
    parts = [
        f"{format_value(kappa)} {'among people' if kind == 'human' else f'between people and {kind} observers'} "
        f"({count(n_pairs, 'pair')})"
        for kind, n_pairs, kappa in with_people.to_numpy(object)
    ]
    return f"Mean κ is {', '.join(parts)}." if parts else ""


def _undefined_sentence(matrix: pd.DataFrame) -> str:
    n = int(matrix.isna().to_numpy().sum()) // 2
    return f"κ is undefined for {count(n, 'pair')} and counts as 0 in the clustering." if n else ""
