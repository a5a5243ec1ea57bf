"""Tests of drawn illusions: their content, the direction of their cues, and reproducibility."""

import numpy as np
import pytest
from scipy import ndimage

from core.errors import StimulusError
from experiments.sets.catalog import EXPERIMENTS, ILLUSIONS, cached_images
from experiments.sets.registry import make_experiment
from observers.fooled import Fooled
from observers.protocol import ObserverError, Presentation, Trial
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.draw import ambiguous, bistable, geometric, pareidolia
from stimuli.draw.illusion_sets import NAMES, illusion_set
from stimuli.draw.microcosm import exemplars
from stimuli.published.paper_illusions import IMAGES, image_folder
from stimuli.stimulus import Stimulus


def rng(seed=1):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", bistable.FIGURES)
def test_bistable_figures_depend_on_seed_and_cue(name):
    """The same seed gives the same image, another seed a different one, and a stronger cue changes the image more."""
    draw = bistable.FIGURES[name].draw
    images = {cue: draw(cue, rng()) for cue in (-1, -0.5, 0, 0.5, 1)}
    assert all(image.shape == (224, 224, 3) and image.dtype == np.uint8 for image in images.values())
    assert np.array_equal(draw(0, rng()), images[0]) and not np.array_equal(draw(0, rng(2)), images[0])
    changed = {cue: np.abs(image.astype(int) - images[0]).sum() for cue, image in images.items()}
    assert changed[-1] > changed[-0.5] > 0 and changed[1] > changed[0.5] > 0


def test_rotation_by_90_degrees_is_a_quarter_turn():
    image = bistable.FIGURES["duck-rabbit"].draw(0, rng())
    assert np.abs(bistable.rotate(image, 90).astype(int) - np.rot90(image, -1)).mean() < 1
    assert np.array_equal(bistable.rotate(image, 0), image)


def test_controls_of_the_necker_cube_lack_three_of_twelve_edges():
    ink = [255 - bistable.necker_cube(cue, rng()).astype(float).mean() for cue in (-1, 0, 1)]
    assert ink[0] / ink[1] == pytest.approx(9 / 12, abs=0.1) and ink[2] / ink[1] == pytest.approx(9 / 12, abs=0.1)


@pytest.mark.parametrize("texture", pareidolia.TEXTURES)
def test_hidden_faces_are_added_to_the_same_texture_at_every_strength(texture):
    """The difference to the texture is the face, with dark eyes in a lighter head."""
    absent, weak, strong = (pareidolia.draw(texture, s, rng()).astype(float).mean(axis=2) for s in (0, 0.3, 1))
    weak_face, strong_face = weak - absent, strong - absent
    assert np.corrcoef(weak_face.ravel(), strong_face.ravel())[0, 1] > 0.95
    assert np.abs(strong_face).max() > 60 > np.abs(weak_face).max() > 10
    face = pareidolia.face(rng())
    assert -1 <= face.min() < -0.5 and 0.3 < face.max() <= 1
    spectrum = np.abs(np.fft.fft2(pareidolia.texture(texture, rng()))) ** 2
    assert spectrum[:, 1:6].mean() > 5 * spectrum[:, 60:100].mean()


def red_boxes(image):
    """Return the bounding boxes (top, bottom, left, right) of the red parts of an image, sorted from top to bottom."""
    r, g, b = (image[..., k].astype(int) for k in range(3))
    parts, n = ndimage.label((r > 180) & (g < 110) & (b < 110), structure=np.ones((3, 3)))
    sizes = ndimage.sum_labels(np.ones(parts.shape), parts, range(1, n + 1))
    boxes = [s for s, size in zip(ndimage.find_objects(parts), sizes, strict=True) if size > 30]
    return sorted((s[0].start, s[0].stop, s[1].start, s[1].stop) for s in boxes)


@pytest.mark.slow
@pytest.mark.parametrize("name", geometric.ILLUSIONS)
@pytest.mark.parametrize("difference", [0.4, -0.4])
def test_a_positive_difference_makes_the_first_object_larger(name, difference):
    boxes = red_boxes(geometric.draw(name, 0, difference, rng()))
    assert len(boxes) == 2
    first, second = boxes if name in ("muller-lyer", "ponzo") else sorted(boxes, key=lambda box: box[2])
    sizes = [max(box[1] - box[0], box[3] - box[2]) for box in (first, second)]
    assert (sizes[0] > sizes[1]) == (difference > 0)
    ratio = max(sizes) / min(sizes)
    assert ratio == pytest.approx(
        1.4 if "horizontal" in name or name in ("muller-lyer", "ponzo") else 1.4**0.5, abs=0.12
    )


