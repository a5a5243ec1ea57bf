"""Measured tables that distortions use: the mean amplitude spectrum of many images, and the light output of a monitor.

A spectrum is an (h, w) float64 array: the mean of |FFT(g)| over images, with an unnormalized transform and the zero
frequency at (h // 2, w // 2). A monitor table is an ascending (256,) float64 array with the light output in 0..1 for
every 8-bit value. The published tables are those of Geirhos et al. (2018), which are used if a data folder contains
them.
"""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy import fft

from core.atomic import write_atomically
from core.errors import StimulusError
from stimuli.distort.distortions import to_gray
from stimuli.published.datasets import data_folders

PUBLISHED_SPECTRUM, PUBLISHED_MONITOR = "mean_power_spectrum_grey.npy", "x_gamma_function.npy"  # file names


def mean_spectrum(images: Iterable[np.ndarray]) -> np.ndarray:
    """Return the mean amplitude spectrum of the gray versions of images.

    Args:
        images: (h, w, 3) float64 images in 0..1, all of the same size.

    Returns:
        (h, w) float64, not normalized, with the zero frequency at (h // 2, w // 2).

    Raises:
        StimulusError: If the images have different sizes, or there are no images.
    """
    total, n_images = None, 0
    for image in images:
        amplitude = np.abs(fft.fft2(to_gray(image)))
        if total is not None and amplitude.shape != total.shape:
            raise StimulusError(
                f"a mean spectrum needs images of the same size, got {total.shape[::-1]} and "
                f"{amplitude.shape[::-1]} pixels: resize them with --size, such as --size 224"
            )
        total, n_images = amplitude if total is None else total + amplitude, n_images + 1
    if total is None:
        raise StimulusError("a mean spectrum needs at least one image")
    return np.asarray(fft.fftshift(total / n_images))


def write_spectrum(path: Path, spectrum: np.ndarray) -> None:
    """Write a spectrum as a .npy file, which `read_spectrum` reads."""
    content = io.BytesIO()
    np.save(content, spectrum)
    write_atomically(path, content.getvalue())


def find_published_table(name: str) -> Path | None:
    """Return the path of PUBLISHED_SPECTRUM (224 × 224) or PUBLISHED_MONITOR, or None if no data folder contains it."""
    paths = (folder / "monitor-and-spectrum" / name for folder in data_folders())
    return next((path for path in paths if path.is_file()), None)


def read_published_monitor() -> np.ndarray | None:
    """Return the published monitor table, or None if no data folder contains it."""
    path = find_published_table(PUBLISHED_MONITOR)
    return None if path is None else read_monitor(path)


def read_spectrum(path: Path) -> np.ndarray:
    """Read a mean amplitude spectrum from a .npy file.

    Returns:
        (h, w) float64.

    Raises:
        StimulusError: If the file cannot be read, or does not contain a two-dimensional array of non-negative numbers.
    """
    spectrum = _read_numbers(path)
    if spectrum.ndim != 2 or (spectrum < 0).any():
        raise StimulusError(
            f"{path} is not an amplitude spectrum: expected an array of height × width non-negative numbers"
        )
    return spectrum


def read_monitor(path: Path) -> np.ndarray:
    """Read the light output of a monitor from a .npy file.

    Returns:
        (256,) float64, ascending in 0..1.

    Raises:
        StimulusError: If the file cannot be read, or does not contain 256 ascending numbers in 0..1.
    """
    table = _read_numbers(path).reshape(-1)
    if table.shape != (256,) or table.min() < 0 or table.max() > 1 or (np.diff(table) <= 0).any():
        raise StimulusError(f"{path} is not a monitor table: expected 256 ascending numbers in 0..1")
    return table


def _read_numbers(path: Path) -> np.ndarray:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StimulusError(
            f"{path} cannot be read ({type(error).__name__}): expected a .npy file of numbers"
        ) from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise StimulusError(f"{path}: expected finite numbers")
    return values.astype(np.float64)
