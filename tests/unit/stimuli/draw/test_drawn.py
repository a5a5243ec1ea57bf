import numpy as np
import pytest

from core.errors import StimulusError, UnknownName
from stimuli.categories import CATEGORIES
from stimuli.draw.drawn import draw_silhouette, draw_texture, load_drawn_cue_conflict


def test_shapes_and_textures_differ_between_categories():
    shapes = np.array([draw_silhouette(c, 64).ravel() for c in CATEGORIES])
    textures = np.array([draw_texture(c, 64).ravel() for c in CATEGORIES])
    assert (np.abs(shapes[:, None] - shapes).mean(axis=2) + np.eye(16) > 0.05).all()
    assert (np.abs(textures[:, None] - textures).mean(axis=2) + np.eye(16) > 0.05).all()
    assert all(0.1 < shape.mean() < 0.7 for shape in shapes)


@pytest.mark.slow
def test_the_set_is_drawn_once(drawn, tmp_path):
    assert len(drawn.stimuli) == 256
    assert sum(s.cues["shape"] != s.cues["texture"] for s in drawn.stimuli) == 240
    loaded = load_drawn_cue_conflict(tmp_path / "set")
    assert loaded.digest() == drawn.stimuli.digest()
    modified = (tmp_path / "set" / "cat" / "cat1-dog1.png").stat().st_mtime_ns
    assert load_drawn_cue_conflict(tmp_path / "set") == loaded
    assert [path.name for path in tmp_path.iterdir()] == ["set"]  # no temporary files remain
    assert (tmp_path / "set" / "cat" / "cat1-dog1.png").stat().st_mtime_ns == modified


@pytest.mark.slow
def test_a_damaged_set_is_an_error(tmp_path):
    load_drawn_cue_conflict(tmp_path / "set")
    (tmp_path / "set" / "stimuli.csv").unlink()
    with pytest.raises(
        StimulusError,
        match=r"is damaged because stimuli\.csv is missing: remove the folder, and it will be created again",
    ):
        load_drawn_cue_conflict(tmp_path / "set")


def test_unknown_names_are_errors():
    with pytest.raises(UnknownName, match="no drawn silhouette is named 'cow'"):
        draw_silhouette("cow")
    with pytest.raises(UnknownName, match="no drawn texture is named 'cow'"):
        draw_texture("cow")
