"""Check the headers of a tar archive before `tarfile` reads it.

A tar archive is a sequence of headers of 512 bytes, each followed by its data. An extended header (PAX or GNU) holds the
long name or other attributes of the next file. `tarfile` reads it into memory whatever its size, searches it with
expressions that take quadratic time (CVE-2024-6232), and follows chains of them recursively. This module therefore
reads the headers first, with limits.
"""

import re
import tarfile
from typing import BinaryIO

BLOCK = tarfile.BLOCKSIZE  # bytes
MAX_EXTENSION = 64 << 10  # bytes of an extended header; long names and attributes of macOS take a few thousand
MAX_CHAIN = 4  # largest number of extended headers before a file
_LONG_NUMBER = re.compile(rb"\d{500}")  # the time that tarfile takes is quadratic in the length of a number
_RECORD = re.compile(rb"(\d{1,20}) ([^=\n]{1,200})=")
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_EXTENSIONS = (*_PAX, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def find_header_problem(tar: BinaryIO, max_files: int) -> str:
    """Return the reason why the headers of an archive are not acceptable, or "" if they are acceptable.

    Damaged headers are not reported, because `tarfile` does not read beyond them either.

    Args:
        tar: The archive after decompression, at its beginning. It is read up to the end of the last file.
        max_files: Maximum number of files.

    Returns:
        A phrase that completes a sentence that begins with the archive.

    Raises:
        tarfile.ReadError: If the archive ends before the data of a file do.
    """
    chain, n_files, is_sparse = 0, 0, False
    while block := tar.read(BLOCK):
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return ""
        size = header.size
        if size < 0:
            return f"{header.name[:200]!r} has a negative size"
        if header.type in _EXTENSIONS:
            chain += 1
            if chain > MAX_CHAIN:
                return f"it has more than {MAX_CHAIN} extended headers in a row"
            if size > MAX_EXTENSION:
                return f"it has an extended header of {size:,} bytes, expected up to {MAX_EXTENSION:,}"
            data = tar.read(_padded(size))[:size]
            if header.type in _PAX:
                if problem := _find_pax_problem(data):
                    return problem
                is_sparse = is_sparse or b" GNU.sparse." in data
            continue
        if is_sparse or header.type == tarfile.GNUTYPE_SPARSE:
            return f"{header.name[:200]!r} is not an ordinary file"
        chain, n_files = 0, n_files + 1
        if n_files > max_files:
            return f"it has more than {max_files:,} files"
        if header.isreg() or header.type not in tarfile.SUPPORTED_TYPES:  # other types do not have data
            _skip(tar, size)
    return ""


def _find_pax_problem(data: bytes) -> str:
    """Return the reason why the records of a PAX header, `<length> <key>=<value>` and a line feed, are not acceptable."""
    if _LONG_NUMBER.search(data):
        return "it has an extended header with a number of 500 digits or more"
    start, n_bytes = 0, len(data.rstrip(b"\0"))
    while start < n_bytes:
        match = _RECORD.match(data, start)
        end = start + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            return "it has a malformed extended header"
        if match[2] == b"size":
            return "it has a file of 8 GiB or more, or a forged size"
        start = end
    return ""


def _padded(size: int) -> int:
    """Return the number of bytes that data of this size take up in an archive, which is a multiple of BLOCK."""
    return -(-size // BLOCK) * BLOCK


def _skip(tar: BinaryIO, size: int) -> None:
    """Read and discard the data of a file. Raises tarfile.ReadError at the end of the archive, where tarfile would go on."""
    n_bytes = _padded(size)
    while n_bytes > 0:
        data = tar.read(min(n_bytes, 1 << 20))
        if not data:
            raise tarfile.ReadError("unexpected end of data")
        n_bytes -= len(data)
