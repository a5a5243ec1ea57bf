"""The pages themselves: templates, styles and scripts from `page/`, filled and written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.figures import style
from analysis.report.parts import Part, Table
from analysis.report.provenance import version_of_observers
from analysis.report.scripts import LETTERS, as_json
from analysis.tables import cell
from stimuli.datasets import DATASETS

PAGE = Path(__file__).parent / "page"
SCRIPTS = (
    "data.js", "svg.js", "tables.js", "matrix.js", "curves.js", "shape-bias.js", "plots.js", "answers.js", "trials.js",
)  # fmt: skip
GLYPHS = {"D": "◆", "^": "▲", "v": "▼", "o": "●", "s": "■"}  # of matplotlib's markers
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
N_OPEN = 14  # rows of a table that is not folded at first


@frozen
class Section:
    """One dataset on the page."""

    dataset: str
    anchor: str
    summary: str
    parts: tuple[Part, ...]


def write_pages(
    out: Path, *, title: str, notes: Sequence[str], published: str, overview: Sequence[Mapping[str, Any]],
    parts: Sequence[Part], n_trials: int, n_logs: int, sections: Sequence[Section], n_averaged: int, bootstrap: str,
    browsed: Sequence[Mapping[str, Any]], credits: Mapping[str, str], provenance: Table, environments: Sequence[str],
) -> None:  # fmt: skip
    """Write index.html, trials.html and assets/."""
    assets = out / "assets"
    assets.mkdir(parents=True, exist_ok=True)
    for name in SCRIPTS:
        (assets / name).write_bytes((PAGE / name).read_bytes())
    (assets / "report.css").write_text((PAGE / "report.css").read_text("utf-8") + _colors(), "utf-8", newline="\n")
    looks = {kind: {"label": look.label, "glyph": GLYPHS[look.marker]} for kind, look in style.KIND_STYLES.items()}
    colors = {kind: look.color for kind, look in style.KIND_STYLES.items()}
    index = {
        "letters": LETTERS,
        "datasets": list(browsed),
        "looks": {kind: look | {"color": colors[kind]} for kind, look in looks.items()},
    }
    (assets / "index.js").write_text(f"report.index={as_json(index)};\n", "utf-8", newline="\n")
    files = {
        folder: sorted(path.name for path in (out / folder).glob("*.csv")) for folder in ("tables", "figures")
    }  # fmt: skip
    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = cell
    environment.filters["full"] = _full
    everything = {
        "title": title, "notes": notes, "published": published, "overview": overview, "parts": parts, "n_trials": n_trials,
        "n_logs": n_logs, "sections": sections, "n_averaged": n_averaged, "bootstrap": bootstrap, "browsed": browsed,
        "credits": credits, "provenance": provenance, "environments": environments,
        "looks": looks, "policy": POLICY, "version": version_of_observers(),
        "files": files, "n_open": N_OPEN, "n_published": len(DATASETS), "scripts": SCRIPTS,
    }  # fmt: skip
    for page in ("index.html", "trials.html"):
        html = environment.get_template(page).render(page=page, **everything)
        (out / page).write_text(html, "utf-8", newline="\n")


def _colors() -> str:
    """The color and the mark of every kind, from the figures' own table."""
    rules = [
        f".kind-{kind} {{ --ink: {look.ink}; --mark: \"{GLYPHS[look.marker]}\"; }}\n" for kind, look in style.KIND_STYLES.items()
    ]  # fmt: skip
    return "".join(rules)


def _full(value: object) -> str:
    """What a column is sorted by: a number in full, "" for an undefined one and for text, which is sorted as it stands."""
    return str(float(value)) if isinstance(value, int | float) and value == value else ""
