"""Writes small copies of the stimuli, each image once, as `thumbnails/<first digits of its sha256>.jpg`.

Only images that occur in the trials are copied. A stimulus set is skipped if its digest differs from the digest in the logs,
because it then contains other images than those that were shown.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from attrs import frozen
from PIL import Image

from stimuli.images import open_image
from stimuli.published.datasets import DATASETS
from stimuli.stimulus import StimulusSet

LARGE_SIDE, SMALL_SIDE = 160, 96  # pixels of the longer side
MAX_LARGE = 4000  # if there are more images, all copies have the small size
QUALITY = 85
N_DIGITS = 16  # hexadecimal digits in a file name
Key = tuple[str, str, str]  # dataset, stimulus, condition


@frozen(eq=False)
class Thumbnails:
    """The copies that were written.

    Attributes:
        names: For each image, the name of its file without ".jpg".
        credits: For each dataset, its attribution or license.
        notes: Messages about stimulus sets that were not copied.
    """

    names: Mapping[Key, str]
    credits: Mapping[str, str]
    notes: tuple[str, ...]


def copy_thumbnails(
    out: Path, images: pd.DataFrame, stimuli: Iterable[StimulusSet], digests: Mapping[str, str]
) -> Thumbnails:  # fmt: skip
    """Write small copies of images.

    Args:
        out: The folder of the report.
        images: The images to copy, with the columns `dataset`, `stimulus` and `condition`.
        stimuli: Stimulus sets. If a set has the name of a dataset, the images of that dataset are copied from it.
        digests: For each dataset, the digest of its stimulus set in the logs, if the logs record it. A set with a different
            digest is skipped with a note.

    Raises:
        StimulusError: If an image cannot be read.
    """
    requested = dict.fromkeys(images[["dataset", "stimulus", "condition"]].itertuples(index=False, name=None))
    paths: dict[Key, Path] = {}
    credits, notes = {}, []
    for stimulus_set in stimuli:
        name = stimulus_set.name
        matches = {key: s.path for s in stimulus_set if (key := (name, s.id, s.condition)) in requested}
        if matches and digests.get(name, "") not in ("", stimulus_set.digest()):
            notes.append(
                f"images of {name} are not shown, because the images on this machine differ from those in the "
                "experiment"
            )
            continue
        paths |= matches
        license_terms = DATASETS[name].license if name in DATASETS else ""
        credit = stimulus_set.attribution or license_terms
        if matches and credit:
            credits[name] = credit
    folder = out / "thumbnails"
    names: dict[Key, str] = {}
    written: set[str] = set()
    for key, path in paths.items():
        content = _thumbnail(path, LARGE_SIDE if len(paths) <= MAX_LARGE else SMALL_SIDE)
        names[key] = hashlib.sha256(content).hexdigest()[:N_DIGITS]
        if names[key] not in written:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{names[key]}.jpg").write_bytes(content)
            written.add(names[key])
    return Thumbnails(names, credits, tuple(notes))


def _thumbnail(path: Path, side: int) -> bytes:
    """Return the image as a JPEG whose longer side has at most `side` pixels; a smaller image keeps its size."""
    image = Image.fromarray(open_image(path))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    image.save(content, format="JPEG", quality=QUALITY)
    return content.getvalue()
