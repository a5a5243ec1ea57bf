"""Small copies of the images that were shown, each once: `thumbnails/<part of its sha256>.jpg`.

Only images that somebody answered are copied, and only of sets that are what the logs say was shown.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from attrs import frozen
from PIL import Image

from stimuli.datasets import DATASETS
from stimuli.images import open_image
from stimuli.stimulus import StimulusSet

SIDE, SMALL, MANY = 160, 96, 4000  # pixels of the longer side; the small one where there are more images than that
QUALITY = 85
NAME = 16  # hexadecimal digits
Key = tuple[str, str, str]  # dataset, stimulus, condition


@frozen(eq=False)
class Thumbnails:
    names: Mapping[Key, str]  # image -> name of its file without ".jpg"
    credits: Mapping[str, str]  # dataset -> whom to name, under which terms
    notes: tuple[str, ...]  # sets that were not taken, and why


def copy_thumbnails(
    out: Path, images: pd.DataFrame, stimuli: Iterable[StimulusSet], digests: Mapping[str, str]
) -> Thumbnails:  # fmt: skip
    """Copy those of `images` (dataset, stimulus, condition) that are in a set named as their dataset. Raises StimulusError.

    A set whose digest is another than in `digests` holds other images than were shown, and is left out with a note.
    """
    wanted = dict.fromkeys(images[["dataset", "stimulus", "condition"]].itertuples(index=False, name=None))
    paths: dict[Key, Path] = {}
    credits, notes = {}, []
    for found in stimuli:
        there = {key: s.path for s in found if (key := (found.name, s.id, s.condition)) in wanted}
        if there and digests.get(found.name, "") not in ("", found.digest()):
            notes.append(
                f"images of {found.name} are not shown: those on this machine are not those that were answered"
            )
            continue
        paths |= there
        terms = DATASETS[found.name].license if found.name in DATASETS else ""
        credit = found.attribution or terms
        if there and credit:
            credits[found.name] = credit
    folder = out / "thumbnails"
    names: dict[Key, str] = {}
    written: set[str] = set()
    for key, path in paths.items():
        content = _small(path, SIDE if len(paths) <= MANY else SMALL)
        names[key] = hashlib.sha256(content).hexdigest()[:NAME]
        if names[key] not in written:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{names[key]}.jpg").write_bytes(content)
            written.add(names[key])
    return Thumbnails(names, credits, tuple(notes))


def _small(path: Path, side: int) -> bytes:
    """The image as a JPEG of at most `side` pixels a side; a smaller one keeps its size."""
    image = Image.fromarray(open_image(path))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    image.save(content, format="JPEG", quality=QUALITY)
    return content.getvalue()
