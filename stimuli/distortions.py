"""The distortions of Geirhos et al. (2018, 2019, 2021): pure functions (image, level, rng) -> image.

h × w pixels. An image is (h, w, 3) float64 in 0..1, gamma-encoded sRGB / 255. What comes back is in 0..1 as well, (h, w)
where it is gray and (h, w, 3) where it has colors, of the same height and width. g is the gray image, 0.2125 R + 0.7154 G +
0.0721 B of the encoded values. A level is what the docstring says; `stimuli.levels` reads it from the text of a condition.
The formulas are those of the published images; where these have a known flaw, an option gives the corrected variant.
Functions raise StimulusError for a level out of range. Only those that say so draw from `rng`.
"""

from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

from stimuli.errors import StimulusError

GRAY = np.array([0.2125, 0.7154, 0.0721])  # Rec. 709 luma as scikit-image weighs it
MEAN_GRAY = 0.4423  # of the ImageNet images that the published sets were made from
WIDE = 8  # a blur with more taps than a WIDE-th of the pixels of a line is a matrix product (measured at 224)
TO_LUMINANCE = np.array([0.25882843, 0.60743592, 0.13373565])  # of the laboratory's monitor, of linear R, G, B


def gray(image: np.ndarray) -> np.ndarray:
    """(h, w): g."""
    return np.asarray(image @ GRAY)


def colour(image: np.ndarray, level: str, rng: np.random.Generator) -> np.ndarray:
    """The image itself for `cr`, g for `bw`."""
    _one_of("colour", level, "cr", "bw")
    return image if level == "cr" else gray(image)


