"""Figures from trials in one call: what they show, which dataset they choose, and how they are shown and saved."""

import pickle
from io import BytesIO

import pandas as pd
import pytest
from matplotlib import _pylab_helpers
from matplotlib.figure import Figure

from analysis import accuracy_figure, confusion_figure, kappa_figure, map_figure, shape_bias_figure
from core.errors import LogError, UnknownName
from tests.unit.analysis.frames import correct_trials, response_trials

PAIR = pd.concat([correct_trials("a", "human", "1101"), correct_trials("b", "discriminative", "1011")])
LEVELS = pd.concat([PAIR.assign(condition="1"), PAIR.assign(condition="2")])
CONFLICT = pd.concat(
    response_trials(name, kind, responses, ["cat"] * 3).assign(shape="cat", texture="dog")
    for name, kind, responses in (("a", "human", ["cat", "cat", "dog"]), ("b", "generative", ["dog", "dog", "cat"]))
)
FIGURES = {
    accuracy_figure: (LEVELS, {"Condition", "Accuracy"}),
    confusion_figure: (PAIR, {"Response", "Category"}),
    kappa_figure: (PAIR, {"distance 1 − κ", "error consistency κ"}),
    map_figure: (PAIR, {"First dimension", "Second dimension"}),
    shape_bias_figure: (CONFLICT, {"Fraction of “texture” decisions"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("draw", FIGURES)
def test_figures_are_drawn_from_a_frame(draw):
    frame, labels = FIGURES[draw]
    figure = draw(frame)
    assert isinstance(figure, Figure)
    assert labels <= {text for ax in figure.axes for text in (ax.get_xlabel(), ax.get_ylabel())}
    assert _pylab_helpers.Gcf.get_all_fig_managers() == []  # pyplot would show the figure a second time
    both = pd.concat([frame, frame.assign(dataset="other", observer=frame["observer"] + "2")])
    assert len(draw(both, "mine").axes) == len(figure.axes)
    with pytest.raises(UnknownName, match="no dataset in these logs is named 'minee': did you mean mine"):
        draw(both, "minee")
    with pytest.raises(LogError, match="choose one with"):
        draw(both)


def test_accuracy_of_a_single_condition_is_drawn_as_bars():
    (ax,) = accuracy_figure(PAIR).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [bar.get_width() for bar in ax.patches] == [0.75, 0.75]


def test_chance_is_drawn_if_the_number_of_choices_is_known():
    published = LEVELS.assign(dataset="contrast", condition=LEVELS["condition"].map({"1": "c50", "2": "c30"}))
    lines = [line.get_linestyle() for line in accuracy_figure(published).axes[0].lines]
    assert lines.count(":") == 1
    assert ":" not in [line.get_linestyle() for line in accuracy_figure(LEVELS).axes[0].lines]


def test_people_are_pooled_in_figures_of_many_observers():
    person = CONFLICT[CONFLICT["observer"] == "a"]
    many = pd.concat([CONFLICT, *(person.assign(observer=f"p{i}") for i in range(12))])
    texts = [text.get_text() for text in shape_bias_figure(many).axes[0].get_legend().get_texts()]
    assert texts == ["people, pooled (n = 13)", "b"]


@pytest.mark.parametrize("draw", [kappa_figure, map_figure])
def test_figures_of_pairs_need_two_observers(draw):
    with pytest.raises(LogError, match="needs two observers in conditions of the benchmark, but mine has a; add logs"):
        draw(PAIR[PAIR["observer"] == "a"])
    with pytest.raises(LogError, match="expected the trials of one dataset, found no trials; add logs"):
        draw(PAIR[:0])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_saved_figures_are_complete_and_reproducible(tmp_path, suffix):
    paths = [tmp_path / f"{i}.{suffix}" for i in range(2)]
    for path in paths:
        kappa_figure(PAIR).savefig(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    buffer = BytesIO()
    kappa_figure(PAIR).savefig(buffer, format=suffix)
    assert buffer.getvalue() == paths[0].read_bytes()


def test_notebooks_show_the_image_that_is_saved(tmp_path):
    figure = kappa_figure(PAIR)
    figure.savefig(tmp_path / "figure.png")
    assert figure._repr_png_() == (tmp_path / "figure.png").read_bytes()
    assert pickle.loads(pickle.dumps(figure))._repr_png_() == figure._repr_png_()


def test_published_datasets_without_their_conditions_are_drawn():
    """A set that was run without its conditions, or with others, is drawn like an unpublished dataset."""
    frame = PAIR.assign(dataset="contrast")
    figure = accuracy_figure(frame, "contrast")
    assert figure.axes[0].get_xlabel() == "Accuracy" and len(figure.axes[0].patches) == 2  # a bar for each observer
    several = pd.concat([frame.assign(condition=condition) for condition in ("mine", "c05", "c100")])
    labels = [label.get_text() for label in accuracy_figure(several, "contrast").axes[0].get_xticklabels()]
    assert len(labels) == 3 and labels[-1] == "mine"


def test_a_confusion_matrix_shows_the_shares_of_one_observer():
    frame = pd.concat(
        response_trials(name, "human", responses, ["cat", "cat", "dog"])
        for name, responses in (("a", ["cat", "dog", "dog"]), ("b", ["dog", "dog", ""]))
    )
    figure = confusion_figure(frame, observer="b")
    ax = figure.axes[0]
    assert ax.get_title() == "b" and [label.get_text() for label in ax.get_xticklabels()] == [
        "cat",
        "dog",
        "no response",
    ]
    assert ax.images[0].get_array().tolist() == [[0, 1, 0], [0, 0, 1]]
    assert [text.get_text() for text in confusion_figure(frame, observer="a").axes[0].texts] == [".50", ".50", "1.00"]
    assert [ax.get_title() for ax in confusion_figure(frame).axes[:2]] == ["a", "b"]
    with pytest.raises(UnknownName, match="observer"):
        confusion_figure(frame, observer="c")


def test_a_confusion_matrix_of_many_categories_is_refused():
    categories = [f"c{k}" for k in range(41)]
    with pytest.raises(LogError, match="41 categories or responses is not readable, expected at most 40"):
        confusion_figure(response_trials("a", "human", categories, categories))
