"""Make an observer from its name, and return its options.

The name of an observer is `NAME`, or `SCHEME:ARGUMENT` for a family with many members (`hf:microsoft/resnet-50`), as the
table in `observers.catalog` lists them. `core.plugins` describes the other forms: plugins, `module:attribute` and
`FILE.py:NAME`. If the argument of a scheme that loads weights is a path (`hf:./folder`), the weights in this folder are
loaded.
"""

import hashlib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from core.entries import Entry
from core.extras import require_extra
from core.options import Option, call_with_options, options_of, parse_options
from core.plugins import load, resolve
from observers.catalog import OBSERVERS, SCHEMES
from observers.protocol import KINDS, Observer, ObserverError
from observers.spec import ObserverSpec

_GENERATIVE_CLASSIFIER = "observers.generative.classifier:GenerativeClassifier"


@frozen
class _Definition:
    """What the name of an observer stands for.

    Attributes:
        target: The class or function that makes the observer, or the observer itself.
        types: Classes of parameters of `target` that are annotated with a protocol.
        options: All options of `target`, with the defaults of the observer's row.
        values: Values of options that the name determines. Users can change the defaults of the row, but not the options
            in `fixed`.
        fixed: Names of the options that users cannot change, because the name determines them or the observer ignores
            them.
    """

    target: Any
    types: Mapping[str, type]
    options: Mapping[str, Option]
    values: Mapping[str, Any]
    fixed: tuple[str, ...] = ()

    def free_options(self) -> dict[str, Option]:
        """Return the options that users can set."""
        return {name: option for name, option in self.options.items() if name not in self.fixed}


def make_observer(name: str | ObserverSpec, options: Mapping[str, Any] | None = None, /, **values: Any) -> Observer:
    """Make an observer by name, or from its description.

    Args:
        name: A built-in name ("sd14"), the name of a plugin, a scheme with its argument ("hf:microsoft/resnet-50", or
            "hf:./folder" for a local folder), "module:attribute", or "FILE.py:NAME"; or an `ObserverSpec`, which has the
            options as well.
        options: Options by name, as text. Each text is converted to the type that the observer's class declares. Values
            that are not text are treated like `values`.
        **values: Options by name, as Python values of the types that the observer's class declares.

    Returns:
        The observer. Its weights are loaded when it responds to its first trial.

    Raises:
        UnknownName: If the observer does not exist, or does not have one of the options.
        ObserverError: If the name refers to an object that lacks a name, a kind or `observe`, or to an object that already
            exists although options are given, or to a folder that does not exist, or if FILE.py is another file than that
            of the description.
        MissingExtra: If the observer is a model and a package of the extra `models` is missing.
        UserError: If an option is missing or does not have its type.

    Example:
        >>> make_observer("biased", shape_bias=0.9, seed=3)
        >>> make_observer("hf:microsoft/resnet-50", {"whole": "true"})
    """
    if isinstance(name, ObserverSpec):
        spec = name
        if spec.file_sha256 is not None:
            _check_file(spec.name, spec.file_sha256)
        name, options = spec.name, {**spec.options, **(options or {})}
    if not isinstance(name, str):
        raise ObserverError(f'the name of an observer is text, such as "biased"; got {name!r:.80}')
    if options is not None and not isinstance(options, Mapping):
        raise ObserverError(f'options of {name} are a mapping, such as {{"seed": "3"}}; got {options!r:.80}')
    definition = _define(name)
    if not callable(definition.target):
        observer = definition.target
        if options or values:
            raise ObserverError(
                f"{name} takes no options, because it is a finished object: omit -o, or name a class or function"
            )
    else:
        chosen = parse_options(definition.free_options(), name, options or {}, values)
        observer = call_with_options(
            definition.target, definition.options, {**definition.values, **chosen}, definition.types
        )
    if not isinstance(observer, Observer) or observer.kind not in KINDS:
        kind = getattr(observer, "kind", None)
        problem = f", but its kind is {kind!r:.80}" if isinstance(observer, Observer) else ""
        raise ObserverError(
            f"{name} is not an observer: expected an object with a name, a kind ({', '.join(KINDS)}) and observe(trials)"
            f"{problem}"
        )
    return observer


def make_observers(
    names: Sequence[str], options: Mapping[str, str], *, notify: Callable[[str], None] = lambda sentence: None
) -> list[Observer]:
    """Make several observers, and pass each option to the observers that have it.

    Args:
        names: Names as for `make_observer`.
        options: Options by name, as text (see `make_specs`).
        notify: Function that is called with a sentence for each option that only some of the observers have.

    Raises:
        UnknownName, ObserverError, UserError: If `make_specs` or `make_observer` raises the error for one of the observers.

    Returns:
        The observers in the order of the names.
    """
    return [make_observer(spec) for spec in make_specs(names, options, notify=notify)]


def make_specs(
    names: Sequence[str], options: Mapping[str, str], *, notify: Callable[[str], None] = lambda sentence: None
) -> list[ObserverSpec]:
    """Return the descriptions of several observers, each with the options that it has.

    Args:
        names: Names as for `make_observer`.
        options: Options by name, as text. An option that none of the observers has is passed to all of them, so that
            the first observer raises an error that lists the options of this observer.
        notify: Function that is called with a sentence for each option that only some of the observers have.

    Returns:
        The descriptions in the order of the names, with the SHA-256 of FILE.py.

    Raises:
        UnknownName: If an observer does not exist.
        UserError: If its class cannot be imported.
    """
    takers = {key: [name for name in names if accepts_option(name, key)] for key in options}
    for key, accepting in takers.items():
        if accepting and len(accepting) < len(names):
            verb = "has" if len(accepting) == 1 else "have"
            notify(f"only {', '.join(accepting)} {verb} the option {key}")
    return [
        ObserverSpec(
            name,
            {key: value for key, value in options.items() if name in (takers[key] or names)},
            _sha256_of_file(name),
        )
        for name in names
    ]


