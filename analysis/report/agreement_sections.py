"""Sections on who errs like whom: the ceiling that people set, kinds compared, clusters and their support, a map."""

from matplotlib.figure import Figure

from analysis.branches import ResampledTrees, agreement_with_kinds, among_people, branches, groups_of, grow, sentences
from analysis.ceiling import MAJORITY, noise_ceiling
from analysis.contrasts import PEOPLE, contrasts
from analysis.embedding import embed
from analysis.error_patterns import error_patterns
from analysis.figures.scatter import draw_points
from analysis.psychometric import n_choices
from analysis.report.figures import picture
from analysis.report.parts import Part, ReportFigure, count, list_of, table_of
from analysis.report.section_inputs import SectionInputs
from analysis.tables import cell, probability

MAX_SENTENCES = 4
MAX_ROWS = 120  # of pairs on the page; all are in the CSV


def ceiling_section(m: SectionInputs) -> Part | None:
    """How near everyone comes to people, as near as a further person would; None where nobody could be compared."""
    if not len(m.counted) or not (m.counted["kind"] == "human").any():
        return None
    title, anchor = "Noise ceiling", f"noise-ceiling-{m.anchor}"
    table = noise_ceiling(m.counted, **m.bootstrap.options)
    n_people = int(m.counted.loc[m.counted["kind"] == "human", "observer"].nunique())
    if n_people < 2:
        return Part(
            title, anchor, ("One person sets no ceiling: that is what people have in common with one another.",)
        )
    top = table.iloc[0]
    said = [
        f"Each of the {n_people} people, left out in turn, has a mean kappa of {cell(top.ceiling)}"
        f"{_interval(top.ceiling_low, top.ceiling_high)} with the others: as consistent with people as a further person "
        "would be. A share of 1 is that."
    ]
    others = table[(table["kind"] != "human") & table["share"].notna()]
    if len(others):
        best = others.sort_values("share", kind="stable").iloc[-1]
        reach = f"{cell(best.kappa)}, {100 * best['share']:.0f} % of the ceiling"
        said.append(f"Of the other observers {best.observer} ({best.kind}) comes nearest, with {reach}.")
    shown = table.drop(columns=["dataset", "ceiling", "ceiling_low", "ceiling_high"])
    caption = (
        "Mean kappa with people: over conditions, then over the people, of a person over the others. "
        f"“{MAJORITY}”: that of the others' majority with the person left out, which errs less by chance than one person."
        f"{m.bootstrap.caption()}"
    )
    intervals = (("kappa", "low", "high"), ("share", "share_low", "share_high"))
    return Part(title, anchor, tuple(said), (), (table_of(shown, caption, intervals),), {"noise-ceiling": table})


def contrasts_section(m: SectionInputs) -> Part | None:
    """None where all observers are of one kind."""
    if m.counted["kind"].nunique() < 2:
        return None
    table = contrasts(m.counted, **m.bootstrap.options)
    said = [
        f"Mean kappa with people is {cell(row['kappa_1'])} for {row['kind_1']} and {cell(row['kappa_2'])} for "
        f"{row['kind_2']} observers: a difference of {cell(row['difference'])}{_interval(row['low'], row['high'])}, "
        f"{probability(row['p'])}."
        for row in table[(table["contrast"] == PEOPLE) & table["difference"].notna()].to_dict("records")
    ]
    shown = table.drop(columns="dataset").rename(columns={"kind_1": "between", "kind_2": "and"})
    shown = shown.assign(p=shown["p"].map(_four), smallest_p=shown["smallest_p"].map(_four))
    caption = (
        "Within - between: the mean kappa over pairs of the same kind less that over pairs of one of each. With people: "
        "that of the first kind with people less that of the second. p: permutation of the kinds over the observers, "
        f"which with so many cannot be below the smallest p.{m.bootstrap.caption('; observers as they are')}"
    )
    parts = (table_of(shown, caption, (("difference", "low", "high"),)),)
    return Part("Kinds compared", f"kinds-{m.anchor}", tuple(said), (), parts, {"contrasts": table})


