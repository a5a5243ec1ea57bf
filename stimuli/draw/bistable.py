"""Bistable figures: duck or rabbit, vase or two faces, and a cube seen from above or from below.

Images are `(SIZE, SIZE, 3)` uint8, with dark lines on white. The `cue`, from -1 to 1, sets how much the drawing favors
one of the two percepts: 0 favors neither, -1 shows only the first and 1 only the second. Images with a cue of -1 or 1
are controls that can be seen in one way only. Variants of a figure differ in size, position and line width, which
a seed determines.
"""

from collections.abc import Callable, Mapping

import numpy as np
from attrs import frozen
from PIL import Image, ImageDraw
from scipy import ndimage

# SIZE is in pixels per side. Figures are drawn OVERSAMPLING times as large and then reduced to SIZE.
SIZE, OVERSAMPLING = 224, 4
INK = 40  # gray level of the lines, uint8


@frozen
class BistableFigure:
    """One bistable figure."""

    percepts: tuple[str, str]  # names of the first percept (cue -1) and of the second (cue 1)
    draw: Callable[[float, np.random.Generator], np.ndarray]  # draws a variant, given the cue and a random generator


class Canvas:
    """A white canvas for dark lines.

    Coordinates run from 0 to 100, with x to the right and y downward. They are scaled about the center and shifted at
    random, and the line width is random as well, so that each seed gives a different variant.

    Colors of lines and dots are given as `lightness`, from 0 for dark (INK) to 1 for white. At 1, nothing is drawn.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        n = SIZE * OVERSAMPLING
        self.image = Image.new("L", (n, n), 255)
        self.pen = ImageDraw.Draw(self.image)
        self.scale, self.shift = rng.uniform(0.78, 0.95), rng.uniform(-4, 4, 2)
        self.width = max(1, round(n / 100 * rng.uniform(0.9, 1.5)))

    def to_pixels(self, points: np.ndarray) -> list[tuple[float, float]]:
        """Convert `(n_points, 2)` coordinates to pixels of the oversampled image."""
        moved = (np.asarray(points, float) - 50) * self.scale + 50 + self.shift
        return [(float(x), float(y)) for x, y in moved * SIZE * OVERSAMPLING / 100]

    def line(self, points: np.ndarray, lightness: float = 0.0, width: float = 1.0) -> None:
        """Draw a line through `(n_points, 2)` points; `width` is relative to the line width of the variant."""
        if lightness < 1:
            gray = round(INK + (255 - INK) * lightness)
            self.pen.line(self.to_pixels(points), gray, round(width * self.width), joint="curve")

    def area(self, points: np.ndarray, gray: int) -> None:
        """Fill a polygon with a uint8 gray level; `points` are its corners, of shape `(n_points, 2)`."""
        self.pen.polygon(self.to_pixels(points), gray)

    def dot(self, x: float, y: float, radius: float, lightness: float = 0.0) -> None:
        """Draw a filled circle."""
        if lightness < 1:
            (left, top), (right, bottom) = self.to_pixels(
                np.array([[x - radius, y - radius], [x + radius, y + radius]])
            )
            self.pen.ellipse([left, top, right, bottom], round(INK + (255 - INK) * lightness))

    def pixels(self) -> np.ndarray:
        """Return the drawing as `(SIZE, SIZE, 3)` uint8."""
        small = self.image.resize((SIZE, SIZE), Image.Resampling.BOX)
        return np.repeat(np.asarray(small, np.uint8)[..., None], 3, axis=2)


def curve(points: list[tuple[float, float]], *, closed: bool = False, n: int = 24) -> np.ndarray:
    """Return `(n_samples, 2)` points along a smooth curve through the given points (Catmull & Rom 1974).

    The curve has `n` samples between any two neighboring points. If `closed` is true, it returns to the first point.
    """
    p = np.array(points, float)
    ends = (p[-1:], p[:2]) if closed else (p[:1], p[-1:])
    p = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0, 1, n, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate([*parts, p[-2:-1]])


def duck_rabbit(cue: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a head with two lobes on its left: the bill of a duck facing left, or the ears of a rabbit facing right."""
    canvas = Canvas(rng)
    duck, rabbit = max(0.0, -cue), max(0.0, cue)
    # The lobes are short and close together for the duck, long and far apart for the rabbit.
    tip, spread = 8 + 8 * duck - 4 * rabbit, 1 + 0.9 * rabbit - 0.3 * duck
    lift = 10 * rabbit
    upper = [(46, 34), (30, 33 - 3 * spread - lift), (tip + 4, 33 - 3 * spread - 2 * lift),
             (tip, 38 - 2 * spread - 2 * lift),
             (tip + 8, 42 - spread - 1.6 * lift), (28, 43 - 0.6 * lift), (40, 46)]  # fmt: skip
    lower = [(40, 46), (28, 46 + 2 * spread), (tip + 9, 49 + 3 * spread), (tip + 3, 53 + 3.5 * spread),
             (tip + 8, 57 + 3 * spread), (28, 55 + spread), (42, 58)]  # fmt: skip
    notch = 2.5 - 2.5 * duck + 2 * rabbit
    back = [(42, 58), (45, 70), (40, 92)], [(46, 34), (56, 27), (70, 27), (80, 36), (83, 43)]
    front = [(83, 43), (83 - notch, 47), (84, 51), (80, 60), (74, 68), (80, 92)]
    for part in (upper, lower, *back, front):
        canvas.line(curve([(float(x), float(y)) for x, y in part]))
    canvas.dot(58, 42, 2.6)
    canvas.dot(58.8, 41.2, 0.8, 0.99)
    canvas.line(curve([(tip + 5, 45.5), (26, 45), (40, 46)]), 1 - duck)  # the line between the halves of the bill
    for dx, dy in ((0, 0), (3, 4), (-3, 5)):  # feathers for the duck, whiskers for the rabbit
        canvas.line(curve([(66 + dx, 74 + dy), (69 + dx, 76 + dy), (72 + dx, 74 + dy)]), 1 - duck, 0.7)
        canvas.line(np.array([(80, 52 + dy / 2), (95, 50 + 2 * dy)]), 1 - rabbit, 0.6)
    return canvas.pixels()


