"""Drawing functions for the figures of Jaini et al. (2024) that can be made from trial logs.

Every function takes a table and an empty `matplotlib.figure.Figure`, sets the size of the figure, draws on it and
returns it. The functions compute nothing; `analysis.paper` makes the tables. Figures 14 to 17 show other datasets in
the style of figure 6.
"""

from analysis.figures.paper.bars import figure_3, figure_4, figure_9, figure_11
from analysis.figures.paper.curves import figure_5, figure_10
from analysis.figures.paper.matrix import figure_6, figure_14, figure_15, figure_16, figure_17
from analysis.figures.paper.shape import figure_1, figure_12, figure_13

__all__ = [
    "figure_1", "figure_3", "figure_4", "figure_5", "figure_6", "figure_9", "figure_10", "figure_11", "figure_12",
    "figure_13", "figure_14", "figure_15", "figure_16", "figure_17",
]  # fmt: skip
