"""Figures 5 and 10: accuracy and error consistency with people over the levels of datasets with several conditions.

The tables have the columns `dataset`, `condition`, `observer`, `kind`, `measure` (a key of MEASURES), `value`, `low`
and `high`, with conditions in any order. Each observer has a line with error bars. People who are combined into one row
(`style.POOLED_OBSERVERS`) have a line with a band from `low` to `high`. Observers of a kind that is grouped in the
legend have lines without error bars. Conditions that the benchmark excludes from its averages have gray labels.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from analysis.figures import style
from analysis.figures.style import ObserverStyle
from analysis.io.frame import condition_order
from stimuli.published.datasets import DATASETS
from stimuli.published.level_scales import published_name

MEASURES = {"accuracy": "Accuracy", "kappa": "Error consistency κ"}
N_COLUMNS = 4
MAX_CHARACTERS = 20  # if all labels below a panel together have more characters, they are rotated


def figure_5(table: pd.DataFrame, figure: Figure, *, chance: float | None = 1 / 16) -> Figure:
    """Draw accuracy with one panel for each dataset.

    Args:
        table: Has the columns that the module describes.
        figure: An empty figure to draw on.
        chance: Chance accuracy, or None if it is not known.

    Returns:
        The figure.
    """
    panels = [(dataset, "accuracy") for dataset in dict.fromkeys(table["dataset"])]
    return _draw_grid(table, panels, figure, chance)


def figure_10(table: pd.DataFrame, figure: Figure, *, chance: float | None = 1 / 16) -> Figure:
    """Draw two panels for each dataset: accuracy on the left and error consistency with people on the right.

    Args:
        table: Has the columns that the module describes.
        figure: An empty figure to draw on.
        chance: Chance accuracy, or None if it is not known.

    Returns:
        The figure.
    """
    panels = [(dataset, measure) for dataset in dict.fromkeys(table["dataset"]) for measure in MEASURES]
    return _draw_grid(table, panels, figure, chance)


def _draw_grid(table: pd.DataFrame, panels: list[tuple[str, str]], figure: Figure, chance: float | None) -> Figure:
    """Draw (dataset, measure) panels on a grid with a common legend."""
    n_columns = min(N_COLUMNS, len(panels))
    n_rows = -(-len(panels) // n_columns)
    styles = style.observer_styles(table)
    n_entries = sum(bool(observer_style.legend) for observer_style in styles.values())
    figure.set_size_inches(0.3 + 2.0 * n_columns, 0.3 + 1.75 * n_rows + 0.16 * -(-n_entries // n_columns))
    figure.set_layout_engine("constrained", w_pad=0.05, h_pad=0.06)
    for i, (dataset, measure) in enumerate(panels):
        ax = figure.add_subplot(n_rows, n_columns, i + 1)
        _draw_panel(table[(table["dataset"] == dataset)], measure, ax, styles, chance)
        ax.set_title(dataset, fontsize=8)
    style.add_figure_legend(figure, styles, n_columns)
    return figure


def _draw_panel(
    table: pd.DataFrame, measure: str, ax: Axes, styles: dict[str, ObserverStyle], chance: float | None
) -> None:
    """Draw one measure for the rows of one dataset."""
    dataset = str(table["dataset"].iloc[0])
    conditions = condition_order(dataset, table["condition"])
    position = {condition: i for i, condition in enumerate(conditions)}
    part = table[table["measure"] == measure]
    for observer, observer_style in reversed(styles.items()):
        rows = part[part["observer"] == observer]
        rows = rows.assign(x=lambda rows: rows["condition"].map(position)).sort_values("x")
        if len(rows):
            _draw_line(rows, ax, observer_style, is_pooled=observer in style.POOLED_OBSERVERS)
    if not part["value"].notna().any():
        message = "undefined" if len(part) else "no responses from people"
        ax.text(0.5, 0.5, message, ha="center", va="center", transform=ax.transAxes, color=style.CHANCE_COLOR)
    if measure == "kappa":
        ax.axhline(0, color=style.CHANCE_COLOR, linestyle=":")
        ax.set_ylim(min(-0.2, part["low"].min() - 0.03) if len(part) else -0.2, 1.02)
        ax.yaxis.set_major_locator(MultipleLocator(0.2))
    else:
        if chance is not None:
            ax.axhline(chance, color=style.CHANCE_COLOR, linestyle=":")
        ax.set_ylim(0, 1.02)
    _label_conditions(ax, dataset, conditions)
    ax.set_ylabel(MEASURES[measure], fontsize=7)
    ax.grid(axis="y", color=style.GRID_COLOR, linewidth=0.6)


def _draw_line(rows: pd.DataFrame, ax: Axes, observer_style: ObserverStyle, *, is_pooled: bool) -> None:
    options = observer_style.plot_options() | {"markersize": 3.6, "linewidth": 0.9}
    color = observer_style.kind_style.color
    ax.plot(rows["x"], rows["value"], **options)
    if is_pooled:
        ax.fill_between(rows["x"], rows["low"], rows["high"], color=color, alpha=0.18, linewidth=0)
        if len(rows) == 1:  # a band over a single level would be invisible
            ax.vlines(rows["x"], rows["low"], rows["high"], color=color, alpha=0.4, linewidth=3)
    elif not observer_style.is_grouped:
        ax.vlines(rows["x"], rows["low"], rows["high"], color=color, linewidth=0.7, zorder=options["zorder"])


def _label_conditions(ax: Axes, dataset: str, conditions: list[str]) -> None:
    published = DATASETS.get(published_name(dataset) or "")
    labels = [published.label(condition) if published else condition for condition in conditions]
    ax.set_xlim(-0.4, len(labels) - 0.6)
    is_rotated = sum(map(len, labels)) > MAX_CHARACTERS
    ax.set_xticks(range(len(labels)), labels, fontsize=6.5, rotation=90 if is_rotated else 0)
    included = DATASETS[dataset].included() if dataset in DATASETS else conditions
    for text, condition in zip(ax.get_xticklabels(), conditions, strict=True):
        text.set_color("black" if condition in included else style.EXCLUDED_COLOR)
    ax.set_xlabel(published.axis if published and published.axis else "Condition", fontsize=7)
