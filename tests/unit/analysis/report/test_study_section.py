"""The section on the study of shape bias has one row for each model, in the order of the page."""

import pytest

from analysis.io.columns import as_text
from analysis.io.frame import read_trials
from analysis.report.study_section import study_section


def test_the_section_describes_every_recorded_model():
    trials = as_text(read_trials("microcosm-study/microcosm-cue-conflict"))
    section = study_section(trials)
    assert "trained 24 small models" in section.sentences[0]
    assert section.table["agreement"].tolist() == ["1"] * 8 + ["0.75"] * 8 + ["0.5"] * 8
    row = section.table[(section.table["family"] == "network") & (section.table["agreement"] == "1")].iloc[0]
    chosen = trials[(trials["observer"] == "study-network-1-1") & (trials["shape"] != trials["texture"])]
    n_shape, n_texture = ((chosen["response"] == chosen[cue]).sum() for cue in ("shape", "texture"))
    assert row["seed"] == "1" and row["n"] == n_shape + n_texture
    assert row["shape_bias"] == pytest.approx(n_shape / (n_shape + n_texture))
    assert row["low"] < row["shape_bias"] < row["high"]
