"""Merge the part logs of shards into the log that an undivided run would have written.

`experiments.running.shards` describes the files. A set of shards is merged only if all parts belong to the same session and
none is missing, unfinished or damaged.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.atomic import replacing
from core.errors import LogError, UserError, describe_os_error
from experiments import log
from experiments.identity import describe_difference
from experiments.running.part_logs import DIFFERENCE, MissingShards, PartLog, check_rows, part_files, read_parts
from experiments.running.shards import array_expression

REMOVED = f".removed{log.SHARDS}"  # suffix of a folder of merged shards that is being removed


def merge_shards(
    folder: Path | str,
    *,
    accept_versions: bool = False,
    remove_shards: bool = False,
    notify: Callable[[str], None] = lambda sentence: None,
) -> list[Path]:
    """Merge all sets of shards below a folder, each into the log that an undivided run would have written.

    A log is written completely or not at all. A set that cannot be merged does not prevent the others from being merged.

    Args:
        folder: The folder of the logs, which was the `directory` of `run`.
        accept_versions: Merge shards that were run with different versions of Python, of packages or of this project.
        remove_shards: Remove the part logs after the merged log is on disk.
        notify: Function that is called with a sentence for each merged set, and for each difference between its shards.

    Returns:
        The paths of the merged logs, including those that existed already with the same rows.

    Raises:
        MissingShards: If shards are missing or unfinished.
        LogError: If the folder does not contain any shards, if part logs are damaged or contradict each other, or if a
            log with different rows exists.

    Example:
        >>> experiment, observer = make_experiment("drawn-cue-conflict"), make_observer("ideal")
        >>> for index in (1, 2, 3, 4):
        ...     run(experiment, observer, "logs", shard=(index, 4))
        >>> merge_shards("logs")
    """
    below = Path(folder).rglob(f"*{log.SHARDS}")
    folders = [path for path in sorted([*below, Path(folder)]) if path.suffix == log.SHARDS and path.is_dir()]
    for removed in (path for path in folders if path.name.endswith(REMOVED)):
        shutil.rmtree(removed)
    sets = {path: files for path in folders if path.exists() and (files := part_files(path))}
    if not sets:
        problem = "does not contain shards" if Path(folder).exists() else "does not exist"
        raise LogError(f"{folder} {problem}: pass the folder that was --out of run-experiment --shard")
    merged: list[Path] = []
    errors: list[UserError] = []
    missing: dict[int, set[int]] = {}
    for path, files in sets.items():
        try:
            parts = read_parts(path, files, missing)
            merged.append(_merge(path.with_suffix(".csv"), parts, accept_versions, notify))
        except UserError as error:
            errors.append(error)
            continue
        if remove_shards:
            shutil.rmtree(path.rename(path.with_suffix(REMOVED)))
        else:
            notify(f"the {len(parts)} part logs are kept in {path}; --remove-shards removes them")
    if errors:
        sentences = [*map(str, errors), *(_resubmission(count, indices) for count, indices in missing.items())]
        only_missing = all(isinstance(error, MissingShards) for error in errors)
        raise (MissingShards if only_missing else LogError)("\n".join(sentences))
    return merged


def _resubmission(count: int, indices: set[int]) -> str:
    expression = array_expression(sorted(indices))
    return (
        f"to run the missing shards, submit the same job script (with --shard auto/{count}) again: "
        f"sbatch --array={expression} SCRIPT; without SLURM, run the same command with --shard I/{count} for each of these "
        f"numbers I"
    )


def _merge(path: Path, parts: Sequence[PartLog], accept_versions: bool, notify: Callable[[str], None]) -> Path:
    """Write the merged log and its sidecar. Raises LogError if the log cannot be written or exists with other rows."""
    expected = _log_name(parts[0].identity)
    if path.name != expected:
        raise LogError(f"{path.with_suffix(log.SHARDS)} has the shards of {expected}: restore the name of the folder")
    sidecar = _merged_sidecar(parts, accept_versions, notify)
    header = parts[0].read()[0]
    for part in parts:
        check_rows(part, header)
    digest = hashlib.sha256()
    for content in _content(parts, header):
        digest.update(content)
    sidecar["hashed"] = {"n_rows": sidecar["n_logged"], "sha256": digest.hexdigest()}
    writer = log.LogWriter(path)  # so that no run writes this log at the same time
    try:
        if path.exists():
            _compare_with_existing(path, parts, header, sidecar)
            notify(f"{path} exists already, with the same rows")
        else:
            # The sidecar comes first: without a log it is ignored, whereas a log without a sidecar is damaged.
            log.write_sidecar(path, sidecar)
            with replacing(path, sync=True) as partial, partial.open("wb") as file:
                for content in _content(parts, header):
                    file.write(content)
            notify(f"{path}: merged {len(parts)} shards with {sidecar['n_logged']} trials")
    except OSError as error:
        raise LogError(describe_os_error(error)) from None
    finally:
        writer.close()
    return path


def _log_name(identity: Mapping[str, Any]) -> str:
    return log.log_path(Path(), identity["experiment"], identity["observer"]["name"], identity["session"]).name


def _content(parts: Sequence[PartLog], header: bytes) -> Iterator[bytes]:
    """Yield the content of the merged log in pieces, so that a large log does not have to fit into memory."""
    yield header
    for part in parts:
        yield part.read()[1]


def _compare_with_existing(path: Path, parts: Sequence[PartLog], header: bytes, sidecar: Mapping[str, Any]) -> None:
    """Raise LogError if the existing log has different rows or another session; restore a missing sidecar."""
    with path.open("rb") as file:
        same = all(file.read(len(content)) == content for content in _content(parts, header)) and not file.read(1)
    old = log.read_sidecar(path)
    if not same or (old is not None and old["identity"] != sidecar["identity"]):
        raise LogError(
            f"{path} exists already, and its rows or settings differ from those of the shards: move the log and its "
            f"sidecar away, or remove the shards"
        )
    if old is None:
        log.write_sidecar(path, sidecar)


def _merged_sidecar(parts: Sequence[PartLog], accept_versions: bool, notify: Callable[[str], None]) -> dict[str, Any]:
    """Return the sidecar of the merged log. Raises LogError if versions differ, unless `accept_versions` is True."""
    first, sidecars = parts[0], [part.sidecar for part in parts]
    environment = first.sidecar.get("environment")
    others: list[Any] = []
    for part in parts:
        other = part.sidecar.get("environment")
        if other != environment and other not in others:
            others.append(other)
            indices = [part.shard.index for part in parts if part.sidecar.get("environment") == other]
            difference = describe_difference(other, environment, form=DIFFERENCE)
            sentence = (
                f"{first.path.parent}: shards {array_expression(indices)} were run with different versions from shard "
                f"{first.shard.index} ({difference})"
            )
            if not accept_versions:
                raise LogError(
                    f"{sentence}: remove the part logs with the wrong versions and run their shards again, or accept the "
                    f"difference with --accept-versions"
                )
            notify(sentence)
    devices = list(dict.fromkeys(device for sidecar in sidecars for device in sidecar.get("devices", ())))
    if len(devices) > 1:
        notify(
            f"{first.path.parent}: the shards were run on {' and '.join(devices)}; the last digits of the evidence can "
            f"depend on this"
        )
    times = {
        key: choose((sidecar[key] for sidecar in sidecars if sidecar.get(key)), default=None)
        for key, choose in (("started", min), ("finished", max))
    }
    merged = sidecars[0] | times | {"n_logged": first.identity["n_trials"], "devices": devices}
    runs = [run for sidecar in sidecars for run in sidecar.get("runs", ())]
    merged |= {"runs": runs} if runs else {}
    del merged["shard"]
    return merged | {"other_environments": others} if others else merged
