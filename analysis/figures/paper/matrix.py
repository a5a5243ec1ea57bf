"""Figures 6 and 14 to 17: error consistency of all pairs of observers on one dataset, all drawn by `draw_consistency`.

The functions take a κ matrix, the kinds of the observers, the clustering of the matrix, and an empty figure.
"""

from analysis.figures.consistency import draw_consistency

figure_6 = draw_consistency  # cue-conflict
figure_14 = draw_consistency  # sketch
figure_15 = draw_consistency  # stylized
figure_16 = draw_consistency  # edge
figure_17 = draw_consistency  # silhouette
