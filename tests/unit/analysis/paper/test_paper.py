"""The paper's figures show the numbers of the tables, and missing parts give messages."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.benchmark.by_condition import consistency_by_condition
from analysis.benchmark.ranks import benchmark_intervals
from analysis.figures import paper, style
from analysis.io.frame import read_trials
from analysis.kappa.consistency import error_consistency
from analysis.measures.accuracy import PEOPLE, accuracy, pool_people
from analysis.measures.shape_bias import shape_bias, shape_bias_spread
from analysis.paper.figure_inputs import FigureInputs, PaperFigure
from analysis.paper.figures import FIGURES, make
from core.errors import UnknownName
from stimuli.published.level_scales import is_parametric, published_name
from tests.conftest import real
from tests.unit.analysis.frames import correct_trials, response_trials

KINDS = {
    "subject-01": "human",
    "subject-02": "human",
    "gen": "generative",
    "net": "discriminative",
    "ideal": "simulated",
}
LEVELS = ("c50", "c30", "c10")


def simulate_observers(*, people=True, prefix="", kinds=KINDS, seed=0):
    """Simulate observers on contrast, cue-conflict and edge; with a `prefix` the datasets are unpublished ones."""
    rng, parts = np.random.default_rng(seed), []
    shapes, textures = ["cat", "cat", "dog", "dog", "car", "car"] * 4, ["dog", "car", "car", "cat", "cat", "dog"] * 4
    names = [f"{i}.png" for i in range(24)]
    for observer, kind in kinds.items():
        if kind == "human" and not people:
            continue
        for p, condition in zip((0.9, 0.6, 0.4), LEVELS, strict=True):
            letters = ["1" if hit else "0" for hit in rng.random(24) < p]
            parts.append(correct_trials(observer, kind, letters, dataset=f"{prefix}contrast", condition=condition))
        responses = [s if rng.random() < 0.7 else t for s, t in zip(shapes, textures, strict=True)]
        cues = response_trials(observer, kind, responses, shapes, dataset=f"{prefix}cue-conflict", images=names)
        parts.append(cues.assign(shape=shapes, texture=textures))
        letters = ["1" if hit else "0" for hit in rng.random(24) < 0.7]
        parts.append(correct_trials(observer, kind, letters, dataset=f"{prefix}edge"))
    return pd.concat(parts, ignore_index=True).fillna({"shape": "", "texture": ""})


def figure_inputs(frame, **options):
    return FigureInputs(frame, **({"n_resamples": 30} | options))


def draw(paper_figure):
    with style.publication():
        page = paper_figure.draw(Figure())
        page.draw_without_rendering()
    return page


def make_one(number, frame=None, **options):
    """Make the only figure with that number; return it, the drawn page, and the messages."""
    results = make(figure_inputs(simulate_observers() if frame is None else frame, **options), number)
    (paper_figure,) = [result for result in results if isinstance(result, PaperFigure)]
    return paper_figure, draw(paper_figure), [result for result in results if isinstance(result, str)]


def row_labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


@pytest.mark.slow
def test_every_figure_is_drawn_from_a_small_frame():
    absent = {14: "sketch", 15: "stylized", 17: "silhouette"}
    for number in FIGURES:
        results = make(figure_inputs(simulate_observers(), observers=("gen", "net")), number)
        figures = [result for result in results if isinstance(result, PaperFigure)]
        assert bool(figures) == (number not in absent)
        assert figures or results == [f"the logs contain no trials of {absent[number]}: add logs of it"]
        for paper_figure in figures:
            draw(paper_figure)
            assert "n = " in paper_figure.caption and (
                "95 %" in paper_figure.caption or "error bars" in paper_figure.caption
            )
            is_shown = number != 5  # figure 5 shows only people and the chosen observers
            assert ("ideal" in paper_figure.caption) == is_shown


@pytest.mark.slow
def test_bars_equal_the_benchmark():
    table = benchmark_intervals(simulate_observers(), n_resamples=30)
    for number, measure in ((3, "ood_accuracy"), (4, "error_consistency")):
        paper_figure, page, _ = make_one(number)
        expected = table[table["measure"] == measure].set_index("observer")
        assert paper_figure.data["observer"].iloc[0] == "humans" and "humans, all 6 combined" in paper_figure.caption
        bars = [bar.get_width() for bar in page.axes[0].patches if bar.get_height() == pytest.approx(0.7)]
        assert bars == paper_figure.data["value"].tolist()
        for column in ("value", "low", "high"):
            np.testing.assert_array_equal(
                paper_figure.data.set_index("observer")[column], expected.loc[paper_figure.data["observer"], column]
            )
        assert paper_figure.data["value"].iloc[1:].is_monotonic_decreasing
        assert row_labels(page.axes[0])[0] == "humans" and "ideal (simulated)" in row_labels(page.axes[0])
    paper_figure, page, messages = make_one(9)
    assert [ax.get_xlabel() for ax in page.axes] == [
        paper.bars.LABELS[m] for m in dict.fromkeys(paper_figure.data["measure"])
    ]
    assert len(page.axes) == 4 and not messages


def test_observers_with_fewer_datasets_come_last_with_a_note():
    frame = simulate_observers()
    paper_figure, page, _ = make_one(3, frame[(frame["observer"] != "net") | (frame["dataset"] == "edge")])
    assert row_labels(page.axes[0])[-1] == "net (1 of 3)"
    assert "means over fewer datasets, which cannot be compared" in paper_figure.caption
    assert "without a rank" not in paper_figure.caption  # these figures show no ranks


@pytest.mark.slow
def test_without_people_accuracy_is_drawn_and_a_message_explains_the_rest():
    frame = simulate_observers(people=False)
    paper_figure, _, _ = make_one(3, frame)
    assert (
        "humans" not in set(paper_figure.data["observer"])
        and "No people responded to these datasets." in paper_figure.caption
    )
    accuracies = frame[frame["observer"] == "gen"].groupby(["dataset", "condition"])["correct"].mean()
    contrast = accuracies["contrast"].mean()  # all levels have the same number of trials
    expected = np.mean([contrast, accuracies["cue-conflict", ""], accuracies["edge", ""]])
    assert paper_figure.data.set_index("observer").loc["gen", "value"] == pytest.approx(expected)
    (message,) = make(figure_inputs(frame), 4)
    assert "no people responded to these datasets" in message and "--stand-in" in message
    _, page, (message,) = make_one(9, frame)
    assert len(page.axes) == 1 and "observed consistency" in message
    _, page, messages = make_one(10, frame)
    assert [text.get_text() for text in page.axes[1].texts] == ["no responses from people"]
    assert any("no people responded" in message for message in messages)


@pytest.mark.slow
def test_stand_ins_and_unpublished_datasets():
    frame = simulate_observers(people=False, prefix="microcosm-")
    paper_figure, _, _ = make_one(4, frame, stand_ins=("ideal",))
    assert set(paper_figure.data["observer"]) == {"gen", "net"}  # a single stand-in cannot be compared with another one
    assert "ideal stands in for people" in paper_figure.caption
    paper_figure, page, messages = make_one(10, frame, stand_ins=("ideal", "net"))
    assert "simulated people" in set(paper_figure.data["observer"]) and not any(
        "no people" in text for text in messages
    )
    assert "ideal, net stand in for people" in paper_figure.caption
    assert [ax.get_title() for ax in page.axes] == ["microcosm-contrast"] * 2
    with pytest.raises(UnknownName, match="observer in these logs is named 'nobody'"):
        figure_inputs(frame, stand_ins=("nobody",))
    (averaged,) = make(figure_inputs(pd.concat([simulate_observers(), frame])), 3)
    names = ", ".join(frame["dataset"].unique())
    assert (
        f"Datasets are excluded because they are not published: {names}." in averaged.caption
        and "3 datasets (contrast, cue-conflict, edge)" in averaged.caption
    )


@pytest.mark.slow
def test_curves_equal_the_tables():
    frame = simulate_observers()
    paper_figure, page, messages = make_one(10)
    accuracy_ax, kappa_ax = page.axes
    table, kappas = pool_people(accuracy(frame)), consistency_by_condition(frame, n_resamples=30)
    for ax, rows, column in ((accuracy_ax, table, "accuracy"), (kappa_ax, kappas, "kappa")):
        rows = rows[rows["dataset"] == "contrast"]
        lines = {tuple(line.get_ydata()) for line in ax.lines if line.get_marker() not in ("None", "")}
        assert lines == {tuple(own[column]) for _, own in rows.groupby("observer")}
        assert [text.get_text() for text in ax.get_xticklabels()] == ["50", "30", "10"]
    assert set(paper_figure.data["measure"]) == {"accuracy", "kappa"}
    assert "low-pass" in messages[0] and "contrast" not in messages[0]
    paper_figure, page, _ = make_one(5)
    assert set(paper_figure.data["observer"]) == {PEOPLE, "gen"} and "the generative observers" in paper_figure.caption
    assert set(make_one(5, observers=("net",))[0].data["observer"]) == {PEOPLE, "net"}
    only = frame[(frame["observer"] != "net") | (frame["dataset"] == "edge")]
    messages = make_one(5, only, observers=("net", "gen"))[2]
    assert "observers without responses to a dataset with several conditions are not shown: net" in messages
    people = only[(only["observer"] == "net")]
    assert make(figure_inputs(people), 5) == make(figure_inputs(people), 10)
    assert make(figure_inputs(people), 5)[0].startswith("the logs contain no dataset with several conditions")
    (message,) = make(figure_inputs(only[only["kind"] != "human"], observers=("net",)), 5)
    assert message.startswith("none of the chosen observers")


def test_single_conditions():
    paper_figure, page, (message,) = make_one(11)
    (ax,) = page.axes
    assert ax.get_title() == "edge" and row_labels(ax)[0] == PEOPLE
    assert [bar.get_width() for bar in ax.patches] == paper_figure.data["value"].tolist()
    assert message == "these datasets are not shown because they are not in the logs: sketch, stylized, silhouette"
    frame = simulate_observers()
    (message,) = make(figure_inputs(frame[frame["dataset"] == "contrast"]), 11)
    assert message.startswith("the logs contain no dataset with a single condition")


@pytest.mark.slow
def test_boxes_and_marked_observers():
    frame = simulate_observers()
    paper_figure, page, _ = make_one(12)
    table = shape_bias_spread(shape_bias(frame)).set_index("observer")
    assert len(row_labels(page.axes[0])) == len(KINDS) and row_labels(page.axes[0])[0].startswith("subject")
    medians = [float(line.get_xdata()[0]) for line in page.axes[0].lines if line.get_linewidth() == 1.8]
    assert medians == pytest.approx(list(1 - table.loc[paper_figure.data["observer"], "median"]))
    paper_figure, page, _ = make_one(13, observers=("gen", "net"))
    large = [line for line in page.axes[0].lines if line.get_markersize() == 7.5]
    assert len(large) == 2 and set(paper_figure.data.loc[paper_figure.data["marked"], "observer"]) == {"gen", "net"}
    assert "Large, dark markers show gen, net" in paper_figure.caption
    (message,) = make(figure_inputs(frame), 13)
    assert "--highlight BEFORE --highlight AFTER" in message
    part = frame[(frame["observer"] != "net") | (frame["dataset"] == "edge")]
    assert make(figure_inputs(part, observers=("net",)), 13) == [
        "the figure of cue-conflict does not show net individually: choose other observers with --highlight"
    ]
    for number in (1, 12, 13):
        (message,) = make(figure_inputs(frame[frame["dataset"] == "edge"]), number)
        assert message.startswith("the logs contain no trial in which shape and texture differ")


def test_a_matrix_needs_two_observers():
    frame = simulate_observers()
    paper_figure, page, _ = make_one(6)
    assert row_labels(page.axes[0]) == [
        f"{n} (simulated)" if n == "ideal" else n for n in paper_figure.data["observer"]
    ]
    assert make(figure_inputs(frame[frame["observer"] == "net"]), 16) == [
        "net is the only observer of edge: a matrix needs at least two observers"
    ]


def test_a_large_matrix_has_minus_signs_in_negative_cells():
    from analysis.kappa.clustering import cluster_observers

    values = np.full((21, 21), 0.2)
    values[0, 1] = values[1, 0] = -0.3
    values[2, 3] = values[3, 2] = -0.001  # rounds to 0
    values[4, 5] = values[5, 4] = np.nan
    values[6, 7] = values[7, 6] = -0.9
    np.fill_diagonal(values, 1)
    names = [f"o{i}" for i in range(21)]
    matrix = pd.DataFrame(values, names, names)
    with style.publication():
        page = paper.figure_6(matrix, dict.fromkeys(names, "discriminative"), cluster_observers(matrix), Figure())
    minus = [line for line in page.axes[0].lines if line.get_marker() == "_"]
    assert sorted((line.get_color(), len(line.get_xdata())) for line in minus) == [("black", 2), ("white", 2)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 10, 12])
def test_sixty_observers_and_a_single_one(number):
    many = {f"net-{i}": "discriminative" for i in range(60)}
    paper_figure, page, _ = make_one(number, simulate_observers(kinds=many))
    assert set(paper_figure.data["observer"]) == set(many)
    if number in (3, 12):
        page.canvas.draw()
        boxes = [text.get_window_extent() for text in page.axes[0].get_yticklabels()]
        assert not any(box.overlaps(next_box) for box, next_box in pairwise(boxes))
    else:  # one faint line for each observer without error bars, and one legend entry for all of them
        accuracy_ax = page.axes[0]
        lines = [line for line in accuracy_ax.lines if line.get_marker() == "o"]
        assert len(lines) == 60 and {line.get_alpha() for line in lines} == {0.45}
        assert not accuracy_ax.collections
        (legend,) = page.legends
        assert [text.get_text() for text in legend.get_texts()] == ["discriminative (n = 60)"]
    for name, kind in (("net", "discriminative"), ("subject-01", "human")):
        paper_figure, _, _ = make_one(number, simulate_observers(kinds={name: kind}))
        assert set(paper_figure.data["kind"]) == {kind}


def test_people_as_one_and_kappa_by_condition():
    frame = simulate_observers()
    table, combined = accuracy(frame), pool_people(accuracy(frame))
    people = table[(table["kind"] == "human") & (table["dataset"] == "edge")]["accuracy"]
    row = combined[(combined["observer"] == PEOPLE) & (combined["dataset"] == "edge")].iloc[0]
    assert (row["accuracy"], row["low"], row["high"]) == (people.mean(), people.min(), people.max())
    assert row["n_observers"] == 2 and row["n"] == 48
    alone = pool_people(table[table["observer"] != "subject-02"])
    assert PEOPLE not in set(alone["observer"]) and "subject-01" in set(alone["observer"])
    kappas = consistency_by_condition(frame, n_resamples=30).set_index(["dataset", "condition", "observer"])
    pairs = error_consistency(frame, intervals=False).set_index(["dataset", "condition", "observer_1", "observer_2"])[
        "kappa"
    ]
    condition = ("contrast", "c10")
    assert kappas.loc[(*condition, PEOPLE), "kappa"] == pytest.approx(pairs[(*condition, "subject-01", "subject-02")])
    with_gen = [pairs[(*condition, f"subject-0{i}", "gen")] for i in (1, 2)]
    assert kappas.loc[(*condition, "gen"), "kappa"] == pytest.approx(np.mean(with_gen))
    assert (kappas["low"] <= kappas["kappa"] + 1e-9).all() and (kappas["kappa"] <= kappas["high"] + 1e-9).all()
    without_people = consistency_by_condition(simulate_observers(people=False))
    assert not len(without_people) and without_people.attrs["notes"] == [
        "datasets are excluded because no person responded to them: contrast, cue-conflict, edge"
    ]
    always = correct_trials("subject-01", "human", "1111"), correct_trials("net", "discriminative", "1111")
    assert np.isnan(consistency_by_condition(pd.concat(always), n_resamples=5)["kappa"]).all()


def test_spread_skips_undefined_categories():
    responses = ["cat", "dog", "oven", "oven"]  # images of dogs never get the shape or the texture as response
    frame = response_trials("net", "discriminative", responses, ["cat", "cat", "dog", "dog"])
    frame = frame.assign(shape=["cat", "cat", "dog", "dog"], texture=["dog", "dog", "cat", "cat"])
    row = shape_bias_spread(shape_bias(frame)).iloc[0]
    assert row["n_categories"] == 1 and row["lowest"] == row["median"] == row["highest"] == row["shape_bias"] == 0.5
    frame["response"] = "oven"
    assert np.isnan(shape_bias_spread(shape_bias(frame)).iloc[0]["median"])
    draw(make(figure_inputs(frame), 12)[0])


def test_parametric_datasets_and_published_names():
    assert is_parametric("microcosm-colour", 1) and is_parametric("mine", 2)
    assert not is_parametric("microcosm-edge", 1) and not is_parametric("mine", 1)
    assert (
        published_name("microcosm-false-colour") == "false-colour" and published_name("false-colour") == "false-colour"
    )


@pytest.fixture(scope="module")
def recorded():
    return read_trials([real("humans", name) for name in ("cue-conflict", "edge")] + [
        real("networks", name) for name in ("cue-conflict", "edge")
    ])  # fmt: skip


@pytest.mark.slow
def test_the_recorded_people_and_networks(recorded):
    paper_figure, page, _ = make_one(1, recorded)
    resnet = paper_figure.data[(paper_figure.data["observer"] == "resnet50") & (paper_figure.data["category"] == "all")]
    assert resnet["shape_bias"].item() == pytest.approx(0.2142, abs=5e-5)
    upright = [line.get_xdata()[0] for line in page.axes[0].lines if list(line.get_ydata()) == [0, 1]]
    assert min(abs(x - (1 - 0.2142)) for x in upright) < 5e-5
    paper_figure, _, _ = make_one(6, recorded)
    matrix = paper_figure.data.set_index("observer")
    people = [name for name in matrix.index if name.startswith("subject")]
    values = matrix.loc[people, people].to_numpy()[np.triu_indices(10, k=1)]
    assert len(people) == 10 and values.mean() == pytest.approx(0.3311, abs=5e-5)
    paper_figure, _, _ = make_one(4, recorded[recorded["dataset"] == "cue-conflict"])
    drawn_kappa = paper_figure.data.set_index("observer")["value"]
    assert drawn_kappa["humans"] == pytest.approx(0.3311, abs=5e-5)
    assert drawn_kappa["resnet50"] == pytest.approx(0.068, abs=5e-4)
