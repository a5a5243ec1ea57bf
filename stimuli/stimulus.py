"""A stimulus is one image file with its labels; a stimulus set is a named sequence of stimuli, stored as a manifest.

A manifest is a CSV file named `stimuli.csv` with the columns `stimulus,path,category,condition` and one further column
per cue (such as `shape` and `texture`). Paths are relative to the manifest. Cells are never converted to other types:
the condition `0.10` stays the text `0.10`.
"""

import csv
import hashlib
import io
import json
import os
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from attrs import Factory, field, frozen

from core.atomic import write_atomically
from core.errors import StimulusError
from core.files import read_bytes
from core.names import describe_character, forbidden_character, normalize
from stimuli.images import open_image
from stimuli.naming import COLUMNS, check_cue_name, check_manifest_row, check_names, show, similar_label_notes

MAX_CELL = 1000  # characters per cell of a manifest


def _to_nfc(label: str) -> str:
    """Return a label in the normalization form NFC. `StimulusSet` refuses labels that are not text."""
    return normalize(label) if isinstance(label, str) else label


def _cues_to_nfc(cues: Mapping[str, str]) -> dict[str, str]:
    """Return cues with names and values in the normalization form NFC. Raises StimulusError if two names become equal."""
    normalized = {_to_nfc(name): _to_nfc(value) for name, value in cues.items()}
    if len(normalized) < len(cues):
        raise StimulusError(f"two of the cues {', '.join(cues)} are the same after Unicode normalization; rename one")
    return normalized


@frozen
class Stimulus:
    """One image file with its labels.

    All labels are names, which follow the rule of `core.names`; a condition and the value of a cue may also be empty. They
    are converted to the Unicode normalization form NFC.

    Attributes:
        id: Name of the image. It identifies the image, not the trial, and is the same in the logs of all observers.
        path: The image file (PNG or JPEG).
        category: The correct answer, or `stimuli.categories.AMBIGUOUS` if the image has no correct answer.
        condition: Experimental condition as text, for example the level of a distortion; "" if the set has no
            conditions.
        cues: Further labels by name, for example `{"shape": "cat", "texture": "clock"}` for a cue-conflict image.
    """

    id: str = field(converter=_to_nfc)
    path: Path
    category: str = field(converter=_to_nfc)
    condition: str = field(default="", converter=_to_nfc)
    cues: Mapping[str, str] = field(factory=dict, hash=False, converter=_cues_to_nfc)

    def pixels(self) -> np.ndarray:
        """Read the image from its file.

        Returns:
            The image as shown, `(height, width, 3)` uint8 sRGB.

        Raises:
            StimulusError: If the file is missing or is not an acceptable image (see `stimuli.images.open_image`).
        """
        return open_image(self.path)


