"""The images of the microcosm, a synthetic dataset of drawn objects of the sixteen categories.

An image is (SIZE, SIZE, 3) uint8: the silhouette of an object, filled with a texture, lit from one side, on a
background. Shape and texture both identify the category: objects have the texture of their own category, except in
cue-conflict images, in which they have the texture of another category. The shapes are icons. The shapes in EXEMPLARS,
which the experiments show, come from two icon fonts that are not used in training. Everything random is determined by a
seed.
"""

from functools import cache

import numpy as np
from scipy import ndimage

from stimuli.draw.glyphs import SIDE, Shape, render_glyph, shape_from_ink
from stimuli.draw.procedural import draw_pattern

SIZE = 64  # pixels per side of an image
MAX_ROTATION = 15.0  # degrees
LARGEST_OBJECT, SMALLEST_OBJECT = 54.0, 40.0  # longer side of the object in pixels
DETAIL_DARKENING = 0.45  # fraction of the light that details on the object absorb
MAX_SHADING = 0.35  # fraction of the light that is missing on the dark side
# Smallest difference in gray level between the background and each texture color. The two texture colors differ from
# each other by at least 2.5 times this value.
MIN_GRAY_DIFFERENCE = 0.12
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
    """Return the shapes that the experiments show, by category. None of them is used in training."""
    shapes_by_category = {}
    for category, names in EXEMPLARS.items():
        shapes = (shape_from_ink(render_glyph(name), name, category) for name in names.split())
        shapes_by_category[category] = tuple(shape for shape in shapes if shape is not None)
    return shapes_by_category


def draw_image(
    shape: Shape, texture: str, rng: np.random.Generator, second_texture: tuple[str, float] | None = None
) -> np.ndarray:
    """Draw a shape that is filled with a texture, on a background.

    Args:
        shape: The shape of the object.
        texture: The category whose texture fills the object.
        rng: Determines size, rotation, position, colors, light, background and noise.
        second_texture: A category and a weight in 0..1. The texture is mixed with that category's texture, which gets
            the weight. By default there is only one texture.

    Returns:
        (SIZE, SIZE, 3) uint8.

    Raises:
        UnknownName: If a texture is unknown.
    """
    silhouette, details = _place_shape(shape, rng)
    dark, light, ground = _colors(rng)
    plane = draw_pattern(texture, rng, SIZE)
    if second_texture is not None:
        plane = (1 - second_texture[1]) * plane + second_texture[1] * draw_pattern(second_texture[0], rng, SIZE)
    surface = dark + (light - dark) * plane[..., None]
    surface = surface * (_shading(silhouette, rng) * (1 - DETAIL_DARKENING * details))[..., None]
    image = surface * silhouette[..., None] + _background(ground, rng) * (1 - silhouette[..., None])
    image += rng.normal(0, 0.015, image.shape)
    return np.asarray(np.rint(255 * np.clip(image, 0, 1)), np.uint8)


def draw_silhouette(shape: Shape, rng: np.random.Generator, *, with_details: bool = False) -> np.ndarray:
    """Draw a shape in black on a white (SIZE, SIZE, 3) uint8 image, with gray details if `with_details` is true."""
    silhouette, details = _place_shape(shape, rng)
    light = 1 - silhouette * (1 - 0.5 * details if with_details else 1)
    return np.repeat(np.asarray(np.rint(255 * light), np.uint8)[..., None], 3, axis=2)


def _place_shape(shape: Shape, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Place a shape in the image and return its silhouette and its details as (SIZE, SIZE) arrays.

    Size, rotation, mirroring and position are random. The object always lies inside the image.
    """
    longer_side = rng.uniform(SMALLEST_OBJECT, LARGEST_OBJECT)
    angle = np.deg2rad(rng.uniform(-MAX_ROTATION, MAX_ROTATION))
    margin = (SIZE - longer_side) / 2
    down, right = rng.uniform(-margin, margin, 2)
    zoom = SIDE / longer_side
    matrix = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        matrix[1] *= -1  # mirrors the image: this row gives the source column
    center = (SIZE - 1) / 2 + np.array([down, right])
    offset = np.full(2, (SIDE - 1) / 2) - matrix @ center
    planes = (shape.silhouette, shape.details)
    silhouette, details = (
        ndimage.affine_transform(ndimage.gaussian_filter(p, zoom / 3), matrix, offset, (SIZE, SIZE), order=1)
        for p in planes
    )
    return silhouette, details


def _colors(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two texture colors and a background color with different gray levels, each of shape (3,) in 0..1.

    The colors are independent of the category.
    """
    while True:
        first, second, ground = rng.uniform(0.05, 0.95, (3, 3))
        grays = first.mean(), second.mean(), ground.mean()
        texture_contrast = abs(grays[0] - grays[1])
        ground_contrast = min(abs(grays[2] - grays[0]), abs(grays[2] - grays[1]))
        if texture_contrast > 2.5 * MIN_GRAY_DIFFERENCE and ground_contrast > MIN_GRAY_DIFFERENCE:
            return first, second, ground


def _shading(silhouette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the (SIZE, SIZE) light on the object, which falls with distance from the source and towards the outline."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    direction = 1 - MAX_SHADING * 0.5 * (1 + np.clip(np.cos(angle) * x + np.sin(angle) * y, -1, 1))
    depth = np.minimum(ndimage.gaussian_filter(silhouette, 1.5) * 2 - 1, 1).clip(0)
    return np.asarray(direction * (0.6 + 0.4 * depth))


def _background(color: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a (SIZE, SIZE, 3) background, a color with slow spatial variation."""
    clouds = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), 10, mode="wrap")
    ramp = np.linspace(-1, 1, SIZE)[:, None] if rng.random() < 0.5 else np.linspace(-1, 1, SIZE)[None]
    variation = 0.05 * clouds / clouds.std() + rng.uniform(-0.1, 0.1) * ramp
    return np.asarray(color + variation[..., None])
