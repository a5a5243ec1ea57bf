"""The number of trials in a unit of work.

A unit should take one to five minutes: little work is then lost with a worker, and the overhead per unit is negligible.
Until the time per trial is known from a finished unit, a unit has up to 16 trials. Towards the end, the remaining trials are
divided evenly among the workers, so that no worker computes a long unit while the others are idle (guided self-scheduling,
Polychronopoulos & Kuck 1987, doi:10.1109/TC.1987.5009495). A unit then takes at least ten seconds, unless fewer trials
remain than all workers compute in this time.
"""

import math

TARGET_SECONDS = 120.0  # time that a unit should take
FIRST_TRIALS = 16  # trials in a unit while the time per trial is unknown
MAX_TRIALS = 4096
SMALLEST_PART = 12  # near the end, a unit takes at least TARGET_SECONDS divided by this number
UNITS_PER_WORKER = 3  # near the end, the remaining trials are divided into this number of units per worker


def is_near_end(n_remaining: int, n_workers: int, seconds_per_trial: float | None) -> bool:
    """Return whether units are smaller than TARGET_SECONDS because few trials remain.

    A worker then gets one unit at a time, because a second unit would wait in its queue while other workers are idle. The
    arguments are the same as those of `unit_size`.
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
        n_batch: Number of images in a batch of the observer. The size of a unit is a multiple of it, unless a batch has
            more than 4 * FIRST_TRIALS images or takes longer than TARGET_SECONDS.
    """
    if seconds_per_trial is None:
        wanted, smallest = max(FIRST_TRIALS, min(n_batch, 4 * FIRST_TRIALS)), 1
    else:
        wanted = max(1, min(MAX_TRIALS, int(TARGET_SECONDS / max(seconds_per_trial, 1e-6))))
        smallest = math.ceil(wanted / SMALLEST_PART)
    share = math.ceil(n_remaining / (UNITS_PER_WORKER * n_workers))
    size = min(wanted, max(share, min(smallest, math.ceil(n_remaining / n_workers))))  # every worker gets a unit
    if n_batch <= 4 * FIRST_TRIALS and (seconds_per_trial is None or n_batch * seconds_per_trial <= TARGET_SECONDS):
        size = math.ceil(size / n_batch) * n_batch
    return min(size, n_remaining)
