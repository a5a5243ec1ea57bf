"""The origin of the trials: what the sidecars of the logs record, without dates and without folders.

A file of another project does not have a sidecar, so only the facts in the log itself are listed.
"""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import frozen

from analysis.io import bids
from analysis.report.sections.parts import Table, TableCell, count

COLUMNS = (
    "observer", "kind", "dataset", "session", "log", "n_trials", "status", "seed", "options", "model", "environment",
    "stimuli_sha256",
)  # fmt: skip
NO_SIDECAR = "no sidecar"


@frozen(eq=False)
class Provenance:
    """The origin of the trials.

    Attributes:
        table: A table with COLUMNS and one row for each log.
        digests: The sha256 of the stimuli that were shown, for each dataset for which a sidecar records it.
    """

    table: pd.DataFrame
    digests: dict[str, str]


def provenance(frame: pd.DataFrame) -> Provenance:
    """Return the information that the logs and sidecars of a frame contain. Raises LogError if a sidecar is damaged."""
    rows, digests = [], {}
    keys = ["dataset", "observer", "kind", "source"]
    for (dataset, observer, kind, source), trials in frame.groupby(keys, sort=False):
        path, n = Path(str(source)), len(trials)
        sidecars = [bids.strip_times_and_folders(sidecar) for sidecar in bids.read_sidecars(path)]
        sidecar = _sidecar_of_observer(sidecars[0], str(observer)) if len(sidecars) == 1 else {}
        identity = sidecar.get("identity", {})
        observer_facts = identity.get("observer", {})
        digest = str(identity.get("stimuli", ""))
        if digest:
            digests[str(dataset)] = digest
        n_trials, session = identity.get("n_trials"), trials["session"].iloc[0]
        status = f"{n} of {n_trials} trials" if isinstance(n_trials, int) and n < n_trials else "complete"
        options = observer_facts.get("options") if isinstance(observer_facts, dict) else None
        rows.append((
            observer, kind, dataset, "" if pd.isna(session) else str(session), path.name, n,
            status if identity else NO_SIDECAR, identity.get("seed", ""), _to_text(options),
            _to_text(sidecar.get("provenance")), _to_text(sidecar.get("environment")), digest,
        ))  # fmt: skip
    return Provenance(pd.DataFrame(rows, columns=list(COLUMNS)), digests)


def _sidecar_of_observer(sidecar: dict[str, Any], observer: str) -> dict[str, Any]:
    """Return a sidecar with the entries of one observer, if it is the sidecar of a recording of several observers."""
    entries = sidecar.get("observers")
    own = entries.get(observer) if isinstance(entries, dict) else None
    if not isinstance(own, dict):
        return sidecar
    identity = sidecar["identity"] | {"observer": own.get("identity", {})}
    if isinstance(recording := sidecar.get("recording"), dict):
        identity["n_trials"] = recording.get("n_all_trials")
    return sidecar | {name: own.get(name, {}) for name in ("provenance", "environment")} | {"identity": identity}


def _to_text(facts: Any) -> str:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True) if facts else ""


def provenance_table(origin: Provenance) -> Table:
    """Return the table of logs for the page.

    Logs that differ only in dataset, session and seed share a row. Logs without sidecars share one row for each kind of
    observer.
    """
    rows: list[tuple[object, ...]] = []
    table = origin.table
    has_sidecar = table["status"] != NO_SIDECAR
    for kind in dict.fromkeys(table.loc[~has_sidecar, "kind"]):
        part = table[~has_sidecar & (table["kind"] == kind)]
        n = part["observer"].nunique() if kind != "human" else len(part[["dataset", "observer"]].drop_duplicates())
        name = f"{n} {'people' if kind == 'human' else 'observers'}" if n > 1 else str(part["observer"].iloc[0])
        facts = "file of another project without a sidecar: options and versions are not known"
        datasets, n_trials = _join_few(part["dataset"], "datasets"), int(part["n_trials"].sum())
        rows.append((name, kind, datasets, len(part), n_trials, "", "", facts))
    keys = ["observer", "kind", "options", "model"]
    for (observer, observer_kind, options, model), part in table[has_sidecar].groupby(keys, sort=False):
        n_incomplete = int((part["status"] != "complete").sum())
        status = f"incomplete: {n_incomplete} of {count(len(part), 'log')}" if n_incomplete else "complete"
        facts = ", ".join(f"{name} {value}" for text in (options, model) for name, value in _facts(str(text)))
        datasets, n_trials = _join_few(part["dataset"], "datasets"), int(part["n_trials"].sum())
        seeds = _join_few(part["seed"].astype(str), "seeds")
        rows.append((observer, observer_kind, datasets, len(part), n_trials, seeds, status, facts))
    columns = ("observer", "kind", "datasets", "logs", "trials", "seeds", "status", "options and model")
    return Table("", columns, tuple(tuple(map(TableCell, row)) for row in rows), "provenance")


def environments(origin: Provenance) -> list[str]:
    """Return a description of each software environment, with the number of logs that were written in it."""
    n_logs = origin.table.loc[origin.table["environment"] != "", "environment"].value_counts(sort=False)
    return [
        f"{', '.join(f'{name} {value}' for name, value in _facts(str(text)))} ({count(int(n), 'log')})"
        for text, n in n_logs.items()
    ]


def _facts(text: str) -> list[tuple[str, object]]:
    """Return the names and values in a JSON text, including nested ones but without null and empty values."""
    facts: list[tuple[str, object]] = []
    remaining = list(json.loads(text).items()) if text else []
    while remaining:
        name, value = remaining.pop(0)
        if isinstance(value, dict):
            remaining = [*value.items(), *remaining]
        elif value is not None and value != "":
            facts.append((name, value))
    return facts


def _join_few(values: pd.Series, noun: str) -> str:
    """Return at most two different values, or the number of different values followed by the noun."""
    unique = list(dict.fromkeys(values))
    return ", ".join(unique) if len(unique) <= 2 else f"{len(unique)} {noun}"


def version_of_observers() -> str:
    """Return the version of the package `observers`, or "unknown" if it is not installed."""
    try:
        return version("observers")
    except PackageNotFoundError:
        return "unknown"