def test_positive_strengths_favor_the_first_object_at_every_difference():
    """With a positive strength, the rails of Ponzo meet at the top and the left line of vertical–horizontal is vertical."""
    for difference in (-0.2, 0.0, 0.2):
        dark = (geometric.draw("ponzo", 25, difference, rng()).max(axis=2) < 90)[[10, -10]]
        spans = [np.ptp(np.flatnonzero(row)) for row in dark]
        assert spans[0] < spans[1]
        left_line = min(red_boxes(geometric.draw("vertical-horizontal", 90, difference, rng())), key=lambda box: box[2])
        assert left_line[1] - left_line[0] > left_line[3] - left_line[2]
    assert geometric.strengths(geometric.ILLUSIONS["ponzo"]) == (-25, -12.5, 0, 12.5, 25)


def test_blended_shapes_move_gradually_from_one_shape_to_the_other():
    cat, car = exemplars()["cat"][0], exemplars()["car"][0]
    ends = [ambiguous.blend_shapes(cat, car, w).silhouette > 0.5 for w in (0, 1)]
    for end, shape in zip(ends, (cat, car), strict=True):
        assert (end == (shape.silhouette > 0.5)).mean() > 0.99
    changed = [(ambiguous.blend_shapes(cat, car, w).silhouette > 0.5) ^ ends[0] for w in (0.25, 0.5, 0.75)]
    assert changed[0].sum() < changed[1].sum() < changed[2].sum()
    assert ambiguous.draw(cat, car, 0.5, rng()).shape == (64, 64, 3)


def test_every_name_is_an_experiment():
    assert {name for name, row in EXPERIMENTS.items() if row.group == ILLUSIONS} == {*NAMES, *IMAGES}
    for name, image in IMAGES.items():
        row = EXPERIMENTS[name]
        assert row.license == image.credit.license and row.choices == image.percepts
        assert cached_images(name) == image_folder() / f"{name}.png"
    with pytest.raises(StimulusError, match="the image of paper-woman is missing: run `observers fetch illusions`"):
        make_experiment("paper-woman")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vase-faces", "necker-cube", "microcosm-ambiguous"])
def test_sets_are_reproducible_and_have_categories_and_percepts_among_the_choices(name, tmp_path):
    first = illusion_set(name, tmp_path / name)
    experiment = make_experiment(name)
    assert experiment.stimuli.digest() == first.digest()
    percepts = {cue: {s.cues[cue] for s in first} for cue in ("percept_a", "percept_b")}
    assert all(names <= set(experiment.choices) for names in percepts.values())
    assert {s.category for s in first} <= {*experiment.choices, AMBIGUOUS}
    controls = {"-1": "percept_a", "1": "percept_b", "0": "percept_a" if name.startswith("micro") else ""}
    for s in first:
        percept = controls.get(s.condition)
        assert s.category == (s.cues[percept] if percept else AMBIGUOUS), s.id


def test_the_fooled_observer_responds_to_illusions_only(tmp_path):
    stimulus = Stimulus("a.png", tmp_path, "cat")
    with pytest.raises(ObserverError, match=r"fooled only answers illusions: a.png needs the cues 'difference'"):
        list(Fooled().observe([Trial(1, 1, stimulus, CATEGORIES, Presentation())]))
    cues = {"percept_a": "cat", "percept_b": "car"}
    for condition, expected in (("turn+45", 0.5), ("0", 0.5), ("none", 0.5), ("1", 1 / (1 + np.exp(-4)))):
        stimulus = Stimulus("a.png", tmp_path, AMBIGUOUS, condition, cues)
        (response,) = Fooled().observe([Trial(1, 1, stimulus, CATEGORIES)])
        assert response.evidence[CATEGORIES.index("car")] == pytest.approx(expected)
        assert response.evidence.sum() == pytest.approx(1) and response.choice in ("cat", "car")
