"""Estimate the number of rows per forward pass from the free memory, if the user does not set it.

Once the network is loaded, peak memory grows linearly with the number of rows, so two small passes give the slope. The
result is rounded down to a power of two, so that it is the same whenever a similar amount of memory is free: a
different number of rows would change rounding errors.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from observers.generative.likelihood import Conditioning, Scorer
from observers.protocol import ObserverError, Trial

USED_FRACTION = 0.85  # fraction of the free memory that passes may use
MAX_ROWS = 256  # more rows do not make a device faster
N_TIMED, MAX_SECONDS = 5, 60.0  # number of timed passes; no pass is started after MAX_SECONDS
DEFAULT_ROWS = 16  # number of rows on CPU and MPS, which do not report a useful amount of free memory


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether the error means that memory ran out. CPUs and MPS raise a plain RuntimeError for it."""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error) or "can't allocate" in str(error)


@contextmanager
def explained_memory_errors() -> Iterator[None]:
    """Raise ObserverError if the device runs out of memory while the model is loaded or one image is encoded."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise ObserverError(
            "the model and one image do not fit into the memory of the device: use a smaller model, image size or "
            "--dtype, or another device; the responses so far are saved"
        ) from None


def estimate_n_rows(scorer: Scorer, trial: Trial, conditionings: list[Conditioning]) -> int:
    """Estimate how many rows fit into one forward pass.

    Args:
        scorer: The model.
        trial: A trial that is representative of the session.
        conditionings: The conditioning of each choice of the trial.

    Returns:
        A power of two of at most MAX_ROWS, or DEFAULT_ROWS if the device is not a CUDA device.

    Raises:
        ObserverError: If the model and one image do not fit into memory.
    """
    if scorer.device.type != "cuda":
        return DEFAULT_ROWS
    with explained_memory_errors():
        image = scorer.encode(trial.stimulus.pixels())
        n_bytes = {1: _peak_bytes(scorer, image, conditionings[0], 1)}
    try:
        n_bytes[4] = _peak_bytes(scorer, image, conditionings[0], 4)
    except torch.OutOfMemoryError:
        return 1
    bytes_per_row = max((n_bytes[4] - n_bytes[1]) / 3, 1.0)
    free, _ = torch.cuda.mem_get_info(scorer.device)
    free += torch.cuda.memory_reserved(scorer.device) - torch.cuda.memory_allocated(scorer.device)
    n_rows = (USED_FRACTION * free - (n_bytes[1] - bytes_per_row)) / bytes_per_row
    return int(2 ** np.floor(np.log2(np.clip(n_rows, 1, MAX_ROWS))))


def measure_cost(
    scorer: Scorer, trial: Trial, conditionings: list[Conditioning], n_rows: int
) -> tuple[float, int | None]:
    """Return the median duration of a forward pass of `n_rows` rows in seconds, and the peak memory in bytes.

    The peak memory includes the model; it is None if the device is not a CUDA device.
    """
    image = scorer.encode(trial.stimulus.pixels())
    repeated = [conditionings[i % len(conditionings)] for i in range(n_rows)]
    rows = torch.stack([image] * n_rows), tuple(torch.stack(part) for part in zip(*repeated, strict=True))
    seconds = []
    for i in range(1 + N_TIMED):
        start = time.perf_counter()
        scorer.score(*rows, np.full(n_rows, i % (scorer.n_draws or N_TIMED), dtype=np.int64)).cpu()
        seconds.append(time.perf_counter() - start)
        if sum(seconds) > MAX_SECONDS:
            break
    n_bytes = torch.cuda.max_memory_allocated(scorer.device) if scorer.device.type == "cuda" else None
    return statistics.median(seconds[1:] or seconds), n_bytes  # the first pass is a warm-up


def _peak_bytes(scorer: Scorer, image: torch.Tensor, conditioning: Conditioning, n: int) -> int:
    """Return the peak memory in bytes that a pass of n rows needs in addition to what is already allocated."""
    repeated = tuple(torch.stack([part] * n) for part in conditioning)
    images, draws = torch.stack([image] * n), np.zeros(n, dtype=np.int64)
    scorer.score(images, repeated, draws)  # allocates buffers that stay in memory and must not be counted
    torch.cuda.synchronize(scorer.device)
    torch.cuda.reset_peak_memory_stats(scorer.device)
    before = torch.cuda.memory_allocated(scorer.device)
    scorer.score(images, repeated, draws)
    torch.cuda.synchronize(scorer.device)
    return torch.cuda.max_memory_allocated(scorer.device) - before
