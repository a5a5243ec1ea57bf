"""How figures look, and how they are written: one color and marker a kind, settings for print, files that are reproducible.

Color and marker say the kind (Geirhos et al. 2021; they survive color blindness and gray), the filling of the marker says
which observer of it. A kind with more than N_NAMED observers has one entry in the legend and all its markers alike.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import matplotlib
import pandas as pd
from attrs import frozen
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.transforms import Affine2DBase, ScaledTranslation, Transform, blended_transform_factory

from analysis.accuracy import PEOPLE
from analysis.benchmark import HUMANS, STAND_INS

N_NAMED = 6
MAX_NAME = 34  # characters
FORMATS = ("pdf", "svg", "png")
CHANCE = "#666666"
GRID = "#E4E4E4"
UNCOUNTED = "#8C8C8C"  # a condition that is left out of averages
TOGETHER = (HUMANS, PEOPLE, STAND_INS)  # rows that stand for several people
RC: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text, for search and for editing
    "svg.hashsalt": "observers",  # the same figure is the same file
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a name with two dollars in it is no formula
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.05,
    "savefig.dpi": 200,
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.0,
    "lines.markersize": 5.0,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
}
_METADATA: Mapping[str, Mapping[str, None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


@frozen
class KindStyle:
    color: str
    ink: str  # the same hue, dark enough for text on white
    marker: str
    label: str  # several observers of the kind
    fills: tuple[str, ...] = ("full", "none", "left", "right", "bottom", "top")


KIND_STYLES: Mapping[str, KindStyle] = {
    "human": KindStyle("#A51E37", "#A51E37", "D", "people"),
    "generative": KindStyle("#0069AA", "#0069AA", "^", "generative"),
    "contrastive": KindStyle("#D29600", "#8A6200", "v", "contrastive"),
    "discriminative": KindStyle("#969696", "#6A6A6A", "o", "discriminative"),
    "simulated": KindStyle("#222222", "#222222", "s", "simulated", ("none", "full", "left", "right", "bottom", "top")),
}


@frozen
class ObserverStyle:
    """How one observer is drawn. `legend` is empty where an earlier observer of its kind stands for it."""

    look: KindStyle
    fill: str
    legend: str
    gathered: bool

    def line(self) -> dict[str, Any]:
        """Keywords of `Axes.plot` and `Axes.errorbar`, line included."""
        is_open = self.fill == "none"  # filled with white, so that no line shows through
        return {
            "color": self.look.color, "marker": self.look.marker, "markeredgewidth": 0.9,
            "fillstyle": "full" if is_open else self.fill, "markerfacecolor": "white" if is_open else self.look.color,
            "markerfacecoloralt": "white", "alpha": 0.45 if self.gathered else 1.0, "zorder": 2.0 if self.gathered else 3.0,
        }  # fmt: skip


def named(observer: str, kind: str) -> str:
    """An observer's name as figures show it: simulated ones are always called so."""
    return f"{observer} (simulated)" if kind == "simulated" and observer != STAND_INS else observer


def short_names(observers: Sequence[str], kinds: Mapping[str, str]) -> list[str]:
    """Names as figures show them: long ones without their middle, unless that would make two of them the same.

    Where they are endless, more than three times too long, they are cut all the same.
    """
    full = [named(name, kinds[name]) for name in observers]
    half = MAX_NAME // 2
    short = [name if len(name) <= MAX_NAME else f"{name[:half]}…{name[-half:]}" for name in full]
    return [s if short.count(s) == 1 or len(f) > 3 * MAX_NAME else f for s, f in zip(short, full, strict=True)]


def marks(table: pd.DataFrame) -> dict[str, ObserverStyle]:
    """Observer -> Mark for a table with `observer` and `kind`, kind by kind and within a kind in the table's order."""
    observers = table[["observer", "kind"]].drop_duplicates("observer")
    out: dict[str, ObserverStyle] = {}
    for kind, look in KIND_STYLES.items():
        names = list(observers.loc[observers["kind"] == kind, "observer"])
        gathered = len(names) > N_NAMED
        for i, (name, short) in enumerate(zip(names, short_names(names, dict.fromkeys(names, kind)), strict=True)):
            legend = f"{look.label} (n = {len(names)})" if gathered else short
            fill = look.fills[0 if gathered else i]
            out[name] = ObserverStyle(look, fill, "" if gathered and i else legend, gathered)
    return out


