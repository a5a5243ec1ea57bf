"""A set of stimuli from images and a distortion: PNG files and a `stimuli.csv`, as `run-experiment` takes them.

Every image is distorted at one level, the levels in turn within each category (the published designs), or at all of them
(`crossed`). What is random about an image follows from (seed, distortion, image, condition), so that files are the same
bytes whatever the number of workers and however often the run was stopped. A file is there whole or not at all, and one that
is there is not made again; `made-of.json` says of what a folder was made, and something else is not made into it.
"""

import hashlib
import json
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from attrs import evolve, field, frozen
from PIL import Image

from stimuli.errors import StimulusError
from stimuli.folder import PLAIN
from stimuli.images import middle_square, open_image, save_image
from stimuli.levels import Distortion, make_distortion
from stimuli.progress import Progress
from stimuli.record import about, claim, naming
from stimuli.sheet import sheet
from stimuli.spectrum import SPECTRUM, mean_spectrum, published, read_spectrum
from stimuli.stimulus import Stimulus, StimulusSet

SPECTRUM_FILE, PUBLISHED_SIZE = "spectrum.npy", 224
FAST = 3  # of zlib's levels: a tenth larger than by its default, in half the time
CHUNK = 16  # images a worker is given at a time
MIN_SIDE, MAX_SIZE = 8, 4096  # pixels


@frozen
class Plan:
    """What is to be made, as workers are told it; names and text only."""

    distortion: str
    options: Mapping[str, str] = field(factory=dict)
    seed: int = 0
    size: int | None = None  # pixels a side of the middle square; None: as it is
    truncate: bool = False  # 255 x to whole numbers as the published files, else rounded


@frozen
class Made:
    stimuli: StimulusSet
    skipped: tuple[str, ...]  # a sentence each


def assign(source: StimulusSet, conditions: Sequence[str], *, seed: int, crossed: bool) -> list[tuple[Stimulus, str]]:
    """Which image is shown in which condition: all in each if `crossed`; else every image once, at random and balanced.

    Within a category conditions occur equally often, or once more; what is left over goes on to the next category.
    """
    if crossed:
        return [(s, condition) for condition in conditions for s in source]
    rng = np.random.default_rng([seed, 5])
    order, chosen = 0, {}
    for category in sorted({s.category for s in source}):
        members = sorted((s for s in source if s.category == category), key=lambda s: s.id)
        for i in rng.permutation(len(members)):
            chosen[members[i].id] = conditions[order % len(conditions)]
            order += 1
    return [(s, chosen[s.id]) for s in source]


