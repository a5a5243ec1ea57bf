"""A set of stimuli from images and a distortion: PNG files and a `stimuli.csv`, as `run-experiment` takes them.

Every image is distorted at one level, the levels in turn within each category (the published designs), or at all of them
(`crossed`). What is random about an image follows from (seed, distortion, image, condition), so that files are the same
bytes whatever the number of workers and however often the run was stopped.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from attrs import evolve, field, frozen

from stimuli.errors import StimulusError
from stimuli.folder import PORTABLE_NAME
from stimuli.images import center_square, check_size, open_source_image, save_image, to_uint8
from stimuli.levels import Distortion, make_distortion
from stimuli.names import own_name
from stimuli.progress import Progress
from stimuli.set_builder import BuildResult, PlannedStimulus, RenderJob, begun, build_set, made_with, naming, seed_of
from stimuli.spectrum import SPECTRUM, mean_spectrum, published, read_spectrum, write_spectrum
from stimuli.stimulus import Stimulus, StimulusSet

SPECTRUM_FILE, PUBLISHED_SIZE = "spectrum.npy", 224
FAST = 3  # of zlib's levels: a tenth larger than by its default, in half the time
PROBE = 64  # pixels a side


@frozen
class DistortionSettings:
    """What is to be made, as workers are told it."""

    distortion: str
    options: Mapping[str, str] = field(factory=dict)
    seed: int = 0
    size: int | None = None  # pixels a side of the middle square; None: as it is
    truncate: bool = False  # 255 x to whole numbers as the published files, else rounded


@frozen
class SetPlan:
    """A set that can be made: all of it but the images has been looked at."""

    plan: DistortionSettings
    distortion: Distortion
    source: StimulusSet
    conditions: tuple[str, ...]
    crossed: bool
    out: Path


def order(
    plan: DistortionSettings, source: StimulusSet, out: Path, conditions: Sequence[str] = (), *, crossed: bool = False
) -> SetPlan:
    """By default in the distortion's published conditions. Nothing is written. Raises StimulusError."""
    out = Path(out)
    distortion = make_distortion(plan.distortion, plan.options)
    conditions = known_conditions(distortion, conditions)
    check_size(plan.size)
    names = Counter(_file(s, conditions[0], conditions).as_posix().casefold() for s in source)
    double = next((name for name, n in names.items() if n > 1), None)
    if double is not None:
        raise StimulusError(
            f"two images would be named {out / double}: names must differ in more than .png, .jpg and A for a"
        )
    plan, distortion = with_spectrum(plan, distortion, source, conditions, out)
    _try(plan, distortion, source, conditions)
    return SetPlan(plan, distortion, source, conditions, crossed, out)


def make(order: SetPlan, *, workers: int = 1, progress: Progress = lambda done, total: None) -> BuildResult:
    """Make the set, or go on with it. What cannot be read or distorted is left out and said. Raises StimulusError."""
    plan, distortion, conditions = order.plan, order.distortion, order.conditions
    of = {s.id: s for s in order.source}
    settings = {
        "distortion": distortion.name,
        "options": distortion.in_short(),
        "basis": distortion.basis,
        "code": distortion.code,
        "conditions": list(conditions),
        "crossed": order.crossed,
        "seed": plan.seed,
        "size": plan.size,
        "truncate": plan.truncate,
        "made_with": made_with(),
    }

    def draw() -> list[PlannedStimulus]:
        chosen = assign(order.source, conditions, seed=[plan.seed, seed_of(distortion.name)], crossed=order.crossed)
        return [PlannedStimulus(s.id, _file(s, c, conditions).as_posix(), c, {"source": s.id}) for s, c in chosen]

    def begin() -> None:
        if plan.options.get("spectrum") == str(order.out / SPECTRUM_FILE):
            write_spectrum(order.out / SPECTRUM_FILE, distortion.options["spectrum"])

    return build_set(
        order.out, settings, {"source": order.source}, draw, lambda r: of[r.sources["source"]], partial(_one, plan),
        begin=begin, workers=workers, progress=progress,
    )  # fmt: skip


def assign(
    source: StimulusSet, conditions: Sequence[str], *, seed: Sequence[int], crossed: bool
) -> list[tuple[Stimulus, str]]:
    """Which image is shown in which condition: all in each if `crossed`; else every image once, at random and balanced.

    Within a category conditions occur equally often, or once more; what is left over goes on to the next category.
    """
    if crossed:
        return [(s, condition) for condition in conditions for s in source]
    rng = np.random.default_rng(seed)
    order, chosen = 0, {}
    for category in sorted({s.category for s in source}):
        members = sorted((s for s in source if s.category == category), key=lambda s: s.id)
        for i in rng.permutation(len(members)):
            chosen[members[i].id] = conditions[order % len(conditions)]
            order += 1
    return [(s, chosen[s.id]) for s in source]


