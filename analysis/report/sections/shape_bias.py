"""The section on shape bias."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.shape_bias import arrange, draw_shape_bias_figure
from analysis.io.number_format import format_range
from analysis.measures.shape_bias import describe_people, overall_shape_bias, pooled_shape_bias
from analysis.measures.totals import ALL
from analysis.report.sections.figures import format_spread, write_figure
from analysis.report.sections.parts import Part, ReportFigure, as_sentence, count, table_of
from analysis.report.sections.plots import bias_data
from analysis.report.sections.section_inputs import Section, SectionInputs

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
        "texture_rate": "texture rate", "cue_rate": "cue rate",
    }  # fmt: skip
    caption = (
        "Shape bias over all images whose shape and texture differ, with 95 % Wilson intervals. The rates are "
        "proportions of these images; “cue rate” counts responses with the shape or the texture."
    )
    shown = table[list(columns)].rename(columns=columns)
    return Part(
        title,
        anchor,
        (as_sentence(people),) if people else (),
        (write_shape_bias_figure(inputs.out, inputs.anchor, inputs.trials, inputs.shape_bias),),
        (table_of(shown, caption, (("shape bias", "low", "high"),), "shape-bias"),),
        {"shape-bias": inputs.shape_bias},
    )


def write_shape_bias_figure(out: Path, anchor: str, trials: pd.DataFrame, table: pd.DataFrame) -> ReportFigure:
    """Write the figure of shape bias by category."""
    has_people = bool((table["kind"] == "human").any())
    rows = arrange(table, pooled_shape_bias(trials) if has_people else table.iloc[:0])

    def draw() -> Figure:
        return draw_shape_bias_figure(rows, Figure())

    totals, n_people = overall_shape_bias(table), table.loc[table["kind"] == "human", "observer"].nunique()
    is_pooled = rows["observer"].nunique() < len(totals) and n_people > 1
    pooled = f" The files of this figure show the {n_people} people pooled as one observer." if is_pooled else ""
    last_row = (
        "Each other kind of observer has markers at the mean of its observers, and bars in the last row show their range; "
        "tables/shape-bias.csv has the values of all observers."
        if len(totals) > style.MAX_SHOWN
        else "Bars in the last row show 95 % Wilson intervals over shape and texture decisions; the intervals of the "
        "categories are in the CSV file."
    )
    caption = (
        f"Shape bias by the category of the shape: n = {count(len(totals), 'observer')}; "
        f"{format_range(totals['n_conflict'])} cue-conflict images per observer. Markers show shape / (shape + texture) "
        "decisions in a category, and vertical lines show them over all cue conflicts. Rows are sorted by the shape "
        f"bias of {'pooled people' if has_people else 'the mean over observers'}. {last_row}{pooled}"
    )
    spread = format_spread(totals["shape_bias"])
    alt = f"Shape bias by category: {count(len(totals), 'observer')}, over all conflicts {spread}"
    plot = "shape-bias", bias_data(rows, table, ALL)
    return write_figure(out, f"shape-bias_{anchor}", draw, rows, alt, caption, plot)


SECTIONS: dict[str, Section] = {"shape-bias": shape_bias_section}
