"""Tests of what a reader sees: docstrings of public definitions, help and examples of commands, phrases to avoid."""

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import typer

from commands.top_level.app import GROUPS, app, command_name
from tests.commands import observers

ROOT = Path(__file__).parents[1]
PACKAGES = ("stimuli", "observers", "experiments", "analysis", "commands", "benchmarks")
SOURCES = [*sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")), ROOT / "cli.py"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
API = re.findall(r"^\| `from (\S+) import (\w+)`", (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE)

# Placeholder names, which say nothing about the value.
VAGUE_NAMES = {"found", "said", "asked", "given", "held"}
NEGATED = re.compile(r"\b(is|are|was|were|has|have) (no|none)\b")


def definitions(tree: ast.Module) -> list[tuple[str, ast.AST]]:
    """Public functions, classes and methods of a module, with their names."""
    result: list[tuple[str, ast.AST]] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            result.append((node.name, node))
            if isinstance(node, ast.ClassDef):
                result += [
                    (f"{node.name}.{member.name}", member)
                    for member in node.body
                    if isinstance(member, ast.FunctionDef) and not member.name.startswith("_")
                ]
    return result


def bound_names(tree: ast.AST) -> list[str]:
    """Names of variables, parameters and definitions."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif isinstance(node, ast.arg):
            names.append(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_public_definitions_have_docstrings(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), "the module has no docstring"
    assert [name for name, node in definitions(tree) if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_placeholder_names(path):
    assert VAGUE_NAMES.isdisjoint(bound_names(ast.parse(path.read_text("utf-8"))))


def test_negated_nouns_are_rare():
    """`X is no Y` reads like a translation. `There is no file` is plain English, so a number of lines may stay."""
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    scripts = [path for suffix in ("html", "js") for path in ROOT.glob(f"*/*/page/*.{suffix}")]
    lines = [line for path in [*SOURCES, *PAGES, *tests, *scripts] for line in path.read_text("utf-8").splitlines()]
    assert len([line for line in lines if NEGATED.search(line)]) <= 120


def test_the_word_checks_see_what_they_look_for(tmp_path):
    tree = ast.parse("class A:\n    def f(self, found): pass\n    def _g(self): pass\n")
    assert [name for name, _ in definitions(tree)] == ["A", "A.f"]
    assert not VAGUE_NAMES.isdisjoint(bound_names(tree))
    assert NEGATED.search("x is no file")


@pytest.mark.parametrize(("module", "name"), API)
def test_the_api_is_documented(module, name):
    """Everything that docs/api.md lists has a docstring that describes parameters or attributes, and results."""
    thing = getattr(import_module(module), name)
    if not callable(thing):
        return
    text = thing.__doc__
    assert text and len(text.splitlines()) > 1
    if not isinstance(thing, type):
        assert "Args:" in text and "Returns:" in text
    elif hasattr(thing, "__attrs_attrs__"):
        described = set(re.findall(r"^\s+(\w+)(?: \(.*?\))?:", text, re.MULTILINE))
        fields = {a.alias for a in thing.__attrs_attrs__ if a.init}
        assert fields <= described, f"not described: {sorted(fields - described)}"


def test_the_reference_shows_the_api():
    reference = (ROOT / "docs" / "reference.md").read_text("utf-8")
    assert re.findall(r"^::: (\S+)$", reference, re.MULTILINE) == [f"{module}.{name}" for module, name in API]


def commands():
    """Name and click command of every command, those of `analyze` as `analyze NAME`."""
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        if name == "analyze":
            yield from ((f"analyze {n}", c) for n, c in command.commands.items())
        else:
            yield name, command


COMMANDS = dict(commands())


def examples(command):
    """Commands under `Example:` or `Examples:` in a command's help."""
    block = re.search(r"Examples?:\n((?:[ \t]+.*\n?)+)", command.help)
    return [line.strip() for line in block[1].splitlines()] if block else []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_that_parse(name):
    lines = examples(COMMANDS[name])
    assert lines
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "observers" and " ".join(words).startswith(name)
        COMMANDS[name].make_context(name, words[len(name.split()) :])  # raises for what does not parse


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_parameter(name):
    command = COMMANDS[name]
    paragraphs = command.help.split("\n\n")
    assert paragraphs[0].endswith(".") and len(paragraphs[0]) < 60
    for parameter in command.params:
        if parameter.name != "help":
            text = getattr(parameter, "help", None)
            assert text and text.rstrip(")]").endswith("."), f"{name}: {parameter.name}: {text!r}"
            optional = parameter.param_type_name == "option" and not parameter.required and not parameter.is_flag
            if optional and parameter.default is None and not parameter.multiple:
                assert "default:" in text, f"{name}: {parameter.name} does not state its default"


def test_commands_are_listed_in_groups():
    lines = observers("--help").stdout.splitlines()
    assert [line[:-1] for line in lines if line.rstrip(":") in GROUPS] == list(GROUPS)
    shown = {line.split()[0] for line in lines if re.match(r"  [a-z]", line)}
    assert {command_name(command) for commands in GROUPS.values() for command in commands} <= shown
    assert not [line for line in lines if line.startswith("  ") and line.endswith("...")], "a short help is cut off"
