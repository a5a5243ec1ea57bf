"""The appearance of all figures and how they are saved: colors, markers, legends, print settings, reproducible files.

The color and marker show the kind of an observer, as in Geirhos et al. (2021); they remain distinguishable with color
blindness and in grayscale. The fill of the marker distinguishes observers of one kind. A kind with more than MAX_NAMED
observers is grouped: all its markers look alike and the legend has one entry for the kind. Figures of more than MAX_SHOWN
observers do not show their names, and have a fixed size.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, cast

import matplotlib
import pandas as pd
from attrs import evolve, frozen
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.transforms import Affine2DBase, ScaledTranslation, Transform, blended_transform_factory

from analysis.benchmark.benchmark import HUMANS, SIMULATED_PEOPLE
from analysis.measures.accuracy import PEOPLE
from core.kinds import KINDS, Kind

MAX_NAMED = 6  # largest number of observers of one kind that the legend lists one by one
MAX_SHOWN = 150  # if there are more observers, figures show the kinds of observer, or markers without names
MAX_NAME_LENGTH = 34  # characters
FORMATS = ("pdf", "svg", "png")
CHANCE_COLOR = "#666666"
GRID_COLOR = "#E4E4E4"
EXCLUDED_COLOR = "#8C8C8C"  # color of the labels of conditions that are excluded from averages
POOLED_OBSERVERS = (HUMANS, PEOPLE, SIMULATED_PEOPLE)  # names of rows that combine several people
RC_PARAMS: dict[Any, Any] = {
    "svg.fonttype": "none",  # keeps text searchable and editable
    "svg.hashsalt": "observers",  # makes the bytes of a figure reproducible
    "pdf.fonttype": 42,
    "text.parse_math": False,  # names may contain dollar signs
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
    """The style in which observers of one kind are drawn; `KIND_STYLES` has the style of every kind.

    Attributes:
        color: Color of markers and lines, as a hex string.
        text_color: The same hue, dark enough to be readable as text on white.
        marker: A marker of matplotlib.
        glyph: A character of the same shape, for web pages.
        label: Name of the kind in legends.
        fills: Fill styles of matplotlib markers; successive observers of the kind take successive fills.
    """

    color: str
    text_color: str
    marker: str
    glyph: str
    label: str
    fills: tuple[str, ...] = ("full", "none", "left", "right", "bottom", "top")

    @property
    def face_color(self) -> str:
        """Fill color of the bars and markers that represent the kind, as a hex string or "white"."""
        return "white" if self.fills[0] == "none" else self.color


_STYLES: Mapping[Kind, KindStyle] = {
    "human": KindStyle("#A51E37", "#A51E37", "D", "◆", "people"),
    "generative": KindStyle("#0069AA", "#0069AA", "^", "▲", "generative"),
    "vision-language": KindStyle("#7A4FA3", "#6B4391", "P", "✚", "vision-language"),
    "contrastive": KindStyle("#D29600", "#8A6200", "v", "▼", "contrastive"),
    "discriminative": KindStyle("#969696", "#6A6A6A", "o", "●", "discriminative"),
    "simulated": KindStyle(
        "#222222", "#222222", "s", "■", "simulated", ("none", "full", "left", "right", "bottom", "top")
    ),
}
KIND_STYLES: Mapping[str, KindStyle] = {kind: _STYLES[kind] for kind in KINDS}


@frozen
class ObserverStyle:
    """The style in which one observer is drawn.

    Attributes:
        kind_style: Style of the observer's kind.
        fill: Fill style of the marker.
        legend: Text for the observer in the legend. The text is empty if the observer belongs to a group and another
            observer of the group already has the legend entry.
        is_grouped: Whether all observers of the kind look alike because there are more than MAX_NAMED of them.
    """

    kind_style: KindStyle
    fill: str
    legend: str
    is_grouped: bool

    def plot_options(self) -> dict[str, Any]:
        """Return keyword arguments for `Axes.plot` and `Axes.errorbar`."""
        is_open = self.fill == "none"  # an open marker is filled with white so that no line shows through
        return {
            "color": self.kind_style.color, "marker": self.kind_style.marker, "markeredgewidth": 0.9,
            "fillstyle": "full" if is_open else self.fill,
            "markerfacecolor": "white" if is_open else self.kind_style.color, "markerfacecoloralt": "white",
            "alpha": 0.45 if self.is_grouped else 1.0, "zorder": 2.0 if self.is_grouped else 3.0,
        }  # fmt: skip

    def darker(self) -> "ObserverStyle":
        """Return the same style in the darker color that its kind uses for text."""
        return evolve(self, kind_style=evolve(self.kind_style, color=self.kind_style.text_color))


def display_name(observer: str, kind: str) -> str:
    """Return the name of an observer as figures show it: "(simulated)" follows the name of a simulated observer."""
    return f"{observer} (simulated)" if kind == "simulated" and observer != SIMULATED_PEOPLE else observer


def short_names(observers: Sequence[str], kinds: Mapping[str, str]) -> list[str]:
    """Return the names of observers as figures show them, with long names shortened in the middle.

    A name is not shortened if that would make two names equal, unless it has more than 3 × MAX_NAME_LENGTH characters.

    Args:
        observers: Names of the observers.
        kinds: Maps the name of an observer to its kind.
    """
    full_names = [display_name(name, kinds[name]) for name in observers]
    half = MAX_NAME_LENGTH // 2
    shortened = [name if len(name) <= MAX_NAME_LENGTH else f"{name[:half]}…{name[-half:]}" for name in full_names]
    return [
        short if shortened.count(short) == 1 or len(full) > 3 * MAX_NAME_LENGTH else full
        for short, full in zip(shortened, full_names, strict=True)
    ]


def observer_styles(table: pd.DataFrame) -> dict[str, ObserverStyle]:
    """Return the style of every observer in a table with the columns `observer` and `kind`.

    Kinds are in the order of KIND_STYLES; observers of one kind are in the order of the table.
    """
    observers = table[["observer", "kind"]].drop_duplicates("observer")
    styles: dict[str, ObserverStyle] = {}
    for kind, kind_style in KIND_STYLES.items():
        names = list(observers.loc[observers["kind"] == kind, "observer"])
        is_grouped = len(names) > MAX_NAMED
        for i, (name, short) in enumerate(zip(names, short_names(names, dict.fromkeys(names, kind)), strict=True)):
            legend = f"{kind_style.label} (n = {len(names)})" if is_grouped else short
            fill = kind_style.fills[0 if is_grouped else i]
            styles[name] = ObserverStyle(kind_style, fill, "" if is_grouped and i else legend, is_grouped)
    return styles


def add_legend(ax: Axes, styles: Mapping[str, ObserverStyle], *, linestyle: Literal["-", "none"] = "none") -> None:
    """Add a legend to the right of the axes with one entry for every style that has a legend text."""
    entries = [observer_style for observer_style in styles.values() if observer_style.legend]
    handles = [Line2D([], [], linestyle=linestyle, **entry.plot_options() | {"alpha": 1.0}) for entry in entries]
    box = ax.legend(handles, [""] * len(handles), loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)
    for text, entry in zip(box.get_texts(), entries, strict=True):
        text.set_text(entry.legend)  # matplotlib would omit a label that begins with an underscore


def row_height(n_rows: int) -> float:
    """Return the height in inches of a row that is labeled with the name of an observer."""
    return 0.19 if n_rows <= 20 else 0.14


def label_rows(ax: Axes, table: pd.DataFrame, suffixes: Sequence[str] = ()) -> None:
    """Label the rows 0, 1, … of the axes with the names of observers, in the color and with the marker of their kind.

    Args:
        ax: The axes to label.
        table: Has the columns `observer` and `kind` and one row for each row of the axes.
        suffixes: Texts to append to the names.
    """
    kinds = dict(zip(table["observer"], table["kind"], strict=True))
    names = short_names(list(table["observer"]), kinds)
    names = [f"{name} {suffix}".strip() for name, suffix in zip(names, suffixes or [""] * len(names), strict=True)]
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0, pad=9, labelsize=8 if len(names) <= 20 else 6.5)
    for label, kind in zip(ax.get_yticklabels(), table["kind"], strict=True):
        label.set_color(KIND_STYLES[kind].text_color)
    draw_kind_markers(ax, list(table["kind"]))


def draw_kind_markers(ax: Axes, kinds: Sequence[str]) -> None:
    """Draw the marker of a kind to the left of each of the rows 0, 1, …, between the axes and the tick labels."""
    for i, kind in enumerate(kinds):
        kind_style = KIND_STYLES[kind]
        ax.plot([-5 / 72], [i], marker=kind_style.marker, color=kind_style.color, markerfacecolor=kind_style.face_color,
                markersize=4, clip_on=False, scalex=False, scaley=False, transform=_left_of_axes(ax))  # fmt: skip


def kind_handle(kind_style: KindStyle) -> Line2D:
    """Return a legend handle for a kind."""
    return Line2D(
        [], [], linestyle="none", marker=kind_style.marker, color=kind_style.color, label=kind_style.label,
        markerfacecolor=kind_style.face_color,
    )  # fmt: skip


def _left_of_axes(ax: Axes) -> Transform:
    """Return a transform with x in inches from the left edge of the axes and y in data coordinates."""
    offset = ScaledTranslation(0, 0, cast(Affine2DBase, ax.transAxes))
    return blended_transform_factory(ax.figure.dpi_scale_trans + offset, ax.transData)


def add_kind_legend(figure: Figure, table: pd.DataFrame) -> None:
    """Add a legend above the figure that shows the marker of each kind of observer that occurs in the table."""
    handles = [kind_handle(kind_style) for kind, kind_style in KIND_STYLES.items() if (table["kind"] == kind).any()]
    _legend_above(figure, handles, len(handles))


def add_figure_legend(figure: Figure, styles: Mapping[str, ObserverStyle], n_columns: int) -> None:
    """Add a legend above the figure with one entry for every style that has a legend text."""
    entries = [observer_style for observer_style in styles.values() if observer_style.legend]
    handles = [Line2D([], [], linestyle="-", **entry.plot_options() | {"alpha": 1.0}) for entry in entries]
    box = _legend_above(figure, handles, n_columns)
    for text, entry in zip(box.get_texts(), entries, strict=True):
        text.set_text(entry.legend)


def _legend_above(figure: Figure, handles: Sequence[Line2D], n_columns: int) -> Legend:
    labels = [str(handle.get_label()) if not str(handle.get_label()).startswith("_") else "" for handle in handles]
    if figure.get_layout_engine() is not None:  # the layout engine reserves space for a legend outside the axes
        return figure.legend(handles, labels, loc="outside upper left", ncols=n_columns)
    ax = figure.axes[0]
    return ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=n_columns)


@contextmanager
def publication() -> Iterator[None]:
    """Apply RC_PARAMS, the settings for print, to figures that are created and saved inside a `with` block.

    Warnings about glyphs that the font lacks are suppressed; use `has_missing_glyphs` to detect them.
    """
    with matplotlib.rc_context(RC_PARAMS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield


def has_missing_glyphs(text: str) -> bool:
    """Return whether the font of the figures lacks a character of the text, so that PDF and PNG show a box instead."""
    characters = get_font(findfont(FontProperties())).get_charmap()
    return any(ord(character) not in characters for character in text)


class PrintFigure(Figure):
    """A figure that is saved with the settings for print, and that Jupyter shows as an image.

    A matplotlib figure applies the settings that are in force when it is saved. This class applies RC_PARAMS whenever
    `savefig` is called, and its files contain no dates.
    """

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save the figure as `matplotlib.figure.Figure.savefig` does, with the settings for print."""
        suffix = str(options.get("format") or Path(str(fname)).suffix.removeprefix(".")).lower()
        metadata = dict(_METADATA.get(suffix, {})) | dict(options.pop("metadata", None) or {})
        with publication():
            super().savefig(fname, metadata=metadata or None, **options)

    def _repr_png_(self) -> bytes:
        """Return the image that Jupyter shows."""
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def save(figure: Figure, stem: Path) -> list[Path]:
    """Save a figure as PDF, SVG and PNG.

    The files contain no dates, so that the same figure always gives the same bytes.

    Args:
        figure: The figure to save; it should be created and saved inside `publication`.
        stem: Path of the files without their suffix.

    Returns:
        The paths `<stem>.pdf`, `<stem>.svg` and `<stem>.png`.

    Example:
        ```python
        with style.publication():
            figure = Figure()
            draw_accuracy(accuracy(frame), figure.add_subplot())
            style.save(figure, Path("accuracy"))
        ```
    """
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in FORMATS]
    for path, suffix in zip(paths, FORMATS, strict=True):
        figure.savefig(path, format=suffix, metadata=dict(_METADATA[suffix]))
    return paths
