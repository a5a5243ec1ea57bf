import hashlib
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from attrs import evolve
from huggingface_hub import constants, errors

from observers.devices import PROCESSOR, batches, checkpoint, evaluate, pick_device, pick_dtype, respond
from observers.efficientnet import EfficientNetLite0
from observers.protocol import ObserverError, Trial
from stimuli.images import save_image
from stimuli.stimulus import Stimulus

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NEEDS = [("config.json",), PROCESSOR]


@pytest.fixture
def trials(tmp_path: Path) -> list[Trial]:
    """Seven, whose image is of one gray: 0, 10, 20…"""
    out = []
    for i in range(7):
        path = tmp_path / f"{i}.png"
        save_image(np.full((4, 6, 3), 10 * i, dtype=np.uint8), path)
        out.append(Trial(i + 1, 1, Stimulus(path.name, path, "cat"), ("cat", "dog")))
    return out


def prepare(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32))


def test_batches_are_lazy_and_of_one_size(trials):
    taken = []
    source = (taken.append(trial.number) or trial for trial in trials)
    found = batches(source, prepare, 3)
    assert taken == []
    shapes, numbers = [], []
    for batch, images in found:
        shapes.append(tuple(images.shape))
        numbers.append([trial.number for trial in batch])
        assert taken[-1] == numbers[-1][-1]
    assert shapes == [(3, 3, 4, 6)] * 3
    assert numbers == [[1, 2, 3], [4, 5, 6], [7]]
    assert images[:, 0, 0, 0].tolist() == [60, 60, 60]


@pytest.mark.parametrize("size", [1, 3, 7, 16])
def test_rows_belong_to_their_trials(trials, size):
    found = list(evaluate(trials, prepare, lambda images: images[:, :2, 0, 0].bfloat16(), size))
    assert [trial.number for trial, _ in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.tolist() for _, row in found] == [[10.0 * i, 10.0 * i] for i in range(7)]
    assert {row.dtype for _, row in found} == {np.dtype(np.float64)}
    assert not torch.is_inference_mode_enabled()


def test_images_of_different_sizes_fit_no_batch(trials, tmp_path):
    save_image(np.zeros((5, 5, 3), dtype=np.uint8), tmp_path / "odd.png")
    odd = evolve(trials[0], stimulus=Stimulus("odd.png", tmp_path / "odd.png", "cat"))
    with pytest.raises(ObserverError, match=r"makes 5 × 5 pixels of odd\.png and 6 × 4 of others.*-o whole=true"):
        list(batches([trials[0], odd], prepare, 4))


def test_the_first_of_equals_is_chosen(trials):
    assert respond(trials[0], np.array([0.5, 0.5])).choice == "cat"
    assert respond(trials[0], np.array([0.4, 0.6])).choice == "dog"


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    with pytest.raises(ObserverError, match=r"no device named 'gpu': expected auto, cpu, cuda, cuda:N or mps"):
        pick_device("gpu")
    with pytest.raises(ObserverError, match="this machine has no device cuda: it has cpu; auto takes cpu"):
        pick_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(pick_device(name)) for name in ("auto", "cuda", "cuda:1")] == ["cuda:0", "cuda", "cuda:1"]
    with pytest.raises(ObserverError, match="this machine has no device cuda:2: it has cuda:0, cuda:1, mps, cpu"):
        pick_device("cuda:2")


def test_dtypes():
    assert pick_dtype("bfloat16") == torch.bfloat16
    with pytest.raises(ObserverError, match="no dtype named 'int8': expected float32, float16, bfloat16"):
        pick_dtype("int8")


@pytest.mark.parametrize("n", [0, -1])
def test_a_batch_holds_one_image_or_more(n):
    assert EfficientNetLite0(batch_size=1).batch_size == 1
    with pytest.raises(ObserverError, match=f"batch_size must be 1 or more, got {n}"):
        EfficientNetLite0(batch_size=n)


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
    found = checkpoint("some/model", "ignored", folder, NEEDS)
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
        checkpoint("some/model", None, tmp_path / "none", NEEDS)
    folder = files(tmp_path / "a", "config.json", "model.safetensors")
    with pytest.raises(
        ObserverError, match=r"folder .* has no preprocessor_config\.json or processor_config\.json: name"
    ):
        checkpoint("some/model", None, folder, NEEDS)
    folder = files(tmp_path / "b", "config.json", PROCESSOR[0], "pytorch_model.bin")
    with pytest.raises(
        ObserverError,
        match=r"has no model\.safetensors or .*, only pytorch_model\.bin: only safetensors are loaded.*-o weights=DIR$",
    ):
        checkpoint("some/model", None, folder, NEEDS)


def test_the_hubs_cache(hub):
    cached(hub, "config.json", PROCESSOR[0], "model.safetensors")
    found = checkpoint("some/model", None, None, NEEDS)
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
        checkpoint("some/model", None, None, NEEDS)


def test_without_network_the_files_and_the_way_out_are_named(hub):
    with pytest.raises(
        ObserverError,
        match=r"the repository other/model at revision v2: its config\.json, preprocessor_config\.json or "
        r"processor_config\.json, model\.safetensors or .* cannot be fetched \(HF_HUB_OFFLINE is set\): connect once, "
        r"or name a local folder that holds them: -o weights=DIR",
    ):
        checkpoint("other/model", "v2", None, NEEDS)


def test_a_lost_connection_is_named(hub, monkeypatch):
    lost = errors.HTTPError("the line is dead")  # what the HTTP client raises is no OSError
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def download(*args: object, **options: object) -> str:
        raise lost

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(ObserverError, match=r"cannot be fetched \(HTTPError: the line is dead\): connect once"):
        checkpoint("some/model", None, None, NEEDS)


def test_a_name_that_is_no_repository(hub):
    with pytest.raises(
        ObserverError, match=r"a/b/c at revision main is not on the hub, or not for you.*check its name"
    ):
        checkpoint("a/b/c", None, None, NEEDS)
