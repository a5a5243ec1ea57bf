"""Sections that a command adds to a report: any section, and one trial on which observers disagree."""

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from matplotlib.figure import Figure

from analysis.figures.trial_reconstruction import draw_reconstructions
from analysis.report.explained_trial import choose_trial, explained_trial_section
from analysis.report.extras import Extra
from analysis.report.report import write_report
from core.errors import LogError
from experiments.reconstruction.trial_explanation import TrialExplanation
from observers.protocol import Reconstruction
from stimuli.images import save_image
from stimuli.stimulus import Stimulus
from tests.unit.analysis.report.simulated_reports import page_text, trials

KINDS = {"gen": "generative", "net": "discriminative", "other": "discriminative"}
CHOICES = ("cat", "dog", "car")


@pytest.fixture
def frame():
    frame = trials("conflict", KINDS, cues=True, n=6)
    frame["trial"] = frame.groupby("observer").cumcount() + 1
    frame["response"] = frame["texture"]
    is_generative = frame["observer"] == "gen"
    frame.loc[is_generative & frame["trial"].isin([2, 4]), "response"] = frame["shape"]
    for choice in CHOICES:
        frame[f"evidence_{choice}"] = 0.0
    frame.loc[is_generative, "evidence_cat"] = -1.0
    frame.loc[is_generative & (frame["trial"] == 4), "evidence_cat"] = 5.0
    frame["correct"] = frame["response"] == frame["category"]
    return frame


def explanation(frame, tmp_path, observer, kind):
    row = frame[(frame["observer"] == observer) & (frame["trial"] == 4)].iloc[0]
    path = tmp_path / "image.png"
    save_image(np.zeros((8, 8, 3), np.uint8), path)
    rng, errors = np.random.default_rng(0), np.array([3.0, 1.0, 2.0])
    restored = Reconstruction(rng.random((8, 8, 3)), rng.random((8, 8, 3)), rng.random((3, 8, 8, 3)), errors, errors)
    stimulus = Stimulus(row["stimulus"], path, row["category"])
    evidence = np.array([-1.5, -2.5, -3.5])
    reconstruction = restored if kind == "generative" else None
    return TrialExplanation(observer, kind, stimulus, "", CHOICES, row["response"], evidence, reconstruction)


def test_a_trial_is_chosen_on_which_kinds_disagree(frame):
    assert choose_trial(frame, "gen") == 4
    frame.loc[(frame["observer"] == "other") & (frame["trial"] == 4), "response"] = "cat"
    assert choose_trial(frame, "gen") == 2
    frame["response"] = ""
    with pytest.raises(LogError, match="gen did not follow the shape or the texture"):
        choose_trial(frame, "gen")


@pytest.mark.slow
@pytest.mark.usefixtures("empty_figures")
def test_the_section_shows_what_the_observers_responded(frame, tmp_path):
    shown = [explanation(frame, tmp_path, *pair) for pair in (("gen", "generative"), ("net", "discriminative"))]
    shown[0] = evolve(shown[0], attribution="somebody")
    section = explained_trial_section(frame, shown)
    assert list(section.table["follows"]) == ["shape", "texture", "texture"]
    extras = [section, Extra("More", "more", ("Look.",))]
    page = write_report(frame, tmp_path / "report", intervals=False, extras=extras)
    text = page_text(page.read_text("utf-8"))
    assert "A trial on which observers disagree" in text and "Look." in text
    assert "3.png shows the shape of a cat with the texture of a dog." in text
    assert "1 the shape (gen), 2 the texture (net, other)" in text
    assert "gen responds cat to 3.png." in text and "numbers: evidence over all draws of the trial" in text
    assert "Image: somebody." in text and "The bars show its evidence for each choice in the log." in text
    data = pd.read_csv(tmp_path / "report" / "figures" / "explained_gen.csv")
    assert list(data["evidence"]) == [-1.5, -2.5, -3.5] and list(data["answer"]) == [True, False, False]
    assert len(pd.read_csv(tmp_path / "report" / "tables" / "explained-trial.csv")) == 3
    write_report(frame, tmp_path / "report", intervals=False)
    assert not list((tmp_path / "report").rglob("explained*"))


def test_the_choice_with_the_smallest_error_has_a_frame():
    images, errors = np.zeros((10, 4, 4, 3)), np.arange(10.0, 0, -1)
    figure = draw_reconstructions(images[0], images[0], images, errors, [f"choice {i}" for i in range(10)], Figure())
    framed = [ax.get_title() for ax in figure.axes if any(s.get_visible() for s in ax.spines.values())]
    assert framed == ["choice 9\n1"]
    assert len(figure.axes) == 12


def test_the_response_has_a_frame_and_the_evidence_is_printed():
    images, errors, choices = np.zeros((3, 4, 4, 3)), np.array([3.0, 1.0, 2.0]), ["cat", "dog", "car"]
    evidence = np.array([-1.5, -2.5, -3.5])
    options = {"response": "cat", "evidence": evidence}
    figure = draw_reconstructions(images[0], images[0], images, errors, choices, Figure(), **options)
    framed = [ax.get_title() for ax in figure.axes if any(s.get_visible() for s in ax.spines.values())]
    assert framed == ["★ cat\n-1.5"]
