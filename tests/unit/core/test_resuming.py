"""Commands that can be stopped and resumed."""

import os
import signal
import sys

import pytest
import typer

from core.resuming import resumable


def test_sigterm_stops_a_command_and_the_previous_handler_is_restored(monkeypatch, capsys):
    def previous_handler(*_):
        pass

    monkeypatch.setattr(sys, "argv", ["cli.py", "collect", "edge"])
    original = signal.signal(signal.SIGTERM, previous_handler)
    try:
        with resumable("every response is saved", ("collect",)):
            assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is previous_handler
        with pytest.raises(typer.Exit) as stopped, resumable("every response is saved", ("collect",)):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stopped.value.exit_code == 3
        assert signal.getsignal(signal.SIGTERM) is previous_handler
    finally:
        signal.signal(signal.SIGTERM, original)
    message = "Stopped; every response is saved. To continue, run: observers collect edge"
    assert capsys.readouterr().err.strip() == message


def test_options_that_are_replaced_are_omitted_from_the_command(monkeypatch, capsys):
    words = ["cli.py", "serve", "edge", "--sessions", "2", "--limit", "2", "--sessions=3", "--out", "--sessions-x"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(typer.Exit), resumable("", ("serve",), ["--participant", "AB12"], ["--sessions"]):
        raise KeyboardInterrupt
    command = "observers serve edge --limit 2 --out --sessions-x --participant AB12"
    assert capsys.readouterr().err.strip().endswith(command)