PROFILE = [(38, 4), (37, 14), (39, 24), (37, 30), (45, 44), (40, 48), (43, 53), (41, 56), (43, 60), (38, 66), (40, 72),
           (34, 80), (20, 86), (16, 96)]  # fmt: skip


def vase_faces(cue: float, rng: np.random.Generator) -> np.ndarray:
    """Draw Rubin's figure (1915) in two grays: a vase, or two faces in profile that look at each other."""
    canvas = Canvas(rng)
    left = curve([(float(x), float(y)) for x, y in PROFILE])
    right = np.array([100.0, 0.0]) + left * np.array([-1.0, 1.0])
    inside = np.concatenate([left, right[::-1]])
    sides = [np.concatenate([left, np.array([(-40.0, 96.0), (-40.0, 4.0)])])]
    sides.append(np.array([100.0, 0.0]) + sides[0] * np.array([-1.0, 1.0]))
    for side in sides:
        canvas.area(side, INK + 30)
    canvas.area(inside, 225)
    vase, faces = max(0.0, -cue), max(0.0, cue)
    for y in (8, 12, 78, 82, 90):  # bands of the vase
        half = np.interp(y, left[:, 1], left[:, 0])
        canvas.line(np.array([(half + 1, y), (99 - half, y)]), 1 - vase, 0.9)
    for x in (44, 50, 56):
        canvas.line(curve([(x, 18), (50 + 0.8 * (x - 50), 46), (x, 72)]), 1 - vase, 0.8)
    if faces:
        lightness = 0.2 + 0.75 * faces  # light features on the dark faces
        for sign in (1.0, -1.0):
            side = np.array([50.0, 0.0]) + (left_face() - np.array([50.0, 0.0])) * np.array([sign, 1.0])
            canvas.dot(float(side[0, 0, 0]), float(side[0, 0, 1]), 2.2, lightness)
            for stroke in range(1, len(side)):
                canvas.line(side[stroke], lightness, 0.9)
    return canvas.pixels()


def left_face() -> np.ndarray:
    """Return the strokes of the left face (eye, brow, mouth and hair) as an `(n_strokes, n_points, 2)` array."""
    strokes: list[list[tuple[float, float]]] = [[(31, 31)] * 3, [(26, 26), (30, 24.5), (34, 26)]]
    strokes.append([(33, 56), (37, 56.5), (41, 56)])
    strokes += [[(18 - 3 * k, 8), (14 - 3 * k, 20), (17 - 3 * k, 34)] for k in range(4)]
    return np.array([curve(stroke) for stroke in strokes])


CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)


def necker_cube(cue: float, rng: np.random.Generator) -> np.ndarray:
    """Draw Necker's cube (1832): all twelve edges of a transparent cube.

    A negative cue fades out the three edges that would be hidden if the cube were opaque and seen from above. A positive
    cue does the same for a cube seen from below.
    """
    canvas = Canvas(rng)
    projected = np.stack(
        [22 + 40 * CORNERS[:, 0] + 18 * CORNERS[:, 2], 72 - 40 * CORNERS[:, 1] - 16 * CORNERS[:, 2]], axis=1
    )
    edges = [(a, b) for a in range(8) for b in range(a) if np.abs(CORNERS[a] - CORNERS[b]).sum() == 1]
    # Sign of the cue -> corner that is hidden: (0, 0, 1) if the cube is seen from above, (1, 1, 0) if from below.
    hidden_corner = {-1: 1, 1: 6}
    for lightness, sign in ((max(0.0, -cue), -1), (max(0.0, cue), 1)):
        for a, b in edges:
            if hidden_corner[sign] in (a, b):
                canvas.line(projected[[a, b]], lightness)
    for a, b in edges:
        if not {1, 6} & {a, b}:
            canvas.line(projected[[a, b]])
    return canvas.pixels()


FIGURES: Mapping[str, BistableFigure] = {
    "duck-rabbit": BistableFigure(("duck", "rabbit"), duck_rabbit),
    "vase-faces": BistableFigure(("vase", "two faces"), vase_faces),
    "necker-cube": BistableFigure(("cube from above", "cube from below"), necker_cube),
}


def rotate(pixels: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate an image clockwise about its center; the corners that become visible are white."""
    out = ndimage.rotate(pixels.astype(float), -degrees, reshape=False, order=1, cval=255.0, mode="constant")
    return np.asarray(np.rint(np.clip(out, 0, 255)), np.uint8)
