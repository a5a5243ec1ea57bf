"""What a report begins with: a table over all datasets, and a trial in pictures."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.benchmark import benchmark
from analysis.figures.trial_reconstruction import draw_reconstructions
from analysis.report.extras import Extra, reconstruction, summary, summary_table
from analysis.report.report import write_report
from analysis.shape_bias import overall, shape_bias
from tests.analysis.test_report import trials, words

PEOPLE = ["SIMULATED-1", "SIMULATED-2"]
WHO = dict.fromkeys(PEOPLE, "simulated") | {"net": "generative"}


@pytest.fixture
def frame():
    return pd.concat([trials("conflict", WHO, cues=True), trials("plain", WHO)], ignore_index=True)


def test_the_table_is_of_the_measures(frame):
    table = summary_table(frame, PEOPLE).set_index("observer")
    expected = benchmark(frame, stand_ins=PEOPLE).set_index("observer")
    for column in ("ood_accuracy", "error_consistency", "n_datasets"):
        pd.testing.assert_series_equal(table[column], expected[column])
    bias = overall(shape_bias(frame)).set_index("observer")["shape_bias"]
    assert table.loc["net", "shape_bias"] == bias["net"]
    assert table.loc["simulated people", "shape_bias"] == pytest.approx(bias[PEOPLE].mean())


def test_without_conflicts_there_is_no_shape_bias():
    assert summary_table(trials("plain", WHO), PEOPLE)["shape_bias"].isna().all()


def test_what_is_left_out_counts_for_no_column():
    """Conflicts that nobody who stands in for people saw."""
    alone = trials("conflict", {"net": "generative"}, cues=True)
    found = summary(pd.concat([trials("plain", WHO), alone], ignore_index=True), PEOPLE)
    assert found.table["shape_bias"].isna().all() and list(found.table["n_datasets"]) == [1, 1]
    assert found.sentences[-1] == "Left out, since nobody who stands in for people answered them: conflict."


def test_the_page_has_them_first(frame, tmp_path):
    rng = np.random.default_rng(0)
    errors = np.array([3.0, 1.0, 2.0])
    parts = rng.random((8, 8, 3)), rng.random((4, 4, 3)), rng.random((3, 4, 4, 3)), errors
    drawing = reconstruction("net", "cat1.png", *parts, ("cat", "dog", "car"), "half of its pixels noised")
    extras = [summary(frame, PEOPLE), Extra("A trial", "reconstruction", ("Look.",), None, (drawing,))]
    page = write_report(frame, tmp_path, intervals=False, extras=extras)
    said = words(page.read_text("utf-8"))
    assert said.index("All datasets together") < said.index("A trial") < said.index("Shape bias by category")
    assert "one by one; only the first table is averaged over them" in said
    assert "SIMULATED: no person took part. SIMULATED-1, SIMULATED-2 stand in for people" in said
    assert "net looks at cat1.png: half of its pixels noised" in said and "the least, dog, is framed" in said
    data = pd.read_csv(tmp_path / "figures" / "reconstruction_net.csv")
    assert list(data["squared_error"]) == [3.0, 1.0, 2.0]
    assert len(pd.read_csv(tmp_path / "tables" / "summary.csv")) == 2
    write_report(frame, tmp_path, intervals=False)
    assert not list(tmp_path.rglob("reconstruction_*")) and not (tmp_path / "tables" / "summary.csv").exists()


def test_the_least_error_has_the_frame():
    images, errors = np.zeros((10, 4, 4, 3)), np.arange(10.0, 0, -1)
    figure = draw_reconstructions(images[0], images[0], images, errors, [f"choice {i}" for i in range(10)], Figure())
    framed = [ax.get_title() for ax in figure.axes if any(s.get_visible() for s in ax.spines.values())]
    assert framed == ["choice 9\n1"]
    assert len(figure.axes) == 12
