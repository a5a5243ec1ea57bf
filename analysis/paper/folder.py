"""Figures into a folder: PDF, SVG, PNG, the numbers as CSV, the caption as text, and figures.md with all of them.

`made.txt` lists what was made. A figure that is made again replaces its own files; a file of that name that is not listed
there is somebody else's and is refused before anything is written. Figures that are not made again stay.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.paper.figure_inputs import FigureInputs, PaperFigure
from analysis.paper.figures import FIGURES, make
from analysis.tables import to_csv
from experiments.log import file_name
from stimuli.errors import LogError

MADE, INDEX = "made.txt", "figures.md"
SUFFIXES = (*style.FORMATS, "csv", "txt")
_STEM = re.compile(r"figure-(\d\d)[A-Za-z0-9._-]*")


@frozen
class WrittenFigure:
    """One figure in the folder, or what is missing for it."""

    number: int
    stem: str  # "" where it could not be drawn
    said: str  # its caption, or the sentence


def write_figures(material: FigureInputs, out: Path, numbers: Sequence[int] = ()) -> Iterator[WrittenFigure]:
    """Make and write figures one by one, all of FIGURES unless told which.

    Raises UnknownName for a number that is none, LogError where a file would be overwritten that is not of a former run.
    """
    out = Path(out)
    listed = out / MADE
    former = listed.read_text("utf-8", errors="replace").splitlines() if listed.is_file() else []
    for number in dict.fromkeys(numbers or FIGURES):
        taken: list[str] = []
        for made in make(material, number):
            if isinstance(made, str):
                yield WrittenFigure(number, "", made)
                continue
            stem = _stem(made, taken)
            taken.append(stem.casefold())
            files = [f"{stem}.{suffix}" for suffix in SUFFIXES]
            _refuse_others(out, [*files, INDEX, MADE] if not former else files, former)
            _write(made, out / stem)
            former = list(dict.fromkeys([*former, *files, INDEX]))
            listed.write_text("".join(f"{name}\n" for name in former), "utf-8", newline="\n")
            (out / INDEX).write_text(_index(out, former), "utf-8", newline="\n")
            yield WrittenFigure(number, stem, made.caption)


def _stem(made: PaperFigure, taken: Sequence[str]) -> str:
    """No two the same even where case does not count."""
    first = f"figure-{made.number:02d}" + (f"_{file_name(made.dataset)}" if made.dataset else "")
    stem, n = first, 1
    while stem.casefold() in taken:
        n += 1
        stem = f"{first}-{n}"
    return stem


def _refuse_others(out: Path, files: Sequence[str], former: Sequence[str]) -> None:
    for name in files:
        if (out / name).exists() and name not in former:
            raise LogError(f"{out / name} is there and was not made by this command: give another --out, or remove it")


def _write(made: PaperFigure, stem: Path) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    with style.publication():
        style.save(made.draw(Figure()), stem)
    to_csv(made.data, stem.with_name(f"{stem.name}.csv"))
    stem.with_name(f"{stem.name}.txt").write_text(f"{made.caption}\n", "utf-8", newline="\n")


def _index(out: Path, files: Sequence[str]) -> str:
    """A section a figure, in the order of the paper."""
    stems = sorted({name.removesuffix(".txt") for name in files if name.endswith(".txt") and _STEM.fullmatch(name)})
    parts = [
        "# Figures\n\nNumbers are those of Jaini et al. (2024). Beside each: PDF, SVG, PNG and the numbers as CSV.\n"
    ]
    for stem in stems:
        number, _, dataset = stem.removeprefix("figure-").partition("_")
        caption = (out / f"{stem}.txt").read_text("utf-8").strip() if (out / f"{stem}.txt").is_file() else ""
        title = f"Figure {int(number[:2])}" + (f": {dataset}" if dataset else "")
        parts.append(f"## {title}\n\n![{title}]({stem}.png)\n\n{caption}\n")
    return "\n".join(parts)
