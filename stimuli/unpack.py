"""Unpack a .tar.gz of images that may come from anyone: plain image files into one new folder, or nothing at all.

Limits count what is really decompressed, not what headers promise. No owner, mode or time is taken from the archive.
"""

import gzip
import re
import shutil
import tarfile
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path

from stimuli.errors import StimulusError
from stimuli.images import SUFFIXES

MAX_DEPTH = 8  # folders above a file, and the file
FREE_BYTES = 1 << 20  # unpacked before the ratio counts; the padding of a small archive compresses without limit
JUNK = re.compile(r"(.*/)?(\._[^/]*|\.DS_Store|__MACOSX(/.*)?)")  # of macOS
PROSE = re.compile(r"(readme|licen[cs]e|notice|copying|citation|attribution)[^/]*", re.IGNORECASE)
DAMAGED = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, RecursionError)  # of a forged header


def unpack(
    archive: Path,
    folder: Path,
    *,
    max_files: int = 20_000,
    max_bytes: int = 4 << 30,
    max_ratio: int = 200,
    suffixes: tuple[str, ...] = SUFFIXES,
) -> list[Path]:
    """Make `folder`, which must not exist, and unpack the images of `archive` into it; returns their paths, sorted.

    Skipped: junk of macOS, and texts like README and LICENSE. Raises StimulusError, and removes `folder`, for a damaged
    archive, for more than `max_files` members, `max_bytes` unpacked or `max_ratio` unpacked per packed byte, and for a
    member that is a link or device, has an unsafe or repeated name (letter case makes no difference), or is no image.
    """
    folder.mkdir(parents=True)
    paths = None
    try:
        with _Metered(archive, max_bytes, max_ratio) as source:
            with tarfile.open(fileobj=source, mode="r|") as tar:
                found = sorted(_unpacked(archive, tar, folder, max_files, suffixes))
            while source.read(1 << 20):  # to the end, where gzip keeps its checksum
                pass
        if source.n_filled > tar.offset:  # tarfile takes a damaged header for the end
            raise tarfile.ReadError("bad header")
        paths = found
    except DAMAGED as error:
        raise StimulusError(f"{archive} is damaged or no .tar.gz ({error}); nothing was unpacked") from None
    finally:
        if paths is None:
            shutil.rmtree(folder, ignore_errors=True)
    return paths


class _Metered(gzip.GzipFile):
    """What gzip decompresses, up to the limits."""

    def __init__(self, archive: Path, max_bytes: int, max_ratio: int) -> None:
        super().__init__(archive, "rb")
        self.archive, self.max_bytes, self.max_ratio = archive, max_bytes, max_ratio
        self.believable = max(max_ratio * archive.stat().st_size, FREE_BYTES)
        self.n_bytes = 0
        self.n_filled = 0  # up to the last byte that is not zero

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if filled := len(data.rstrip(b"\0")):
            self.n_filled = self.n_bytes + filled
        self.n_bytes += len(data)
        if self.n_bytes > self.max_bytes:
            raise StimulusError(f"{self.archive} unpacks to more than {self.max_bytes:,} bytes; nothing was unpacked")
        if self.n_bytes > self.believable:
            raise StimulusError(
                f"{self.archive} unpacks to more than {self.max_ratio} times its size, as images never do; "
                "nothing was unpacked"
            )
        return data


def _unpacked(
    archive: Path, tar: tarfile.TarFile, folder: Path, max_files: int, suffixes: tuple[str, ...]
) -> Iterator[Path]:
    taken: dict[str, tuple[str, bool]] = {}  # name as a file system might see it -> name, is it a file
    for number, member in enumerate(tar):
        if number >= max_files:
            raise StimulusError(f"{archive} has more than {max_files:,} files; nothing was unpacked")
        wrong = _wrong_kind(member) or _wrong_name(member.name)
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        name = "/".join(parts)
        if not wrong:
            if JUNK.fullmatch(name) or (member.isfile() and PROSE.fullmatch(parts[-1] if parts else "")):
                continue
            if member.isfile() and Path(name).suffix.lower() not in suffixes:
                wrong = f"is no image ({', '.join(suffixes)})"
            elif not _claim(taken, parts, member.isfile()):
                wrong = "is there twice, or differs from another one only in case"
        if wrong:
            raise StimulusError(f"{archive} is not to be trusted: {member.name[:200]!r} {wrong}; nothing was unpacked")
        if member.isfile():
            yield _write(tar, member, folder.joinpath(*parts))


def _wrong_kind(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "is a link"
    ordinary = member.isdir() or (member.isfile() and not member.issparse())
    return "" if ordinary else "is no ordinary file"


def _wrong_name(name: str) -> str:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        return "leads out of the folder"
    if any(unicodedata.category(letter)[0] == "C" or letter in '\\:*?"<>|' for letter in name):
        return "has a character that no image's name needs"  # of control, of a drive or another system's separator
    if len(parts) > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    return "has too long a name" if any(len(part.encode()) > 200 for part in parts) else ""


def _claim(taken: dict[str, tuple[str, bool]], parts: list[str], is_file: bool) -> bool:
    """Enter a name and the folders above it; False if one of them is taken already, by anything but the same folder."""
    for depth in range(1, len(parts) + 1):
        name = "/".join(parts[:depth])
        entry = (name, is_file and depth == len(parts))
        key = unicodedata.normalize("NFKC", name).casefold()
        if (entry[1] and key in taken) or taken.setdefault(key, entry) != entry:
            return False
    return True


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    assert source is not None  # an ordinary file
    with source, path.open("xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return path
