"""Fixtures for tests of downloads: a web server, and empty data folders."""

import threading

import pytest
from attrs import evolve

from stimuli.published import download, recordings
from stimuli.published.datasets import DATASETS
from tests.unit.stimuli.published.fetching.site import Site


@pytest.fixture
def site():
    """A web server on the local machine."""
    server = Site()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """The parent of an empty data folder `data` and an empty cache `cache`.

    The registry is empty as well, sketch and edge have only four images, and there are no pauses between attempts.
    """
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(DATASETS, "sketch", evolve(DATASETS["sketch"], n_images=4))
    monkeypatch.setitem(DATASETS, "edge", evolve(DATASETS["edge"], n_images=4))
    (tmp_path / "registry.txt").touch()
    monkeypatch.setattr(recordings, "REGISTRY", tmp_path / "registry.txt")
    monkeypatch.setattr(download, "PAUSES", (0, 0, 0, 0))
    return tmp_path
