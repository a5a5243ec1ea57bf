"""Drawn illusions: what is in them, which way they speak, and that they are the same every time."""

import numpy as np
import pytest
from scipy import ndimage

from experiments.illusions import NAMES
from experiments.registry import EXPERIMENTS, make_experiment
from observers.fooled import Fooled
from observers.protocol import ObserverError, Presentation, Trial
from stimuli import ambiguous, bistable, geometric, pareidolia
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.errors import StimulusError
from stimuli.illusion_sets import illusion_set
from stimuli.microcosm import exemplars
from stimuli.stimulus import Stimulus


def rng(seed=1):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", bistable.FIGURES)
def test_bistable_figures(name):
    """Alike for one seed, others for another; a cue adds ink for its percept."""
    draw = bistable.FIGURES[name].draw
    pictures = {cue: draw(cue, rng()) for cue in (-1, -0.5, 0, 0.5, 1)}
    assert all(p.shape == (224, 224, 3) and p.dtype == np.uint8 for p in pictures.values())
    assert np.array_equal(draw(0, rng()), pictures[0]) and not np.array_equal(draw(0, rng(2)), pictures[0])
    changed = {cue: np.abs(p.astype(int) - pictures[0]).sum() for cue, p in pictures.items()}
    assert changed[-1] > changed[-0.5] > 0 and changed[1] > changed[0.5] > 0


def test_a_quarter_turn_is_one():
    picture = bistable.FIGURES["duck-rabbit"].draw(0, rng())
    assert np.abs(bistable.turned(picture, 90).astype(int) - np.rot90(picture, -1)).mean() < 1
    assert np.array_equal(bistable.turned(picture, 0), picture)


def test_a_cube_without_a_front():
    """Twelve edges; a control lacks three of them."""
    ink = [255 - bistable.necker_cube(cue, rng()).astype(float).mean() for cue in (-1, 0, 1)]
    assert ink[0] / ink[1] == pytest.approx(9 / 12, abs=0.1) and ink[2] / ink[1] == pytest.approx(9 / 12, abs=0.1)


@pytest.mark.parametrize("ground", pareidolia.GROUND)
def test_hidden_faces(ground):
    """The same texture at every strength; what is added is the face, with dark eyes in a lighter head."""
    none, some, whole = (pareidolia.hidden(ground, s, rng()).astype(float).mean(axis=2) for s in (0, 0.3, 1))
    one, other = some - none, whole - none
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.95
    assert np.abs(other).max() > 60 > np.abs(one).max() > 10
    face = pareidolia.face(rng())
    assert -1 <= face.min() < -0.5 and 0.3 < face.max() <= 1
    spectrum = np.abs(np.fft.fft2(pareidolia.texture(ground, rng()))) ** 2
    assert spectrum[:, 1:6].mean() > 5 * spectrum[:, 60:100].mean()


def red(picture):
    """Boxes of the red parts: (top, bottom, left, right), from the top left."""
    r, g, b = (picture[..., k].astype(int) for k in range(3))
    parts, n = ndimage.label((r > 180) & (g < 110) & (b < 110), structure=np.ones((3, 3)))
    sizes = ndimage.sum_labels(np.ones(parts.shape), parts, range(1, n + 1))
    found = [s for s, size in zip(ndimage.find_objects(parts), sizes, strict=True) if size > 30]
    return sorted((s[0].start, s[0].stop, s[1].start, s[1].stop) for s in found)


@pytest.mark.parametrize("name", geometric.ILLUSIONS)
@pytest.mark.parametrize("difference", [0.4, -0.4])
def test_the_first_thing_is_larger_where_the_difference_is_above_zero(name, difference):
    boxes = red(geometric.draw(name, 0, difference, rng()))
    assert len(boxes) == 2
    first, second = boxes if name in ("muller-lyer", "ponzo") else sorted(boxes, key=lambda box: box[2])
    sizes = [max(box[1] - box[0], box[3] - box[2]) for box in (first, second)]
    assert (sizes[0] > sizes[1]) == (difference > 0)
    ratio = max(sizes) / min(sizes)
    assert ratio == pytest.approx(
        1.4 if "horizontal" in name or name in ("muller-lyer", "ponzo") else 1.4**0.5, abs=0.12
    )


