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
from analysis.figures.kind_styles import KIND_STYLES as KIND_STYLES
from analysis.figures.kind_styles import MIXED as MIXED
from analysis.figures.kind_styles import KindStyle as KindStyle
from analysis.figures.kind_styles import kind_style as kind_style
from analysis.figures.kind_styles import showing as showing
from analysis.figures.kind_styles import shown_appearance as shown_appearance
from analysis.figures.kind_styles import sort_rows as sort_rows
from analysis.figures.kind_styles import style_name as style_name
from analysis.figures.kind_styles import style_of as style_of
from analysis.measures.accuracy import PEOPLE
from core.atomic import write_atomically

MAX_NAMED = 6  # largest number of observers of one kind that the legend lists one by one
MAX_SHOWN = 150  # if there are more observers, figures show the kinds of observer, or markers without names
MAX_LEGEND_COLUMNS = 5  # of a legend above a figure
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

    Kinds are in the order of KIND_STYLES; observers of one kind are in the order of the table. If the user chose an order,
    all observers are in that order. An observer with a color of its own is not grouped with its kind. If more than
    MAX_NAMED observers of one group have the same color, they share a legend entry with the name of the group.
    """
    observers, appearance = table[["observer", "kind"]].drop_duplicates("observer"), shown_appearance()
    styles: dict[str, ObserverStyle] = {}
    for kind in (*KIND_STYLES, MIXED):
        names = list(observers.loc[observers["kind"] == kind, "observer"])
        texts = dict(zip(names, short_names(names, dict.fromkeys(names, kind)), strict=True))
        members: dict[tuple[str, str], list[str]] = {}
        for name in names:
            color = appearance.colors.get(name, "")
            members.setdefault((color, appearance.groups.get(name, "") if color else ""), []).append(name)
        n_of_color: dict[str, int] = {}
        for (color, group), of_color in members.items():
            own, label = style_of(of_color[0], kind), group if color else kind_style(kind).label
            is_grouped = len(of_color) > MAX_NAMED and bool(label)
            for i, name in enumerate(of_color):
                legend = f"{label} (n = {len(of_color)})" if is_grouped else texts[name]
                fill = own.fills[0 if is_grouped else n_of_color.get(color, 0) % len(own.fills)]
                n_of_color[color] = n_of_color.get(color, 0) + 1
                styles[name] = ObserverStyle(own, fill, "" if is_grouped and i else legend, is_grouped)
    if not appearance.is_chosen:
        return styles
    ranks = appearance.ranks()  # rows that combine several observers do not have a rank and come first
    return {name: styles[name] for name in sorted(styles, key=lambda name: ranks.get(name, -1))}


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
    styles = [style_of(*pair) for pair in zip(table["observer"], table["kind"], strict=True)]
    for label, of_row in zip(ax.get_yticklabels(), styles, strict=True):
        label.set_color(of_row.text_color)
    draw_kind_markers(ax, styles)


def draw_kind_markers(ax: Axes, styles: Sequence[KindStyle]) -> None:
    """Draw a marker to the left of each of the rows 0, 1, …, between the axes and the tick labels."""
    for i, of_row in enumerate(styles):
        ax.plot([-5 / 72], [i], marker=of_row.marker, color=of_row.color, markerfacecolor=of_row.face_color,
                markersize=4, clip_on=False, scalex=False, scaley=False, transform=_left_of_axes(ax))  # fmt: skip


def legend_styles(observers: Sequence[str], kinds: Sequence[str]) -> list[KindStyle]:
    """Return the styles that a legend explains: the kinds, and the groups of observers with colors of their own."""
    appearance = shown_appearance()
    pairs = list(zip(observers, kinds, strict=True))
    usual = {kind for name, kind in pairs if name not in appearance.colors}
    styles = [kind_style(kind) for kind in (*KIND_STYLES, MIXED) if kind in usual]
    groups: dict[str, set[KindStyle]] = {}
    for name, kind in pairs:
        if name in appearance.colors and name in appearance.groups:
            group = appearance.groups[name]
            groups.setdefault(group, set()).add(evolve(style_of(name, kind), label=group))
    # If the observers of a group have different colors, only their names in the figure can explain them.
    return [*styles, *(of_group.pop() for of_group in groups.values() if len(of_group) == 1)]


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
    handles = [kind_handle(shown) for shown in legend_styles(list(table["observer"]), list(table["kind"]))]
    if handles:
        _legend_above(figure, handles, min(len(handles), MAX_LEGEND_COLUMNS))


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
        buffer = BytesIO()  # matplotlib hides errors of the disk behind errors of its own
        figure.savefig(buffer, format=suffix, metadata=dict(_METADATA[suffix]))
        write_atomically(path, buffer.getvalue())
    return paths
