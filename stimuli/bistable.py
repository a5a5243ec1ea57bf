"""Figures that can be seen as either of two things: a duck or a rabbit, a vase or two faces, a cube from two sides.

A picture is (SIZE, SIZE, 3) uint8, dark lines on white. Its `cue` says how much drawing speaks for which percept: 0 for
neither, -1 for the first alone, 1 for the second alone; at its ends it is a control that can be seen in one way only.
Variants of one figure differ in size, place and width of lines, by a seed.
"""

from collections.abc import Callable, Mapping

import numpy as np
from attrs import frozen
from PIL import Image, ImageDraw
from scipy import ndimage

SIZE, FINE = 224, 4  # pixels a side; drawn so many times finer
INK = 40


@frozen
class Figure:
    percepts: tuple[str, str]
    draw: Callable[[float, np.random.Generator], np.ndarray]  # of a cue


class Board:
    """Coordinates are 0..100, right and down, about the middle scaled and moved by the variant."""

    def __init__(self, rng: np.random.Generator) -> None:
        n = SIZE * FINE
        self.image = Image.new("L", (n, n), 255)
        self.pen = ImageDraw.Draw(self.image)
        self.scale, self.shift = rng.uniform(0.78, 0.95), rng.uniform(-4, 4, 2)
        self.width = max(1, round(n / 100 * rng.uniform(0.9, 1.5)))

    def at(self, points: np.ndarray) -> list[tuple[float, float]]:
        moved = (np.asarray(points, float) - 50) * self.scale + 50 + self.shift
        return [(float(x), float(y)) for x, y in moved * SIZE * FINE / 100]

    def line(self, points: np.ndarray, light: float = 0.0, width: float = 1.0) -> None:
        """Dark, or as light as is said, 1 for not at all."""
        if light < 1:
            gray = round(INK + (255 - INK) * light)
            self.pen.line(self.at(points), gray, round(width * self.width), joint="curve")

    def area(self, points: np.ndarray, gray: int) -> None:
        self.pen.polygon(self.at(points), gray)

    def dot(self, x: float, y: float, radius: float, light: float = 0.0) -> None:
        if light < 1:
            (left, top), (right, bottom) = self.at(np.array([[x - radius, y - radius], [x + radius, y + radius]]))
            self.pen.ellipse([left, top, right, bottom], round(INK + (255 - INK) * light))

    def pixels(self) -> np.ndarray:
        small = self.image.resize((SIZE, SIZE), Image.Resampling.BOX)
        return np.repeat(np.asarray(small, np.uint8)[..., None], 3, axis=2)


def curve(points: list[tuple[float, float]], *, closed: bool = False, n: int = 24) -> np.ndarray:
    """(…, 2) along a smooth curve through the points (Catmull & Rom 1974)."""
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
    """A head with two lobes to the left: the bill of a duck that looks left, or the ears of a rabbit that looks right."""
    board = Board(rng)
    duck, rabbit = max(0.0, -cue), max(0.0, cue)
    # Lobes: short and together for a duck, long and apart for a rabbit.
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
        board.line(curve([(float(x), float(y)) for x, y in part]))
    board.dot(58, 42, 2.6)
    board.dot(58.8, 41.2, 0.8, 0.99)
    board.line(curve([(tip + 5, 45.5), (26, 45), (40, 46)]), 1 - duck)  # where a bill opens
    for dx, dy in ((0, 0), (3, 4), (-3, 5)):  # feathers, or whiskers
        board.line(curve([(66 + dx, 74 + dy), (69 + dx, 76 + dy), (72 + dx, 74 + dy)]), 1 - duck, 0.7)
        board.line(np.array([(80, 52 + dy / 2), (95, 50 + 2 * dy)]), 1 - rabbit, 0.6)
    return board.pixels()


PROFILE = [(38, 4), (37, 14), (39, 24), (37, 30), (45, 44), (40, 48), (43, 53), (41, 56), (43, 60), (38, 66), (40, 72),
           (34, 80), (20, 86), (16, 96)]  # fmt: skip


