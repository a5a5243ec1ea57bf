"""Figures 6 and 14 to 17: the error consistency of everyone with everyone on one dataset, one drawing five times."""

from analysis.figures.consistency import draw_consistency

figure_6 = draw_consistency  # cue-conflict: (matrix, kinds, clustering, figure) -> figure
figure_14 = draw_consistency  # sketch
figure_15 = draw_consistency  # stylized
figure_16 = draw_consistency  # edge
figure_17 = draw_consistency  # silhouette
