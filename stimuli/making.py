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
from attrs import frozen

from stimuli.datasets import DATASETS
from stimuli.errors import StimulusError
from stimuli.folder import PLAIN, RECORD
from stimuli.progress import Progress
from stimuli.stimulus import Stimulus, StimulusSet
from stimuli.whole import write_whole
from stimuli.workers import each

SOURCES, LOCK = "sources.csv", ".lock"
AT_ONCE = 4  # images a worker is given at a time, unless each takes seconds
PNG_END = b"IEND\xaeB`\x82"
LIBRARIES = ("numpy", "observers", "pillow", "scipy")  # whose version may show in a pixel


@frozen
class Recipe:
    """One stimulus to be made. `sources` names an image of each set that it is made from, by the role of that set."""

    stimulus: str
    path: str  # in the folder
    condition: str
    sources: Mapping[str, str]


@frozen
class Job:
    """A recipe as a worker is told it: where to read, in the order of roles, and where to write."""

    recipe: Recipe
    origins: tuple[Path, ...]
    path: Path


@frozen
class Made:
    stimuli: StimulusSet
    left_out: Mapping[str, str]  # why, by the path of what could not be made


def make_set(
    out: Path,
    settings: Mapping[str, object],
    origins: Mapping[str, StimulusSet],
    draw: Callable[[], Sequence[Recipe]],
    described: Callable[[Recipe], Stimulus],
    function: Callable[[Job], str],
    *,
    begin: Callable[[], None] = lambda: None,
    workers: int = 1,
    at_once: int = AT_ONCE,
    progress: Progress = lambda done, total: None,
) -> Made:
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
    with _claimed(out, settings, origins):
        recipes = _recipes(out, origins, draw)
        begin()
        of = {role: {s.id: s.path for s in origin} for role, origin in origins.items()}
        jobs = [
            Job(r, tuple(of[role][name] for role, name in r.sources.items()), out / r.path)
            for r in recipes
            if not _is_whole(out / r.path)
        ]
        n_done, left_out = len(recipes) - len(jobs), {}
        progress(n_done, len(recipes))
        for job, sentence in zip(jobs, each(function, jobs, workers, at_once), strict=True):
            n_done += 1
            if sentence:
                left_out[job.recipe.path] = sentence
            progress(n_done, len(recipes))
        _write_sources(out, recipes, origins, left_out)
        made = [(r, described(r)) for r in recipes if r.path not in left_out]
        if not made:
            raise StimulusError(
                f"none of {len(recipes)} images could be made; the first: {next(iter(left_out.values()))}"
            )
        attribution = " ".join(dict.fromkeys(origin.attribution for origin in origins.values() if origin.attribution))
        stimuli = StimulusSet(
            out.resolve().name,
            tuple(Stimulus(r.stimulus, out / r.path, s.category, r.condition, s.cues) for r, s in made),
            attribution,
        )
        stimuli.write(out / "stimuli.csv")
    return Made(stimuli, left_out)


def begun(out: Path) -> bool:
    """Is there an image already, so that what the folder is made of is settled?"""
    return (out / RECORD).is_file() and any(out.rglob("*.png"))


def seed_of(*names: str) -> int:
    """A number that follows from the names, and from nothing else."""
    return int.from_bytes(hashlib.sha256(json.dumps(names).encode()).digest()[:8])


def naming(error: StimulusError, *paths: Path) -> str:
    """The error as a sentence that names a file: the first of `paths` where it names none of them."""
    said = str(error)
    return said if any(str(path) in said for path in paths) else f"{paths[0]}: {said}"


@contextmanager
def _claimed(out: Path, settings: Mapping[str, object], origins: Mapping[str, StimulusSet]) -> Iterator[None]:
    """The folder is ours: begun now, or begun with these settings. Raises StimulusError."""
    if out.resolve().name in DATASETS:
        raise StimulusError(
            f"{out} is named like a published dataset, as which it would be analyzed: name it otherwise"
        )
    path = out / RECORD
    if out.is_dir() and any(out.iterdir()) and not path.is_file():
        raise StimulusError(f"{out} holds something else already: name an empty or a new folder")
    out.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise StimulusError(f"another run makes images in {out} now: wait for it, or name another folder") from None
    try:
        record = _as_read({
            **settings,
            "made_with": {name: version(name) for name in LIBRARIES},
            "from": {role: origin.name for role, origin in origins.items()},
            "images": {role: sorted(s.id for s in origin) for role, origin in origins.items()},
        })  # fmt: skip
        if begun(out):
            _compare(out, _read_record(path), record)
        else:
            (out / SOURCES).unlink(missing_ok=True)
            lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items())
            write_whole(path, f"{{\n{lines}\n}}\n".encode())
        yield
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


def _recipes(out: Path, origins: Mapping[str, StimulusSet], draw: Callable[[], Sequence[Recipe]]) -> list[Recipe]:
    """Those of the folder, less those of images that are gone; drawn, and written down, where it has none."""
    if not (out / SOURCES).is_file():
        recipes = list(draw())
        _write_sources(out, recipes, origins, {})
        return recipes
    of = {role: {s.id: s.path for s in origin} for role, origin in origins.items()}
    recipes = []
    for recipe, digests in _read_sources(out / SOURCES, list(origins)):
        gone = next((name for role, name in recipe.sources.items() if name not in of[role]), None)
        made = _is_whole(out / recipe.path)
        now = [_sha256(of[role][name]) for role, name in recipe.sources.items()] if gone is None else []
        if made and now != digests:
            changed = next((n for n, a, b in zip(recipe.sources.values(), digests, now, strict=False) if a != b), gone)
            raise StimulusError(
                f"{changed} {'has changed' if gone is None else 'is gone'} since {out / recipe.path} was made of it: name "
                f"another folder, or remove the made image and go on"
            )
        if gone is None:
            recipes.append(recipe)
    return recipes


def _write_sources(
    out: Path, recipes: Sequence[Recipe], origins: Mapping[str, StimulusSet], left_out: Mapping[str, str]
) -> None:
    of = {role: {s.id: s.path for s in origin} for role, origin in origins.items()}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_header(list(origins)))
    for r in recipes:
        digests = [_sha256(of[role][name]) for role, name in r.sources.items()]
        writer.writerow([r.stimulus, r.path, r.condition, *r.sources.values(), *digests, left_out.get(r.path, "")])
    write_whole(out / SOURCES, text.getvalue().encode())


def _header(roles: Sequence[str]) -> list[str]:
    return ["stimulus", "path", "condition", *roles, *(f"{role}_sha256" for role in roles), "left_out"]


def _read_sources(path: Path, roles: Sequence[str]) -> list[tuple[Recipe, list[str]]]:
    """Raises StimulusError."""
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8"), newline=""), strict=True))
        if not rows or rows[0] != _header(roles) or any(len(row) != len(rows[0]) for row in rows):
            raise ValueError(f"expected the columns {','.join(_header(roles))}")
        if not all(PLAIN.fullmatch(part) for row in rows for part in Path(row[1]).parts):
            raise ValueError("a path leads elsewhere")
    except (OSError, ValueError, csv.Error) as error:
        raise StimulusError(f"{path} cannot be read ({error}): name another folder, or remove {path.parent}") from None
    n = len(roles)
    return [
        (Recipe(row[0], row[1], row[2], dict(zip(roles, row[3 : 3 + n], strict=True))), row[3 + n : 3 + 2 * n])
        for row in rows[1:]
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
