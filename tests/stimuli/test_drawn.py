import numpy as np
import pytest

from stimuli.categories import CATEGORIES
from stimuli.drawn import drawn_cue_conflict, silhouette, texture
from stimuli.errors import StimulusError, UnknownName


def test_shapes_and_textures_are_told_apart():
    shapes = np.array([silhouette(c, 64).ravel() for c in CATEGORIES])
    textures = np.array([texture(c, 64).ravel() for c in CATEGORIES])
    assert (np.abs(shapes[:, None] - shapes).mean(axis=2) + np.eye(16) > 0.05).all()
    assert (np.abs(textures[:, None] - textures).mean(axis=2) + np.eye(16) > 0.05).all()
    assert all(0.1 < shape.mean() < 0.7 for shape in shapes)


def test_the_set(drawn, tmp_path):
    assert len(drawn.stimuli) == 256
    assert sum(s.cues["shape"] != s.cues["texture"] for s in drawn.stimuli) == 240
    again = drawn_cue_conflict(tmp_path / "set")
    assert again.digest() == drawn.stimuli.digest()
    written = (tmp_path / "set" / "cat" / "cat1-dog1.png").stat().st_mtime_ns
    assert drawn_cue_conflict(tmp_path / "set") == again
    assert [path.name for path in tmp_path.iterdir()] == ["set"]  # nothing half drawn is left
    assert (tmp_path / "set" / "cat" / "cat1-dog1.png").stat().st_mtime_ns == written  # drawn once


def test_a_damaged_set_is_said(tmp_path):
    drawn_cue_conflict(tmp_path / "set")
    (tmp_path / "set" / "stimuli.csv").unlink()
    with pytest.raises(
        StimulusError,
        match=r"is damaged because stimuli\.csv is missing: remove the folder, and it will be created again",
    ):
        drawn_cue_conflict(tmp_path / "set")


def test_unknown_names():
    with pytest.raises(UnknownName, match="no drawn silhouette named 'cow'"):
        silhouette("cow")
    with pytest.raises(UnknownName, match="no drawn texture named 'cow'"):
        texture("cow")
