"""The sidecar of a session whose log is opened for writing: a new one, or that of the log, if it is the same session."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import LogError
from experiments import log
from experiments.exclusion_rules import declared_rules
from experiments.identity import (
    add_imported,
    add_missing_options,
    added_options,
    describe_difference,
    identity_of,
    observer_options,
    restore_revision_name,
)
from experiments.running.environment import describe_environment
from experiments.running.shards import check_part
from observers.protocol import Observer, Trial

if TYPE_CHECKING:
    from experiments.running.session_log import Session

# Descriptions for error messages of a difference in each part of the identity of a session.
_DIFFERENT = {
    "experiment": "a different experiment",
    "session": "a different session number",
    "seed": "a different seed",
    "n_trials": "a different number of trials",
    "n_blocks": "a different number of blocks",
    "choices": "different choices",
    "presentation": "different presentation settings",
    "instruction": "a different instruction",
    "stimuli": "different stimuli",
    "observer": "a different observer or different options",
}


def open_sidecar(session: "Session", trials: list[Trial], notify: Callable[[str], None]) -> dict[str, Any]:
    """Return the sidecar of a new session, or that of the existing log if it belongs to the same session.

    Raises LogError if the log belongs to another session or is damaged.
    """
    path = session.path
    identity = identity_of(
        session.experiment, session.observer, session.number, session.seed, stimuli_digest=session.stimuli_digest
    )
    sidecar = log.read_sidecar(path)
    if sidecar is None and path.exists() and not log.sidecar_path(path).exists():
        raise LogError(
            f"the sidecar of {path} is missing, so it is unknown what the log contains; move the log away or choose "
            f"another --session"
        )
    if sidecar is None or not log.has_rows(path):  # a session without responses may be restarted with other settings
        if path.exists():
            _remove_incomplete_row(path, notify)
            path.unlink()
        sidecar = {"format": log.VERSION, "status": "running", "started": now(), "finished": None, "n_logged": 0}
        sidecar |= {} if session.shard is None else {"shard": session.shard.describe(identity["n_trials"])}
        options = added_options(session.observer)  # for a merge with shards that an earlier version recorded
        sidecar |= {"added_options": options} if options else {}
        sidecar |= {"identity": identity, "environment": describe_environment(), "provenance": {}, "devices": []}
        notes = session.experiment.stimuli.notes
        sidecar |= {"stimuli_notes": list(notes)} if notes else {}
        sidecar |= {} if session.exclusions is None else {"exclusions": session.exclusions.to_json()}
        return sidecar | ({} if session.spec is None else {"spec": session.spec.to_json()})
    restore_revision_name(identity["observer"]["options"], sidecar)
    logged = deepcopy(sidecar["identity"])
    add_imported(logged, identity)
    added = _add_missing_options(logged, session.observer)
    for key, new in identity.items():
        old = logged.get(key)
        if old != new:
            can_rename = key == "observer" and "name" in new["options"]
            rename = ", or give this observer a different name (-o name=…)" if can_rename else ""
            rename += added if key == "observer" else ""
            difference = describe_difference(old, new)
            raise LogError(
                f"{path} was made with {_DIFFERENT[key]} ({difference}): choose another --session or --out{rename}"
            )
    _check_exclusions(session, sidecar)
    _remove_incomplete_row(path, notify)
    if session.shard is not None:
        check_part(path, sidecar, session.shard, identity["n_trials"])
    rows = log.read_rows(path)
    if rows[0] != session.columns():
        raise LogError(f"{path} has other columns than this session writes; move it away or choose another --session")
    if len(rows) - 1 > len(trials):
        raise LogError(f"{path} has {len(rows) - 1} trials but the session has {len(trials)}; move it away")
    for cells, trial in zip(rows[1:], trials, strict=False):
        if mismatch := session.describe_mismatch(cells, trial):
            raise LogError(f"{path}, trial {trial.number}: {mismatch}; move log and sidecar away, or correct that row")
    return sidecar | {"n_logged": len(rows) - 1}


def _check_exclusions(session: "Session", sidecar: dict[str, Any]) -> None:
    """Raise LogError if a session would be continued with other exclusion rules than those declared before it."""
    if session.exclusions is None:
        return
    declared = declared_rules(sidecar, session.path)
    if declared is None or declared.sha256 != session.exclusions.sha256:
        problem = "without exclusion rules" if declared is None else "with other exclusion rules"
        raise LogError(
            f"{session.path} was started {problem}, and rules must be declared before data collection: continue it without "
            f"--exclusions; `observers analyze … --exclusions FILE` applies rules that were not declared"
        )


def _add_missing_options(identity: dict[str, Any], observer: Observer) -> str:
    """Add options to an identity that was recorded before they existed, and compare the observers.

    Returns the end of an error message, which names the options that must be set for the session to continue as it
    began; "" if the observers agree in these options.
    """
    logged = identity.get("observer")
    options = logged.get("options") if isinstance(logged, dict) else None
    if not isinstance(options, dict):
        return ""
    added, current = add_missing_options(options, added_options(observer)), observer_options(observer)
    different = [f"-o {name}={options[name]}" for name in added if options.get(name) != current.get(name)]
    return f"; to continue as the session began, add {' '.join(different)}" if different else ""


def _remove_incomplete_row(path: Path, notify: Callable[[str], None]) -> None:
    """Remove an incomplete last row of the log and report it."""
    n_bytes = log.remove_incomplete_row(path)
    if n_bytes:
        notify(f"{path}: removed an incomplete last row of {n_bytes} bytes; its trial will be repeated")


def now() -> str:
    """Return the date and time in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
