"""The options with which every command that reads logs chooses, names and splits observers."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import MAX_RESAMPLES
from commands.parameters.added_options import add_options
from core.kinds import KINDS, Kind

if TYPE_CHECKING:
    from analysis.selection.select import Selection

Observers = Annotated[
    list[str] | None,
    typer.Option(
        "--observer",
        "-m",
        metavar="NAME",
        help="Use only this observer: a name, or a pattern such as llava*, kind:human or edge:subject-01 (subject-01 of the "
        "dataset edge). Repeat the option for several (default: all observers).",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Exclude this observer: a name or a pattern, as for --observer. Repeat the option for several (default: none).",
    ),
]
Sessions = Annotated[
    list[int] | None,
    typer.Option(
        "--session",
        metavar="N",
        help="Use only the trials of this session. Repeat the option for several (default: all sessions).",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="CSV file that gives observers other names, colors, an order and groups. It has the column observer and any of "
        "label, color, order, group and dataset (default: none).",
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Split every observer by a column of the trials, such as session, block or age: its trials with different "
        "values count as separate observers (default: observers are not split).",
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Combine observers into groups with the same value of a column: kind, group (of the labels file), session or "
        "another column of the trials. The results are means over the observers of each group (default: no groups).",
    ),
]
GroupResamples = Annotated[
    int,
    typer.Option(
        "--resamples",
        min=1,
        max=MAX_RESAMPLES,
        metavar="N",
        help="Number of bootstrap resamples of the observers of each group (with --group-by).",
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="NAME=KIND",
        help="Kind of an observer, such as 1=human or mine:1=human, for files that do not record it. Repeat the option for "
        "several observers (default: inferred from names).",
    ),
]
Replacements = Annotated[
    list[str] | None,
    typer.Option(
        "--replace",
        metavar="COLUMN:OLD=NEW",
        help="Read a dataset, condition, category or response as another one, such as response:plane=airplane, or "
        "condition:0= for no condition. Repeat the option for several (default: none).",
    ),
]
Exclusions = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml",
        help="Exclude people by the rules in this file (default: the rules that were declared before each session).",
    ),
]
NoExclusions = Annotated[
    bool | None,
    typer.Option("--no-exclusions", help="Keep everybody, even people whom declared rules exclude."),
]
OPTIONS = {
    "observer": Observers, "exclude": Exclude, "session": Sessions, "labels": Labels, "by": By, "kind": Kinds,
    "replace": Replacements, "exclusions": Exclusions, "no_exclusions": NoExclusions,
}  # fmt: skip


def selects(command: Callable[..., None]) -> Callable[..., None]:
    """Add OPTIONS to a command, which gets their values as one `Selection` in its parameter `selection`.

    In the help, they follow the logs and the dataset.
    """
    names = [name for name in inspect.signature(command).parameters if name != "selection"]
    position = 1 + ("dataset" in names[1:2])
    options = {name: (annotation, None) for name, annotation in OPTIONS.items()}
    return add_options(command, options, "selection", make_selection, position)


def make_selection(
    observer: list[str] | None = None, exclude: list[str] | None = None, session: list[int] | None = None,
    labels: Path | None = None, by: str | None = None, kind: list[str] | None = None, replace: list[str] | None = None,
    exclusions: Path | None = None, no_exclusions: bool | None = None,
) -> "Selection":  # fmt: skip
    """Return the values of OPTIONS as a `Selection`. Raises typer.BadParameter if two of them contradict each other."""
    from analysis.selection.select import Selection

    if exclusions is not None and no_exclusions:
        raise typer.BadParameter("it cannot be combined with --no-exclusions", param_hint="--exclusions")
    # ./declared is a file with the name of a keyword
    rules = "none" if no_exclusions else "declared" if exclusions is None else Path(exclusions)

    names = tuple(observer or ()), tuple(exclude or ()), tuple(session or ())
    return Selection(*names, labels, by or "", parse_kinds(kind), parse_replacements(replace), rules)


def parse_kinds(texts: list[str] | None) -> dict[str, Kind]:
    """Return the texts NAME=KIND of repeated `--kind` options as a dictionary.

    Raises typer.BadParameter for a text in a different form, for a kind that does not exist, and for two kinds of one name.
    """
    kinds: dict[str, Kind] = {}
    for text in texts or []:
        name, equals, kind = text.rpartition("=")
        known = next((known for known in KINDS if known == kind), None)
        if not equals or not name or known is None:
            raise typer.BadParameter(
                f"expected NAME=KIND, such as 1=human, got {text!r}; the kinds are {', '.join(KINDS)}",
                param_hint="--kind",
            )
        if kinds.setdefault(name, known) != known:
            raise typer.BadParameter(f"{name} has two kinds, {kinds[name]} and {known}", param_hint="--kind")
    return kinds


def parse_replacements(texts: list[str] | None) -> dict[str, dict[str, str]]:
    """Return the texts COLUMN:OLD=NEW of repeated `--replace` options as a dictionary for each column.

    Raises typer.BadParameter for a text in a different form, and for two replacements of one text.
    """
    replace: dict[str, dict[str, str]] = {}
    for text in texts or []:
        column, colon, change = text.partition(":")
        old, equals, new = change.partition("=")
        if not colon or not equals:
            raise typer.BadParameter(
                f"expected COLUMN:OLD=NEW, such as response:plane=airplane, got {text!r}", param_hint="--replace"
            )
        other = replace.setdefault(column, {}).setdefault(old, new)
        if other != new:
            raise typer.BadParameter(
                f"the {column} {old!r} has two replacements, {other!r} and {new!r}", param_hint="--replace"
            )
    return replace
