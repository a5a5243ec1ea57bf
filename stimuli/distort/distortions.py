"""The distortions of Geirhos et al. (2018, 2021, both NeurIPS) as pure functions (image, level, rng) -> image.

Conventions. An image has h × w pixels and is an (h, w, 3) float64 array in 0..1: gamma-encoded sRGB values divided by
255. The result is an array in 0..1 with the same height and width, (h, w) if it is gray and (h, w, 3) if it has colors.
In the docstrings, g is the gray image 0.2125 R + 0.7154 G + 0.0721 B, computed from the encoded values.
`stimuli.distort.levels` converts the text of a condition into a level. `rng` is used only by functions whose docstring says
that they are random.

The formulas are those of the published images. Where a published formula has a known flaw, an option selects a
corrected variant.
"""

from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

from core.errors import StimulusError

GRAY = np.array([0.2125, 0.7154, 0.0721])  # Rec. 709 luma weights, rounded as in scikit-image
MEAN_GRAY = 0.4423  # mean g of the ImageNet images that the published sets were made from
# A blur is computed as a product of matrices if the number of taps of its kernel is at least 1/8 of the number of pixels
# along the longer side of the image, because that is faster (measured at 224 pixels).
MATRIX_BLUR_RATIO = 8
# Luminance weights of linear R, G and B, for the monitor of the published experiments.
TO_LUMINANCE = np.array([0.25882843, 0.60743592, 0.13373565])


def to_gray(image: np.ndarray) -> np.ndarray:
    """Return the (h, w) gray image g of an (h, w, 3) image."""
    return np.asarray(image @ GRAY)


def colour(image: np.ndarray, level: str, rng: np.random.Generator) -> np.ndarray:
    """Keep or remove the color of an image.

    Args:
        image: (h, w, 3) in 0..1.
        level: "cr" returns the image itself, "bw" returns g.
        rng: Not used.

    Returns:
        (h, w, 3) for "cr", (h, w) for "bw".

    Raises:
        StimulusError: If the level is invalid.
    """
    _check_choice("colour", level, "cr", "bw")
    return image if level == "cr" else to_gray(image)


