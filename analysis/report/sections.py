"""The sections of one dataset on the page: SECTIONS has a function a measure, from what is known of the dataset to a part.

A section that does not apply (no cue conflicts, say) is None; one that cannot be computed says why in a sentence.
"""

from collections.abc import Callable, Mapping

import pandas as pd

from analysis.clustering import Clustering, cluster, smallest_pure_cluster
from analysis.consistency import RULES, kappa_matrix
from analysis.figures import style
from analysis.pairs import between_kinds
from analysis.report.agreement_sections import ceiling_section, clusters_section, contrasts_section, mistakes_section
from analysis.report.figures import accuracy_picture, consistency_picture, shape_bias_picture
from analysis.report.illusion_sections import illusions_section
from analysis.report.parts import MAX_NAMES, Part, Table, TableCell, count, list_of, table_of
from analysis.report.response_sections import answers_section, thresholds_section
from analysis.report.section_inputs import SectionInputs
from analysis.shape_bias import overall, people_sentence
from analysis.tables import cell
from stimuli.datasets import DATASETS

LEFT_OUT = "Only conditions that do not count in the benchmark are here; their kappas are in tables/consistency.csv."
NO_MATRIX = "Error consistency compares observers who answered the same images in the same condition; here are no two."
NO_CONFLICT = "No shape bias: no image here has a shape and a texture that differ."


def shape_bias_section(m: SectionInputs) -> Part | None:
    """Where images have a shape and a texture; said where these never differ."""
    title, anchor = "Shape bias", f"shape-bias-{m.anchor}"
    if m.shape_bias is None:
        has_cues = {"shape", "texture"} <= set(m.trials.columns) and (m.trials["shape"] != "").any()
        return Part(title, anchor, (NO_CONFLICT,)) if has_cues else None
    people = people_sentence(m.trials)
    sentences = (f"{people[0].upper()}{people[1:]}.",) if people else ()
    table = overall(m.shape_bias)
    columns = {
        "observer": "observer", "kind": "kind", "n_conflict": "images", "n_shape": "shape", "n_texture": "texture",
        "shape_bias": "shape bias", "low": "low", "high": "high", "shape_rate": "shape rate",
        "texture_rate": "texture rate", "cue_rate": "either",
    }  # fmt: skip
    caption = (
        "Shape bias over all images whose shape and texture differ, with 95 % Wilson intervals. The rates are shares of all "
        "these images; what they leave was neither."
    )
    shown = table[list(columns)].rename(columns=columns)
    return Part(
        title, anchor, sentences, (shape_bias_picture(m.out, m.anchor, m.trials, m.shape_bias),),
        (table_of(shown, caption, (("shape bias", "low", "high"),)),), {"shape-bias": m.shape_bias},
    )  # fmt: skip


def consistency_section(m: SectionInputs) -> Part:
    title, anchor = "Error consistency", f"error-consistency-{m.anchor}"
    matrix = kappa_matrix(m.pairs, m.dataset)
    if len(matrix) < 2:
        return Part(title, anchor, (LEFT_OUT if m.pairs["n"].any() else NO_MATRIX,))
    kinds, kappas, tree = m.kinds, between_kinds(m.counted, **m.bootstrap.options), cluster(matrix)
    sentences = (_cluster_sentence(tree, kinds), _kappa_sentence(kappas), _undefined_sentence(matrix))
    said = kappas.drop(columns="dataset").rename(
        columns={"kind_1": "between", "kind_2": "and", "n_pairs": "pairs", "kappa": "mean kappa"}
    )
    caption = (
        "Mean kappa between kinds of observer: over conditions within a pair, then over pairs, by the "
        f"{RULES['undefined-is-nan']}.{m.bootstrap.caption('; observers as they are')}"
    )
    return Part(
        title, anchor, tuple(s for s in sentences if s),
        (consistency_picture(m.out, m.anchor, matrix, kinds, tree, m.pairs, m.counts, m.bootstrap.said),),
        (table_of(said, caption, (("mean kappa", "low", "high"),)),),
    )  # fmt: skip


