"""Cue-conflict sets, and the silhouettes and edges of shapes."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from cli import app
from core.errors import StimulusError, UnknownName, UserError
from experiments.sets.folder import from_folder
from stimuli.build.cue_conflict import CueConflictSettings, draw_pairs, make_cue_conflict
from stimuli.distort import outlines
from stimuli.draw.drawn import draw_silhouette
from stimuli.folder import read_folder
from stimuli.images import open_image, save_image
from stimuli.published.datasets import parse_cues
from tests.conftest import real
from tests.unit.stimuli.photos import as_uint8, photo

RNG = np.random.default_rng(0)


def on_white(category, size=96, color=(0.2, 0.5, 0.3)):
    """Return a drawn silhouette in a color on white, (size, size, 3)."""
    inside = draw_silhouette(category, size)[..., None]
    return inside * np.array(color) + 1 - inside


@pytest.fixture
def folders(tmp_path):
    """Folders of shapes (three cats and three cars on white) and of textures (two clocks and two cats)."""
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
def test_a_silhouette_covers_the_object(category):
    silhouette = outlines.silhouette(on_white(category), "", RNG)
    truth = draw_silhouette(category, 96) > 0.5
    assert set(np.unique(silhouette)) == {0, 1}
    outside, _ = np.unique(silhouette[[0, -1]], return_counts=True)
    assert outside.tolist() == [1]
    # Enclosed holes belong to the object.
    assert (silhouette[truth] == 0).mean() > 0.97
    assert (silhouette == 0).sum() >= truth.sum() * 0.97


def test_an_open_hole_is_background_and_an_enclosed_one_is_part_of_the_object():
    image = Image.new("RGB", (60, 60), "white")
    ImageDraw.Draw(image).arc((10, 10, 50, 50), 30, 330, "navy", width=6)
    assert not outlines.object_mask(np.asarray(image) / 255)[30, 30]
    closed = Image.new("RGB", (60, 60), "white")
    ImageDraw.Draw(closed).ellipse((10, 10, 50, 50), None, "navy", 6)
    assert outlines.object_mask(np.asarray(closed) / 255)[30, 30]


def test_a_background_must_be_plain():
    with pytest.raises(
        StimulusError, match="the background is not plain: expected an object on a background of one color"
    ):
        outlines.object_mask(photo())


def test_edges_of_a_square_are_its_sides():
    image = np.ones((80, 80, 3))
    image[20:60, 25:65] = 0.3
    black = outlines.edges(image, "", RNG) == 0
    rows, columns = np.nonzero(black)
    assert {rows.min(), rows.max()} <= {19, 20, 59, 60}
    assert {columns.min(), columns.max()} <= {24, 25, 64, 65}
    assert not black[24:56, 29:61].any()
    assert 4 * 32 < black.sum() < 4 * 48  # one pixel wide


def test_a_uniform_image_is_an_error():
    with pytest.raises(StimulusError, match="the image does not have edges"):
        outlines.edges(np.full((9, 9, 3), 0.4), "", RNG)
    with pytest.raises(StimulusError, match="the image does not show an object"):
        outlines.silhouette(np.full((9, 9, 3), 0.4), "", RNG)


@pytest.mark.slow
def test_silhouettes_of_published_silhouettes_are_the_same():
    """Exceptions are holes, which are filled, and objects that touch most sides of the image."""
    paths = sorted(real("stimuli", "silhouette").rglob("*.png"))
    n_same = 0
    for path in paths:
        published = open_image(path)
        try:
            silhouette = outlines.silhouette(published / 255, "", RNG)
        except StimulusError:
            continue
        n_same += (silhouette == (published[..., 0] > 127)).mean() > 0.9
    assert n_same > 0.8 * len(paths)


def test_every_pair_of_categories_is_drawn(folders):
    shapes, textures = map(read_folder, folders)
    category_of = {"shape": {s.id: s.category for s in shapes}, "texture": {s.id: s.category for s in textures}}
    planned = draw_pairs(shapes, textures, CueConflictSettings(per_pair=4))
    assert len(planned) == 2 * 2 * 4
    assert len({p.stimulus for p in planned}) == len(planned)
    for p in planned:
        assert parse_cues(p.stimulus) == {role: category_of[role][name] for role, name in p.sources.items()}
    assert len(draw_pairs(shapes, textures, CueConflictSettings(per_pair=50))) == 2 * 2 * 3 * 2
    assert (
        planned
        == draw_pairs(shapes, textures, CueConflictSettings(per_pair=4))
        != draw_pairs(shapes, textures, CueConflictSettings(per_pair=4, seed=1))
    )
    conflicting = draw_pairs(shapes, textures, CueConflictSettings(per_pair=4, conflicting=True))
    assert conflicting == [p for p in planned if len(set(parse_cues(p.stimulus).values())) == 2]


@pytest.mark.slow
def test_the_texture_fills_the_shape(folders, tmp_path):
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
        inside = draw_silhouette(s.cues["shape"], 100) > 0.9
        assert pixels[inside].std() > 20  # the shape itself has one color
    before = {path: path.read_bytes() for path in out.rglob("*.png")}
    next(iter(before)).unlink()
    assert CliRunner().invoke(app, words).exit_code == 0
    assert {path: path.read_bytes() for path in out.rglob("*.png")} == before


@pytest.mark.slow
def test_a_function_from_a_file_is_a_method(folders, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "def mean(shape, texture, rng, *, weight=0.5):\n    return weight * shape + (1 - weight) * texture\n"
        "def flat(shape, texture, rng):\n    return shape[..., 0]\n"
        "def bytes(shape, texture, rng):\n    return 255 * shape\n"
        "nothing = 3\n"
    )
    shapes, textures = map(read_folder, folders)

    def make(method, out, **options):
        return make_cue_conflict(
            shapes, textures, tmp_path / out, CueConflictSettings(f"{path}:{method}", options, per_pair=1, size=80)
        )

    assert [len(make("mean", "set").stimuli), make("mean", "set").skipped] == [4, {}]
    record = json.loads((tmp_path / "set" / "made-of.json").read_text())
    assert (record["method"], record["code"]) == (
        "mine.py:mean",
        f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
    )
    assert [s.pixels()[0].mean() > 250 for s in make("mean", "heavy", weight="1").stimuli] == [True] * 4
    with pytest.raises(
        StimulusError, match=r"mine\.py:flat gave float64 of the shape \(80, 80\): expected floats in 0\.\.1"
    ):
        make("flat", "other")
    with pytest.raises(StimulusError, match=r"mine\.py:bytes gave values from .* to 255: expected floats in 0\.\.1"):
        make("bytes", "other")
    with pytest.raises(UserError, match=r"nothing has the wrong form: expected a function \(shape, texture, rng\)"):
        make("nothing", "other")
    with pytest.raises(UnknownName, match=r"no option of mine\.py:mean is named 'wait': did you mean weight"):
        make("mean", "other", wait="1")
    with pytest.raises(UnknownName, match="no cue-conflict method is named 'gatys'"):
        make_cue_conflict(shapes, textures, tmp_path / "other", CueConflictSettings("gatys"))


@pytest.mark.slow
def test_the_bytes_of_a_set_do_not_depend_on_the_number_of_workers(folders, tmp_path):
    shapes, textures = map(read_folder, folders)
    for n_workers in (1, 3):
        make_cue_conflict(
            shapes,
            textures,
            tmp_path / str(n_workers) / "set",
            CueConflictSettings(size=60, zoom=2),
            n_workers=n_workers,
        )
    by_one, by_three = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in sorted((tmp_path / n).rglob("*.*"))} for n in "13"
    )
    assert [p.parts[1:] for p in by_one] == [p.parts[1:] for p in by_three]
    assert list(by_one.values()) == list(by_three.values())


def test_a_wide_shape_on_a_plain_background_is_not_cropped(folders, tmp_path):
    wide = np.full((100, 300, 3), 255, np.uint8)
    wide[40:60, 20:280] = (200, 30, 30)
    save_image(wide, tmp_path / "wide" / "knife" / "k.png")
    out = tmp_path / "set"
    result = make_cue_conflict(
        read_folder(tmp_path / "wide"), read_folder(folders[1]), out, CueConflictSettings(per_pair=1, size=150)
    )
    for s in result.stimuli:
        columns = np.nonzero((s.pixels() < 250).any(axis=(0, 2)))[0]
        assert (columns.min(), columns.max()) == pytest.approx((10, 139), abs=1)


@pytest.mark.slow
def test_zoom_sets_the_size_of_the_texture(folders, tmp_path):
    """An image of 1000 pixels has 20 stripes: all of them are visible by default, half of them at a zoom of 2."""
    stripes = np.repeat(np.tile(np.repeat(np.uint8([0, 255]), 50), 10)[None, :, None], 1000, 0).repeat(3, 2)
    save_image(stripes, tmp_path / "stripes" / "cat" / "s.png")
    (tmp_path / "mine.py").write_text("def texture(shape, texture, rng):\n    return texture\n")
    shapes = read_folder(folders[0]).where(lambda s: s.id == "cat1.png")
    for zoom, n in ((1, 19), (2, 9), (0.5, 19)):  # a texture that is too small is continued by reflection
        settings = CueConflictSettings(f"{tmp_path}/mine.py:texture", per_pair=1, size=200, zoom=zoom)
        result = make_cue_conflict(shapes, read_folder(tmp_path / "stripes"), tmp_path / str(zoom), settings)
        line = next(iter(result.stimuli)).pixels()[100, :, 0] > 127
        n_edges = np.count_nonzero(line[1:] != line[:-1])
        assert abs(n_edges - (n if zoom >= 1 else 2 * n)) <= 1


def test_exemplars_are_numbered_in_natural_order(folders, tmp_path):
    for i in (2, 10, 1):
        save_image(as_uint8(on_white("dog", 80)), tmp_path / "dogs" / "dog" / f"dog{i}.png")
    planned = draw_pairs(read_folder(tmp_path / "dogs"), read_folder(folders[1]), CueConflictSettings(per_pair=50))
    assert {(p.stimulus.split("-")[0], p.sources["shape"]) for p in planned} == {
        ("dog1", "dog1.png"), ("dog2", "dog2.png"), ("dog3", "dog10.png"),
    }  # fmt: skip


@pytest.mark.slow
def test_images_that_cannot_be_combined_are_skipped(folders, tmp_path):
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
    words[3] = str(tmp_path / "other")
    done = CliRunner().invoke(app, words)
    assert "the category 'Big cat' cannot be part of an image's name: expected lower-case letters" in done.output


def test_invalid_settings_and_other_settings_than_before_are_errors(folders, tmp_path):
    shapes, textures = map(read_folder, folders)
    make_cue_conflict(shapes, textures, tmp_path / "set", CueConflictSettings(per_pair=1, size=80))
    with pytest.raises(StimulusError, match=r"contains a set with other settings: seed was 0, now 1"):
        make_cue_conflict(shapes, textures, tmp_path / "set", CueConflictSettings(per_pair=1, size=80, seed=1))
    with pytest.raises(StimulusError, match="named like a published dataset"):
        make_cue_conflict(shapes, textures, tmp_path / "cue-conflict", CueConflictSettings(per_pair=1, size=80))
    for settings in (CueConflictSettings(zoom=0), CueConflictSettings(size=4096, zoom=16)):
        with pytest.raises(
            StimulusError, match=r"the zoom must be from 0\.0625 to 16, and zoom × size at most 8192 pixels"
        ):
            make_cue_conflict(shapes, textures, tmp_path / "other", settings)
    cats = shapes.where(lambda s: s.category == "cat")
    with pytest.raises(
        StimulusError, match="all images of shapes and shapes have the same category, so that no shape conflicts"
    ):
        make_cue_conflict(cats, cats, tmp_path / "other", CueConflictSettings(conflicting=True))
    assert not (tmp_path / "other").exists()


def test_images_of_a_damaged_texture_are_skipped_until_it_is_repaired(folders, tmp_path):
    damaged = folders[1] / "clock" / "clock0.png"
    good = damaged.read_bytes()
    damaged.write_bytes(good[:300])
    shapes, textures = map(read_folder, folders)
    settings = CueConflictSettings(per_pair=9, size=80)
    skipped = make_cue_conflict(shapes, textures, tmp_path / "set", settings).skipped
    assert len(set(skipped.values())) == 1
    assert next(iter(skipped.values())).startswith(f"the image {damaged} cannot be read")
    damaged.write_bytes(good)
    result = make_cue_conflict(shapes, read_folder(folders[1]), tmp_path / "set", settings)
    assert (len(result.stimuli), result.skipped) == (24, {})
