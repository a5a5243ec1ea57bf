"""FIFOs, devices, sockets, link loops and folders where a command expects a file do not cause a hang or a traceback."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.robustness.fork_server import ForkServer
from tests.robustness.inputs import write_folder, write_set
from tests.robustness.outcomes import judge
from tests.robustness.tally import Tally, count

SECONDS = 10.0
SIDECAR = "logs/set/set_biased-0.5_session-1.json"
LOG = "logs/set/set_biased-0.5_session-1.csv"


def make_socket(path: Path) -> None:
    """Make a socket in the file system."""
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket may have about 100 characters
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


KINDS: dict[str, Callable[[Path], None]] = {
    "FIFO": lambda path: os.mkfifo(path),
    "folder": lambda path: path.mkdir(),
    "loop of links": lambda path: path.symlink_to(path.name),
    "link to /dev/full": lambda path: path.symlink_to("/dev/full"),
    "link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "link to nothing": lambda path: path.symlink_to("missing/nothing"),
    "socket": make_socket,
}
RUN = ("run-experiment", "set", "-m", "biased", "--quiet")
COLLECT = ("collect", "set", "--participant", "K7Q2", "--simulate", "ideal", "--rate", "60", "--limit", "2")
MAKE = ("make-stimuli", "contrast", "photos", "made", "--levels", "c100,c30", "--workers", "1", "--quiet")
PLACES: tuple[tuple[str, tuple[str, ...]], ...] = (  # path, command that reads or writes it
    (LOG, RUN), (LOG, ("analyze", "accuracy", "logs")), (LOG, ("analyze", "accuracy", LOG)), (LOG, ("export",
    "logs")),
    (LOG, ("forget", "biased-0.5", "--any-kind", "--yes")), (LOG, ("report", "logs", "--no-intervals")),
    (SIDECAR, RUN), (SIDECAR, ("analyze", "accuracy", "logs")), (SIDECAR, ("export", "logs", "--format", "bids")),
    (f"{SIDECAR}.part", RUN), ("logs/set/.set_biased-0.5_session-1.lock", RUN), ("logs/set", RUN), ("logs", RUN),
    ("logs/set/set_biased-0.5_session-1.units", RUN), ("logs/forgotten.csv", COLLECT),
    ("logs/forgotten.csv", ("forget", "biased-0.5", "--any-kind", "--yes")), ("logs/set/set_K7Q2_session-1.csv",
    COLLECT),
    ("logs/.forgotten.lock", ("forget", "biased-0.5", "--any-kind", "--yes")), ("set/stimuli.csv", RUN),
    ("set/image.png", RUN),
    ("set", RUN), ("monitor.json", ("collect", "set", "--participant", "K7Q2", "--monitor", "monitor.json",
    "--no-dialog")),
    ("monitor.json", ("calibrate-monitor", "monitor.json", "--distance", "60", "--width", "50")), ("made", MAKE),
    ("made/made-of.json", MAKE),
    ("made/stimuli.csv", MAKE), ("made/sources.csv", MAKE), ("photos/cat/image000.png", MAKE), ("photos/cat", MAKE),
    ("photos", MAKE),
    ("photos/cat/odd.png", ("run-experiment", "photos", "-m", "ideal", "--quiet")), ("export", ("export", "logs")),
    ("export", ("export", "logs", "--format", "bids")), ("export", ("export", "logs", "--format", "parquet")),
    ("report", ("report", "logs", "--no-intervals", "--no-images")), ("out.csv", ("analyze", "accuracy", "logs",
    "--csv", "out.csv")),
    ("sheet.png", ("show-stimuli", "contrast", "photos/cat/image000.png", "--out", "sheet.png", "--levels", "c100")),
    ("odd.png", ("show-stimuli", "contrast", "odd.png", "--levels", "c100")), ("labels.csv", ("analyze", "accuracy",
    "logs", "--labels", "labels.csv")),
    ("table.csv", ("import", "table.csv", "--dataset", "mine", "--kind", "human")), ("runs.toml", ("run-experiment",
    "--runs", "runs.toml")),
    ("mine.py", ("run-experiment", "set", "-m", "mine.py:Mine", "--quiet")),
)  # fmt: skip


@pytest.fixture(scope="module")
def project(server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a set, photographs and half of a log."""
    folder = tmp_path_factory.mktemp("project")
    write_set(folder / "set", n=8)
    write_folder(folder / "photos", 8, 16)
    outcome = server.run(*RUN, "--limit", "4", cwd=folder)
    assert outcome.code == 0, outcome.describe()
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_special_files(kind: str, server: ForkServer, project: Path, tally: Tally, tmp_path: Path) -> None:
    places = PLACES if count(1, 0) else tally.rng.sample(PLACES, 6)
    for number, (place, words) in enumerate(places):
        work = tmp_path / str(number)
        shutil.copytree(project, work)
        path = work / place
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        KINDS[kind](path)
        outcome = server.run(*words, timeout=SECONDS, cwd=work, env={"DISPLAY": ""})
        tally.add(judge(outcome), f"{kind} at {place}: {outcome.describe()}")
        shutil.rmtree(work)
    tally.check(at_least=len(places))
