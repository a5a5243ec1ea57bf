"""Download the published images and the recorded people into the cache: resumed, retried, checked, all or nothing.

Checksums of the recorded people and of three datasets' images are in `registry.txt`. For the other archives none is
published, so the sha256 of the first one is kept beside the images, and a later one has to agree with it. What has not
come whole waits in `<cache>/partial/` for the next try.
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

from stimuli.categories import CATEGORIES
from stimuli.datasets import ARCHIVES, Dataset, cache_folder, dataset, find, published_stimuli, scan_images
from stimuli.errors import StimulusError
from stimuli.unpack import unpack

COMMIT = "79ed7cd1d9ac3a114e71b6638f0a98bdd627316c"
HUMANS = f"https://raw.githubusercontent.com/bethgelab/model-vs-human/{COMMIT}/raw-data/"
REGISTRY = Path(__file__).with_name("registry.txt")
N_THREADS = 4
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds between tries
TIMEOUTS = (10.0, 60.0)  # seconds to connect, and without a byte
MAX_BYTES = 4 << 30  # of a file
CHUNK = 1 << 16

Progress = Callable[[int, int | None], None]  # bytes so far, and in all where that is known
pooch.get_logger().setLevel("WARNING")  # the progress is ours to show


def silent(done: int, total: int | None) -> None:
    pass


def fetch_stimuli(name: str, *, progress: Progress = silent, base_url: str | None = None) -> Path:
    """Have the images of a published dataset on this machine; returns their folder.

    Downloads nothing where `published_stimuli(name)` already finds them all. Raises UnknownName, and StimulusError for
    what cannot be downloaded, verified or written, or if an incomplete copy in another data folder hides the cache.
    """
    table, folder = dataset(name), cache_folder() / "stimuli" / name
    there = _complete(name, folder)
    if there is not None:
        print(f"all {table.n_images} images of {name} are already there", file=sys.stderr)
        return there
    file = f"{name}.tar.gz"
    url = f"{(base_url or ARCHIVES).rstrip('/')}/{file}"
    otherwise = f"put the images at <folder>/stimuli/{name}/ and set OBSERVERS_DATA=<folder>"
    with writing():
        downloader = Downloader(file, None, otherwise, progress)
        archive = Path(pooch.retrieve(url, None, file, _partial(), downloader=downloader))
        try:
            _install(table, url, archive, folder)
        except StimulusError:
            archive.unlink()
            raise
        archive.unlink()
    return folder


def fetch_humans(*, progress: Progress = silent, base_url: str | None = None) -> Path:
    """Have the 90 files of recorded people on this machine; returns their folder.

    Downloads nothing where a data folder has them all, and no file that the cache has with the right checksum. The total of
    `progress` stays unknown. Raises StimulusError for what cannot be downloaded, verified or written.
    """
    files = {file: sha256 for file, sha256 in registry().items() if file.startswith("humans/")}
    there = find("humans")
    if there is not None and all(_is_published(there.parent / file, sha256) for file, sha256 in files.items()):
        print(f"all {len(files)} files of people are already there", file=sys.stderr)
        return there
    base = (base_url or HUMANS).rstrip("/")
    urls = {file: base + file.removeprefix("humans") for file in files}
    store = pooch.create(path=cache_folder(), base_url=base, registry=files, urls=urls)
    done, lock, failed = dict.fromkeys(files, 0), Lock(), Event()

    def get(file: str) -> None:
        def update(n: int, _: int | None) -> None:
            with lock:
                done[file] = n
                progress(sum(done.values()), None)

        if failed.is_set():  # said by the thread, which knows before the main one does
            return
        otherwise = f"put the file at <folder>/{file} and set OBSERVERS_DATA=<folder>"
        try:
            store.fetch(file, downloader=Downloader(Path(file).name, files[file], otherwise, update))
        except BaseException:
            failed.set()
            raise

    folders = {store.abspath.joinpath(file).parent for file in files}
    with writing():
        for folder in folders:  # pooch's threads would race to make them
            folder.mkdir(parents=True, exist_ok=True)
        try:
            with ThreadPoolExecutor(N_THREADS) as pool:
                list(pool.map(get, files))  # to raise the first error
        finally:
            for folder in folders:
                with suppress(OSError):  # where it is not empty
                    folder.rmdir()
    return cache_folder() / "humans"


def registry() -> dict[str, str]:
    """Path in a data folder -> `sha256:<hex>`, of every published file whose checksum is known."""
    return dict(line.split(" ", 1) for line in REGISTRY.read_text("utf-8").splitlines())


def _partial() -> Path:
    return cache_folder() / "partial"


def _complete(name: str, folder: Path) -> Path | None:
    """Where all the images are; None if they are nowhere, or not all in `folder`, the one in the cache."""
    there = find("stimuli", name)
    if there is None:
        return None
    try:
        published_stimuli(name)
    except StimulusError:
        if folder.exists() and there.samefile(folder):
            return None
        raise
    return there


def _install(table: Dataset, url: str, archive: Path, folder: Path) -> None:
    """Unpack, verify, and only then move to `folder`, replacing an incomplete one."""
    sha256, record = pooch.file_hash(str(archive)), folder.with_name(f"{table.name}.sha256")
    known = {file: hash_ for file, hash_ in registry().items() if file.startswith(f"stimuli/{table.name}/")}
    if record.exists() and sha256 not in record.read_text("utf-8").split():
        raise StimulusError(
            f"{url} is not the file that it was: its sha256 is {sha256}, and {record} has another one; "
            "if you know why, delete that file and fetch again"
        )
    beside = folder.with_name(f".{table.name}.unpacking")
    shutil.rmtree(beside, ignore_errors=True)
    unpack(archive, beside)
    try:
        entries = list(beside.iterdir())
        wrapped = len(entries) == 1 and entries[0].name not in ("dnn", *CATEGORIES)
        images = entries[0] if wrapped else beside
        for file, expected in known.items():
            inside = file.removeprefix(f"stimuli/{table.name}/")
            if not (images / inside).is_file():
                raise StimulusError(f"{url} does not hold {inside}, which it did when published: nothing was kept")
            _verify(images / inside, expected, f"{inside} in {url}")
        n_images = sum(1 for _ in scan_images(table, images))
        if n_images != table.n_images:
            raise StimulusError(f"{url} holds {n_images} images where {table.n_images} were expected: nothing was kept")
        if not known:
            record.write_text(f"{sha256}  {table.name}.tar.gz\n", "utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        images.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _is_published(path: Path, expected: str) -> bool:
    return path.is_file() and _sha256(path) == expected


def _sha256(path: Path) -> str:
    """As the registry has it."""
    return f"sha256:{pooch.file_hash(str(path))}"


def _verify(path: Path, expected: str, what: str) -> None:
    """Remove a file whose checksum is not `expected`, and raise StimulusError for it."""
    found = _sha256(path)
    if found != expected:
        path.unlink()
        raise StimulusError(f"{what} is not as published: expected {expected}, found {found}; it was removed")


@contextmanager
def writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StimulusError(
            f"{cache_folder()} cannot be written ({error}): make room there, or set OBSERVERS_CACHE to another folder"
        ) from error


class _Unfinished(Exception):
    """A try that the next one may complete."""


@frozen
class Downloader:
    """What pooch calls to download: resumes, retries, and hands over a file only when it is whole and right."""

    file: str
    sha256: str | None  # `sha256:<hex>`, if it is known
    otherwise: str  # what to do without a network
    progress: Progress

    def __call__(self, url: str, output: str, _: object) -> None:
        """Download `url` to `output`. Raises StimulusError."""
        if not _is_accepted(url):
            raise StimulusError(f"{url} is not fetched: only https:// is")
        part, etag = _partial() / f"{self.file}.part", _partial() / f"{self.file}.etag"
        part.parent.mkdir(parents=True, exist_ok=True)
        for pause in (*PAUSES, None):
            try:
                self._try(url, part, etag)
                break
            except (requests.RequestException, _Unfinished) as error:
                if pause is None:
                    why = str(error) if isinstance(error, _Unfinished) else type(error).__name__
                    raise StimulusError(
                        f"{url} could not be reached ({why}): is there a network? Without one, {self.otherwise}; "
                        "what was downloaded so far is kept"
                    ) from error
                time.sleep(pause)
        etag.unlink(missing_ok=True)
        if self.sha256 is not None:
            _verify(part, self.sha256, url)
        os.replace(part, output)

    def _try(self, url: str, part: Path, etag: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        known = etag.read_text("utf-8") if have and etag.exists() else ""
        headers = {"Accept-Encoding": "identity"}  # lengths and ranges of the file itself
        if have:
            headers["Range"] = f"bytes={have}-"
        if known.startswith('"'):  # a weak one is not allowed here
            headers["If-Range"] = known
        hooks = {"response": _follow_accepted}
        with (
            requests.Session() as session,
            session.get(url, headers=headers, hooks=hooks, stream=True, timeout=TIMEOUTS) as response,
        ):
            status, tag = response.status_code, response.headers.get("ETag", "")
            answer = f"{status} {responses.get(status, '')}".rstrip()
            if status >= 500:
                raise _Unfinished(f"it answered {answer}")
            begin = re.match(r"bytes (\d{1,18})-", response.headers.get("Content-Range", ""))
            fits = begin is not None and int(begin[1]) == have and tag == (known or tag)
            if status == 416 or (status == 206 and not fits):
                part.unlink(missing_ok=True)
                raise _Unfinished("it sent another part than was asked for")
            if status not in (200, 206):
                raise StimulusError(f"{url} answered {answer}, so the file cannot be had there: {self.otherwise}")
            if status == 200:  # the whole file, asked for or not
                have = 0
                part.unlink(missing_ok=True)
                etag.write_text(tag, "utf-8")
            length = re.fullmatch(r"\d{1,18}", response.headers.get("Content-Length", ""))
            self._write(response, part, have, have + int(length[0]) if length else None)

    def _write(self, response: requests.Response, part: Path, n_bytes: int, total: int | None) -> None:
        with part.open("ab") as target:
            self.progress(n_bytes, total)
            for chunk in response.iter_content(CHUNK):
                n_bytes += len(chunk)
                if max(n_bytes, total or 0) > MAX_BYTES:
                    target.truncate(0)
                    raise StimulusError(f"{part.stem} is larger than {MAX_BYTES:,} bytes: it is not what was expected")
                target.write(chunk)
                self.progress(n_bytes, total)
        if total is not None and n_bytes != total:
            raise _Unfinished(f"it sent {n_bytes:,} of {total:,} bytes")


def _is_accepted(url: str) -> bool:
    """Encrypted, or on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))


def _follow_accepted(response: requests.Response, *_: object, **__: object) -> None:
    """Refuse a redirection before it is followed."""
    if response.is_redirect:
        target = urljoin(response.url, response.headers["Location"])
        if not _is_accepted(target) or urlsplit(target).scheme != urlsplit(response.url).scheme:
            raise StimulusError(f"{response.url} leads to {target[:99]!r}, which is not fetched: only https:// is")
