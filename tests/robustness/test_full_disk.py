"""Commands that cannot write because the disk is full end with a message, and succeed when they are run again with space.

A small file system in memory is mounted if the tests may do that. In addition, the size of single files is limited
on every system, which also makes a write fail in the middle.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.robustness.fork_server import ForkServer
from tests.robustness.inputs import snapshot, write_folder, write_observer, write_set
from tests.robustness.interruptions import comparable
from tests.robustness.outcomes import RIGHT, judge
from tests.robustness.tally import LOST, SILENT, Tally, count

MIN_BYTES = 1500  # limit of the size of files that leaves room for the messages of a command
LIMIT = "tests.robustness.limits:limit_file_size"


@pytest.fixture(scope="module")
def commands(server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    """Return commands that write into the folder `out`."""
    folder = tmp_path_factory.mktemp("inputs")
    stimuli, photos = str(write_set(folder / "set", n=40)), str(write_folder(folder / "photos", 8, 64))
    outcome = server.run("run-experiment", stimuli, "-m", "ideal", "-m", "biased", "--quiet", cwd=folder)
    assert outcome.code == 0, outcome.describe()
    logs = str(folder / "logs")
    return {
        "run": ("run-experiment", stimuli, "-m", write_observer(folder), "--out", "out", "--quiet"),
        "collect": ("collect", stimuli, "--participant", "K7Q2", "--simulate", "biased", "--rate", "60", "--out",
        "out"),
        "make-stimuli": ("make-stimuli", "contrast", photos, "out", "--levels", "c100,c30", "--crossed",
        "--workers", "1", "--quiet"),
        "export": ("export", logs, "--out", "out"),
        "bids": ("export", logs, "--format", "bids", "--out", "out"),
        "parquet": ("export", logs, "--format", "parquet", "--out", "out"),
        "report": ("report", logs, "--out", "out", "--no-intervals", "--no-images"),
        "show-stimuli": ("show-stimuli", "contrast", f"{photos}/cat/image000.png", "--out", "out/sheet.png",
        "--levels", "c100"),
        "analyze": ("analyze", "accuracy", logs, "--csv", "out/table.csv"),
    }  # fmt: skip


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system of one megabyte, or skip the test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here ({done.stderr.decode().strip()})")
    yield folder
    subprocess.run(["umount", folder], check=True)


def resume_words(name: str, words: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Return the command, with --resume for a session of a person whose log has rows."""
    logs = list((folder / "out").rglob("*_session-*.csv")) if name == "collect" else []
    has_rows = any(log.read_bytes().count(b"\n") > 1 for log in logs)
    return (*words, "--resume") if has_rows else words


def finish(
    server: ForkServer, tally: Tally, name: str, words: tuple[str, ...], folder: Path, expected: dict[str, bytes]
) -> None:
    """Run the command again, now with enough space, and compare the result."""
    outcome = server.run(*resume_words(name, words, folder), cwd=folder)
    if judge(outcome) != RIGHT:
        tally.fail(LOST, f"{name} cannot be repeated: {outcome.describe()}")
    elif name not in ("report", "parquet"):
        files = comparable(snapshot(folder / "out"))
        differing = sorted(path for path in files.keys() | expected.keys() if files.get(path) != expected.get(path))
        if differing:
            tally.fail(LOST, f"{name}: {', '.join(differing[:5])} differ after the disk was full")


def undisturbed(server: ForkServer, words: tuple[str, ...], folder: Path) -> dict[str, bytes]:
    """Return the files that the command writes if there is space."""
    (folder / "out").mkdir(parents=True)
    if words[0] == "make-stimuli":
        (folder / "out").rmdir()
    outcome = server.run(*words, cwd=folder)
    assert outcome.code == 0, outcome.describe()
    return comparable(snapshot(folder / "out"))


def test_limited_size_of_files(
    server: ForkServer, commands: dict[str, tuple[str, ...]], tally: Tally, tmp_path: Path
) -> None:
    for name, words in commands.items():
        if name == "analyze":
            continue  # its table is smaller than the messages, which are written into files as well
        expected = undisturbed(server, words, tmp_path / name)
        largest = max(map(len, expected.values()))
        for number in range(count(6, 1)):
            folder = tmp_path / f"{name}-{number}"
            (folder / "out").mkdir(parents=True)
            if words[0] == "make-stimuli":
                (folder / "out").rmdir()
            n_bytes = tally.rng.randrange(MIN_BYTES, max(largest, MIN_BYTES + 1))
            outcome = server.run(*words, cwd=folder, prepare=LIMIT, arguments=(n_bytes,))
            verdict = judge(outcome)
            complete = comparable(snapshot(folder / "out")) == expected
            tally.add(SILENT if verdict == RIGHT and not complete and name != "report" else verdict,
                      f"{name} with files of at most {n_bytes} bytes: {outcome.describe()}")  # fmt: skip
            if verdict != RIGHT:
                finish(server, tally, name, words, folder, expected)
    tally.check(at_least=len(commands) - 1)


def test_full_file_system(
    server: ForkServer, commands: dict[str, tuple[str, ...]], tally: Tally, tmp_path: Path, disk: Path
) -> None:
    for name, words in commands.items():
        expected = undisturbed(server, words, tmp_path / name)
        for _ in range(count(6, 1)):
            for path in disk.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            (disk / "out").mkdir()
            if words[0] == "make-stimuli":
                (disk / "out").rmdir()
            total = sum(map(len, expected.values()))
            n_free = tally.rng.randrange(0, min(total + 8192, 900_000), 4096)
            (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - n_free))
            outcome = server.run(*words, cwd=disk)
            verdict = judge(outcome)
            complete = comparable(snapshot(disk / "out")) == expected
            tally.add(SILENT if verdict == RIGHT and not complete and name != "report" else verdict,
                      f"{name} with {n_free} free bytes: {outcome.describe()}")  # fmt: skip
            (disk / "ballast").unlink()
            if verdict != RIGHT and total < 500_000:
                finish(server, tally, name, words, disk, expected)
    tally.check(at_least=len(commands))
