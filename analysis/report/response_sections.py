"""Sections on what is answered, and how much of a distortion is borne."""

import pandas as pd

from analysis.confusion import confusion, frequent_errors, response_entropy
from analysis.illusions.kinds import illusion_kind
from analysis.psychometric import thresholds
from analysis.report.parts import Part, count, table_of
from analysis.report.section_inputs import SectionInputs
from analysis.tables import cell
from stimuli.errors import LogError
from stimuli.level_scales import numeric_level


def answers_section(m: SectionInputs) -> Part:
    """How evenly everyone uses the answers, and the error that each makes most often."""
    table, evenness = confusion(m.trials), response_entropy(m.trials, **m.bootstrap.options)
    worst = frequent_errors(table, 1).set_index("observer")
    said = {name: f"{row.category} → {row.response}, {row.n} of {row.n_shown}" for name, row in worst.iterrows()}
    shown = evenness[["observer", "kind", "n", "n_no_answer", "entropy", "low", "high"]].copy()
    shown["most frequent error"] = [said.get(name, "none") for name in shown["observer"]]
    highest = evenness["highest"].iloc[0]
    caption = (
        f"Entropy of the answers given, in bits: from 0, always the same, to {cell(float(highest))}, all alike. The most "
        f"frequent error is category → response, and how many of the category's images got it.{m.bootstrap.caption()}"
    )
    return Part(
        "Answers", f"answers-{m.anchor}", (), (), (table_of(shown, caption, (("entropy", "low", "high"),)),),
        {"confusion": table, "entropy": evenness},
    )  # fmt: skip


def thresholds_section(m: SectionInputs) -> Part | None:
    """Where conditions are levels of a distortion, not of an illusion, which has a section of its own."""
    levels = {numeric_level(m.dataset, c) for c in m.trials["condition"].unique()} - {None}
    if len(levels) < 2 or illusion_kind(m.asked) is not None:
        return None
    title, anchor = "Thresholds", f"thresholds-{m.anchor}"
    try:
        table = thresholds(m.trials)
    except LogError as error:
        return Part(title, anchor, (f"No thresholds: {error}.",))
    n = int(table["threshold"].notna().sum())
    said = f"{count(n, 'observer')} of {len(table)} {'has' if n == 1 else 'have'} a threshold within the levels shown."
    names = ("observer", "kind", "threshold", "low", "high", "accuracy_at_threshold", "width", "lapse_rate", "reason")
    shown = pd.DataFrame({name: table[name] for name in names}).rename(columns={"reason": "why there is none"})
    scale = table["scale"].iloc[0]
    caption = (
        "The level at which accuracy is halfway between guess rate and 1 − lapse rate, of a logistic function of the level "
        f"({'log10' if scale == 'log10' else 'linear'} scale) with greatest binomial likelihood, guess rate "
        f"1/{round(1 / table['guess_rate'].iloc[0])}; width: from 5 to 95 % of the way, on that scale. Intervals: profile "
        "likelihood, 95 %, open where an end lies outside the levels."
    )
    return Part(
        title, anchor, (said,), (), (table_of(shown, caption, (("threshold", "low", "high"),)),), {"thresholds": table}
    )
