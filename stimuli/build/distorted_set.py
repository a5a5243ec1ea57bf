"""Build a stimulus set by distorting images: PNG files and a `stimuli.csv`, as `run-experiment` reads them.

Every image is distorted at one level, with the levels balanced within each category (the published designs), or at all
levels (a crossed design). The random numbers for an image depend only on (seed, distortion, image, condition).
Therefore the bytes of the files do not depend on the number of workers or on how often the run was interrupted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from attrs import evolve, field, frozen

from core.errors import StimulusError
from core.names import file_name_problem
from core.paths import strip_folder
from core.progress import Progress
from stimuli.build.set_builder import (
    BuildResult,
    RenderJob,
    add_path_to_message,
    build_set,
    library_versions,
    seed_from_names,
)
from stimuli.build.set_record import PlannedStimulus, has_images
from stimuli.distort.levels import Distortion, make_distortion
from stimuli.distort.spectrum import (
    PUBLISHED_SPECTRUM,
    find_published_table,
    mean_spectrum,
    read_spectrum,
    write_spectrum,
)
from stimuli.images import center_square, check_size, open_source_image, save_image, to_uint8
from stimuli.naming import show
from stimuli.stimulus import Stimulus, StimulusSet

SPECTRUM_FILE, PUBLISHED_SIZE = "spectrum.npy", 224
COMPRESS_LEVEL = 3  # level of zlib; files are 10 % larger than at the default level, but are written in half the time
PROBE_SIZE = 64  # pixels per side of the test image on which levels are checked


@frozen
class DistortionSettings:
    """Settings of a distorted set, which are sent to the worker processes.

    Attributes:
        distortion: Name of the distortion, as for `stimuli.distort.levels.make_distortion`.
        options: Options of the distortion as text.
        seed: Random seed.
        size: Width and height in pixels to which the central square of every image is resized; None to use the whole
            image at its own size.
        truncate: Truncate 255 × the pixel value to an integer, as in the published files, instead of rounding it.
    """

    distortion: str
    options: Mapping[str, str] = field(factory=dict)
    seed: int = 0
    size: int | None = None
    truncate: bool = False


@frozen
class SetPlan:
    """A set whose settings have been checked, as `plan_distorted_set` returns it.

    Attributes:
        settings: The settings, with the option `spectrum` if a default mean spectrum is used.
        distortion: The distortion.
        source: The images to distort.
        conditions: The conditions of the set.
        crossed: Whether every image is shown in every condition.
        out: Folder of the set.
    """

    settings: DistortionSettings
    distortion: Distortion
    source: StimulusSet
    conditions: tuple[str, ...]
    crossed: bool
    out: Path


def plan_distorted_set(
    settings: DistortionSettings,
    source: StimulusSet,
    out: Path,
    conditions: Sequence[str] = (),
    *,
    crossed: bool = False,
) -> SetPlan:
    """Check all settings of a set before it is built, without writing files.

    Args:
        settings: The distortion, its options, seed and size.
        source: The images to distort, without conditions.
        out: Folder of the set.
        conditions: The conditions; by default those of the published dataset.
        crossed: Show every image in every condition instead of in one.

    Returns:
        The plan, for `build_distorted_set`.

    Raises:
        StimulusError: If a condition or the size is invalid, a valid and unique file name cannot be derived from the
            name of an image, or a mean spectrum is not available.
        UnknownName, UserError: If the distortion or its options are invalid (see `stimuli.distort.levels.make_distortion`).
    """
    out = Path(out)
    distortion = make_distortion(settings.distortion, settings.options)
    conditions = choose_conditions(distortion, conditions)
    check_size(settings.size)
    paths = Counter(_output_path(s, conditions[0], conditions).as_posix().casefold() for s in source)
    duplicate = next((path for path, n in paths.items() if n > 1), None)
    if duplicate is not None:
        raise StimulusError(
            f"two images would be saved as {out / duplicate}: rename one, because their names differ only in capital "
            f"letters or in the suffix (.png, .jpg)"
        )
    settings, distortion = _add_mean_spectrum(settings, distortion, source, conditions, out)
    _check_levels(settings, distortion, source, conditions)
    return SetPlan(settings, distortion, source, conditions, crossed, out)


def build_distorted_set(
    plan: SetPlan, *, n_workers: int = 1, progress: Progress = lambda done, total: None
) -> BuildResult:
    """Build a distorted set, or continue with one that was started with the same plan.

    Args:
        plan: The plan, which `plan_distorted_set` returns.
        n_workers: Number of processes.
        progress: Called with the number of finished images and their total.

    Returns:
        The stimulus set, and the images that were skipped because they could not be read or distorted.

    Raises:
        StimulusError: If the folder cannot be used, or not a single image could be made (see
            `stimuli.build.set_builder.build_set`).
    """
    settings, distortion, conditions = plan.settings, plan.distortion, plan.conditions
    sources = {s.id: s for s in plan.source}
    recorded_settings = {
        "distortion": distortion.name,
        "options": distortion.summarize_options(),
        "basis": distortion.basis,
        "code": distortion.code_version,
        # A record without a version is one of version 1.
        **({"version": distortion.version} if distortion.version > 1 else {}),
        "conditions": list(conditions),
        "crossed": plan.crossed,
        "seed": settings.seed,
        "size": settings.size,
        "truncate": settings.truncate,
        "made_with": library_versions(),
    }

    def plan_stimuli() -> list[PlannedStimulus]:
        assigned = assign(
            plan.source, conditions, seed=[settings.seed, seed_from_names(distortion.name)], crossed=plan.crossed
        )
        return [
            PlannedStimulus(s.id, _output_path(s, condition, conditions).as_posix(), condition, {"source": s.id})
            for s, condition in assigned
        ]

    def save_own_spectrum() -> None:
        if settings.options.get("spectrum") == str(plan.out / SPECTRUM_FILE):
            write_spectrum(plan.out / SPECTRUM_FILE, distortion.options["spectrum"])

    return build_set(
        plan.out, recorded_settings, {"source": plan.source}, plan_stimuli,
        lambda planned: sources[planned.sources["source"]], partial(_render, settings),
        prepare=save_own_spectrum, n_workers=n_workers, progress=progress,
    )  # fmt: skip


def assign(
    source: StimulusSet, conditions: Sequence[str], *, seed: Sequence[int], crossed: bool
) -> list[tuple[Stimulus, str]]:
    """Assign conditions to images.

    Without `crossed`, every image is assigned to one random condition. The numbers of images per condition differ by at
    most one, both within a category and over all images, because each category continues the cycle of conditions
    where the previous category stopped.

    Args:
        source: The images.
        conditions: The conditions.
        seed: Random seed of the assignment.
        crossed: Assign every image to every condition.

    Returns:
        Pairs of an image and its condition, in the order of the images. If `crossed`, the pairs with the first
        condition come first, then those with the second condition, and so on.
    """
    if crossed:
        return [(s, condition) for condition in conditions for s in source]
    rng = np.random.default_rng(seed)
    n_assigned, condition_of = 0, {}
    for category in sorted({s.category for s in source}):
        members = sorted((s for s in source if s.category == category), key=lambda s: s.id)
        for i in rng.permutation(len(members)):
            condition_of[members[i].id] = conditions[n_assigned % len(conditions)]
            n_assigned += 1
    return [(s, condition_of[s.id]) for s in source]


def choose_conditions(distortion: Distortion, requested: Sequence[str]) -> tuple[str, ...]:
    """Return the requested conditions, or the published ones if none are requested.

    Raise StimulusError if a condition is invalid, two conditions have the same level, or the distortion does not have
    published conditions.
    """
    conditions = tuple(requested) or distortion.conditions
    if not conditions:
        raise StimulusError(f"{distortion.name} does not have default levels: give levels with --levels A,B,C")
    levels = [distortion.level_of(condition) for condition in conditions]
    if any(level in levels[:i] for i, level in enumerate(levels)):
        raise StimulusError(f"the same level is given twice in {','.join(conditions)}")
    return conditions


def _add_mean_spectrum(
    settings: DistortionSettings, distortion: Distortion, source: StimulusSet, conditions: Sequence[str], out: Path
) -> tuple[DistortionSettings, Distortion]:
    """Return the settings and the distortion, with a default mean spectrum added if power equalisation needs one.

    The default is the published spectrum if it is available and has the size of the images. Otherwise it is the mean
    spectrum of the source images. A set that is resumed keeps the spectrum with which it was started.
    """
    if settings.distortion != "power-equalisation" or "spectrum" in settings.options or "pow" not in conditions:
        return settings, distortion
    own_path, published_path = out / SPECTRUM_FILE, find_published_spectrum(settings)
    if has_images(out) and not own_path.is_file() and published_path is None:
        raise StimulusError(
            f"{out} was started with the published mean spectrum, which is no longer in a data folder: set "
            f"OBSERVERS_DATA to the data folder that contains it, or use another folder"
        )
    # made-of.json contains these texts, and they are compared when a set is resumed: they must not change.
    basis = "the mean spectrum of these images" if published_path is None else "the published mean spectrum"
    path = published_path or own_path
    if path == own_path and not has_images(out):
        spectrum = mean_spectrum(_readable_images(settings, source))
    else:
        spectrum = read_spectrum(path)
    options = {**settings.options, "spectrum": str(path)}
    return evolve(settings, options=options), evolve(distortion, options={"spectrum": spectrum}, basis=basis)


def find_published_spectrum(settings: DistortionSettings) -> Path | None:
    """Return the path of the published mean spectrum, or None if it is not available or the images have another size."""
    return find_published_table(PUBLISHED_SPECTRUM) if settings.size == PUBLISHED_SIZE else None


def read_source_image(settings: DistortionSettings, path: Path) -> np.ndarray:
    """Read an image, or its central square, as (h, w, 3) float64 in 0..1. Raise StimulusError if it cannot be read."""
    pixels = open_source_image(path)
    return np.asarray((pixels if settings.size is None else center_square(pixels, settings.size)) / 255)


def make_rng(settings: DistortionSettings, name: str, condition: str) -> np.random.Generator:
    """Return the random generator for an image, given its name and condition."""
    return np.random.default_rng([settings.seed, seed_from_names(strip_folder(settings.distortion), name, condition)])


def _readable_images(settings: DistortionSettings, source: StimulusSet) -> Iterator[np.ndarray]:
    """Yield the images that can be read. The others are reported later, when the set is built."""
    for s in source:
        try:
            image = read_source_image(settings, s.path)
        except StimulusError:
            continue
        yield image


def _check_levels(
    settings: DistortionSettings, distortion: Distortion, source: StimulusSet, conditions: Sequence[str]
) -> None:
    """Raise StimulusError if a level is out of range; a test image (dark square on white) is distorted at each level.

    If the distortion may depend on the size of the image, the test image has the size of the first source image.
    """
    height = width = PROBE_SIZE
    if distortion.code_version is not None or distortion.options.get("spectrum") is not None:
        first = next(_readable_images(settings, source), None)
        height, width = (height, width) if first is None else first.shape[:2]
    image = np.ones((height, width, 3))
    image[height // 4 : height // 2, width // 4 : width // 2] = 0.2
    for condition in conditions:
        distortion.apply(image, condition, np.random.default_rng(0))


def _output_path(s: Stimulus, condition: str, conditions: Sequence[str]) -> Path:
    """Return the path of the distorted image, relative to the folder of the set."""
    stem = Path(s.id).stem
    for name in (s.category, f"{stem}.png"):
        if problem := file_name_problem(name):
            raise StimulusError(f"{s.path}: the name {show(name)} {problem}; rename the image or its category")
    folder = Path(condition) if len(conditions) > 1 else Path()
    return folder / s.category / f"{stem}.png"


@lru_cache(maxsize=1)
def _cached_distortion(name: str, options: tuple[tuple[str, str], ...]) -> Distortion:
    return make_distortion(name, dict(options))


def _render(settings: DistortionSettings, job: RenderJob) -> str:
    """Save one distorted image and return "", or return the reason why the image could not be distorted."""
    source_path, condition = job.source_paths[0], job.planned.condition
    try:
        distortion = _cached_distortion(settings.distortion, tuple(sorted(settings.options.items())))
        image = read_source_image(settings, source_path)
        distorted = distortion.apply(image, condition, make_rng(settings, job.planned.stimulus, condition))
    except StimulusError as error:
        return add_path_to_message(error, source_path)
    except MemoryError:
        return f"{source_path} has too many pixels to be distorted in memory; give a smaller --size"
    save_image(to_uint8(distorted, truncate=settings.truncate), job.path, compress_level=COMPRESS_LEVEL)
    return ""
