"""Look up objects by name: built-in names, plugins, `module:attribute` and `FILE.py:attribute`.

Names are looked up in tables of `"module:attribute"` strings, so nothing has to be imported to be registered. A plugin
is a package that declares an entry point in a group such as `observers.observers`, `observers.experiments` or
`observers.distortions`.
"""

import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points, packages_distributions, version
from operator import attrgetter
from pathlib import Path
from typing import Any

from core.errors import StimulusError, UnknownName, UserError
from core.extras import MissingExtra, explain_missing_module
from core.paths import check_unicode, strip_folder

SHA256_ATTRIBUTE = "__observers_sha256__"  # attribute of a module that was loaded from a user's file


def plugins(group: str) -> dict[str, str]:
    """Return the plugins of a group as a mapping from the name of each plugin to the reference of its object.

    Plugins are the entry points that installed packages declare in the group `observers.<group>`.
    """
    return {point.name: point.value for point in entry_points(group=f"observers.{group}")}


def load(reference: str, subject: str = "") -> Any:
    """Import the object that a reference names.

    Args:
        reference: `module:attribute` or `FILE.py:attribute`. The attribute may be dotted. A file is imported as a
            separate module, and imported again if its content has changed. It may import other files in its folder.
        subject: What the object is, such as "observer sd14", for the message about a missing extra (default: the reference).

    Returns:
        The object: a class, a function or any other attribute of the module.

    Raises:
        UserError: If the reference is malformed, or the module or file cannot be found or imported.
        MissingExtra: If the module imports a package of an extra that is not installed.
        UnknownName: If the module does not have this attribute.
    """
    module, _, attribute = reference.rpartition(":")
    if not module or not attribute:
        raise UserError(f"{reference!r} does not name an object: expected module:NAME or FILE.py:NAME")
    if module.endswith(".py"):
        return _attribute(_module_from_file(Path(module).expanduser()), attribute, reference)
    if not all(part.isidentifier() for part in module.split(".")):
        raise UserError(
            f"{reference!r} does not name an object: {module!r} is not the name of a module; write FILE.py:NAME for a file"
        )
    try:
        return _attribute(importlib.import_module(module), attribute, reference)
    except ModuleNotFoundError as error:
        if sentence := explain_missing_module(error, subject or reference):
            raise MissingExtra(sentence) from None
        raise UserError(
            f"{reference}: there is no module {error.name!r}; check that its package is installed"
        ) from None


class _SourceLoader(importlib.machinery.SourceFileLoader):
    """Compiles the source whose digest is known, and not a file of `__pycache__` that may be older than the source."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> types.CodeType:
        """Return the compiled source."""
        return compile(self._source, self.path, "exec", dont_inherit=True)


def _module_from_file(path: Path) -> types.ModuleType:
    """Import a Python file as a module whose name depends on its path and content."""
    if not path.is_file():
        raise UserError(f"the file {path} does not exist")
    check_unicode(path)
    source = path.read_bytes()
    content = hashlib.sha256(source).hexdigest()
    # The hash distinguishes files of the same name. The module must be in sys.modules, because typing resolves
    # annotations through its name.
    name = (
        f"{path.stem}_{hashlib.sha256(f'{path.resolve()} {content}'.encode(errors='surrogateescape')).hexdigest()[:12]}"
    )
    if name in sys.modules:
        return sys.modules[name]
    if str(path.resolve().parent) not in sys.path:
        sys.path.append(str(path.resolve().parent))  # stays in sys.path, because functions may import files when called
    spec = importlib.util.spec_from_file_location(name, path, loader=_SourceLoader(name, str(path), source))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    setattr(module, SHA256_ATTRIBUTE, content)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        del sys.modules[name]
        raise UserError(f"{error.filename}, line {error.lineno}: Python syntax error ({error.msg})") from None
    except UserError:
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        description = _describe_exception(error)
        del sys.modules[name]
        missing = explain_missing_module(error, path.name) if isinstance(error, ModuleNotFoundError) else None
        raise UserError(f"{path} cannot be imported: {description}{f'; {missing}' if missing else ''}") from error
    return module


def file_sha256(definition: Any) -> str | None:
    """Return the sha256 of the FILE.py that defines a class or function, or None if it comes from an installed package."""
    return read_module_sha256(sys.modules.get(getattr(definition, "__module__", None) or ""))


def read_module_sha256(module: types.ModuleType | None) -> str | None:
    """Return the sha256 of the FILE.py from which a module was loaded, or None for any other module."""
    digest: str | None = getattr(module, "__dict__", {}).get(SHA256_ATTRIBUTE)
    return digest


def imported_files(folder: Path) -> list[Path]:
    """Return the sorted Python files in a folder, not in its subfolders, that this process has imported."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    # Some modules of torch have a relative path as their __file__, which does not name a file on disk.
    paths = {Path(file) for file in files if isinstance(file, str) and Path(file).is_absolute()}
    return [path for path in sorted(paths) if path.suffix == ".py" and path.resolve().parent == folder]


