"""The training loop learns, resumes exactly where it was interrupted, and rejects checkpoints that do not fit."""

import csv
import math

import pytest
import torch
from attrs import evolve

from observers.microcosm.training import training_loop
from observers.microcosm.training.training_loop import TrainingSettings, fit, full_precision
from observers.protocol import ObserverError
from observers.training.training_checkpoint import saved_curve

SETTINGS = TrainingSettings(steps=40, batch=8, rate=0.2, warmup=4, average=0.9)


def doubling_task(stop_after: float = math.inf):
    """Return a linear layer that should double its input, and a loss that is interrupted after this many batches."""
    torch.manual_seed(0)
    layer, n_batches = torch.nn.Linear(3, 3), 0

    def loss(generator):
        nonlocal n_batches
        n_batches += 1
        if n_batches > stop_after:
            raise KeyboardInterrupt
        x = torch.randn(SETTINGS.batch, 3, generator=generator)
        return (layer(x) - 2 * x).square().mean()

    return layer, loss


def read_curve(path) -> list[tuple[int, float]]:
    """Return steps and losses. The third column, the time, differs between runs."""
    return [(int(step), float(loss)) for step, loss, _ in csv.reader(path.read_text().splitlines())]


@pytest.fixture(autouse=True)
def short_checkpoint_interval(monkeypatch):
    monkeypatch.setattr(training_loop, "CHECKPOINT_INTERVAL", 10)


def test_the_loss_decreases_and_the_learning_curve_is_written(tmp_path):
    layer, loss = doubling_task()
    messages = []
    fit(layer, loss, SETTINGS, tmp_path / "part", on_progress=messages.append)
    steps, losses = zip(*read_curve(tmp_path / "part.csv"), strict=True)
    assert steps == (10, 20, 30, 40)
    assert losses[-1] < 0.1 * losses[0]
    assert messages[-1].startswith("part: step 40 of 40: loss ")
    assert not layer.training


def test_a_resumed_run_equals_an_uninterrupted_run(tmp_path):
    uninterrupted, loss = doubling_task()
    fit(uninterrupted, loss, SETTINGS, tmp_path / "whole")
    layer, loss = doubling_task(stop_after=25)
    with pytest.raises(KeyboardInterrupt):
        fit(layer, loss, SETTINGS, tmp_path / "part")
    layer, loss = doubling_task()
    fit(layer, loss, SETTINGS, tmp_path / "part")
    assert torch.equal(layer.weight, uninterrupted.weight)
    assert read_curve(tmp_path / "whole.csv") == read_curve(tmp_path / "part.csv")
    finished, loss = doubling_task(stop_after=0)  # no steps remain
    fit(finished, loss, SETTINGS, tmp_path / "part")
    assert torch.equal(finished.weight, uninterrupted.weight)


def test_the_result_is_the_moving_average_of_the_weights(tmp_path):
    """average_t = d_t average + (1 − d_t) w_t with d_t = min(average, (t + 1) / (t + 10))."""
    layer, inner_loss = doubling_task()
    weights = [layer.weight.detach().clone()]

    def loss(generator):
        weights.append(layer.weight.detach().clone())
        return inner_loss(generator)

    fit(layer, loss, SETTINGS, tmp_path / "mean")
    last, inner_loss = doubling_task()
    fit(last, inner_loss, evolve(SETTINGS, average=0.0), tmp_path / "last")
    expected = weights[0]
    for t, weight in enumerate([*weights[2:], last.weight]):  # weights[1] is from before the first step
        decay = min(SETTINGS.average, (t + 1) / (t + 10))
        expected = decay * expected + (1 - decay) * weight
    assert torch.allclose(layer.weight, expected, atol=1e-6)
    assert not torch.allclose(layer.weight, last.weight, atol=1e-4)


def test_other_settings_and_infinite_losses_are_errors(tmp_path):
    layer, loss = doubling_task()
    fit(layer, loss, evolve(SETTINGS, steps=10), tmp_path / "part")
    with pytest.raises(
        ObserverError, match=r"part\.pt was made with different settings \(steps, rate\): choose another folder"
    ):
        fit(layer, loss, evolve(SETTINGS, rate=1.0), tmp_path / "part")
    with pytest.raises(
        ObserverError, match=r"part\.pt was made with different settings \(training data\): choose another folder"
    ):
        fit(layer, loss, evolve(SETTINGS, steps=10), tmp_path / "part", data_id="other images")
    with pytest.raises(
        ObserverError,
        match=r"part\.pt was made by a different network \(.*size mismatch.*: choose another folder, or delete this file",
    ):
        fit(torch.nn.Linear(4, 4), loss, evolve(SETTINGS, steps=10), tmp_path / "part")
    with pytest.raises(ObserverError, match="the loss is not finite at step 1: use a learning rate below"):
        fit(layer, lambda generator: layer.weight.sum() * torch.nan, SETTINGS, tmp_path / "other")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no state"])
def test_a_damaged_checkpoint_is_an_error(tmp_path, content):
    (tmp_path / "part.pt").write_bytes(content)
    layer, loss = doubling_task()
    with pytest.raises(
        ObserverError, match=r"part\.pt is damaged or is not a training checkpoint: choose another folder"
    ):
        fit(layer, loss, SETTINGS, tmp_path / "part")
    torch.save(torch.ones(3), tmp_path / "part.pt")
    with pytest.raises(ObserverError, match="damaged or is not a training checkpoint"):
        fit(layer, loss, SETTINGS, tmp_path / "part")


def test_the_checkpoint_contains_the_learning_curve(tmp_path):
    layer, loss = doubling_task()
    fit(layer, loss, SETTINGS, tmp_path / "part")
    expected = read_curve(tmp_path / "part.csv")
    (tmp_path / "part.csv").unlink()
    assert [[int(step), float(loss)] for step, loss, _ in saved_curve(tmp_path / "part.pt")] == [
        list(row) for row in expected
    ]


def test_full_precision_inside_autocast():
    x = torch.randn(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with full_precision():
            assert (x @ x).dtype == torch.float32
