"""Search a folder for image files. Files are recognized by their content, and every file that is skipped is counted.

PNG and JPEG files are images, even if they have a different suffix of images (such as `.jfif`, which browsers use for
JPEG) or no suffix. Files that have the suffix of an image but different content are unusable: `check` refuses them,
because skipping them would change the set.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from core.errors import StimulusError
from core.files import open_binary
from stimuli.naming import show

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".apng")
# Suffixes of images in other formats. Such files are unusable, and not skipped, unless their content is PNG or JPEG.
UNSUPPORTED_SUFFIXES = (
    ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jp2", ".jxl", ".tif", ".tiff", ".webp",
)  # fmt: skip
MAX_EXAMPLES = 3  # number of files that a note names
_N_BYTES = 16  # bytes at the beginning of a file from which its format is recognized
_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "icon\r"}  # of Windows and macOS
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"II*\0": "TIFF",
    b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF", b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xffO\xffQ": "JPEG 2000", b"8BPS": "Photoshop",
}  # fmt: skip
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"
)


@frozen
class FolderScan:
    """The files in a folder.

    Attributes:
        folder: The folder.
        images: The PNG and JPEG files, sorted by path.
        passed_over: Files that are not images, sorted by path.
        misnamed: Images whose suffix is that of another file type, such as `.bak`. They are also skipped.
        unusable: Files with the suffix of an image that are neither PNG nor JPEG, and what they are, such as "WebP".
    """

    folder: Path
    images: tuple[Path, ...]
    passed_over: tuple[Path, ...] = ()
    unusable: Mapping[Path, str] = field(factory=dict)
    misnamed: tuple[Path, ...] = ()

    def check(self) -> None:
        """Raise StimulusError if the folder has unusable files."""
        if not self.unusable:
            return
        by_reason: dict[str, list[Path]] = {}
        for path, reason in self.unusable.items():
            by_reason.setdefault(reason, []).append(path)
        parts = [f"{len(paths):,} × {reason} ({self._name(paths)})" for reason, paths in by_reason.items()]
        raise StimulusError(
            f"{show(str(self.folder))} has files that are named like images but are neither PNG nor JPEG: "
            f"{', '.join(parts)}; save them as PNG, or move them to another folder"
        )

    def notes(self) -> tuple[str, ...]:
        """Return notes about the files that are skipped, one for each reason."""
        notes = []
        for paths, one, several in (
            (self.passed_over, "file is not an image and is", "files are not images and are"),
            (
                self.misnamed,
                "image has the suffix of another file type and is",
                "images have suffixes of other file types and are",
            ),
        ):
            if paths:
                count = f"1 {one}" if len(paths) == 1 else f"{len(paths):,} {several}"
                notes.append(f"{show(self.folder.name)}: {count} skipped: {self._name(paths)}")
        return tuple(notes)

    def _name(self, paths: Sequence[Path]) -> str:
        """Return the names of the first MAX_EXAMPLES paths, relative to the folder."""
        names = [show(path.relative_to(self.folder).as_posix())[1:-1] for path in paths[:MAX_EXAMPLES]]
        return f"{', '.join(names)}{', …' if len(paths) > MAX_EXAMPLES else ''}"


def image_format(path: Path) -> str:
    """Return the name of the image format of a file, such as "PNG", or "" if its content is not that of a known format.

    Raises:
        StimulusError: If the file cannot be read.
    """
    try:
        with open_binary(path) as file:
            start = file.read(_N_BYTES)
    except OSError as error:
        raise StimulusError(f"{show(str(path))} cannot be read: {error.strerror}") from None
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WebP"
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12], "")
    if start.startswith(b"BM") and start[6:10] == bytes(4):
        return "BMP"
    return next((name for signature, name in _SIGNATURES.items() if start.startswith(signature)), "")


def scan_folder(folder: Path, *, recursive: bool = True) -> FolderScan:
    """Search a folder for images.

    Hidden files, the extra files of macOS and Windows, and the files of reports are left out without being counted. Links to
    folders are followed.

    Args:
        folder: The folder.
        recursive: Whether to search the folders below it, too.

    Returns:
        The images, and the files that are skipped.

    Raises:
        StimulusError: If a folder or file cannot be read.
    """
    images, passed_over, misnamed = [], [], []
    unusable: dict[Path, str] = {}
    paths = sorted(_files(folder)) if recursive else sorted(path for path in folder.iterdir() if not path.is_dir())
    reports = {path.parent for path in paths if path.name == "index.html" and (path.parent / "tables").is_dir()}
    for path in paths:
        parts = path.relative_to(folder).parts
        is_extra = any(part.startswith((".", "__MACOSX")) for part in parts) or path.name.lower() in _SYSTEM_FILES
        if is_extra or not reports.isdisjoint(path.parents):
            continue
        suffix = path.suffix.lower()
        is_named_image = suffix in (*SUFFIXES, *UNSUPPORTED_SUFFIXES)
        try:
            content = image_format(path) if path.is_file() else ""
        except StimulusError:
            if is_named_image or not suffix:
                raise
            content = ""  # a file with another suffix does not have to be readable
        if content in ("PNG", "JPEG") and suffix and not is_named_image:
            misnamed.append(path)
        elif content in ("PNG", "JPEG"):
            images.append(path)
        elif is_named_image:
            unusable[path] = content or _describe_content(path)
        else:
            passed_over.append(path)
    return FolderScan(folder, tuple(images), tuple(passed_over), unusable, tuple(misnamed))


def _describe_content(path: Path) -> str:
    """Return what a file that has the suffix of an image is instead."""
    if not path.is_file():
        return "broken link or special file"
    if path.stat().st_size == 0:
        return "empty file"
    with open_binary(path) as file:
        start = file.read(40)
    return "Git LFS pointer without the image" if start.startswith(b"version https://git-lfs") else "unknown format"


def _files(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, and follow links to folders. Raise StimulusError if a folder is unreadable."""

    def refuse(error: OSError) -> None:
        raise StimulusError(f"the folder {error.filename} cannot be read: {error.strerror}")

    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        ancestors = {os.path.realpath(ancestor) for ancestor in (Path(parent), *Path(parent).parents)}
        # A link to an ancestor would make os.walk loop forever.
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(parent, name)) not in ancestors]
        yield from (Path(parent, name) for name in names)
