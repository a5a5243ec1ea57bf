"""A folder of stimuli in the making: of what each is made, nothing else made into it, and what was left out.

`made-of.json` holds the settings; `sources.csv` has a row a stimulus with the images it is made of, the sha256 of their
files and, where it could not be made, why. Both are there before the first image, so that a run that is taken up makes the
same files; `stimuli.csv` comes last. A file is there whole or not at all, and one that is there is not made again.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import filelock
from attrs import evolve, frozen

from stimuli.atomic import write_atomically
from stimuli.datasets import DATASETS
from stimuli.errors import StimulusError
from stimuli.folder import BUILD_RECORD
from stimuli.progress import Progress
from stimuli.stimulus import Stimulus, StimulusSet
from stimuli.workers import each

SOURCES, MANIFEST, LOCK = "sources.csv", "stimuli.csv", ".lock"
GONE = "an image it was to be made of is gone"
AT_ONCE = 4  # images a worker is given at a time, unless each takes seconds
PNG_END = b"IEND\xaeB`\x82"
LIBRARIES = ("numpy", "observers", "pillow", "scipy")


Files = Mapping[str, Mapping[str, Path]]  # role -> name of the image -> file


@frozen
class PlannedStimulus:
    """One stimulus to be made. `sources` names an image of each set that it is made from, by the role of that set."""

    stimulus: str
    path: str  # in the folder
    condition: str
    sources: Mapping[str, str]


@frozen
class SourceRow:
    """Of `sources.csv`."""

    recipe: PlannedStimulus
    digests: tuple[str, ...]  # sha256 of the files of its sources
    left_out: str = ""  # why it could not be made


@frozen
class RenderJob:
    """A recipe as a worker is told it: where to read, in the order of roles, and where to write."""

    recipe: PlannedStimulus
    origins: tuple[Path, ...]
    path: Path


@frozen
class BuildResult:
    stimuli: StimulusSet
    left_out: Mapping[str, str]  # why, by the path of what could not be made


def build_set(
    out: Path,
    settings: Mapping[str, object],
    origins: Mapping[str, StimulusSet],
    draw: Callable[[], Sequence[PlannedStimulus]],
    described: Callable[[PlannedStimulus], Stimulus],
    function: Callable[[RenderJob], str],
    *,
    begin: Callable[[], None] = lambda: None,
    workers: int = 1,
    at_once: int = AT_ONCE,
    progress: Progress = lambda done, total: None,
) -> BuildResult:
    """Make what `draw` says, or what it said when the folder was begun, of the images of `origins`, by role.

    `function` makes one file and returns "", or a sentence that says why not; it and its jobs are pickled. `begin` is called
    when the folder is ours. `described` gives the stimulus that a recipe makes, whose path does not matter. An image may be
    mended or removed that nothing was made of. Raises StimulusError.
    """
    out = Path(out)
    for origin in origins.values():
        if any(s.condition for s in origin):
            raise StimulusError(
                f"{origin.name} has conditions already: take the images of one of them, a folder a category"
            )
    of = _files(origins)
    with _claimed(out, settings, origins, draw) as rows:
        begin()
        jobs = [
            (i, RenderJob(row.recipe, _paths(row.recipe, of), out / row.recipe.path))
            for i, row in enumerate(rows)
            if not _is_whole(out / row.recipe.path) and row.left_out != GONE
        ]
        n_done, left_out = len(rows) - len(jobs), {}
        progress(n_done, len(rows))
        for (i, job), sentence in zip(jobs, each(function, [job for _, job in jobs], workers, at_once), strict=True):
            n_done += 1
            if not sentence and _digests(job.recipe, of) != rows[i].digests:
                job.path.unlink()
                sentence = f"{job.origins[0]} changed while {job.path} was made of it"
            if sentence:
                left_out[job.recipe.path] = sentence
                rows[i] = evolve(rows[i], left_out=sentence)
            progress(n_done, len(rows))
        _write_sources(out, rows, list(origins))
        made = [(row.recipe, described(row.recipe)) for row in rows if not row.left_out]
        if not made:
            raise StimulusError(
                f"none of {len(rows)} images could be made; the first: {next(iter(left_out.values()), GONE)}"
            )
        attribution = " ".join(dict.fromkeys(origin.attribution for origin in origins.values() if origin.attribution))
        stimuli = StimulusSet(
            out.resolve().name,
            tuple(Stimulus(r.stimulus, out / r.path, s.category, r.condition, s.cues) for r, s in made),
            attribution,
        )
        stimuli.write(out / MANIFEST)
    return BuildResult(stimuli, left_out)


def begun(out: Path) -> bool:
    """Is there an image already, so that what the folder is made of is settled?"""
    return (out / BUILD_RECORD).is_file() and any(out.rglob("*.png"))


def seed_of(*names: str) -> int:
    """A number that follows from the names, and from nothing else."""
    return int.from_bytes(hashlib.sha256(json.dumps(names).encode()).digest()[:8])


def made_with(*libraries: str) -> dict[str, str]:
    """Versions of what may show in a pixel: LIBRARIES, and others that a function uses."""
    return {name: version(name) for name in sorted({*LIBRARIES, *libraries})}


def naming(error: StimulusError, *paths: Path) -> str:
    """The error as a sentence that names a file: the first of `paths` where it names none of them."""
    said = str(error)
    return said if any(str(path) in said for path in paths) else f"{paths[0]}: {said}"


@contextmanager
def _claimed(
    out: Path,
    settings: Mapping[str, object],
    origins: Mapping[str, StimulusSet],
    draw: Callable[[], Sequence[PlannedStimulus]],
) -> Iterator[list[SourceRow]]:
    """What is to be made in the folder, which is ours: begun now, or begun with these settings. Raises StimulusError."""
    if out.resolve().name in DATASETS:
        raise StimulusError(
            f"{out} is named like a published dataset, as which it would be analyzed: name it otherwise"
        )
    ours = {LOCK, BUILD_RECORD, f"{BUILD_RECORD}.part", f"{SOURCES}.part"}
    if out.is_dir() and not (out / BUILD_RECORD).is_file() and any(path.name not in ours for path in out.iterdir()):
        raise StimulusError(f"{out} holds something else already: name an empty or a new folder")
    recipes = None if begun(out) else list(draw())
    out.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise StimulusError(f"another run makes images in {out} now: wait for it, or name another folder") from None
    of = _files(origins)
    try:
        record = _as_read({
            **settings,
            "from": {role: origin.name for role, origin in origins.items()},
            "images": {role: sorted(s.id for s in origin) for role, origin in origins.items()},
        })  # fmt: skip
        if recipes is None:
            before = _read_record(out / BUILD_RECORD)
            _compare(out, before, record)
            rows = _taken_up(out, of, before)
        else:
            rows = [SourceRow(recipe, _digests(recipe, of)) for recipe in recipes]
            (out / MANIFEST).unlink(missing_ok=True)
            lines = ",\n".join(
                f"  {json.dumps(key)}: {json.dumps(value)}"
                for key, value in {**record, "recipes_sha256": _sha256_of(recipes)}.items()
            )
            write_atomically(out / BUILD_RECORD, f"{{\n{lines}\n}}\n".encode())
        _write_sources(out, rows, list(origins))
        yield rows
    finally:
        lock.release()


def _as_read(record: Mapping[str, object]) -> dict[str, Any]:
    """The record as JSON gives it back; of a path, its name: where a user's files lie is nobody's business."""
    found: dict[str, Any] = json.loads(json.dumps(record, default=lambda value: getattr(value, "name", str(value))))
    return found


def _read_record(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict) or not isinstance(found["images"], dict):
            raise ValueError("no record of a set")
    except (OSError, ValueError, KeyError) as error:
        raise StimulusError(f"{path} cannot be read ({error}): name another folder, or remove this one") from None
    return found


def _compare(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises StimulusError where the set was begun otherwise."""
    differs = [key for key in now if key != "images" and json.dumps(before.get(key)) != json.dumps(now[key])]
    if differs:
        said = "; ".join(f"{key} was {json.dumps(before.get(key))}, now {json.dumps(now[key])}" for key in differs)
        raise StimulusError(f"{out} holds a set made otherwise: {said}. Name another folder, or remove it")
    for role, names in now["images"].items():
        new = sorted(set(names) - set(before["images"].get(role, ())))
        if new:
            raise StimulusError(
                f"{len(new)} images of {now['from'][role]} were not there when {out} was begun, the first of them {new[0]}: "
                f"name another folder, or remove it"
            )


