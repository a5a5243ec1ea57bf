"""Training checkpoints: one file with the learning curve and everything that is needed to resume a training run.

The learning curve is also written to a CSV file next to the checkpoint.
"""

import csv
import io
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from core.atomic import replacing, write_atomically
from observers.protocol import ObserverError

Row = list[int | str]  # a row of the learning curve: step or epoch, loss, and for some models the seconds so far
_LABELS = {
    "given": "training data",
    "n_pictures": "number of training images",
}  # names of these settings in error messages


def save_checkpoint(path: Path, settings: Mapping[str, Any], state: Mapping[str, Any], curve: list[Row]) -> None:
    """Write a checkpoint, and the learning curve as a CSV file next to it. Both replace earlier files.

    Args:
        path: The checkpoint file.
        settings: The settings of the training run. `resume_from_checkpoint` compares them.
        state: State dicts and other objects that `torch.load` reads with `weights_only`.
        curve: The learning curve so far.

    Raises:
        ObserverError: If the file cannot be written.
    """
    try:
        with replacing(path, shared=True) as partial:
            torch.save({**state, "settings": dict(settings), "curve": curve}, partial)
    except RuntimeError as error:  # torch raises RuntimeError if the disk is full
        raise ObserverError(
            f"{path} cannot be written ({str(error)[:200]}): free some disk space, then run the same command again"
        ) from None
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(curve)
    write_atomically(path.with_suffix(".csv"), text.getvalue().encode())


def saved_curve(path: Path) -> list[Row]:
    """Return the learning curve that is stored in a checkpoint."""
    return list(torch.load(path, map_location="cpu", weights_only=True)["curve"])


def resume_from_checkpoint(
    path: Path, settings: Mapping[str, Any], load: Callable[[dict[str, Any]], None]
) -> list[Row]:
    """Restore the state of a training run from a checkpoint, if there is one.

    Args:
        path: The checkpoint file. It need not exist.
        settings: The settings of this training run. They must equal those in the checkpoint.
        load: Function that is called with the content of the checkpoint, to restore the networks, the optimizer and so
            on.

    Returns:
        The learning curve so far, which is empty if the file does not exist.

    Raises:
        ObserverError: If the file is damaged, or was made with other settings or by another network.
    """
    if not path.is_file():
        return []
    remedy = "choose another folder, or delete this file"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved_settings, curve = dict(state["settings"]), list(state["curve"])
    except (EOFError, pickle.UnpicklingError, RuntimeError, LookupError, TypeError, ValueError, struct.error):
        raise ObserverError(f"{path} is damaged or is not a training checkpoint: {remedy}") from None
    different = [_LABELS.get(key, key) for key, value in settings.items() if saved_settings.get(key) != value]
    if different:
        raise ObserverError(f"{path} was made with different settings ({', '.join(different)}): {remedy}")
    try:
        load(state)
    except (LookupError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ObserverError(f"{path} was made by a different network ({reason}): {remedy}") from None
    return curve
