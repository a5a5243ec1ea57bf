"""The number of rows per pass that fit into the memory of a simulated CUDA device."""

import numpy as np
import pytest
import torch
from attrs import frozen

from observers.generative import memory
from observers.protocol import ObserverError

MIB = 2**20


@frozen
class Model:
    """A model whose passes need `fixed` bytes and `per_row` bytes for each row; passes of more than `max_rows` rows fail."""

    device: torch.device
    peaks: list
    fixed: int = 10 * MIB
    per_row: int = 8 * MIB
    max_rows: int = 1000

    def encode(self, pixels):
        return torch.zeros(3)

    def score(self, images, conditioning, draws):
        if len(images) > self.max_rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        assert len(images) == len(conditioning[0]) == len(draws)
        self.peaks.append(self.fixed + self.per_row * len(images))
        return torch.zeros(len(images))


@pytest.fixture
def rows(monkeypatch, small):
    """Return a function that estimates the rows of a model when so many bytes are free."""

    def estimate(free, device="cuda", **options):
        peaks = [0]
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: peaks.append(0))
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 0)
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 0)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: peaks[-1])
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
        model = Model(torch.device(device), peaks, **options)
        return memory.estimate_n_rows(model, small.trials(0)[0], [(torch.zeros(2),)])

    return estimate


def test_the_largest_power_of_two_fits(rows):
    for free, expected in ((10 * MIB, 1), (100 * MIB, 8), (1000 * MIB, 64), (10**6 * MIB, memory.MAX_ROWS)):
        assert rows(free) == expected
        fits = 10 * MIB + 8 * MIB * np.array([expected, 2 * expected]) <= memory.USED_FRACTION * free
        assert (fits[0] or expected == 1) and (not fits[1] or expected == memory.MAX_ROWS)


def test_models_that_hardly_fit_or_do_not_fit(rows):
    assert rows(100 * MIB, max_rows=3) == 1
    with pytest.raises(ObserverError, match="the model and one image do not fit into the memory of the device"):
        rows(100 * MIB, max_rows=0)


def test_other_devices_have_a_fixed_number_of_rows(rows):
    assert rows(100 * MIB, device="cpu") == memory.DEFAULT_ROWS
