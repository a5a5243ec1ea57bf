"""`observers make-stimuli`, `make-cue-conflict`, `show-stimuli`: new stimuli from images. Nothing heavy at the top."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from stimuli.errors import StimulusError
from stimuli.resuming import resumable

COMMANDS = ("make-stimuli", "make-cue-conflict")
Source = Annotated[Path, typer.Argument(help="A folder a category, or a stimuli.csv.")]
Option = Annotated[
    list[str] | None, typer.Option("-o", metavar="KEY=VALUE", help="An option of the distortion or method.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; else one a core.")]
Seed = Annotated[int, typer.Option(min=0, help="Of all that is random.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
Levels = Annotated[str | None, typer.Option(help="Conditions, such as c50,c10; else the published ones.")]
Size = Annotated[int | None, typer.Option(min=1, help="Pixels a side of the middle square; else as it is.")]


def make_stimuli(
    distortion: Annotated[str, typer.Argument(help="A name of `list distortions`, mine.py:NAME, or published-12.")],
    source: Source,
    out: Annotated[Path, typer.Argument(help="Folder for the set; a set a folder for published-12.")],
    levels: Levels = None,
    crossed: Annotated[bool, typer.Option("--crossed", help="Every image at every level, not at one.")] = False,
    seed: Seed = 0,
    size: Size = None,
    truncate: Annotated[bool, typer.Option("--truncate", help="Cut 255 x off as published, do not round.")] = False,
    workers: Workers = None,
    option: Option = None,
    quiet: Quiet = False,
) -> None:
    """Distort images into a set of stimuli.

    PNGs and a stimuli.csv, which run-experiment takes as they are. The same command goes on where it was stopped.
    """
    from stimuli.distorted_set import DistortionSettings, make, order
    from stimuli.folder import read_folder
    from stimuli.progress import progress_bar

    _outside(out, source)
    images = read_folder(source)
    sets = _published_12(out, images.name, levels, option) if distortion == "published-12" else None
    conditions = [level.strip() for level in levels.split(",")] if levels is not None else ()
    orders = [
        order(DistortionSettings(name, options, seed, size, truncate), images, folder, conditions, crossed=crossed)
        for name, folder, options in sets or [(distortion, out, key_values(option))]
    ]
    said: list[str] = []
    with resumable("what is made is kept", COMMANDS):
        for one in orders:
            with progress_bar(one.distortion.name, "images", quiet=quiet) as progress:
                made = make(one, workers=_workers(workers), progress=progress)
            basis = f", by {one.distortion.basis}" if one.distortion.basis else ""
            typer.echo(f"{one.distortion.name}: {len(made.stimuli):,} images in {one.out}{basis}")
            shown = {s.condition for s in made.stimuli}
            if not shown.issuperset(one.conditions):
                typer.echo(
                    f"note: no image was left for {', '.join(c for c in one.conditions if c not in shown)}; --crossed shows "
                    f"every image at every level",
                    err=True,
                )
            said = _say(made.left_out, said)
    _refuse(said)


def _published_12(
    out: Path, source: str, levels: str | None, option: list[str] | None
) -> list[tuple[str, Path, dict[str, str]]]:
    """Name, folder and options of every set: an option goes to those that have it. Raises BadParameter."""
    from stimuli.levels import PUBLISHED_12, options_of_distortion

    if levels is not None:
        raise typer.BadParameter("published-12 is made at its published levels")
    given = key_values(option)
    has = {name: options_of_distortion(name) for name in PUBLISHED_12}
    nobodys = next((key for key in given if not any(key in options for options in has.values())), None)
    if nobodys is not None:
        every = sorted({key for options in has.values() for key in options})
        raise typer.BadParameter(f"none of the twelve has the option {nobodys!r}; they have {', '.join(every)}")
    return [
        (name, out / f"{source}-{name}", {key: value for key, value in given.items() if key in has[name]})
        for name in has
    ]


def make_cue_conflict(
    shapes: Annotated[Path, typer.Argument(help="Objects on plain backgrounds, a folder a category.")],
    textures: Annotated[Path, typer.Argument(help="Textures, a folder a category.")],
    out: Annotated[Path, typer.Argument(help="Folder for the set.")],
    method: Annotated[
        str, typer.Option(help="filled, plenoptic, or mine.py:NAME, (shape, texture, rng) -> image.")
    ] = "filled",
    per_pair: Annotated[int, typer.Option(min=1, help="Images for two categories.")] = 5,
    conflicting: Annotated[bool, typer.Option("--conflicting", help="No images of one category with itself.")] = False,
    seed: Seed = 0,
    size: Annotated[int, typer.Option(min=1, help="Pixels a side.")] = 224,
    zoom: Annotated[float, typer.Option(help="Shorter side of a texture's image, in sides of the result.")] = 1.0,
    workers: Workers = None,
    option: Option = None,
    quiet: Quiet = False,
) -> None:
    """Make images with the shape of one category and the texture of another.

    By default textures in silhouettes, as the filled silhouettes of Geirhos et al. (2019). The same command goes on where it
    was stopped.
    """
    from stimuli.cue_conflict import CueConflictSettings
    from stimuli.cue_conflict import make_cue_conflict as make
    from stimuli.folder import read_folder
    from stimuli.progress import progress_bar

    _outside(out, shapes, textures)
    mix = CueConflictSettings(method, key_values(option), per_pair, conflicting, seed, size, zoom)
    with (
        resumable("what is made is kept", COMMANDS),
        progress_bar("cue conflict", "images", quiet=quiet) as progress,
    ):
        made = make(read_folder(shapes), read_folder(textures), out, mix, workers=_workers(workers), progress=progress)
    typer.echo(f"{len(made.stimuli):,} images in {out}")
    _refuse(_say(made.left_out, []))


def show_stimuli(
    distortion: Annotated[str, typer.Argument(help="A name of `list distortions`, or mine.py:NAME.")],
    image: Annotated[Path, typer.Argument(help="A PNG or JPEG.")],
    out: Annotated[Path, typer.Option(help="The picture.")] = Path("levels.png"),
    levels: Levels = None,
    seed: Seed = 0,
    size: Size = None,
    option: Option = None,
) -> None:
    """Draw an image at all levels of a distortion.

    Side by side, named, as a PNG: the picture a methods section needs.
    """
    from stimuli.distorted_set import DistortionSettings
    from stimuli.images import save_image
    from stimuli.sheet import show

    if out.suffix.lower() != ".png" or out.is_dir() or out.resolve() == image.resolve():
        raise typer.BadParameter(f"--out names the PNG to be written, got {out}")
    conditions = [level.strip() for level in levels.split(",")] if levels is not None else ()
    save_image(show(DistortionSettings(distortion, key_values(option), seed, size), image, conditions), out)
    typer.echo(out)


def key_values(given: list[str] | None) -> dict[str, str]:
    """What -o was given. Raises BadParameter."""
    found = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals or key in found:
            raise typer.BadParameter(f"-o takes key=value, {'each key once, ' if equals else ''}got {text!r}")
        found[key] = value
    return found


def numbers(given: str, option: str) -> tuple[float, ...]:
    """0.3,0.5 as (0.3, 0.5). Raises BadParameter."""
    try:
        return tuple(float(part) for part in given.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"expected numbers with commas, such as 0.3,0.5, got {given!r}", param_hint=option
        ) from None


def _workers(said: int | None) -> int:
    return said or os.cpu_count() or 1


def _outside(out: Path, *sources: Path) -> None:
    """Raises StimulusError where the set would be taken for images that it is made of."""
    for source in sources:
        if out.resolve().is_relative_to(source.resolve()):
            raise StimulusError(f"{out} lies in {source}, of which it is to be made: name a folder outside of it")


def _say(left_out: Mapping[str, str], said: list[str]) -> list[str]:
    """Why something was left out, if it was not said before; all that is said by now."""
    new = [sentence for sentence in dict.fromkeys(left_out.values()) if sentence not in said]
    for sentence in new:
        typer.echo(f"left out: {sentence}", err=True)
    return said + new


def _refuse(said: list[str]) -> None:
    """Raises StimulusError if something was left out."""
    if said:
        raise StimulusError(
            "not every image was made: mend or remove what is named above and run the same command again, or use the rest"
        )
