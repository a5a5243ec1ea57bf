"""Names to things: built-in names, plugins, `module:attribute`, `mine.py:Mine`, with no registration by import.

A plugin declares an entry point in a group such as `observers.observers`, `observers.experiments`, `observers.distortions`.
"""

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import entry_points, packages_distributions, version
from operator import attrgetter
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from stimuli.errors import StimulusError, UnknownName, UserError

_SHA256 = "__observers_sha256__"  # attribute of a module that was loaded from a user's file


def plugins(group: str) -> dict[str, str]:
    """Names that installed packages declare for `observers.<group>`, with what they stand for."""
    return {point.name: point.value for point in entry_points(group=f"observers.{group}")}


def load(reference: str) -> Any:
    """The object a `module:attribute` or `file.py:attribute` stands for. Raises UserError."""
    module, _, attribute = reference.rpartition(":")
    if not module or not attribute:
        raise UserError(f"{reference!r} names no object: expected module:NAME or FILE.py:NAME")
    if module.endswith(".py"):
        return _attribute(_module_from_file(Path(module).expanduser()), attribute, reference)
    if not all(part.isidentifier() for part in module.split(".")):
        raise UserError(f"{reference!r} names no object: {module!r} is no module; a file is given as FILE.py:NAME")
    try:
        return _attribute(importlib.import_module(module), attribute, reference)
    except ModuleNotFoundError as error:
        raise UserError(f"{reference}: there is no module {error.name!r}; is its package installed?") from None


def _module_from_file(path: Path) -> types.ModuleType:
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    # Two files may have one name; a class finds its annotations through the name of its module.
    name = f"{path.stem}_{hashlib.sha256(f'{path.resolve()} {content}'.encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    if str(path.resolve().parent) not in sys.path:
        sys.path.append(str(path.resolve().parent))  # it may import a file beside it, whenever it does
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    setattr(module, _SHA256, content)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        del sys.modules[name]
        raise UserError(f"{error.filename}, line {error.lineno}: this is no Python ({error.msg})") from None
    except UserError:
        del sys.modules[name]
        raise
    except Exception as error:
        said = _where(error)
        del sys.modules[name]
        raise UserError(f"{path} cannot be imported: {said}") from error
    return module


def file_sha256(thing: Any) -> str | None:
    """sha256 of the FILE.py that a class or function comes from; None for what is installed, which has a version."""
    found: str | None = getattr(sys.modules.get(getattr(thing, "__module__", None) or ""), _SHA256, None)
    return found


def code_of(name: str, group: str) -> str | None:
    """What tells two states of a plugin's or a user's code apart: its package and version, or the sha256 of its files.

    Of a FILE.py count the file and what it imported from beside it. None for what is ours.
    """
    reference = plugins(group).get(name, name)
    module = reference.rpartition(":")[0]
    if module.endswith(".py"):
        load(reference)
        beside = Path(module).expanduser().resolve().parent
        named = (getattr(m, "__file__", None) for m in list(sys.modules.values()))
        files = {
            Path(f) for f in named if isinstance(f, str) and Path(f).is_absolute()
        }  # torch names some that are none
        content = [p.read_bytes() for p in sorted(files) if p.suffix == ".py" and p.resolve().parent == beside]
        return f"sha256:{hashlib.sha256(b''.join(content)).hexdigest()}"
    package = module.partition(".")[0]
    return ", ".join(f"{d} {version(d)}" for d in sorted(set(packages_distributions().get(package, ())))) or None


def own_name(reference: str) -> str:
    """A name without the folder of a FILE.py: what it stands for does not depend on where it lies."""
    return reference.replace("\\", "/").rpartition("/")[2]


def _attribute(module: types.ModuleType, attribute: str, reference: str) -> Any:
    try:
        return attrgetter(attribute)(module)
    except AttributeError:
        public = [name for name in vars(module) if not name.startswith("_")]
        raise UnknownName(f"object in {reference.rpartition(':')[0]}", attribute, public) from None


def resolve(name: str, table: Mapping[str, str], group: str, what: str, hint: str = "") -> Any:
    """What `name` stands for: in `table`, among the plugins of `group`, or as a reference.

    Raises UnknownName, which ends in `hint`, and UserError.
    """
    if name.endswith(".py"):
        raise UserError(f"which {what} of {name}? Name it: {name}:NAME")
    reference = table.get(name) or plugins(group).get(name) or (name if ":" in name else None)
    if reference is None:
        own = f"Your own {what} is given as FILE.py:NAME. {hint}".rstrip()
        raise UnknownName(what, name, [*table, *plugins(group)], own)
    return load(reference)


