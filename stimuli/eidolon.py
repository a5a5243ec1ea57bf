"""Eidolons: images taken apart by scale and put together again with every scale displaced.

Koenderink, Valsecchi, van Doorn, Wagemans & Gegenfurtner (2017), Journal of Vision 17(2):7. N × N pixels of the padded
image, K scales σ_k = 2^(k/2 − 1/2). The image, its longer side SIZE, is split into differences of Gaussians D_k; each is
looked up at places that a random vector field F_k moves it to, and all are added, nearest neighbor:

    out = Σ_k D_k(row + reach · F_row, column + reach · F_column),     F_k = (1 − coherence) I_k + coherence C_k

with an incoherent field I_k, white noise blurred by `grain` pixels, new for every scale, and a coherent one,
C_k = Σ_{j ≥ k} σ_j/MAX times white noise blurred by σ_j, which all scales share.

As published, noise is scaled by 127.5 over its largest value and shifted by mean/sd, so that `reach` is no distance in
pixels: per unit of reach the standard deviation of a displacement is 0.77 pixels at coherence 0, 0.55 at 0.3, and from 0.41
(finest scale) to 0.115 (coarsest) at 1. With `standardize` noise has mean 0 and variance 1, as was meant, before it is
mixed, and every field F_k again: reach is the standard deviation in pixels.

Fields are drawn as the Fourier coefficients of blurred white noise, only those that the blur lets through: the same
distribution as that of N × N numbers that are blurred, in a fraction of the time. The largest of the N² numbers is drawn by
itself.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from PIL import Image
from scipy import fft, special

from stimuli.errors import StimulusError

SIZE = 256  # pixels of the longer side, whatever the image's
REC601 = np.array([0.299, 0.587, 0.114])
BAND = 4.5  # standard deviations of a blur's transfer function that are drawn: what lies beyond is below 5e-5
MAX_REACH = 10_000.0


def eidolon(
    image: np.ndarray,
    reach: float,
    rng: np.random.Generator,
    *,
    coherence: float,
    grain: float = 10.0,
    standardize: bool = False,
) -> np.ndarray:
    """(h, w, 3) float64 in 0..1 -> (h, w) gray in 0..1, on the grid of 255 as published where the longer side is SIZE.

    Computed at a longer side of SIZE and resized back. reach from 0 on, coherence 0 to 1, grain above 0, in pixels of that
    size. Raises StimulusError.
    """
    if not (0 <= reach <= MAX_REACH and 0 <= coherence <= 1 and 0 < grain <= SIZE):
        raise StimulusError(
            f"an eidolon takes a reach of 0 to {MAX_REACH:g}, a coherence of 0 to 1 and a grain above 0 up to {SIZE}, got "
            f"{reach:g}, {coherence:g} and {grain:g}"
        )
    height, width = image.shape[:2]
    shrink = SIZE / max(height, width)
    h, w = max(1, round(height * shrink)), max(1, round(width * shrink))
    plane = _resized(np.asarray(image @ REC601), h, w)
    n = 2 ** int(np.ceil(np.log2(1.5 * SIZE)))
    top, left = (n - h) // 2, (n - w) // 2
    padded = np.pad(plane, ((top, n - h - top), (left, n - w - left)), mode="edge").astype(np.float32)
    rows, columns = np.arange(top, top + h)[:, None], np.arange(left, left + w)[None]
    inside = (slice(top, top + h), slice(left, left + w))
    out = np.zeros((h, w))
    fields = _fields(n, rng, coherence, grain, standardize)
    for scale, (down, right) in zip(_scales(padded), fields, strict=True):
        at_row = np.clip(rows + reach * down[inside], 0, n - 1).astype(np.intp)
        at_column = np.clip(columns + reach * right[inside], 0, n - 1).astype(np.intp)
        out += scale[at_row, at_column]
    out = np.floor(255 * np.clip(out, 0, 1) + 1e-4) / 255
    return np.asarray(np.clip(_resized(out, height, width), 0, 1))


def _resized(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float64)


def sigmas() -> np.ndarray:
    """(K,) pixels."""
    k = int(np.ceil(2 * np.log2(SIZE / 4)))
    return np.asarray(2.0 ** (np.arange(k) / 2 - 0.5))


@lru_cache(maxsize=64)
def _transfer(n: int, sigma: float) -> np.ndarray:
    """(b,) of a Gaussian blur at frequencies 0, 1, … of one axis, as far as it lets them through."""
    frequency = np.arange(min(n // 2, int(np.ceil(BAND * n / (2 * np.pi * sigma)))) + 1)
    return np.asarray(np.exp(-2 * (np.pi * sigma * frequency / n) ** 2), np.float32)


def _scales(padded: np.ndarray) -> Iterator[np.ndarray]:
    """The K planes of differences of Gaussians, the coarsest Gaussian last; their sum is the finest Gaussian."""
    n = len(padded)
    spectrum = fft.rfft2(padded)
    all_sigmas = sigmas()
    for i, sigma in enumerate(all_sigmas):
        fine = _transfer(n, sigma)
        b = len(fine) - 1
        weight = fine[np.abs(_signed(b, n)), None] * fine[None]
        if i + 1 < len(all_sigmas):
            coarse = np.zeros_like(fine)
            short = _transfer(n, all_sigmas[i + 1])
            coarse[: len(short)] = short[: len(fine)]
            weight = weight - coarse[np.abs(_signed(b, n)), None] * coarse[None]
        yield _inverse(spectrum[_signed(b, n)][:, : b + 1] * weight, n)


def _signed(b: int, n: int) -> np.ndarray:
    """Frequencies 0 … b, −b … −1 of the first axis, all of them once where the band is as wide as the plane."""
    return np.asarray(np.r_[0 : b + 1, -b:0] if 2 * b + 1 <= n else np.r_[0 : n // 2, -(n // 2) : 0])


def _inverse(band: np.ndarray, n: int) -> np.ndarray:
    """(rows, b + 1) coefficients at `_signed` × 0 … b -> (n, n) real."""
    rows = np.zeros((n, band.shape[1]), dtype=np.complex64)
    rows[_signed(band.shape[1] - 1, n)] = band
    return np.asarray(fft.irfft(fft.ifft(rows, axis=0, overwrite_x=True), n=n, axis=1))


def _fields(
    n: int, rng: np.random.Generator, coherence: float, grain: float, standardize: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The K pairs of fields, (n, n) each, from the finest scale to the coarsest."""
    scales = sigmas()
    most = SIZE / 4
    shared: list[tuple[np.ndarray, np.ndarray]] = []
    if coherence > 0:
        sums: list[np.ndarray] = [np.zeros((1, 1), np.complex64)] * 2
        for sigma in scales[::-1]:
            sums = [_added(s, _noise(n, sigma, rng, standardize) * np.float32(sigma / most), n) for s in sums]
            shared.append((sums[0], sums[1]))
        shared.reverse()
    for k in range(len(scales)):
        pair = []
        for axis in range(2):
            band: np.ndarray = np.zeros((1, 1), np.complex64)
            if coherence > 0:
                band = np.asarray(np.float32(coherence) * shared[k][axis])
            if coherence < 1:
                band = _added(band, np.float32(1 - coherence) * _noise(n, grain, rng, standardize), n)
            field = _inverse(band, n)
            pair.append((field - field.mean()) / field.std() if standardize else field)
        yield pair[0], pair[1]


