"""The record of a stimulus set that is being built: its settings, its plan, and what each image is made from.

`made-of.json` contains the settings and the names of all source images. `sources.csv` has one row per stimulus with its
source images, the sha256 of their files and, if it was skipped, the reason. Both are written before the first image, so
that a run that is resumed makes the same files. A folder accepts only one plan: after its first image has been made,
other settings are refused.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import filelock
from attrs import frozen

from core.atomic import partial_path, write_atomically
from core.errors import StimulusError
from core.files import open_binary, read_bytes, read_text, resolve
from core.json_files import JsonError, check_types, read_json
from stimuli.folder import BUILD_RECORD
from stimuli.published.datasets import DATASETS
from stimuli.stimulus import StimulusSet

SOURCES, MANIFEST, LOCK = "sources.csv", "stimuli.csv", ".lock"
SOURCE_MISSING = "a source image no longer exists"
PNG_END = b"IEND\xaeB`\x82"  # the last bytes of every PNG file

ImagePaths = Mapping[str, Mapping[str, Path]]  # role of a source set -> name of an image -> its file


@frozen
class PlannedStimulus:
    """A stimulus to be made.

    Attributes:
        stimulus: Name of the stimulus.
        path: Path of its file, relative to the folder of the set.
        condition: Its condition; "" if the set does not have conditions.
        sources: Maps the role of a source set, such as "shape", to the name of the image in that set.
    """

    stimulus: str
    path: str
    condition: str
    sources: Mapping[str, str]


@frozen
class SourceRow:
    """A row of `sources.csv`.

    Attributes:
        planned: The stimulus.
        digests: sha256 of the files of its source images, in the order of `planned.sources`.
        skip_reason: Why the stimulus could not be made; "" if it was made.
    """

    planned: PlannedStimulus
    digests: tuple[str, ...]
    skip_reason: str = ""


@contextmanager
def open_set(
    out: Path,
    settings: Mapping[str, object],
    source_sets: Mapping[str, StimulusSet],
    plan_stimuli: Callable[[], Sequence[PlannedStimulus]],
) -> Iterator[list[SourceRow]]:
    """Lock the folder of a set and provide the rows of its plan: a new plan, or that of the run that is resumed.

    Args:
        out: Folder of the set, which is created if necessary.
        settings: Everything that determines the images except the source images.
        source_sets: The source images by role.
        plan_stimuli: Returns a new plan; called only if the folder does not contain images yet.

    Yields:
        One row per planned stimulus. `skip_reason` is SOURCE_MISSING if a source image of the stimulus was removed.

    Raises:
        StimulusError: If the folder contains other files, was started with other settings or other images, has a
            damaged record, or is in use by another process.
    """
    if resolve(out).name in DATASETS:
        raise StimulusError(
            f"{out} is named like a published dataset and would be analyzed as that dataset: use another name"
        )
    own_files = {LOCK, BUILD_RECORD, partial_path(out / BUILD_RECORD).name, partial_path(out / SOURCES).name}
    if (
        out.is_dir()
        and not (out / BUILD_RECORD).is_file()
        and any(path.name not in own_files for path in out.iterdir())
    ):
        raise StimulusError(f"{out} already contains other files: use an empty or a new folder")
    plan = None if has_images(out) else list(plan_stimuli())
    out.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise StimulusError(
            f"another process is writing images to {out}: wait until it has finished, or use another folder"
        ) from None
    paths = image_paths(source_sets)
    try:
        record = _as_json({
            **settings,
            "from": {role: source_set.name for role, source_set in source_sets.items()},
            "images": {role: sorted(s.id for s in source_set) for role, source_set in source_sets.items()},
        })  # fmt: skip
        if plan is None:
            recorded = _read_record(out / BUILD_RECORD)
            _check_record(out, recorded, record)
            rows = _resume_rows(out, paths, recorded)
        else:
            rows = [SourceRow(planned, source_digests(planned, paths)) for planned in plan]
            (out / MANIFEST).unlink(missing_ok=True)
            lines = ",\n".join(
                f"  {json.dumps(key)}: {json.dumps(value)}"
                for key, value in {**record, "recipes_sha256": _plan_sha256(plan)}.items()
            )
            write_atomically(out / BUILD_RECORD, f"{{\n{lines}\n}}\n".encode())
        write_sources(out, rows, list(source_sets))
        yield rows
    finally:
        lock.release()


def has_images(out: Path) -> bool:
    """Return whether the folder contains the record of a set and at least one image, so that its plan cannot change."""
    return (out / BUILD_RECORD).is_file() and any(out.rglob("*.png"))


def is_complete_png(path: Path) -> bool:
    """Return whether a file exists and has the last bytes of a PNG; a power failure can leave an incomplete file."""
    try:
        with open_binary(path) as file:
            file.seek(-len(PNG_END), os.SEEK_END)
            return file.read() == PNG_END
    except OSError:
        return False


def image_paths(source_sets: Mapping[str, StimulusSet]) -> ImagePaths:
    """Return the files of all source images by role and name."""
    return {role: {s.id: s.path for s in source_set} for role, source_set in source_sets.items()}


def source_paths(planned: PlannedStimulus, paths: ImagePaths) -> tuple[Path, ...]:
    """Return the files of the source images of a stimulus, in the order of its sources."""
    return tuple(paths[role][name] for role, name in planned.sources.items())


def source_digests(planned: PlannedStimulus, paths: ImagePaths) -> tuple[str, ...]:
    """Return the sha256 of the source images of a stimulus; "" for a file that cannot be read.

    An unreadable file is reported when the stimulus is made.
    """
    return tuple(map(_file_sha256, source_paths(planned, paths)))


def write_sources(out: Path, rows: Sequence[SourceRow], roles: Sequence[str]) -> None:
    """Write `sources.csv` into the folder of a set."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_header(roles))
    for row in rows:
        planned = row.planned
        writer.writerow(
            [
                planned.stimulus,
                planned.path,
                planned.condition,
                *planned.sources.values(),
                *row.digests,
                row.skip_reason,
            ]
        )
    write_atomically(out / SOURCES, text.getvalue().encode())