def clusters_section(m: SectionInputs) -> Part | None:
    """None for fewer than three observers, who have but one tree."""
    if m.counted["observer"].nunique() < 3:
        return None
    grown = grow(m.counted, **m.bootstrap.options)
    tree, among = branches(grown), among_people(m.counted, grown, **m.bootstrap.options)
    index, p = agreement_with_kinds(groups_of(grown), seed=m.bootstrap.seed)
    said = []
    if len(among):
        inside = list(among.loc[among["among_people"] == True, "observer"])  # noqa: E712 (may be None)
        said.append(
            f"Of {count(len(among), 'observer')} who {'is' if len(among) == 1 else 'are'} no person, "
            f"{f'{len(inside)} ({list_of(inside)})' if inside else 'none'} "
            f"fall{'s' if len(inside) < 2 else ''} among the people: as consistent with them as at least one person is "
            "with the others."
        )
        generative = among[among["kind"] == "generative"]
        said += [f"{sentence}." for sentence in sentences(generative.head(MAX_SENTENCES))]
    if index == index:
        n = len(set(grown.pairs.kinds))
        said.append(
            f"Cut into {n} groups, the tree agrees with the kinds by an adjusted Rand index of {cell(index)}, "
            f"{probability(p)}."
        )
    shown = tree.drop(columns="branch").assign(observers=[list_of(who.split(", ")) for who in tree["observers"]])
    caption = (
        "Branches of the tree, from the lowest on: height in 1 − kappa, n observers, and support, the share of trees on "
        f"resampled images that have a branch of exactly these ({m.bootstrap.said or 'not computed'})."
    )
    data = {"branches": tree} | ({"among-people": among} if len(among) else {})
    return Part("Clusters", f"clusters-{m.anchor}", tuple(said), (_map(m, grown),), (table_of(shown, caption),), data)


def _map(m: SectionInputs, grown: ResampledTrees) -> ReportFigure:
    points, share = embed(grown.pairs.matrix())
    points.insert(1, "kind", grown.pairs.kinds)
    held = "Nobody is apart from anybody" if share != share else f"It holds {100 * share:.0f} % of the distances"
    caption = (
        f"A map of n = {len(points)} observers by classical scaling of 1 − kappa: those near one another err on the same "
        f"images. {held}."
    )

    def draw() -> Figure:
        figure = Figure(figsize=(4.0, 3.2))
        draw_points(points, figure.add_subplot(), x_label="First dimension", y_label="Second dimension", is_map=True)
        return figure

    alt = f"Map of {len(points)} observers in two dimensions, by error consistency"
    return picture(m.out, f"map_{m.anchor}", draw, points, alt, caption)


def mistakes_section(m: SectionInputs) -> Part | None:
    """Do two who both err give the same wrong answer; None where nobody could be compared, or there is but one wrong one."""
    if m.counted["observer"].nunique() < 2 or n_choices(m.counted) < 3:
        return None
    table = error_patterns(m.counted, **m.bootstrap.options)
    title, anchor = "Same mistakes", f"mistakes-{m.anchor}"
    known = table.dropna(subset="agreement")
    said = "No two observers gave a wrong answer to the same image."
    if len(known):
        most = known.sort_values("agreement", kind="stable").iloc[-1]
        said = (
            "Where two observers are both wrong, do they give the same wrong answer? Agreement beyond chance is greatest "
            f"between {most.observer_1} and {most.observer_2}: {cell(most.agreement)}, over {most.n_both_wrong} images."
        )
    caption = (
        "Misclassification agreement (kappa over the wrong answers to images that both got wrong) and class-level error "
        f"similarity (Xu et al. 2024), conditions together.{m.bootstrap.caption()}"
    )
    shown = table.drop(columns=["dataset", "condition"])
    tables = (table_of(shown, caption, (("agreement", "low", "high"),)),) if len(shown) <= MAX_ROWS else ()
    more = () if tables else (f"All {len(shown)} pairs are in tables/mistakes.csv.",)
    return Part(title, anchor, (said, *more), (), tables, {"mistakes": table})


def _interval(low: float, high: float) -> str:
    return f" [{cell(low)}, {cell(high)}]" if low == low else ""


def _four(p: float) -> str:
    return "–" if p != p else f"{p:.4f}"