def accuracy_section(m: SectionInputs) -> Part:
    """With a word on observers who never answered."""
    answered = set(m.trials.loc[m.trials["response"] != "", "observer"])
    who = [name for name in m.trials["observer"].unique() if name not in answered]
    sentences = (f"No answer was given by {list_of(who)}.",) if who else ()
    return Part(
        "Accuracy", f"accuracy-{m.anchor}", sentences, (accuracy_picture(m.out, m.anchor, m.trials, m.accuracies),),
        (_accuracies(m.accuracies, m.dataset),),
    )  # fmt: skip


ILLUSIONS: Mapping[str, Callable[[SectionInputs], Part | None]] = {"illusion": illusions_section}  # of all trials
SECTIONS: Mapping[str, Callable[[SectionInputs], Part | None]] = {  # of those that have a right answer
    "shape-bias": shape_bias_section,
    "consistency": consistency_section,
    "noise ceiling": ceiling_section,
    "kinds": contrasts_section,
    "clusters": clusters_section,
    "mistakes": mistakes_section,
    "accuracy": accuracy_section,
    "thresholds": thresholds_section,
    "answers": answers_section,
}


def _accuracies(table: pd.DataFrame, dataset: str) -> Table:
    """An observer a row and a condition a column, those marked that are left out of the benchmark."""
    conditions = list(dict.fromkeys(table["condition"]))
    rows = []
    for (observer, kind), part in table.groupby(["observer", "kind"], sort=False):
        columns = (part[name].tolist() for name in ("condition", "accuracy", "low", "high"))
        cells = {condition: TableCell(*values) for condition, *values in zip(*columns, strict=True)}
        who = (TableCell(str(observer)), TableCell(str(kind)), TableCell(int(part["n"].sum())))
        rows.append((*who, *(cells.get(c, TableCell(float("nan"))) for c in conditions)))
    published = DATASETS.get(dataset)
    left_out = set(conditions) - set(published.included()) if published else set()
    labels = [(published.label(c) if published else c) or "accuracy" for c in conditions]
    marked = (label + "*" * (c in left_out) for c, label in zip(conditions, labels, strict=True))
    caption = "Accuracy with 95 % Wilson intervals; n is the number of trials."
    if left_out:
        caption += " Conditions marked * are left out of the benchmark, and of kappa here."
    return Table(caption, ("observer", "kind", "n", *marked), tuple(rows))


def _cluster_sentence(tree: Clustering, kinds: Mapping[str, str]) -> str:
    """Do the people form one cluster?"""
    people = [name for name in tree.order if kinds[name] == "human"]
    n_others = len(tree.order) - len(people)
    if len(people) < 2 or not n_others:
        there = ("no person", "one person")[len(people)] if len(people) < 2 else "nobody but people"
        return f"There is {there} here, so whether people form a cluster of their own cannot be asked."
    _, others = smallest_pure_cluster(tree, people)
    if not others:
        return f"The {len(people)} people form one cluster, and none of the {n_others} other observers is in it."
    who = ", ".join(style.named(name, kinds[name]) for name in others)
    if len(others) > MAX_NAMES:
        who = f"{len(others)} of the {n_others} other observers"
    first = f"The {len(people)} people do not form a cluster of their own: "
    return f"{first}the smallest one with all of them also has {who}."


def _kappa_sentence(kappas: pd.DataFrame) -> str:
    """Mean kappa among people, and of people with every other kind; empty without people."""
    with_people = kappas.loc[kappas["kind_1"] == "human", ["kind_2", "n_pairs", "kappa"]]
    parts = [
        f"{'among people' if kind == 'human' else f'between people and {kind} observers'} {cell(kappa)} "
        f"({count(n_pairs, 'pair')})"
        for kind, n_pairs, kappa in with_people.to_numpy(object)
    ]
    return f"Mean kappa {', '.join(parts)}." if parts else ""


def _undefined_sentence(matrix: pd.DataFrame) -> str:
    n = int(matrix.isna().to_numpy().sum()) // 2
    return f"Kappa is undefined for {count(n, 'pair')}, and counts as 0 in the clustering." if n else ""
