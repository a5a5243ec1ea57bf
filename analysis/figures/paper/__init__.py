"""The figures of Jaini et al. (2024) that trial logs give: table in, figure out. `analysis.paper` makes the tables.

Every function takes the table and an empty `matplotlib.figure.Figure`, whose size it sets, and returns it; nothing is
computed. Figures 14 to 17 are figure 6 of another dataset.
"""

from analysis.figures.paper.bars import figure_3, figure_4, figure_9, figure_11
from analysis.figures.paper.curves import figure_5, figure_10
from analysis.figures.paper.matrix import figure_6, figure_14, figure_15, figure_16, figure_17
from analysis.figures.paper.shape import figure_1, figure_12, figure_13

__all__ = [
    "figure_1", "figure_3", "figure_4", "figure_5", "figure_6", "figure_9", "figure_10", "figure_11", "figure_12",
    "figure_13", "figure_14", "figure_15", "figure_16", "figure_17",
]  # fmt: skip