def test_strengths_speak_for_the_first_whatever_the_difference():
    """Ponzo's rails meet at the top at a strength above 0; the left line of vertical–horizontal stands upright."""
    for difference in (-0.2, 0.0, 0.2):
        dark = (geometric.draw("ponzo", 25, difference, rng()).max(axis=2) < 90)[[10, -10]]
        spans = [np.ptp(np.flatnonzero(row)) for row in dark]
        assert spans[0] < spans[1]
        left = min(red(geometric.draw("vertical-horizontal", 90, difference, rng())), key=lambda box: box[2])
        assert left[1] - left[0] > left[3] - left[2]
    assert geometric.strengths(geometric.ILLUSIONS["ponzo"]) == (-25, -12.5, 0, 12.5, 25)


def test_objects_between_two_categories():
    cat, car = exemplars()["cat"][0], exemplars()["car"][0]
    ends = [ambiguous.blended(cat, car, w).silhouette > 0.5 for w in (0, 1)]
    assert [(end == (one.silhouette > 0.5)).mean() > 0.99 for end, one in zip(ends, (cat, car), strict=True)] == [
        True
    ] * 2
    overlap = [(ambiguous.blended(cat, car, w).silhouette > 0.5) ^ ends[0] for w in (0.25, 0.5, 0.75)]
    assert overlap[0].sum() < overlap[1].sum() < overlap[2].sum()
    assert ambiguous.draw(cat, car, 0.5, rng()).shape == (64, 64, 3)


def test_every_name_is_an_experiment():
    assert {name for name, where in EXPERIMENTS.items() if where.startswith("experiments.illusions:")} == set(NAMES)
    with pytest.raises(
        StimulusError, match="the image of paper-woman is not on this machine: observers fetch illusions"
    ):
        make_experiment("paper-woman")


@pytest.mark.parametrize("name", ["vase-faces", "necker-cube", "microcosm-ambiguous"])
def test_sets(name, tmp_path):
    found = illusion_set(name, tmp_path / name)
    again = illusion_set(name, tmp_path / "again")
    assert found.digest() == again.digest()
    experiment = make_experiment(name)
    assert experiment.stimuli.digest() == found.digest()
    percepts = {cue: {s.cues[cue] for s in found} for cue in ("percept_a", "percept_b")}
    assert all(seen <= set(experiment.choices) for seen in percepts.values())
    assert {s.category for s in found} <= {*experiment.choices, AMBIGUOUS}
    for s in found:
        end = {"-1": "percept_a", "1": "percept_b", "0": "percept_a" if name.startswith("micro") else ""}.get(
            s.condition
        )
        assert s.category == (s.cues[end] if end else AMBIGUOUS), s.id


def test_the_fooled_observer_knows_illusions_alone(tmp_path):
    stimulus = Stimulus("a.png", tmp_path, "cat")
    with pytest.raises(ObserverError, match=r"fooled only answers illusions: a.png has neither the cues"):
        list(Fooled().observe([Trial(1, 1, stimulus, CATEGORIES, Presentation())]))
    cues = {"percept_a": "cat", "percept_b": "car"}
    for condition, expected in (("turn+45", 0.5), ("0", 0.5), ("none", 0.5), ("1", 1 / (1 + np.exp(-4)))):
        one = Stimulus("a.png", tmp_path, AMBIGUOUS, condition, cues)
        (response,) = Fooled().observe([Trial(1, 1, one, CATEGORIES)])
        assert response.evidence[CATEGORIES.index("car")] == pytest.approx(expected)
        assert response.evidence.sum() == pytest.approx(1) and response.choice in ("cat", "car")
