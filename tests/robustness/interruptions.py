"""Interrupt a command at random moments, run it again until it is done, and compare the result with an undisturbed run.

A third of the commands are stopped with SIGINT or SIGTERM, and the others are killed with SIGKILL. A small share is
started as separate processes, so that the start of Python and the imports are interrupted as well.
"""

import csv
import io
import json
import random
import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import define, field

from tests.robustness.fork_server import Running
from tests.robustness.inputs import snapshot
from tests.robustness.outcomes import RIGHT, judge
from tests.robustness.tally import DOUBLED, LITTER, LOST, SILENT, Tally

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
HASH = re.compile(rb'"sha256": "[0-9a-f]*"')
TIMES = re.compile(rb'"(started|finished)": "[^"]*"')
RUNS = re.compile(rb'"runs": \[[^]]*\]')  # the number of trials and the seconds of each run of a session
MAX_INTERRUPTIONS = 5  # of one session, before it may end
HANDLERS_AFTER = 0.3  # seconds after which a separate process has its SIGINT handler, on a busy machine


def comparable(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the contents of files without the times and runs of sidecars, and without measured quantities.

    The clock of a session of a person starts anew when the session is resumed, so the measured times and the hash of such a
    log differ.
    """
    measured = {
        name: without_measurements(content) for name, content in files.items() if b",measured_" in content[:9999]
    }
    changed = {name.removesuffix(".csv") for name in measured}
    hidden = {
        name: without_times(HASH.sub(b"", content) if name.removesuffix(".json") in changed else content)
        for name, content in files.items()
    }
    return hidden | measured


def without_times(content: bytes) -> bytes:
    """Return a sidecar without the times at which a session started and finished, and without its runs."""
    return RUNS.sub(b'"runs": []', TIMES.sub(b'"\\1": ""', content))


def without_measurements(content: bytes) -> bytes:
    """Return a trial log without its columns of measured quantities."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8", "replace"), newline="")))
    kept = [i for i, name in enumerate(rows[0]) if not name.startswith("measured_")]
    return "\n".join("\t".join(row[i] for i in kept if i < len(row)) for row in rows).encode()


def log_rows(folder: Path) -> dict[str, list[bytes]]:
    """Return the complete rows of every trial log below a folder, without the header."""
    logs = {path: path.read_bytes() for path in sorted(folder.rglob("*_session-*.csv"))}
    return {
        path.relative_to(folder).as_posix(): content[: content.rfind(b"\n") + 1].splitlines()[1:]
        for path, content in logs.items()
    }


