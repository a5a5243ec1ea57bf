"""Figures of more observers than can be named: they have a fixed size, and show kinds or markers without names."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.accuracy import draw_accuracy_figure
from analysis.figures.consistency import LARGE_SIZE, draw_consistency, matrix_size
from analysis.figures.scatter import draw_map
from analysis.figures.shape_bias import arrange, draw_shape_bias
from analysis.kappa.clustering import cluster_observers
from analysis.measures.accuracy import COLUMNS, accuracy_by_kind
from analysis.measures.shape_bias import shape_bias_by_kind
from tests.unit.analysis.figures.test_figures import biases

N = style.MAX_SHOWN + 1
KINDS = {f"o{i:03d}": ("human", "generative", "discriminative")[i % 3] for i in range(N)}


def accuracies(conditions):
    rng = np.random.default_rng(0)
    rows = [("mine", name, kind, c, 10, 5, rng.random(), 0.1, 0.9) for name, kind in KINDS.items() for c in conditions]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_a_large_matrix_has_no_names():
    values = np.random.default_rng(0).uniform(-0.1, 0.6, (N, N))
    matrix = pd.DataFrame((values + values.T) / 2, list(KINDS), list(KINDS))
    figure = draw_consistency(matrix, KINDS, cluster_observers(matrix), Figure())
    ax, tree = figure.axes[:2]
    assert figure.get_size_inches()[1] == LARGE_SIZE == matrix_size(1000)
    assert matrix_size(style.MAX_SHOWN) > 20
    assert not len(ax.get_xticks()) and not len(ax.get_yticks()) and not ax.lines and not ax.texts
    (strip,) = ax.child_axes
    assert strip.images[0].get_array().shape == (N, 1, 3)
    assert len(tree.collections[0].get_segments()) == N - 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["people", "generative", "discriminative"]


def test_accuracy_of_many_observers_in_one_condition_has_a_row_for_each_kind():
    table = accuracies([""])
    figure = draw_accuracy_figure(table, Figure(), chance=0.5)
    (ax,) = figure.axes
    labels = [label.get_text() for label in ax.get_yticklabels()]
    n = [list(KINDS.values()).count(kind) for kind in ("human", "generative", "discriminative")]
    assert labels == [f"people (n = {n[0]})", f"generative (n = {n[1]})", f"discriminative (n = {n[2]})"]
    assert figure.get_size_inches()[1] < 3
    points = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert sorted(np.concatenate([line.get_xdata() for line in points])) == sorted(table["accuracy"])
    for row, line in enumerate(points):
        assert (np.abs(line.get_ydata() - row) < 0.31).all()


def test_accuracy_of_many_observers_over_conditions_has_a_line_for_each_kind():
    table = accuracies(["1", "2", "3"])
    (ax,) = draw_accuracy_figure(table, Figure(), chance=None).axes
    by_kind = accuracy_by_kind(table).set_index(["kind", "condition"])["accuracy"]
    assert len(ax.lines) == len(ax.collections) == 3
    for line, kind in zip(ax.lines, ("human", "generative", "discriminative"), strict=True):
        assert line.get_ydata() == pytest.approx(by_kind[kind].to_numpy())


def test_a_map_of_many_observers_has_one_group_of_markers_for_each_kind():
    points = pd.DataFrame({"observer": list(KINDS), "kind": list(KINDS.values()), "x": range(N), "y": range(N)})
    (ax,) = draw_map(points, Figure()).axes
    assert len(ax.lines) == 3 and sum(len(line.get_xdata()) for line in ax.lines) == N


def test_shape_bias_of_many_observers_is_averaged_within_kinds():
    table = biases(human=1, generative=N)
    by_kind = shape_bias_by_kind(table)
    assert set(by_kind["observer"]) == {"human-0", f"generative, mean of n = {N}"}
    machines = table[table["kind"] == "generative"].groupby("category")["shape_bias"]
    own = by_kind[by_kind["kind"] == "generative"].set_index("category")
    for column, expected in {"shape_bias": machines.mean(), "low": machines.min(), "high": machines.max()}.items():
        pd.testing.assert_series_equal(own[column], expected[own.index], check_names=False)
    rows = arrange(table, table[table["kind"] == "human"])
    assert rows["observer"].nunique() == 2
    draw_shape_bias(rows, Figure().add_subplot())
    assert arrange(biases(generative=style.MAX_SHOWN), table[:0])["observer"].nunique() == style.MAX_SHOWN
