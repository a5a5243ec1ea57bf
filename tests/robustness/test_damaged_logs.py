"""Trial logs that are truncated, zeroed or edited: only rows that were written are accepted; others are noted or refused."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from analysis import read_trials
from analysis.io.export import export
from experiments import make_experiment, run
from experiments.experiment import Experiment
from observers import make_observer
from tests.robustness.inputs import write_set
from tests.robustness.outcomes import RIGHT, judge_call
from tests.robustness.tally import SILENT, Tally, count

N_TRIALS = 24
KEY = ["stimulus", "condition", "category", "response"]
OPTIONS = {"shape_bias": 0.7, "cue_rate": 0.8}


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """Return a small experiment with cue conflicts."""
    return make_experiment(str(write_set(tmp_path / "set", n=N_TRIALS)))


@pytest.fixture
def logs(experiment: Experiment, tmp_path: Path) -> Path:
    """Return a folder with the complete log of a simulated observer."""
    return run(experiment, make_observer("biased", **OPTIONS), tmp_path / "logs").parents[1]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def log_in(folder: Path) -> Path:
    """Return the only log below a folder."""
    return next(folder.rglob("*_session-*.csv"))


def positions(content: bytes, n_rows: int = 3) -> list[int]:
    """Return the positions of all bytes of the last rows, or a sample of them."""
    starts = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    every = range(starts[-1 - n_rows], len(content))
    return list(every)[:: count(1, 9)]


def resumed(experiment: Experiment, folder: Path) -> bytes:
    """Resume the session in a folder, and return the bytes of its log."""
    return run(experiment, make_observer("biased", **OPTIONS), folder).read_bytes()


def check_reading(tally: Tally, path: Path, whole: pd.DataFrame, case: str, at_line_end: bool = False) -> None:
    """Read a damaged file. Rows that differ from those of the whole file need a note."""
    verdict, frame, text = judge_call(lambda: read_trials(path))
    if verdict == RIGHT and frame is not None:
        allowed = set(whole[KEY].astype(str).itertuples(index=False, name=None))
        rows = list(frame[KEY].astype(str).itertuples(index=False, name=None))
        is_noted = frame.attrs["notes"] != whole.attrs["notes"]
        changed = [row for row in rows if row not in allowed]
        if changed and not is_noted:
            verdict = SILENT
            text = f"read without a note: {changed[:2]}"
        elif len(rows) < len(whole) and not (is_noted or at_line_end):
            verdict, text = SILENT, f"only {len(rows)} of {len(whole)} rows were read without a note"
    tally.add(verdict, f"{case}: {text}")


def test_cut_logs_are_resumed(experiment: Experiment, logs: Path, tally: Tally, tmp_path: Path) -> None:
    """A log that is cut at any byte is completed to the same bytes, or refused."""
    content = log_in(logs).read_bytes()
    for n_bytes in positions(content):
        folder = tmp_path / "cut"
        shutil.copytree(logs, folder)
        log_in(folder).write_bytes(content[:n_bytes])
        verdict, result, text = judge_call(lambda folder=folder: resumed(experiment, folder))
        tally.add(SILENT if verdict == RIGHT and result != content else verdict, f"cut at {n_bytes}: {text}")
        shutil.rmtree(folder)
    tally.check(at_least=20)


def test_zeroed_logs_are_resumed(experiment: Experiment, logs: Path, tally: Tally, tmp_path: Path) -> None:
    """Bytes that are zero after a power failure are not taken for responses."""
    content = log_in(logs).read_bytes()
    for begin in positions(content):
        folder, damaged = tmp_path / "zeroed", bytearray(content)
        end = min(begin + tally.rng.choice([1, 2, 8, 512, len(content)]), len(content))
        damaged[begin:end] = bytes(end - begin)
        shutil.copytree(logs, folder)
        log_in(folder).write_bytes(damaged)
        verdict, result, text = judge_call(lambda folder=folder: resumed(experiment, folder))
        tally.add(SILENT if verdict == RIGHT and result != content else verdict, f"zeros at {begin}: {text}")
        shutil.rmtree(folder)
    tally.check(at_least=20)


def test_cut_logs_are_read(logs: Path, tally: Tally, tmp_path: Path) -> None:
    whole, content = read_trials(logs), log_in(logs).read_bytes()
    for n_bytes in positions(content):
        for damaged in (content[:n_bytes], content[:n_bytes] + bytes(16)):
            log_in(logs).write_bytes(damaged)
            check_reading(tally, logs, whole, f"cut at {n_bytes} of {len(content)}, then {damaged[n_bytes:]!r}")
    tally.check(at_least=40)


def test_cut_tables_of_other_projects_are_read(logs: Path, tally: Tally, tmp_path: Path) -> None:
    """A CSV file of model-vs-human does not record how many trials it should have, so a cut row needs a note."""
    path = export(read_trials(logs), tmp_path / "export")[0]
    content = path.read_bytes()
    whole = read_trials(path)
    for n_bytes in positions(content):
        path.write_bytes(content[:n_bytes])
        check_reading(tally, path, whole, f"cut at {n_bytes}: {content[n_bytes - 30 : n_bytes]!r}",
                      at_line_end=b"\n" in content[n_bytes - 1 : n_bytes + 1])  # fmt: skip
    tally.check(at_least=20)


def test_cut_sidecars(experiment: Experiment, logs: Path, tally: Tally, tmp_path: Path) -> None:
    """A sidecar that is cut at any byte is refused; the log keeps its bytes."""
    content = log_in(logs).read_bytes()
    sidecar = log_in(logs).with_suffix(".json").read_bytes()
    for n_bytes in range(0, len(sidecar), count(2, 60)):
        folder = tmp_path / "sidecar"
        shutil.copytree(logs, folder)
        log_in(folder).with_suffix(".json").write_bytes(sidecar[:n_bytes])
        for function in (lambda folder=folder: resumed(experiment, folder), lambda folder=folder: read_trials(folder)):
            verdict, _, text = judge_call(function)
            tally.add(verdict, f"sidecar cut at {n_bytes}: {text}")
        if log_in(folder).read_bytes() != content:
            tally.fail(SILENT, f"the log has changed after its sidecar was cut at {n_bytes}")
        shutil.rmtree(folder)
    tally.check(at_least=20)


EDITS: dict[str, Callable[[list[str], list[str]], list[str]]] = {
    "another response": lambda header, cells: _replaced(header, cells, "response", "oven"),
    "no response": lambda header, cells: _replaced(header, cells, "response", ""),
    "a response in capitals": lambda header, cells: _replaced(header, cells, "response", cells[9].upper()),
    "rounded evidence": lambda header, cells: _replaced(header, cells, "evidence_cat", f"{float(cells[-4]):.2f}"),
    "infinite evidence": lambda header, cells: _replaced(header, cells, "evidence_cat", "inf"),
    "evidence 1e999": lambda header, cells: _replaced(header, cells, "evidence_cat", "1e999"),
    "evidence NaN": lambda header, cells: _replaced(header, cells, "evidence_cat", "nan"),
    "evidence with an underscore": lambda header, cells: _replaced(header, cells, "evidence_cat", "1_000"),
    "Arabic digits": lambda header, cells: _replaced(header, cells, "trial", "١"),
    "a decimal comma": lambda header, cells: _replaced(header, cells, "evidence_cat", "0,5"),
    "an added rt": lambda header, cells: _replaced(header, cells, "rt", "0.5"),
    "a negative rt": lambda header, cells: _replaced(header, cells, "rt", "-1"),
    "half an evaluation": lambda header, cells: _replaced(header, cells, "n_evaluations", "1.5"),
    "another category": lambda header, cells: _replaced(header, cells, "category", "oven"),
    "a space before the response": lambda header, cells: _replaced(header, cells, "response", " " + cells[9]),
    "a formula": lambda header, cells: _replaced(header, cells, "response", "=cmd|' /C calc'!A0"),
    "one cell more": lambda header, cells: [*cells, "x"],
    "one cell less": lambda header, cells: cells[:-1],
}


def _replaced(header: list[str], cells: list[str], column: str, value: str) -> list[str]:
    return [value if name == column else cell for name, cell in zip(header, cells, strict=True)]


@pytest.mark.parametrize("status", ["partial", "complete"])
def test_edited_logs_are_not_resumed(
    status: str, experiment: Experiment, logs: Path, tally: Tally, tmp_path: Path
) -> None:
    """A row that was edited after it was written is refused, unless the file is as before."""
    content = log_in(logs).read_bytes()
    partial = tmp_path / "partial"
    limit = N_TRIALS // 2 if status == "partial" else None
    log = run(experiment, make_observer("biased", **OPTIONS), partial, limit=limit)
    lines = log.read_text().splitlines()
    for name, edit in EDITS.items():
        for row in (1, len(lines) - 1):
            folder = tmp_path / "edited"
            shutil.copytree(partial, folder)
            edited = list(lines)
            edited[row] = ",".join(edit(lines[0].split(","), lines[row].split(",")))
            log_in(folder).write_text("\n".join(edited) + "\n")
            verdict, result, text = judge_call(lambda folder=folder: resumed(experiment, folder))
            is_silent = verdict == RIGHT and result != content
            tally.add(SILENT if is_silent else verdict, f"row {row} with {name}: {text or 'resumed'}")
            shutil.rmtree(folder)
    tally.check(at_least=2 * len(EDITS))