def contrast(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Reduce the contrast of g towards mid-gray: (1 − c)/2 + c g.

    Args:
        image: (h, w, 3) in 0..1.
        level: The contrast c, 0 to 1.
        rng: Not used.

    Returns:
        (h, w) in 0..1.

    Raises:
        StimulusError: If the level is out of range.
    """
    _check_range("contrast", level, 0, 1)
    return np.asarray((1 - level) / 2 + level * to_gray(image))


def uniform_noise(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Reduce the contrast of g to 0.3 and add independent noise from U[−w, w) to every pixel; the sum is clipped.

    Args:
        image: (h, w, 3) in 0..1.
        level: The half-width w of the noise distribution, 0 to 1.
        rng: Random generator of the noise.

    Returns:
        (h, w) in 0..1.

    Raises:
        StimulusError: If the level is out of range.
    """
    _check_range("uniform noise", level, 0, 1)
    base = contrast(image, 0.3, rng)
    return _clip(base + rng.uniform(-level, level, base.shape))


def salt_and_pepper(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Reduce the contrast of g to 0.3 and set a random fraction of the pixels to black or white.

    For every pixel, u is drawn from U[0, 1). The pixel becomes black if u < p/2 and white if u ≥ 1 − p/2.

    Args:
        image: (h, w, 3) in 0..1.
        level: The expected fraction p of changed pixels, 0 to 1.
        rng: Random generator of the noise.

    Returns:
        (h, w) in 0..1.

    Raises:
        StimulusError: If the level is out of range.
    """
    _check_range("salt and pepper", level, 0, 1)
    base = contrast(image, 0.3, rng)
    u = rng.random(base.shape)
    return np.where(u < level / 2, 0.0, np.where(u >= 1 - level / 2, 1.0, base))


def low_pass(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Blur g with a Gaussian that is truncated at 4 standard deviations; the image is padded with MEAN_GRAY.

    Args:
        image: (h, w, 3) in 0..1.
        level: The standard deviation σ in pixels, 0 to 1000; 0 returns g.
        rng: Not used.

    Returns:
        (h, w) in 0..1.

    Raises:
        StimulusError: If the level is out of range.
    """
    _check_range("low-pass", level, 0, 1000)
    return _clip(_blur(to_gray(image), level))


def high_pass(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Subtract the low-pass filtered image from g, shift the mean to MEAN_GRAY, and clip.

    Args:
        image: (h, w, 3) in 0..1.
        level: The standard deviation σ of the Gaussian in pixels, above 0 and at most 1000; infinity returns g.
        rng: Not used.

    Returns:
        (h, w) in 0..1.

    Raises:
        StimulusError: If the level is out of range.
    """
    g = to_gray(image)
    if level == np.inf:
        return g
    if not 0 < level <= 1000:
        raise StimulusError(f"high-pass: expected a level above 0 up to 1000, or inf, got {level:g}")
    residual = g - _blur(g, level)
    return _clip(residual + (MEAN_GRAY - residual.mean()))


def _blur(g: np.ndarray, sigma: float) -> np.ndarray:
    if sigma == 0:
        return g
    n_taps = 2 * int(4 * sigma + 0.5) + 1
    if n_taps < max(g.shape) / MATRIX_BLUR_RATIO:
        return np.asarray(ndimage.gaussian_filter(g, sigma, mode="constant", cval=MEAN_GRAY, truncate=4.0))
    vertical, horizontal = (_blur_matrix(n, sigma) for n in g.shape)
    return np.asarray(vertical @ (g - MEAN_GRAY) @ horizontal.T + MEAN_GRAY)


@lru_cache(maxsize=16)
def _blur_matrix(n: int, sigma: float) -> np.ndarray:
    """Return the (n, n) matrix that blurs a line of n pixels padded with zeros."""
    return np.asarray(ndimage.gaussian_filter1d(np.eye(n), sigma, axis=0, mode="constant", truncate=4.0))


def phase_scrambling(
    image: np.ndarray, level: float, rng: np.random.Generator, *, keep_contrast: bool = False
) -> np.ndarray:
    """Add random shifts from U[−w, w] to the phases of the Fourier transform of g.

    The result is the real part of the inverse transform, clipped to 0..1.

    Two conjugate frequencies should be shifted by opposite phases, a and −a. In the published images they are shifted
    by a and −b, where a and b are independent. The amplitudes of the real part are therefore multiplied by
    cos((a − b)/2), and the contrast is multiplied by √((1 + (sin w / w)²)/2), which is 0.71 at 180°. Along an axis with
    an even number of pixels, frequencies at the Nyquist limit keep their phases.

    Args:
        image: (h, w, 3) in 0..1.
        level: The half-width w of the phase shifts in degrees, 0 to 180.
        rng: Random generator of the shifts.
        keep_contrast: Shift conjugate frequencies by opposite phases (b = a), which preserves the amplitudes.

    Returns:
        (h, w) in 0..1.

    Raises:
        StimulusError: If the level is out of range.
    """
    _check_range("phase scrambling", level, 0, 180)
    spectrum = fft.fftshift(fft.fft2(to_gray(image)))
    height, width = spectrum.shape
    block = spectrum[(height + 1) % 2 :, (width + 1) % 2 :]
    n = block.size // 2  # the zero frequency is in the middle of the block, with n frequencies before and after it
    shifts = rng.uniform(-np.deg2rad(level), np.deg2rad(level), n)
    factors = np.exp(1j * shifts)
    conjugates = factors.conj()
    block *= np.concatenate([factors, [1.0], conjugates[::-1] if keep_contrast else conjugates]).reshape(block.shape)
    return _clip(fft.ifft2(fft.ifftshift(spectrum)).real)


def power_equalisation(
    image: np.ndarray, level: str, rng: np.random.Generator, *, spectrum: np.ndarray | None = None
) -> np.ndarray:
    """Replace the amplitude spectrum of g with a mean spectrum and keep the phases; the result is clipped.

    Args:
        image: (h, w, 3) in 0..1.
        level: "0" returns g, "pow" replaces the amplitudes.
        rng: Not used.
        spectrum: (h, w) mean amplitude spectrum of many images, from unnormalized Fourier transforms, with the zero
            frequency in the middle (see `stimuli.distort.spectrum.mean_spectrum`). The level "pow" requires it.

    Returns:
        (h, w) in 0..1.

    Raises:
        StimulusError: If the level is invalid, or the spectrum is missing or does not have the size of the image.
    """
    _check_choice("power equalisation", level, "0", "pow")
    g = to_gray(image)
    if level == "0":
        return g
    if spectrum is None:
        raise StimulusError(
            "power equalisation needs the mean amplitude spectrum of many images of the same size: give -o "
            "spectrum=FILE.npy, such as the spectrum.npy that make-stimuli power-equalisation writes into its set"
        )
    if spectrum.shape != g.shape:
        raise StimulusError(
            f"the mean spectrum has {_format_size(spectrum)} pixels and the image has {_format_size(g)}: resize the images, "
            f"or use a spectrum of their size"
        )
    transform = fft.fft2(g)
    amplitude = np.abs(transform)
    phases = np.divide(transform, amplitude, out=np.ones_like(transform), where=amplitude > 0)
    return _clip(fft.ifft2(phases * fft.ifftshift(spectrum)).real)


def false_colour(
    image: np.ndarray, level: str, rng: np.random.Generator, *, monitor: np.ndarray | None = None
) -> np.ndarray:
    """Replace every color with its opponent color of the same luminance: 2 Y − RGB in linear light, clipped.

    The luminance is Y = 0.25882843 R + 0.60743592 G + 0.13373565 B.

    Args:
        image: (h, w, 3) in 0..1.
        level: "true" returns the image itself, "false" replaces the colors.
        rng: Not used.
        monitor: (256,) measured light output of a monitor for every 8-bit value, ascending in 0..1. The table converts
            the image to linear light. To convert back, the nearest entry is used. Without a table, both conversions
            use the transfer function of sRGB (IEC 61966-2-1).

    Returns:
        (h, w, 3) in 0..1.

    Raises:
        StimulusError: If the level is invalid.
    """
    _check_choice("false colour", level, "true", "false")
    if level == "true":
        return image
    linear = _srgb_to_linear(image) if monitor is None else monitor[np.rint(255 * image).astype(int)]
    opponent = _clip(2 * (linear @ TO_LUMINANCE)[..., None] - linear)
    if monitor is None:
        return _linear_to_srgb(opponent)
    midpoints = (monitor[1:] + monitor[:-1]) / 2
    return np.asarray(np.searchsorted(midpoints, opponent) / 255)


def _srgb_to_linear(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def _linear_to_srgb(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055)


def rotation(image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Rotate g counterclockwise.

    Args:
        image: (h, w, 3) in 0..1.
        level: The angle in degrees: 0, 90, 180 or 270.
        rng: Not used.

    Returns:
        (h, w) in 0..1, or (w, h) for 90 and 270 degrees.

    Raises:
        StimulusError: If the level is not one of these angles.
    """
    if level not in (0, 90, 180, 270):
        raise StimulusError(f"rotation: expected 0, 90, 180 or 270 degrees, got {level:g}")
    return np.rot90(to_gray(image), int(level // 90))


def _clip(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values, 0, 1))


def _check_range(distortion: str, level: float, low: float, high: float) -> None:
    if not low <= level <= high:
        raise StimulusError(f"{distortion}: expected a level from {low:g} to {high:g}, got {level:g}")


def _check_choice(distortion: str, level: str, *levels: str) -> None:
    if level not in levels:
        raise StimulusError(f"{distortion}: expected the level {' or '.join(levels)}, got {level!r}")


def _format_size(plane: np.ndarray) -> str:
    return f"{plane.shape[1]} × {plane.shape[0]}"
