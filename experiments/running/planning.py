"""How many trials a unit of work has.

A unit should take one to five minutes, so that the loss of a worker costs little and the time between units does not matter.
Until the time per trial is known from a finished unit, a unit has 16 trials. Towards the end, the remaining trials are
divided evenly among the workers, into units of at least ten seconds, so that no worker is left with a long unit while the
others have nothing to do (guided self-scheduling, Polychronopoulos & Kuck 1987, doi:10.1109/TC.1987.5009495).
"""

import math

TARGET_SECONDS = 120.0
FIRST_TRIALS = 16  # trials in a unit while the time per trial is unknown
MAX_TRIALS = 4096
SMALLEST_PART = 12  # a unit at the end takes at least this part of TARGET_SECONDS
UNITS_PER_WORKER = 3  # of the remaining trials; each worker has up to two units at a time


def is_near_end(n_remaining: int, n_workers: int, seconds_per_trial: float | None) -> bool:
    """Return whether units are smaller than TARGET_SECONDS because few trials remain.

    A worker then gets one unit at a time: a second one would wait for it while other workers have nothing to do. The
    arguments are those of `unit_size`.
    """
    return (
        seconds_per_trial is not None
        and n_remaining * seconds_per_trial < UNITS_PER_WORKER * n_workers * TARGET_SECONDS
    )


def unit_size(n_remaining: int, n_workers: int, seconds_per_trial: float | None, n_batch: int = 1) -> int:
    """Return the number of trials of the next unit.

    Args:
        n_remaining: Number of trials that are not in any unit yet, at least 1.
        n_workers: Number of workers, at least 1.
        seconds_per_trial: Time per trial on one worker, from finished units; None if it is unknown.
        n_batch: Number of images in a batch of the observer. A unit has a multiple of it, as long as it does not take much
            more than the intended time.
    """
    if seconds_per_trial is None:
        smallest = wanted = max(FIRST_TRIALS, min(n_batch, 4 * FIRST_TRIALS))
    else:
        wanted = max(1, min(MAX_TRIALS, int(TARGET_SECONDS / max(seconds_per_trial, 1e-6))))
        smallest = math.ceil(wanted / SMALLEST_PART)
    share = math.ceil(n_remaining / (UNITS_PER_WORKER * n_workers))
    size = min(wanted, max(share, smallest))
    if n_batch <= 4 * FIRST_TRIALS and (seconds_per_trial is None or n_batch * seconds_per_trial <= TARGET_SECONDS):
        size = math.ceil(size / n_batch) * n_batch
    return min(size, n_remaining)
