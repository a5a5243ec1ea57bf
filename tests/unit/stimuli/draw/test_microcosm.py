"""The microcosm: shape and texture both identify the category, color does not, and images are reproducible."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.errors import StimulusError, UnknownName
from experiments.sets.catalog import EXPERIMENTS
from experiments.sets.registry import make_experiment
from stimuli.categories import CATEGORIES
from stimuli.distort.catalog import PUBLISHED_12
from stimuli.draw import glyphs, microcosm, procedural
from stimuli.draw.microcosm_sets import SEED, SETS, load_microcosm_set, microcosm_shapes, shown_shape
from stimuli.published.datasets import parse_cues
from stimuli.stimulus import Stimulus

ROOT = Path(__file__).parents[4]


def classify(train, train_labels, test):
    """Classify `test` by the nearest class mean, with features divided by their standard deviation."""
    sd = train.std(0) + 1e-9
    means = np.stack([train[train_labels == k].mean(0) for k in range(len(CATEGORIES))])
    return np.argmin((((test[:, None] - means) / sd) ** 2).sum(2), axis=1)


def features(plane):
    """Return the distribution of energy over orientation and frequency of a (64, 64) plane, and its moments."""
    spectrum = np.abs(np.fft.fft2(plane - plane.mean())) ** 2
    down, right = np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64), indexing="ij")
    radius, angle = np.hypot(down, right), np.arctan2(down, right) % np.pi
    rings = np.digitize(radius, [0.03, 0.06, 0.09, 0.12, 0.16, 0.22, 0.3])
    wedges = (angle / np.pi * 8 + 0.5).astype(int) % 8
    shares = np.bincount((8 * rings + wedges).ravel(), spectrum.ravel(), 64) / spectrum.sum()
    z = (plane - plane.mean()) / plane.std()
    return np.concatenate([np.sqrt(shares), [plane.mean(), (z**3).mean(), (z**4).mean() / 3]])


@pytest.mark.slow
def test_the_texture_alone_identifies_the_category():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(16), 40)
    data = np.stack([features(procedural.draw_pattern(CATEGORIES[k], rng)) for k in labels])
    train = np.arange(len(labels)) % 2 == 0
    predicted = classify(data[train], labels[train], data[~train])
    assert (predicted == labels[~train]).mean() > 0.9


def test_patterns_are_between_0_and_1_and_reproducible():
    for category in CATEGORIES:
        pattern, same, other = (
            procedural.draw_pattern(category, np.random.default_rng(seed), 50) for seed in (1, 1, 2)
        )
        assert pattern.shape == (50, 50)
        assert pattern.min() >= 0 and pattern.max() <= 1
        assert (pattern == same).all()
        assert (pattern != other).any()
        assert pattern.std() > 0.1
    with pytest.raises(UnknownName, match="no texture family is named 'zebra'"):
        procedural.draw_pattern("zebra", np.random.default_rng(0))


@pytest.mark.slow
def test_colors_do_not_identify_the_category():
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(16), 40)
    shapes = microcosm.exemplars()
    images = [microcosm.draw_image(shapes[CATEGORIES[k]][0], CATEGORIES[(k + 3) % 16], rng) for k in labels]
    border = np.stack([p[[0, -1]].reshape(-1, 3).mean(0) for p in images])
    train = np.arange(len(labels)) % 2 == 0
    accuracy = (classify(border[train], labels[train], border[~train]) == labels[~train]).mean()
    assert accuracy < 0.13  # chance is 1/16; 320 images


def test_shapes_fill_their_square():
    for category, shapes in microcosm.exemplars().items():
        assert len(shapes) >= 2
        for shape in shapes:
            assert shape.category == category
            assert 0.04 < shape.silhouette.mean() < 0.95
            rows, columns = np.nonzero(shape.silhouette.max(1) > 0.5)[0], np.nonzero(shape.silhouette.max(0) > 0.5)[0]
            assert max(np.ptp(rows), np.ptp(columns)) >= glyphs.SIDE - 3
            assert (shape.details <= shape.silhouette + 0.5).all()
    assert list(microcosm.exemplars()) == list(CATEGORIES)


def test_outline_icons_and_filled_icons_have_the_same_shape():
    y, x = np.mgrid[:100, :100]
    distance = np.hypot(x - 50, y - 50)
    disc, ring = (distance < 40).astype(float), ((distance < 40) & (distance > 34)).astype(float)
    hand = (np.abs(x - 50) < 3) & (y > 20) & (y < 50)
    filled = glyphs.shape_from_ink(np.where(hand, 0, disc), "set:clock", "clock")
    outlined = glyphs.shape_from_ink(np.where(hand, 1, ring), "set:clock", "clock")
    assert np.abs(filled.silhouette - outlined.silhouette).mean() < 0.02
    assert np.abs(filled.details - outlined.details).mean() < 0.02
    assert filled.details.sum() > 100
    assert glyphs.shape_from_ink(np.zeros((50, 50)), "set:none", "cat") is None
    tire = glyphs.shape_from_ink(((distance < 40) & (distance > 15)).astype(float), "set:tire", "car")
    assert tire.silhouette[48, 48] == 0  # a large hole is background


def test_unknown_icons_are_errors():
    with pytest.raises(UnknownName, match="no icon font is named 'fb': known names: fa, mdi"):
        glyphs.render_glyph("fb:cat")
    with pytest.raises(UnknownName, match="no icon of mdi is named 'caat': did you mean cat"):
        glyphs.render_glyph("mdi:caat")


def test_the_shape_of_an_image_follows_from_its_name():
    for number, name in enumerate(("microcosm", "microcosm-cue-conflict")):
        for s in make_experiment(name).stimuli.stimuli[3::37]:
            category, texture = CATEGORIES.index(s.category), s.cues.get("texture", s.category)
            shape, counts = shown_shape(s), list(map(int, re.findall(r"\d+", s.id)))
            seed = (
                (category, counts[0] - 1) if number == 0 else (category, CATEGORIES.index(texture), (counts[0] - 1) % 2)
            )
            rng = np.random.default_rng([SEED, number, *seed])
            assert shape in microcosm_shapes(s.category)
            assert (microcosm.draw_image(shape, texture, rng) == s.pixels()).all()


def test_shapes_of_unknown_categories_and_of_other_images():
    with pytest.raises(UnknownName, match="no category is named 'zebra'"):
        microcosm_shapes("zebra")
    for category, name in (("zebra", "zebra1.png"), ("cat", "tom.png"), ("cat", "cat.png"), ("cat", "cat0.png")):
        with pytest.raises(StimulusError, match=rf"^{name} of the category {category} .* such as cat3\.png"):
            shown_shape(Stimulus(name, Path(name), category))


def test_sizes_and_cues_of_the_sets():
    n = dict(zip(SETS, (480, 512, 160, 160), strict=True))
    for name in SETS:
        stimuli = make_experiment(name).stimuli
        assert len(stimuli) == n[name]
        assert set(Counter(s.category for s in stimuli).values()) == {n[name] // 16}
        for s in list(stimuli)[::40]:
            pixels = s.pixels()
            assert pixels.shape == (64, 64, 3)
            if name in ("microcosm-silhouette", "microcosm-edge"):
                assert (pixels[[0, -1]] == 255).mean() > 0.95
                assert 0.02 < (pixels < 128).mean() < 0.9
            if name == "microcosm-cue-conflict":
                assert parse_cues(s.id) == dict(s.cues)
                assert s.category == s.cues["shape"]
    pairs = Counter(tuple(s.cues.values()) for s in make_experiment("microcosm-cue-conflict").stimuli)
    assert pairs.most_common()[-1][1] == 2


@pytest.mark.slow
def test_a_damaged_set_is_an_error(tmp_path):
    (tmp_path / "microcosm" / "cat").mkdir(parents=True)
    with pytest.raises(StimulusError, match=r"microcosm is damaged because stimuli\.csv is missing: remove the folder"):
        load_microcosm_set("microcosm", tmp_path / "microcosm")


@pytest.mark.slow
def test_experiments_are_registered():
    assert {*SETS, *(f"microcosm-{name}" for name in PUBLISHED_12)} <= set(EXPERIMENTS)
    assert make_experiment("microcosm-cue-conflict").stimuli.cue_names == ("shape", "texture")
    contrast = make_experiment("microcosm-contrast")
    assert Counter(s.condition for s in contrast.stimuli) == dict.fromkeys(
        ("c100", "c50", "c30", "c15", "c10", "c05", "c03", "c01"), 60
    )
    assert {s.condition for s in make_experiment("microcosm-low-pass").stimuli} == set(
        EXPERIMENTS["microcosm-low-pass"].conditions
    )
    assert "11.4" in EXPERIMENTS["microcosm-low-pass"].conditions  # 40 pixels of 224 are 11.4 of 64
    assert contrast.choices == CATEGORIES
