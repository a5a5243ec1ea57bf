"""An experiment from a folder of one's own: with a `stimuli.csv`, or laid out as `<category>/<image>` or
`<condition>/<category>/<image>`. The choices are the categories that occur; the published sixteen if those include them.
"""

import re
from pathlib import Path

from experiments.experiment import Experiment, n_blocks
from stimuli.categories import CATEGORIES
from stimuli.datasets import DATASETS
from stimuli.errors import StimulusError
from stimuli.images import SUFFIXES
from stimuli.stimulus import Stimulus, StimulusSet

_PLAIN = re.compile(r"\w[\w ()._-]*")


def from_folder(folder: Path) -> Experiment:
    """The experiment on the images of `folder`, named after it. Raises StimulusError if it is laid out otherwise."""
    folder = Path(folder).resolve()
    if folder.name in DATASETS:
        raise StimulusError(
            f"{folder} is named like a published dataset, as which it would be analyzed: rename the folder"
        )
    manifest = folder / "stimuli.csv"
    stimuli = StimulusSet.read(manifest) if manifest.is_file() else _scan(folder)
    found = sorted({s.category for s in stimuli})
    choices = CATEGORIES if set(found) <= set(CATEGORIES) else tuple(found)
    return Experiment(folder.name, stimuli, choices, n_blocks(len(stimuli)))


def _scan(folder: Path) -> StimulusSet:
    """Passed over: hidden files, what macOS leaves in archives, and the figures of a report that was written here."""
    stimuli = []
    reports = {page.parent for page in folder.rglob("index.html") if (page.parent / "tables").is_dir()}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts) or not reports.isdisjoint(path.parents)
        if hidden or path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        *conditions, category = parts[:-1] or ("",)
        if not category or len(conditions) > 1 or not all(map(_PLAIN.fullmatch, parts)):
            raise StimulusError(
                f"{path}: expected {folder.name}/<category>/<image> or <condition>/<category>/<image>, in names of letters, "
                f"digits, spaces and ( ) . _ -"
            )
        stimuli.append(Stimulus(path.name, path, category, "".join(conditions)))
    layouts = {len(s.path.relative_to(folder).parts): s.path for s in reversed(stimuli)}
    if len(layouts) > 1:
        raise StimulusError(
            f"{folder} has both <category>/<image> ({layouts[2]}) and <condition>/<category>/<image> ({layouts[3]}): move "
            f"one away"
        )
    keys = [(s.id, s.condition) for s in stimuli]
    if len(set(keys)) < len(keys):
        double = next(s for s in stimuli if keys.count((s.id, s.condition)) > 1)
        raise StimulusError(f"{folder}: {double.id} is there in two categories; an image's name must say which it is")
    if not stimuli:
        raise StimulusError(f"{folder} holds no PNG or JPEG images and no stimuli.csv")
    return StimulusSet(folder.name, tuple(stimuli))