@frozen
class StimulusSet:
    """A named sequence of stimuli.

    Every stimulus needs an id and a category, the pair of id and condition must be unique, and all stimuli must have
    the same cues. All names must follow the rule of `core.names`. The names of cues must differ from the other columns of
    a trial log, and the name `all` is reserved for totals.

    Attributes:
        name: Name of the set.
        stimuli: The stimuli, in the order of the manifest.
        attribution: Credit line to print wherever the images appear; "" if none is needed.
        notes: Sentences for the user, such as which files of a folder are skipped. They do not belong to the set, and a
            manifest does not contain them.

    Raises:
        StimulusError: If one of the rules above is broken.

    Example:
        >>> animals = StimulusSet.read("animals/stimuli.csv")
        >>> cats = animals.where(lambda stimulus: stimulus.category == "cat")
        >>> cats.write("animals/cats.csv")
    """

    name: str
    stimuli: tuple[Stimulus, ...]
    attribution: str = Factory(str)
    notes: tuple[str, ...] = field(default=(), eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for s in self.stimuli:
            if not s.id or not s.category:
                raise StimulusError(f"{self.name}: the stimulus {s.id!r} needs both a name and a category")
        check_names(self.name, self.stimuli, self.cue_names)
        seen = set()
        for s in self.stimuli:
            if set(s.cues) != set(self.cue_names):
                raise StimulusError(
                    f"{self.name}: {s.id} has the cues {sorted(s.cues)}, but the first stimulus has "
                    f"{sorted(self.cue_names)}; all stimuli of a set need the same cues"
                )
            if (s.id, s.condition) in seen:
                raise StimulusError(f"{self.name}: {s.id!r} in condition {s.condition!r} is listed twice")
            seen.add((s.id, s.condition))

    def __len__(self) -> int:
        return len(self.stimuli)

    def __iter__(self) -> Iterator[Stimulus]:
        return iter(self.stimuli)

    @property
    def cue_names(self) -> tuple[str, ...]:
        """Names of the cues, in the order of the columns; () for an empty set."""
        return tuple(self.stimuli[0].cues) if self.stimuli else ()

    def where(self, keep: Callable[[Stimulus], bool]) -> "StimulusSet":
        """Return a set of the stimuli for which `keep` returns True, in the same order and with the same name.

        Args:
            keep: Function that takes a stimulus and returns whether to keep it.
        """
        return StimulusSet(self.name, tuple(s for s in self.stimuli if keep(s)), self.attribution, self.notes)

    def digest(self) -> str:
        """Return the SHA-256 digest of the ids, labels and file contents of all stimuli.

        The digest does not depend on the paths of the files, on the name of the set or on the order of the stimuli.

        Returns:
            64 hexadecimal digits.

        Raises:
            StimulusError: If an image file cannot be read.
        """
        lines = []
        for s in self.stimuli:
            try:
                content = hashlib.sha256(read_bytes(s.path)).hexdigest()
            except OSError as error:
                raise StimulusError(f"the image {s.path} cannot be read: {error.strerror}") from None
            lines.append(json.dumps([s.id, s.condition, s.category, sorted(s.cues.items()), content]))
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    @staticmethod
    def read(manifest: Path | str, name: str | None = None) -> "StimulusSet":
        """Read a manifest.

        Args:
            manifest: Path of the `stimuli.csv` file.
            name: Name of the set; by default the name of the folder that contains the manifest.

        Returns:
            The stimuli in the order of the rows. Their paths start with the folder of the manifest.

        Raises:
            StimulusError: If the manifest cannot be read, has other columns than expected, lists no stimuli, lists an
                image that does not exist, or breaks one of the rules of `StimulusSet`.
        """
        manifest = Path(manifest)
        try:
            text = read_bytes(manifest).decode().lstrip("\ufeff")  # some programs write two byte order marks
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except UnicodeDecodeError as error:
            raise StimulusError(
                f"the manifest {manifest} cannot be read: byte {error.start} is not UTF-8; save it as CSV in UTF-8"
            ) from None
        except (OSError, csv.Error) as error:
            raise StimulusError(f"the manifest {manifest} cannot be read: {error}") from None
        for number, row in enumerate(rows, start=1):
            if max(map(len, row), default=0) > MAX_CELL:
                raise StimulusError(f"{manifest}, row {number}: a cell has more than {MAX_CELL} characters")
        if not rows or tuple(rows[0][: len(COLUMNS)]) != COLUMNS:
            first = show(",".join(rows[0])) if rows and rows[0] else "empty"
            raise StimulusError(
                f"{manifest} must begin with the columns {','.join(COLUMNS)}, separated by commas, but its first row is "
                f"{first}"
            )
        cues = rows[0][len(COLUMNS) :]
        for cue in cues:
            check_cue_name(str(manifest), cue)
        if len({normalize(cue).casefold() for cue in cues}) < len(cues):
            raise StimulusError(
                f"{manifest}: two columns have the same name in {show(','.join(rows[0]))}; rename one of them"
            )
        stimuli = []
        for number, row in enumerate(rows[1:], start=2):
            if not any(cell.strip() for cell in row):  # spreadsheets and editors add empty rows
                continue
            if len(row) != len(rows[0]):
                raise StimulusError(f"{manifest}, row {number} has {len(row)} cells, but the header has {len(rows[0])}")
            check_manifest_row(manifest, number, rows[0], row)
            s = Stimulus(
                row[0], _locate(manifest.parent, row[1]), row[2], row[3], dict(zip(cues, row[4:], strict=True))
            )
            if not s.path.is_file():
                raise StimulusError(f"{manifest}, row {number}: the image {s.path} does not exist")
            stimuli.append(s)
        if not stimuli:
            raise StimulusError(f"{manifest} has a header but lists no stimuli")
        name = name or manifest.resolve().parent.name
        return StimulusSet(name, tuple(stimuli), notes=similar_label_notes(name, stimuli))

    def write(self, manifest: Path | str) -> None:
        """Write a manifest, from which `read` restores the same set except for its attribution.

        Args:
            manifest: Path of the `stimuli.csv` file to write. Image paths are written relative to its folder.

        Raises:
            StimulusError: If the path of an image contains a character that a manifest cannot contain.
            OSError: If the file cannot be written.
        """
        manifest = Path(manifest)
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([*COLUMNS, *self.cue_names])
        for s in self.stimuli:
            path = Path(os.path.relpath(s.path, manifest.parent)).as_posix()
            if character := forbidden_character(path):
                raise StimulusError(
                    f"the path {show(path)} contains {describe_character(character)}, which a manifest cannot contain; "
                    f"rename that file or folder"
                )
            writer.writerow([s.id, path, s.category, s.condition, *(s.cues[cue] for cue in self.cue_names)])
        write_atomically(manifest, buffer.getvalue().encode())


def _locate(folder: Path, path: str) -> Path:
    """Return the path of an image that a manifest lists.

    macOS may store a file name in another Unicode normalization form than the manifest. If the path does not exist, its
    normalization forms are therefore tried, too.
    """
    candidates = (path, normalize(path), unicodedata.normalize("NFD", path))
    return next((folder / candidate for candidate in candidates if (folder / candidate).is_file()), folder / path)
