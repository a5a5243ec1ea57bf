"""Small units of work for the tests of sessions on workers."""

import pytest


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    """Let units have three trials, so that a small experiment has several."""
    monkeypatch.setattr("experiments.running.session_progress.unit_size", lambda n, *others: min(n, 3))
