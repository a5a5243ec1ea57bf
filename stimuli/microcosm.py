"""The microcosm: a small world of the sixteen categories in which shape and texture both tell the category.

A picture is (SIZE, SIZE, 3) uint8: an object's shape, filled with a texture, lit from one side, on a background. In the
world as it is, objects have the texture of their own category; in a cue-conflict picture that of another. Shapes are icons:
those shown here are of two icon fonts that no training sees. Everything follows from a seed.
"""

from functools import cache

import numpy as np
from scipy import ndimage

from stimuli.glyphs import SIDE, Shape, glyph, shape_of
from stimuli.procedural import pattern

SIZE = 64
TURN, LARGEST, SMALLEST = 15.0, 54.0, 40.0  # degrees; pixels of the longer side
MARK, DARKEST, APART = 0.45, 0.35, 0.12  # light of marks; of the dark side; least difference of grays
EXEMPLARS = {
    "airplane": "mdi:airplane mdi:airplane_takeoff fa:plane fa:plane_up fa:plane_departure",
    "bear": "mdi:teddy_bear mdi:panda",
    "bicycle": "mdi:bicycle mdi:bicycle_basket mdi:bicycle_penny_farthing fa:bicycle",
    "bird": "mdi:bird mdi:duck mdi:owl mdi:penguin fa:crow fa:dove fa:kiwi_bird",
    "boat": "mdi:ferry mdi:sail_boat fa:ferry fa:sailboat fa:ship",
    "bottle": "mdi:baby_bottle mdi:bottle_soda mdi:bottle_soda_classic mdi:bottle_tonic mdi:bottle_wine fa:bottle_water "
    "fa:wine_bottle",
    "car": "mdi:car mdi:car_side mdi:car_estate mdi:car_convertible mdi:car_sports fa:car fa:car_side",
    "cat": "mdi:cat fa:cat",
    "chair": "mdi:chair_rolling mdi:chair_school mdi:seat fa:chair",
    "clock": "mdi:clock mdi:clock_outline mdi:alarm mdi:clock_time_eight fa:clock",
    "dog": "mdi:dog mdi:dog_side fa:dog",
    "elephant": "mdi:elephant fa:republican",
    "keyboard": "mdi:keyboard mdi:keyboard_variant fa:keyboard",
    "knife": "mdi:knife mdi:knife_military",
    "oven": "mdi:microwave mdi:stove mdi:toaster_oven",
    "truck": "mdi:truck mdi:dump_truck mdi:tanker_truck mdi:tow_truck mdi:truck_cargo_container fa:truck fa:truck_moving",
}


@cache
def exemplars() -> dict[str, tuple[Shape, ...]]:
    """The shapes that are shown, by category; none of them was seen in training."""
    found = {}
    for category, names in EXEMPLARS.items():
        shapes = (shape_of(glyph(name), name, category) for name in names.split())
        found[category] = tuple(shape for shape in shapes if shape is not None)
    return found


def draw(shape: Shape, texture: str, rng: np.random.Generator, mixed: tuple[str, float] | None = None) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8: the shape with the texture of the category `texture`, or `mixed` with a share of another."""
    inside, marks = _placed(shape, rng)
    dark, light, ground = _colors(rng)
    plane = pattern(texture, rng, SIZE)
    if mixed is not None:
        plane = (1 - mixed[1]) * plane + mixed[1] * pattern(mixed[0], rng, SIZE)
    surface = dark + (light - dark) * plane[..., None]
    surface = surface * (_light(inside, rng) * (1 - MARK * marks))[..., None]
    picture = surface * inside[..., None] + _background(ground, rng) * (1 - inside[..., None])
    picture += rng.normal(0, 0.015, picture.shape)
    return np.asarray(np.rint(255 * np.clip(picture, 0, 1)), np.uint8)


def silhouette(shape: Shape, rng: np.random.Generator, *, marks: bool = False) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8: the shape black on white, what is on it gray if `marks`."""
    inside, on_it = _placed(shape, rng)
    light = 1 - inside * (1 - 0.5 * on_it if marks else 1)
    return np.repeat(np.asarray(np.rint(255 * light), np.uint8)[..., None], 3, axis=2)


def _placed(shape: Shape, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(SIZE, SIZE) each: silhouette and marks, scaled, turned, perhaps mirrored, and moved as far as there is room."""
    longer = rng.uniform(SMALLEST, LARGEST)
    angle = np.deg2rad(rng.uniform(-TURN, TURN))
    room = (SIZE - longer) / 2
    down, right = rng.uniform(-room, room, 2)
    zoom = SIDE / longer
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn[1] *= -1  # where the column comes from
    center = (SIZE - 1) / 2 + np.array([down, right])
    offset = np.full(2, (SIDE - 1) / 2) - turn @ center
    planes = (shape.silhouette, shape.details)
    inside, marks = (
        ndimage.affine_transform(ndimage.gaussian_filter(p, zoom / 3), turn, offset, (SIZE, SIZE), order=1)
        for p in planes
    )
    return inside, marks


def _colors(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(3,) each: the texture's two colors and the background's, apart in gray. They say nothing of the category."""
    while True:
        one, two, ground = rng.uniform(0.05, 0.95, (3, 3))
        grays = one.mean(), two.mean(), ground.mean()
        if abs(grays[0] - grays[1]) > 2.5 * APART and min(abs(grays[2] - grays[0]), abs(grays[2] - grays[1])) > APART:
            return one, two, ground


def _light(inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(SIZE, SIZE): darker away from a light, and where the object turns away at its border."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    side = 1 - DARKEST * 0.5 * (1 + np.clip(np.cos(angle) * x + np.sin(angle) * y, -1, 1))
    depth = np.minimum(ndimage.gaussian_filter(inside, 1.5) * 2 - 1, 1).clip(0)
    return np.asarray(side * (0.6 + 0.4 * depth))


def _background(color: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(SIZE, SIZE, 3): a color that changes slowly."""
    clouds = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), 10, mode="wrap")
    ramp = np.linspace(-1, 1, SIZE)[:, None] if rng.random() < 0.5 else np.linspace(-1, 1, SIZE)[None]
    change = 0.05 * clouds / clouds.std() + rng.uniform(-0.1, 0.1) * ramp
    return np.asarray(color + change[..., None])
