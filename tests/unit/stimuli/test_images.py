"""Tests of opening and saving image files."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from core.errors import StimulusError
from stimuli import images
from stimuli.images import open_image, save_image

COLORS = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)


def test_saved_images_are_read_back_unchanged(tmp_path):
    save_image(COLORS, tmp_path / "new" / "x.png")
    assert np.array_equal(open_image(tmp_path / "new" / "x.png"), COLORS)


def test_gray_palette_and_opaque_images_become_rgb(tmp_path):
    gray = Image.fromarray(COLORS[..., 0])
    gray.save(tmp_path / "gray.png")
    assert np.array_equal(open_image(tmp_path / "gray.png"), np.repeat(COLORS[..., :1], 3, axis=2))
    Image.fromarray(COLORS).convert("P").save(tmp_path / "palette.png")
    assert open_image(tmp_path / "palette.png").shape == (6, 4, 3)
    Image.fromarray(COLORS).convert("RGBA").save(tmp_path / "alpha.png")
    assert np.array_equal(open_image(tmp_path / "alpha.png"), COLORS)


def test_cmyk_images_are_refused(tmp_path):
    Image.new("CMYK", (9, 9)).save(tmp_path / "x.jpg")
    with pytest.raises(StimulusError, match=r"x\.jpg is in the color space CMYK; save it in sRGB"):
        open_image(tmp_path / "x.jpg")


def test_exif_orientation_is_applied(tmp_path):
    image = Image.fromarray(np.full((8, 16, 3), 200, np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "rotated.jpg", exif=exif)
    assert open_image(tmp_path / "rotated.jpg").shape == (16, 8, 3)


def test_unacceptable_image_files_are_refused(tmp_path, monkeypatch):
    save_image(COLORS, tmp_path / "x.png")
    content = (tmp_path / "x.png").read_bytes()
    (tmp_path / "truncated.png").write_bytes(content[:-30])
    (tmp_path / "text.png").write_text("not an image")
    Image.fromarray(COLORS).save(tmp_path / "x.gif")
    Image.fromarray(np.arange(16, dtype=np.uint16).reshape(4, 4) * 4000).save(tmp_path / "deep.png")
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save(tmp_path / "clear.png")
    row = b"\0" + bytes(range(2 * 3 * 2))  # a PNG of 2 × 1 pixels with 3 × 16 bits, which Pillow cannot write
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0), b"IDAT": zlib.compress(row), b"IEND": b""}
    packed = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks.items())
    (tmp_path / "deep-colors.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    for name, message in {
        "missing.png": r"missing\.png does not exist",
        "truncated.png": r"truncated\.png cannot be read",
        "text.png": r"text\.png is not a PNG or JPEG",
        "x.gif": r"x\.gif is not a PNG or JPEG",
        "deep.png": "more than 8 bits",
        "deep-colors.png": "more than 8 bits",
        "clear.png": "partly transparent",
    }.items():
        with pytest.raises(StimulusError, match=message):
            open_image(tmp_path / name)
    monkeypatch.setattr(images, "MAX_PIXELS", 10)
    with pytest.raises(StimulusError, match="4 × 6 pixels, more than the maximum of 10"):
        open_image(tmp_path / "x.png")
