"""Shapes filled with textures, silhouettes and edges."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from cli import app
from experiments.folder import from_folder
from stimuli import outlines
from stimuli.cue_conflict import make_cue_conflict, pairs
from stimuli.datasets import cues_of
from stimuli.drawn import silhouette as drawn_silhouette
from stimuli.errors import StimulusError, UnknownName
from stimuli.folder import read_folder
from stimuli.images import open_image, save_image
from tests.conftest import real
from tests.stimuli.photos import as_uint8, photo

RNG = np.random.default_rng(0)


def on_white(category, size=96, color=(0.2, 0.5, 0.3)):
    """A drawn silhouette in a color on white, (size, size, 3)."""
    inside = drawn_silhouette(category, size)[..., None]
    return inside * np.array(color) + 1 - inside


@pytest.fixture
def folders(tmp_path):
    """Three exemplars of cats and cars on white; two textures of clocks and cats."""
    for category in ("cat", "car"):
        for i in range(3):
            save_image(as_uint8(on_white(category, 90 + i)), tmp_path / "shapes" / category / f"{category}{i}.png")
    for category, name in (("clock", "china.jpg"), ("cat", "flower.jpg")):
        for i in range(2):
            save_image(
                as_uint8(photo(name, 80 + 60 * i, 150, 40, 200)),
                tmp_path / "textures" / category / f"{category}{i}.png",
            )
    return tmp_path / "shapes", tmp_path / "textures"


@pytest.mark.parametrize("category", ["cat", "knife", "clock", "truck"])
def test_a_silhouette_is_what_is_not_background(category):
    found = outlines.silhouette(on_white(category), "", RNG)
    truth = drawn_silhouette(category, 96) > 0.5
    assert set(np.unique(found)) == {0, 1}
    outside, _ = np.unique(found[[0, -1]], return_counts=True)
    assert outside.tolist() == [1]
    # Holes that the background cannot reach belong to the object.
    assert (found[truth] == 0).mean() > 0.97
    assert (found == 0).sum() >= truth.sum() * 0.97


def test_a_hole_that_is_open_is_background():
    image = Image.new("RGB", (60, 60), "white")
    ImageDraw.Draw(image).arc((10, 10, 50, 50), 30, 330, "navy", width=6)
    found = outlines.mask(np.asarray(image) / 255)
    assert not found[30, 30]
    closed = Image.new("RGB", (60, 60), "white")
    ImageDraw.Draw(closed).ellipse((10, 10, 50, 50), None, "navy", 6)
    assert outlines.mask(np.asarray(closed) / 255)[30, 30]


def test_a_background_must_be_plain():
    with pytest.raises(StimulusError, match="the background is not plain: expected an object on one color"):
        outlines.mask(photo())


def test_edges_of_a_square_are_its_sides():
    image = np.ones((80, 80, 3))
    image[20:60, 25:65] = 0.3
    black = outlines.edges(image, "", RNG) == 0
    rows, columns = np.nonzero(black)
    assert {rows.min(), rows.max()} <= {19, 20, 59, 60}
    assert {columns.min(), columns.max()} <= {24, 25, 64, 65}
    assert not black[24:56, 29:61].any()
    assert 4 * 32 < black.sum() < 4 * 48  # one pixel wide
    assert (outlines.edges(np.full((9, 9, 3), 0.4), "", RNG) == 1).all()


def test_published_silhouettes_are_found_again():
    """But for holes, which are filled, and objects that run out of the image on most sides."""
    paths = sorted(real("stimuli", "silhouette").rglob("*.png"))
    n_found = 0
    for path in paths:
        published = open_image(path)
        try:
            found = outlines.silhouette(published / 255, "", RNG)
        except StimulusError:
            continue
        n_found += (found == (published[..., 0] > 127)).mean() > 0.9
    assert n_found > 0.8 * len(paths)


def test_every_pair_of_categories_is_there(folders):
    shapes, textures = map(read_folder, folders)
    found = pairs(shapes, textures, per_pair=4, seed=0)
    assert len(found) == 2 * 2 * 4
    assert len({p.name for p in found}) == len(found)
    for p in found:
        assert cues_of(p.name) == {"shape": p.shape.category, "texture": p.texture.category}
    assert len(pairs(shapes, textures, per_pair=50, seed=0)) == 2 * 2 * 3 * 2
    assert found == pairs(shapes, textures, per_pair=4, seed=0) != pairs(shapes, textures, per_pair=4, seed=1)


def test_the_shape_holds_the_texture(folders, tmp_path):
    out = tmp_path / "mixed"
    words = ["make-cue-conflict", *map(str, folders), str(out), "--per-pair", "2", "--size", "100", "--quiet"]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, done.output) == (0, f"8 images in {out}\n")
    experiment = from_folder(out)
    assert experiment.stimuli.cue_names == ("shape", "texture")
    for s in experiment.stimuli:
        assert s.category == s.cues["shape"]
        pixels = s.pixels()
        assert (pixels[0] == 255).all()
        inside = drawn_silhouette(s.cues["shape"], 100) > 0.9
        assert pixels[inside].std() > 20  # not the one color of the shape
    before = {path: path.read_bytes() for path in out.rglob("*.png")}
    next(iter(before)).unlink()
    assert CliRunner().invoke(app, words).exit_code == 0
    assert {path: path.read_bytes() for path in out.rglob("*.png")} == before


def test_a_method_of_ones_own(folders, tmp_path):
    own = tmp_path / "mine.py"
    own.write_text(
        "def mean(shape, texture, rng):\n    return (shape + texture) / 2\n"
        "def flat(shape, texture, rng):\n    return shape[..., 0]\n"
    )
    shapes, textures = map(read_folder, folders)
    made, skipped = make_cue_conflict(shapes, textures, tmp_path / "set", method=f"{own}:mean", per_pair=1, size=80)
    assert (len(made), skipped) == (4, ())
    with pytest.raises(StimulusError, match=r"the method gave \(80, 80\)"):
        make_cue_conflict(shapes, textures, tmp_path / "other", method=f"{own}:flat", per_pair=1, size=80)
    with pytest.raises(UnknownName, match="no way to make cue-conflict images named 'gatys'"):
        make_cue_conflict(shapes, textures, tmp_path / "other", method="gatys")


def test_what_cannot_be_combined_is_left_out(folders, tmp_path):
    save_image(as_uint8(photo(height=90, width=90)), folders[0] / "cat" / "cat9.png")
    words = [
        "make-cue-conflict",
        *map(str, folders),
        str(tmp_path / "set"),
        "--per-pair",
        "9",
        "--size",
        "80",
        "--quiet",
    ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "cat9.png: the background is not plain" in done.output
    assert len(from_folder(tmp_path / "set").stimuli) == 24
    save_image(as_uint8(photo()), folders[0] / "Big cat" / "x.png")
    done = CliRunner().invoke(app, words)
    assert "the category 'Big cat' cannot stand in an image's name: expected lower-case letters" in done.output


def test_a_set_made_otherwise_is_not_gone_on_with(folders, tmp_path):
    shapes, textures = map(read_folder, folders)
    make_cue_conflict(shapes, textures, tmp_path / "set", per_pair=1, size=80)
    with pytest.raises(StimulusError, match=r"set made otherwise \(another seed\)"):
        make_cue_conflict(shapes, textures, tmp_path / "set", per_pair=1, size=80, seed=1)
    with pytest.raises(StimulusError, match="named like a published dataset"):
        make_cue_conflict(shapes, textures, tmp_path / "cue-conflict", per_pair=1, size=80)


def test_a_damaged_texture_is_named_and_no_shape(folders, tmp_path):
    damaged = folders[1] / "clock" / "clock0.png"
    damaged.write_bytes(damaged.read_bytes()[:300])
    shapes, textures = map(read_folder, folders)
    _, skipped = make_cue_conflict(shapes, textures, tmp_path / "set", per_pair=9, size=80)
    assert len(skipped) == 1
    assert skipped[0].startswith(f"the image {damaged} cannot be read")
