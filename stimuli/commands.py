"""`observers make-stimuli`, `make-cue-conflict`, `show-stimuli`: new stimuli from images. Nothing heavy at the top."""

import os
from pathlib import Path
from typing import Annotated

import typer

from stimuli.errors import StimulusError

Option = Annotated[list[str] | None, typer.Option("-o", metavar="KEY=VALUE", help="An option of the distortion.")]
Seed = Annotated[int, typer.Option(min=0, help="Of all that is random.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
Levels = Annotated[str | None, typer.Option(help="Conditions, such as c50,c10; else the published ones.")]
Size = Annotated[int | None, typer.Option(min=1, help="Pixels a side of the middle square; else as it is.")]


def make_stimuli(
    distortion: Annotated[str, typer.Argument(help="A name of `list distortions`, mine.py:NAME, or published-12.")],
    source: Annotated[Path, typer.Argument(help="A folder a category, or with a stimuli.csv.")],
    out: Annotated[Path, typer.Argument(help="Folder for the set; a set a folder for published-12.")],
    levels: Levels = None,
    crossed: Annotated[bool, typer.Option("--crossed", help="Every image at every level, not at one.")] = False,
    seed: Seed = 0,
    size: Size = None,
    truncate: Annotated[bool, typer.Option("--truncate", help="Cut 255 x off as published, do not round.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; else one a core.")] = None,
    option: Option = None,
    quiet: Quiet = False,
) -> None:
    """Distort images into a set of stimuli.

    PNGs and a stimuli.csv, which run-experiment takes as they are. The same command goes on where it was stopped.
    """
    from stimuli.folder import read_folder
    from stimuli.levels import PUBLISHED_12
    from stimuli.make import Plan, make
    from stimuli.progress import progress_bar

    images = read_folder(source)
    sets = {name: out / f"{images.name}-{name}" for name in PUBLISHED_12} if distortion == "published-12" else {}
    if sets and (levels or option):
        raise typer.BadParameter("published-12 is made at its published levels, without options")
    skipped: tuple[str, ...] = ()
    for name, folder in (sets or {distortion: out}).items():
        plan = Plan(name, key_values(option), seed, size, truncate)
        conditions = levels.split(",") if levels else ()
        with progress_bar(name, "images", quiet=quiet) as progress:
            made = make(
                plan,
                images,
                folder,
                conditions,
                crossed=crossed,
                workers=workers or os.cpu_count() or 1,
                progress=progress,
            )
        typer.echo(f"{name}: {len(made.stimuli):,} images in {folder}")
        skipped += made.skipped
    _say(skipped)


def make_cue_conflict(
    shapes: Annotated[Path, typer.Argument(help="Objects on plain backgrounds, a folder a category.")],
    textures: Annotated[Path, typer.Argument(help="Textures, a folder a category.")],
    out: Annotated[Path, typer.Argument(help="Folder for the set.")],
    method: Annotated[str, typer.Option(help="filled, or mine.py:NAME, (shape, texture, rng) -> image.")] = "filled",
    per_pair: Annotated[int, typer.Option(min=1, help="Images for two categories.")] = 5,
    seed: Seed = 0,
    size: Annotated[int, typer.Option(min=1, help="Pixels a side.")] = 224,
    quiet: Quiet = False,
) -> None:
    """Put textures into the shapes of other categories.

    By default into their silhouettes, as the filled silhouettes of Geirhos et al. (2019).
    """
    from stimuli.cue_conflict import make_cue_conflict as make
    from stimuli.folder import read_folder
    from stimuli.progress import progress_bar

    with progress_bar("cue conflict", "images", quiet=quiet) as progress:
        made, skipped = make(
            read_folder(shapes), read_folder(textures), out, method=method, per_pair=per_pair, seed=seed, size=size,
            progress=progress,
        )  # fmt: skip
    typer.echo(f"{len(made):,} images in {out}")
    _say(skipped)


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
    from stimuli.make import Plan, show

    show(Plan(distortion, key_values(option), seed, size), image, levels.split(",") if levels else ()).save(out)
    typer.echo(out)


def key_values(given: list[str] | None) -> dict[str, str]:
    """What -o was given. Raises BadParameter."""
    found = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"-o takes key=value, got {text!r}")
        found[key] = value
    return found


def _say(skipped: tuple[str, ...]) -> None:
    """What was left out, and that something was by the exit code."""
    for sentence in skipped:
        typer.echo(f"left out: {sentence}", err=True)
    if skipped:
        raise StimulusError(f"{len(skipped)} images were left out; mend or remove them and run the same command again")
