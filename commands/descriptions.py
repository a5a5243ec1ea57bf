"""Collect what `observers show` prints about an observer, an experiment or a distortion.

Built-in objects are described by their rows in the tables, which can be read without importing the object. Plugins, folders
of images and `FILE.py:NAME` are imported or read.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from core.errors import UnknownName, UserError
from core.extras import MissingExtra, install_command, require_extra
from core.options import Option, describe_type, options_of
from core.plugins import load, plugins
from experiments.experiment import Experiment, default_n_blocks
from experiments.sets.catalog import EXPERIMENTS, ExperimentEntry, images_on_disk
from experiments.sets.registry import make_experiment
from observers.catalog import OBSERVERS, SCHEMES
from observers.protocol import Observer
from observers.registry import find_row, options_of_observer
from stimuli.distort.catalog import DISTORTIONS
from stimuli.published.datasets import DATASETS
from stimuli.published.included import find_included, sidecar_of
from stimuli.published.recordings import Recorded, published_recordings, recorded_name, recordings_on_disk


@frozen
class Description:
    """What `observers show` prints about one object.

    Attributes:
        kind: "observer", "experiment" or "distortion".
        name: Name of the object.
        facts: Facts by their labels, such as "license". A fact is a text, a number, a list of texts, or a mapping of texts.
        options: The options that `-o` sets.
        examples: Commands that users can type.
    """

    kind: str
    name: str
    facts: Mapping[str, Any]
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = field(default=())


def describe(name: str) -> list[Description]:
    """Describe everything that a name stands for: an observer, an experiment, a distortion, or several of them.

    Raises:
        UnknownName: If the name does not exist; the message suggests similar names.
        UserError: If a plugin or a user's object of this name cannot be imported.
    """
    descriptions = []
    if find_row(name) or name.rstrip(":") in SCHEMES or name in OBSERVERS or name in plugins("observers"):
        descriptions.append(describe_observer(name.rstrip(":")))
    if name in EXPERIMENTS or name in plugins("experiments"):
        descriptions.append(describe_experiment(name))
    if name in DISTORTIONS or name in plugins("distortions"):
        descriptions.append(describe_distortion(name))
    if descriptions:
        return descriptions
    if name and Path(name).is_dir():
        return [describe_experiment(name)]
    if ":" in name and not name.endswith(".py"):
        return [_describe_reference(name)]
    known = [*OBSERVERS, *SCHEMES, *EXPERIMENTS, *DISTORTIONS]
    known += [plugin for group in ("observers", "experiments", "distortions") for plugin in plugins(group)]
    raise UnknownName(
        "observer, experiment or distortion", name, known, "`observers list` shows all names; your own is FILE.py:NAME."
    )


def _describe_reference(name: str) -> Description:
    """Describe a user's object `FILE.py:NAME` or `module:NAME`, whose kind follows from the object itself."""
    target = load(name)
    if isinstance(target, Experiment):
        return describe_experiment(name)
    if inspect.isroutine(target):
        parameters = inspect.signature(target).parameters.values()
        required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        if len(required) == 3:
            return describe_distortion(name)
        if not required and isinstance(target(), Experiment):
            return describe_experiment(name)
    elif not callable(target) and not isinstance(target, Observer):
        raise UserError(
            f"{name} is of the type {type(target).__name__}: expected an observer, an experiment or a distortion, or a "
            f"class or function that makes one"
        )
    return describe_observer(name)


def describe_observer(name: str) -> Description:
    """Describe an observer, or a scheme, which is the prefix of the names of a family of observers, such as hf."""
    row = find_row(name) or SCHEMES.get(name)
    full_name = name if row is None or ":" in name or ":" not in row.name else row.name
    facts: dict[str, Any] = {}
    options: tuple[Option, ...] = ()
    try:
        options = tuple(options_of_observer(full_name).values())
    except UserError as error:
        if row is None:
            raise
        facts["note"] = f"its options cannot be shown: {error}"
    if row is None:
        reference = plugins("observers").get(name, name)
        facts = {"description": _first_paragraph(load(reference)), "defined_in": reference}
        example, experiment = name, "drawn-cue-conflict"
    else:
        terms = "; you must accept the terms on the page of the model before the download" if row.gated else ""
        facts = {
            "description": row.description,
            "source": row.source,
            "license": f"{row.license}{terms}",
            "size": row.size and f"about {row.size} to download",
            "needs": "; ".join(_describe_extra(extra) for extra in row.needs),
            **facts,
        }
        is_family = name in (row.name, row.name.partition(":")[0], row.example.split()[0])
        example, experiment = row.example if is_family else name, row.shown_with
    return Description(
        "observer",
        full_name,
        _without_empty(facts),
        options,
        (f"observers run-experiment {experiment} --observer {example}",),
    )


def _describe_extra(extra: str) -> str:
    """Return whether an extra of the installation is installed, and otherwise the command that installs it."""
    try:
        require_extra(extra, f"the extra {extra}")
    except MissingExtra:
        return f"the extra {extra}, of which packages are missing; to install them: {install_command(extra)}"
    return f"the extra {extra}, which is installed"


