"""Make an experiment from its name. `experiments.sets.catalog` is the table of the built-in experiments."""

from pathlib import Path

from attrs import evolve

from core.errors import StimulusError
from core.options import options_of
from core.plugins import load, plugins, resolve
from experiments.experiment import Experiment
from experiments.sets.catalog import EXPERIMENTS, images_on_disk
from experiments.sets.folder import from_folder
from observers.instructions import parse_instruction
from stimuli.build.set_record import MANIFEST
from stimuli.image_files import SUFFIXES


def folder_note(name: str) -> str:
    """Return a note if a name means a built-in experiment although there is a folder of other images with this name, or "".

    The note is omitted if the current folder is the folder of the published images.
    """
    folder, row = Path(name), EXPERIMENTS.get(name)
    if row is None or not folder.is_dir():
        return ""
    published = images_on_disk(row)
    if published is not None and published.exists() and published.samefile(folder):
        return ""
    if not (folder / MANIFEST).is_file() and not any(
        file.suffix.lower() in SUFFIXES for pattern in ("*", "*/*", "*/*/*") for file in folder.glob(pattern)
    ):
        return ""
    return (
        f"{name} is the built-in experiment, not the folder {name} in the current folder: rename the folder to use it"
    )


def make_experiment(name: str | Path, *, instruction: str | None = None) -> Experiment:
    """Make an experiment by name.

    Args:
        name: A published dataset ("cue-conflict"), a built-in experiment ("drawn-cue-conflict"), the name of a plugin, a
            folder of images, "module:attribute", or "FILE.py:NAME" of an Experiment or a function that returns one.
        instruction: The question about each image: "object", "shape", "texture" or your own text. None for the question
            of the experiment, which is that of "object" for all built-in experiments.

    Returns:
        The experiment. Drawn stimuli are drawn into the cache when they are used for the first time.

    Raises:
        UnknownName: If the experiment does not exist.
        StimulusError: If the images are missing or damaged, or if the name does not refer to an experiment.
        UserError: If the module or file cannot be imported, or if the instruction is not valid.

    Example:
        >>> experiment = make_experiment("drawn-cue-conflict")
        >>> len(experiment.stimuli), len(experiment.choices)
        (256, 16)
    """
    name = str(name)
    row = EXPERIMENTS.get(name)
    if row is not None:
        experiment = load(row.reference)(**row.options)
    elif name and Path(name).is_dir() and name not in plugins("experiments"):
        experiment = from_folder(Path(name))
    else:
        references = {row.name: row.reference for row in EXPERIMENTS.values()}
        target = resolve(name, references, "experiments", "experiment")
        required = [o.name for o in options_of(target).values() if o.required] if callable(target) else []
        if required:
            raise StimulusError(
                f"{name} has the required parameters {', '.join(required)}: expected an Experiment, or a function that can "
                f"be called without arguments"
            )
        experiment = target() if callable(target) else target
    if not isinstance(experiment, Experiment):
        raise StimulusError(f"{name} is not an Experiment but {type(experiment).__name__}")
    return experiment if instruction is None else evolve(experiment, instruction=parse_instruction(instruction))