def code_version(name: str, group: str) -> str | None:
    """Return a text that identifies the version of the code of a plugin or of a user's object.

    For FILE.py:NAME it is `sha256:` and the digest of the file and of all loaded modules in the same folder. For an
    installed package it is the name and version of the distribution, or None if no distribution contains the package.
    """
    reference = plugins(group).get(name, name)
    module = reference.rpartition(":")[0]
    if module.endswith(".py"):
        load(reference)
        folder = Path(module).expanduser().resolve().parent
        content = [path.read_bytes() for path in imported_files(folder)]
        return f"sha256:{hashlib.sha256(b''.join(content)).hexdigest()}"
    package = module.partition(".")[0]
    return ", ".join(f"{d} {version(d)}" for d in sorted(set(packages_distributions().get(package, ())))) or None


def _attribute(module: types.ModuleType, attribute: str, reference: str) -> Any:
    """Return a dotted attribute of a module, or raise UnknownName."""
    try:
        return attrgetter(attribute)(module)
    except AttributeError:
        public = [name for name in vars(module) if not name.startswith("_")]
        raise UnknownName(f"object in {reference.rpartition(':')[0]}", attribute, public) from None


def resolve(name: str, table: Mapping[str, str], group: str, kind: str, hint: str = "") -> Any:
    """Return the object that a name refers to: an entry of a table, otherwise a plugin, otherwise a reference.

    Args:
        name: A built-in name, the name of a plugin, or a reference as accepted by `load`.
        table: The built-in names with their references.
        group: The entry-point group of plugins, without the prefix `observers.`.
        kind: The kind of object, such as "observer", for error messages.
        hint: A sentence to add to the message about an unknown name.

    Returns:
        The imported object.

    Raises:
        UnknownName: If the name is neither in the table nor a plugin nor a reference.
        UserError: If the object cannot be imported (see `load`).
    """
    if name.endswith(".py"):
        raise UserError(f"{name} does not say which {kind} to use: write {name}:NAME")
    reference = table.get(name) or plugins(group).get(name) or (name if ":" in name else None)
    if reference is None:
        file_hint = f"Your own {kind} is given as FILE.py:NAME. {hint}".rstrip()
        raise UnknownName(kind, name, [*table, *plugins(group)], file_hint)
    return load(reference, f"{kind} {name}")


def check_three_parameters(function: object, name: str, signature: str) -> None:
    """Raise UserError unless `function` is a function that accepts at least three positional arguments.

    `signature` describes the expected function in the message, such as "(image, level, rng) -> image".
    """
    try:
        if not inspect.isroutine(function):
            raise TypeError
        parameters = inspect.signature(function).parameters.values()
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if len(positional) < 3 and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
            raise TypeError
    except (TypeError, ValueError):
        raise UserError(f"{name} has the wrong form: expected a function {signature}") from None


def wrap_user_function(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function that calls a user's function and turns its exceptions into a StimulusError with file and line.

    UserError and MemoryError are passed through unchanged.
    """

    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (UserError, MemoryError):
            raise
        except Exception as error:
            raise StimulusError(f"{strip_folder(name)} failed: {_describe_exception(error)}") from error

    return call


def _describe_exception(error: BaseException) -> str:
    """Return type, message, file and line of an exception; the line is the innermost one in a user's file, if any."""
    user_files = {
        module.__file__ for module in list(sys.modules.values()) if SHA256_ATTRIBUTE in getattr(module, "__dict__", {})
    }
    frames = traceback.extract_tb(error.__traceback__)
    origin = next((frame for frame in reversed(frames) if frame.filename in user_files), frames[-1])
    return f"{type(error).__name__}: {error} ({Path(origin.filename).name}, line {origin.lineno})"
