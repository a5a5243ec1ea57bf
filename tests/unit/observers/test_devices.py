"""Devices, number formats and batches of observers that are PyTorch models."""

from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve

from observers.classifiers.efficientnet import EfficientNetLite0
from observers.devices import evaluate, iter_batches, pick_device, pick_dtype, respond
from observers.protocol import ObserverError, Trial
from stimuli.images import save_image
from stimuli.stimulus import Stimulus


@pytest.fixture
def trials(tmp_path: Path) -> list[Trial]:
    """Return seven trials, each with an image of one gray level: 0, 10, 20, …"""
    trials = []
    for i in range(7):
        path = tmp_path / f"{i}.png"
        save_image(np.full((4, 6, 3), 10 * i, dtype=np.uint8), path)
        trials.append(Trial(i + 1, 1, Stimulus(path.name, path, "cat"), ("cat", "dog")))
    return trials


def prepare(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32))


def test_batches_are_lazy_and_have_the_same_size(trials):
    taken = []
    source = (taken.append(trial.number) or trial for trial in trials)
    batches = iter_batches(source, prepare, 3)
    assert taken == []
    shapes, numbers = [], []
    for batch, images in batches:
        shapes.append(tuple(images.shape))
        numbers.append([trial.number for trial in batch])
        assert taken[-1] == numbers[-1][-1]
    assert shapes == [(3, 3, 4, 6)] * 3
    assert numbers == [[1, 2, 3], [4, 5, 6], [7]]
    assert images[:, 0, 0, 0].tolist() == [60, 60, 60]


@pytest.mark.parametrize("size", [1, 3, 7, 16])
def test_every_trial_has_its_own_row(trials, size):
    rows = list(evaluate(trials, prepare, lambda images: images[:, :2, 0, 0].bfloat16(), size))
    assert [trial.number for trial, _ in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.tolist() for _, row in rows] == [[10.0 * i, 10.0 * i] for i in range(7)]
    assert {row.dtype for _, row in rows} == {np.dtype(np.float64)}
    assert not torch.is_inference_mode_enabled()


def test_lack_of_memory_is_reported(trials):
    def forward(images):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ObserverError, match="a batch of 7 images does not fit into the device's memory: use a smaller"):
        next(evaluate(trials, prepare, forward, 7))


def test_images_of_different_sizes_are_refused(trials, tmp_path):
    save_image(np.zeros((5, 5, 3), dtype=np.uint8), tmp_path / "odd.png")
    odd = evolve(trials[0], stimulus=Stimulus("odd.png", tmp_path / "odd.png", "cat"))
    with pytest.raises(ObserverError, match=r"odd\.png has 5 × 5 pixels but .*\.png has 6 × 4; .*-o whole=true"):
        list(iter_batches([trials[0], odd], prepare, 4))


def test_first_of_equal_choices_is_chosen(trials):
    assert respond(trials[0], np.array([0.5, 0.5])).choice == "cat"
    assert respond(trials[0], np.array([0.4, 0.6])).choice == "dog"


def test_pick_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    with pytest.raises(ObserverError, match=r"unknown device 'gpu': expected auto, cpu, cuda, cuda:N or mps"):
        pick_device("gpu")
    with pytest.raises(ObserverError, match="the device cuda is not available: this machine has cpu; auto chooses cpu"):
        pick_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(pick_device(name)) for name in ("auto", "cuda", "cuda:1")] == ["cuda:0", "cuda", "cuda:1"]
    with pytest.raises(
        ObserverError, match="the device cuda:2 is not available: this machine has cuda:0, cuda:1, mps, cpu"
    ):
        pick_device("cuda:2")


def test_pick_dtype():
    assert pick_dtype("bfloat16") == torch.bfloat16
    with pytest.raises(ObserverError, match="unknown dtype 'int8': expected float32, float16, bfloat16"):
        pick_dtype("int8")


@pytest.mark.parametrize("n", [0, -1, 100_000])
def test_batch_size_is_limited(n):
    assert EfficientNetLite0(batch_size=1).batch_size == 1
    with pytest.raises(ObserverError, match=f"batch_size must be 1 to 4096, got {n}"):
        EfficientNetLite0(batch_size=n)
