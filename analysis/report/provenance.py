"""Where the trials come from: what the sidecars of the logs say, without times of day and without anybody's folders.

A log in the field's own format has no sidecar; it is listed with what its file tells.
"""

import json
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import frozen

from analysis import bids
from analysis.report.parts import Table, TableCell, count

COLUMNS = (
    "observer", "kind", "dataset", "session", "log", "n_trials", "status", "seed", "options", "model", "environment",
    "stimuli_sha256",
)  # fmt: skip
NONE = "no sidecar"
_PATH = re.compile(r"(?:~|/|[A-Za-z]:[\\/]|\\\\)(?:[^\\/]*[\\/])+")  # folders before a last part


@frozen(eq=False)
class Provenance:
    table: pd.DataFrame  # COLUMNS, a row a log
    digests: dict[str, str]  # dataset -> sha256 of the stimuli that were shown, where a sidecar says it


def provenance(frame: pd.DataFrame) -> Provenance:
    """What is known of every log of a frame. Raises LogError for a damaged sidecar."""
    rows, digests = [], {}
    keys = ["dataset", "observer", "kind", "source"]
    for (dataset, observer, kind, source), trials in frame.groupby(keys, sort=False):
        path, n = Path(str(source)), len(trials)
        sidecars = [bids.to_give_away(sidecar) for sidecar in bids.sidecars(path)]
        one = sidecars[0] if len(sidecars) == 1 else {}
        identity = one.get("identity", {})
        who = identity.get("observer", {})
        digest = str(identity.get("stimuli", ""))
        if digest:
            digests[str(dataset)] = digest
        n_trials, session = identity.get("n_trials"), trials["session"].iloc[0]
        status = f"{n} of {n_trials} trials" if isinstance(n_trials, int) and n < n_trials else "complete"
        rows.append((
            observer, kind, dataset, "" if pd.isna(session) else str(session), path.name, n, status if identity else NONE,
            identity.get("seed", ""), _text(who.get("options") if isinstance(who, dict) else None),
            _text(one.get("provenance")), _text(one.get("environment")), digest,
        ))  # fmt: skip
    return Provenance(pd.DataFrame(rows, columns=list(COLUMNS)), digests)


def _text(facts: Any) -> str:
    return json.dumps(without_folders(facts), ensure_ascii=False, sort_keys=True) if facts else ""


def without_folders(value: Any) -> Any:
    """Paths in texts, however deep, are cut to their last part."""
    if isinstance(value, dict):
        return {name: without_folders(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_folders(part) for part in value]
    return _PATH.sub("", value) if isinstance(value, str) else value


def shown(found: Provenance) -> Table:
    """A row for logs that differ in nothing but dataset and session, and one for all of a kind without sidecars."""
    rows: list[tuple[object, ...]] = []
    table = found.table
    has = table["status"] != NONE
    for kind in dict.fromkeys(table.loc[~has, "kind"]):
        part = table[~has & (table["kind"] == kind)]
        n = part["observer"].nunique() if kind != "human" else len(part[["dataset", "observer"]].drop_duplicates())
        who = f"{n} {'people' if kind == 'human' else 'observers'}" if n > 1 else str(part["observer"].iloc[0])
        what = "recorded in the field's format, which has no sidecar: options and versions are not known"
        rows.append((who, kind, _listed(part["dataset"]), len(part), int(part["n_trials"].sum()), "", "", what))
    key = ["observer", "kind", "options", "model"]
    for (observer, of_kind, options, model), part in table[has].groupby(key, sort=False):
        n_partial = int((part["status"] != "complete").sum())
        status = f"partial: {n_partial} of {count(len(part), 'log')}" if n_partial else "complete"
        facts = ", ".join(f"{name} {value}" for text in (options, model) for name, value in _facts(str(text)))
        seeds = _listed(part["seed"].astype(str))
        rows.append(
            (observer, of_kind, _listed(part["dataset"]), len(part), int(part["n_trials"].sum()), seeds, status, facts)
        )
    columns = ("observer", "kind", "datasets", "logs", "trials", "seeds", "status", "options and model")
    return Table("", columns, tuple(tuple(map(TableCell, row)) for row in rows))


def environments(found: Provenance) -> list[str]:
    """What the logs were made with, each that differs once, and how many logs."""
    n_logs = found.table.loc[found.table["environment"] != "", "environment"].value_counts(sort=False)
    return [
        f"{', '.join(f'{name} {value}' for name, value in _facts(str(text)))} ({count(int(n), 'log')})"
        for text, n in n_logs.items()
    ]


def _facts(text: str) -> list[tuple[str, object]]:
    """Names and values of JSON, those of what is nested as well; what is not set is left out."""
    found: list[tuple[str, object]] = []
    todo = list(json.loads(text).items()) if text else []
    while todo:
        name, value = todo.pop(0)
        if isinstance(value, dict):
            todo = [*value.items(), *todo]
        elif value is not None and value != "":
            found.append((name, value))
    return found


def _listed(values: pd.Series) -> str:
    unique = list(dict.fromkeys(values))
    return ", ".join(unique) if len(unique) <= 2 else f"{len(unique)} of them"


def version_of_observers() -> str:
    try:
        return version("observers")
    except PackageNotFoundError:  # run from its folder
        return "unknown"
