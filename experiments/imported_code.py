"""The digest of the files that a user's FILE.py imports from its folder, so that a change of them is noticed."""

import ast
import hashlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.plugins import SHA256_ATTRIBUTE, read_module_sha256

_FILE_SHA256 = "__observers_file_sha256__"  # attribute of a module that FILE.py imports: the digest of its file


def imported_sha256(definition: Any) -> str | None:
    """Return the sha256 of the user's files, other than FILE.py, on which a class or function of FILE.py depends.

    These are the files in the folder of FILE.py that it imports at its top level, and those that they import in turn. If the
    class or function itself is defined in one of them, FILE.py is not part of the digest, because its code does not matter.

    Args:
        definition: A class or function.

    Returns:
        The digest of the names and contents of the files, or None if the file does not import any.
    """
    root = sys.modules.get(getattr(definition, "__module__", None) or "")
    folder = None if root is None else _folder_of(root)
    own = [module for module in list(sys.modules.values()) if read_module_sha256(module) is not None]
    if root is None or folder is None or all(_folder_of(module) != folder for module in own):
        return None
    modules, waiting = {root.__name__: root}, [root]
    while waiting:
        for name in _imported_names(waiting.pop()):
            module = sys.modules.get(name)
            if module is not None and name not in modules and _folder_of(module) == folder:
                modules[name] = module
                waiting.append(module)
    files = {name: _digest(module) for name, module in modules.items() if SHA256_ATTRIBUTE not in vars(module)}
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest() if files else None


def _folder_of(module: types.ModuleType) -> Path | None:
    """Return the folder of the Python file of a module, or None if it was not loaded from such a file."""
    file = getattr(module, "__file__", None)
    is_python = isinstance(file, str) and file.endswith(".py") and Path(file).is_file()
    return Path(file).resolve().parent if is_python and isinstance(file, str) else None


def _imported_names(module: types.ModuleType) -> Iterator[str]:
    """Yield the names of the modules that a module imports at its top level, also within `if` and `try`."""
    try:
        waiting: list[ast.AST] = [ast.parse(Path(str(module.__file__)).read_bytes())]
    except (OSError, SyntaxError, ValueError):  # the file has been removed or changed since it was imported
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _digest(module: types.ModuleType) -> str:
    """Return the sha256 of the file of a module, as it was when this function was first called."""
    if _FILE_SHA256 not in vars(module):
        setattr(module, _FILE_SHA256, hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest())
    return str(vars(module)[_FILE_SHA256])
