"""The color and the marker of every kind of observer, and of observers and groups with a color of their own.

`showing` sets the appearance of the observers of a frame (see `analysis.io.appearance`) for the figures and pages that are
made inside a `with` block.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import pandas as pd
from attrs import evolve, frozen
from matplotlib.colors import to_hex, to_rgb

from analysis.io.appearance import USUAL, Appearance, appearance_of
from core.kinds import KINDS, Kind

MIXED = "mixed"  # in tables of groups, the kind of a group with observers of several kinds
MIN_CONTRAST = 4.5  # of text on white, as in the Web Content Accessibility Guidelines
_shown: ContextVar[Appearance] = ContextVar("appearance", default=USUAL)


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
MIXED_STYLE = KindStyle("#3B8A5A", "#2E6B46", "h", "⬢", "several kinds")


@contextmanager
def showing(frame: pd.DataFrame | Appearance) -> Iterator[None]:
    """Draw observers with the colors and in the order that are stored in a frame, inside a `with` block."""
    token = _shown.set(frame if isinstance(frame, Appearance) else appearance_of(frame))
    try:
        yield
    finally:
        _shown.reset(token)


def shown_appearance() -> Appearance:
    """Return the appearance that `showing` has set."""
    return _shown.get()


def kind_style(kind: str) -> KindStyle:
    """Return the style of a kind, or of groups with observers of several kinds."""
    return KIND_STYLES.get(kind, MIXED_STYLE)


def style_of(observer: str, kind: str) -> KindStyle:
    """Return the style of an observer or group: that of its kind, with the observer's own color if it has one."""
    color = _shown.get().colors.get(observer)
    return kind_style(kind) if color is None else evolve(kind_style(kind), color=color, text_color=darken(color))


def darken(color: str) -> str:
    """Return a color that is dark enough for text on white, with the same hue."""
    red, green, blue = to_rgb(color)
    while _contrast(red, green, blue) < MIN_CONTRAST:
        red, green, blue = 0.95 * red, 0.95 * green, 0.95 * blue
    return to_hex((red, green, blue))


def _contrast(*rgb: float) -> float:
    """Return the contrast ratio of a color with white, between 1 and 21."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in rgb]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def sort_rows(table: pd.DataFrame, by: str, *, ascending: bool = False) -> pd.DataFrame:
    """Return the rows of a table in the order that the user chose for the observers, or else sorted by a column."""
    appearance = _shown.get()
    if not appearance.is_chosen:
        return table.sort_values(by, ascending=ascending, kind="stable")
    ranks = appearance.ranks()
    return table.sort_values("observer", key=lambda names: names.map(ranks).fillna(len(ranks)), kind="stable")


def style_name(observer: str, kind: str) -> str:
    """Return the name of the style of an observer on a web page: its kind, followed by its own color if it has one."""
    color = _shown.get().colors.get(observer)
    return kind if color is None else f"{kind}-{color.removeprefix('#')}"
