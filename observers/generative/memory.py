"""How many rows a forward pass holds where the user does not say it.

Peak memory grows linearly with the rows once the network is loaded: two small passes give the slope. The result is a power
of two, so that it is the same whenever about the same memory is free: another number of rows rounds differently.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from observers.generative.likelihood import Condition, Likelihood
from observers.protocol import ObserverError, Trial

SHARE = 0.85  # of the free memory
MAX_ROWS = 256  # the device is full long before
N_TIMED, PATIENCE = 5, 60.0  # passes, seconds
DEFAULT_ROWS = 16  # on CPU and MPS, whose free memory says little


def ran_out(error: RuntimeError) -> bool:
    """Of memory? CPUs and MPS have no error of their own for it."""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error) or "can't allocate" in str(error)


@contextmanager
def in_memory() -> Iterator[None]:
    """Around what a model needs before its first pass. Raises ObserverError where the device's memory does not hold it."""
    try:
        yield
    except RuntimeError as error:
        if not ran_out(error):
            raise
        raise ObserverError(
            "the device's memory does not hold the model and one image: take a smaller model, size or --dtype, or another "
            "device; what was answered is kept"
        ) from None


def rows_that_fit(likelihood: Likelihood, trial: Trial, conditions: list[Condition]) -> int:
    """N for passes of trials like this one. Raises ObserverError where not even one row fits."""
    if likelihood.device.type != "cuda":
        return DEFAULT_ROWS
    with in_memory():
        image = likelihood.encode(trial.stimulus.pixels())
        n_bytes = {1: _peak(likelihood, image, conditions[0], 1)}
    try:
        n_bytes[4] = _peak(likelihood, image, conditions[0], 4)
    except torch.OutOfMemoryError:
        return 1
    each = max((n_bytes[4] - n_bytes[1]) / 3, 1.0)
    free, _ = torch.cuda.mem_get_info(likelihood.device)
    free += torch.cuda.memory_reserved(likelihood.device) - torch.cuda.memory_allocated(likelihood.device)
    fit = (SHARE * free - (n_bytes[1] - each)) / each
    return int(2 ** np.floor(np.log2(np.clip(fit, 1, MAX_ROWS))))


def time_and_memory(
    likelihood: Likelihood, trial: Trial, conditions: list[Condition], size: int
) -> tuple[float, int | None]:
    """Median seconds of a pass of `size` rows, and on CUDA the most bytes that were taken, the model included."""
    image = likelihood.encode(trial.stimulus.pixels())
    given = [conditions[i % len(conditions)] for i in range(size)]
    rows = torch.stack([image] * size), tuple(torch.stack(part) for part in zip(*given, strict=True))
    seconds = []
    for i in range(1 + N_TIMED):
        start = time.perf_counter()
        likelihood.score(*rows, np.full(size, i % (likelihood.n_draws or N_TIMED), dtype=np.int64)).cpu()
        seconds.append(time.perf_counter() - start)
        if sum(seconds) > PATIENCE:
            break
    n_bytes = torch.cuda.max_memory_allocated(likelihood.device) if likelihood.device.type == "cuda" else None
    return statistics.median(seconds[1:] or seconds), n_bytes  # the first one warms up


def _peak(likelihood: Likelihood, image: torch.Tensor, condition: Condition, n: int) -> int:
    """Bytes that a pass of n rows takes beyond what is there already."""
    conditions = tuple(torch.stack([part] * n) for part in condition)
    images, draws = torch.stack([image] * n), np.zeros(n, dtype=np.int64)
    likelihood.score(images, conditions, draws)  # what is kept for good does not count
    torch.cuda.synchronize(likelihood.device)
    torch.cuda.reset_peak_memory_stats(likelihood.device)
    before = torch.cuda.memory_allocated(likelihood.device)
    likelihood.score(images, conditions, draws)
    torch.cuda.synchronize(likelihood.device)
    return torch.cuda.max_memory_allocated(likelihood.device) - before