def _as_json(record: Mapping[str, object]) -> dict[str, Any]:
    """Return the record as it is after it has been written as JSON and read back.

    A path is replaced by its last part, because the names of a user's folders are private.
    """
    normalized: dict[str, Any] = json.loads(
        json.dumps(record, default=lambda value: getattr(value, "name", str(value)))
    )
    return normalized


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = check_types(read_json(path), {"images": dict})
        for role, names in record["images"].items():
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise JsonError(f"its {role} images are not a list of names")
    except (OSError, JsonError) as error:
        raise StimulusError(f"{path} cannot be read ({error}): use another folder, or remove {path.parent}") from None
    return record


def _check_record(out: Path, recorded: Mapping[str, Any], requested: Mapping[str, Any]) -> None:
    """Raise StimulusError if the set was started with other settings or if source images were added since then."""
    differing = [
        key for key in requested if key != "images" and json.dumps(recorded.get(key)) != json.dumps(requested[key])
    ]
    if "version" in differing and "distortion" not in differing:
        raise StimulusError(
            f"{out} contains a set that was started with version {recorded.get('version', 1)} of {requested['distortion']}; "
            f"this installation has version {requested['version']}, which makes other images. Use another folder, or remove "
            f"this one"
        )
    if differing:
        changes = "; ".join(
            f"{key} was {json.dumps(recorded.get(key))}, now {json.dumps(requested[key])}" for key in differing
        )
        raise StimulusError(
            f"{out} contains a set with other settings: {changes}. Use another folder, or remove this one"
        )
    for role, names in requested["images"].items():
        added = sorted(set(names) - set(recorded["images"].get(role, ())))
        if added:
            raise StimulusError(
                f"{len(added)} of the images in {requested['from'][role]} did not exist when {out} was started, the first "
                f"of them {added[0]}: use another folder, or remove {out}"
            )


def _resume_rows(out: Path, paths: ImagePaths, record: Mapping[str, Any]) -> list[SourceRow]:
    """Return the rows of a set that an earlier run started, with the current digests of its source images.

    Raise StimulusError if the plan was edited, or if a source image of a finished stimulus changed or was removed.
    """
    recorded_rows = _read_sources(out / SOURCES, list(paths))
    if _plan_sha256([row.planned for row in recorded_rows]) != record.get("recipes_sha256"):
        raise StimulusError(f"{out / SOURCES} was edited: use another folder, or remove {out}")
    rows = []
    for row in recorded_rows:
        missing = next((name for role, name in row.planned.sources.items() if name not in paths[role]), None)
        digests = () if missing else source_digests(row.planned, paths)
        path = out / row.planned.path
        if is_complete_png(path) and digests != row.digests:
            changed = [
                name
                for name, old, new in zip(row.planned.sources.values(), row.digests, digests, strict=False)
                if old != new
            ]
            change = f"{missing} was removed" if missing else f"{changed[0]} has changed"
            raise StimulusError(
                f"{change} since {path} was made from it: use another folder, or remove {row.planned.path} from "
                f"{out} and run the same command again"
            )
        rows.append(SourceRow(row.planned, row.digests, SOURCE_MISSING) if missing else SourceRow(row.planned, digests))
    return rows


def _plan_sha256(plan: Sequence[PlannedStimulus]) -> str:
    lines = [json.dumps([p.stimulus, p.path, p.condition, *p.sources.values()]) for p in plan]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _header(roles: Sequence[str]) -> list[str]:
    return ["stimulus", "path", "condition", *roles, *(f"{role}_sha256" for role in roles), "left_out"]


def _read_sources(path: Path, roles: Sequence[str]) -> list[SourceRow]:
    """Read `sources.csv` except for the reasons why stimuli were skipped, because skipped stimuli are tried again.

    Raise StimulusError if the file cannot be read or has an invalid cell.
    """
    try:
        table = list(csv.reader(io.StringIO(read_text(path), newline=""), strict=True))
        if not table or table[0] != _header(roles) or any(len(row) != len(table[0]) for row in table):
            raise ValueError(f"expected the columns {','.join(_header(roles))}")
        if any(
            not row[1].endswith(".png") or Path(row[1]).is_absolute() or ".." in Path(row[1]).parts for row in table[1:]
        ):
            raise ValueError("expected every path to be that of a .png file in this folder")
    except (OSError, ValueError, csv.Error) as error:
        raise StimulusError(f"{path} cannot be read ({error}): use another folder, or remove {path.parent}") from None
    n = len(roles)
    return [
        SourceRow(
            PlannedStimulus(row[0], row[1], row[2], dict(zip(roles, row[3 : 3 + n], strict=True))),
            tuple(row[3 + n : 3 + 2 * n]),
        )
        for row in table[1:]
    ]


def _file_sha256(path: Path) -> str:
    try:
        stat = path.stat()
        return _cached_file_sha256(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return ""


@cache
def _cached_file_sha256(path: Path, size: int, mtime: int) -> str:
    """Return the sha256 of a file.

    The size and the modification time are part of the key of the cache, so that a changed file is read again.
    """
    return hashlib.sha256(read_bytes(path)).hexdigest()
