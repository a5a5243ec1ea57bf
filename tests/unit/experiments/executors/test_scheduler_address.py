"""The address of a scheduler, from a file that only its user can change."""

import json
import os
import threading
import time

import pytest

from core.errors import UserError
from experiments.executors.scheduler_address import find_scheduler


@pytest.fixture
def file(tmp_path):
    """Return the file of a scheduler that only its user can read."""
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps({"address": "tcp://10.0.0.1:8786", "workers": {}}))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "tls://node-3:8786", "localhost:8786"])
def test_addresses_are_returned(address):
    assert find_scheduler(address) == address


@pytest.mark.parametrize("text", ["logs/scheduler", "tcp://host:1/x"])
def test_other_text_is_refused(text):
    with pytest.raises(UserError, match=f"{text} is neither an address like tcp://HOST:PORT nor a file"):
        find_scheduler(text)


def test_private_file_is_read_silently(file):
    notes = []
    assert find_scheduler(str(file), notify=notes.append) == "tcp://10.0.0.1:8786" and notes == []


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_file_that_others_can_read_is_noted(file, mode):
    file.chmod(mode)
    notes = []
    assert find_scheduler(str(file), notify=notes.append)
    assert (
        len(notes) == 1
        and f"other users can read the address of your scheduler in {file}" in notes[0]
        and "chmod 600" in notes[0]
    )


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_file_that_others_can_change_is_refused(file, mode):
    file.chmod(mode)
    with pytest.raises(
        UserError, match=r"other users can change .*scheduler\.json and could thereby run programs as you"
    ):
        find_scheduler(str(file))


def test_file_of_another_user_is_refused(file, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    monkeypatch.setattr("experiments.executors.scheduler_address.ROOT_USER", -1)  # who may run the tests
    with pytest.raises(UserError, match=r"scheduler\.json belongs to another user"):
        find_scheduler(str(file))


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"late\.json does not exist: start the scheduler with `observers scheduler"):
        find_scheduler(str(tmp_path / "late.json"), seconds=0)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"address": 3}'])
def test_file_of_something_else(tmp_path, content):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(UserError, match=r"s\.json is not a scheduler file"):
        find_scheduler(str(tmp_path / "s.json"), seconds=0)


def test_old_file_of_something_else_is_refused_at_once(tmp_path):
    (tmp_path / "s.json").write_text("{")
    os.utime(tmp_path / "s.json", (1e9, 1e9))
    with pytest.raises(UserError, match=r"s\.json is not a scheduler file"):
        find_scheduler(str(tmp_path / "s.json"), seconds=600)


def test_a_wait_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.executors.scheduler_address.TELL_SECONDS", 0.1)
    told = []
    with pytest.raises(UserError, match=r"late\.json does not exist"):
        find_scheduler(str(tmp_path / "late.json"), seconds=1, notify=told.append)
    assert told == [f"waiting up to 1 s for the scheduler file {tmp_path / 'late.json'}"]


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "tcp://host", "tcp://host:port"])
def test_address_without_a_port(address):
    with pytest.raises(UserError, match=rf"such as tcp://HOST:PORT, but '{address}' lacks the port"):
        find_scheduler(address)


def test_folder(tmp_path):
    (tmp_path / "s.json").mkdir()
    with pytest.raises(UserError, match=r"s\.json"):
        find_scheduler(str(tmp_path / "s.json"), seconds=0)


def test_file_that_appears_later(file, tmp_path):
    late = tmp_path / "late.json"
    threading.Thread(target=lambda: (time.sleep(0.3), file.rename(late))).start()
    assert find_scheduler(str(late), seconds=20) == "tcp://10.0.0.1:8786"
