"""Figures of `analysis.figures`: the drawn elements, labels and legends match the tables, and files are reproducible."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.accuracy import draw_accuracy
from analysis.figures.consistency import draw_consistency
from analysis.figures.evidence import draw_evidence
from analysis.figures.shape_bias import arrange, draw_shape_bias
from analysis.kappa.clustering import cluster_observers
from observers.protocol import KINDS

CATEGORIES = ("cat", "dog", "car")
ODD = "<a> $x^$ _b"


@pytest.fixture
def ax():
    with style.publication():
        yield Figure().add_subplot()


def biases(**kinds):
    """Return a table of shape bias, where `kinds` gives the number of observers of each kind."""
    rows = []
    for kind, n in kinds.items():
        for i in range(n):
            for j, category in enumerate(("all", *CATEGORIES)):
                bias = (0.9 if kind == "human" else 0.3) - 0.05 * i / n - 0.1 * (j - 1.5)
                rows.append((f"{kind}-{i}", kind, category, 100, 80, 10, bias, bias - 0.05, bias + 0.05))
    columns = ["observer", "kind", "category", "n_conflict", "n_shape", "n_texture", "shape_bias", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def pool_people(table):
    people = table[table["kind"] == "human"].drop(columns="observer")
    mean = people.groupby(["kind", "category"]).mean().reset_index()
    return mean.assign(observer="human")


def markers(ax):
    return [line for line in ax.lines if line.get_marker() not in ("None", "")]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_every_kind_has_a_distinct_readable_style():
    assert set(style.KIND_STYLES) == set(KINDS)
    assert (
        len({kind_style.color for kind_style in style.KIND_STYLES.values()})
        == len({kind_style.marker for kind_style in style.KIND_STYLES.values()})
        == len(KINDS)
    )
    assert style.KIND_STYLES["human"].color == "#A51E37"
    for kind_style in style.KIND_STYLES.values():  # WCAG requires a contrast of 4.5:1 for text
        channels = [int(kind_style.text_color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        assert 1.05 / (np.dot(linear, (0.2126, 0.7152, 0.0722)) + 0.05) > 4.5


def test_few_observers_are_named_and_many_are_grouped():
    styles = style.observer_styles(biases(discriminative=7, simulated=2, human=6))
    assert next(iter(styles)) == "human-0"  # people come first
    people = [styles[f"human-{i}"] for i in range(6)]
    assert len({person.fill for person in people}) == 6
    assert [person.legend for person in people] == [f"human-{i}" for i in range(6)]
    networks = [styles[f"discriminative-{i}"] for i in range(7)]
    assert [network.legend for network in networks] == ["discriminative (n = 7)", *[""] * 6]
    assert styles["simulated-1"].legend == "simulated-1 (simulated)"


def test_shape_bias_figure(ax):
    table = biases(human=2, generative=1)
    draw_shape_bias(arrange(table, pool_people(table)), ax)
    assert ax.get_xlabel() == "Fraction of “texture” decisions"
    assert [label.get_text() for label in ax.get_yticklabels()] == [*CATEGORIES, "all conflicts"]
    low, high = ax.get_xlim()
    assert low < 0 < 1 < high
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is at the top
    lines = markers(ax)
    assert len(lines) == 3
    assert sum(len(line.get_xdata()) for line in lines) == 3 * 4
    diamonds = [line for line in lines if line.get_marker() == "D"]
    assert sorted(line.get_xdata()[0] for line in diamonds) == pytest.approx([1 - 0.95, 1 - 0.925])
    vertical = {line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 1]}
    assert vertical == {1 - b for b in table.loc[table["category"] == "all", "shape_bias"]}
    assert legend(ax) == ["human-0", "human-1", "generative-0"]
    top = ax.child_axes[0]
    ax.figure.draw_without_rendering()
    assert top.get_xlabel() == "Fraction of “shape” decisions"
    assert top.transData.transform((0.2, 0))[0] == pytest.approx(ax.transData.transform((0.8, 0))[0])


def test_shape_bias_rows_are_sorted_by_people_or_else_by_the_mean():
    table = biases(human=1, generative=1)
    table.loc[(table["kind"] == "human") & (table["category"] == "car"), "shape_bias"] = 0.99
    table.loc[(table["kind"] == "generative") & (table["category"] == "dog"), "shape_bias"] = 0.98
    people_first = arrange(table, pool_people(table))
    assert list(people_first["category"].unique()) == ["car", "cat", "dog", "all"]
    machines = table[table["kind"] != "human"]
    assert list(arrange(machines, machines[:0])["category"].unique()) == ["dog", "cat", "car", "all"]
    assert len(people_first) == len(table)


def test_many_people_are_pooled_and_many_networks_are_grouped(ax):
    table = biases(human=10, discriminative=26)
    draw_shape_bias(arrange(table, pool_people(table)), ax)
    assert legend(ax) == ["people, pooled (n = 10)", "discriminative (n = 26)"]
    assert len(markers(ax)) == 27
    twelve = biases(human=10, discriminative=2)
    assert arrange(twelve, pool_people(twelve))["observer"].nunique() == 12


def test_undefined_shape_bias_has_no_marker(ax):
    table = biases(generative=1)
    table["shape_bias"] = np.nan
    draw_shape_bias(arrange(table, table[:0]), ax)
    assert np.isnan(markers(ax)[0].get_xdata()).all()
    assert not any(list(line.get_ydata()) == [0, 1] for line in ax.lines)


def kappas(n, seed=0):
    values = np.random.default_rng(seed).uniform(-0.1, 0.6, (n, n))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    names = [f"observer-{i}" for i in range(n)]
    return pd.DataFrame(values, index=names, columns=names)


def draw_matrix(matrix, kinds):
    tree = cluster_observers(matrix)
    with style.publication():
        figure = draw_consistency(matrix, kinds, tree, Figure())
        figure.draw_without_rendering()
    return figure, tree


def test_consistency_figure():
    matrix = kappas(4)
    matrix.iloc[0, 1] = matrix.iloc[1, 0] = np.nan
    kinds = dict(zip(matrix.index, ("human", "human", "contrastive", "simulated"), strict=True))
    figure, tree = draw_matrix(matrix, kinds)
    ax, branches, bar = figure.axes
    names = [name.removesuffix(" (simulated)") for name in (label.get_text() for label in ax.get_yticklabels())]
    assert names == list(tree.order)
    assert [t.get_text() for t in ax.get_xticklabels()] == [t.get_text() for t in ax.get_yticklabels()]
    assert [t.get_color() for t in ax.get_yticklabels()] == [
        style.KIND_STYLES[kinds[name]].text_color for name in tree.order
    ]
    image = ax.images[0]
    assert image.get_clim() == (-1, 1)
    assert image.norm(0.0) == 0.5
    np.testing.assert_array_equal(image.get_array().filled(np.nan), matrix.loc[names, names].to_numpy())
    assert len(ax.texts) == 16
    assert [text.get_text() for text in ax.texts].count("–") == 2
    assert [text.get_text() for text in ax.texts].count("1.00") == 4
    assert legend(ax) == ["people", "contrastive", "simulated"]
    assert bar.get_ylabel() == "error consistency κ"
    (lines,) = [c for c in branches.collections if isinstance(c, LineCollection)]
    assert [segment[1][0] for segment in lines.get_segments()] == pytest.approx(list(tree.linkage[:, 2]))
    row = dict(enumerate(map(float, range(4))))  # of each node; a bracket joins the rows of the two children
    height = dict.fromkeys(range(4), 0.0)
    for node, (segment, (child, other, top, _)) in enumerate(
        zip(lines.get_segments(), tree.linkage, strict=True), start=4
    ):
        begin, end = (height[child], row[child]), (height[other], row[other])
        assert segment.tolist() == [list(begin), [top, begin[1]], [top, end[1]], list(end)]
        row[node], height[node] = (begin[1] + end[1]) / 2, top
    assert branches.get_ylim() == ax.get_ylim()


def test_a_large_matrix_has_short_names_and_no_numbers():
    matrix = kappas(21)
    long = {f"observer-{i}": "x" * 30 + f"{i}" + "y" * 30 for i in (1, 2)} | {"observer-3": "z" * 20 + "end" + "w" * 20}
    matrix = matrix.rename(index=long, columns=long)
    figure, _ = draw_matrix(matrix, dict.fromkeys(matrix.index, "discriminative"))
    labels = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    assert not figure.axes[0].texts
    assert len(labels) == 21  # names that would be shortened to the same text keep their full length
    assert long["observer-1"] in labels
    assert "z" * 17 + "…" + "w" * 17 in labels


def accuracies(dataset, conditions, **kinds):
    rows = [
        (dataset, f"{kind}-{i}", kind, condition, 50, 40, *(np.array([0.8, 0.7, 0.9]) - 0.1 * j - 0.01 * i))
        for kind, n in kinds.items()
        for i in range(n)
        for j, condition in enumerate(conditions)
    ]
    return pd.DataFrame(
        rows, columns=["dataset", "observer", "kind", "condition", "n", "n_correct", "accuracy", "low", "high"]
    )


def test_accuracy_lines_in_the_published_order(ax):
    table = accuracies("contrast", ("c03", "c100", "c50"), human=2, discriminative=1)
    draw_accuracy(table, ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["100", "50", "3"]
    assert ax.get_xlabel() == "Contrast [%]"
    assert ax.get_ylim()[0] == 0
    assert 1 <= ax.get_ylim()[1] < 1.05
    lines = markers(ax)
    assert len(lines) == 3
    assert sorted(tuple(line.get_ydata()) for line in lines)[-1] == pytest.approx((0.7, 0.6, 0.8))
    for line in lines:  # observers are shifted sideways by at most one step
        np.testing.assert_allclose(sorted(line.get_xdata()), [0, 1, 2], atol=0.06)
    (chance,) = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert set(chance.get_ydata()) == {1 / 16}
    assert legend(ax) == ["human-0", "human-1", "discriminative-0"]
    bars = [segment for c in ax.collections for segment in c.get_segments()]
    assert len(bars) == 9
    assert bars[0][1][1] - bars[0][0][1] == pytest.approx(0.2)


def test_accuracy_bars_best_first(ax):
    table = accuracies("edge", ("",), discriminative=2, simulated=1)
    table.loc[1, "accuracy"] = 0.85
    draw_accuracy(table, ax, chance=None)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["discriminative-1", "discriminative-0", "simulated-0 (simulated)"]
    assert [bar.get_width() for bar in ax.patches] == [0.85, 0.8, 0.8]
    errors = [segment for c in ax.collections for segment in c.get_segments()]
    assert [segment[:, 1].tolist() for segment in errors] == [[0, 0], [1, 1], [2, 2]]
    assert errors[1][:, 0].tolist() == pytest.approx([0.7, 0.9])
    assert ax.get_xlim() == (0, 1)
    assert ax.get_xlabel() == "Accuracy"
    assert not any(line.get_linestyle() == ":" for line in ax.lines)


def test_the_only_condition_of_an_unpublished_dataset_is_in_the_label(ax):
    draw_accuracy(accuracies("own", ("far",), human=1), ax)
    assert ax.get_xlabel() == "Accuracy, far"


@pytest.mark.slow
def test_special_characters_in_names_are_plain_text(tmp_path, ax):
    table = biases(human=1).replace("human-0", ODD).replace("cat", "$\\frac{")
    draw_shape_bias(arrange(table, table[:0]), ax)
    assert legend(ax) == [ODD]
    style.save(ax.figure, tmp_path / "odd")
    svg = (tmp_path / "odd.svg").read_text("utf-8")
    assert "&lt;a&gt; $x^$ _b" in svg
    assert "<a>" not in svg
    table = biases(human=1).replace("human-0", "_hidden")
    with style.publication():
        assert legend(draw_shape_bias(arrange(table, table[:0]), Figure().add_subplot())) == ["_hidden"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("evidence", "bars"),
    [([-3, -np.inf, -1], [0, 0, 2]), ([0.5] * 3, [0] * 3), ([-np.inf] * 3, [0] * 3), ([np.inf, np.nan, 1], [0] * 3)],
)
def test_bars_of_evidence_start_at_zero(evidence, bars):
    figure = draw_evidence(np.zeros((4, 4, 3)), np.array(evidence, float), CATEGORIES, "dog", "human", Figure())
    bar_ax = figure.axes[1]
    assert [bar.get_width() for bar in bar_ax.patches] == bars
    assert bar_ax.get_xlim()[0] == 0 and bar_ax.get_xlim()[1] >= 1


def test_long_names_do_not_widen_a_figure(ax):
    table = biases(human=2).replace("human-0", "x" * 5000).replace("human-1", "x" * 5000 + "y")
    draw_shape_bias(arrange(table, table[:0]), ax)
    assert legend(ax) == ["x" * 17 + "…" + "x" * 17, "x" * 17 + "…" + "x" * 16 + "y"]
    bars = accuracies("edge", ("",), discriminative=1).replace("discriminative-0", "y" * 5000)
    with style.publication():
        names = [label.get_text() for label in draw_accuracy(bars, Figure().add_subplot()).get_yticklabels()]
    assert names == ["y" * 17 + "…" + "y" * 17]


def test_publication_settings_end_with_the_block():
    import matplotlib

    before = matplotlib.rcParams["font.size"], matplotlib.rcParams["text.parse_math"]
    with style.publication():
        assert matplotlib.rcParams["text.parse_math"] is False
    assert before == (matplotlib.rcParams["font.size"], matplotlib.rcParams["text.parse_math"])


def test_missing_glyphs_are_detected_without_warnings():
    assert style.has_missing_glyphs("名前") and not style.has_missing_glyphs("näme κ")
    table = biases(human=2).replace({"human-0": "名前"})
    with style.publication():
        figure = Figure()
        draw_shape_bias(arrange(table, table.iloc[:0]), figure.add_subplot())
        figure.canvas.draw()
