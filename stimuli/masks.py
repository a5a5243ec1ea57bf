"""Noise masks that follow an image, as in Geirhos et al. (2018, 2019)."""

import numpy as np


def pink_mask(side: int, contrast: float, rng: np.random.Generator) -> np.ndarray:
    """(side, side, 3) uint8 gray: noise with a power of 1/f, stretched to 0..1, then (m − 0.5) · contrast + 0.5, clipped.

    The amplitude is f^−½, without a mean; phases are uniform; the real part of the inverse transform is taken.
    """
    f = np.fft.fftfreq(side)
    radius = np.hypot(f[:, None], f[None, :])
    radius[0, 0] = np.inf
    phases = np.exp(2j * np.pi * rng.random((side, side)))
    noise = np.fft.ifft2(phases / np.sqrt(radius)).real
    stretched = (noise - noise.min()) / (noise.max() - noise.min())
    gray = np.clip((stretched - 0.5) * contrast + 0.5, 0, 1)
    return np.repeat(np.round(255 * gray).astype(np.uint8)[..., None], 3, axis=2)