def _sha256_of_file(name: str) -> str | None:
    """Return the SHA-256 of the file in FILE.py:NAME, or None for other names."""
    path = Path(name.rpartition(":")[0]).expanduser()
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.suffix == ".py" and path.is_file() else None


def _check_file(name: str, sha256: str) -> None:
    """Raise ObserverError unless the file in FILE.py:NAME has this SHA-256. The file is not imported."""
    path = Path(name.rpartition(":")[0]).expanduser()
    try:
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ObserverError(f"{name}: {path} cannot be read ({error.strerror}): put the file there") from None
    if actual != sha256:
        raise ObserverError(
            f"{path} has changed: its SHA-256 begins with {actual[:12]}, expected {sha256[:12]}; restore the file, or start "
            f"a new session"
        )


def accepts_option(name: str, option: str) -> bool:
    """Return whether the observer of that name has this option. Raises UnknownName if the observer does not exist."""
    return option in options_of_observer(name)


def options_of_observer(name: str) -> dict[str, Option]:
    """Return the options of the observer of that name, with its defaults.

    Args:
        name: A name as for `make_observer`. The argument of a scheme may be any text, such as "REPOSITORY".

    Returns:
        The options by name, without those that the argument of a scheme determines. Empty if the name is that of
            an object that is already an observer.

    Raises:
        UnknownName: If the observer does not exist.
        UserError: If its class cannot be imported.

    Example:
        >>> options_of_observer("hf:REPOSITORY")["batch_size"].default
        32
    """
    return _define(name).free_options()


def find_row(name: str) -> Entry | None:
    """Return the row of a built-in observer, or of the scheme in a name such as hf:microsoft/resnet-50; None for others."""
    scheme, _, argument = name.partition(":")
    return OBSERVERS.get(name) or (SCHEMES.get(scheme) if argument else None)


def _define(name: str) -> _Definition:
    """Look up what the name of an observer stands for."""
    argument = name.partition(":")[2]
    row = find_row(name)
    if row is None and name.rstrip(":") in SCHEMES:
        raise ObserverError(
            f"{name} is incomplete: name the model or file as {name.rstrip(':')}:NAME (see `observers list observers`)"
        )
    if row is not None and "models" in row.needs:
        require_extra("models", f"observer {name}")
    target = load(row.reference) if row is not None else _resolve(name)
    if not callable(target):
        return _Definition(target, {}, {}, {})
    types: dict[str, type] = {}
    hidden = () if getattr(target, "takes_prompts", True) else ("template",)
    if _is_likelihood(target):
        target, types = load(_GENERATIVE_CLASSIFIER), {"likelihood": target}
    options = options_of(target, types=types)
    values = dict(row.options) if row is not None else {}
    if "model" in values:  # otherwise the name of the observer would be that of the repository
        values["name"] = name
    fixed: dict[str, Any] = {}
    if row is not None and ":" in row.name:
        is_folder = {"model", "weights"} <= options.keys() and _is_path(argument)
        fixed = _local_folder(name, argument) if is_folder else {next(iter(options)): argument}
        if types:
            values["name"] = str(fixed["model"]).rstrip("/").rpartition("/")[2]
    values |= fixed
    options |= {n: evolve(options[n], default=value, required=False) for n, value in values.items()}
    return _Definition(target, types, options, values, (*fixed, *hidden))


def _resolve(name: str) -> Any:
    """Return the class, function or object of a name that is not built in."""
    hint = f"A model or recording is named {', '.join(f'{scheme}:NAME' for scheme in SCHEMES)}."
    table = {name: row.reference for name, row in OBSERVERS.items() if ":" not in name}
    return resolve(name, table, "observers", "observer", hint)


def _is_likelihood(target: object) -> bool:
    """Return whether a class is a `Likelihood` of `observers.generative.likelihood`, which cannot respond on its own."""
    return inspect.isclass(target) and hasattr(target, "scorer") and not hasattr(target, "observe")


def _is_path(argument: str) -> bool:
    """Return whether the argument of a scheme is the path of a folder, such as ./folder, and not the name of a model."""
    return argument.startswith((".", "~")) or Path(argument).is_absolute()


def _local_folder(name: str, path: str) -> dict[str, Any]:
    """Return the options that load the weights in a local folder, whose name becomes the name of the model.

    The path may contain the name of a user, so it must not become part of a log. The option `weights` does not: a session
    records only the name of its folder.
    """
    folder = Path(os.path.abspath(os.path.expanduser(path)))  # not resolve(), which would follow links to other names
    if folder.is_file():
        raise ObserverError(
            f"{name}: {folder} is a file: give the folder that contains the weights and their config.json"
        )
    if not folder.is_dir():
        raise ObserverError(
            f"{name}: the folder {folder} does not exist: give an existing folder of weights, or write OWNER/NAME for a "
            f"repository on the Hugging Face Hub"
        )
    return {"model": folder.name, "weights": folder}
