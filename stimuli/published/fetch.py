"""Download the published images and the recorded responses of people into the cache.

Downloads are resumed, retried and verified, and only complete ones are installed. The checksums of the recorded
responses and of the images of three datasets are in `registry.txt`. No checksums are published for the other archives,
so the SHA-256 of the first download is stored next to the images, and later downloads have to match it. Incomplete
downloads stay in `<cache>/partial/` until the next attempt.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import responses
from pathlib import Path
from threading import Event, Lock
from urllib.parse import urljoin, urlsplit

import pooch
import requests
from attrs import frozen

from core.errors import StimulusError
from stimuli.categories import CATEGORIES
from stimuli.published.datasets import ARCHIVES, Dataset, cache_folder, dataset, find, published_stimuli, scan_images
from stimuli.published.unpack import unpack

COMMIT = "79ed7cd1d9ac3a114e71b6638f0a98bdd627316c"
HUMANS = f"https://raw.githubusercontent.com/bethgelab/model-vs-human/{COMMIT}/raw-data/"
REGISTRY = Path(__file__).with_name("registry.txt")
N_THREADS = 4
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds between attempts
TIMEOUTS = (10.0, 60.0)  # seconds to wait for a connection, and for the next bytes
MAX_BYTES = 4 << 30  # largest size of a file
CHUNK = 1 << 16

Progress = Callable[[int, int | None], None]  # number of bytes so far, total number of bytes or None if it is unknown
pooch.get_logger().setLevel("WARNING")  # pooch would report downloads too, next to the progress bar


def no_progress(done: int, total: int | None) -> None:
    """Ignore the progress of a download."""


def fetch_stimuli(name: str, *, progress: Progress = no_progress, base_url: str | None = None) -> Path:
    """Download the images of a published dataset, unless a data folder has all of them.

    Args:
        name: Name of the dataset.
        progress: Function that is called with the number of bytes so far and the total number of bytes (None if
            unknown).
        base_url: URL of the folder with the archives, by default that of the official release.

    Returns:
        Folder of the images, in the cache or in the data folder that has them.

    Raises:
        UnknownName: If the dataset does not exist.
        StimulusError: If the images cannot be downloaded, verified or written, or a data folder other than the cache
            has an incomplete copy, which would take precedence over the cache.
    """
    table, folder = dataset(name), cache_folder() / "stimuli" / name
    complete = _find_complete(name, folder)
    if complete is not None:
        print(f"all {table.n_images} images of {name} are already in {complete}", file=sys.stderr)
        return complete
    file = f"{name}.tar.gz"
    url = f"{(base_url or ARCHIVES).rstrip('/')}/{file}"
    offline_hint = f"put the images into <folder>/stimuli/{name}/ and set OBSERVERS_DATA=<folder>"
    with explain_write_errors():
        downloader = Downloader(file, None, offline_hint, progress)
        archive = Path(pooch.retrieve(url, None, file, _partial(), downloader=downloader))
        try:
            _install(table, url, archive, folder)
        except StimulusError:
            archive.unlink()
            raise
        archive.unlink()
    return folder


def fetch_humans(*, progress: Progress = no_progress, base_url: str | None = None) -> Path:
    """Download the recorded responses of people (90 CSV files), unless a data folder has all of them.

    Files that the cache already has with the correct checksum are not downloaded again.

    Args:
        progress: Function that is called with the number of bytes so far and None, since the total is unknown.
        base_url: URL of the folder with the files, by default that of model-vs-human on GitHub.

    Returns:
        Folder `humans` in the cache or in the data folder that has all files.

    Raises:
        StimulusError: If a file cannot be downloaded, verified or written.
    """
    files = {file: sha256 for file, sha256 in registry().items() if file.startswith("humans/")}
    existing = find("humans")
    if existing is not None and all(_is_published(existing.parent / file, sha256) for file, sha256 in files.items()):
        print(f"all {len(files)} files of human responses are already in {existing}", file=sys.stderr)
        return existing
    base = (base_url or HUMANS).rstrip("/")
    urls = {file: base + file.removeprefix("humans") for file in files}
    store = pooch.create(path=cache_folder(), base_url=base, registry=files, urls=urls)
    done, lock, failed = dict.fromkeys(files, 0), Lock(), Event()

    def get(file: str) -> None:
        def update(n: int, _: int | None) -> None:
            with lock:
                done[file] = n
                progress(sum(done.values()), None)

        if failed.is_set():  # the failing thread sets this before the main thread sees its error
            return
        offline_hint = f"put the file into <folder>/{file} and set OBSERVERS_DATA=<folder>"
        try:
            store.fetch(file, downloader=Downloader(Path(file).name, files[file], offline_hint, update))
        except BaseException:
            failed.set()
            raise

    folders = {store.abspath.joinpath(file).parent for file in files}
    with explain_write_errors():
        for folder in folders:  # created here because several threads would try to create the same folder
            folder.mkdir(parents=True, exist_ok=True)
        try:
            with ThreadPoolExecutor(N_THREADS) as pool:
                list(pool.map(get, files))  # list() raises the first error
        finally:
            for folder in folders:
                with suppress(OSError):  # raised if the folder is not empty
                    folder.rmdir()
    return cache_folder() / "humans"


def registry() -> dict[str, str]:
    """Return the known checksums of published files: path below a data folder -> `sha256:<hex>`."""
    return dict(line.split(" ", 1) for line in REGISTRY.read_text("utf-8").splitlines())


def _partial() -> Path:
    return cache_folder() / "partial"


def _find_complete(name: str, folder: Path) -> Path | None:
    """Return the folder that has all images of a dataset, or None if they have to be downloaded.

    An incomplete copy in `folder`, which lies in the cache, will be replaced. Raise StimulusError for an incomplete
    copy in another data folder.
    """
    existing = find("stimuli", name)
    if existing is None:
        return None
    try:
        published_stimuli(name)
    except StimulusError:
        if folder.exists() and existing.samefile(folder):
            return None
        raise
    return existing


def _install(table: Dataset, url: str, archive: Path, folder: Path) -> None:
    """Unpack and verify an archive, and then move its images to `folder`, where they replace an incomplete copy."""
    sha256, record = pooch.file_hash(str(archive)), folder.with_name(f"{table.name}.sha256")
    known = {file: hash_ for file, hash_ in registry().items() if file.startswith(f"stimuli/{table.name}/")}
    if record.exists() and sha256 not in record.read_text("utf-8").split():
        raise StimulusError(
            f"{url} has changed since the first download: its SHA-256 is {sha256}, but {record} has a different one; "
            "if you expect this change, delete that file and fetch again"
        )
    temporary = folder.with_name(f".{table.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    unpack(archive, temporary)
    try:
        entries = list(temporary.iterdir())
        wrapped = len(entries) == 1 and entries[0].name not in ("dnn", *CATEGORIES)
        images = entries[0] if wrapped else temporary
        for file, expected in known.items():
            inside = file.removeprefix(f"stimuli/{table.name}/")
            if not (images / inside).is_file():
                raise StimulusError(f"{url} lacks the published file {inside}; nothing was installed")
            _verify(images / inside, expected, f"{inside} in {url}")
        n_images = sum(1 for _ in scan_images(table, images))
        if n_images != table.n_images:
            raise StimulusError(f"{url} contains {n_images} images, expected {table.n_images}; nothing was installed")
        if not known:
            record.write_text(f"{sha256}  {table.name}.tar.gz\n", "utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        images.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_published(path: Path, expected: str) -> bool:
    """Return whether the file exists and has the expected checksum."""
    return path.is_file() and _sha256(path) == expected


def _sha256(path: Path) -> str:
    """Return the checksum of a file in the form of the registry, `sha256:<hex>`."""
    return f"sha256:{pooch.file_hash(str(path))}"


def _verify(path: Path, expected: str, description: str) -> None:
    """If the checksum of the file is not the expected one, remove the file and raise StimulusError."""
    checksum = _sha256(path)
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
    """A downloader for pooch that resumes and retries downloads, and returns only complete and verified files."""

    file: str  # name of the file
    sha256: str | None  # `sha256:<hex>`, or None if it is unknown
    offline_hint: str  # tells the user how to provide the file without a network
    progress: Progress

    def __call__(self, url: str, output: str, _: object) -> None:
        """Download `url` to the file `output`. Raise StimulusError if the download fails."""
        if not _is_allowed(url):
            raise StimulusError(f"{url} is not downloaded: only https:// addresses are allowed")
        part, etag = _partial() / f"{self.file}.part", _partial() / f"{self.file}.etag"
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
            _verify(part, self.sha256, url)
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
    """Return whether a connection to the URL is encrypted or stays on the local machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))


def _check_redirect(response: requests.Response, *_: object, **__: object) -> None:
    """Raise StimulusError if a response redirects to an address that is not allowed, before the redirect is followed."""
    if response.is_redirect:
        target = urljoin(response.url, response.headers["Location"])
        if not _is_allowed(target) or urlsplit(target).scheme != urlsplit(response.url).scheme:
            raise StimulusError(
                f"{response.url} redirects to {target[:99]!r}, which is not downloaded: only https:// addresses are allowed"
            )
