"""Noise masks that are shown after an image, as in Geirhos et al. (2018, NeurIPS; 2019, ICLR)."""

import numpy as np


def pink_mask(side: int, contrast: float, rng: np.random.Generator) -> np.ndarray:
    """Return a gray mask of pink noise, whose power falls with spatial frequency f as 1/f.

    The noise is the real part of an inverse Fourier transform with the amplitudes f^−½, zero mean and uniformly
    distributed phases. It is stretched to values m in 0..1, and the mask is (m − 0.5) · `contrast` + 0.5, clipped to
    0..1.

    Args:
        side: Width and height in pixels.
        contrast: Factor by which the contrast is multiplied; above 1, values are clipped.
        rng: Generator of the phases.

    Returns:
        A (side, side, 3) array of uint8 with three equal channels.
    """
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    radius[0, 0] = np.inf
    phases = np.exp(2j * np.pi * rng.random((side, side)))
    noise = np.fft.ifft2(phases / np.sqrt(radius)).real
    stretched = (noise - noise.min()) / (noise.max() - noise.min())
    gray = np.clip((stretched - 0.5) * contrast + 0.5, 0, 1)
    return np.repeat(np.round(255 * gray).astype(np.uint8)[..., None], 3, axis=2)
