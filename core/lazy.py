"""Public names of a package that are loaded on first use, so that importing the package alone takes almost no time.

The file `__init__.pyi` of a package lists its public names, one per line, as `from package.module import name as name`. Type
checkers and editors read this file, and `attach` offers the same names when the program runs. The library lazy-loader works
in the same way, but it accepts only relative imports, which this project does not use.

A public name must differ from the names of the modules in the package, because importing a module of the same name would
replace the function or class.
"""

from collections.abc import Callable
from importlib import import_module


def attach(package: str, file: str) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package.

    Args:
        package: The name of the package, `__name__`.
        file: The file of the package, `__file__`; the names are in the `.pyi` file beside it.
    """
    modules = {}
    with open(f"{file.removesuffix('.py')}.pyi", encoding="utf-8") as stub:
        for line in stub:
            match line.split():
                case ["from", module, "import", name, "as", alias] if name == alias:
                    modules[name] = module

    def load(name: str) -> object:
        """Import the module of a public name and return the function, class or constant.

        Raises MissingExtra if the module imports a package of an extra that is not installed.
        """
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(import_module(modules[name]), name)
        except ModuleNotFoundError as error:
            from core.extras import MissingExtra, explain_missing_module  # importing a package loads only this module

            if sentence := explain_missing_module(error, f"{package}.{name}"):
                raise MissingExtra(sentence) from None
            raise

    return load, lambda: sorted(modules), sorted(modules)
