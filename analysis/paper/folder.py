"""Writes figures into a folder as PDF, SVG and PNG, with the numbers as CSV and the caption as text.

`figures.md` shows all figures of the folder, and `made.txt` lists the files that were written. When figures are made
again, their files are replaced and all other files stay. If a file that is not in the list would be overwritten, an
error is raised before anything is written, because this program did not write that file.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.io.tables import to_csv
from analysis.paper.figure_inputs import FigureInputs, PaperFigure
from analysis.paper.figures import FIGURES, make
from analysis.paper.matrices import MATRICES
from core.atomic import write_atomically
from core.errors import LogError
from core.progress import Progress
from experiments.log import file_name

FILE_LIST, INDEX = "made.txt", "figures.md"
SUFFIXES = (*style.FORMATS, "csv", "txt")
_STEM = re.compile(r"figure-(\d\d)[A-Za-z0-9._-]*")


@frozen
class WrittenFigure:
    """A figure that was written into the folder, or a message about a part that could not be drawn.

    Attributes:
        number: The number of the figure in the paper.
        stem: The name of its files without their suffix, or "" if `text` is a message.
        text: The caption of the figure, or the message.
    """

    number: int
    stem: str
    text: str


def write_figures(
    inputs: FigureInputs, out: Path, numbers: Sequence[int] = (), update: Progress = lambda done, total: None
) -> Iterator[WrittenFigure]:
    """Make figures and write them into a folder one by one.

    Args:
        inputs: The trials and settings.
        out: The folder, which is created if necessary.
        numbers: Numbers of figures in the paper. If empty, all figures in FIGURES are made.
        update: Function that is called with the number of figures that are done and with their total.

    Returns:
        An iterator over the figures and messages. Each figure is written when the iterator reaches it.

    Raises:
        UnknownName: If a number is not in FIGURES.
        LogError: If a file that an earlier run did not write would be overwritten.
    """
    out = Path(out)
    list_path = out / FILE_LIST
    earlier_files = list_path.read_text("utf-8", errors="replace").splitlines() if list_path.is_file() else []
    requested = list(dict.fromkeys(numbers or FIGURES))
    for n_done, number in enumerate(requested):
        update(n_done, len(requested))
        used_stems: list[str] = []
        for result in make(inputs, number):
            if isinstance(result, str):
                yield WrittenFigure(number, "", result)
                continue
            stem = _choose_stem(result, used_stems)
            used_stems.append(stem.casefold())
            files = [f"{stem}.{suffix}" for suffix in SUFFIXES]
            _refuse_overwriting(out, [*files, INDEX, FILE_LIST] if not earlier_files else files, earlier_files)
            earlier_files = list(dict.fromkeys([*earlier_files, *files, INDEX]))
            # The list comes first, so that an interrupted command can be repeated.
            write_atomically(list_path, "".join(f"{name}\n" for name in earlier_files).encode())
            with style.showing(inputs.appearance(of_observers=number in MATRICES)):
                _write_files(result, out / stem)
            write_atomically(out / INDEX, _index(out, earlier_files).encode())
            yield WrittenFigure(number, stem, result.caption)
    update(len(requested), len(requested))


def _choose_stem(figure: PaperFigure, used_stems: Sequence[str]) -> str:
    """Return a stem that differs from the used ones even on file systems that ignore case."""
    first = f"figure-{figure.number:02d}" + (f"_{file_name(figure.dataset)}" if figure.dataset else "")
    stem, n = first, 1
    while stem.casefold() in used_stems:
        n += 1
        stem = f"{first}-{n}"
    return stem


def _refuse_overwriting(out: Path, files: Sequence[str], earlier_files: Sequence[str]) -> None:
    for name in files:
        if (out / name).exists() and name not in earlier_files:
            raise LogError(
                f"{out / name} already exists and was not made by this command: choose another --out, or remove the "
                "file"
            )


def _write_files(figure: PaperFigure, stem: Path) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    with style.publication():
        style.save(figure.draw(Figure()), stem)
    to_csv(figure.data, stem.with_name(f"{stem.name}.csv"))
    write_atomically(stem.with_name(f"{stem.name}.txt"), f"{figure.caption}\n".encode())


def _index(out: Path, files: Sequence[str]) -> str:
    """Return the text of figures.md, with one section for each figure in the order of the paper."""
    stems = sorted({name.removesuffix(".txt") for name in files if name.endswith(".txt") and _STEM.fullmatch(name)})
    parts = [
        "# Figures\n\nThe numbers are those of Jaini et al. (2024). Each figure is also available as PDF, SVG and "
        "PNG, and its numbers are available as CSV.\n"
    ]
    for stem in stems:
        number, _, dataset = stem.removeprefix("figure-").partition("_")
        caption = (out / f"{stem}.txt").read_text("utf-8").strip() if (out / f"{stem}.txt").is_file() else ""
        title = f"Figure {int(number[:2])}" + (f": {dataset}" if dataset else "")
        parts.append(f"## {title}\n\n![{title}]({stem}.png)\n\n{caption}\n")
    return "\n".join(parts)
