"""Read trial logs that are compressed with gzip, with limits on what they may expand to."""

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO

from core.errors import LogError
from core.files import open_binary

SUFFIX = ".gz"
MAX_BYTES = 1 << 28  # of the decompressed content
MAX_RATIO = 200  # of decompressed to compressed bytes; trial logs compress to about a tenth of their size
FREE_BYTES = 16 << 20  # the ratio is not limited below this size
BLOCK = 1 << 20


def plain_path(path: Path) -> Path:
    """Return the path without the suffix `.gz`, whose other suffix tells the layout of the content."""
    return path.with_suffix("") if path.suffix == SUFFIX else path


def open_maybe_compressed(path: Path) -> BinaryIO:
    """Open a file for reading; a file whose name ends in `.gz` is decompressed into memory.

    Raises:
        LogError: If a compressed file is damaged or exceeds a limit.
        OSError: If the file cannot be opened.
    """
    return io.BytesIO(read_compressed(path)) if path.suffix == SUFFIX else open_binary(path)


def read_compressed(path: Path) -> bytes:
    """Return the decompressed content of a gzip file. Raises LogError if it is damaged or exceeds a limit."""
    content = bytearray()
    with open_binary(path) as file:
        limit = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * file.seek(0, io.SEEK_END)))
        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file) as source:
                while block := source.read(BLOCK):
                    content += block
                    if len(content) > limit:
                        raise LogError(
                            f"{path} unpacks to more than {limit:,} bytes, so it is not read as a trial log; unpack it "
                            "yourself if you trust it"
                        )
        except (OSError, EOFError, zlib.error) as error:
            raise LogError(f"{path} is damaged or is not a gzip file ({error}): restore it from a copy") from None
    return bytes(content)
