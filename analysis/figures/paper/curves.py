"""Figures 5 and 10: accuracy, and error consistency with people, over the levels of every parametric dataset.

Tables have `dataset`, `condition`, `observer`, `kind`, `measure` (MEASURES), `value`, `low`, `high`; conditions in any
order. An observer has a line with error bars; people together (style.TOGETHER) have a band from `low` to `high`; of a kind
with so many observers that they are gathered, lines alone. Conditions that are not in the benchmark's averages have pale
labels.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from analysis.figures import style
from analysis.figures.style import ObserverStyle
from analysis.frame import condition_order
from stimuli.datasets import DATASETS
from stimuli.level_scales import published_name

MEASURES = {"accuracy": "Accuracy", "kappa": "Error consistency κ"}
N_COLUMNS = 4
MAX_CHARACTERS = 20  # of all labels below a panel


def figure_5(table: pd.DataFrame, figure: Figure, *, chance: float | None = 1 / 16) -> Figure:
    """A panel a dataset: accuracy."""
    panels = [(dataset, "accuracy") for dataset in dict.fromkeys(table["dataset"])]
    return _grid(table, panels, figure, chance)


def figure_10(table: pd.DataFrame, figure: Figure, *, chance: float | None = 1 / 16) -> Figure:
    """Two panels a dataset: accuracy at the left, error consistency at the right."""
    panels = [(dataset, measure) for dataset in dict.fromkeys(table["dataset"]) for measure in MEASURES]
    return _grid(table, panels, figure, chance)


def _grid(table: pd.DataFrame, panels: list[tuple[str, str]], figure: Figure, chance: float | None) -> Figure:
    n_columns = min(N_COLUMNS, len(panels))
    n_lines = -(-len(panels) // n_columns)
    drawn = style.marks(table)
    entries = sum(bool(mark.legend) for mark in drawn.values())
    figure.set_size_inches(0.3 + 2.0 * n_columns, 0.3 + 1.75 * n_lines + 0.16 * -(-entries // n_columns))
    figure.set_layout_engine("constrained", w_pad=0.05, h_pad=0.06)
    for i, (dataset, measure) in enumerate(panels):
        ax = figure.add_subplot(n_lines, n_columns, i + 1)
        _panel(table[(table["dataset"] == dataset)], measure, ax, drawn, chance)
        ax.set_title(dataset, fontsize=8)
    style.figure_legend(figure, drawn, n_columns)
    return figure


def _panel(
    of_dataset: pd.DataFrame, measure: str, ax: Axes, drawn: dict[str, ObserverStyle], chance: float | None
) -> None:
    dataset = str(of_dataset["dataset"].iloc[0])
    conditions = condition_order(dataset, of_dataset["condition"])
    place = {condition: i for i, condition in enumerate(conditions)}
    part = of_dataset[of_dataset["measure"] == measure]
    for observer, mark in reversed(drawn.items()):
        rows = part[part["observer"] == observer].assign(x=lambda rows: rows["condition"].map(place)).sort_values("x")
        if len(rows):
            _line(rows, ax, mark, together=observer in style.TOGETHER)
    if not part["value"].notna().any():
        said = "undefined" if len(part) else "no person answered"
        ax.text(0.5, 0.5, said, ha="center", va="center", transform=ax.transAxes, color=style.CHANCE)
    if measure == "kappa":
        ax.axhline(0, color=style.CHANCE, linestyle=":")
        ax.set_ylim(min(-0.2, part["low"].min() - 0.03) if len(part) else -0.2, 1.02)
        ax.yaxis.set_major_locator(MultipleLocator(0.2))
    else:
        if chance is not None:
            ax.axhline(chance, color=style.CHANCE, linestyle=":")
        ax.set_ylim(0, 1.02)
    _label(ax, dataset, conditions)
    ax.set_ylabel(MEASURES[measure], fontsize=7)
    ax.grid(axis="y", color=style.GRID, linewidth=0.6)


def _line(rows: pd.DataFrame, ax: Axes, mark: ObserverStyle, *, together: bool) -> None:
    line = mark.line() | {"markersize": 3.6, "linewidth": 0.9}
    ax.plot(rows["x"], rows["value"], **line)
    if together:
        ax.fill_between(rows["x"], rows["low"], rows["high"], color=mark.look.color, alpha=0.18, linewidth=0)
        if len(rows) == 1:  # a band of one level has no width
            ax.vlines(rows["x"], rows["low"], rows["high"], color=mark.look.color, alpha=0.4, linewidth=3)
    elif not mark.gathered:
        ax.vlines(rows["x"], rows["low"], rows["high"], color=mark.look.color, linewidth=0.7, zorder=line["zorder"])


def _label(ax: Axes, dataset: str, conditions: list[str]) -> None:
    published = DATASETS.get(published_name(dataset) or "")
    labels = [published.label(condition) if published else condition for condition in conditions]
    ax.set_xlim(-0.4, len(labels) - 0.6)
    turned = sum(map(len, labels)) > MAX_CHARACTERS
    ax.set_xticks(range(len(labels)), labels, fontsize=6.5, rotation=90 if turned else 0)
    counted = DATASETS[dataset].included() if dataset in DATASETS else conditions
    for text, condition in zip(ax.get_xticklabels(), conditions, strict=True):
        text.set_color("black" if condition in counted else style.UNCOUNTED)
    ax.set_xlabel(published.axis if published and published.axis else "Condition", fontsize=7)
