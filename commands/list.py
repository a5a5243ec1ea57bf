"""`observers list`: the names of observers, experiments, models and distortions, with one line of description each."""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import typer

Tables = Literal["observers", "experiments", "models", "distortions"]
Rows = list[dict[str, Any]]

HEADINGS: Mapping[str, str] = {
    "observers": "Observers (for your own, use FILE.py:NAME)",
    "experiments": "Experiments (for your own, use FILE.py:NAME or a folder of images)",
    "distortions": "Distortions (for your own, use FILE.py:NAME)",
    "models": "Models in Tables 2 and 3 of Jaini et al. (2024), and the observers that load them",
}
PLUGINS = "Plugins"


def list_(
    what: Annotated[
        Tables | None,
        typer.Argument(
            help="What to list: observers, experiments, distortions, or models (those in the tables of Jaini et al. 2024). "
            "Default: observers, experiments and distortions."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lists as JSON.")] = False,
) -> None:
    """List observers, experiments, models or distortions.

    For published datasets, the list tells which images, recorded people and recorded networks are on this machine.
    `observers show NAME` describes one of the names.

    \b
    Example:
      observers list experiments
    """
    tables = {name: TABLES[name]() for name in ((what,) if what else ("observers", "experiments", "distortions"))}
    if as_json:
        typer.echo(json.dumps(tables, indent=1, ensure_ascii=False))
        return
    for name, rows in tables.items():
        typer.echo(f"{HEADINGS[name]}\n")
        for group in dict.fromkeys(row["group"] for row in rows):
            typer.echo("\n".join(_lines(group, [row for row in rows if row["group"] == group])) + "\n")
    if what != "models":
        typer.echo("To describe one of them: observers show NAME")
    if what is None:
        typer.echo("To list the models of Jaini et al. (2024): observers list models")


def _lines(group: str, rows: Rows) -> Iterator[str]:
    """Yield the heading of a group, and its rows as columns: name, what is on this machine, description."""
    if group:
        yield f"{group}:"
    if any(row.get("on_this_machine") for row in rows):
        yield "  (The columns show whether images, recordings of people and recordings of networks are on this machine. To"
        yield "  download what is missing: observers fetch NAME, observers fetch humans, observers fetch networks.)"
    width = max(len(row["name"]) for row in rows) + 2
    for row in rows:
        here = _describe_here(row["on_this_machine"]) if row.get("on_this_machine") else ""
        first = f"  {row['name']:<{width}}{here}"
        example = f" Example: {row['example']}" if row.get("example") else ""
        recorded = (
            f" {row['n_recorded_models']} recorded models: microcosm/{row['name']}."
            if "n_recorded_models" in row
            else ""
        )
        yield from _wrap(f"{row['description']}{recorded}{example}", first)


def _wrap(text: str, first: str) -> list[str]:
    """Return a text as lines that fit into the terminal, or as one line if the output is not a terminal."""
    if not sys.stdout.isatty():
        return [f"{first}{text}".rstrip()]
    width = max(shutil.get_terminal_size().columns, len(first) + 30)
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=" " * len(first))


def _describe_here(here: Mapping[str, Any]) -> str:
    """Return three columns that show what is on this machine for a published dataset."""
    people, networks = (f"{len(here[part])} {part}" if here[part] else "-" for part in ("people", "networks"))
    return f"{'images' if here['images'] else '-':<8}{people:<11}{networks:<13}"


def list_observers() -> Rows:
    """Return name, group and description of every observer, without importing one."""
    from observers.catalog import OBSERVERS

    families = {name: {"example": row.example} for name, row in OBSERVERS.items() if ":" in name}
    return [_row(row) | families.get(row.name, {}) for row in OBSERVERS.values()] + _plugins("observers")


def list_experiments() -> Rows:
    """Return name, group, description and number of trials of every experiment, and what is on this machine."""
    from experiments.sets.catalog import EXPERIMENTS, images_on_disk
    from stimuli.published.included import find_included, sidecar_of
    from stimuli.published.recordings import PARTS, recorded_name, recordings_on_disk

    rows = []
    for row in EXPERIMENTS.values():
        images, here = images_on_disk(row), {}
        if row.n_people:
            people, networks = (
                [recorded_name(path.name, row.name) for path in recordings_on_disk(part, row.name)] for part in PARTS
            )
            here = {"images": images and str(images), "people": people, "networks": networks}
        cells = _row(row)
        if (path := find_included("microcosm", row.name)) is not None:
            cells["n_recorded_models"] = len(sidecar_of(path)["observers"])
        rows.append(cells | {"n_trials": row.n_stimuli, "on_this_machine": here})
    return rows + _plugins("experiments")


def list_distortions() -> Rows:
    """Return name, group and description of every distortion."""
    from stimuli.distort.catalog import DISTORTIONS

    return [_row(row) | {"formula": row.formula} for row in DISTORTIONS.values()] + _plugins("distortions")


def list_models() -> Rows:
    """Return the models of Jaini et al. (2024), with the corresponding observer and how it differs."""
    from observers.paper_models import PAPER_MODELS

    return [
        {"name": m.name, "group": "", "description": f"{m.observer or 'not available':<58} {m.note}".rstrip(),
         "observer": m.observer, "note": m.note}
        for m in PAPER_MODELS
    ]  # fmt: skip


TABLES: Mapping[str, Callable[[], Rows]] = {
    "observers": list_observers,
    "experiments": list_experiments,
    "distortions": list_distortions,
    "models": list_models,
}


def _row(row: Any) -> dict[str, Any]:
    """Return the fields of a row that every list shows."""
    return {"name": row.name, "group": row.group, "description": row.description}


def _plugins(group: str) -> Rows:
    """Return the plugins of a group. They are not imported, so their references are shown instead of descriptions."""
    from core.plugins import plugins

    return [{"name": n, "group": PLUGINS, "description": reference} for n, reference in plugins(group).items()]
