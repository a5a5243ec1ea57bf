"""What generative observers make of images under texts: PNGs, and their table (`experiments.reconstruction_table`).

<out>/reconstructions.csv    the table
<out>/reconstructions.json   of which images, by whose options: what the same command goes on with
<out>/originals/<image>.png  <out>/<observer>/<image>/<text>_<strength>_<steps>_<guidance>_<seed>.png
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from experiments.identity import describe_difference, observer_options
from experiments.log import file_name
from experiments.reconstruction_table import COLUMNS, KEY, TABLE, Row, read_rows
from experiments.registry import make_experiment
from observers.protocol import Observer, Reconstruction, Reconstructor, Restoration
from stimuli.atomic import write_atomically
from stimuli.attribution import read_credits
from stimuli.errors import ObserverError, StimulusError
from stimuli.illusion_cues import PERCEPTS
from stimuli.images import SUFFIXES, center_square, open_image, save_image, to_uint8
from stimuli.stimulus import Stimulus

MADE = "reconstructions.json"
LARGEST = 512  # pixels a side of an original beside the table
MAX_TEXT = 40  # characters of a prompt in a file's name
Progress = Callable[[int, int | None], None]


@frozen
class ReconstructionSettings:
    """Which texts, from how much noise or masks, how. Without texts those of the two percepts that an image's cues name."""

    texts: tuple[str, ...] = ()
    strengths: tuple[float, ...] = (0.5,)
    n_seeds: int = 1
    steps: int = 1
    guidance: float = 1.0

    def __attrs_post_init__(self) -> None:
        self.ways()  # raises for what cannot be
        if not self.n_seeds >= 1 or not self.strengths:
            raise ObserverError("give one strength and one seed at least")
        if len(set(self.texts)) < len(self.texts):
            raise ObserverError("a prompt is given twice")

    def ways(self) -> list[Restoration]:
        return [
            Restoration(strength, self.steps, self.guidance, draw)
            for strength in dict.fromkeys(self.strengths)
            for draw in range(self.n_seeds)
        ]

    def of(self, stimulus: Stimulus, observer: Reconstructor) -> list[str]:
        """The texts for an image. Raises StimulusError where there are none."""
        if self.texts:
            return list(self.texts)
        if not all(stimulus.cues.get(cue) for cue in PERCEPTS):
            raise StimulusError(f"{stimulus.id} names no percepts of its own: give one --prompt or more")
        return observer.prompts([stimulus.cues[cue] for cue in PERCEPTS])


def find_stimuli(names: Sequence[str], limit: int | None = None) -> list[Stimulus]:
    """The first `limit` images of files, of folders and of experiments; of an experiment in the order of its set.

    Raises StimulusError for what is none of these.
    """
    found: list[Stimulus] = []
    for name in names:
        path = Path(name)
        if path.is_file():
            found.append(Stimulus(path.name, path, path.stem))
        elif path.is_dir() and not (path / "stimuli.csv").is_file() and (files := _inside(path)):
            found += [Stimulus(file.name, file, file.stem) for file in files]
        elif path.suffix.lower() in SUFFIXES:
            raise StimulusError(f"there is no image {path}")
        else:
            found += make_experiment(name).stimuli.stimuli
    return found[:limit]


