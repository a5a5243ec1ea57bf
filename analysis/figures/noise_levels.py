"""Shape bias, accuracy and error consistency as functions of the noise level, with one panel for each measure.

Each model has a line. A marker is in the middle of a part of the noise schedule; its horizontal line spans this part, and
its vertical line shows the 95 % interval. A dashed line shows the run of the same model with the whole schedule.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.benchmark.noise_level_curves import MEASURES
from analysis.figures import style
from analysis.noise_levels import WHOLE_SCHEDULE
from analysis.selection.groups import COLORS
from core.errors import LogError

MARKERS = ("o", "s", "^", "D", "v", "P")
PANEL_WIDTH, HEIGHT = 2.1, 2.3  # inches
STEP = 0.012  # horizontal offset between models, so that their intervals do not hide each other
LABELS = {"shape_bias": "Shape bias", "accuracy": "Accuracy without cue conflict", "kappa": "κ"}


def draw_noise_levels(table: pd.DataFrame, figure: Figure, *, chance: float | None) -> Figure:
    """Draw the curves of one dataset on an empty figure, set the size of the figure, and return it.

    Args:
        table: The rows of one dataset of the table of `noise_level_curves`.
        figure: An empty figure.
        chance: Chance accuracy, or None if it is not known.

    Returns:
        The figure, with a panel for every measure that is defined in a row.

    Raises:
        LogError: If no measure is defined.
    """
    measures = [name for name in MEASURES if table[name].notna().any()]
    if not measures:
        raise LogError(
            "shape bias, accuracy and κ are undefined at all noise levels, so the figure would be empty: add trials "
            "without a cue conflict, or logs of people or of other observers"
        )
    figure.set_size_inches(PANEL_WIDTH * len(measures) + 0.4, HEIGHT + 0.25)
    figure.set_layout_engine("constrained")
    models = list(dict.fromkeys(table["model"]))
    for number, measure in enumerate(measures, 1):
        ax = figure.add_subplot(1, len(measures), number)
        for i, model in enumerate(models):
            shift = STEP * (i - (len(models) - 1) / 2)
            _draw_model(ax, table[table["model"] == model], measure, i, shift)
        _label(ax, table, measure, chance)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if (table["levels"] == WHOLE_SCHEDULE).any():
        handles.append(Line2D([], [], color="black", linestyle="--", linewidth=0.8))
        labels.append("whole schedule")
    figure.legend(handles, labels, loc="outside upper left", ncols=style.MAX_LEGEND_COLUMNS)
    return figure


def _draw_model(ax: Axes, rows: pd.DataFrame, measure: str, number: int, shift: float) -> None:
    color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
    is_whole = rows["levels"] == WHOLE_SCHEDULE
    for value in rows.loc[is_whole, measure].dropna():
        ax.axhline(value, color=color, linestyle="--", linewidth=0.8, zorder=1)
    parts = rows[~is_whole & rows[measure].notna()]
    x, y = (parts["t_low"] + parts["t_high"]) / 2, parts[measure]
    below, above = (y - parts[f"{measure}_low"]).clip(lower=0), (parts[f"{measure}_high"] - y).clip(lower=0)
    ax.hlines(y, parts["t_low"], parts["t_high"], color=color, linewidth=0.6, alpha=0.45, zorder=2)
    ax.errorbar(x + shift, y, [below, above], color=color, marker=marker, elinewidth=0.8, zorder=3,
                label=str(rows["model"].iloc[0]))  # fmt: skip


def _label(ax: Axes, table: pd.DataFrame, measure: str, chance: float | None) -> None:
    """Set the limits and labels of a panel, and draw the line of chance or of equally many shape and texture responses."""
    label = LABELS[measure]
    if measure == "kappa":
        compared = table["compared_with"].dropna().iloc[0]
        label = f"κ with {compared}"
    elif measure == "accuracy" and not table["n_conflict"].any():
        label = "Accuracy"
    reference = {"shape_bias": 0.5, "accuracy": chance, "kappa": 0.0}[measure]
    if reference is not None:
        ax.axhline(reference, color=style.CHANCE_COLOR, linestyle=":", zorder=0)
    limits = (-0.02, 1.02) if measure != "kappa" else (min(-0.1, float(table["kappa_low"].min()) - 0.02), 1.02)
    ax.set(xlim=(-0.02, 1.02), ylim=limits, xlabel="Noise level t", ylabel=label)
    ax.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1], ["0", ".2", ".4", ".6", ".8", "1"])
    ax.grid(axis="y", color=style.GRID_COLOR, linewidth=0.6)
