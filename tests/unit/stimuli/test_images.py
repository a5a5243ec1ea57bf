"""Tests of opening and saving image files."""

import io
import os
import random
import struct
import zlib
from contextlib import suppress

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


def make_png(*chunks):
    """Return a PNG file with these (name, content) chunks."""
    packed = (struct.pack(">I", len(c)) + name + c + struct.pack(">I", zlib.crc32(name + c)) for name, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def header(width, height, depth, color_type, interlaced=0):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlaced)


@pytest.mark.parametrize(("color_type", "n_channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
@pytest.mark.parametrize("earlier", [(), ((b"tEXt", b"a\0b"),), (header(2, 1, 8, 2),)])
def test_deep_images_are_refused_wherever_their_header_is(tmp_path, color_type, n_channels, earlier):
    data = b"IDAT", zlib.compress(bytes(1 + 2 * n_channels * 2))
    (tmp_path / "x.png").write_bytes(make_png(*earlier, header(2, 1, 16, color_type), data, (b"IEND", b"")))
    with pytest.raises(StimulusError, match="more than 8 bits per channel"):
        open_image(tmp_path / "x.png")


@pytest.mark.parametrize("exif", [b"MM", b"II*\0"])
def test_images_with_damaged_metadata_are_refused(tmp_path, exif):
    rows = b"".join(b"\0" + row.tobytes() for row in COLORS)
    chunks = header(4, 6, 8, 2), (b"eXIf", exif), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    (tmp_path / "x.png").write_bytes(make_png(*chunks))
    with pytest.raises(StimulusError, match=r"x\.png cannot be read \(.+\): save it again as PNG"):
        open_image(tmp_path / "x.png")


def test_animated_and_partly_transparent_images_are_refused(tmp_path):
    frames = [Image.fromarray(COLORS), Image.fromarray(COLORS[::-1])]
    frames[0].save(tmp_path / "animated.png", save_all=True, append_images=frames[1:])
    with pytest.raises(StimulusError, match=r"animated\.png is animated; save the picture"):
        open_image(tmp_path / "animated.png")
    Image.fromarray(COLORS).convert("P").save(tmp_path / "palette.png", transparency=0)
    with pytest.raises(StimulusError, match=r"palette\.png is partly transparent"):
        open_image(tmp_path / "palette.png")


def test_the_first_picture_of_a_camera_is_read(tmp_path):
    frames = [Image.new("RGB", (16, 16), color) for color in ("white", "black")]
    frames[0].save(tmp_path / "x.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert open_image(tmp_path / "x.jpg").min() > 250


def test_interlaced_images_are_read(tmp_path):
    content = zlib.compress(b"\0" + bytes([1, 2, 3]))  # one pixel, in the first pass
    (tmp_path / "x.png").write_bytes(make_png(header(1, 1, 8, 2, interlaced=1), (b"IDAT", content), (b"IEND", b"")))
    assert open_image(tmp_path / "x.png").tolist() == [[[1, 2, 3]]]


def test_images_without_pixels_and_with_too_many_are_refused(tmp_path):
    data = b"IDAT", zlib.compress(b"\0" * 9)
    for width, height, message in (
        (0, 5, "or is damaged"),
        (9_000, 9_000, "9000 × 9000 pixels, more than the maximum"),
    ):
        (tmp_path / "x.png").write_bytes(make_png(header(width, height, 8, 2), data, (b"IEND", b"")))
        with pytest.raises(StimulusError, match=message):
            open_image(tmp_path / "x.png")


def test_special_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(StimulusError, match=r"x\.png is not a file but a folder or a special file"):
        open_image(tmp_path / "x.png")


def test_mutated_images_are_read_or_refused(tmp_path):
    """Damaged images never cause another exception than StimulusError, and what is read has pixels."""
    rng, n_read = random.Random(0), 0
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8))
    exif = photo.getexif()
    exif[0x0112] = 6
    originals = []
    for image, options in (
        (photo, {"format": "PNG", "exif": exif}), (photo.convert("P"), {"format": "PNG", "transparency": 3}),
        (photo, {"format": "JPEG", "exif": exif}), (photo, {"format": "JPEG", "progressive": True}),
    ):  # fmt: skip
        content = io.BytesIO()
        image.save(content, **options)
        originals.append(content.getvalue())
    for _ in range(400):
        content = bytearray(rng.choice(originals))
        for _ in range(rng.choice((1, 2, 8))):
            content[rng.randrange(8, min(len(content), 200))] = rng.randrange(256)
        (tmp_path / "x").write_bytes(content[: rng.randrange(len(content))] if rng.random() < 0.2 else content)
        with suppress(StimulusError):
            assert open_image(tmp_path / "x").ndim == 3
            n_read += 1
    assert n_read > 20
