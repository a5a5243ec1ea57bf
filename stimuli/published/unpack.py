"""Safely unpack a .tar.gz archive of images from an untrusted source.

Only ordinary image files are unpacked, into one new folder. If anything in the archive is unacceptable, nothing
remains. The limits count the bytes that are decompressed, because headers may give wrong sizes. Owners, permissions and
times in the archive are ignored.

Python's `data` filter (PEP 706) checks every file that is written. It accepts links within the folder, removes the slash at
the start of an absolute name, resolves `..`, and lets one file overwrite another, so the checks here refuse these first.
`stimuli.published.tar_headers` checks all headers before `tarfile` reads them, because some would take unlimited time.
"""

import gzip
import re
import shutil
import tarfile
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from core.errors import StimulusError
from stimuli.published.tar_headers import find_header_problem

SUFFIXES = (".png", ".jpg", ".jpeg")  # of the images in the archives
MAX_DEPTH = 8  # maximum number of parts of a path, which are the folders above a file and the file itself
# The compression ratio is not limited below this size, because the padding of a small archive compresses extremely well.
FREE_BYTES = 1 << 20
MACOS_FILES = re.compile(r"(.*/)?(\._[^/]*|\.DS_Store|__MACOSX(/.*)?)")
TEXT_FILES = re.compile(r"(readme|licen[cs]e|notice|copying|citation|attribution)[^/]*", re.IGNORECASE)
# A forged header can cause ValueError and RecursionError in tarfile.
DAMAGE_ERRORS = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, RecursionError)


def unpack(
    archive: Path,
    folder: Path,
    *,
    max_files: int = 20_000,
    max_bytes: int = 4 << 30,
    max_ratio: int = 200,
    suffixes: tuple[str, ...] = SUFFIXES,
) -> list[Path]:
    """Unpack the images of an archive into a new folder.

    The extra files of macOS and texts such as README and LICENSE are skipped.

    Args:
        archive: The .tar.gz file.
        folder: Folder to create. It must not exist. After an error, it is removed.
        max_files: Maximum number of members of the archive.
        max_bytes: Maximum number of bytes after decompression.
        max_ratio: Maximum ratio of decompressed to compressed bytes.
        suffixes: File name suffixes of images, in lower case.

    Returns:
        Paths of the images, sorted.

    Raises:
        StimulusError: If the archive is damaged or exceeds a limit, or a member is a link or device, is not an image,
            or has an unsafe or duplicate name (names that differ only in case count as duplicates).
        FileExistsError: If `folder` exists.
    """
    folder.mkdir(parents=True)
    paths = None
    try:
        with _LimitedGzip(archive, max_bytes, max_ratio) as source:
            if problem := find_header_problem(cast(BinaryIO, source), max_files):
                raise StimulusError(f"{archive} cannot be trusted: {problem}; nothing was unpacked")
        with _LimitedGzip(archive, max_bytes, max_ratio) as source:
            with tarfile.open(fileobj=source, mode="r|") as tar:
                unpacked = sorted(_unpack_members(archive, tar, folder, suffixes))
            while source.read(1 << 20):  # gzip verifies its checksum at the end of the file
                pass
        if source.n_nonzero > tar.offset:  # tarfile mistakes a damaged header for the end of the archive
            raise tarfile.ReadError("bad header")
        paths = unpacked
    except DAMAGE_ERRORS as error:
        raise StimulusError(
            f"{archive} is damaged or is not a .tar.gz archive ({error}); nothing was unpacked"
        ) from None
    finally:
        if paths is None:
            shutil.rmtree(folder, ignore_errors=True)
    return paths


class _LimitedGzip(gzip.GzipFile):
    """A gzip file that raises StimulusError when more bytes are decompressed than the limits allow."""

    def __init__(self, archive: Path, max_bytes: int, max_ratio: int) -> None:
        super().__init__(archive, "rb")
        self.archive, self.max_bytes, self.max_ratio = archive, max_bytes, max_ratio
        self.max_expanded = max(max_ratio * archive.stat().st_size, FREE_BYTES)
        self.n_bytes = 0
        self.n_nonzero = 0  # number of bytes up to the last one that is not zero

    def read(self, size: int | None = -1) -> bytes:
        """Read and count decompressed bytes. Raise StimulusError if they exceed a limit."""
        data = super().read(size)
        if length := len(data.rstrip(b"\0")):
            self.n_nonzero = self.n_bytes + length
        self.n_bytes += len(data)
        if self.n_bytes > self.max_bytes:
            raise StimulusError(f"{self.archive} unpacks to more than {self.max_bytes:,} bytes; nothing was unpacked")
        if self.n_bytes > self.max_expanded:
            raise StimulusError(
                f"{self.archive} unpacks to more than {self.max_ratio} times its size, but images do not compress that "
                "well; nothing was unpacked"
            )
        return data


def _unpack_members(archive: Path, tar: tarfile.TarFile, folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Write the images of the archive one by one and yield their paths."""
    used: dict[str, tuple[str, bool]] = {}  # normalized name -> (name, whether it is a file)
    for member in tar:
        problem = _find_type_problem(member) or _find_name_problem(member.name)
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        name = "/".join(parts)
        if not problem:
            if MACOS_FILES.fullmatch(name) or (member.isfile() and TEXT_FILES.fullmatch(parts[-1] if parts else "")):
                continue
            if member.isfile() and Path(name).suffix.lower() not in suffixes:
                problem = f"is not an image ({', '.join(suffixes)})"
            elif not _register(used, parts, member.isfile()):
                problem = "is a duplicate, or differs from another name only in case"
        if problem:
            raise StimulusError(f"{archive} cannot be trusted: {member.name[:200]!r} {problem}; nothing was unpacked")
        if member.isfile():
            tar.extract(member, folder, set_attrs=False, filter="data")
            yield folder.joinpath(*parts)


def _find_type_problem(member: tarfile.TarInfo) -> str:
    """Return the reason why the type of a member is not acceptable, or "" if it is acceptable."""
    if member.issym() or member.islnk():
        return "is a link"
    ordinary = member.isdir() or (member.isfile() and not member.issparse())
    return "" if ordinary else "is not an ordinary file"


def _find_name_problem(name: str) -> str:
    """Return the reason why the name of a member is not acceptable, or "" if it is acceptable."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        return "leads out of the folder"
    # Control characters, and characters that separate drives or folders or are forbidden on other systems.
    if any(unicodedata.category(letter)[0] == "C" or letter in '\\:*?"<>|' for letter in name):
        return "has a forbidden character in its name"
    if len(parts) > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    return "has a name that is too long" if any(len(part.encode()) > 200 for part in parts) else ""


def _register(used: dict[str, tuple[str, bool]], parts: list[str], is_file: bool) -> bool:
    """Register a path and the folders above it, and return whether all these names are free.

    A name is free if no other name equals it after Unicode normalization and case folding. A folder may be registered
    again, but a file may not.
    """
    for depth in range(1, len(parts) + 1):
        name = "/".join(parts[:depth])
        entry = (name, is_file and depth == len(parts))
        key = unicodedata.normalize("NFKC", name).casefold()
        if (entry[1] and key in used) or used.setdefault(key, entry) != entry:
            return False
    return True
