"""Import of files: convert all of them, describe the decisions, and write one trial log for every observer and session."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from analysis.io.importing.convert import Imported, convert_file
from analysis.io.importing.options import ImportOptions, Known
from analysis.io.importing.recognized import convert_recognized
from analysis.io.importing.tables import NoRowsError
from core.atomic import write_atomically
from core.errors import LogError, UserError
from core.names import name_problem
from experiments import log
from stimuli.published.datasets import DATASETS
from stimuli.published.forerunners import published_name
from stimuli.published.layouts.files import detect_layout


@frozen
class _Session:
    """One trial log to write."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    imported: Imported


def import_files(
    files: Sequence[Path], out: Path, options: ImportOptions, notify: Callable[[str], None], *, dry_run: bool = False
) -> list[Path]:
    """Import tables of trials as trial logs with sidecars.

    All files are converted and all decisions are described before the first log is written.

    Args:
        files: The tables.
        out: Folder of the logs.
        options: What the user says about the tables.
        notify: Function that shows the description of the decisions.
        dry_run: Describe the decisions, and do not write logs.

    Returns:
        The paths of the logs: one for every observer and session.

    Raises:
        LogError: If a file cannot be read or placed, if two files contain the same session, or if a log exists already.
        UserError: If the options contradict a file, or if the dataset or the observer cannot have this name.
    """
    for option, text in (("--dataset", options.dataset), ("--observer", options.observer)):
        if text is not None and (problem := name_problem(text)):
            raise UserError(f"{option} {text!r:.80} cannot be used as a name, because it {problem}")
    name = published_name(options.dataset)
    if name in DATASETS and name != options.dataset:
        notify(f"dataset: {name}, which was formerly called {options.dataset}")
        options = evolve(options, dataset=name)
    sessions: dict[str, _Session] = {}
    for imported in _convert_all(files, options, notify):
        for line in imported.lines:
            notify(line)
        for session in _sessions(imported, out, options.dataset):
            other = sessions.setdefault(str(session.path).casefold(), session)
            if other is not session:
                raise _same_log(other, session)
    for session in sessions.values():
        for path in (session.path, log.sidecar_path(session.path)):
            if path.exists():
                raise LogError(
                    f"{path} exists already and is not overwritten: choose another folder with --out, or delete it"
                )
    if dry_run:
        return []
    for session in sessions.values():
        _write(session, options)
    return [session.path for session in sessions.values()]


def _same_log(first: _Session, second: _Session) -> LogError:
    """Return the error for two sessions that would be written to the same file."""
    files = " and ".join(dict.fromkeys(session.imported.source.path.name for session in (first, second)))
    names = list(dict.fromkeys(session.rows[0][session.header.index("observer")] for session in (first, second)))
    if len(names) > 1:
        return LogError(
            f"the observers {names[0]!r} and {names[1]!r} of {files} would both be written to {second.path}, since file "
            f"names do not distinguish them: correct the names in the table, or import one at a time with --observer NAME"
        )
    column = "date" if "info_date" in second.header else "COLUMN"
    return LogError(
        f"two sessions of {names[0]!r} in {files} would both be written to {second.path}: name the column of the session "
        f"with --map session={column}, or import the files one at a time with --observer NAME"
    )


def _convert_all(files: Sequence[Path], options: ImportOptions, notify: Callable[[str], None]) -> list[Imported]:
    """Convert files, again if a later file shows that the names of images need more folders in the earlier ones.

    If other files have rows, files without rows are skipped, and a message names them.
    """
    known, imported, empty = Known(), [], []
    for file in files:
        try:
            imported.append(_convert(file, options, known))
        except NoRowsError as error:
            empty.append((file, error))
    if not imported and empty:
        raise empty[0][1]
    for file, _ in empty:
        notify(f"{file.name}: skipped, since it has a header but no rows")
    if len(set(known.n_parts)) > 1:
        known = Known(paths=known.paths)
        skipped = [file for file, _ in empty]
        imported = [_convert(file, options, known) for file in files if file not in skipped]
    return imported


def _convert(file: Path, options: ImportOptions, known: Known) -> Imported:
    """Convert a file by its layout, or by its columns if the layout is not recognized or options describe the table."""
    layout = detect_layout(file) if file.is_file() and not options.describe_table else None
    recognized = None if layout is None else convert_recognized(file, layout, options)
    return convert_file(file, options, known) if recognized is None else recognized


def _sessions(imported: Imported, out: Path, dataset: str) -> list[_Session]:
    """Return the sessions of a file, each with its trials in the order of their numbers."""
    header, groups = list(imported.cells), dict[tuple[str, str], list[list[str]]]()
    observer, session, trial = (header.index(name) for name in ("observer", "session", "trial"))
    for cells in zip(*imported.cells.values(), strict=True):
        groups.setdefault((cells[observer], cells[session]), []).append(list(cells))
    return [
        _Session(
            log.log_path(out, dataset, name, int(number)), header, sorted(rows, key=lambda r: int(r[trial])), imported
        )
        for (name, number), rows in groups.items()
    ]


def _write(session: _Session, options: ImportOptions) -> None:
    """Write the log and the sidecar of a session."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([session.header, *session.rows])
    session.path.parent.mkdir(parents=True, exist_ok=True)
    log.write_sidecar(session.path, _sidecar(session, options))
    write_atomically(session.path, text.getvalue().encode(), sync=True)


def _sidecar(session: _Session, options: ImportOptions) -> dict[str, Any]:
    """Return the sidecar: what identifies the session, and where its trials come from."""
    source, first = session.imported.source, dict(zip(session.header, session.rows[0], strict=True))
    choices = list(session.imported.choices)
    return {
        "format": log.VERSION,
        "status": "complete",
        "n_logged": len(session.rows),
        "identity": {
            "experiment": first["experiment"],
            "session": int(first["session"]),
            "n_trials": len(session.rows),
            **({"choices": choices} if choices else {}),
            "observer": {"name": first["observer"], "kind": first["kind"], "class": "Imported", "options": {}},
        },
        "environment": {"packages": {"observers": version("observers")}},
        "provenance": {
            "imported": datetime.now(UTC).isoformat(timespec="seconds"),
            "file": source.path.name,
            "sha256": source.sha256,
            "form": source.form,
            "program": source.program,
            "columns": source.mapping,
            "options": options.as_record(),
        },
    }
