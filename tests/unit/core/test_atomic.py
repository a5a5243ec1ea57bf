"""Files that are replaced in one step."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from core.atomic import partial_path, replacing, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "a.csv"
    write_atomically(path, b"old")
    with replacing(path) as partial:
        assert partial == partial_path(path) == path.with_name("a.csv.part")
        partial.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and names(path.parent) == ["a.csv"]


def test_a_file_is_kept_if_the_block_fails(tmp_path):
    path = tmp_path / "a.csv"
    write_atomically(path, b"old")
    with suppress(KeyboardInterrupt), replacing(path) as partial:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old" and names(tmp_path) == ["a.csv"]


def test_processes_that_share_a_file_have_different_temporary_files(tmp_path):
    with replacing(tmp_path / "a.npy", shared=True) as partial:
        assert partial.name == f"a.npy.{os.getpid()}.part"
        partial.touch()
    assert names(tmp_path) == ["a.npy"]


def test_the_content_reaches_the_disk_before_the_file_is_replaced_and_its_name_afterwards(tmp_path, monkeypatch):
    path, seen = tmp_path / "a.json", []

    def fsync(file):
        facts = os.fstat(file)
        seen.append(("folder" if stat.S_ISDIR(facts.st_mode) else facts.st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomically(path, b"123")
    assert seen == []
    path.unlink()
    write_atomically(path, b"123", sync=True)
    assert seen == [(3, False), ("folder", True)]


def test_a_failed_write_names_the_file_and_other_errors_are_not_changed(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match=r"No space left on device: .*a\.csv'$"):
            write_atomically(path, b"1")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"folder'$"):
        write_atomically(tmp_path / "folder", b"1")
    with pytest.raises(FileNotFoundError, match=r"other\.txt'$"), replacing(path):
        (tmp_path / "other.txt").read_bytes()
    assert names(tmp_path) == ["folder"]
