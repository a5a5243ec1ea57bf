"""Eidolons: images that are split into scales and reassembled after every scale has been displaced locally.

The method is that of Koenderink, Valsecchi, van Doorn, Wagemans & Gegenfurtner (2017, Journal of Vision 17(2):7). The
image is resized so that its longer side has SIZE pixels, and padded to N × N pixels by mirroring it at its border, as in
the published implementation. It is split into K differences of Gaussians D_k with the standard deviations
σ_k = 2^(k/2 − 1/2). Every D_k is sampled, by nearest neighbor, at positions displaced by a random vector field F_k, and
the results are added:

    out = Σ_k D_k(row + reach · F_row, column + reach · F_column),     F_k = (1 − coherence) I_k + coherence C_k

The incoherent field I_k is white noise blurred by `grain` pixels, drawn independently for every scale. The coherent
field C_k is the sum over j ≥ k of white noise blurred by σ_j and multiplied by σ_j/(SIZE/4); all scales share this
noise.

In the published implementation, noise is multiplied by 127.5/(its largest absolute value) and shifted by mean/sd, so
that `reach` is not a distance in pixels. Per unit of reach, the standard deviation of a displacement is 0.77 pixels at
coherence 0, 0.55 at 0.3, and from 0.41 (finest scale) to 0.115 (coarsest) at 1. If `standardize` is true, noise
is scaled to mean 0 and variance 1 before it is mixed, as was apparently intended. Every field F_k is then standardized,
too, so that `reach` is the standard deviation of the displacements in pixels.

For speed, fields are drawn as the Fourier coefficients of blurred white noise, and only at the frequencies that the
blur does not remove. The resulting fields have the same distribution as N × N random numbers that are drawn and then
blurred. The published scaling needs the largest absolute value of these N² numbers. This maximum is drawn directly from
the distribution of such a maximum, without drawing the N² numbers.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image
from scipy import fft, special

from core.errors import StimulusError

SIZE = 256  # pixels of the longer side of every image when it is distorted
REC601 = np.array([0.299, 0.587, 0.114])  # weights of R, G and B in luma
# Frequencies are computed up to this many standard deviations of a blur's transfer function; at higher frequencies the
# transfer function is below 5e-5.
BAND_SDS = 4.5
MAX_REACH = 10_000.0
PADDING: Literal["symmetric", "edge"] = "symmetric"  # a mode of np.pad; "edge" was that of version 1


def eidolon(
    image: np.ndarray,
    reach: float,
    rng: np.random.Generator,
    *,
    coherence: float,
    grain: float = 10.0,
    standardize: bool = False,
) -> np.ndarray:
    """Distort the gray version of an image by displacing its scales.

    Before it is distorted, the image is resized so that its longer side has SIZE pixels. The result is rounded down to
    multiples of 1/255, as in the published images, and resized to the original size.

    Args:
        image: (h, w, 3) float64 in 0..1.
        reach: Strength of the displacements, 0 to MAX_REACH; the docstring of the module explains the unit.
        rng: Random generator of the displacements.
        coherence: Share of the displacement field that all scales have in common, 0 to 1.
        grain: Standard deviation in pixels (of SIZE) of the blur of the incoherent fields, above 0 up to SIZE.
        standardize: Scale the fields so that `reach` is the standard deviation of displacements in pixels (of SIZE).

    Returns:
        (h, w) in 0..1.

    Raises:
        StimulusError: If a parameter is out of range.
    """
    if not (0 <= reach <= MAX_REACH and 0 <= coherence <= 1 and 0 < grain <= SIZE):
        raise StimulusError(
            f"an eidolon needs a reach from 0 to {MAX_REACH:g}, a coherence from 0 to 1 and a grain above 0 up to {SIZE}, "
            f"got {reach:g}, {coherence:g} and {grain:g}"
        )
    height, width = image.shape[:2]
    shrink = SIZE / max(height, width)
    h, w = max(1, round(height * shrink)), max(1, round(width * shrink))
    plane = _resize(np.asarray(image @ REC601), h, w)
    n = 2 ** int(np.ceil(np.log2(1.5 * SIZE)))
    y, x = (n - h) // 2, (n - w) // 2
    padded = np.pad(plane, ((y, n - h - y), (x, n - w - x)), mode=PADDING).astype(np.float32)
    rows, columns = np.arange(y, y + h)[:, None], np.arange(x, x + w)[None]
    inside = (slice(y, y + h), slice(x, x + w))
    out = np.zeros((h, w))
    fields = _displacement_fields(n, rng, coherence, grain, standardize)
    for scale, (field_rows, field_columns) in zip(_split_scales(padded), fields, strict=True):
        sampled_rows = np.clip(rows + reach * field_rows[inside], 0, n - 1).astype(np.intp)
        sampled_columns = np.clip(columns + reach * field_columns[inside], 0, n - 1).astype(np.intp)
        out += scale[sampled_rows, sampled_columns]
    out = np.floor(255 * np.clip(out, 0, 1) + 1e-4) / 255
    return np.asarray(np.clip(_resize(out, height, width), 0, 1))


def distort_by_level(
    image: np.ndarray, level: tuple[float, float, float], rng: np.random.Generator, *, standardize: bool = False
) -> np.ndarray:
    """Distort the gray version of an image by a level that combines the parameters of `eidolon`.

    Args:
        image: (h, w, 3) float64 in 0..1.
        level: Reach, coherence and grain.
        rng: Random generator of the displacements.
        standardize: Scale the fields so that the reach is the standard deviation of displacements in pixels (of SIZE).

    Returns:
        (h, w) in 0..1.

    Raises:
        StimulusError: If a parameter is out of range.
    """
    reach, coherence, grain = level
    return eidolon(image, reach, rng, coherence=coherence, grain=grain, standardize=standardize)


def _resize(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float64)


def scale_sigmas() -> np.ndarray:
    """Return the (K,) standard deviations σ_k of the scales in pixels, from fine to coarse."""
    k = int(np.ceil(2 * np.log2(SIZE / 4)))
    return np.asarray(2.0 ** (np.arange(k) / 2 - 0.5))


@lru_cache(maxsize=64)
def _transfer(n: int, sigma: float) -> np.ndarray:
    """Return the (b + 1,) transfer function of a Gaussian blur along an axis of n pixels, at the frequencies 0 … b.

    It is the Fourier transform of a Gaussian that is sampled at every pixel, which for a narrow Gaussian differs from
    the transform of the continuous Gaussian. At the highest frequency b, the transfer function becomes negligible
    (BAND_SDS); b is at most n // 2.
    """
    frequency = np.arange(min(n // 2, int(np.ceil(BAND_SDS * n / (2 * np.pi * sigma)))) + 1) / n
    aliases = np.arange(-1, 2)[:, None]  # in multiples of the sampling frequency
    return np.asarray(np.exp(-2 * (np.pi * sigma * (frequency + aliases)) ** 2).sum(axis=0), np.float32)


def _split_scales(padded: np.ndarray) -> Iterator[np.ndarray]:
    """Yield K − 1 differences of Gaussians from fine to coarse, and then the coarsest Gaussian.

    Their sum is the image blurred by the finest Gaussian.
    """
    n = len(padded)
    spectrum = fft.rfft2(padded)
    sigmas = scale_sigmas()
    for i, sigma in enumerate(sigmas):
        fine = _transfer(n, sigma)
        b = len(fine) - 1
        weight = fine[np.abs(_signed_frequencies(b, n)), None] * fine[None]
        if i + 1 < len(sigmas):
            coarse = np.zeros_like(fine)
            transfer = _transfer(n, sigmas[i + 1])
            coarse[: len(transfer)] = transfer[: len(fine)]
            weight = weight - coarse[np.abs(_signed_frequencies(b, n)), None] * coarse[None]
        yield _inverse_transform(spectrum[_signed_frequencies(b, n)][:, : b + 1] * weight, n)


def _signed_frequencies(b: int, n: int) -> np.ndarray:
    """Return the frequencies 0 … b, −b … −1 of the first axis, or all n frequencies if the band covers them."""
    return np.asarray(np.r_[0 : b + 1, -b:0] if 2 * b + 1 <= n else np.r_[0 : n // 2, -(n // 2) : 0])


def _inverse_transform(band: np.ndarray, n: int) -> np.ndarray:
    """Return the (n, n) inverse Fourier transform of a band, which is real.

    A band contains the coefficients at the frequencies `_signed_frequencies` of the first axis and 0 … b of the second
    axis. All other coefficients are 0.
    """
    rows = np.zeros((n, band.shape[1]), dtype=np.complex64)
    rows[_signed_frequencies(band.shape[1] - 1, n)] = band
    return np.asarray(fft.irfft(fft.ifft(rows, axis=0, overwrite_x=True), n=n, axis=1))


def _displacement_fields(
    n: int, rng: np.random.Generator, coherence: float, grain: float, standardize: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the K fields F_k from fine to coarse, each as two (n, n) arrays: displacements of rows and of columns."""
    sigmas = scale_sigmas()
    max_sigma = SIZE / 4
    coherent: list[tuple[np.ndarray, np.ndarray]] = []
    if coherence > 0:
        sums: list[np.ndarray] = [np.zeros((1, 1), np.complex64)] * 2
        for sigma in sigmas[::-1]:
            sums = [
                _add_bands(band, _draw_noise(n, sigma, rng, standardize) * np.float32(sigma / max_sigma), n)
                for band in sums
            ]
            coherent.append((sums[0], sums[1]))
        coherent.reverse()
    for k in range(len(sigmas)):
        pair = []
        for axis in range(2):
            band: np.ndarray = np.zeros((1, 1), np.complex64)
            if coherence > 0:
                band = np.asarray(np.float32(coherence) * coherent[k][axis])
            if coherence < 1:
                band = _add_bands(band, np.float32(1 - coherence) * _draw_noise(n, grain, rng, standardize), n)
            field = _inverse_transform(band, n)
            pair.append((field - field.mean()) / field.std() if standardize else field)
        yield pair[0], pair[1]


