"""An empty data folder and cache, and the server, for every test of fetching."""

import threading

import pytest
from attrs import evolve

from stimuli import fetch
from stimuli.datasets import DATASETS
from tests.stimuli.fetching.site import Site


@pytest.fixture
def site():
    server = Site()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty data folder, an empty cache, a registry that knows nothing, a sketch dataset of four images, no pauses."""
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(DATASETS, "sketch", evolve(DATASETS["sketch"], n_images=4))
    monkeypatch.setitem(DATASETS, "edge", evolve(DATASETS["edge"], n_images=4))
    (tmp_path / "registry.txt").touch()
    monkeypatch.setattr(fetch, "REGISTRY", tmp_path / "registry.txt")
    monkeypatch.setattr(fetch, "PAUSES", (0, 0, 0, 0))
    return tmp_path