def _taken_up(out: Path, of: Files, record: Mapping[str, Any]) -> list[SourceRow]:
    """The rows of a folder that was begun, as its images are now. Raises StimulusError."""
    rows = _read_sources(out / SOURCES, list(of))
    if _sha256_of([row.recipe for row in rows]) != record.get("recipes_sha256"):
        raise StimulusError(f"{out / SOURCES} was edited: name another folder, or remove {out}")
    found = []
    for row in rows:
        gone = next((name for role, name in row.recipe.sources.items() if name not in of[role]), None)
        now = () if gone else _digests(row.recipe, of)
        path = out / row.recipe.path
        if _is_whole(path) and now != row.digests:
            changed = [n for n, a, b in zip(row.recipe.sources.values(), row.digests, now, strict=False) if a != b]
            raise StimulusError(
                f"{gone or changed[0]} {'is gone' if gone else 'has changed'} since {path} was made of it: name another "
                f"folder, or remove the made image and go on"
            )
        found.append(SourceRow(row.recipe, row.digests, GONE) if gone else SourceRow(row.recipe, now))
    return found


def _files(origins: Mapping[str, StimulusSet]) -> Files:
    return {role: {s.id: s.path for s in origin} for role, origin in origins.items()}


def _paths(recipe: PlannedStimulus, of: Files) -> tuple[Path, ...]:
    return tuple(of[role][name] for role, name in recipe.sources.items())


