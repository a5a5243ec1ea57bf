"""Build a folder of stimuli from source images in parallel; a build can be interrupted and resumed.

The plan is recorded first (`stimuli.build.set_record`). Then the images are made: each file is written atomically, and a
file that exists is not made again. `stimuli.csv` is written last, so that an unfinished set cannot be used by mistake.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from attrs import evolve, frozen

from core.errors import StimulusError
from core.files import resolve
from core.parallel.workers import map_jobs
from core.progress import Progress
from stimuli.build.set_record import (
    MANIFEST,
    SOURCE_MISSING,
    PlannedStimulus,
    image_paths,
    is_complete_png,
    open_set,
    source_digests,
    source_paths,
    write_sources,
)
from stimuli.stimulus import Stimulus, StimulusSet

CHUNK_SIZE = 4  # images that are sent to a worker at a time
LIBRARIES = ("numpy", "observers", "pillow", "scipy")  # their versions may affect pixels


@frozen
class RenderJob:
    """A planned stimulus with the files that a worker reads and writes.

    Attributes:
        planned: The stimulus.
        source_paths: Files of its source images, in the order of `planned.sources`.
        path: The PNG file to write.
    """

    planned: PlannedStimulus
    source_paths: tuple[Path, ...]
    path: Path


@frozen
class BuildResult:
    """The result of building a stimulus set.

    Attributes:
        stimuli: The stimulus set, as `stimuli.csv` lists it.
        skipped: Maps each stimulus that could not be made in this run to the reason. The key is the path of the
            stimulus, relative to the folder.
    """

    stimuli: StimulusSet
    skipped: Mapping[str, str]


def build_set(
    out: Path,
    settings: Mapping[str, object],
    source_sets: Mapping[str, StimulusSet],
    plan_stimuli: Callable[[], Sequence[PlannedStimulus]],
    describe: Callable[[PlannedStimulus], Stimulus],
    render: Callable[[RenderJob], str],
    *,
    prepare: Callable[[], None] = lambda: None,
    n_workers: int = 1,
    chunk_size: int = CHUNK_SIZE,
    progress: Progress = lambda done, total: None,
) -> BuildResult:
    """Build a stimulus set, or continue with one that was started with the same settings.

    Between two runs, a source image may be repaired or removed if no finished stimulus was made from it. New source
    images may be added only before the first stimulus has been made.

    Args:
        out: Folder of the set.
        settings: Everything that determines the images except the source images; recorded in `made-of.json`.
        source_sets: The source images by role, such as {"shape": …, "texture": …}. They must not have conditions.
        plan_stimuli: Returns the plan of a new set; a set that is resumed keeps its plan.
        describe: Returns a stimulus with the category and the cues of a planned stimulus; the other fields of the
            returned stimulus are not used.
        render: Saves one image and returns "", or returns the reason why it could not be made. If `n_workers` > 1,
            `render` and its jobs must be picklable.
        prepare: Called before the first image is made, when the folder is locked and the plan is recorded.
        n_workers: Number of processes.
        chunk_size: Number of images that are sent to a worker at a time.
        progress: Called with the number of finished images and their total.

    Returns:
        The stimulus set and the stimuli that were skipped.

    Raises:
        StimulusError: If the folder belongs to something else (see `stimuli.build.set_record.open_set`), the source images
            have conditions, or not a single stimulus could be made.
    """
    out = Path(out)
    for source_set in source_sets.values():
        if any(s.condition for s in source_set):
            raise StimulusError(
                f"{source_set.name} already has conditions: use the images of one condition, with one folder per category"
            )
    paths = image_paths(source_sets)
    with open_set(out, settings, source_sets, plan_stimuli) as rows:
        prepare()
        jobs = [
            (i, RenderJob(row.planned, source_paths(row.planned, paths), out / row.planned.path))
            for i, row in enumerate(rows)
            if not is_complete_png(out / row.planned.path) and row.skip_reason != SOURCE_MISSING
        ]
        n_done, skipped = len(rows) - len(jobs), {}
        progress(n_done, len(rows))
        # The generator is not bound to a variable, so that an interrupt closes it at once, which ends the workers.
        for (i, job), reason in zip(
            jobs, map_jobs(render, [job for _, job in jobs], n_workers, chunk_size), strict=True
        ):
            n_done += 1
            if not reason and source_digests(job.planned, paths) != rows[i].digests:
                job.path.unlink()
                reason = f"{job.source_paths[0]} changed while {job.path} was made from it"
            if reason:
                skipped[job.planned.path] = reason
                rows[i] = evolve(rows[i], skip_reason=reason)
            progress(n_done, len(rows))
        write_sources(out, rows, list(source_sets))
        finished = [(row.planned, describe(row.planned)) for row in rows if not row.skip_reason]
        if not finished:
            raise StimulusError(
                f"0 of {len(rows)} images could be made; reason for the first one: "
                f"{next(iter(skipped.values()), SOURCE_MISSING)}"
            )
        attributions = (source_set.attribution for source_set in source_sets.values() if source_set.attribution)
        stimuli = StimulusSet(
            resolve(out).name,
            tuple(
                Stimulus(planned.stimulus, out / planned.path, s.category, planned.condition, s.cues)
                for planned, s in finished
            ),
            " ".join(dict.fromkeys(attributions)),
        )
        stimuli.write(out / MANIFEST)
    return BuildResult(stimuli, skipped)


def seed_from_names(*names: str) -> int:
    """Return a 64-bit random seed that depends on the names only."""
    return int.from_bytes(hashlib.sha256(json.dumps(names).encode()).digest()[:8])


def library_versions(*libraries: str) -> dict[str, str]:
    """Return the versions of LIBRARIES and of other libraries that may affect the pixels of a set, sorted by name."""
    return {name: version(name) for name in sorted({*LIBRARIES, *libraries})}


def add_path_to_message(error: StimulusError, *paths: Path) -> str:
    """Return the message of an error, and put the first path in front of it if it does not contain any of the paths."""
    message = str(error)
    return message if any(str(path) in message for path in paths) else f"{paths[0]}: {message}"
