"""Read, check, apply and describe the preprocessing of images that a model's preprocessor_config.json specifies."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from observers.checkpoints import PROCESSOR, load_image_processor
from observers.loading.foreign_errors import explained_errors
from observers.loading.settings import read_settings
from observers.protocol import ObserverError

MAX_SIZE = 4096  # pixels per side of a preprocessed image, since a batch of images is held in memory
MIN_CROP = 0.1  # an image is resized to its size divided by crop_pct before it is cropped
# Settings that change the image, in the order in which they are applied.
_STEPS = (
    "do_resize", "size", "crop_pct", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor",
    "do_normalize", "image_mean", "image_std",
)  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_size(value: object) -> bool:
    """Return whether a value is a size, a list of two sizes, or an object of sizes, all within bounds."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return bool(parts) and all(type(part) is int and 1 <= part <= MAX_SIZE for part in parts if part is not None)


def _is_triple(value: object) -> bool:
    return _is_number(value) or (isinstance(value, list) and len(value) == 3 and all(map(_is_number, value)))


def _is_triple_above_zero(value: Any) -> bool:
    return _is_triple(value) and all(part > 0 for part in (value if isinstance(value, list) else [value]))


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


_FLAG = (lambda value: isinstance(value, bool)), "true or false"
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "size": (_is_size, f"sizes of 1 to {MAX_SIZE} pixels"),
    "pad_size": (_is_size, f"sizes of 1 to {MAX_SIZE} pixels"),
    "crop_size": (_is_size, f"sizes of 1 to {MAX_SIZE} pixels"),
    "image_mean": (_is_triple, "three numbers, for red, green and blue"),
    "image_std": (_is_triple_above_zero, "three numbers above 0, for red, green and blue"),
    "rescale_factor": (_is_positive, "a number above 0"),
    "crop_pct": (lambda value: _is_number(value) and MIN_CROP <= value <= 1, f"a number from {MIN_CROP} to 1"),
    "resample": (lambda value: type(value) is int and 0 <= value <= 5, "the number of a filter of Pillow, 0 to 5"),
    "do_resize": _FLAG, "do_center_crop": _FLAG, "do_rescale": _FLAG, "do_normalize": _FLAG, "do_convert_rgb": _FLAG,
}  # fmt: skip


def read_preprocessing(folder: Path, observer: str) -> dict[str, Any]:
    """Return the settings of the image processor in a folder.

    Raises:
        ObserverError: If the file cannot be read, or if a setting does not have its type or is out of range.
    """
    path = next((folder / name for name in PROCESSOR if (folder / name).is_file()), folder / PROCESSOR[0])
    settings = read_settings(path, observer)
    nested = settings.get("image_processor")
    settings = nested if isinstance(nested, dict) else settings
    for key, (is_valid, expected) in _CHECKS.items():
        value = settings.get(key)
        if value is not None and not is_valid(value):
            raise ObserverError(
                f"{observer}: {path} has {key} {str(value)[:60]}: expected {expected}; correct it, or download the file "
                f"again"
            )
    return settings


def load_preprocessing(folder: Path, observer: str) -> Any:
    """Return the image processor of a model. Raises the errors of `read_preprocessing` and `load_image_processor`."""
    read_preprocessing(folder, observer)
    return load_image_processor(folder, observer)


def describe_preprocessing(processor: Any, folder: Path, observer: str) -> str:
    """Return the settings with which a processor changes images, and which of them are defaults of its class.

    Example:
        >>> describe_preprocessing(processor, folder, "tiny")
        "do_resize=True size={'height': 32, 'width': 32} resample=2 …; not in its file: do_rescale, rescale_factor"
    """
    shown: dict[str, object] = {}
    for name in _STEPS:
        value: Any = getattr(processor, name, None)
        if value is not None and name in ("size", "crop_size"):
            value = {side: n for side, n in dict(value).items() if n is not None}
        shown |= {} if value is None else {name: int(value) if name == "resample" else value}
    text = " ".join(f"{name}={value}" for name, value in shown.items())
    missing = [name for name in shown if name not in read_preprocessing(folder, observer)]
    return f"{text}; not in its file: {', '.join(missing)}" if missing else text


def preprocess(processor: Any, pixels: np.ndarray, whole: bool, observer: str) -> torch.Tensor:
    """Preprocess an image as the model requires.

    Args:
        processor: Image processor of transformers.
        pixels: The image, uint8 of shape (height, width, 3).
        whole: Whether the whole image is resized to the model's input size, instead of being resized and cropped as in
            the model's own preprocessing.
        observer: Name of the observer, for error messages.

    Returns:
        The preprocessed image, float32 of shape (3, height, width).

    Raises:
        ObserverError: If `whole` is set but the model lacks a fixed input size, or if the processor's settings are wrong.
    """
    image, options = Image.fromarray(pixels), {}
    if whole:
        is_cropped = getattr(processor, "do_center_crop", None) and processor.crop_size
        size = dict((processor.crop_size if is_cropped else processor.size) or {})
        height, width = (size.get(side) or size.get("shortest_edge") for side in ("height", "width"))
        if not height or not width:
            raise ObserverError(
                f"{observer}: its preprocessing does not have a fixed input size ({size}): omit -o whole=true"
            )
        if (width, height) != image.size:
            image = image.resize((width, height), processor.resample)
        options = {"do_resize": False, "do_center_crop": False}
    with explained_errors(f"{observer}: its preprocessing", "does not work", ": correct its preprocessor_config.json"):
        tensor: torch.Tensor = processor(images=image, return_tensors="pt", **options)["pixel_values"][0]
    return tensor
