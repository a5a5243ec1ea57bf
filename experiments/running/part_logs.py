"""Read the part logs of one set of shards, and check that they are complete and belong together."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from core.errors import LogError, UserError
from experiments import log
from experiments.identity import (
    add_imported,
    add_missing_options,
    comparable_provenance,
    describe_difference,
    restore_revision_name,
)
from experiments.running.shards import MAX_SHARDS, PART_NAME, Shard, array_expression, check_part, whole_log

DIFFERENCE = "{name}{old} and {new}"  # of two part logs


class MissingShards(UserError):
    """Raised if shards are missing or unfinished. The message says how to run them."""


@frozen
class PartLog:
    """A complete part log with its sidecar."""

    path: Path
    shard: Shard
    sidecar: dict[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """The identity of the session."""
        identity: dict[str, Any] = self.sidecar["identity"]
        return identity

    @property
    def indices(self) -> range:
        """The indices of its trials in the session."""
        return self.shard.indices(self.identity["n_trials"])

    def read(self) -> tuple[bytes, bytes]:
        """Return the header and the rows as bytes."""
        header, _, rows = self.path.read_bytes().partition(b"\n")
        return header + b"\n", rows


def part_files(folder: Path) -> list[Path]:
    """Return the part logs and sidecars in a folder."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".csv", ".json") and path.name[0] != ".")


def read_parts(folder: Path, files: Sequence[Path], missing: dict[int, set[int]]) -> list[PartLog]:
    """Return the parts of a set in order, and add the shards that are missing or unfinished to `missing`.

    Raises MissingShards if there are any, and LogError if the files contradict each other.
    """
    shards = {file.with_suffix(".csv"): _shard_of_name(file) for file in files}
    counts = sorted({shard.count for shard in shards.values()})
    if len(counts) > 1:
        raise LogError(
            f"{folder} has part logs of {' and of '.join(map(str, counts))} shards: keep "
            f"those with one number of shards, and move the others away"
        )
    parts = [part for path, shard in shards.items() if (part := _read_part(path, shard)) is not None]
    added: Mapping[str, Any] = next(filter(None, (part.sidecar.get("added_options") for part in parts)), {})
    for part in parts:  # an earlier version may have recorded some of them
        add_missing_options(part.identity["observer"]["options"], added)
    for part in parts:
        _compare_sessions(parts[0], part)
    finished = {part.shard.index for part in parts if part.sidecar.get("status") == "complete"}
    needed = [Shard(index, counts[0]) for index in range(1, counts[0] + 1)]
    if parts:  # if there are fewer trials than shards, some shards are empty
        needed = [shard for shard in needed if shard.indices(parts[0].identity["n_trials"])]
    absent = [shard.index for shard in needed if shard.index not in finished]
    if absent:
        missing.setdefault(counts[0], set()).update(absent)
        raise MissingShards(
            f"{folder} has {len(needed) - len(absent)} of {len(needed)} complete shards; missing or unfinished: "
            f"{array_expression(absent)}"
        )
    return sorted((part for part in parts if part.indices), key=lambda part: part.shard.index)


def _shard_of_name(file: Path) -> Shard:
    """Return the shard of a part log or sidecar. Raises LogError if the file does not have the name of one."""
    match = PART_NAME.fullmatch(file.name)
    shard = Shard(int(match[1]), int(match[2])) if match and 1 <= int(match[1]) <= int(match[2]) <= MAX_SHARDS else None
    if shard is None or shard.path(whole_log(file)).stem != file.stem:
        raise LogError(f"{file} does not have the name of a part log, such as 003-of-100.csv: move it away")
    return shard


def _read_part(path: Path, shard: Shard) -> PartLog | None:
    """Return the part with this path, or None if its part log does not exist yet.

    Raises LogError if the sidecar is missing or damaged, or belongs to another part log.
    """
    sidecar = log.read_sidecar(path)
    if sidecar is None:
        raise LogError(
            f"the sidecar {path.with_suffix('.json')} is missing: restore it, or remove {path.name} and run shard {shard} "
            f"again"
        )
    if not path.exists():
        return None
    n_trials, observer = sidecar["identity"].get("n_trials"), sidecar["identity"].get("observer")
    if not isinstance(n_trials, int) or not isinstance(observer, dict) or not isinstance(observer.get("options"), dict):
        raise LogError(
            f"the sidecar of {path} is damaged: restore it, or remove it and {path.name} and run shard {shard} again"
        )
    check_part(path, sidecar, shard, n_trials)
    return PartLog(path, shard, sidecar)


def _compare_sessions(first: PartLog, other: PartLog) -> None:
    """Raise LogError if two parts belong to different sessions, or to observers with different weights."""
    for part, reference in ((first, other), (other, first)):  # one may name a branch, and the other its commit
        restore_revision_name(part.identity["observer"]["options"], reference.sidecar)
        add_imported(part.identity, reference.identity)
    ours, theirs = first.sidecar["provenance"], other.sidecar["provenance"]
    is_first_earlier = len(ours) <= len(theirs)  # an earlier version recorded fewer entries
    provenances = comparable_provenance(ours, theirs) if is_first_earlier else comparable_provenance(theirs, ours)[::-1]
    # The provenance is known after the first response.
    pairs = [(first.identity, other.identity), *([(provenances[0], provenances[1])] if all(provenances) else [])]
    for old, new in pairs:
        if old != new:
            raise LogError(
                f"{other.path} and {first.path.name} are parts of different sessions "
                f"({describe_difference(new, old, form=DIFFERENCE)}); move the wrong one away"
            )


def check_rows(part: PartLog, header: bytes) -> None:
    """Raise LogError if a part log is damaged, or does not have the columns of the others or the trials of its shard."""
    columns, content = part.read()
    if columns != header:
        raise LogError(f"{part.path} has different columns from the other part logs: run shard {part.shard} again")
    names, *rows = csv.reader(io.StringIO((columns + content).decode("utf-8", "replace"), newline=""))
    column = names.index("trial") if "trial" in names else 0
    numbers = [int(cells[column]) if len(cells) == len(names) and cells[column].isdecimal() else 0 for cells in rows]
    if numbers != [index + 1 for index in part.indices]:
        raise LogError(
            f"{part.path} does not have exactly the trials {part.indices.start + 1} to {part.indices.stop} in this order: "
            f"run shard {part.shard} again"
        )