def _added(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """The sum of two bands of coefficients."""
    if a.shape[1] > b.shape[1]:
        a, b = b, a
    out = b.copy()
    rows = _signed(a.shape[1] - 1, n)
    out[rows, : a.shape[1]] += a
    return np.asarray(out)


def _noise(n: int, sigma: float, rng: np.random.Generator, standardize: bool) -> np.ndarray:
    """Coefficients of n × n white noise blurred by σ, scaled and shifted as published, or of mean 0 and variance 1."""
    transfer = _transfer(n, sigma)
    b = len(transfer) - 1
    signed = _signed(b, n)
    drawn = rng.standard_normal((len(signed), 2 * (b + 1)), dtype=np.float32)
    band = drawn.view(np.complex64)  # real and imaginary parts side by side
    _make_real(band[:, 0], signed, n)
    if b == n // 2:
        _make_real(band[:, b], signed, n)
    band *= (transfer * np.float32(n / np.sqrt(2)))[np.abs(signed), None] * transfer[None]
    mean = float(band[0, 0].real) / n**2
    twice = np.where((np.arange(b + 1) > 0) & (np.arange(b + 1) < n // 2), 2.0, 1.0)
    sd = np.sqrt(float((np.square(np.abs(band)) @ twice).sum()) / n**4 - mean**2)
    if standardize:
        band[0, 0] = 0
        return np.asarray(band / np.float32(sd))
    # The largest of n² numbers |N(0, 1)|, by the inverse of its distribution (2Φ(x) − 1)^(n²).
    largest = special.ndtri((1 + rng.random() ** (1 / n**2)) / 2)
    band *= np.float32(127.5 / largest)
    band[0, 0] -= np.float32(mean / sd * n**2)
    return np.asarray(band)


def _make_real(column: np.ndarray, signed: np.ndarray, n: int) -> None:
    """Coefficients of one column as those of real numbers: conjugates at opposite frequencies."""
    top = len(signed) // 2
    half = column[1:top] if len(signed) == n else column[1 : top + 1]
    column[-len(half) :] = np.conj(half[::-1])
    column[0] = column[0].real * np.sqrt(2)
    if len(signed) == n:
        column[top] = column[top].real * np.sqrt(2)
