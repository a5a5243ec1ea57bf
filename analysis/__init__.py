"""Measures of trial logs: accuracy, shape bias, error consistency, noise ceiling and the benchmark of Geirhos et al. (2021).

Read trial logs into one table with `read_trials`, then pass that table to a measure. A measure is a pure function: it takes
the table (a pandas DataFrame with one row per trial) and returns a number or another table. It writes no files and draws no
figures. People, networks and generative models are all observers here, so the same call compares any of them.

The docstring of each module has the formula, the source and the degenerate cases of its measure.

Example:
    >>> from analysis import accuracy, error_consistency, read_trials
    >>> frame = read_trials("logs")
    >>> accuracy(frame)
    >>> error_consistency(frame, n_resamples=1000)
"""

from core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
