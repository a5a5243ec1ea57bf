"""Download the published images and the recorded responses of people and networks into the cache.

`registry.txt` has the checksums of the recorded responses and of the images of three datasets. No checksums are published
for the other archives, so the SHA-256 of the first download is stored next to the images, and later downloads have to match
it. `stimuli.published.download` resumes, retries and verifies the downloads.
"""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock

import pooch

from core.errors import StimulusError
from stimuli.categories import CATEGORIES
from stimuli.published.datasets import ARCHIVES, Dataset, cache_folder, dataset, find, published_stimuli, scan_images
from stimuli.published.download import (
    UNPACKING,
    Downloader,
    Progress,
    explain_write_errors,
    fetching,
    file_checksum,
    no_progress,
    partial_folder,
    verify,
)
from stimuli.published.recordings import SOURCES, published_recordings, registry, url_of_recording
from stimuli.published.unpack import unpack

N_THREADS = 4


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
    if (complete := _find_complete(name, folder)) is not None:
        print(f"all {table.n_images} images of {name} are already in {complete}", file=sys.stderr)
        return complete
    file = f"{name}.tar.gz"
    url = f"{(base_url or ARCHIVES).rstrip('/')}/{file}"
    offline_hint = f"put the images into <folder>/stimuli/{name}/ and set OBSERVERS_DATA=<folder>"
    with explain_write_errors(), fetching():
        if _find_complete(name, folder) is not None:  # another process has fetched it in the meantime
            return folder
        archive = partial_folder() / file
        if not archive.exists():  # it exists if an earlier fetch was stopped while it unpacked the archive
            Downloader(file, None, offline_hint, progress)(url, archive)
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
    return fetch_recordings("humans", progress=progress, base_url=base_url)


def fetch_networks(*, progress: Progress = no_progress, base_url: str | None = None) -> Path:
    """Download the recorded responses of networks (74 CSV files), unless a data folder has all of them.

    Three networks responded to all 17 datasets, and 23 more to cue-conflict. Files that the cache already has with the
    correct checksum are not downloaded again.

    Args:
        progress: Function that is called with the number of bytes so far and None, since the total is unknown.
        base_url: URL of the folder with the files, by default the two repositories that publish them.

    Returns:
        Folder `networks` in the cache or in the data folder that has all files.

    Raises:
        StimulusError: If a file cannot be downloaded, verified or written.
    """
    return fetch_recordings("networks", progress=progress, base_url=base_url)


def fetch_recordings(part: str, *, progress: Progress = no_progress, base_url: str | None = None) -> Path:
    """Download the published recordings in a part of a data folder, unless a data folder has all of them.

    Args:
        part: One of `stimuli.published.recordings.SOURCES`, such as "vlm".
        progress: Function that is called with the number of bytes so far and None, since the total is unknown.
        base_url: URL of the folder with the files, by default those of the repositories that publish them.

    Returns:
        The folder of this part in the cache or in the data folder that has all files.

    Raises:
        StimulusError: If a file cannot be downloaded, verified or written.
    """
    files, description = published_recordings(part), SOURCES[part].description
    existing = find(part)
    if existing is not None and all(_is_published(existing.parent / file, sha256) for file, sha256 in files.items()):
        print(f"all {len(files)} files of {description} are already in {existing}", file=sys.stderr)
        return existing
    base = (base_url or "").rstrip("/")
    urls = {file: base + file.removeprefix(part) if base else url_of_recording(file) for file in files}
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
            if not _is_published(cache_folder() / file, files[file]):
                Downloader(Path(file).name, files[file], offline_hint, update)(urls[file], cache_folder() / file)
        except BaseException:
            failed.set()
            raise

    folders = {(cache_folder() / file).parent for file in files}
    with explain_write_errors(), fetching():
        for folder in folders:  # created here because several threads would try to create the same folder
            folder.mkdir(parents=True, exist_ok=True)
        try:
            with ThreadPoolExecutor(N_THREADS) as pool:
                list(pool.map(get, files))  # list() raises the first error
        finally:
            for folder in folders:
                with suppress(OSError):  # raised if the folder is not empty
                    folder.rmdir()
    return cache_folder() / part


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
    temporary = folder.with_name(f".{table.name}{UNPACKING}")
    unpack(archive, temporary)
    try:
        entries = list(temporary.iterdir())
        wrapped = len(entries) == 1 and entries[0].name not in ("dnn", *CATEGORIES)
        images = entries[0] if wrapped else temporary
        for file, expected in known.items():
            inside = file.removeprefix(f"stimuli/{table.name}/")
            if not (images / inside).is_file():
                raise StimulusError(f"{url} lacks the published file {inside}; nothing was installed")
            verify(images / inside, expected, f"{inside} in {url}")
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
    return path.is_file() and file_checksum(path) == expected
