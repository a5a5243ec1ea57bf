"""Descriptions in docstrings, the flat list of options of nested classes, and the types of options in words."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import Factory, field, frozen

from core.docstrings import describe_arguments
from core.errors import UnknownName, UserError
from core.options import call_with_options, describe_type, options_of, parse_options


@frozen
class Inner:
    """An inner class.

    Attributes:
        depth: How deep it is,
            in meters.
        seed: Random seed of the inner object.

    Raises:
        ValueError: Never.
    """

    depth: float = 1.0
    seed: int = field(default=0, metadata={"runtime": True})


@frozen
class Outer:
    """An outer class.

    Args:
        inner: The inner object.
        seed: Random seed of the outer object.
    """

    inner: Inner = Inner(depth=2.0)
    required: Inner = field(kw_only=True)
    seed: int = 1
    sizes: list[int] = Factory(list)
    twice: float = field()
    _private: bool = False
    kind: str = field(default="outer", init=False)

    @twice.default
    def _twice(self) -> float:
        return 2 * self.inner.depth


def test_descriptions_come_from_the_sections_of_a_docstring():
    assert describe_arguments(Inner) == {
        "depth": "How deep it is, in meters.",
        "seed": "Random seed of the inner object.",
    }
    assert describe_arguments(Outer)["seed"] == "Random seed of the outer object."
    assert describe_arguments(describe_arguments) == {"definition": "A class or function."}
    assert describe_arguments(lambda: None) == {}


def test_the_options_of_nested_attrs_classes_are_part_of_the_list():
    options = options_of(Outer)
    assert list(options) == ["depth", "seed", "sizes", "twice", "private"]
    depth = options["depth"]
    assert (depth.type, depth.default, depth.path, depth.required) == (float, 2.0, ("inner", "depth"), False)
    assert depth.description == "How deep it is, in meters."
    assert (options["seed"].path, options["seed"].default, options["seed"].runtime) == (("seed",), 1, False)
    assert (options["sizes"].default, options["twice"].default, options["private"].default) == ([], None, False)


def test_nested_objects_are_built_from_the_options():
    options = options_of(Outer)
    outer = call_with_options(Outer, options, {"seed": 5, "private": True})
    assert outer == Outer(seed=5, private=True, required=Inner())
    assert call_with_options(Outer, options, {"depth": 3.0}) == Outer(Inner(3.0), required=Inner())
    assert outer.twice == 4.0


def test_functions_dataclasses_and_protocols_have_options():
    @dataclasses.dataclass
    class Data:
        n: int = dataclasses.field(default=1, metadata={"runtime": True})
        names: list[str] = dataclasses.field(default_factory=list)

    options = options_of(Data)
    assert (options["n"].runtime, options["names"].default, options["names"].required) == (True, [], False)
    function_options = options_of(lambda image, level, rng, strength=1, mode=None: None, n_positional=3)
    assert {n: (option.type, option.default) for n, option in function_options.items()} == {
        "strength": (int | float, 1),
        "mode": (Any, None),
    }

    def use(part: Data, other: Inner | None = None) -> tuple[object, object]:
        return part, other

    replaced = options_of(use, types={"part": Inner})
    assert list(replaced) == ["depth", "seed", "other"]
    assert call_with_options(use, replaced, {"depth": 4.0}, {"part": Inner}) == (Inner(4.0), None)


@pytest.mark.parametrize(
    ("declared_type", "words"),
    [
        (bool, "true or false"),
        (int | None, "a whole number or none"),
        (Literal["a", "b"], "a or b"),
        (tuple[float, ...], "a list, each a number"),
        (list, "a list"),
        (Path, "a path"),
        (Any, "any value"),
        (Inner, "Inner"),
    ],
)
def test_types_in_words(declared_type, words):
    assert describe_type(declared_type) == words


def test_values_of_a_class_are_checked():
    known = options_of(lambda inner: None, types={"inner": Inner | None})  # type: ignore[dict-item]
    assert parse_options(known, "f", {}, {"inner": None}) == {"inner": None}
    assert parse_options(known, "f", {}, {"inner": Inner()}) == {"inner": Inner()}
    with pytest.raises(UserError, match="f, option inner: expected Inner or none, got 3"):
        parse_options(known, "f", {}, {"inner": 3})


def test_a_message_about_an_unknown_name_lists_some_of_many_names():
    names = [f"a{number:03}" for number in range(1500)]
    assert str(UnknownName("model", "zzz", names)).endswith("a058, a059, … (1,500 in all).")
    assert "known names: a, b." in str(UnknownName("model", "zzz", ["b", "a", "b"]))