def describe_experiment(name: str) -> Description:
    """Describe an experiment: a built-in one, a plugin, a folder of images, or a user's object."""
    row = EXPERIMENTS.get(name)
    facts = _facts_of_row(row) if row is not None else _facts_of_experiment(make_experiment(name))
    model = "efficientnet-lite0" if row is None or len(row.choices) > 2 else "clip:openai/clip-vit-base-patch32"
    examples = [f"observers run-experiment {name} --observer {model}", f"observers collect {name}"]
    if row is not None and row.n_people:
        examples.append(f"observers analyze accuracy humans/{name} networks/{name}")
    if find_included("microcosm", name) is not None:
        examples.append(f"observers analyze accuracy microcosm/{name}")
    return Description("experiment", name, _without_empty(facts), examples=tuple(examples))


def _facts_of_row(row: ExperimentEntry) -> dict[str, Any]:
    """Return the facts about a built-in experiment, without reading an image."""
    missing = f"no; to download them: {row.download}" if row.download else "no; they are drawn when they are first used"
    here = {"images": str(images_on_disk(row) or missing)}
    facts: dict[str, Any] = {
        "description": row.description,
        "stimuli": f"{row.n_stimuli:,} images" if row.n_stimuli > 1 else "1 image",
        "choices": list(row.choices),
        "conditions": list(row.conditions) if row.conditions != ("",) else "one",
        "in_benchmark": list(DATASETS[row.name].included()) if row.name in DATASETS and len(row.conditions) > 1 else [],
        "trials": _describe_trials(row.n_stimuli),
    }
    if row.n_people:
        networks = published_recordings("networks", row.name)
        facts |= {
            "people": f"{row.n_people}, each of whom saw all images",
            "networks": [recorded_name(file, row.name) for file in networks],
        }
        here |= {
            "recorded people": _describe_recordings("humans", row.name),
            "recorded networks": _describe_recordings("networks", row.name),
        }
    if (path := find_included("microcosm", row.name)) is not None:
        sidecar = sidecar_of(path)
        n, n_all = sidecar["recording"]["n_trials"], sidecar["recording"]["n_all_trials"]
        here["recorded models"] = f"{n} of {n_all} trials of {', '.join(sidecar['observers'])}: microcosm/{row.name}"
    return facts | {"on_this_machine": here, "source": row.source, "license": row.license}


def _describe_recordings(part: Recorded, dataset: str) -> str:
    """Return how many recordings are on this machine and where they are, or how to get them."""
    here = recordings_on_disk(part, dataset)
    if not here:
        return f"no; to download them: observers fetch {part}"
    return f"{len(here)} {'file' if len(here) == 1 else 'files'} in {here[0].parent}"


def _facts_of_experiment(experiment: Experiment) -> dict[str, Any]:
    """Return the facts about an experiment that is not built in."""
    conditions = list(dict.fromkeys(stimulus.condition for stimulus in experiment.stimuli))
    return {
        "stimuli": f"{len(experiment.stimuli):,} images",
        "choices": list(experiment.choices),
        "conditions": conditions if conditions != [""] else "one",
        "cues": list(experiment.stimuli.cue_names),
        "trials": _describe_trials(len(experiment.stimuli), experiment.n_blocks),
        "images": str(next(iter(experiment.stimuli)).path.parent),
        "license": experiment.stimuli.attribution,
    }


def _describe_trials(n_trials: int, n_blocks: int | None = None) -> str:
    """Return the number of trials and blocks as a phrase."""
    n_blocks = n_blocks or default_n_blocks(n_trials)
    blocks = f"{n_blocks} blocks" if n_blocks > 1 else "one block"
    return f"{n_trials:,}, in {blocks}; every image is shown once, in random order"


def describe_distortion(name: str) -> Description:
    """Describe a distortion: a built-in one, a plugin, or a user's function."""
    row = DISTORTIONS.get(name)
    reference = row.reference if row is not None else plugins("distortions").get(name, name)
    function = load(reference)
    if row is not None:
        facts = {
            "description": row.description,
            "formula": row.formula,
            "levels": row.level_format,
            "conditions": list(row.conditions) if row.conditions != ("",) else "one, without a name",
            "source": row.source,
        }
    else:
        facts = {"description": _first_paragraph(function), "defined_in": reference}
    levels = "" if row is not None else " --levels 1,2"
    return Description(
        "distortion",
        name,
        _without_empty(facts),
        tuple(options_of(function, n_positional=3).values()),
        (
            f"observers make-stimuli {name} PHOTOS OUT{levels}",
            f"observers show-stimuli {name} PHOTO.png{levels}",
        ),
    )


def _first_paragraph(definition: Callable[..., Any]) -> str:
    """Return the first paragraph of the docstring of a class or function on one line."""
    return " ".join((inspect.getdoc(definition) or "").partition("\n\n")[0].split())


def _without_empty(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts whose value is not empty."""
    return {name: value for name, value in facts.items() if value}


def option_facts(option: Option) -> dict[str, Any]:
    """Return an option as texts: its type, its default, and what it means.

    The default is None if the option is required, or if the default depends on other options.
    """
    option_type = describe_type(option.type)
    is_computed = option.default is None and not option_type.endswith(("none", "any value"))
    return {
        "name": option.name,
        "type": option_type,
        "default": None if is_computed or option.required else _format_default(option.default),
        "required": option.required,
        "meaning": option.description,
        "changes_responses": not option.runtime,
    }


def _format_default(value: Any) -> str:
    """Return a default as users would write it after `-o`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(_format_default(part) for part in value)
    return str(value.name if isinstance(value, Path) else value)
