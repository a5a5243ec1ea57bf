"""Measured tables that distortions use: the mean amplitude spectrum of many images, and a monitor's light.

A spectrum is (h, w) float64: the mean of |FFT(g)| over images, not normalized, fftshifted, zero frequency at
(h // 2, w // 2). A monitor is (256,) float64, ascending: its light, 0..1, for each 8-bit value. Published ones are those of
Geirhos et al. (2018), read where a data folder has them.
"""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy import fft

from stimuli.atomic import write_atomically
from stimuli.datasets import data_folders
from stimuli.distortions import gray
from stimuli.errors import StimulusError

SPECTRUM, MONITOR = "mean_power_spectrum_grey.npy", "x_gamma_function.npy"


def mean_spectrum(images: Iterable[np.ndarray]) -> np.ndarray:
    """Of (h, w, 3) float64 images in 0..1, all of one size. Raises StimulusError."""
    total, n = None, 0
    for image in images:
        found = np.abs(fft.fft2(gray(image)))
        if total is not None and found.shape != total.shape:
            raise StimulusError(
                f"a mean spectrum needs images of one size, got {found.shape[::-1]} after {total.shape[::-1]} pixels: "
                f"resize them first, --size 224"
            )
        total, n = found if total is None else total + found, n + 1
    if total is None:
        raise StimulusError("a mean spectrum needs one image at least")
    return np.asarray(fft.fftshift(total / n))


def write_spectrum(path: Path, spectrum: np.ndarray) -> None:
    """As a .npy file that `read_spectrum` gives back."""
    content = io.BytesIO()
    np.save(content, spectrum)
    write_atomically(path, content.getvalue())


def published(name: str) -> Path | None:
    """The file SPECTRUM, 224 × 224, or MONITOR, where a data folder has it."""
    paths = (folder / "monitor-and-spectrum" / name for folder in data_folders())
    return next((path for path in paths if path.is_file()), None)


def published_monitor() -> np.ndarray | None:
    path = published(MONITOR)
    return None if path is None else read_monitor(path)


def read_spectrum(path: Path) -> np.ndarray:
    """From a .npy file. Raises StimulusError."""
    found = _numbers(path)
    if found.ndim != 2 or (found < 0).any():
        raise StimulusError(f"{path} is no amplitude spectrum: expected height × width numbers from 0 on")
    return found


def read_monitor(path: Path) -> np.ndarray:
    """From a .npy file of 256 numbers. Raises StimulusError."""
    found = _numbers(path).reshape(-1)
    if found.shape != (256,) or found.min() < 0 or found.max() > 1 or (np.diff(found) <= 0).any():
        raise StimulusError(f"{path} is no monitor's table: expected 256 ascending numbers in 0..1")
    return found


def _numbers(path: Path) -> np.ndarray:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StimulusError(
            f"{path} cannot be read ({type(error).__name__}): expected a .npy file of numbers"
        ) from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise StimulusError(f"{path}: expected finite numbers")
    return found.astype(np.float64)
