"""Faces hidden in textures: how much of one must be there before it is seen, and is one seen where there is none?

A picture is (SIZE, SIZE, 3) uint8: a texture of nature, clouds, rock, bark or sand, drawn from noise whose amplitude falls
with 1/f as that of natural images does (Field 1987, doi 10.1364/JOSAA.4.002379), and a schematic face (head, eyes, brows,
nose, mouth, in shades) added with a strength: 0 for none, 1 for its full contrast of ±FACE. The place, size and turn of the
face, and the texture, follow from the seed alone, so that the same texture is shown at every strength.
"""

import numpy as np
from scipy import ndimage

from stimuli.images import to_uint8

SIZE = 224
TEXTURE, FACE = 0.14, 0.6  # standard deviation of a texture, largest change by a face, in 0..1
GROUND = {  # color of a texture, how many times longer than wide its grain is, and how coarse
    "clouds": ((0.62, 0.68, 0.76), 1.6, 1.0),
    "rock": ((0.50, 0.47, 0.43), 1.0, 0.8),
    "bark": ((0.42, 0.33, 0.25), 4.0, 0.7),
    "sand": ((0.72, 0.62, 0.47), 2.2, 0.55),
}


def texture(name: str, rng: np.random.Generator) -> np.ndarray:
    """(SIZE, SIZE) float64, mean 0, standard deviation 1: 1/f noise, stretched, with creases in rock and bark."""
    _, stretch, power = GROUND[name]
    fy, fx = np.fft.fftfreq(SIZE)[:, None], np.fft.fftfreq(SIZE)[None]
    if name == "bark":
        fy, fx = fy * stretch, fx / stretch
    else:
        fy, fx = fy / stretch, fx * stretch
    f = np.maximum(np.hypot(fy, fx), 1 / SIZE)
    plane = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIZE, SIZE))) / f ** (0.5 + power)).real
    plane = (plane - plane.mean()) / plane.std()
    if name in ("rock", "bark"):
        plane = -np.abs(plane) + 0.5 * np.roll(plane, 40, axis=0)
        plane = (plane - plane.mean()) / plane.std()
    return np.asarray(plane)


def face(rng: np.random.Generator) -> np.ndarray:
    """(SIZE, SIZE) float64 in -1..1: dark eyes, brows, nostrils and mouth on a lighter head that is dark at its edge."""
    scale, turn = rng.uniform(0.28, 0.4) * SIZE, np.deg2rad(rng.uniform(-12, 12))
    x0, y0 = rng.uniform(0.42, 0.58, 2) * SIZE
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    u = ((x - x0) * np.cos(turn) + (y - y0) * np.sin(turn)) / scale
    v = (-(x - x0) * np.sin(turn) + (y - y0) * np.cos(turn)) / scale

    def blob(at: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
        return np.asarray(np.exp(-0.5 * (((u - at[0]) / size[0]) ** 2 + ((v - at[1]) / size[1]) ** 2)))

    inside = 1 / (1 + np.exp((np.hypot(u / 0.78, v / 1.05) - 1) * 14))
    out = 0.55 * inside
    for side in (-1, 1):
        out = out - 1.25 * blob((0.33 * side, -0.22), (0.13, 0.075)) - 0.5 * blob((0.34 * side, -0.44), (0.19, 0.045))
        out = out - 0.35 * blob((0.1 * side, 0.22), (0.06, 0.05)) + 0.25 * blob((0.45 * side, 0.2), (0.16, 0.16))
    out = out + 0.3 * blob((0, 0.0), (0.06, 0.2)) - 1.15 * blob((0, 0.52), (0.26, 0.07))
    return np.asarray(np.clip(ndimage.gaussian_filter(out, SIZE / 150), -1, 1))


def hidden(name: str, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A texture of GROUND with a face of that strength in it."""
    plane, shape = texture(name, rng), face(rng)
    color = np.array(GROUND[name][0])
    light = TEXTURE * plane[..., None] + FACE * strength * shape[..., None]
    return to_uint8(np.clip(color + light * (0.6 + 0.6 * color), 0, 1))
