"""A contact sheet: an image at all levels of a distortion, side by side and named, the picture a methods section needs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve
from PIL import Image, ImageDraw, ImageFont

from stimuli.distorted_set import DistortionSettings, known_conditions, prepared, published_spectrum, rng_of
from stimuli.images import check_size, to_uint8
from stimuli.levels import make_distortion
from stimuli.spectrum import read_spectrum

MARGIN, PER_ROW = 8, 8  # pixels, images


def show(plan: DistortionSettings, path: Path, conditions: Sequence[str] = ()) -> np.ndarray:
    """One image in all conditions, by default the published ones: (h, w, 3) uint8. Raises StimulusError."""
    check_size(plan.size)
    distortion = make_distortion(plan.distortion, plan.options)
    conditions = known_conditions(distortion, conditions)
    spectrum = published_spectrum(plan) if plan.distortion == "power-equalisation" else None
    if spectrum is not None and "spectrum" not in distortion.options:
        distortion = evolve(distortion, options={"spectrum": read_spectrum(spectrum)})
    shown = [
        distortion.apply(prepared(plan, path), condition, rng_of(plan, path.name, condition))
        for condition in conditions
    ]
    return sheet(shown, [distortion.label(condition) for condition in conditions], distortion.axis)


def sheet(images: Sequence[np.ndarray], names: Sequence[str], title: str) -> np.ndarray:
    """(h, w) or (h, w, 3) float64 in 0..1 each, and what stands below it -> (h, w, 3) uint8, up to PER_ROW images a row.

    The title stands below all.
    """
    tiles = [Image.fromarray(to_uint8(image)).convert("RGB") for image in images]
    width, height = (max(tile.size[axis] for tile in tiles) for axis in (0, 1))
    font = ImageFont.load_default(size=max(12, width // 12))
    text = font.getbbox("Ag")[3] + MARGIN
    per_row = min(PER_ROW, len(tiles))
    n_rows = -(-len(tiles) // per_row)
    size = MARGIN + per_row * (width + MARGIN), MARGIN + n_rows * int(height + text + MARGIN) + int(text)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for i, (tile, name) in enumerate(zip(tiles, names, strict=True)):
        row, column = divmod(i, per_row)
        left, top = MARGIN + column * (width + MARGIN), MARGIN + row * int(height + text + MARGIN)
        picture.paste(tile, (left + (width - tile.width) // 2, top + (height - tile.height) // 2))
        draw.text((left + width / 2, top + height + MARGIN / 2), name, "black", font, anchor="ma")
    draw.text((size[0] / 2, size[1] - text), title, "black", font, anchor="ma")
    return np.asarray(picture)
