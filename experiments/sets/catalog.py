"""The table of experiments, with one row each.

A new experiment needs a function that returns an `experiments.experiment.Experiment`, and a row here. The functions
are named by references, so that experiments can be listed without drawing or reading an image.
"""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from core.entries import Entry
from stimuli.categories import CATEGORIES
from stimuli.distort.catalog import DISTORTIONS, PUBLISHED_12
from stimuli.published.datasets import DATASETS, cache_folder, find

ALL_PUBLISHED = "all-published"  # in commands, the name for all published datasets together
PUBLISHED = "Published datasets, which people saw"
DRAWN = "Drawn objects, without a download"
ILLUSIONS = "Illusions"


@frozen(kw_only=True)
class ExperimentEntry(Entry):
    """A built-in experiment. Its `options` are the arguments of the function that makes it.

    Attributes:
        n_stimuli: Number of images, and thus of trials.
        choices: The choices of every trial.
        conditions: The conditions in the order of figures; ("",) if there is only one.
        n_people: Number of people whose recorded responses are published.
        cached: Path of the images below the cache folder; empty for published datasets, which are in data folders.
        download: Command that downloads the images; empty if they are drawn.
    """

    n_stimuli: int
    choices: tuple[str, ...] = CATEGORIES
    conditions: tuple[str, ...] = ("",)
    n_people: int = 0
    cached: str = ""
    download: str = ""


def cached_images(name: str) -> Path:
    """Return the folder or file in the cache for the images of an experiment that is drawn or that shows one image.

    Args:
        name: Name of a row whose `cached` is not empty.
    """
    return cache_folder() / EXPERIMENTS[name].cached


def images_on_disk(row: ExperimentEntry) -> Path | None:
    """Return the folder or file with the images of an experiment, or None if they are not on this machine."""
    if not row.cached:
        return find("stimuli", row.name)
    path = cached_images(row.name)
    return path if path.exists() else None


_DRAWN_SOURCE = "drawn by this project"
# Versions of the drawing code. Increase a version when the images change, so that cached images are not reused.
_DRAWN_VERSION, _ILLUSIONS_VERSION = "1", "1"
# The width of the low-pass filter is in pixels. The images of the microcosm have 64 pixels per side and the published ones
# 224, so the published levels are multiplied by 64/224.
_MICROCOSM_CONDITIONS = {"low-pass": ("0", "0.3", "0.9", "1.4", "2", "2.9", "4.3", "11.4")}


def _drawn(
    name: str, reference: str, n_stimuli: int, description: str, options: Mapping[str, object] | None = None
) -> ExperimentEntry:
    """Return the row of an experiment with drawn objects."""
    return ExperimentEntry(name=name, reference=reference, description=description, group=DRAWN, source=_DRAWN_SOURCE,
                           options=options or {}, n_stimuli=n_stimuli, cached=f"drawn/{_DRAWN_VERSION}/{name}")  # fmt: skip


def _microcosm(name: str, n_stimuli: int, description: str) -> ExperimentEntry:
    """Return the row of one of the four undistorted sets of the microcosm."""
    return _drawn(name, "experiments.sets.microcosm:microcosm_experiment", n_stimuli, description, {"name": name})


def _distorted_microcosm(distortion: str) -> ExperimentEntry:
    """Return the row of a distorted set of the microcosm."""
    name = f"microcosm-{distortion}"
    row = DISTORTIONS[distortion]
    conditions = _MICROCOSM_CONDITIONS.get(distortion, row.conditions)
    version = _DRAWN_VERSION if row.version == 1 else f"{_DRAWN_VERSION}.{row.version}"
    return ExperimentEntry(
        name=name, reference="experiments.sets.microcosm:distorted_microcosm_experiment", group=DRAWN, n_stimuli=480,
        description=f"The images of microcosm with the distortion {distortion}.", source=_DRAWN_SOURCE,
        conditions=conditions, cached=f"drawn/{version}/{name}",
        options={"name": name, "distortion": distortion, "conditions": conditions})  # fmt: skip


def _illusion(
    name: str, n_stimuli: int, choices: tuple[str, ...], conditions: str, description: str
) -> ExperimentEntry:
    """Return the row of a drawn illusion; `conditions` is a space-separated list."""
    return ExperimentEntry(
        name=name, reference="experiments.sets.illusions:illusion_experiment", group=ILLUSIONS, options={"name": name},
        description=description, source=_DRAWN_SOURCE, n_stimuli=n_stimuli, choices=choices,
        conditions=tuple(conditions.split()), cached=f"drawn/illusions/{_ILLUSIONS_VERSION}/{name}")  # fmt: skip


