"""The published algorithm of eidolons (Koenderink et al. 2017), written for comparison and without regard to speed.

It shares no code with `stimuli.distort.eidolon`. Noise is drawn pixel by pixel, and every blur is a convolution of all
pixels. An image takes about ten times as long.
"""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np

SIZE, PADDED = 256, 512  # pixels per side of the image, and of the mirrored image
N_SCALES = 12  # ceil(2 log2(SIZE / 4))
SIGMAS = [2 ** (k / 2 - 0.5) for k in range(N_SCALES)]
REC601 = (0.299, 0.587, 0.114)


def mirror(image: np.ndarray) -> np.ndarray:
    """Return an image of SIZE × SIZE pixels with its mirror images around it, (PADDED, PADDED).

    The images are put next to each other, first the ones mirrored left-right and then the ones mirrored up-down.
    """
    strip = np.concatenate([image[:, ::-1], image, image[:, ::-1]], axis=1)
    whole = np.concatenate([strip[::-1], strip, strip[::-1]], axis=0)
    margin = (3 * SIZE - PADDED) // 2
    return whole[margin : margin + PADDED, margin : margin + PADDED]


@cache
def sampled_gaussian(sigma: float) -> np.ndarray:
    """Return a Gaussian that is sampled at every pixel, with its peak in the corner, (PADDED, PADDED)."""
    distance = np.arange(PADDED)
    distance = np.where(distance > PADDED // 2, distance - PADDED, distance)
    gaussian = np.exp(-(distance**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    return np.outer(gaussian, gaussian)


def blur(plane: np.ndarray, sigma: float, *, flattened: bool) -> np.ndarray:
    """Blur a plane whose opposite borders are neighbors.

    The published program convolves the plane as one long row of pixels (`flattened`). The left half of the Gaussian is
    therefore one row lower than its right half, which weakens vertical gradients.
    """
    kernel = sampled_gaussian(sigma)
    if flattened:
        row = np.fft.irfft(np.fft.rfft(plane.ravel()) * np.fft.rfft(kernel.ravel()), n=plane.size)
        return row.reshape(plane.shape)
    return np.fft.irfft2(np.fft.rfft2(plane) * np.fft.rfft2(kernel), s=plane.shape)


def noise_plane(rng: np.random.Generator, sigma: float, *, flattened: bool) -> np.ndarray:
    """Return blurred noise, (PADDED, PADDED), which is scaled and shifted as in the published program."""
    noise = rng.standard_normal((PADDED, PADDED))
    blurred = blur(np.clip(noise * 127.5 / np.abs(noise).max(), -127, 127), sigma, flattened=flattened)
    return np.asarray(blurred - blurred.mean() / blurred.std())


def displacement_fields(
    rng: np.random.Generator, coherence: float, grain: float, *, flattened: bool = True
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the displacements of rows and of columns for every scale, from fine to coarse."""

    def noise(sigma: float) -> np.ndarray:
        return noise_plane(rng, sigma, flattened=flattened)

    coherent = [[noise(sigma) * sigma / (SIZE / 4) for sigma in SIGMAS] for _ in range(2)]
    for k in range(N_SCALES):
        incoherent = [noise(grain) if coherence < 1 else np.zeros((PADDED, PADDED)) for _ in range(2)]
        mixed = [(1 - coherence) * i + coherence * sum(c[k:]) for i, c in zip(incoherent, coherent, strict=True)]
        yield mixed[0], mixed[1]


def published_eidolon(
    image: np.ndarray,
    reach: float,
    rng: np.random.Generator,
    *,
    coherence: float,
    grain: float = 10.0,
    flattened: bool = True,
) -> np.ndarray:
    """Distort an image.

    Args:
        image: (SIZE, SIZE, 3) float64 in 0..1.
        reach: Strength of the displacements.
        rng: Random generator of the displacements.
        coherence: Share of the displacements that all scales have in common, 0 to 1.
        grain: Standard deviation in pixels of the blur of the incoherent fields.
        flattened: Convolve planes as one long row of pixels, as the published program does, and not in two dimensions.

    Returns:
        (SIZE, SIZE) in 0..1, rounded down to multiples of 1/255.
    """
    blurred = [blur(mirror(image @ np.array(REC601)), sigma, flattened=flattened) for sigma in SIGMAS]
    planes = [fine - coarse for fine, coarse in pairwise(blurred)] + blurred[-1:]
    rows, columns = np.indices((PADDED, PADDED))
    out = np.zeros((PADDED, PADDED))
    for plane, (down, right) in zip(
        planes, displacement_fields(rng, coherence, grain, flattened=flattened), strict=True
    ):
        row = np.clip((rows + reach * down).astype(int), 0, PADDED - 1)
        column = np.clip((columns + reach * right).astype(int), 0, PADDED - 1)
        out += plane[row, column]
    margin = (PADDED - SIZE) // 2
    inside = out[margin : margin + SIZE, margin : margin + SIZE]
    return np.asarray(np.floor(255 * np.clip(inside, 0, 1)) / 255)
