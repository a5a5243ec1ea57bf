"""Faces hidden in textures, at graded strength.

The images measure how strong a face must be before an observer sees it, and how often an observer sees a face where
there is none (pareidolia).

Images are `(SIZE, SIZE, 3)` uint8. A texture that resembles clouds, rock, bark or sand is made from noise whose
amplitude spectrum falls as 1/f, like that of natural images (Field 1987, doi 10.1364/JOSAA.4.002379). A schematic,
shaded face (head, eyes, brows, nose and mouth) is added to the texture. The strength of the face is 0 for no face and 1
for the full contrast of ±FACE_CONTRAST. The texture and the position, size and orientation of the face depend on the
seed alone, so each texture is shown with the same face at every strength.
"""

import numpy as np
from scipy import ndimage

from stimuli.images import to_uint8

SIZE = 224
TEXTURE_SD, FACE_CONTRAST = 0.14, 0.6  # standard deviation of a texture and largest change by a face, in 0..1
# Name -> mean color, elongation of the grain, exponent that sets how coarse the texture is.
TEXTURES = {
    "clouds": ((0.62, 0.68, 0.76), 1.6, 1.0),
    "rock": ((0.50, 0.47, 0.43), 1.0, 0.8),
    "bark": ((0.42, 0.33, 0.25), 4.0, 0.7),
    "sand": ((0.72, 0.62, 0.47), 2.2, 0.55),
}


def texture(name: str, rng: np.random.Generator) -> np.ndarray:
    """Return a gray texture of one of TEXTURES, `(SIZE, SIZE)` float64 with mean 0 and standard deviation 1.

    The texture is stretched 1/f noise; rock and bark also have creases.
    """
    _, stretch, power = TEXTURES[name]
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
    """Return a schematic face, `(SIZE, SIZE)` float64 in -1..1 and 0 outside the head.

    Eyes, brows, nostrils and mouth are dark on a lighter head. `rng` varies position, size and orientation.
    """
    scale, turn = rng.uniform(0.28, 0.4) * SIZE, np.deg2rad(rng.uniform(-12, 12))
    x0, y0 = rng.uniform(0.42, 0.58, 2) * SIZE
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    u = ((x - x0) * np.cos(turn) + (y - y0) * np.sin(turn)) / scale
    v = (-(x - x0) * np.sin(turn) + (y - y0) * np.cos(turn)) / scale

    def blob(center: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
        return np.asarray(np.exp(-0.5 * (((u - center[0]) / size[0]) ** 2 + ((v - center[1]) / size[1]) ** 2)))

    head = 1 / (1 + np.exp((np.hypot(u / 0.78, v / 1.05) - 1) * 14))
    out = 0.55 * head
    for side in (-1, 1):
        out = out - 1.25 * blob((0.33 * side, -0.22), (0.13, 0.075)) - 0.5 * blob((0.34 * side, -0.44), (0.19, 0.045))
        out = out - 0.35 * blob((0.1 * side, 0.22), (0.06, 0.05)) + 0.25 * blob((0.45 * side, 0.2), (0.16, 0.16))
    out = out + 0.3 * blob((0, 0.0), (0.06, 0.2)) - 1.15 * blob((0, 0.52), (0.26, 0.07))
    return np.asarray(np.clip(ndimage.gaussian_filter(out, SIZE / 150), -1, 1))


def draw(name: str, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Draw one of TEXTURES with a face of the given strength (0 to 1) in it."""
    plane, shape = texture(name, rng), face(rng)
    color = np.array(TEXTURES[name][0])
    light = TEXTURE_SD * plane[..., None] + FACE_CONTRAST * strength * shape[..., None]
    return to_uint8(np.clip(color + light * (0.6 + 0.6 * color), 0, 1))