@define
class Attack:
    """Interruptions of one command.

    Attributes:
        tally: The counts.
        start: Function that starts the command in a folder. The second argument is whether it was started there before,
            and the third whether to start it as a separate process.
        out: Name of the folder that the command writes, inside of that folder.
        share_of_processes: Share of the commands that are started as separate processes.
        check: Function that returns what is wrong after an interruption, or "".
        whole: Whether a file with its final name must have its final content even after an interruption.
        keeps_rows: Whether the rows of trial logs must not disappear.
        begin: Function that writes the files that the command needs into a new folder.
    """

    tally: Tally
    start: Callable[[Path, bool, bool], Running]
    out: str
    share_of_processes: float = 0.1
    check: Callable[[Path], str] = lambda folder: ""
    whole: bool = False
    keeps_rows: bool = True
    begin: Callable[[Path], None] = lambda folder: None
    _expected: Mapping[str, bytes] = field(factory=dict, init=False)

    def run(self, folder: Path, n: int, max_megabytes: float = 2000) -> None:
        """Interrupt the command `n` times. Every interruption is a case."""
        rng = self.tally.rng
        durations = {False: self._undisturbed(folder / "undisturbed", False)}
        self._expected = comparable(snapshot(folder / "undisturbed" / self.out))
        durations[True] = self._undisturbed(folder / "alone", True) if self.share_of_processes else 0.0
        n_left, number = n, 0
        while n_left > 0:
            number += 1
            session = folder / str(number)
            session.mkdir()
            self.begin(session)
            n_left -= self._session(
                session, rng, durations, min(n_left, rng.randint(1, MAX_INTERRUPTIONS)), max_megabytes
            )
            self._compare(session)

    def _undisturbed(self, folder: Path, alone: bool) -> float:
        """Run the command without an interruption in a new folder, and return how many seconds it takes."""
        folder.mkdir(parents=True)
        self.begin(folder)
        outcome = self.start(folder, False, alone).finish()
        assert outcome.code == 0, outcome.describe()
        return outcome.seconds

    def _session(
        self, folder: Path, rng: random.Random, durations: Mapping[bool, float], n: int, max_megabytes: float
    ) -> int:
        """Interrupt a command up to `n` times, then let it end. Return the number of interruptions."""
        before: dict[str, list[bytes]] = {}
        n_sent, started = 0, False
        while n_sent < n:
            alone = rng.random() < self.share_of_processes
            running, number = self.start(folder, started, alone), rng.choice(SIGNALS)
            started = True
            moment = rng.uniform(0, durations[alone])
            if alone and number == signal.SIGINT:
                moment = max(moment, HANDLERS_AFTER)
            if running.ended(moment):
                self._check_end(running, folder, max_megabytes)
                return n_sent
            running.send(number)
            n_sent += 1
            outcome = running.finish()
            case = f"{number.name} after {moment:.3f} s{' as a process' if alone else ''}: {outcome.describe()}"
            verdict = judge(outcome, number, max_megabytes)
            self.tally.add(verdict, case)
            problem = self.check(folder) or (self._unfinished_file(folder) if self.whole else "")
            if problem:
                self.tally.fail(SILENT, f"{problem}; {case}")
            rows = log_rows(folder / self.out)
            for name, earlier in before.items() if self.keeps_rows else ():
                if rows.get(name, [])[: len(earlier)] != earlier:
                    self.tally.fail(LOST, f"{name}: {len(earlier)} rows, then {len(rows.get(name, []))}; {case}")
            before = rows
            if verdict == RIGHT:
                return n_sent
        self._check_end(self.start(folder, started, False), folder, max_megabytes)
        return n_sent

    def _check_end(self, running: Running, folder: Path, max_megabytes: float) -> None:
        """Wait for a command that is not interrupted. It has to succeed, unless everything is done already."""
        outcome = running.finish()
        is_complete = comparable(snapshot(folder / self.out)) == self._expected
        if judge(outcome, None, max_megabytes) != RIGHT and not is_complete:
            self.tally.fail(LOST, f"cannot be resumed: {outcome.describe()}")

    def _unfinished_file(self, folder: Path) -> str:
        """Return which file has its final name without its final content, or ""."""
        files = comparable(snapshot(folder / self.out))
        differing = [name for name in files.keys() & self._expected.keys() if files[name] != self._expected[name]]
        return f"{differing[0]} is not whole ({len(files[differing[0]])} bytes)" if differing else ""

    def _compare(self, folder: Path) -> None:
        """Compare the files of a session that was interrupted with those of the undisturbed run."""
        files, expected = comparable(snapshot(folder / self.out)), self._expected
        for name in expected.keys() - files.keys():
            self.tally.fail(LOST, f"{folder / self.out / name} is missing")
        for name in files.keys() - expected.keys():
            self.tally.fail(LITTER, f"{folder / self.out / name} was left behind")
        for name in files.keys() & expected.keys():
            if files[name] != expected[name]:
                n, n_expected = (content[name].count(b"\n") for content in (files, expected))
                kind = DOUBLED if n > n_expected else LOST
                self.tally.fail(kind, f"{folder / self.out / name} differs ({n} lines instead of {n_expected})")


def sidecar_problem(folder: Path) -> str:
    """Return what a sidecar says wrongly about its log, or "".

    After SIGKILL the sidecar may be older than the log, so it may say fewer rows than the log has, and `running`. It
    must be complete, must never count rows that the log does not have, and must not call a session complete that is not.
    """
    for path in folder.rglob("*_session-*.json"):
        try:
            sidecar = json.loads(path.read_bytes())
        except ValueError as error:
            return f"{path.name} is not whole ({error})"
        log = path.with_suffix(".csv")
        n_rows = max(log.read_bytes().count(b"\n") - 1, 0) if log.exists() else 0
        if (sidecar.get("n_logged") or 0) > n_rows:
            return f"{path.name} says {sidecar['n_logged']} rows, the log has {n_rows}"
        if sidecar.get("status") == "partial" and sidecar["n_logged"] != n_rows:
            return f"{path.name} is partial and says {sidecar['n_logged']} rows, the log has {n_rows}"
    return ""
