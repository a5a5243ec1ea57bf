"""The folder of a trained model: weights in float16, and a model card that documents the training."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from attrs import asdict
from safetensors.torch import load_file, save_file

from observers.microcosm.training.icons import VERSION, list_credits, load_training_shapes
from observers.protocol import ObserverError
from observers.training.training_checkpoint import Row, saved_curve

CARD_NAME = "README.md"
N_CURVE_ROWS = 12  # approximate number of rows of a learning curve in the card
PACKAGES = ("torch", "diffusers", "transformers", "numpy")


def prepare_folders(name: str, out: Path, checkpoints: Path) -> None:
    """Create the folder of a model, with a preliminary card, and the folder of its training checkpoints.

    Args:
        name: Name of the model.
        out: Folder of the model.
        checkpoints: Folder of the training checkpoints.

    Raises:
        ObserverError: If `out` contains something other than a model of this name.
    """
    card = out / CARD_NAME
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ObserverError(f"{out} is a file or a symbolic link: choose a folder for the model")
    if not card.is_file() and out.is_dir() and any(out.iterdir()):
        raise ObserverError(f"{out} contains something other than a trained model: choose a new or an empty folder")
    if card.is_file() and card.read_text("utf-8", "replace").partition("\n")[0] != f"# {name}":
        raise ObserverError(f"{out} contains something other than a trained {name}: choose a new or an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    checkpoints.mkdir(exist_ok=True)
    if not card.is_file():
        card.write_text(f"# {name}\n\nTraining has not finished. Run the same command again to continue.\n", "utf-8")


def finish_model(
    name: str,
    command: str,
    out: Path,
    checkpoints: Path,
    settings: Mapping[str, Any],
    n_images: int,
    seed: int,
    icons: Path | None,
) -> None:
    """Convert the weights of a newly trained model to float16, and write the model card.

    Args:
        name: Name of the model.
        command: The command that trained the model.
        out: Folder of the model.
        checkpoints: Folder of the training checkpoints.
        settings: Training settings, one attrs object for each part of the model, by the name of the part.
        n_images: Number of training images.
        seed: Random seed of the training images.
        icons: Archive of icons. By default it is downloaded.
    """
    for path in sorted(out.rglob("*.safetensors")):
        _convert_to_float16(path)
    shapes = load_training_shapes(icons)[0]
    lines = [
        f"# {name}", "",
        "A model of the microcosm, a synthetic data set of drawn objects of sixteen categories. Both shape and texture "
        "identify the category.",
        f"It was trained with `{command}`. Results are in docs/microcosm.md.", "",
        f"- training data: {n_images:,} images with seed {seed} of {len(shapes):,} icons (Iconify {VERSION})",
        f"- weights in float16, sha256 {weights_sha256(out)}",
        f"- software: {', '.join(f'{package} {version(package)}' for package in PACKAGES)}; "
        f"number of threads: {torch.get_num_threads()}",
    ]  # fmt: skip
    for part, part_settings in settings.items():
        values = ", ".join(f"{key} {value}" for key, value in asdict(part_settings).items())
        lines += ["", f"## {part}", "", values, "", "| step or epoch | loss | seconds |", "| --- | --- | --- |"]
        rows = _thin_out(saved_curve(checkpoints / f"{part}.pt"))
        lines += [f"| {' | '.join(map(str, [*row, ''][:3]))} |" for row in rows]
    lines += ["", "## Icons", "", "The training shapes are icons of these sets. Thanks to their authors.", ""]
    lines += [f"- {credit}" for credit in list_credits(shapes, icons)]
    (out / CARD_NAME).write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def weights_sha256(folder: Path) -> str:
    """Return the sha256 over the safetensors files of a folder in order of their paths."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _convert_to_float16(path: Path) -> None:
    weights = {key: value.half() if value.is_floating_point() else value for key, value in load_file(path).items()}
    save_file(weights, path, {"format": "pt"})


def _thin_out(rows: list[Row]) -> list[Row]:
    """Return about N_CURVE_ROWS evenly spaced rows, always including the last row."""
    interval = max(1, len(rows) // N_CURVE_ROWS)
    return rows[interval - 1 :: interval] + ([] if len(rows) % interval == 0 else rows[-1:])