def legend(ax: Axes, drawn: Mapping[str, ObserverStyle], *, linestyle: Literal["-", "none"] = "none") -> None:
    """A legend to the right of the axes, one entry for every Mark that has a text."""
    entries = [mark for mark in drawn.values() if mark.legend]
    handles = [Line2D([], [], linestyle=linestyle, **mark.line() | {"alpha": 1.0}) for mark in entries]
    box = ax.legend(handles, [""] * len(handles), loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)
    for text, mark in zip(box.get_texts(), entries, strict=True):
        text.set_text(mark.legend)  # set afterwards, since a label that begins with _ would be left out


def row_height(n_rows: int) -> float:
    """Inches of a row that names an observer."""
    return 0.19 if n_rows <= 20 else 0.14


def name_rows(ax: Axes, table: pd.DataFrame, behind: Sequence[str] = ()) -> None:
    """Name the rows 0, 1, … of the axes after the observers of a table, each with the marker and color of its kind.

    `behind` are words behind the names.
    """
    kinds = dict(zip(table["observer"], table["kind"], strict=True))
    names = short_names(list(table["observer"]), kinds)
    names = [f"{name} {more}".strip() for name, more in zip(names, behind or [""] * len(names), strict=True)]
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0, pad=9, labelsize=8 if len(names) <= 20 else 6.5)
    for label, kind in zip(ax.get_yticklabels(), table["kind"], strict=True):
        label.set_color(KIND_STYLES[kind].ink)
    kind_markers(ax, list(table["kind"]))


def kind_markers(ax: Axes, kinds: Sequence[str]) -> None:
    """The marker of a kind before each of the rows 0, 1, …: left of the axes, where tick labels leave 9 points."""
    for i, kind in enumerate(kinds):
        look = KIND_STYLES[kind]
        ax.plot([-5 / 72], [i], marker=look.marker, color=look.color, markerfacecolor=_face(look), markersize=4,
                clip_on=False, scalex=False, scaley=False, transform=_beside(ax))  # fmt: skip


def kind_handle(look: KindStyle) -> Line2D:
    """For a legend."""
    return Line2D(
        [], [], linestyle="none", marker=look.marker, color=look.color, label=look.label, markerfacecolor=_face(look)
    )


def _face(look: KindStyle) -> str:
    return "white" if look.fills[0] == "none" else look.color


def _beside(ax: Axes) -> Transform:
    """x in inches from the left edge of the axes, y in data."""
    offset = ScaledTranslation(0, 0, cast(Affine2DBase, ax.transAxes))
    return blended_transform_factory(ax.figure.dpi_scale_trans + offset, ax.transData)


def kinds_legend(figure: Figure, table: pd.DataFrame) -> None:
    """Above the figure, the kinds of a table and their markers."""
    handles = [kind_handle(look) for kind, look in KIND_STYLES.items() if (table["kind"] == kind).any()]
    _above(figure, handles, len(handles))


def figure_legend(figure: Figure, drawn: Mapping[str, ObserverStyle], n_columns: int) -> None:
    """Above the figure, one entry for every Mark that has a text."""
    entries = [mark for mark in drawn.values() if mark.legend]
    handles = [Line2D([], [], linestyle="-", **mark.line() | {"alpha": 1.0}) for mark in entries]
    box = _above(figure, handles, n_columns)
    for text, mark in zip(box.get_texts(), entries, strict=True):
        text.set_text(mark.legend)


def _above(figure: Figure, handles: Sequence[Line2D], n_columns: int) -> Legend:
    labels = [str(handle.get_label()) if not str(handle.get_label()).startswith("_") else "" for handle in handles]
    if figure.get_layout_engine() is not None:  # leaves room for it
        return figure.legend(handles, labels, loc="outside upper left", ncols=n_columns)
    ax = figure.axes[0]
    return ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=n_columns)


@contextmanager
def publication() -> Iterator[None]:
    """Within it, figures are made and saved with RC. Letters that the font lacks are for `lacks_letters` to tell."""
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield


def lacks_letters(text: str) -> bool:
    """Has the text a letter that the figures' font has not, so that PDF and PNG show a box for it?"""
    known = get_font(findfont(FontProperties())).get_charmap()
    return any(ord(letter) not in known for letter in text)


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write `<stem>.pdf`, `.svg` and `.png` without dates, so that the same figure gives the same bytes."""
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in FORMATS]
    for path, suffix in zip(paths, FORMATS, strict=True):
        figure.savefig(path, format=suffix, metadata=dict(_METADATA[suffix]))
    return paths
