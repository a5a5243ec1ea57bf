"""The files of a folder are replaced as a whole, and what a killed program leaves is completed or removed next time."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from core.errors import UserError
from core.staging import LOCK, READY, WRITING, staged_files

ROOT = Path(__file__).parents[3]


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write(out: Path, files: dict[str, str], obsolete: tuple[str, ...] = ()) -> None:
    with staged_files(out, lambda new: obsolete) as new:
        for name, text in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text)


def test_files_are_replaced_and_obsolete_ones_removed(tmp_path):
    out = tmp_path / "a" / "out"
    write(out, {"index": "1", "data/x": "1", "data/old": "1"})
    (out / "mine").write_text("mine")
    write(out, {"index": "2", "data/x": "2"}, ("data/old", "data/x", "nowhere", "../out/index", "../../outside"))
    assert contents(out) == {"index": "2", "data/x": "2", "mine": "mine"}


def test_names_outside_the_folder_are_not_removed(tmp_path):
    (tmp_path / "outside").write_text("kept")
    write(tmp_path / "out", {"x": "1"}, ("../outside", str(tmp_path / "outside")))
    assert (tmp_path / "outside").read_text() == "kept"


def fail(out: Path) -> None:
    with staged_files(out) as new:
        (new / "x").write_text("2")
        raise OSError(errno.ENOSPC, "no space", "x")


def test_an_error_changes_nothing(tmp_path):
    write(tmp_path / "out", {"x": "1"})
    for out, before in ((tmp_path / "out", {"x": "1"}), (tmp_path / "new", None)):
        with pytest.raises(OSError, match="no space"):
            fail(out)
        assert (contents(out) if out.exists() else None) == before


def fail_without_name(out: Path) -> None:
    with staged_files(out):
        raise OSError(errno.ENOSPC, "no space")


def test_an_error_of_a_write_names_the_folder(tmp_path):
    with pytest.raises(OSError, match="no space") as error:
        fail_without_name(tmp_path / "out")
    assert error.value.filename == str(tmp_path / "out")


def test_two_processes_cannot_write_into_one_folder(tmp_path):
    (tmp_path / "out").mkdir()
    with filelock.FileLock(tmp_path / "out" / LOCK), pytest.raises(UserError, match="another command is writing into"):
        write(tmp_path / "out", {"x": "1"})
    write(tmp_path / "out", {"x": "1"})
    assert contents(tmp_path / "out") == {"x": "1"}


@pytest.mark.parametrize("leftover", ["folder", "file", "link"])
def test_unfinished_files_of_a_killed_program_are_removed(tmp_path, leftover):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    for name in (WRITING, READY):
        (out / name).parent.mkdir(exist_ok=True)
        if leftover == "folder":
            (out / name).mkdir()
            (out / name / "half").write_text("h")
        elif leftover == "file":
            (out / name).write_text("h")
        else:
            (out / name).symlink_to(elsewhere)
    write(out, {"x": "1"})
    assert contents(out) == {"x": "1"} and contents(elsewhere) == {"kept": "kept"}


@pytest.mark.slow
def test_a_program_that_is_killed_while_it_moves_files_is_completed(tmp_path):
    """The process ends at every step of the second run; the third run has other files."""
    code = (
        "import os, sys; from pathlib import Path; from core import staging\n"
        "n = [int(sys.argv[2])]\n"
        "def stop(event, arguments):\n"
        "    if event in ('os.rename', 'os.remove', 'os.rmdir') and str(arguments[0]).startswith(sys.argv[1]):\n"
        "        n[0] -= 1\n"
        "        if n[0] < 0: os._exit(9)\n"
        "sys.addaudithook(stop)\n"
        "with staging.staged_files(Path(sys.argv[1]), lambda new: ['old']) as new:\n"
        "    [(new / name).write_text('2') for name in 'ab']\n"
    )
    for step in range(12):
        out = tmp_path / str(step)
        write(out, {"a": "1", "b": "1", "old": "1"})
        done = subprocess.run([sys.executable, "-c", code, out, str(step)], cwd=ROOT, timeout=30)
        assert done.returncode in (0, 9)
        assert {"a", "b"} <= contents(out).keys() or (out / READY).is_dir()
        was_ready = (out / READY / ".obsolete").is_file() or contents(out).get("b") == "2"
        write(out, {"c": "3"})
        expected = {"a": "2", "b": "2", "c": "3"} if was_ready else {"a": "1", "b": "1", "old": "1", "c": "3"}
        assert contents(out) == expected, step
        if done.returncode == 0:
            break
    assert done.returncode == 0 and step > 3


def test_the_folder_cannot_be_a_file(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FileExistsError):
        write(tmp_path / "out", {"x": "1"})
    assert os.listdir(tmp_path) == ["out"]
