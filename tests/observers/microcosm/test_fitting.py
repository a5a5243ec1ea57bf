"""The training loop: it learns, it goes on as if it had not been stopped, and it says what does not fit."""

import csv
import math

import pytest
import torch
from attrs import evolve

from observers.microcosm import training_loop
from observers.microcosm.training_loop import TrainingSettings, exactly, fit
from observers.protocol import ObserverError
from observers.training_checkpoint import saved_curve

PLAN = TrainingSettings(steps=40, batch=8, rate=0.2, warmup=4, average=0.9)


def line(stop_at: float = math.inf):
    """A linear layer that is to double its input, and a loss that is interrupted after so many batches."""
    torch.manual_seed(0)
    layer, count = torch.nn.Linear(3, 3), 0

    def loss(generator):
        nonlocal count
        count += 1
        if count > stop_at:
            raise KeyboardInterrupt
        x = torch.randn(PLAN.batch, 3, generator=generator)
        return (layer(x) - 2 * x).square().mean()

    return layer, loss


def curve(path) -> list[tuple[int, float]]:
    """Steps and losses; the third column is the time."""
    return [(int(step), float(loss)) for step, loss, _ in csv.reader(path.read_text().splitlines())]


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(training_loop, "EVERY", 10)


def test_it_learns_and_writes_its_curve(tmp_path):
    layer, loss = line()
    said = []
    fit(layer, loss, PLAN, tmp_path / "part", say=said.append)
    steps, losses = zip(*curve(tmp_path / "part.csv"), strict=True)
    assert steps == (10, 20, 30, 40)
    assert losses[-1] < 0.1 * losses[0]
    assert said[-1].startswith("part: step 40 of 40: loss ")
    assert not layer.training


def test_it_goes_on_as_if_it_had_not_been_stopped(tmp_path):
    whole, loss = line()
    fit(whole, loss, PLAN, tmp_path / "whole")
    layer, loss = line(stop_at=25)
    with pytest.raises(KeyboardInterrupt):
        fit(layer, loss, PLAN, tmp_path / "part")
    layer, loss = line()
    fit(layer, loss, PLAN, tmp_path / "part")
    assert torch.equal(layer.weight, whole.weight)
    assert curve(tmp_path / "whole.csv") == curve(tmp_path / "part.csv")
    again, loss = line(stop_at=0)  # all is done
    fit(again, loss, PLAN, tmp_path / "part")
    assert torch.equal(again.weight, whole.weight)


def test_what_is_kept_is_the_average_of_the_weights(tmp_path):
    """w_t by gradient steps, average_t = a_t average + (1 − a_t) w_t with a_t = min(average, (t + 1) / (t + 10))."""
    layer, inner = line()
    seen = [layer.weight.detach().clone()]

    def loss(generator):
        seen.append(layer.weight.detach().clone())
        return inner(generator)

    fit(layer, loss, PLAN, tmp_path / "mean")
    last, inner = line()
    fit(last, inner, evolve(PLAN, average=0.0), tmp_path / "last")
    expected = seen[0]
    for t, weight in enumerate([*seen[2:], last.weight]):  # seen[1] is before the first step
        share = min(PLAN.average, (t + 1) / (t + 10))
        expected = share * expected + (1 - share) * weight
    assert torch.allclose(layer.weight, expected, atol=1e-6)
    assert not torch.allclose(layer.weight, last.weight, atol=1e-4)


def test_another_training_and_no_number(tmp_path):
    layer, loss = line()
    fit(layer, loss, evolve(PLAN, steps=10), tmp_path / "part")
    with pytest.raises(ObserverError, match=r"part\.pt is of a training with another steps, rate: name another folder"):
        fit(layer, loss, evolve(PLAN, rate=1.0), tmp_path / "part")
    with pytest.raises(ObserverError, match=r"part\.pt is of a training with another given: name another folder"):
        fit(layer, loss, evolve(PLAN, steps=10), tmp_path / "part", given="other pictures")
    with pytest.raises(
        ObserverError, match=r"part\.pt is of another network \(.*size mismatch.*: name another folder, or remove it"
    ):
        fit(torch.nn.Linear(4, 4), loss, evolve(PLAN, steps=10), tmp_path / "part")
    with pytest.raises(ObserverError, match="the loss is no number at step 1: a rate lower than"):
        fit(layer, lambda generator: layer.weight.sum() * torch.nan, PLAN, tmp_path / "other")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no state"])
def test_a_damaged_state(tmp_path, content):
    (tmp_path / "part.pt").write_bytes(content)
    layer, loss = line()
    with pytest.raises(ObserverError, match=r"part\.pt is damaged, or no state of a training: name another folder"):
        fit(layer, loss, PLAN, tmp_path / "part")
    torch.save(torch.ones(3), tmp_path / "part.pt")
    with pytest.raises(ObserverError, match="damaged, or no state"):
        fit(layer, loss, PLAN, tmp_path / "part")


def test_the_curve_is_whole_whenever_it_was_stopped(tmp_path):
    layer, loss = line()
    fit(layer, loss, PLAN, tmp_path / "part")
    whole = curve(tmp_path / "part.csv")
    (tmp_path / "part.csv").unlink()
    assert [[int(step), float(loss)] for step, loss, _ in saved_curve(tmp_path / "part.pt")] == [
        list(row) for row in whole
    ]


def test_half_plans_compute_exactly_where_asked():
    x = torch.randn(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with exactly():
            assert (x @ x).dtype == torch.float32