def vase_faces(cue: float, rng: np.random.Generator) -> np.ndarray:
    """Rubin's (1915): a vase, or two faces in profile that look at each other, in two grays."""
    board = Board(rng)
    left = curve([(float(x), float(y)) for x, y in PROFILE])
    right = np.array([100.0, 0.0]) + left * np.array([-1.0, 1.0])
    inside = np.concatenate([left, right[::-1]])
    sides = [np.concatenate([left, np.array([(-40.0, 96.0), (-40.0, 4.0)])])]
    sides.append(np.array([100.0, 0.0]) + sides[0] * np.array([-1.0, 1.0]))
    for side in sides:
        board.area(side, INK + 30)
    board.area(inside, 225)
    vase, faces = max(0.0, -cue), max(0.0, cue)
    for y in (8, 12, 78, 82, 90):  # bands of a vase
        half = np.interp(y, left[:, 1], left[:, 0])
        board.line(np.array([(half + 1, y), (99 - half, y)]), 1 - vase, 0.9)
    for x in (44, 50, 56):
        board.line(curve([(x, 18), (50 + 0.8 * (x - 50), 46), (x, 72)]), 1 - vase, 0.8)
    if faces:
        light = 0.2 + 0.75 * faces
        for sign in (1.0, -1.0):
            side = np.array([50.0, 0.0]) + (left_face() - np.array([50.0, 0.0])) * np.array([sign, 1.0])
            board.dot(float(side[0, 0, 0]), float(side[0, 0, 1]), 2.2, light)
            for stroke in range(1, len(side)):
                board.line(side[stroke], light, 0.9)
    return board.pixels()


def left_face() -> np.ndarray:
    """(strokes, points, 2): an eye, a brow, a mouth and hair."""
    strokes: list[list[tuple[float, float]]] = [[(31, 31)] * 3, [(26, 26), (30, 24.5), (34, 26)]]
    strokes.append([(33, 56), (37, 56.5), (41, 56)])
    strokes += [[(18 - 3 * k, 8), (14 - 3 * k, 20), (17 - 3 * k, 34)] for k in range(4)]
    return np.array([curve(stroke) for stroke in strokes])


CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)


def necker_cube(cue: float, rng: np.random.Generator) -> np.ndarray:
    """Necker's (1832): edges of a cube without a front; a control leaves out the three that would be hidden."""
    board = Board(rng)
    flat = np.stack(
        [22 + 40 * CORNERS[:, 0] + 18 * CORNERS[:, 2], 72 - 40 * CORNERS[:, 1] - 16 * CORNERS[:, 2]], axis=1
    )
    edges = [(a, b) for a in range(8) for b in range(a) if np.abs(CORNERS[a] - CORNERS[b]).sum() == 1]
    behind = {-1: 1, 1: 6}  # the corner that is hidden: seen from above (0, 0, 1), seen from below (1, 1, 0)
    for light, sign in ((max(0.0, -cue), -1), (max(0.0, cue), 1)):
        for a, b in edges:
            if behind[sign] in (a, b):
                board.line(flat[[a, b]], light)
    for a, b in edges:
        if not {1, 6} & {a, b}:
            board.line(flat[[a, b]])
    return board.pixels()


FIGURES: Mapping[str, Figure] = {
    "duck-rabbit": Figure(("duck", "rabbit"), duck_rabbit),
    "vase-faces": Figure(("vase", "two faces"), vase_faces),
    "necker-cube": Figure(("cube from above", "cube from below"), necker_cube),
}


def turned(pixels: np.ndarray, degrees: float) -> np.ndarray:
    """Clockwise about the middle, white where nothing was."""
    out = ndimage.rotate(pixels.astype(float), -degrees, reshape=False, order=1, cval=255.0, mode="constant")
    return np.asarray(np.rint(np.clip(out, 0, 255)), np.uint8)
