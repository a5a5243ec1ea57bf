"""Download single files: downloads are resumed, retried and verified, and only complete ones are installed.

Incomplete downloads stay in `<cache>/partial/` until the next attempt. Only encrypted connections are used.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import responses
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import filelock
import pooch
import requests
from attrs import frozen

from core.errors import StimulusError
from stimuli.published.datasets import cache_folder

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds between attempts
TIMEOUTS = (10.0, 60.0)  # seconds to wait for a connection, and for the next bytes
MAX_BYTES = 4 << 30  # largest size of a file
CHUNK = 1 << 16
LOCK = ".fetch.lock"  # in the folder of incomplete downloads
TEMPORARY = "tmp????????"  # pattern of the temporary files of earlier versions
UNPACKING = ".unpacking"  # suffix of the folder into which an archive is unpacked before it is installed

Progress = Callable[[int, int | None], None]  # number of bytes so far, total number of bytes or None if it is unknown


def no_progress(done: int, total: int | None) -> None:
    """Ignore the progress of a download."""


def partial_folder() -> Path:
    """Return the folder of incomplete downloads."""
    return cache_folder() / "partial"


@contextmanager
def fetching() -> Iterator[None]:
    """Let one process at a time write into the cache; others wait. Remove the temporary files of fetches that were killed.

    Raises OSError if the cache cannot be written.
    """
    cache = cache_folder()
    partial_folder().mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(partial_folder() / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print(f"another fetch is writing into {cache}: waiting until it ends", file=sys.stderr)
        lock.acquire()
    try:
        for path in (*partial_folder().glob(TEMPORARY), *cache.glob(f"*/*/{TEMPORARY}")):
            if path.is_file():
                path.unlink()
        for path in cache.glob(f"stimuli/.*{UNPACKING}"):
            shutil.rmtree(path)
        yield
    finally:
        lock.release()


def file_checksum(path: Path) -> str:
    """Return the checksum of a file in the form of the registry, `sha256:<hex>`."""
    return f"sha256:{pooch.file_hash(str(path))}"


def verify(path: Path, expected: str, description: str) -> None:
    """If the checksum of the file is not the expected one, remove the file and raise StimulusError."""
    checksum = file_checksum(path)
    if checksum != expected:
        path.unlink()
        raise StimulusError(
            f"{description} differs from the published file: expected {expected}, got {checksum}; the download was removed"
        )


@contextmanager
def explain_write_errors() -> Iterator[None]:
    """Turn an OSError into a StimulusError that tells what to do if the cache cannot be written."""
    try:
        yield
    except OSError as error:
        raise StimulusError(
            f"the cache {cache_folder()} cannot be written ({error}): free some space or check its permissions, or set "
            f"OBSERVERS_CACHE to another folder"
        ) from error


class _IncompleteDownload(Exception):
    """Raised if an attempt to download a file has failed but another attempt may succeed."""


@frozen
class Downloader:
    """A downloader that resumes and retries downloads, and returns only complete and verified files."""

    file: str  # name of the file
    sha256: str | None  # `sha256:<hex>`, or None if it is unknown
    offline_hint: str  # tells the user how to provide the file without a network
    progress: Progress

    def __call__(self, url: str, output: Path) -> None:
        """Download `url` to the file `output`. Raise StimulusError if the download fails."""
        if not _is_allowed(url):
            raise StimulusError(f"{url} is not downloaded: only https:// addresses are allowed")
        part, etag = partial_folder() / f"{self.file}.part", partial_folder() / f"{self.file}.etag"
        part.parent.mkdir(parents=True, exist_ok=True)
        for pause in (*PAUSES, None):
            try:
                self._attempt(url, part, etag)
                break
            except (requests.RequestException, _IncompleteDownload) as error:
                if pause is None:
                    reason = str(error) if isinstance(error, _IncompleteDownload) else type(error).__name__
                    raise StimulusError(
                        f"{url} could not be downloaded ({reason}): check the network and run the command again, which "
                        f"resumes the download; without a network, {self.offline_hint}"
                    ) from error
                time.sleep(pause)
        etag.unlink(missing_ok=True)
        if self.sha256 is not None:
            verify(part, self.sha256, url)
        os.replace(part, output)

    def _attempt(self, url: str, part: Path, etag: Path) -> None:
        """Download the bytes that `part` lacks.

        The file `etag` has the entity tag of the partial download, so that a file that has changed on the server is
        downloaded from the start. Raise _IncompleteDownload if another attempt may succeed, and StimulusError if not.
        """
        n_bytes = part.stat().st_size if part.exists() else 0
        known_tag = etag.read_text("utf-8") if n_bytes and etag.exists() else ""
        headers = {"Accept-Encoding": "identity"}  # so that lengths and ranges refer to the file itself
        if n_bytes:
            headers["Range"] = f"bytes={n_bytes}-"
        if known_tag.startswith('"'):  # If-Range does not allow weak entity tags (RFC 9110)
            headers["If-Range"] = known_tag
        hooks = {"response": _check_redirect}
        with (
            requests.Session() as session,
            session.get(url, headers=headers, hooks=hooks, stream=True, timeout=TIMEOUTS) as response,
        ):
            status, tag = response.status_code, response.headers.get("ETag", "")
            status_text = f"{status} {responses.get(status, '')}".rstrip()
            if status >= 500:
                raise _IncompleteDownload(f"the server responded with {status_text}")
            begin = re.match(r"bytes (\d{1,18})-", response.headers.get("Content-Range", ""))
            is_next_part = begin is not None and int(begin[1]) == n_bytes and tag == (known_tag or tag)
            if status == 416 or (status == 206 and not is_next_part):
                part.unlink(missing_ok=True)
                raise _IncompleteDownload("the server sent a different part of the file than requested")
            if status not in (200, 206):
                raise StimulusError(
                    f"{url} responded with {status_text}, so the file is not available there: {self.offline_hint}"
                )
            if status == 200:  # the complete file, even if a range was requested
                n_bytes = 0
                part.unlink(missing_ok=True)
                etag.write_text(tag, "utf-8")
            length = re.fullmatch(r"\d{1,18}", response.headers.get("Content-Length", ""))
            self._write(response, part, n_bytes, n_bytes + int(length[0]) if length else None)

    def _write(self, response: requests.Response, part: Path, n_bytes: int, total: int | None) -> None:
        """Append the body of a response to `part`, which already has `n_bytes` of the `total` bytes."""
        with part.open("ab") as target:
            self.progress(n_bytes, total)
            for chunk in response.iter_content(CHUNK):
                n_bytes += len(chunk)
                if max(n_bytes, total or 0) > MAX_BYTES:
                    target.truncate(0)
                    raise StimulusError(
                        f"{part.stem} is larger than the maximum of {MAX_BYTES:,} bytes, so it cannot be the published file"
                    )
                target.write(chunk)
                self.progress(n_bytes, total)
        if total is not None and n_bytes != total:
            raise _IncompleteDownload(f"the server sent {n_bytes:,} of {total:,} bytes")


def _is_allowed(url: str) -> bool:
    """Return whether a connection to the URL is encrypted or stays on the local machine. A malformed URL is not allowed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))


def _check_redirect(response: requests.Response, *_: object, **__: object) -> None:
    """Raise StimulusError if a response redirects to an address that is not allowed, before the redirect is followed."""
    if response.is_redirect:
        location = response.headers["Location"]
        try:
            target = urljoin(response.url, location)
        except ValueError:
            target = location
        if not _is_allowed(target) or urlsplit(target).scheme != urlsplit(response.url).scheme:
            raise StimulusError(
                f"{response.url} redirects to {target[:99]!r}, which is not downloaded: only https:// addresses are allowed"
            )