def _inside(folder: Path) -> list[Path]:
    """The images that lie in a folder itself."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())


def reconstruct(
    stimuli: Sequence[Stimulus], observers: Sequence[Observer], asked: ReconstructionSettings, out: Path, *,
    progress: Progress = lambda done, total: None,
) -> Path:  # fmt: skip
    """Restore every image under every text; returns the table. What is there of the same already is not made again.

    Raises ObserverError for an observer that restores nothing, and where `out` holds what was made otherwise.
    """
    for one in observers:
        if not isinstance(one, Reconstructor) or not one.restores:
            raise ObserverError(f"{one.name} restores no images: take a diffusion, flow or masked model")
    names = [s.id for s in stimuli]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise StimulusError(f"two images are named {double}: give one of them at a time")
    out = Path(out)
    rows = _begin(out, stimuli, observers)
    known = {_key(row) for row in rows}
    originals = {s.id: _original(s, out) for s in stimuli}
    folders = {s.path.parent for s in stimuli}
    credits = {folder: read_credits(folder) for folder in folders}
    work = []
    for one in observers:
        assert isinstance(one, Reconstructor)
        work += [(one, s, asked.of(s, one), how) for s in stimuli for how in asked.ways()]
    with (out / TABLE).open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        for done, (one, s, texts, how) in enumerate(work):
            credit = credits[s.path.parent].get(s.id)
            made = [
                _row(s, one.name, text, how)
                | {"original": originals[s.id], "attribution": credit.said() if credit else ""}
                for text in texts
            ]
            if not all(_key(row) in known for row in made):
                found = one.reconstruct(s, texts, how)
                for k, row in enumerate(made):
                    if _key(row) not in known:
                        save_image(to_uint8(np.clip(found.images[k], 0, 1)), out / row["file"])
                        writer.writerow(row | _measured(found, k))
                        known.add(_key(row))
                file.flush()
            progress(done + 1, len(work))
    return out / TABLE


def _row(s: Stimulus, observer: str, text: str, how: Restoration) -> Row:
    stem = _as_file(text, MAX_TEXT)
    settings = f"{how.strength:g}_{how.steps}_{how.guidance:g}_{how.draw}"
    return {
        "image": s.id, "observer": observer, "prompt": text, "strength": f"{how.strength:g}", "steps": str(how.steps),
        "guidance": f"{how.guidance:g}", "seed": str(how.draw),
        "file": f"{_as_file(observer)}/{_as_file(s.id)}/{stem}_{settings}.png",
    }  # fmt: skip


def _as_file(text: str, most: int = 100) -> str:
    """A text as part of a file's name; one that is changed by that is told apart by its hash."""
    name = file_name(text[:most])
    return name if name == text else f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _measured(found: Reconstruction, k: int) -> Row:
    latent = found.latent_distance[k]
    return {
        "pixel_distance": f"{found.pixel_distance[k]:.9g}", "latent_distance": "" if np.isnan(latent) else f"{latent:.9g}",
    }  # fmt: skip


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in KEY)


def _original(s: Stimulus, out: Path) -> str:
    pixels = open_image(s.path)
    file = f"originals/{_as_file(s.id)}.png"
    if not (out / file).is_file():
        save_image(center_square(pixels, min(LARGEST, *pixels.shape[:2])), out / file)
    return file


def _begin(out: Path, stimuli: Sequence[Stimulus], observers: Sequence[Observer]) -> list[Row]:
    """What is there already, once it is sure that it was made of the same images by the same observers."""
    given: dict[str, Any] = {
        "images": {s.id: hashlib.sha256(s.path.read_bytes()).hexdigest() for s in stimuli},
        "observers": {one.name: observer_options(one) for one in observers},
    }
    rows = read_rows(out) if (out / TABLE).is_file() else []
    if rows:
        before = _sidecar(out)
        for what, of in given.items():
            for name in of.keys() & before[what].keys():
                if of[name] != before[what][name]:
                    raise ObserverError(
                        f"{out} holds reconstructions {'of another' if what == 'images' else 'by another'} {name} "
                        f"({describe_difference(before[what][name], of[name])}): take another --out"
                    )
        given = {what: before[what] | of for what, of in given.items()}
    rows = [row for row in rows if (out / row["file"]).is_file()]
    write_atomically(out / MADE, (json.dumps(given, indent=1, sort_keys=True) + "\n").encode())
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(out / TABLE, table.getvalue().encode())
    return rows


def _sidecar(out: Path) -> dict[str, Any]:
    try:
        found = json.loads((out / MADE).read_text("utf-8"))
        return {what: dict(found[what]) for what in ("images", "observers")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise StimulusError(f"{out / MADE} is damaged or missing: take another --out, or remove {out}") from None
