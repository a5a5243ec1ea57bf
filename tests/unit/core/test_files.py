"""Only regular files are opened: named pipes, sockets, devices, folders and link loops are refused without waiting."""

import os
import socket
from pathlib import Path

import pytest

from analysis.io.frame import read_trials
from core import files
from core.atomic import write_atomically
from core.errors import LogError, UserError
from core.files import NotRegularFile
from core.staging import LOCK, staged_files
from experiments import log
from experiments.deletion_records import is_forgotten
from experiments.people.forgetting import find_in_folders, forget
from experiments.running.session import run
from observers.recorded import Recorded
from observers.simulated import Ideal
from stimuli.folder import read_folder
from stimuli.stimulus import StimulusSet

KINDS = {
    "pipe": "it is a named pipe",
    "socket": "it is a socket",
    "device": "it is a device",
    "folder": "it is a folder",
}


def make(kind: str, path: Path) -> Path:
    """Make something that is not a regular file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(os.path.relpath(path))  # the length of such a path is limited
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path.name)
    return path


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_anything_but_a_regular_file_is_refused(kind, tmp_path):
    path = make(kind, tmp_path / "x")
    for read in (files.read_bytes, files.read_text, files.open_binary, files.open_regular, files.check_regular):
        with pytest.raises(NotRegularFile, match=f"{KINDS[kind]}, expected a regular file") as error:
            read(path)
        assert error.value.filename == str(path)


def test_link_loops_and_missing_files_are_errors_of_the_system(tmp_path):
    loop = make("loop", tmp_path / "loop")
    for read in (files.read_bytes, files.check_regular, files.resolve):
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            read(loop)
    with pytest.raises(FileNotFoundError):
        files.read_bytes(tmp_path / "missing")
    files.check_regular(tmp_path / "missing")


def test_regular_files_and_links_to_them_are_read(tmp_path):
    (tmp_path / "x").write_bytes("é\r\n".encode())
    (tmp_path / "link").symlink_to(tmp_path / "x")
    assert files.read_bytes(tmp_path / "link") == "é\r\n".encode()
    assert files.read_text(tmp_path / "x") == "é\n"
    assert files.resolve(tmp_path / "link") == (tmp_path / "x").resolve()


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_not_written_over_something_else(kind, tmp_path):
    make(kind, tmp_path / "x")
    make(kind, tmp_path / "y.part")
    for name in ("x", "y"):
        if (name, kind) == ("y", "device"):  # a link in the place of the temporary file is removed
            continue
        with pytest.raises(NotRegularFile, match=KINDS[kind]):
            write_atomically(tmp_path / name, b"content")
    assert not (tmp_path / "x").is_file() and not (tmp_path / "y").is_file()


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "y.part").symlink_to(tmp_path / "mine")
    write_atomically(tmp_path / "y", b"content")
    assert ((tmp_path / "mine").read_bytes(), (tmp_path / "y").read_bytes()) == (b"mine", b"content")


@pytest.mark.parametrize("kind", [*KINDS, "loop"])
@pytest.mark.parametrize("suffix", [".csv", ".json", ".json.part", ".lock"])
def test_a_session_does_not_wait_for_its_files(small, tmp_path, kind, suffix):
    path = log.log_path(tmp_path, small.name, "ideal", 1)
    if (suffix, kind) in ((".json.part", "device"), (".json.part", "loop")):
        pytest.skip("a link in the place of the temporary file is removed")
    make(kind, path.with_name(f".{path.stem}.lock") if suffix == ".lock" else path.with_suffix(suffix))
    with pytest.raises((LogError, OSError)):
        run(small, Ideal(), tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_deletion_does_not_wait_for_special_files(tmp_path, kind):
    make(kind, tmp_path / "forgotten.csv")
    for read in (lambda: is_forgotten("K7Q2", tmp_path), lambda: find_in_folders("K7Q2", [tmp_path])):
        with pytest.raises(LogError, match=r"cannot be read|no data of a participant"):
            read()


def test_special_files_in_a_folder_do_not_stop_a_deletion(small, tmp_path):
    from observers.people.web import WebParticipant

    path = log.log_path(tmp_path, small.name, "K7Q2", 1)
    path.parent.mkdir(parents=True)
    sidecar = '{"format": 1, "identity": {"observer": {"name": "K7Q2", "kind": "human"}}, "provenance": {}}'
    path.with_suffix(".json").write_text(sidecar)
    for number, kind in enumerate((*KINDS, "loop")):
        make(kind, tmp_path / f"{number}.csv")
        make(kind, tmp_path / str(number) / "participants.tsv")
    assert path.with_suffix(".json") in forget(WebParticipant("K7Q2").name, [tmp_path])


@pytest.mark.parametrize("kind", [*KINDS, "loop"])
def test_readers_do_not_wait(tmp_path, kind):
    make(kind, tmp_path / "x.csv")
    make(kind, tmp_path / "set" / "stimuli.csv")
    for read in (
        lambda: read_trials([tmp_path / "x.csv"]),
        lambda: StimulusSet.read(tmp_path / "set" / "stimuli.csv"),
        lambda: read_folder(tmp_path / "x.csv"),
        lambda: Recorded(tmp_path / "x.csv").provenance(),
    ):
        with pytest.raises((UserError, OSError)):
            read()


def test_a_lock_that_is_a_pipe_is_refused(tmp_path):
    make("pipe", tmp_path / LOCK)
    with pytest.raises(NotRegularFile, match="it is a named pipe"), staged_files(tmp_path):
        pass
