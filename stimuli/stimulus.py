"""Stimulus: one image file with what is known of it. StimulusSet: a named list of them, kept as a manifest.

A manifest is a CSV named `stimuli.csv` with the columns `stimulus,path,category,condition` and one column a cue
(`shape`, `texture`). `path` is relative to the manifest. Every cell is text and stays text.
A set refuses, with a StimulusError, what no experiment could use: no name or category, an image twice, differing cues.
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

from stimuli.atomic import write_atomically
from stimuli.errors import StimulusError
from stimuli.images import open_image

COLUMNS = ("stimulus", "path", "category", "condition")
# A cue becomes a column of the trial log and of its frame, so it may not be called like one of their own.
RESERVED = (
    *COLUMNS, "experiment", "observer", "kind", "session", "block", "trial", "response", "rt", "n_evaluations",
    "dataset", "source", "correct",
)  # fmt: skip
MAX_CELL = 1000  # characters


@frozen
class Stimulus:
    id: str  # names the image, never the trial: the same in every observer's log
    path: Path
    category: str  # the right answer
    condition: str = ""  # always text; "" where the set has no conditions
    cues: Mapping[str, str] = field(factory=dict, hash=False)

    def pixels(self) -> np.ndarray:
        """(height, width, 3) uint8 sRGB, as shown. Raises StimulusError."""
        return open_image(self.path)


@frozen
class StimulusSet:
    name: str
    stimuli: tuple[Stimulus, ...]
    attribution: str = Factory(str)  # whom to name wherever the images appear

    def __attrs_post_init__(self) -> None:
        seen = set()
        for s in self.stimuli:
            if set(s.cues) != set(self.cue_names):
                raise StimulusError(
                    f"{self.name}: {s.id} has the cues {sorted(s.cues)}, others {sorted(self.cue_names)}"
                )
            if not s.id or not s.category:
                raise StimulusError(f"{self.name}: the stimulus {s.id!r} needs a name and a category")
            if (s.id, s.condition) in seen:
                raise StimulusError(f"{self.name}: {s.id!r} in condition {s.condition!r} is there twice")
            seen.add((s.id, s.condition))
        for cue in self.cue_names:
            if cue in RESERVED or cue.startswith("evidence_") or not cue:
                raise StimulusError(f"{self.name}: a cue cannot be called {cue!r}, as a column of the trial log is")

    def __len__(self) -> int:
        return len(self.stimuli)

    def __iter__(self) -> Iterator[Stimulus]:
        return iter(self.stimuli)

    @property
    def cue_names(self) -> tuple[str, ...]:
        return tuple(self.stimuli[0].cues) if self.stimuli else ()

    def where(self, keep: Callable[[Stimulus], bool]) -> "StimulusSet":
        return StimulusSet(self.name, tuple(s for s in self.stimuli if keep(s)), self.attribution)

    def digest(self) -> str:
        """sha256 over names, labels and file contents, the same wherever the files lie and however they are listed."""
        lines = []
        for s in self.stimuli:
            try:
                content = hashlib.sha256(s.path.read_bytes()).hexdigest()
            except OSError as error:
                raise StimulusError(f"the image {s.path} cannot be read: {error.strerror}") from None
            lines.append(json.dumps([s.id, s.condition, s.category, sorted(s.cues.items()), content]))
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    @staticmethod
    def read(manifest: Path, name: str | None = None) -> "StimulusSet":
        """Read `stimuli.csv`; the set is named after its folder unless `name` is given. Raises StimulusError."""
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
                f"{manifest} must begin with the columns {','.join(COLUMNS)}; it begins with {rows[:1]}"
            )
        cues = rows[0][len(COLUMNS) :]
        if len(set(cues)) < len(cues):
            raise StimulusError(f"{manifest}: two columns have one name in {','.join(rows[0])}")
        stimuli = []
        for number, row in enumerate(rows[1:], start=2):
            if len(row) != len(rows[0]):
                raise StimulusError(f"{manifest}, row {number}: {len(row)} cells, the header has {len(rows[0])}")
            bad = next((cell for cell in row if not cell.isprintable()), None)
            if bad is not None:
                raise StimulusError(
                    f"{manifest}, row {number}: {bad!r} holds a line break or another invisible character"
                )
            s = Stimulus(row[0], manifest.parent / row[1], row[2], row[3], dict(zip(cues, row[4:], strict=True)))
            if not s.path.is_file():
                raise StimulusError(f"{manifest}, row {number}: the image {s.path} does not exist")
            stimuli.append(s)
        if not stimuli:
            raise StimulusError(f"{manifest} lists no stimulus")
        return StimulusSet(name or manifest.resolve().parent.name, tuple(stimuli))

    def write(self, manifest: Path) -> None:
        """Write `stimuli.csv`, with paths relative to it; `read` gives the same set back."""
        manifest = Path(manifest)
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*COLUMNS, *self.cue_names])
        for s in self.stimuli:
            path = Path(os.path.relpath(s.path, manifest.parent)).as_posix()
            writer.writerow([s.id, path, s.category, s.condition, *(s.cues[cue] for cue in self.cue_names)])
        write_atomically(manifest, out.getvalue().encode())