def contrast(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """(1 − c)/2 + c g for a contrast c of 0 to 1."""
    _within("contrast", level, 0, 1)
    return np.asarray((1 - level) / 2 + level * gray(image))


def uniform_noise(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """g at a contrast of 0.3, plus noise from U[−w, w) for each pixel, clipped; w from 0 to 1. Draws."""
    _within("uniform noise", level, 0, 1)
    base = contrast(image, 0.3, rng)
    return _clipped(base + rng.uniform(-level, level, base.shape))


def salt_and_pepper(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """g at a contrast of 0.3; with u ~ U[0, 1) a pixel is black for u < p/2, white for u ≥ 1 − p/2; p from 0 to 1. Draws."""
    _within("salt and pepper", level, 0, 1)
    base = contrast(image, 0.3, rng)
    u = rng.random(base.shape)
    return np.where(u < level / 2, 0.0, np.where(u >= 1 - level / 2, 1.0, base))


def low_pass(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """g blurred by a Gaussian of σ pixels, 0 to 1000, cut off at 4 σ; outside the image everything is MEAN_GRAY."""
    _within("low-pass", level, 0, 1000)
    return _clipped(_blurred(gray(image), level))


def high_pass(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """g less its low-pass image of σ pixels, above 0, shifted to the mean MEAN_GRAY and clipped; σ = ∞ is g itself."""
    g = gray(image)
    if level == np.inf:
        return g
    if not 0 < level <= 1000:
        raise StimulusError(f"high-pass: expected a level above 0 up to 1000, or inf, got {level:g}")
    rest = g - _blurred(g, level)
    return _clipped(rest + (MEAN_GRAY - rest.mean()))


def _blurred(g: np.ndarray, sigma: float) -> np.ndarray:
    if sigma == 0:
        return g
    n_taps = 2 * int(4 * sigma + 0.5) + 1
    if n_taps < max(g.shape) / WIDE:
        return np.asarray(ndimage.gaussian_filter(g, sigma, mode="constant", cval=MEAN_GRAY, truncate=4.0))
    down, right = (_blur(n, sigma) for n in g.shape)
    return np.asarray(down @ (g - MEAN_GRAY) @ right.T + MEAN_GRAY)


@lru_cache(maxsize=16)
def _blur(n: int, sigma: float) -> np.ndarray:
    """(n, n): what blurs a line of n pixels, zero outside, as a matrix. A wide blur is faster so than tap by tap."""
    return np.asarray(ndimage.gaussian_filter1d(np.eye(n), sigma, axis=0, mode="constant", truncate=4.0))


def phase_scrambling(
    image: np.ndarray, level: float, rng: np.random.Generator, *, keep_contrast: bool = False
) -> np.ndarray:
    """The phases of g's Fourier transform shifted by s ~ U[−w, w]; w in degrees, 0 to 180. Clipped. Draws.

    As published the shifts of two conjugate frequencies, which should be opposite, are independent. The real part that is
    kept then has the amplitudes times cos((a − b)/2), so that contrast falls by √((1 + (sin w / w)²)/2), to 0.71 at 180°.
    With `keep_contrast` they are opposite, and amplitudes stay what they are. Frequencies at the Nyquist limit (the first
    row and column of an even number, with the mean in the middle) are left alone.
    """
    _within("phase scrambling", level, 0, 180)
    spectrum = fft.fftshift(fft.fft2(gray(image)))
    height, width = spectrum.shape
    block = spectrum[(height + 1) % 2 :, (width + 1) % 2 :]
    n = block.size // 2  # on either side of the mean, which is the middle one
    shifts = rng.uniform(-np.deg2rad(level), np.deg2rad(level), n)
    turn = np.exp(1j * shifts)
    back = turn.conj()
    block *= np.concatenate([turn, [1.0], back[::-1] if keep_contrast else back]).reshape(block.shape)
    return _clipped(fft.ifft2(fft.ifftshift(spectrum)).real)


def power_equalisation(
    image: np.ndarray, level: str, rng: np.random.Generator, *, spectrum: np.ndarray | None = None
) -> np.ndarray:
    """g for `0`; for `pow` its phases with the amplitudes of `spectrum`, the mean of many images; real part, clipped.

    `spectrum` is (h, w), fftshifted, of unnormalized transforms: `stimuli.spectrum` reads or makes it.
    """
    _one_of("power equalisation", level, "0", "pow")
    g = gray(image)
    if level == "0":
        return g
    if spectrum is None:
        raise StimulusError(
            "power equalisation needs the mean amplitude spectrum of many images of this size: give -o spectrum=FILE.npy, "
            "such as the spectrum.npy that make-stimuli power-equalisation writes into its set"
        )
    if spectrum.shape != g.shape:
        raise StimulusError(
            f"the mean spectrum is one of {_size(spectrum)} pixels and the image has {_size(g)}: resize the images, or make "
            f"a spectrum of this size"
        )
    mine = fft.fft2(g)
    size = np.abs(mine)
    phases = np.divide(mine, size, out=np.ones_like(mine), where=size > 0)
    return _clipped(fft.ifft2(phases * fft.ifftshift(spectrum)).real)


def false_colour(
    image: np.ndarray, level: str, rng: np.random.Generator, *, monitor: np.ndarray | None = None
) -> np.ndarray:
    """The image for `true`; for `false` every color turned into its opposite of the same luminance: 2 Y − RGB, clipped.

    In linear light, Y = 0.25882843 R + 0.60743592 G + 0.13373565 B. `monitor` is the (256,) ascending output, 0..1, for each
    8-bit value, as measured; colors are then those of the nearest value. Without it sRGB's curve (IEC 61966-2-1) is used.
    """
    _one_of("false colour", level, "true", "false")
    if level == "true":
        return image
    linear = _srgb_to_linear(image) if monitor is None else monitor[np.rint(255 * image).astype(int)]
    opposite = _clipped(2 * (linear @ TO_LUMINANCE)[..., None] - linear)
    if monitor is None:
        return _linear_to_srgb(opposite)
    middles = (monitor[1:] + monitor[:-1]) / 2
    return np.asarray(np.searchsorted(middles, opposite) / 255)


def _srgb_to_linear(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def _linear_to_srgb(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055)


def rotation(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """g turned counterclockwise by 0, 90, 180 or 270 degrees; height and width change places with it."""
    if level not in (0, 90, 180, 270):
        raise StimulusError(f"rotation: expected 0, 90, 180 or 270 degrees, got {level:g}")
    return np.rot90(gray(image), int(level // 90))


def _clipped(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values, 0, 1))


def _within(what: str, level: float, low: float, high: float) -> None:
    if not low <= level <= high:
        raise StimulusError(f"{what}: expected a level of {low:g} to {high:g}, got {level:g}")


def _one_of(what: str, level: str, *levels: str) -> None:
    if level not in levels:
        raise StimulusError(f"{what}: expected a level of {' or '.join(levels)}, got {level!r}")


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} × {image.shape[0]}"
