"""The first sections of a report: the overview of all datasets, and one trial with its reconstructions."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.benchmark.benchmark import benchmark_table
from analysis.figures.trial_reconstruction import draw_reconstructions
from analysis.measures.shape_bias import overall_shape_bias, shape_bias
from analysis.report.extras import Extra, overview_section, overview_table, reconstruction_drawing
from analysis.report.report import write_report
from tests.unit.analysis.report.simulated_reports import page_text, trials

PEOPLE = ["SIMULATED-1", "SIMULATED-2"]
KINDS = dict.fromkeys(PEOPLE, "simulated") | {"net": "generative"}


@pytest.fixture
def frame():
    return pd.concat([trials("conflict", KINDS, cues=True), trials("plain", KINDS)], ignore_index=True)


def test_the_table_contains_the_measures(frame):
    table = overview_table(frame, PEOPLE).set_index("observer")
    expected = benchmark_table(frame, reference_observers=PEOPLE).set_index("observer")
    for column in ("ood_accuracy", "error_consistency", "n_datasets"):
        pd.testing.assert_series_equal(table[column], expected[column])
    bias = overall_shape_bias(shape_bias(frame)).set_index("observer")["shape_bias"]
    assert table.loc["net", "shape_bias"] == bias["net"]
    assert table.loc["simulated people", "shape_bias"] == pytest.approx(bias[PEOPLE].mean())


def test_without_conflicts_there_is_no_shape_bias():
    assert overview_table(trials("plain", KINDS), PEOPLE)["shape_bias"].isna().all()


def test_excluded_datasets_count_in_no_column():
    """Cue conflicts without responses of a stand-in are excluded."""
    alone = trials("conflict", {"net": "generative"}, cues=True)
    section = overview_section(pd.concat([trials("plain", KINDS), alone], ignore_index=True), PEOPLE)
    assert section.table["shape_bias"].isna().all() and list(section.table["n_datasets"]) == [1, 1]
    assert section.sentences[-1] == "Datasets are excluded because no reference observer responded to them: conflict."


@pytest.mark.usefixtures("empty_figures")
def test_the_page_shows_them_first(frame, tmp_path):
    rng = np.random.default_rng(0)
    errors = np.array([3.0, 1.0, 2.0])
    parts = rng.random((8, 8, 3)), rng.random((4, 4, 3)), rng.random((3, 4, 4, 3)), errors
    drawing = reconstruction_drawing("net", "cat1.png", *parts, ("cat", "dog", "car"), "half of its pixels noised")
    extras = [overview_section(frame, PEOPLE), Extra("A trial", "reconstruction", ("Look.",), None, (drawing,))]
    page = write_report(frame, tmp_path, intervals=False, extras=extras)
    text = page_text(page.read_text("utf-8"))
    assert text.index("All datasets together") < text.index("A trial") < text.index("Shape bias by the category")
    assert "Each dataset is reported separately; only the first table is averaged over datasets." in text
    assert "SIMULATED: no people took part. SIMULATED-1, SIMULATED-2 stand in for people" in text
    assert "net receives cat1.png with half of its pixels noised" in text
    assert "the choice with the smallest error, dog, has a frame" in text
    data = pd.read_csv(tmp_path / "figures" / "reconstruction_net.csv")
    assert list(data["squared_error"]) == [3.0, 1.0, 2.0]
    assert len(pd.read_csv(tmp_path / "tables" / "summary.csv")) == 2
    write_report(frame, tmp_path, intervals=False)
    assert not list(tmp_path.rglob("reconstruction_*")) and not (tmp_path / "tables" / "summary.csv").exists()


def test_the_choice_with_the_smallest_error_has_a_frame():
    images, errors = np.zeros((10, 4, 4, 3)), np.arange(10.0, 0, -1)
    figure = draw_reconstructions(images[0], images[0], images, errors, [f"choice {i}" for i in range(10)], Figure())
    framed = [ax.get_title() for ax in figure.axes if any(s.get_visible() for s in ax.spines.values())]
    assert framed == ["choice 9\n1"]
    assert len(figure.axes) == 12