def _add_bands(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """Return the sum of two bands of coefficients, which may have different widths."""
    if a.shape[1] > b.shape[1]:
        a, b = b, a
    total = b.copy()
    rows = _signed_frequencies(a.shape[1] - 1, n)
    total[rows, : a.shape[1]] += a
    return np.asarray(total)


def _draw_noise(n: int, sigma: float, rng: np.random.Generator, standardize: bool) -> np.ndarray:
    """Return a band: the Fourier coefficients of n × n white noise that is blurred by σ.

    The noise is scaled to mean 0 and variance 1 if `standardize` is true. Otherwise it is scaled and shifted as in the
    published implementation.
    """
    transfer = _transfer(n, sigma)
    b = len(transfer) - 1
    frequencies = _signed_frequencies(b, n)
    normal = rng.standard_normal((len(frequencies), 2 * (b + 1)), dtype=np.float32)
    band = normal.view(np.complex64)  # pairs of numbers become real and imaginary parts
    _make_hermitian(band[:, 0], frequencies, n)
    if b == n // 2:
        _make_hermitian(band[:, b], frequencies, n)
    band *= (transfer * np.float32(n / np.sqrt(2)))[np.abs(frequencies), None] * transfer[None]
    mean = float(band[0, 0].real) / n**2
    # Columns other than 0 and n // 2 count twice, because their conjugate coefficients are not stored.
    multiplicity = np.where((np.arange(b + 1) > 0) & (np.arange(b + 1) < n // 2), 2.0, 1.0)
    sd = np.sqrt(float((np.square(np.abs(band)) @ multiplicity).sum()) / n**4 - mean**2)
    if standardize:
        band[0, 0] = 0
        return np.asarray(band / np.float32(sd))
    # The largest of n² numbers |N(0, 1)| is drawn by inverting its distribution function (2Φ(x) − 1)^(n²).
    largest = special.ndtri((1 + rng.random() ** (1 / n**2)) / 2)
    band *= np.float32(127.5 / largest)
    band[0, 0] -= np.float32(mean / sd * n**2)
    return np.asarray(band)


def _make_hermitian(column: np.ndarray, frequencies: np.ndarray, n: int) -> None:
    """Change a column in place so that opposite frequencies are conjugates, as in the transform of a real array."""
    middle = len(frequencies) // 2
    half = column[1:middle] if len(frequencies) == n else column[1 : middle + 1]
    column[-len(half) :] = np.conj(half[::-1])
    column[0] = column[0].real * np.sqrt(2)
    if len(frequencies) == n:
        column[middle] = column[middle].real * np.sqrt(2)