def _digests(recipe: PlannedStimulus, of: Files) -> tuple[str, ...]:
    return tuple(map(_sha256, _paths(recipe, of)))


def _sha256_of(recipes: Sequence[PlannedStimulus]) -> str:
    lines = [json.dumps([r.stimulus, r.path, r.condition, *r.sources.values()]) for r in recipes]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _write_sources(out: Path, rows: Sequence[SourceRow], roles: Sequence[str]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_header(roles))
    for row in rows:
        r = row.recipe
        writer.writerow([r.stimulus, r.path, r.condition, *r.sources.values(), *row.digests, row.left_out])
    write_atomically(out / SOURCES, text.getvalue().encode())


def _header(roles: Sequence[str]) -> list[str]:
    return ["stimulus", "path", "condition", *roles, *(f"{role}_sha256" for role in roles), "left_out"]


def _read_sources(path: Path, roles: Sequence[str]) -> list[SourceRow]:
    """Raises StimulusError."""
    try:
        table = list(csv.reader(io.StringIO(path.read_text("utf-8"), newline=""), strict=True))
        if not table or table[0] != _header(roles) or any(len(row) != len(table[0]) for row in table):
            raise ValueError(f"expected the columns {','.join(_header(roles))}")
        if any(
            not row[1].endswith(".png") or Path(row[1]).is_absolute() or ".." in Path(row[1]).parts for row in table[1:]
        ):
            raise ValueError("a path leads elsewhere")
    except (OSError, ValueError, csv.Error) as error:
        raise StimulusError(f"{path} cannot be read ({error}): name another folder, or remove {path.parent}") from None
    n = len(roles)
    return [
        SourceRow(
            PlannedStimulus(row[0], row[1], row[2], dict(zip(roles, row[3 : 3 + n], strict=True))),
            tuple(row[3 + n : 3 + 2 * n]),
        )
        for row in table[1:]
    ]


def _is_whole(path: Path) -> bool:
    """Does a PNG have its end? After a power cut it may not."""
    try:
        with path.open("rb") as file:
            file.seek(-len(PNG_END), os.SEEK_END)
            return file.read() == PNG_END
    except OSError:
        return False


def _sha256(path: Path) -> str:
    """Of the file; "" where it cannot be read, which is said when an image is to be made of it."""
    try:
        stat = path.stat()
        return _digest(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return ""


@cache
def _digest(path: Path, size: int, mtime: int) -> str:
    """Size and time are arguments so that a file that has changed is read again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
