"""`observers make-stimuli`, `make-cue-conflict` and `show-stimuli`: new stimuli from images."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import Quiet, key_values, to_stderr
from commands.parameters.completion import complete_distortions
from core.errors import StimulusError
from core.files import resolve
from core.resuming import resumable

if TYPE_CHECKING:
    from stimuli.stimulus import StimulusSet

COMMANDS = ("make-stimuli", "make-cue-conflict")
MethodOption = Annotated[
    list[str] | None,
    typer.Option("-o", metavar="KEY=VALUE", help="Option of the distortion or method. Repeat it for several options."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Number of worker processes (default: one per processor core).")
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Random seed.")]
Levels = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITIONS",
        help="Conditions, comma-separated, such as c50,c10 (default: the conditions that `observers show` prints).",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PIXELS",
        help="Crop the central square and resize it to this many pixels per side (default: keep the image as it is).",
    ),
]


def make_stimuli(
    distortion: Annotated[
        str,
        typer.Argument(
            metavar="DISTORTION",
            help="Name of a distortion (see `observers list distortions`), FILE.py:NAME for your own, or published-12 for "
            "all twelve published distortions.",
            autocompletion=complete_distortions,
        ),
    ],
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="Folder with one subfolder of images per category, or a stimuli.csv."),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Folder for the stimulus set, or for the twelve sets of published-12."),
    ],
    levels: Levels = None,
    crossed: Annotated[
        bool, typer.Option("--crossed", help="Show every image at every level, instead of each image at one level.")
    ] = False,
    seed: Seed = 0,
    size: Size = None,
    truncate: Annotated[
        bool,
        typer.Option("--truncate", help="Truncate pixel values to whole numbers, as published, instead of rounding."),
    ] = False,
    workers: Workers = None,
    option: MethodOption = None,
    quiet: Quiet = False,
) -> None:
    """Make a stimulus set by distorting images.

    The set is a folder of PNG files with a stimuli.csv, which `run-experiment` accepts. A run that was stopped resumes when
    the same command is given again.

    \b
    Example:
      observers make-stimuli contrast photos pale --levels c100,c30,c10 --size 224
    """
    from core.progress import progress_bar
    from stimuli.build.distorted_set import DistortionSettings, build_distorted_set, plan_distorted_set

    _refuse_out_inside_sources(out, source)
    images = _read_images(source)
    sets = _published_12(out, images.name, levels, option) if distortion == "published-12" else None
    conditions = [level.strip() for level in levels.split(",")] if levels is not None else ()
    plans = [
        plan_distorted_set(
            DistortionSettings(name, options, seed, size, truncate), images, folder, conditions, crossed=crossed
        )
        for name, folder, options in sets or [(distortion, out, key_values(option))]
    ]
    reported: list[str] = []
    with resumable("every finished image is kept", COMMANDS):
        for plan in plans:
            with progress_bar(plan.distortion.name, "images", quiet=quiet) as progress:
                result = build_distorted_set(plan, n_workers=_n_workers(workers), progress=progress)
            basis = f", by {plan.distortion.basis}" if plan.distortion.basis else ""
            typer.echo(f"{plan.distortion.name}: {len(result.stimuli):,} images in {plan.out}{basis}")
            used = {stimulus.condition for stimulus in result.stimuli}
            if not used.issuperset(plan.conditions):
                unused = ", ".join(condition for condition in plan.conditions if condition not in used)
                to_stderr(
                    f"note: there are too few images to show any in condition {unused}; --crossed shows every image at "
                    f"every level"
                )
            reported = _report_skipped(result.skipped, reported)
    _refuse_skipped(reported)


def _published_12(
    out: Path, source: str, levels: str | None, option: list[str] | None
) -> list[tuple[str, Path, dict[str, str]]]:
    """Return name, folder and options of each of the twelve published sets.

    Each option is passed to the distortions that have it. Raises typer.BadParameter for an option that none of them
    has.
    """
    from stimuli.distort.catalog import PUBLISHED_12
    from stimuli.distort.levels import options_of_distortion

    if levels is not None:
        raise typer.BadParameter("published-12 is always made at its published levels: remove --levels")
    options = key_values(option)
    accepted = {name: options_of_distortion(name) for name in PUBLISHED_12}
    unknown = next((key for key in options if not any(key in names for names in accepted.values())), None)
    if unknown is not None:
        known = sorted({key for names in accepted.values() for key in names})
        raise typer.BadParameter(
            f"none of the twelve distortions has the option {unknown!r}: their options are {', '.join(known)}"
        )
    return [
        (name, out / f"{source}-{name}", {key: value for key, value in options.items() if key in accepted[name]})
        for name in accepted
    ]


def make_cue_conflict(
    shapes: Annotated[
        Path,
        typer.Argument(
            metavar="SHAPES", help="Folder of images of objects on plain backgrounds, with one subfolder per category."
        ),
    ],
    textures: Annotated[
        Path, typer.Argument(metavar="TEXTURES", help="Folder of images of textures, with one subfolder per category.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the stimulus set.")],
    method: Annotated[
        str,
        typer.Option(
            metavar="METHOD",
            help="filled (textures in silhouettes), plenoptic (texture synthesis, with the extra `textures`), or "
            "FILE.py:NAME for your own function (shape, texture, rng) -> image.",
        ),
    ] = "filled",
    per_pair: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of images per pair of shape and texture category.")
    ] = 5,
    conflicting: Annotated[
        bool, typer.Option("--conflicting", help="Omit images whose shape and texture have the same category.")
    ] = False,
    seed: Seed = 0,
    size: Annotated[int, typer.Option(min=1, metavar="PIXELS", help="Size of the images in pixels per side.")] = 224,
    zoom: Annotated[
        float,
        typer.Option(
            metavar="FACTOR", help="Shorter side of a texture image relative to the side of the resulting image."
        ),
    ] = 1.0,
    workers: Workers = None,
    option: MethodOption = None,
    quiet: Quiet = False,
) -> None:
    """Combine shapes and textures into cue-conflict images.

    Each image combines the shape of an object with a texture, usually of another category. The default method fills
    silhouettes with textures (Geirhos et al. 2019). A run that was stopped resumes when the same command is given again.

    \b
    Example:
      observers make-cue-conflict shapes textures conflicts --per-pair 2
    """
    from core.progress import progress_bar
    from stimuli.build.cue_conflict import CueConflictSettings
    from stimuli.build.cue_conflict import make_cue_conflict as make

    _refuse_out_inside_sources(out, shapes, textures)
    settings = CueConflictSettings(method, key_values(option), per_pair, conflicting, seed, size, zoom)
    with (
        resumable("every finished image is kept", COMMANDS),
        progress_bar("cue conflict", "images", quiet=quiet) as progress,
    ):
        result = make(
            _read_images(shapes),
            _read_images(textures),
            out,
            settings,
            n_workers=_n_workers(workers),
            progress=progress,
        )
    typer.echo(f"{len(result.stimuli):,} images in {out}")
    _refuse_skipped(_report_skipped(result.skipped, []))


def show_stimuli(
    distortion: Annotated[
        str,
        typer.Argument(
            metavar="DISTORTION",
            help="Name of a distortion (see `observers list distortions`), or FILE.py:NAME for your own.",
            autocompletion=complete_distortions,
        ),
    ],
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="PNG or JPEG file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="PNG file for the contact sheet.")] = Path("levels.png"),
    levels: Levels = None,
    seed: Seed = 0,
    size: Size = None,
    option: MethodOption = None,
) -> None:
    """Draw one image at all levels of a distortion.

    The result is a contact sheet with one labeled panel per condition, as one PNG file.

    \b
    Example:
      observers show-stimuli eidolonII photos/cat/cat1.png --size 224
    """
    from stimuli.build.distorted_set import DistortionSettings
    from stimuli.build.sheet import draw_levels
    from stimuli.images import save_image

    if out.suffix.lower() != ".png" or out.is_dir() or resolve(out) == resolve(image):
        raise typer.BadParameter(f"--out must name a PNG file other than the image, got {out}")
    conditions = [level.strip() for level in levels.split(",")] if levels is not None else ()
    save_image(draw_levels(DistortionSettings(distortion, key_values(option), seed, size), image, conditions), out)
    typer.echo(out)


def _read_images(folder: Path) -> "StimulusSet":
    """Return the images in a folder, including unusable ones, which are reported as skipped, and print notes about it."""
    from stimuli.folder import read_folder

    images = read_folder(folder, keep_unusable=True)
    for note in images.notes:
        to_stderr(f"note: {note}")
    return images


def _n_workers(n: int | None) -> int:
    """Return the number of worker processes, by default one per processor core."""
    return n or os.cpu_count() or 1


def _refuse_out_inside_sources(out: Path, *sources: Path) -> None:
    """Raise StimulusError if `out` is inside a source folder, because its images would be read as source images."""
    for source in sources:
        if resolve(out).is_relative_to(resolve(source)):
            raise StimulusError(
                f"{out} is inside {source}, which contains the source images: choose a folder outside of {source}"
            )


def _report_skipped(reasons: Mapping[str, str], reported: list[str]) -> list[str]:
    """Print the reasons for skipped images that are not in `reported`, and return all reasons that were printed so far."""
    new = [reason for reason in dict.fromkeys(reasons.values()) if reason not in reported]
    for reason in new:
        to_stderr(f"skipped: {reason}")
    return reported + new


def _refuse_skipped(reasons: list[str]) -> None:
    """Raise StimulusError if any image was skipped."""
    if reasons:
        raise StimulusError(
            "not every image was made: repair or remove the files named above and run the same command again, or use the "
            "images that were made"
        )