def _paper_image(name: str, choices: tuple[str, str], description: str, license: str) -> ExperimentEntry:
    """Return the row of an ambiguous image of Jaini et al. (2024)."""
    return ExperimentEntry(
        name=name, reference="experiments.sets.illusions:paper_image_experiment", group=ILLUSIONS, options={"name": name},
        description=description, source="Jaini et al. (2024), appendix D", license=license, n_stimuli=1, choices=choices,
        cached=f"illusions/{name}.png", download="observers fetch illusions")  # fmt: skip


def _published(name: str) -> ExperimentEntry:
    """Return the row of an experiment with a published dataset."""
    dataset = DATASETS[name]
    return ExperimentEntry(
        name=name, reference="experiments.sets.published:published_experiment", group=PUBLISHED, options={"name": name},
        description=dataset.description, source=dataset.source, license=dataset.license, n_stimuli=dataset.n_images,
        conditions=tuple(condition.name for condition in dataset.conditions), n_people=dataset.n_people,
        download=f"observers fetch {name}")  # fmt: skip


_CUES = "-1 -0.5 0 0.5 1"
_TURNS = " ".join(f"turn{degrees:+d}" for degrees in range(-90, 181, 15))
_PUBLIC_DOMAIN = "public domain, via Wikimedia Commons"
# fmt: off
_ROWS = (
    *(_published(name) for name in DATASETS),
    _drawn("drawn-cue-conflict", "experiments.sets.drawn:cue_conflict", 256,
           "Drawn silhouettes of sixteen objects, each filled with each of sixteen textures."),
    _microcosm("microcosm", 480, "Drawn objects whose shape and texture belong to the same category."),
    _microcosm("microcosm-cue-conflict", 512, "Drawn objects with the shape of one category and the texture of another."),
    _microcosm("microcosm-silhouette", 160, "Shapes of the microcosm, black on white."),
    _microcosm("microcosm-edge", 160, "Edges of shapes of the microcosm, as black lines on white."),
    *(_distorted_microcosm(distortion) for distortion in PUBLISHED_12),
    _illusion("duck-rabbit", 116, ("duck", "rabbit"), f"{_CUES} {_TURNS}",
              "Figures between a duck and a rabbit, some of them rotated."),
    _illusion("vase-faces", 40, ("vase", "two faces"), _CUES, "Figures between a vase and two faces (Rubin's vase)."),
    _illusion("necker-cube", 40, ("cube from above", "cube from below"), _CUES,
              "Wire cubes that can be seen from above or from below."),
    _illusion("pareidolia", 160, ("face", "texture"), "0 0.1 0.2 0.3 0.45 0.6 0.8 1",
              "Faces of graded strength hidden in textures."),
    _illusion("muller-lyer", 180, ("top", "bottom"), "-40 -20 0 20 40", "Which of two lines with fins is longer?"),
    _illusion("ponzo", 180, ("top", "bottom"), "-25 -12.5 0 12.5 25",
              "Which of two lines between converging rails is longer?"),
    _illusion("ebbinghaus", 180, ("left", "right"), "-1 -0.5 0 0.5 1",
              "Which of two circles with surrounding circles is larger?"),
    _illusion("delboeuf", 180, ("left", "right"), "-1.2 -0.6 0 0.6 1.2", "Which of two circles with rings is larger?"),
    _illusion("vertical-horizontal", 180, ("left", "right"), "-90 -45 0 45 90", "Which of two lines at an angle is longer?"),
    _illusion("microcosm-ambiguous", 240, CATEGORIES, "0 0.25 0.5 0.75 1",
              "Drawn objects whose shape and texture are mixtures of two categories."),
    _paper_image("paper-duck-rabbit", ("duck", "rabbit"), "The duck-rabbit figure, one image.", _PUBLIC_DOMAIN),
    _paper_image("paper-rock-face", ("face", "rock"), "A photograph of a rock that looks like a face, one image.",
                 "CC BY-SA 3.0, via Wikimedia Commons"),
    _paper_image("paper-vegetable-face", ("face", "bowl of vegetables"),
                 "Arcimboldo's painting of vegetables that look like a face, one image.", _PUBLIC_DOMAIN),
    _paper_image("paper-woman", ("young woman", "old woman"),
                 "The drawing My Wife and My Mother-in-Law, one image.", _PUBLIC_DOMAIN),
)
# fmt: on
EXPERIMENTS: dict[str, ExperimentEntry] = {row.name: row for row in _ROWS}
