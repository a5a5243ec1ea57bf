"""Image files that are damaged, disguised or enormous are decoded to 8-bit pixels or refused with a message."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stimuli.images import open_image
from tests.robustness.fork_server import ForkServer
from tests.robustness.inputs import CATEGORIES, write_image
from tests.robustness.outcomes import REFUSED, RIGHT, UNEXPLAINED, judge, judge_call
from tests.robustness.tally import SILENT, Tally, count

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, rows: bytes, depth: int = 8, color: int = 2, before: bytes = b"", after: bytes = b""
) -> bytes:
    """Return a PNG file with this header, whatever its rows contain. `before` comes before the header."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return SIGNATURE + before + header + after + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def encoded(form: str, image: Image.Image | None = None, **options: object) -> bytes:
    """Return an image file."""
    out = io.BytesIO()
    (image or Image.fromarray(RGB)).save(out, form, **options)
    return out.getvalue()


def with_exif(exif: bytes) -> bytes:
    """Return a JPEG file with these bytes as EXIF data."""
    return encoded("JPEG", exif=b"Exif\0\0" + exif)


def oriented(number: int) -> bytes:
    """Return a JPEG file with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = number
    return encoded("JPEG", exif=exif)


GRAY16 = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
ALPHA = Image.fromarray(np.dstack([RGB, np.full(RGB.shape[:2], 128, np.uint8)]))
ROWS16 = b"".join(b"\0" + bytes(20 * 6) for _ in range(24))
# name -> bytes, and whether the file must be refused (True), must be decoded (False), or either (None)
FILES: dict[str, tuple[bytes, bool | None]] = {
    "empty": (b"", True),
    "text": (b"<svg onload=alert(1)>", True),
    "PNG of 16 bits": (png(20, 24, ROWS16, depth=16), True),
    "PNG of 16 bits behind another chunk": (png(20, 24, ROWS16, depth=16, before=chunk(b"tEXt", b"a\0b")), True),
    "gray PNG of 16 bits": (encoded("PNG", GRAY16), True),
    "partly transparent PNG": (encoded("PNG", ALPHA), True),
    "PNG of 60,000 × 60,000 pixels": (png(60_000, 60_000, bytes(100)), True),
    "PNG of 2 billion pixels a side": (png(2**31 - 1, 2**31 - 1, bytes(9)), True),
    "PNG without pixels": (png(0, 0, b""), True),
    "PNG of 7,000 × 7,000 pixels": (png(7000, 7000, bytes(7000 * 7001), color=0), None),
    "PNG with too few rows": (png(20, 24, bytes(30)), None),
    "text that expands to 1 GB": (png(20, 24, bytes(24 * 61), after=chunk(b"zTXt",
    b"a\0\0" + zlib.compress(bytes(1 << 26), 9))), None),
    "color profile that expands": (png(20, 24, bytes(24 * 61), after=chunk(b"iCCP",
    b"a\0\0" + zlib.compress(bytes(1 << 26), 9))), None),
    "palette PNG": (encoded("PNG", Image.fromarray(RGB).quantize(16)), False),
    "palette PNG with transparency": (encoded("PNG", Image.fromarray(RGB).quantize(16), transparency=1), True),
    "PNG of 1 bit": (encoded("PNG", Image.fromarray(RGB).convert("1")), False),
    "animated PNG": (encoded("PNG", save_all=True, append_images=[Image.fromarray(255 - RGB)]), None),
    "CMYK JPEG": (encoded("JPEG", Image.fromarray(RGB).convert("CMYK")), True),
    "progressive JPEG": (encoded("JPEG", progressive=True), False),
    "gray JPEG": (encoded("JPEG", Image.fromarray(RGB[..., 0])), False),
    "GIF": (encoded("GIF"), True),
    "WebP": (encoded("WEBP"), True),
    "TIFF": (encoded("TIFF"), True),
    "BMP": (encoded("BMP"), True),
    "PDF": (encoded("PDF"), True),
    "short EXIF block": (with_exif(b""), None),
    "shorter EXIF block": (with_exif(b"MM\0"), None),
    "EXIF block with a loop": (with_exif(b"MM\0*\0\0\0\x08\0\1\x87\x69\0\4\0\0\0\1\0\0\0\x08\0\0\0\x08"), None),
    "EXIF block with endless entries": (with_exif(b"MM\0*\0\0\0\x08\xff\xff" + bytes(2000)), None),
    "EXIF block of zeros": (with_exif(bytes(60_000)), None),
    "EXIF orientation 0": (oriented(0), False),
    "EXIF orientation 6": (oriented(6), False),
    "EXIF orientation 60000": (oriented(60_000), False),
    "JPEG followed by a ZIP": (encoded("JPEG") + b"PK\3\4" * 999, False),
    "two PNG files": (encoded("PNG") * 2, False),
    "cut PNG": (encoded("PNG")[:-40], True),
    "cut JPEG": (encoded("JPEG")[:-60], True),
}  # fmt: skip


def check_pixels(path: Path) -> tuple[str, str]:
    """Decode a file. Return the verdict and the message."""
    verdict, pixels, text = judge_call(lambda: open_image(path))
    if (
        verdict == RIGHT
        and pixels is not None
        and not (pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3)
    ):
        return UNEXPLAINED, f"pixels of the shape {pixels.shape} and type {pixels.dtype}"
    return verdict, text


def test_hostile_images(tally: Tally, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    for name, (content, refuse) in FILES.items():
        path.write_bytes(content)
        verdict, text = check_pixels(path)
        if (refuse is True and verdict == RIGHT) or (refuse is False and verdict == REFUSED):
            verdict = SILENT if refuse else UNEXPLAINED
        tally.add(verdict, f"{name}: {text}")
    tally.check(at_least=len(FILES))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_mutated_images(form: str, tally: Tally, tmp_path: Path) -> None:
    """Random bytes of real files are replaced, inserted, repeated and removed."""
    exif = Image.Exif()
    exif[0x0112] = 3
    path = tmp_path / "image"
    originals = [encoded(form), encoded(form, exif=exif), encoded(form, Image.fromarray(RGB[..., 0]))]
    for _ in range(n := count(2000, 150)):
        content = bytearray(tally.rng.choice(originals))
        for _ in range(tally.rng.choice([1, 1, 2, 8])):
            at = (
                tally.rng.randrange(len(content))
                if tally.rng.random() < 0.6
                else tally.rng.randrange(min(120, len(content)))
            )
            n_replaced = tally.rng.choice([0, 1, 1, 4])
            content[at : at + n_replaced] = tally.rng.randbytes(tally.rng.choice([0, 1, 1, 4, 300]))
        path.write_bytes(content)
        verdict, text = check_pixels(path)
        tally.add(verdict, f"{text}\n    {bytes(content)[:60]!r}")
    tally.check(at_least=n)


def test_folders_with_a_hostile_image(server: ForkServer, tally: Tally, tmp_path: Path) -> None:
    """The commands that read a folder of images name the file, and use little memory."""
    commands: tuple[Callable[[Path], tuple[str, ...]], ...] = (
        lambda folder: ("run-experiment", str(folder), "-m", "ideal", "--quiet"),
        lambda folder: (
            "make-stimuli",
            "contrast",
            str(folder),
            "made",
            "--levels",
            "c50",
            "--workers",
            "1",
            "--quiet",
        ),
        lambda folder: ("show-stimuli", "contrast", str(folder / "cat" / "odd.png"), "--levels", "c50"),
    )
    items = list(FILES.items()) if count(1, 0) else tally.rng.sample(list(FILES.items()), 4)
    for number, (name, (content, _)) in enumerate(items):
        work = tmp_path / str(number)
        for i, category in enumerate(CATEGORIES):
            write_image(work / "photos" / category / f"{i}.png", i)
        (work / "photos" / "cat" / "odd.png").write_bytes(content)
        words = tally.rng.choice(commands)(work / "photos")
        outcome = server.run(*words, cwd=work)
        tally.add(judge(outcome), f"{name}: {outcome.describe()}")
    tally.check(at_least=len(items))