def known_conditions(distortion: Distortion, given: Sequence[str]) -> tuple[str, ...]:
    """Those given, else the published ones. Raises StimulusError."""
    found = tuple(given) or distortion.conditions
    if not found:
        raise StimulusError(f"{distortion.name} has no levels of its own: name them, --levels A,B,C")
    levels = [distortion.level_of(condition) for condition in found]
    if any(level in levels[:i] for i, level in enumerate(levels)):
        raise StimulusError(f"a level is given twice in {','.join(found)}")
    return found


def with_spectrum(
    plan: DistortionSettings, distortion: Distortion, source: StimulusSet, conditions: Sequence[str], out: Path
) -> tuple[DistortionSettings, Distortion]:
    """Where a mean spectrum is needed and none given: the published one if it fits, else that of the images themselves."""
    if plan.distortion != "power-equalisation" or "spectrum" in plan.options or "pow" not in conditions:
        return plan, distortion
    mine, path = out / SPECTRUM_FILE, published_spectrum(plan)
    if begun(out) and not mine.is_file() and path is None:
        raise StimulusError(
            f"{out} was begun with the published mean spectrum, which no data folder has now: set OBSERVERS_DATA to the one "
            f"that has it, or name another folder"
        )
    basis = "the mean spectrum of these images" if path is None else "the published mean spectrum"
    path = path or mine
    spectrum = mean_spectrum(_readable(plan, source)) if path == mine and not begun(out) else read_spectrum(path)
    options = {**plan.options, "spectrum": str(path)}
    return evolve(plan, options=options), evolve(distortion, options={"spectrum": spectrum}, basis=basis)


def published_spectrum(plan: DistortionSettings) -> Path | None:
    """The published mean spectrum, where a data folder has it and it is of the images' size."""
    return published(SPECTRUM) if plan.size == PUBLISHED_SIZE else None


def prepared(plan: DistortionSettings, path: Path) -> np.ndarray:
    """(h, w, 3) float64 in 0..1. Raises StimulusError."""
    pixels = open_source_image(path)
    return np.asarray((pixels if plan.size is None else center_square(pixels, plan.size)) / 255)


def rng_of(plan: DistortionSettings, name: str, condition: str) -> np.random.Generator:
    return np.random.default_rng([plan.seed, seed_of(own_name(plan.distortion), name, condition)])


def _readable(plan: DistortionSettings, source: StimulusSet) -> Iterator[np.ndarray]:
    for s in source:
        try:
            image = prepared(plan, s.path)
        except StimulusError:
            continue  # it is said when it is to be distorted
        yield image


def _try(plan: DistortionSettings, distortion: Distortion, source: StimulusSet, conditions: Sequence[str]) -> None:
    """Raises StimulusError for a level out of range, before a folder is begun: a dark square on white at every level.

    Of the images' own size where that may matter.
    """
    height = width = PROBE
    if distortion.code is not None or distortion.options.get("spectrum") is not None:
        first = next(_readable(plan, source), None)
        height, width = (height, width) if first is None else first.shape[:2]
    image = np.ones((height, width, 3))
    image[height // 4 : height // 2, width // 4 : width // 2] = 0.2
    for condition in conditions:
        distortion.apply(image, condition, np.random.default_rng(0))


def _file(s: Stimulus, condition: str, conditions: Sequence[str]) -> Path:
    """In the folder of the set."""
    stem = Path(s.id).stem
    if not PORTABLE_NAME.fullmatch(s.category) or not PORTABLE_NAME.fullmatch(stem):
        raise StimulusError(
            f"{s.path}: expected the image's name and category in letters, digits, spaces and ( ) . _ -, got {s.id!r} and "
            f"{s.category!r}"
        )
    folder = Path(condition) if len(conditions) > 1 else Path()
    return folder / s.category / f"{stem}.png"


@lru_cache(maxsize=1)
def _distortion(name: str, options: tuple[tuple[str, str], ...]) -> Distortion:
    return make_distortion(name, dict(options))


def _one(plan: DistortionSettings, job: RenderJob) -> str:
    """Make one file; "" or, where the image is at fault, a sentence that names it."""
    origin, condition = job.origins[0], job.recipe.condition
    try:
        distortion = _distortion(plan.distortion, tuple(sorted(plan.options.items())))
        found = distortion.apply(prepared(plan, origin), condition, rng_of(plan, job.recipe.stimulus, condition))
    except StimulusError as error:
        return naming(error, origin)
    except MemoryError:
        return f"{origin} has more pixels than memory holds distorted; give --size"
    save_image(to_uint8(found, truncate=plan.truncate), job.path, compress_level=FAST)
    return ""
