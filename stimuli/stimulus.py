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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from attrs import Factory, field, frozen

from core.atomic import write_atomically
from core.errors import StimulusError
from core.trial_columns import EVIDENCE, INFO, MEASURED, RESERVED_NAMES
from stimuli.images import open_image

COLUMNS = ("stimulus", "path", "category", "condition")
MAX_CELL = 1000  # characters per cell of a manifest


@frozen
class Stimulus:
    """One image file with its labels.

    Attributes:
        id: Name of the image. It identifies the image, not the trial, and is the same in the logs of all observers.
        path: The image file (PNG or JPEG).
        category: The correct answer, or `stimuli.categories.AMBIGUOUS` if the image has no correct answer.
        condition: Experimental condition as text, for example the level of a distortion; "" if the set has no
            conditions.
        cues: Further labels by name, for example `{"shape": "cat", "texture": "clock"}` for a cue-conflict image.
    """

    id: str
    path: Path
    category: str
    condition: str = ""
    cues: Mapping[str, str] = field(factory=dict, hash=False)

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
    the same cues. The names of cues must differ from the other columns of a trial log.

    Attributes:
        name: Name of the set.
        stimuli: The stimuli, in the order of the manifest.
        attribution: Credit line to print wherever the images appear; "" if none is needed.

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

    def __attrs_post_init__(self) -> None:
        seen = set()
        for s in self.stimuli:
            if set(s.cues) != set(self.cue_names):
                raise StimulusError(
                    f"{self.name}: {s.id} has the cues {sorted(s.cues)}, but the first stimulus has "
                    f"{sorted(self.cue_names)}; all stimuli of a set need the same cues"
                )
            if not s.id or not s.category:
                raise StimulusError(f"{self.name}: the stimulus {s.id!r} needs both a name and a category")
            if (s.id, s.condition) in seen:
                raise StimulusError(f"{self.name}: {s.id!r} in condition {s.condition!r} is listed twice")
            seen.add((s.id, s.condition))
        for cue in self.cue_names:
            if cue in (*COLUMNS, *RESERVED_NAMES) or cue.startswith((EVIDENCE, MEASURED, INFO)) or not cue:
                raise StimulusError(
                    f"{self.name}: a cue cannot be called {cue!r}, because trial logs reserve that column name; "
                    f"rename the column"
                )

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
        return StimulusSet(self.name, tuple(s for s in self.stimuli if keep(s)), self.attribution)

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
                content = hashlib.sha256(s.path.read_bytes()).hexdigest()
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
            rows = list(csv.reader(io.StringIO(manifest.read_text("utf-8-sig"), newline=""), strict=True))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise StimulusError(f"the manifest {manifest} cannot be read: {error}") from None
        for number, row in enumerate(rows, start=1):
            if max(map(len, row), default=0) > MAX_CELL:
                raise StimulusError(f"{manifest}, row {number}: a cell has more than {MAX_CELL} characters")
        if not rows or tuple(rows[0][: len(COLUMNS)]) != COLUMNS:
            raise StimulusError(
                f"{manifest} must begin with the columns {','.join(COLUMNS)}, but its first row is {rows[:1]}"
            )
        cues = rows[0][len(COLUMNS) :]
        if len(set(cues)) < len(cues):
            raise StimulusError(
                f"{manifest}: two columns have the same name in {','.join(rows[0])}; rename one of them"
            )
        stimuli = []
        for number, row in enumerate(rows[1:], start=2):
            if len(row) != len(rows[0]):
                raise StimulusError(f"{manifest}, row {number} has {len(row)} cells, but the header has {len(rows[0])}")
            unprintable = next((cell for cell in row if not cell.isprintable()), None)
            if unprintable is not None:
                raise StimulusError(
                    f"{manifest}, row {number}: the cell {unprintable!r} contains a line break or another invisible "
                    f"character; remove it"
                )
            s = Stimulus(row[0], manifest.parent / row[1], row[2], row[3], dict(zip(cues, row[4:], strict=True)))
            if not s.path.is_file():
                raise StimulusError(f"{manifest}, row {number}: the image {s.path} does not exist")
            stimuli.append(s)
        if not stimuli:
            raise StimulusError(f"{manifest} has a header but lists no stimuli")
        return StimulusSet(name or manifest.resolve().parent.name, tuple(stimuli))

    def write(self, manifest: Path | str) -> None:
        """Write a manifest, from which `read` restores the same set except for its attribution.

        Args:
            manifest: Path of the `stimuli.csv` file to write. Image paths are written relative to its folder.

        Raises:
            OSError: If the file cannot be written.
        """
        manifest = Path(manifest)
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([*COLUMNS, *self.cue_names])
        for s in self.stimuli:
            path = Path(os.path.relpath(s.path, manifest.parent)).as_posix()
            writer.writerow([s.id, path, s.category, s.condition, *(s.cues[cue] for cue in self.cue_names)])
        write_atomically(manifest, buffer.getvalue().encode())
