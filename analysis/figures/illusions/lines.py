"""What observers say over a level: a line an observer with its intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style


def draw_lines(table: pd.DataFrame, ax: Axes, *, x_label: str, y_label: str, reference: float | None = None) -> Axes:
    """Rows of `observer`, `kind`, `x`, `y`, `low`, `high`; `reference` is dotted, what an observer without the illusion says.

    An open end of an interval is not drawn.
    """
    drawn = style.marks(table)
    reach = np.ptp(table["x"]) or 1.0
    for i, (observer, mark) in reversed(list(enumerate(drawn.items()))):
        of = table[(table["observer"] == observer) & table["y"].notna()].sort_values("x")
        y = of["y"].to_numpy(float)
        ends = [np.nan_to_num(np.abs(of[end].to_numpy(float) - y), posinf=0.0) for end in ("low", "high")]
        x = of["x"].to_numpy(float) + 0.012 * reach * (i - (len(drawn) - 1) / 2) / max(1, len(drawn) / 4)
        ax.errorbar(x, y, ends, elinewidth=0.6, **mark.line())
    if reference is not None:
        ax.axhline(reference, color=style.CHANCE, linestyle=":")
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.grid(axis="y", color=style.GRID, linewidth=0.6)
    style.legend(ax, drawn, linestyle="-")
    return ax
