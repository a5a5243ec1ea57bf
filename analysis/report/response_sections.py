"""Sections on responses and on thresholds of a distortion."""

import pandas as pd

from analysis.illusions.kinds import illusion_kind
from analysis.io.tables import format_value
from analysis.measures.confusion import confusion_table, frequent_errors, response_entropy
from analysis.measures.psychometric import thresholds
from analysis.report.parts import Part, count, table_of
from analysis.report.section_inputs import SectionInputs
from core.errors import LogError
from stimuli.published.level_scales import numeric_level


def responses_section(inputs: SectionInputs) -> Part:
    """Show the entropy of the responses of each observer, and its most frequent error."""
    table, entropies = confusion_table(inputs.trials), response_entropy(inputs.trials, **inputs.bootstrap.options)
    worst = frequent_errors(table, 1).set_index("observer")
    errors = {name: f"{row.category} → {row.response}, {row.n} of {row.n_shown}" for name, row in worst.iterrows()}
    shown = entropies[["observer", "kind", "n", "n_no_answer", "entropy", "low", "high"]]
    shown = shown.rename(columns={"n_no_answer": "n without response"})
    shown["most frequent error"] = [errors.get(name, "none") for name in shown["observer"]]
    highest = entropies["highest"].iloc[0]
    caption = (
        f"Entropy of the responses in bits: 0 if all responses are the same, {format_value(float(highest))} if all choices "
        "are equally frequent. The most frequent error is shown as category → response, with the number of images of "
        f"the category that received it.{inputs.bootstrap.caption()}"
    )
    tables = (table_of(shown, caption, (("entropy", "low", "high"),)),)
    data = {"confusion": table, "entropy": entropies}
    return Part("Responses", f"answers-{inputs.anchor}", (), (), tables, data)


def thresholds_section(inputs: SectionInputs) -> Part | None:
    """Show the thresholds of a distortion. Return None if the conditions are not levels or belong to an illusion."""
    levels = {numeric_level(inputs.dataset, c) for c in inputs.trials["condition"].unique()} - {None}
    if len(levels) < 2 or illusion_kind(inputs.all_trials) is not None:
        return None
    title, anchor = "Thresholds", f"thresholds-{inputs.anchor}"
    try:
        table = thresholds(inputs.trials)
    except LogError as error:
        return Part(title, anchor, (f"Thresholds cannot be computed: {error}.",))
    n = int(table["threshold"].notna().sum())
    result = (
        f"{n} of {count(len(table), 'observer')} {'has' if n == 1 else 'have'} a threshold within the levels shown."
    )
    names = ("observer", "kind", "threshold", "low", "high", "accuracy_at_threshold", "width", "lapse_rate", "reason")
    shown = pd.DataFrame({name: table[name] for name in names}).rename(columns={"reason": "reason if undefined"})
    scale = "log10" if table["scale"].iloc[0] == "log10" else "linear"
    caption = (
        "The threshold is the level at which accuracy is halfway between the guess rate "
        f"(1/{round(1 / table['guess_rate'].iloc[0])}) and 1 − lapse rate, for a logistic function of the level "
        f"({scale} scale) that is fitted by maximum likelihood. The width is the distance on that scale between 5 % "
        "and 95 % of the way from the guess rate to 1 − lapse rate. The 95 % intervals are profile-likelihood "
        "intervals; an end outside the levels shown is open."
    )
    tables = (table_of(shown, caption, (("threshold", "low", "high"),)),)
    return Part(title, anchor, (result,), (), tables, {"thresholds": table})
