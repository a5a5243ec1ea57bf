"""Shards: parts of a session that independent jobs run, such as the tasks of a SLURM array.

Shard I of N has consecutive trials, which depend only on I, N and the number of trials of the session. Each shard writes a
part log, a CSV file with the rows of its trials, and a sidecar, which also describes the shard:

    <out>/<experiment>/<stem of the log>.shards/003-of-100.csv      the part log
    <out>/<experiment>/<stem of the log>.shards/003-of-100.json     its sidecar

`experiments.running.merging` merges the part logs into one log.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from core.errors import LogError, UserError
from experiments.log import SHARDS

PART_NAME = re.compile(r"([0-9]+)-of-([0-9]+)\.(?:csv|json)")
MAX_SHARDS = 1_000_000
_TEXT = re.compile(r"([0-9]+)/([0-9]+)|auto(?:/([0-9]+))?")

# Pairs of variables with the number of a process, counted from 0, and the number of processes. torchrun and accelerate set
# the first pair. srun sets the second pair; SLURM_NTASKS is also set in a job script that starts a single process.
_RANKS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"))


@frozen
class Shard:
    """One of the parts into which a session is divided.

    Attributes:
        index: Number of the shard; the first one is 1.
        count: Number of shards.

    Raises:
        UserError: If the index is not a number from 1 to the number of shards, or if there are more than MAX_SHARDS.
    """

    index: int
    count: int

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.index <= self.count <= MAX_SHARDS:
            raise UserError(
                f"the shard is {self.index}/{self.count}, expected I/N with I from 1 to N, such as 1/4 for the first of 4, "
                f"and N up to {MAX_SHARDS:,}"
            )

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def indices(self, n_trials: int) -> range:
        """Return the indices of the trials of this shard. With fewer trials than shards, some shards are empty."""
        return range((self.index - 1) * n_trials // self.count, self.index * n_trials // self.count)

    def path(self, log: Path) -> Path:
        """Return the path of the part log, in a folder next to the log of the session."""
        index = str(self.index).zfill(len(str(self.count)))
        return log.with_suffix(SHARDS) / f"{index}-of-{self.count}.csv"

    def describe(self, n_trials: int) -> dict[str, int | None]:
        """Return the entry `shard` of the sidecar."""
        indices = self.indices(n_trials)
        first, last = (indices.start + 1, indices.stop) if indices else (None, None)
        return {"index": self.index, "count": self.count, "first_trial": first, "last_trial": last}


def whole_log(part: Path) -> Path:
    """Return the path of the log of the session to which a part log belongs."""
    return part.parent.with_suffix(".csv")


def check_folder(part: Path, shard: Shard) -> None:
    """Raise LogError if the folder has part logs of another number of shards, or if the log of the session exists."""
    log = whole_log(part)
    if log.exists() and not part.exists():
        raise LogError(
            f"{log} exists already, so shard {shard} of this session is not needed; to run the session again, choose "
            f"another --session or --out"
        )
    counts = {int(match[2]) for path in part.parent.glob("*-of-*") if (match := PART_NAME.fullmatch(path.name))}
    if counts - {shard.count}:
        raise LogError(
            f"{part.parent} has part logs of {min(counts - {shard.count})} shards, but shard {shard} was requested: use the "
            f"same number of shards, or move that folder away"
        )


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a part log, which the sidecar of a complete shard contains."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_part(path: Path, sidecar: Mapping[str, Any], shard: Shard, n_trials: int) -> None:
    """Raise LogError if a part log belongs to another shard, or was changed after its shard was complete."""
    entry = sidecar.get("shard")
    described = {key: value for key, value in entry.items() if key != "sha256"} if isinstance(entry, dict) else None
    if described != shard.describe(n_trials):
        raise LogError(
            f"the sidecar of {path} describes {_name(described)}, expected shard {shard}: restore the original file names, "
            f"or remove both files and run shard {shard} again"
        )
    if sidecar.get("status") == "complete" and entry is not None and entry.get("sha256") != file_digest(path):
        raise LogError(
            f"{path} was changed after its shard was complete: restore the original, or remove it and its .json and run "
            f"shard {shard} again"
        )


def _name(described: Mapping[str, Any] | None) -> str:
    return "no shard" if described is None else f"shard {described.get('index')}/{described.get('count')}"


def array_expression(indices: Sequence[int]) -> str:
    """Return increasing numbers in the syntax of `sbatch --array`, such as "3,7-9"."""
    ranges: list[list[int]] = []
    for index in indices:
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def parse_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """Return the shard that an option describes.

    Args:
        text: "I/N"; or "auto", which takes I and N from the environment; or "auto/N", which takes only I from it.
        environment: The environment variables. "auto" reads SLURM_ARRAY_TASK_ID, or RANK and WORLD_SIZE, or SLURM_PROCID
            and SLURM_STEP_NUM_TASKS.

    Raises:
        UserError: If the text is something else, or if the variables are missing or contradictory.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise UserError(f"the shard is {text!r}, expected I/N, such as 3/100, or auto, or auto/N")
    if match[1]:
        return Shard(int(match[1]), int(match[2]))
    count = int(match[3]) if match[3] else None
    ranks = [pair for pair in _RANKS if environment.get(pair[0]) and (pair[0] == "RANK" or environment.get(pair[1]))]
    if environment.get("SLURM_ARRAY_TASK_ID"):
        for rank, size in ranks:
            if _integer(environment, size) > 1:
                raise UserError(
                    f"SLURM_ARRAY_TASK_ID={environment['SLURM_ARRAY_TASK_ID']} and {rank}={environment[rank]} are both set, "
                    f"expected one of them: start one process in each task of the array, or give --shard I/N"
                )
        return _array_task(count, environment)
    if not ranks:
        raise UserError(
            f"--shard {text} needs SLURM_ARRAY_TASK_ID (sbatch --array), RANK and WORLD_SIZE (torchrun, accelerate), or "
            f"SLURM_PROCID and SLURM_STEP_NUM_TASKS (srun), but none of these variables is set: give --shard I/N"
        )
    rank, size = ranks[0]
    shard = Shard(_integer(environment, rank) + 1, _integer(environment, size))
    if count not in (None, shard.count):
        raise UserError(f"--shard {text} was given, but {size} is {shard.count}: expected the same number")
    return shard


def _array_task(count: int | None, environment: Mapping[str, str]) -> Shard:
    """Return the shard of a task of a SLURM array."""
    index = _integer(environment, "SLURM_ARRAY_TASK_ID")
    if count is None:
        first, last, count = (_integer(environment, f"SLURM_ARRAY_TASK_{name}") for name in ("MIN", "MAX", "COUNT"))
        if first != 1 or last != count:
            raise UserError(
                f"this array has {count} tasks from {first} to {last}, so the number of shards is unknown, because it may "
                f"be a part of another array: give the number of shards, as in --shard auto/{max(last, count)}"
            )
    if not 1 <= index <= count:
        raise UserError(
            f"SLURM_ARRAY_TASK_ID is {index}, expected a number from 1 to {count}: submit with --array=1-{count}"
        )
    return Shard(index, count)


def _integer(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "")
    if not re.fullmatch("[0-9]+", value):
        raise UserError(f"{name} is {value!r}, expected a whole number: give --shard I/N")
    return int(value)
