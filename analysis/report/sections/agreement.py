"""Sections on agreement between observers: noise ceiling, comparison of kinds, clusters, and same mistakes."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.scatter import draw_map
from analysis.io.choices import n_choices
from analysis.io.number_format import format_number, format_p, format_p_value, format_value
from analysis.kappa.branches import (
    ResampledTrees,
    agreement_with_kinds,
    branch_support,
    cluster_resamples,
    human_range,
    human_range_sentences,
    observer_groups,
    smallest_p,
)
from analysis.kappa.ceiling import MAJORITY, OF_DATASET, ceiling_table
from analysis.kappa.contrasts import PEOPLE, WITHIN, contrast_kinds
from analysis.kappa.embedding import map_observers
from analysis.kappa.error_patterns import error_patterns
from analysis.measures.minimums import MINIMUMS, describe_missing, minimum
from analysis.report.sections.figures import write_figure
from analysis.report.sections.parts import Part, ReportFigure, as_sentence, list_of, table_of
from analysis.report.sections.section_inputs import Section, SectionInputs

MAX_SENTENCES = 4  # largest number of generative observers that are described one by one
MAX_ROWS = 120  # largest number of pairs in a table on the page; the CSV file has all pairs
MAX_PAIRS = (
    20_000  # with more pairs, the intervals of the agreement between mistakes would take most of the time of a report
)


def ceiling_section(inputs: SectionInputs) -> Part | None:
    """Compare observers with the noise ceiling, the consistency of one person with the other people.

    Return None if no trials are in conditions that the benchmark includes, or if none of these trials are of people.
    """
    trials = inputs.benchmark_trials
    if not len(trials) or not (trials["kind"] == "human").any():
        return None
    title, anchor = "Noise ceiling", f"noise-ceiling-{inputs.anchor}"
    table = ceiling_table(inputs.comparisons, **inputs.bootstrap.options)
    n_people = int(trials.loc[trials["kind"] == "human", "observer"].nunique())
    if n_people < 2:
        reason = "A noise ceiling needs at least two people, because it is the consistency of people with each other."
        return Part(title, anchor, (reason,))
    top = table.iloc[0]
    paragraphs = [
        f"Each of the {n_people} people in turn is compared with the others; the mean κ is "
        f"{format_value(top.ceiling)}{_interval(top.ceiling_low, top.ceiling_high)}. This noise ceiling is the consistency "
        "that one more person would have with people. An observer with a share of 1 reaches the ceiling. The highest κ with "
        f"people is between the lower bound {format_value(top.lower_bound)}"
        f"{_interval(top.lower_bound_low, top.lower_bound_high)} and the upper bound {format_value(top.upper_bound)}"
        f"{_interval(top.upper_bound_low, top.upper_bound_high)} (Nili et al. 2014)."
    ]
    others = table[(table["kind"] != "human") & table["share"].notna()]
    if len(others):
        best = others.sort_values("share", kind="stable").iloc[-1]
        n_near = int((others["high"] >= best.low).sum()) - 1
        overlap = f"intervals of {n_near} others overlap" if n_near > 1 else "interval of one other observer overlaps"
        near = f" The {overlap} with this interval." if n_near > 0 else ""
        paragraphs.append(
            f"Of the other observers, {best.observer} ({best.kind}) has the highest share of the ceiling, with κ = "
            f"{format_value(best.kappa)}{_interval(best.low, best.high)}, which is "
            f"{format_number(100 * best['share'], 0)} % of the ceiling{_percent_interval(best)}.{near}"
        )
    shown = table.drop(columns=["dataset", *(f"{name}{end}" for name in OF_DATASET for end in ("", "_low", "_high"))])
    share = f"; those of the share come from a {inputs.bootstrap.description}"
    caption = (
        "Mean κ with people, averaged over conditions and then over people; a person is compared with the other "
        f"people. The row “{MAJORITY}” compares each person with the majority response of the other people, which "
        f"contains fewer random errors than the responses of one person.{inputs.bootstrap.mean_kappa_caption(share)}"
    )
    intervals = (("kappa", "low", "high"), ("share", "share_low", "share_high"))
    paragraphs += map(as_sentence, table.attrs["notes"])
    tables = (table_of(shown, caption, intervals, "noise-ceiling"),)
    return Part(title, anchor, tuple(paragraphs), (), tables, {"noise-ceiling": table})


def contrasts_section(inputs: SectionInputs) -> Part | None:
    """Compare kinds of observers: agreement with people and within kinds. Return None if there is only one kind."""
    if inputs.benchmark_trials["kind"].nunique() < 2:
        return None
    table = contrast_kinds(inputs.kappas, seed=inputs.bootstrap.seed)
    is_large = inputs.n_common_images >= minimum("images_of_claim")
    is_tested = is_large & (table["smallest_p"] <= MINIMUMS["smallest_p"].n)
    tested = table.assign(is_tested=is_tested)
    with_people = tested[(table["contrast"] == PEOPLE) & table["difference"].notna()]
    paragraphs = [_describe_contrast(row) for row in with_people.to_dict("records")]
    if not is_large:
        paragraphs.append(describe_missing("The p values are not shown", inputs.n_common_images, "images_of_claim"))
    elif not is_tested.all():
        paragraphs.append(
            "A p value is not shown where even the smallest one that the test can reach with so few observers is above "
            f"{format_p(MINIMUMS['smallest_p'].n)}."
        )
    paragraphs += map(as_sentence, table.attrs["notes"])
    shown = table.drop(columns="dataset").rename(columns={"kind_1": "between", "kind_2": "and"})
    shown["p"] = shown["p"].where(is_tested)
    caption = (
        f"“{WITHIN}” is the mean κ over pairs of observers of the same kind minus the mean κ over pairs of different "
        f"kinds. “{PEOPLE}” is the mean κ of the first kind with people minus that of the second kind. The p value "
        "comes from permuting the kinds over the observers; with this number of observers it cannot be below "
        f"“smallest p”.{inputs.bootstrap.mean_kappa_caption('; they do not describe other observers')}"
    )
    tables = (table_of(shown, caption, (("difference", "low", "high"),)),)
    return Part("Kinds compared", f"kinds-{inputs.anchor}", tuple(paragraphs), (), tables, {"contrasts": table})


def _describe_contrast(row: Mapping[Hashable, Any]) -> str:
    """Return a sentence about the difference between two kinds of observers, with its p value if it is tested."""
    p = f", {format_p_value(row['p'])}" if row["is_tested"] else ""
    difference = f"{format_value(row['difference'])}{_interval(row['low'], row['high'])}"
    return (
        f"Mean κ with people is {format_value(row['kappa_1'])} for {row['kind_1']} and {format_value(row['kappa_2'])} for "
        f"{row['kind_2']} observers, a difference of {difference}{p}."
    )


def clusters_section(inputs: SectionInputs) -> Part | None:
    """Show a map and the branch support of the cluster tree. Return None if there are fewer than three observers."""
    if inputs.benchmark_trials["observer"].nunique() < 3:
        return None
    title, anchor = "Clusters", f"clusters-{inputs.anchor}"
    if inputs.n_common_images < minimum("images_of_claim"):
        claim = "Clusters, their support and the map of observers are not shown"
        return Part(title, anchor, (describe_missing(claim, inputs.n_common_images, "images_of_claim"),))
    trees = cluster_resamples(inputs.kappas[0])
    tree, among = branch_support(trees), human_range(inputs.comparisons, trees)
    index, p = agreement_with_kinds(observer_groups(trees), seed=inputs.bootstrap.seed)
    paragraphs = []
    if len(among):
        paragraphs.append(human_range_summary(among))
        generative = among[among["kind"] == "generative"]
        paragraphs += [f"{sentence}." for sentence in human_range_sentences(generative.head(MAX_SENTENCES))]
        paragraphs += map(as_sentence, among.attrs["notes"])
    if index == index:
        n, smallest = len(set(trees.pairs.kinds)), smallest_p(observer_groups(trees))
        paragraphs.append(
            f"When the tree is cut into {n} clusters, as many as there are kinds, the clusters agree with the kinds "
            f"with an adjusted Rand index of {format_value(index)}, {format_p_value(p)}."
            if smallest <= MINIMUMS["smallest_p"].n
            else f"The agreement between clusters and kinds is not tested: with {len(trees.pairs.names)} observers, the "
            f"smallest p value that the test can reach is {format_p(smallest)}, which is above "
            f"{format_p(MINIMUMS['smallest_p'].n)}."
        )
    names = [list_of(names.split(", ")) for names in tree["observers"]]
    shown = tree.drop(columns="branch").assign(observers=names)
    caption = (
        "Branches of the tree from the lowest to the highest, with their height in 1 − κ, their number of observers, "
        "and their support, which is the share of trees on resampled images that have a branch with exactly the same "
        f"observers ({inputs.bootstrap.description or 'not computed'})."
    )
    data = {"branches": tree} | ({"among-people": among} if len(among) else {})
    figures, tables = (_map_figure(inputs, trees),), (table_of(shown, caption, csv="branches"),)
    return Part(title, anchor, tuple(paragraphs), figures, tables, data)


def human_range_summary(among: pd.DataFrame) -> str:
    """Return a sentence that compares the observers with the person who agrees least with the other people.

    It tells how many observers agree with people at least as well as that person does.
    """
    has_verdict = among["among_people"].map(lambda value: value is not None)
    if not has_verdict.all():
        without = (
            f"{list_of(list(among.loc[~has_verdict, 'observer']))} cannot be compared with people, because κ with people is "
            "undefined or necessarily 0: one of two observers is always right or always wrong."
        )
        return without if not has_verdict.any() else f"{human_range_summary(among[has_verdict])} {without}"
    inside = list(among.loc[among["among_people"] == True, "observer"])  # noqa: E712 (the dtype is object)
    if len(among) == 1:
        verb = "agrees" if inside else "does not agree"
        degree = "at least as well" if inside else "as well"
        return f"The one other observer {verb} with people {degree} as the least consistent person does."
    if not inside:
        return (
            f"None of the {len(among)} other observers agrees with people as well as the least consistent person does."
        )
    if len(inside) == len(among):
        return (
            f"All {len(among)} other observers agree with people at least as well as the least consistent person does."
        )
    verb = "agrees" if len(inside) == 1 else "agree"
    return (
        f"{len(inside)} of the {len(among)} other observers ({list_of(inside)}) {verb} with people at least as well "
        "as the least consistent person does."
    )


def _map_figure(inputs: SectionInputs, trees: ResampledTrees) -> ReportFigure:
    points, share = map_observers(trees.pairs.matrix())
    points.insert(1, "kind", trees.pairs.kinds)
    quality = "All pairwise distances are zero."
    if share == share:
        quality = f"Two dimensions capture {100 * share:.0f} % of the distances."
    caption = (
        f"Map of n = {len(points)} observers by classical multidimensional scaling of 1 − κ. Observers that are close "
        f"to each other make errors on the same images. {quality}"
    )

    def draw() -> Figure:
        return draw_map(points, Figure())

    alt = f"Map of {len(points)} observers in two dimensions by error consistency"
    return write_figure(inputs.out, f"map_{inputs.anchor}", draw, points, alt, caption)


def mistakes_section(inputs: SectionInputs) -> Part | None:
    """Show whether two observers that are both wrong give the same wrong response.

    Return None if there are fewer than two observers, or fewer than three choices (and thus only one wrong response).
    """
    trials = inputs.benchmark_trials
    if trials["observer"].nunique() < 2 or n_choices(trials) < 3:
        return None
    n_observers = trials["observer"].nunique()
    has_intervals = n_observers * (n_observers - 1) // 2 <= MAX_PAIRS
    table = error_patterns(trials, intervals=has_intervals, **inputs.bootstrap.options)
    title, anchor = "Same mistakes", f"mistakes-{inputs.anchor}"
    result = _describe_mistakes(table)
    caption = (
        "Agreement is the misclassification agreement, κ over the wrong responses to images that both observers got "
        "wrong. Similarity is the class-level error similarity. Both follow Xu et al. (2024) and combine all "
        f"conditions.{inputs.bootstrap.caption()}"
    )
    shown = table.drop(columns=["dataset", "condition"])
    tables = (table_of(shown, caption, (("agreement", "low", "high"),)),) if len(shown) <= MAX_ROWS else ()
    reference: tuple[str, ...] = () if tables else (f"All {len(shown):,} pairs are in tables/mistakes.csv.",)
    if inputs.bootstrap.n_resamples and not has_intervals:
        reference += ("Their intervals are not computed here; `observers analyze errors` computes them.",)
    return Part(title, anchor, (result, *reference), (), tables, {"mistakes": table})


def _describe_mistakes(table: pd.DataFrame) -> str:
    """Return a sentence about the pair of observers with the highest agreement of wrong responses, with its interval."""
    defined = table.dropna(subset="agreement")
    if defined.empty:
        return "No two observers gave a wrong response to the same image."
    large = defined[defined["n_both_wrong"] >= minimum("errors_in_common")]
    if large.empty:
        n = int(defined["n_both_wrong"].max())
        return describe_missing("The pair with the highest agreement is not named", n, "errors_in_common")
    highest = large.sort_values("agreement", kind="stable").iloc[-1]
    n_near = int((large["high"] >= highest.low).sum()) - 1
    overlap = f"intervals of {n_near:,} other pairs overlap" if n_near > 1 else "interval of one other pair overlaps"
    near = f"; the {overlap} with this interval" if n_near > 0 else ""
    pairs = f"the {len(large):,} pairs" if len(large) > 1 else "the one pair"
    return (
        "When two observers are both wrong, do they give the same wrong response? Among "
        f"{pairs} with at least {minimum('errors_in_common')} such images, the agreement beyond chance is highest between "
        f"{highest.observer_1} and {highest.observer_2}: {format_value(highest.agreement)}"
        f"{_interval(highest.low, highest.high)}, over {highest.n_both_wrong:,} images{near}."
    )


def _percent_interval(row: pd.Series) -> str:
    """Return the interval of a share of the ceiling in percent, such as " [80, 97]", or "" without an interval."""
    if row.share_low != row.share_low:
        return ""
    return f" [{format_number(100 * row.share_low, 0)}, {format_number(100 * row.share_high, 0)}]"


def _interval(low: float, high: float) -> str:
    return f" [{format_value(low)}, {format_value(high)}]" if low == low else ""


SECTIONS: dict[str, Section] = {
    "noise ceiling": ceiling_section,
    "kinds": contrasts_section,
    "clusters": clusters_section,
    "mistakes": mistakes_section,
}
