"""A model's files are found in a folder or the cache of the Hub; if one is missing, the error says which and what to do."""

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


def write_files(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty folder of a separate Hub cache, without network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def fill_cache(hub: Path, *names: str) -> None:
    """Write these files into the cache, as the revision main of some/model."""
    repository = hub / "models--some--model"
    write_files(repository / "snapshots" / COMMIT, *names)
    write_files(repository / "refs")
    (repository / "refs" / "main").write_text(COMMIT)


def test_local_folder_is_used(tmp_path):
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    folder = write_files(tmp_path / "mine", "config.json", PROCESSOR[1], "model.safetensors.index.json", *shards)
    checkpoint = find_checkpoint("some/model", "ignored", folder, NEEDS)
    assert checkpoint.folder == folder
    assert checkpoint.provenance(torch.device("cpu"), "float16") == {
        "repository": "some/model",
        "weights": "mine",
        "sha256": hashlib.sha256("".join(shards).encode()).hexdigest(),
        "device": "cpu",
        "dtype": "float16",
    }


def test_missing_file_of_a_local_folder_is_reported(tmp_path):
    with pytest.raises(
        ObserverError, match=r"the weights of some/model: the folder .*none does not exist \(option weights\)"
    ):
        find_checkpoint("some/model", None, tmp_path / "none", NEEDS)
    folder = write_files(tmp_path / "a", "config.json", "model.safetensors")
    with pytest.raises(
        ObserverError, match=r"folder .* has no preprocessor_config\.json or processor_config\.json: give"
    ):
        find_checkpoint("some/model", None, folder, NEEDS)
    folder = write_files(tmp_path / "b", "config.json", PROCESSOR[0], "pytorch_model.bin")
    with pytest.raises(
        ObserverError,
        match=r"has no model\.safetensors or .*, only pytorch_model\.bin: only safetensors are loaded.*-o weights=FOLDER$",
    ):
        find_checkpoint("some/model", None, folder, NEEDS)


def test_hub_cache_is_used(hub):
    fill_cache(hub, "config.json", PROCESSOR[0], "model.safetensors")
    checkpoint = find_checkpoint("some/model", None, None, NEEDS)
    assert checkpoint.folder == hub / "models--some--model" / "snapshots" / COMMIT
    assert checkpoint.provenance(torch.device("cpu"), "float32") == {
        "repository": "some/model",
        "revision": COMMIT,
        "device": "cpu",
        "dtype": "float32",
    }


def test_missing_file_of_the_hub_cache_is_reported(hub):
    fill_cache(hub, "config.json", PROCESSOR[0])
    with pytest.raises(
        ObserverError,
        match=r"the repository some/model at revision main has no model\.safetensors or .*only safetensors are loaded"
        r".*-o weights=FOLDER, or use another revision, -o revision=…",
    ):
        find_checkpoint("some/model", None, None, NEEDS)


def test_error_without_network_names_the_files_and_the_remedy(hub):
    with pytest.raises(
        ObserverError,
        match=r"the repository other/model at revision v2 cannot be downloaded \(HF_HUB_OFFLINE is set\), and the cache "
        r"does not contain all of its files \(config\.json, preprocessor_config\.json or processor_config\.json, "
        r"model\.safetensors or .*\): connect to the internet once, or give a local folder that contains them with "
        r"-o weights=FOLDER",
    ):
        find_checkpoint("other/model", "v2", None, NEEDS)


@pytest.mark.parametrize("name", ["other/model", "a/b/c"])
def test_the_path_of_a_local_folder_begins_with_a_dot(hub, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ObserverError, match=f"-o weights=FOLDER; to load the local folder {name}, write ./{name}"):
        find_checkpoint(name, None, None, NEEDS)


@pytest.mark.parametrize(
    "lost",
    [
        errors.HTTPError("the line is dead"),  # the HTTP client does not raise an OSError
        errors.LocalEntryNotFoundError("Got: HTTPError: the line is dead\nThe files are not in the cache."),
    ],
)
def test_lost_connection_is_reported(hub, monkeypatch, lost):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def download(*args: object, **options: object) -> str:
        raise lost

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(
        ObserverError,
        match=r"cannot be downloaded \(HTTPError: the line is dead\), and the cache .*: connect to the internet once",
    ):
        find_checkpoint("some/model", None, None, NEEDS)


def test_unknown_repository_is_reported(hub):
    with pytest.raises(
        ObserverError,
        match=r"a/b/c at revision main was not found on the Hugging Face Hub, or you do not have access.*check its name",
    ):
        find_checkpoint("a/b/c", None, None, NEEDS)
