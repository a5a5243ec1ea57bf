"""A small cue-conflict set of sixteen silhouettes × sixteen textures, which is drawn and not downloaded.

Each category has a silhouette, composed of ellipses, polygons and lines on a 100 × 100 grid (x to the right, y down),
and a texture, a pattern of two colors. The image `cat1-clock1.png` shows the cat's silhouette filled with the clock's
texture on gray. The textures are arbitrary: an observer that has not learned them can recognize only the shapes.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from core.atomic import make_folder_atomically
from core.errors import UnknownName
from stimuli.categories import CATEGORIES
from stimuli.images import save_image
from stimuli.stimulus import Stimulus, StimulusSet

SIZE = 224  # pixels per side of an image
BACKGROUND = 113  # uint8 gray level of the published gray, which is 0.4423 in 0..1
# Parts of a silhouette: o x0 y0 x1 y1 is an ellipse, p x y x y … a polygon, l width x y x y … a line.
# A part that starts with - is removed from the parts before it.
SHAPES: dict[str, str] = {
    "airplane": "p 46 8 54 8 57 38 96 60 96 68 57 58 55 82 68 91 68 96 50 92 32 96 32 91 45 82 43 58 4 68 4 60 43 38",
    "bear": "o 22 34 88 76;o 4 22 38 52;o 6 16 17 28;o 24 16 35 28;p 24 60 42 60 40 92 25 92;p 66 60 86 56 84 92 69 92",
    "bicycle": "o 4 44 44 84;-o 10 50 38 78;o 56 44 96 84;-o 62 50 90 78;l 5 24 64 40 34 70 34 52 64 24 64;"
    "l 5 52 64 34 26;l 6 27 25 42 25;l 5 76 64 68 22 82 20",
    "bird": "o 24 34 74 68;o 60 20 86 46;p 82 28 98 34 82 38;p 30 46 4 30 8 56;p 40 40 62 40 44 8 30 12;l 3 46 66 44 86;"
    "l 3 56 66 58 86",
    "boat": "p 6 66 94 66 80 88 20 88;l 4 48 10 48 66;p 52 12 88 58 52 58;p 44 20 44 58 16 58",
    "bottle": "p 42 6 58 6 58 30 68 46 68 94 32 94 32 46 42 30;o 32 36 68 60",
    "car": "p 4 52 20 50 34 32 70 32 84 50 96 54 96 72 4 72;o 14 60 36 82;o 64 60 86 82;-p 37 37 50 37 50 49 30 49;"
    "-p 54 37 67 37 76 49 54 49",
    "cat": "o 34 42 78 92;o 22 18 60 52;p 23 32 24 6 40 22;p 42 21 58 6 59 32;l 6 74 84 92 78 90 54 96 48",
    "chair": "p 24 6 32 6 32 50 76 50 76 94 68 94 68 60 32 60 32 94 24 94;p 32 12 36 12 36 50 32 50;l 5 28 22 44 24 44 50",
    "clock": "o 8 8 92 92;-o 16 16 84 84;o 46 46 54 54;l 5 50 50 50 24;l 5 50 50 68 60;l 4 50 17 50 22;l 4 78 50 83 50;"
    "l 4 17 50 22 50;l 4 50 78 50 83",
    "dog": "p 26 42 74 42 80 52 80 90 71 90 69 64 36 64 34 90 25 90;o 6 20 42 48;o 2 30 22 46;p 30 20 42 22 44 46 36 44;"
    "l 6 76 48 92 28",
    "elephant": "o 26 22 92 70;o 6 18 46 60;p 8 36 18 44 16 84 24 90 20 94 8 86;p 34 60 50 60 50 92 36 92;"
    "p 70 56 88 56 86 92 72 92;l 3 90 42 97 64",
    "keyboard": "p 3 32 97 32 97 70 3 70;"
    + "".join(f"-p {x} {y} {x + 8} {y} {x + 8} {y + 8} {x} {y + 8};" for y in (37, 48) for x in range(8, 88, 11))
    + "-p 24 59 76 59 76 66 24 66",
    "knife": "p 2 66 14 54 58 42 61 56 30 66;p 62 38 66 37 70 57 66 58;p 69 40 94 33 98 37 98 44 95 48 72 55",
    "oven": "p 14 8 86 8 86 92 14 92;-p 22 38 78 38 78 80 22 80;-o 22 15 32 25;-o 38 15 48 25;-o 54 15 64 25;"
    "-o 70 15 80 25;l 4 24 32 76 32",
    "truck": "p 3 22 60 22 60 72 3 72;p 63 36 82 36 96 54 96 72 63 72;o 12 64 32 84;o 66 64 86 84;"
    "-p 68 41 80 41 88 53 68 53",
}


def draw_silhouette(category: str, size: int = SIZE) -> np.ndarray:
    """Draw a category's silhouette.

    Args:
        category: One of the sixteen categories.
        size: Width and height in pixels.

    Returns:
        (size, size) float64, 1 inside the silhouette and 0 outside, with an anti-aliased edge.

    Raises:
        UnknownName: If the category does not have a silhouette.
    """
    if category not in SHAPES:
        raise UnknownName("drawn silhouette", category, SHAPES)
    scale = 4 * size / 100
    canvas = Image.new("L", (4 * size, 4 * size), 0)
    draw = ImageDraw.Draw(canvas)
    for part in filter(None, SHAPES[category].split(";")):
        head, *numbers = part.split()
        fill = 0 if head.startswith("-") else 255
        values = [float(n) * scale for n in numbers]
        if head.endswith("o"):
            draw.ellipse(values, fill=fill)
        elif head.endswith("p"):
            draw.polygon(values, fill=fill)
        else:
            draw.line(values[1:], fill=fill, width=round(values[0]), joint="curve")
    return np.asarray(canvas.resize((size, size), Image.Resampling.BOX), dtype=float) / 255


def draw_texture(category: str, size: int = SIZE) -> np.ndarray:
    """Draw a category's texture, a pattern of two colors, as a (size, size, 3) float64 image in 0..1.

    Raises:
        UnknownName: If the category does not have a texture.
    """
    if category not in CATEGORIES:
        raise UnknownName("drawn texture", category, CATEGORIES)
    number = CATEGORIES.index(category)
    y, x = np.mgrid[0:size, 0:size] * (100 / size)
    pattern = _patterns(x, y)[number % 8]
    hue = np.array([0.0, 1 / 3, 2 / 3]) + number * 0.618
    light, dark = 0.7 + 0.3 * np.cos(2 * np.pi * hue), 0.2 + 0.2 * np.cos(2 * np.pi * hue + 2)
    if number >= 8:
        pattern, light, dark = pattern.T, dark + 0.1, light
    return np.asarray(np.clip(np.where(pattern[..., None], light, dark), 0, 1))


def _patterns(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Return eight Boolean patterns; with their transposes there are sixteen."""
    distance = np.hypot(x % 10 - 5, (y + 5 * (x // 10 % 2)) % 10 - 5)  # to the center of the nearest cell
    return [
        np.sin(0.9 * x) > 0,
        np.sin(0.5 * (x + 0.6 * y)) > 0.3,
        (x // 6 + y // 12) % 2 == 0,
        distance < 3.2,
        (distance > 2.5) & (distance < 4.2),
        np.sin(0.5 * x + 2 * np.sin(0.25 * y)) > 0,
        np.abs((x + 8) % 16 - 8) > (y % 9),
        np.sin(0.35 * x * (1 + 0.012 * y)) * np.sin(0.6 * y) > 0.1,
    ]


def load_drawn_cue_conflict(folder: Path) -> StimulusSet:
    """Return the set of 256 images in a folder; in 240 of them, shape and texture conflict.

    The images and `stimuli.csv` are written first if the folder does not exist.

    Raises:
        StimulusError: If the folder is damaged.
    """
    make_folder_atomically(folder, _draw_images, "stimuli.csv")
    return StimulusSet.read(folder / "stimuli.csv", "drawn-cue-conflict")


def _draw_images(folder: Path) -> None:
    stimuli = []
    textures = {name: draw_texture(name) for name in CATEGORIES}
    for shape in CATEGORIES:
        silhouette = draw_silhouette(shape)[..., None]
        for name, texture in textures.items():
            image = silhouette * texture + (1 - silhouette) * (BACKGROUND / 255)
            path = folder / shape / f"{shape}1-{name}1.png"
            save_image(np.rint(image * 255).astype(np.uint8), path)
            stimuli.append(Stimulus(path.name, path, shape, "", {"shape": shape, "texture": name}))
    StimulusSet("drawn-cue-conflict", tuple(stimuli)).write(folder / "stimuli.csv")