def takes_three(function: object, name: str, expected: str) -> None:
    """Raises UserError if it is no function of three things and options, as `expected` says."""
    try:
        if not inspect.isroutine(function):
            raise TypeError
        parameters = inspect.signature(function).parameters.values()
        needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if len(needed) < 3 and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
            raise TypeError
    except (TypeError, ValueError):
        raise UserError(f"{name} is not what was expected: a function {expected}") from None


def safely(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A user's function, whose failure is a sentence with file and line. Raises StimulusError."""

    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (UserError, MemoryError):
            raise
        except Exception as error:
            raise StimulusError(f"{own_name(name)} failed: {_where(error)}") from error

    return call


def _where(error: Exception) -> str:
    """What went wrong, and where in a user's file it was asked for."""
    own = {module.__file__ for module in list(sys.modules.values()) if _SHA256 in getattr(module, "__dict__", {})}
    frames = traceback.extract_tb(error.__traceback__)
    at = next((frame for frame in reversed(frames) if frame.filename in own), frames[-1])
    return f"{type(error).__name__}: {error} ({Path(at.filename).name}, line {at.lineno})"


def options_of(make: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """The options a class or function takes, by name."""
    return {
        name: parameter
        for name, parameter in inspect.signature(make).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


def typed(make: Callable[..., object], name: str, options: Mapping[str, str], n_given: int) -> dict[str, Any]:
    """Options given as text, as the types that `make` declares; its first `n_given` parameters are no options.

    Raises UnknownName for one that it has not, UserError for one that is lacking or no such type; both name `name`.
    """
    known = dict(list(options_of(make).items())[n_given:])
    try:
        hints = get_type_hints(make.__init__ if inspect.isclass(make) else make)
    except NameError as error:
        raise UserError(f"{name}: {error}; a type that annotates an option must be imported at run time") from None
    for option in options:
        if option not in known:
            raise UnknownName(f"option of {name}", option, known or ["(none)"])
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options:
            raise UserError(f"{name} needs the option {option}: -o {option}=…")
    return {
        option: _convert(text, hints.get(option, _kind_of(known[option].default)), f"{name}, option {option}")
        for option, text in options.items()
    }


def _kind_of(default: object) -> Any:
    """The type of an option that declares none: that of its default, if it has one; a whole number may be any number."""
    if isinstance(default, tuple | list) and default:
        return types.GenericAlias(type(default), (_kind_of(default[0]),))
    if default is None or default is inspect.Parameter.empty:
        return str
    return Union[int, float] if type(default) is int else type(default)  # noqa: UP007, a value and no annotation


def _convert(text: str, kind: Any, where: str) -> Any:
    """`text` as a value of the declared type: str, int, float, bool, Path, a Literal, a union, tuple or list of these."""
    if get_origin(kind) in (Union, types.UnionType):
        members = [member for member in get_args(kind) if member is not type(None)]
        if len(members) < len(get_args(kind)) and text.lower() in ("", "none"):
            return None
        for member in members[:-1]:
            with suppress(UserError):
                return _convert(text, member, where)
        return _convert(text, members[-1], where)
    if kind in (tuple, list) or get_origin(kind) in (tuple, list):
        member = next(iter(get_args(kind)), str)
        return (get_origin(kind) or kind)(_convert(part.strip(), member, where) for part in text.split(","))
    if kind is bool:
        words: Iterable[str] = ("true", "yes", "1"), ("false", "no", "0")  # type: ignore[assignment]
        for value, names in zip((True, False), words, strict=True):
            if text.lower() in names:
                return value
        raise UserError(f"{where}: expected true or false, got {text!r}")
    if kind in (int, float):
        try:
            value = kind(text)
            if value != value:  # what is compared with nan is always false
                raise ValueError
            return value
        except ValueError:
            raise UserError(
                f"{where}: expected {'a whole number' if kind is int else 'a number'}, got {text!r}"
            ) from None
    if kind is Path:
        return Path(text).expanduser()
    values = get_args(kind)
    if values and all(isinstance(value, str) for value in values) and text not in values:
        raise UserError(f"{where}: expected {' or '.join(values)}, got {text!r}")
    return text
