"""`observers show`: describe an observer, an experiment or a distortion."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.parameters.completion import complete_any

if TYPE_CHECKING:
    from commands.descriptions import Description

WIDTH = 110
LABEL = 18  # width of the column of labels


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name of an observer, experiment or distortion (see `observers list`), FILE.py:NAME for your own, or a "
            "folder of images.",
            autocompletion=complete_any,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the description as JSON.")] = False,
) -> None:
    """Describe an observer, an experiment or a distortion.

    For an observer, the description contains its source, license and options. For an experiment, it contains the images,
    choices and conditions, the people who saw it, and what is on this machine. For a distortion, it contains the formula,
    levels and options.

    \b
    Examples:
      observers show sd14
      observers show cue-conflict
    """
    from commands.descriptions import describe, option_facts

    descriptions = describe(name)
    if as_json:
        result = [
            {"kind": d.kind, "name": d.name, **d.facts, "examples": d.examples,
             "options": [option_facts(option) for option in d.options]}
            for d in descriptions
        ]  # fmt: skip
        typer.echo(json.dumps(result, indent=1, ensure_ascii=False))
        return
    typer.echo("\n\n".join("\n".join(_lines(description)) for description in descriptions))


def _lines(description: "Description") -> Iterator[str]:
    """Yield the lines of a description: a heading, the facts, the options and the examples."""
    from commands.descriptions import option_facts

    yield f"{description.name} ({description.kind})"
    yield ""
    for name, value in description.facts.items():
        parts = [f"{key}: {text}" for key, text in value.items()] if isinstance(value, dict) else [_format_fact(value)]
        for number, text in enumerate(parts):
            yield from _wrap(name.replace("_", " ") if number == 0 else "", text)
    for runtime, title in ((False, "Options (-o NAME=VALUE)"), (True, "Options that do not change the responses")):
        options = [option_facts(option) for option in description.options if option.runtime is runtime]
        if options:
            yield ""
            yield f"{title}:"
            for option in options:
                yield f"  {option['name']}: {option['type']}, {_format_default(option)}"
                yield from textwrap.wrap(option["meaning"], WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    yield ""
    yield "Examples:" if len(description.examples) > 1 else "Example:"
    yield from (f"  {example}" for example in description.examples)


def _format_default(option: Mapping[str, Any]) -> str:
    """Return the default of an option as a phrase."""
    if option["required"]:
        return "required"
    if option["default"] is None:
        return "optional"
    return f"default {option['default'] or 'empty'}"


def _format_fact(value: Any) -> str:
    """Return a fact as text; a list of several texts begins with its length."""
    if isinstance(value, list):
        return f"{len(value)}: {', '.join(value)}" if len(value) > 1 else value[0]
    return str(value)


def _wrap(label: str, text: str) -> list[str]:
    """Return a fact as lines, with its label in the first column."""
    indent = f"  {f'{label}:' if label else '':<{LABEL}}"
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_on_hyphens=False
    )
