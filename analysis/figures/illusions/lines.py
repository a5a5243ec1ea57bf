"""Draw a measure of illusions as a function of a level, with one line per observer."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style


def draw_lines(table: pd.DataFrame, ax: Axes, *, x_label: str, y_label: str, reference: float | None = None) -> Axes:
    """Draw one line with error bars for each observer.

    Observers are shifted horizontally by small amounts, so that error bars do not overlap. Open (infinite) ends of
    intervals are not drawn.

    Args:
        table: One row for each observer and level, with the columns `observer`, `kind`, `x`, `y`, `low` and `high`.
        ax: The axes to draw on.
        x_label: Label of the horizontal axis.
        y_label: Label of the vertical axis.
        reference: Value of an observer that the illusion does not affect, drawn as a dotted line; None to omit the
            line.

    Returns:
        The axes.
    """
    styles = style.observer_styles(table)
    x_range = np.ptp(table["x"]) or 1.0
    for i, (observer, observer_style) in reversed(list(enumerate(styles.items()))):
        rows = table[(table["observer"] == observer) & table["y"].notna()].sort_values("x")
        y = rows["y"].to_numpy(float)
        errors = [np.nan_to_num(np.abs(rows[end].to_numpy(float) - y), posinf=0.0) for end in ("low", "high")]
        shift = 0.012 * x_range * (i - (len(styles) - 1) / 2) / max(1, len(styles) / 4)
        ax.errorbar(rows["x"].to_numpy(float) + shift, y, errors, elinewidth=0.6, **observer_style.plot_options())
    if reference is not None:
        ax.axhline(reference, color=style.CHANCE_COLOR, linestyle=":")
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.grid(axis="y", color=style.GRID_COLOR, linewidth=0.6)
    style.add_legend(ax, styles, linestyle="-")
    return ax
