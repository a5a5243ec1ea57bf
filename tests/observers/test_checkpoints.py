"""A model's files: found in a folder or the hub's cache, or the sentence that says what is missing and what to do."""

import hashlib
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants, errors

from observers.checkpoints import PROCESSOR, WEIGHTS, find_checkpoint
from observers.protocol import ObserverError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NEEDS = [("config.json",), PROCESSOR, WEIGHTS]


def files(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache of the test's own, without network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def cached(hub: Path, *names: str) -> None:
    """What the cache holds of the revision main of some/model."""
    repository = hub / "models--some--model"
    files(repository / "snapshots" / COMMIT, *names)
    files(repository / "refs")
    (repository / "refs" / "main").write_text(COMMIT)


def test_a_local_folder(tmp_path):
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    folder = files(tmp_path / "mine", "config.json", PROCESSOR[1], "model.safetensors.index.json", *shards)
    found = find_checkpoint("some/model", "ignored", folder, NEEDS)
    assert found.folder == folder
    assert found.provenance(torch.device("cpu"), "float16") == {
        "repository": "some/model",
        "weights": "mine",
        "sha256": hashlib.sha256("".join(shards).encode()).hexdigest(),
        "device": "cpu",
        "dtype": "float16",
    }


def test_what_a_local_folder_lacks_is_said(tmp_path):
    with pytest.raises(ObserverError, match=r"the weights of some/model: there is no folder .*none \(option weights\)"):
        find_checkpoint("some/model", None, tmp_path / "none", NEEDS)
    folder = files(tmp_path / "a", "config.json", "model.safetensors")
    with pytest.raises(
        ObserverError, match=r"folder .* has no preprocessor_config\.json or processor_config\.json: name"
    ):
        find_checkpoint("some/model", None, folder, NEEDS)
    folder = files(tmp_path / "b", "config.json", PROCESSOR[0], "pytorch_model.bin")
    with pytest.raises(
        ObserverError,
        match=r"has no model\.safetensors or .*, only pytorch_model\.bin: only safetensors are loaded.*-o weights=DIR$",
    ):
        find_checkpoint("some/model", None, folder, NEEDS)


def test_the_hubs_cache(hub):
    cached(hub, "config.json", PROCESSOR[0], "model.safetensors")
    found = find_checkpoint("some/model", None, None, NEEDS)
    assert found.folder == hub / "models--some--model" / "snapshots" / COMMIT
    assert found.provenance(torch.device("cpu"), "float32") == {
        "repository": "some/model",
        "revision": COMMIT,
        "device": "cpu",
        "dtype": "float32",
    }


def test_what_the_hub_lacks_is_said(hub):
    cached(hub, "config.json", PROCESSOR[0])
    with pytest.raises(
        ObserverError,
        match=r"the repository some/model at revision main has no model\.safetensors or .*only safetensors are loaded"
        r".*-o weights=DIR, or take another revision, -o revision=…",
    ):
        find_checkpoint("some/model", None, None, NEEDS)


def test_without_network_the_files_and_the_way_out_are_named(hub):
    with pytest.raises(
        ObserverError,
        match=r"the repository other/model at revision v2: its config\.json, preprocessor_config\.json or "
        r"processor_config\.json, model\.safetensors or .* cannot be fetched \(HF_HUB_OFFLINE is set\): connect once, "
        r"or name a local folder that holds them: -o weights=DIR",
    ):
        find_checkpoint("other/model", "v2", None, NEEDS)


def test_a_lost_connection_is_named(hub, monkeypatch):
    lost = errors.HTTPError("the line is dead")  # what the HTTP client raises is no OSError
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def download(*args: object, **options: object) -> str:
        raise lost

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(ObserverError, match=r"cannot be fetched \(HTTPError: the line is dead\): connect once"):
        find_checkpoint("some/model", None, None, NEEDS)


def test_a_name_that_is_no_repository(hub):
    with pytest.raises(
        ObserverError, match=r"a/b/c at revision main is not on the hub, or not for you.*check its name"
    ):
        find_checkpoint("a/b/c", None, None, NEEDS)
