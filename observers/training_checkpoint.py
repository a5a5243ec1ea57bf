"""What it takes to go on with a training, and its curve, in one file; the curve is in a CSV beside for people too."""

import csv
import io
import os
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from observers.protocol import ObserverError
from stimuli.atomic import write_atomically

Row = list[int | str]


def save_checkpoint(path: Path, settings: Mapping[str, Any], state: Mapping[str, Any], curve: list[Row]) -> None:
    """Replace what was kept at the path, and the CSV beside it. Raises ObserverError where it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        torch.save({**state, "settings": dict(settings), "curve": curve}, partial)
        partial.replace(path)
    except RuntimeError as error:  # so torch says that the disk is full
        raise ObserverError(
            f"{path} cannot be written ({str(error)[:200]}): make room, then run the same command again"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(curve)
    write_atomically(path.with_suffix(".csv"), text.getvalue().encode())


def saved_curve(path: Path) -> list[Row]:
    """Of the training kept there."""
    return list(torch.load(path, map_location="cpu", weights_only=True)["curve"])


def resume_from_checkpoint(
    path: Path, settings: Mapping[str, Any], load: Callable[[dict[str, Any]], None]
) -> list[Row]:
    """Have `load` take what was kept, and give the curve, which is empty where nothing was.

    Raises ObserverError where it is of other settings, or where it does not fit.
    """
    if not path.is_file():
        return []
    other = "name another folder, or remove it"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        was, curve = dict(state["settings"]), list(state["curve"])
    except (EOFError, pickle.UnpicklingError, RuntimeError, LookupError, TypeError, ValueError, struct.error):
        raise ObserverError(f"{path} is damaged, or no state of a training: {other}") from None
    differs = [key for key, value in settings.items() if was.get(key) != value]
    if differs:
        raise ObserverError(f"{path} is of a training with another {', '.join(differs)}: {other}")
    try:
        load(state)
    except (LookupError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ObserverError(f"{path} is of another network ({reason}): {other}") from None
    return curve
