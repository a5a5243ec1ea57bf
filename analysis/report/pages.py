"""Writes the pages of the report from the templates, styles and scripts in `page/`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.figures import style
from analysis.io.number_format import format_value
from analysis.report.findings.finding import Finding
from analysis.report.paged_tables import divide_table, divide_tables, name_csv_files
from analysis.report.provenance import version_of_observers
from analysis.report.sections.parts import Part, Table
from analysis.report.sections.scripts import LETTERS, as_json
from stimuli.published.datasets import DATASETS

PAGE = Path(__file__).parent / "page"
SCRIPTS = (
    "data.js", "svg.js", "tables.js", "sections.js", "pairs.js", "matrix.js", "large-matrix.js", "curves.js",
    "shape-bias.js", "plots.js", "answers.js", "image-list.js", "trials.js",
)  # fmt: skip
_PERCENT, _EQUATION = re.compile(r"(?<=\d) %"), re.compile(r"\b([nprκ]) ([=<>]|&lt;|&gt;) (-?[.\d])")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
MAX_OPEN_ROWS = 14  # a table with more rows is collapsed when the page opens
MAX_OPEN_OVERALL_ROWS = 30  # the same for the tables that combine all datasets
MAX_PRINTED_ROWS = 40  # a collapsed table with more rows is not printed; it would fill more than a page
MAX_PRINTED_DATASETS = 4  # with more datasets, only the figures and sentences of collapsed sections are printed
MAX_OPEN_NOTES = (
    3  # further limitations are collapsed when the page opens, so that the findings are on the first screen
)


@frozen
class Section:
    """One dataset on the page.

    Attributes:
        dataset: Name of the dataset.
        anchor: The name of the dataset as it is used in links on the page.
        summary: A sentence with the numbers of observers and trials.
        parts: The contents of the sections on the dataset.
    """

    dataset: str
    anchor: str
    summary: str
    parts: tuple[Part, ...]


def write_pages(
    out: Path, *, title: str, notes: Sequence[str], published: str, overview: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding], parts: Sequence[Part], n_trials: int, n_logs: int, sections: Sequence[Section],
    averages: str, bootstrap: str,
    browsed: Sequence[Mapping[str, Any]], credits: Mapping[str, str], provenance: Table, environments: Sequence[str],
    observers: Sequence[tuple[str, str]],
) -> None:  # fmt: skip
    """Write index.html, trials.html and assets/.

    Args:
        out: The folder of the report, which already contains the tables and figures.
        title: The title of the report.
        notes: Limitations of the data, shown at the top of both pages.
        published: A phrase with the numbers of published and of other datasets.
        overview: One row for each dataset with its numbers of observers, conditions, images and trials.
        findings: The findings at the start of the report.
        parts: The sections that combine all datasets.
        n_trials: Number of trials.
        n_logs: Number of trial logs.
        sections: The datasets and the contents of their sections.
        averages: A sentence that says which results are averaged over datasets.
        bootstrap: Description of the bootstrap, or "" without intervals.
        browsed: For each dataset, its name, the name of the file with its trials, its number of images, and how many of
            these images have a thumbnail.
        credits: The attribution of the images of each dataset.
        provenance: The table of logs.
        environments: Descriptions of the software that wrote the logs.
        observers: The name and the kind of every observer.
    """
    assets = out / "assets"
    assets.mkdir(parents=True, exist_ok=True)
    for name in SCRIPTS:
        (assets / name).write_bytes((PAGE / name).read_bytes())
    (assets / "report.css").write_text(
        (PAGE / "report.css").read_text("utf-8") + _kind_rules(observers), "utf-8", newline="\n"
    )
    kinds = {
        kind: {"label": kind_style.label, "glyph": kind_style.glyph} for kind, kind_style in style.KIND_STYLES.items()
    }
    looks = {kind: labels | {"color": style.KIND_STYLES[kind].color} for kind, labels in kinds.items()}
    own_style_names = {
        name: style.style_name(name, kind) for name, kind in observers if style.style_name(name, kind) != kind
    }
    for name, kind in observers:
        if name in own_style_names:
            looks[own_style_names[name]] = kinds[kind] | {"color": style.style_of(name, kind).color}
    index = {"letters": LETTERS, "datasets": list(browsed), "looks": looks} | (
        {"own": own_style_names} if own_style_names else {}
    )
    (assets / "index.js").write_text(f"report.index={as_json(index)};\n", "utf-8", newline="\n")
    files = {
        folder: sorted(path.name for path in (out / folder).glob("*.csv*")) for folder in ("tables", "figures")
    }  # fmt: skip
    numbers = count(1)
    parts = divide_tables(out, parts, numbers)
    sections = [evolve(section, parts=divide_tables(out, section.parts, numbers)) for section in sections]
    provenance = divide_table(out, provenance, numbers)
    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {
        "own_style_names": own_style_names,
        "n_printed": MAX_PRINTED_ROWS,
        "n_printed_datasets": MAX_PRINTED_DATASETS,
    }
    environment.filters["cell"] = format_value
    environment.filters["sort_key"] = _sort_key
    environment.filters["unbroken"] = unbroken
    environment.filters["csv_names"] = partial(name_csv_files, names=files["tables"])
    variables = {
        "title": title, "notes": notes, "published": published, "overview": overview, "findings": findings, "parts": parts,
        "n_trials": n_trials,
        "n_logs": n_logs, "sections": sections, "averages": averages, "bootstrap": bootstrap, "browsed": browsed,
        "credits": credits, "provenance": provenance, "environments": environments,
        "kinds": kinds, "policy": POLICY, "version": version_of_observers(),
        "files": files, "n_open": MAX_OPEN_ROWS, "n_open_overall": MAX_OPEN_OVERALL_ROWS, "n_notes": MAX_OPEN_NOTES,
        "n_published": len(DATASETS), "scripts": SCRIPTS,
    }  # fmt: skip
    for page in ("index.html", "trials.html"):
        html = environment.get_template(page).render(page=page, **variables)
        (out / page).write_text(html, "utf-8", newline="\n")


def unbroken(text: str) -> str:
    """Return a text in which no line ends between a number and its percent sign, or within an equation such as "n = 7"."""
    return _EQUATION.sub("\\1\u00a0\\2\u00a0\\3", _PERCENT.sub("\u00a0%", text))


def _kind_rules(observers: Iterable[tuple[str, str]]) -> str:
    """Return CSS rules with the colors and markers of the figures, for every kind and every observer with its own color."""
    styles = dict(style.KIND_STYLES) | {style.style_name(*pair): style.style_of(*pair) for pair in observers}
    return "".join(
        f'.kind-{name} {{ --ink: {own.text_color}; --mark: "{own.glyph}"; }}\n' for name, own in styles.items()
    )


def _sort_key(value: object) -> str:
    """Return the text by which the page sorts a cell: a number in full precision, or "" for NaN and for text."""
    return str(float(value)) if isinstance(value, int | float) and value == value else ""