def make(
    plan: Plan,
    source: StimulusSet,
    out: Path,
    conditions: Sequence[str] = (),
    *,
    crossed: bool = False,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> Made:
    """Make the set in the folder `out`, by default in the distortion's published conditions. Goes on where it was stopped.

    An image that cannot be read or distorted is left out and said. Raises StimulusError for all else.
    """
    out = Path(out)
    distortion = make_distortion(plan.distortion, plan.options)
    conditions = _conditions(distortion, conditions)
    if len(set(conditions)) < len(conditions):
        raise StimulusError(f"a level is given twice in {','.join(conditions)}")
    for condition in conditions:
        distortion.level_of(condition)
    if plan.size is not None and not 1 <= plan.size <= MAX_SIZE:
        raise StimulusError(f"the size must be 1 to {MAX_SIZE} pixels, got {plan.size}")
    if any(s.condition for s in source):
        raise StimulusError(
            f"{source.name} has conditions already: take the images of one of them, a folder a category"
        )
    tasks = [
        Stimulus(s.id, _file(s, condition, conditions, out), s.category, condition, s.cues)
        for s, condition in assign(source, conditions, seed=plan.seed, crossed=crossed)
    ]
    paths = Counter(s.path for s in tasks)
    double = next((path for path, n in paths.items() if n > 1), None)
    if double is not None:
        raise StimulusError(f"two images would be named {double}: names must differ in more than .png and .jpg")
    originals = {s.id: s.path for s in source}
    plan, distortion = _with_spectrum(plan, distortion, source, conditions, out)
    claim(out, _record(plan, distortion, source, conditions, crossed))
    if plan.options.get("spectrum") == str(out / SPECTRUM_FILE):
        np.save(out / SPECTRUM_FILE, distortion.options["spectrum"])
    jobs = [(originals[s.id], s.path, s.id, s.condition) for s in tasks if not s.path.is_file()]
    n_done, skipped = len(tasks) - len(jobs), {}
    progress(n_done, len(tasks))
    for (_, path, *_), sentence in zip(jobs, _run(plan, jobs, workers), strict=True):
        n_done += 1
        if sentence:
            skipped[path] = sentence
        progress(n_done, len(tasks))
    made = tuple(s for s in tasks if s.path not in skipped)
    if not made:
        raise StimulusError(f"none of {len(tasks)} images could be made; the first: {next(iter(skipped.values()))}")
    stimuli = StimulusSet(out.resolve().name, made, source.attribution)
    stimuli.write(out / "stimuli.csv")
    return Made(stimuli, tuple(dict.fromkeys(skipped.values())))


def _conditions(distortion: Distortion, given: Sequence[str]) -> tuple[str, ...]:
    """Those given, else the published ones. Raises StimulusError."""
    found = tuple(given) or distortion.conditions
    if not found:
        raise StimulusError(f"{distortion.name} has no levels of its own: name them, --levels A,B,C")
    return found


def show(plan: Plan, path: Path, conditions: Sequence[str] = ()) -> Image.Image:
    """A contact sheet of one image in all conditions. Raises StimulusError."""
    distortion = make_distortion(plan.distortion, plan.options)
    conditions = _conditions(distortion, conditions)
    if plan.size == PUBLISHED_SIZE:
        _, distortion = _with_spectrum(plan, distortion, StimulusSet("", ()), conditions, Path())
    shown = [
        distortion.apply(_prepared(plan, path), condition, _rng(plan, path.name, condition)) for condition in conditions
    ]
    return sheet(shown, [distortion.label(condition) for condition in conditions], distortion.axis)


def _file(s: Stimulus, condition: str, conditions: Sequence[str], out: Path) -> Path:
    stem = Path(s.id).stem
    if not PLAIN.fullmatch(s.category) or not PLAIN.fullmatch(stem):
        raise StimulusError(
            f"{s.path}: expected the image's name and category in letters, digits, spaces and ( ) . _ -, got {s.id!r} and "
            f"{s.category!r}"
        )
    folder = out / condition if len(conditions) > 1 else out
    return folder / s.category / f"{stem}.png"


def _with_spectrum(
    plan: Plan, distortion: Distortion, source: StimulusSet, conditions: Sequence[str], out: Path
) -> tuple[Plan, Distortion]:
    """Where a mean spectrum is needed and none given: the published one if it fits, else that of the images themselves."""
    if plan.distortion != "power-equalisation" or "spectrum" in plan.options or "pow" not in conditions:
        return plan, distortion
    path = published(SPECTRUM) if plan.size == PUBLISHED_SIZE else None
    spectrum = mean_spectrum(_readable(plan, source)) if path is None else read_spectrum(path)
    options = {**plan.options, "spectrum": str(path or out / SPECTRUM_FILE)}
    return evolve(plan, options=options), evolve(distortion, options={"spectrum": spectrum})


def _readable(plan: Plan, source: StimulusSet) -> Iterator[np.ndarray]:
    for s in source:
        try:
            image = _prepared(plan, s.path)
        except StimulusError:
            continue  # it is said when it is to be distorted
        yield image


def _record(
    plan: Plan, distortion: Distortion, source: StimulusSet, conditions: Sequence[str], crossed: bool
) -> dict[str, object]:
    """Of what the set is made."""
    return {
        "distortion": plan.distortion,
        "options": {name: _in_short(value) for name, value in sorted(distortion.options.items())},
        "conditions": list(conditions),
        "crossed": crossed,
        "seed": plan.seed,
        "size": plan.size,
        "truncate": plan.truncate,
        "source": source.name,
        "source_sha256": about(source),
    }


def _in_short(value: object) -> object:
    return hashlib.sha256(value.tobytes()).hexdigest() if isinstance(value, np.ndarray) else value


Job = tuple[Path, Path, str, str]  # from, to, id, condition


def _run(plan: Plan, jobs: Sequence[Job], workers: int) -> Iterator[str]:
    """A sentence a job, in order: "" where the file was made, else why not."""
    if workers == 1 or len(jobs) <= CHUNK:
        yield from (_one(plan, job) for job in jobs)
        return
    # spawn: what a fork would inherit, such as threads of other libraries, differs from machine to machine.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(_one, [plan] * len(jobs), jobs, chunksize=CHUNK)
    except BrokenProcessPool:
        raise StimulusError(
            "a worker was ended from outside, most often for want of memory; what is made is kept: run it again with fewer "
            "workers"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_made: dict[str, Distortion] = {}  # of this worker: a plan holds a mapping, which no cache takes as a key


def _distortion(plan: Plan) -> Distortion:
    key = repr(plan)
    if key not in _made:
        _made.clear()
        _made[key] = make_distortion(plan.distortion, plan.options)
    return _made[key]


def _one(plan: Plan, job: Job) -> str:
    """Make one file; "" or, where the image is at fault, a sentence that names it."""
    origin, path, name, condition = job
    try:
        found = _distortion(plan).apply(_prepared(plan, origin), condition, _rng(plan, name, condition))
    except StimulusError as error:
        return naming(error, origin)
    except MemoryError:
        return f"{origin} has more pixels than memory holds distorted; give --size"
    scaled = 255 * found
    save_image((np.floor(scaled) if plan.truncate else np.rint(scaled)).astype(np.uint8), path, compress_level=FAST)
    return ""


def _rng(plan: Plan, name: str, condition: str) -> np.random.Generator:
    return np.random.default_rng([plan.seed, seed_of(plan.distortion, name, condition)])


def seed_of(*names: str) -> int:
    """A number that follows from the names, and from nothing else."""
    return int.from_bytes(hashlib.sha256(json.dumps(names).encode()).digest()[:8])


def _prepared(plan: Plan, path: Path) -> np.ndarray:
    """(h, w, 3) float64 in 0..1. Raises StimulusError."""
    pixels = open_image(path)
    if min(pixels.shape[:2]) < MIN_SIDE:
        raise StimulusError(
            f"{path} has {pixels.shape[1]} × {pixels.shape[0]} pixels: expected {MIN_SIDE} a side at least"
        )
    return np.asarray((pixels if plan.size is None else middle_square(pixels, plan.size)) / 255)
