"""Contact sheets: an image at all levels of a distortion side by side, as a figure for a methods section."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve
from PIL import Image, ImageDraw, ImageFont

from stimuli.build.distorted_set import (
    DistortionSettings,
    choose_conditions,
    find_published_spectrum,
    make_rng,
    read_source_image,
)
from stimuli.distort.levels import make_distortion
from stimuli.distort.spectrum import read_spectrum
from stimuli.images import check_size, to_uint8

MARGIN = 8  # pixels around every image
PER_ROW = 8  # images


def draw_levels(settings: DistortionSettings, path: Path, conditions: Sequence[str] = ()) -> np.ndarray:
    """Draw an image in several conditions of a distortion.

    Args:
        settings: The distortion, its options, seed and size.
        path: The image file.
        conditions: The conditions; by default those of the published dataset.

    Returns:
        The contact sheet, (height, width, 3) uint8.

    Raises:
        StimulusError: If the image cannot be read or distorted, or a condition or the size is invalid.
        UnknownName, UserError: If the distortion or its options are invalid.
    """
    check_size(settings.size)
    distortion = make_distortion(settings.distortion, settings.options)
    conditions = choose_conditions(distortion, conditions)
    spectrum_path = find_published_spectrum(settings) if settings.distortion == "power-equalisation" else None
    if spectrum_path is not None and "spectrum" not in distortion.options:
        distortion = evolve(distortion, options={"spectrum": read_spectrum(spectrum_path)})
    images = [
        distortion.apply(read_source_image(settings, path), condition, make_rng(settings, path.name, condition))
        for condition in conditions
    ]
    return draw_contact_sheet(images, [distortion.label(condition) for condition in conditions], distortion.axis)


def draw_contact_sheet(images: Sequence[np.ndarray], labels: Sequence[str], title: str) -> np.ndarray:
    """Draw images in rows of up to PER_ROW, each with its label below, and a title below all of them.

    Args:
        images: (h, w) or (h, w, 3) float64 in 0..1; sizes may differ.
        labels: One label per image.
        title: The text at the bottom.

    Returns:
        (height, width, 3) uint8.
    """
    tiles = [Image.fromarray(to_uint8(image)).convert("RGB") for image in images]
    width, height = (max(tile.size[axis] for tile in tiles) for axis in (0, 1))
    font = ImageFont.load_default(size=max(12, width // 12))
    text_height = font.getbbox("Ag")[3] + MARGIN
    per_row = min(PER_ROW, len(tiles))
    n_rows = -(-len(tiles) // per_row)
    row_height = int(height + text_height + MARGIN)
    size = MARGIN + per_row * (width + MARGIN), MARGIN + n_rows * row_height + int(text_height)
    contact_sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(contact_sheet)
    for i, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        row, column = divmod(i, per_row)
        x, y = MARGIN + column * (width + MARGIN), MARGIN + row * row_height
        contact_sheet.paste(tile, (x + (width - tile.width) // 2, y + (height - tile.height) // 2))
        draw.text((x + width / 2, y + height + MARGIN / 2), label, "black", font, anchor="ma")
    draw.text((size[0] / 2, size[1] - text_height), title, "black", font, anchor="ma")
    return np.asarray(contact_sheet)
