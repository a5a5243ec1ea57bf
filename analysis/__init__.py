"""Measures of trial logs: accuracy, shape bias, error consistency, noise ceiling and the benchmark of Geirhos et al. (2021).

Read trial logs into one table with `read_trials`, then pass that table to a measure. A measure is a pure function: it takes
the table (a pandas DataFrame with one row per trial) and returns a number or another table. It writes no files and draws no
figures. People, networks and generative models are all observers here, so the same call compares any of them.

Every public name is listed in `NAMES`. `from analysis import error_consistency` loads the module of that measure on first
use, so `import analysis` alone is fast. The docstring of each module has the formula, the source and the degenerate cases
of its measure.

Example:
    >>> from analysis import accuracy_by_condition, error_consistency, read_trials
    >>> frame = read_trials(["logs"])
    >>> accuracy_by_condition(frame)
    >>> error_consistency(frame, n_resamples=1000)
"""

from importlib import import_module
from typing import Any

NAMES = {
    "read_trials": "analysis.io.frame:read_trials",
    "accuracy_by_condition": "analysis.measures.accuracy:accuracy",
    "shape_bias_by_category": "analysis.measures.shape_bias:shape_bias",
    "overall_shape_bias": "analysis.measures.shape_bias:overall_shape_bias",
    "confusion_table": "analysis.measures.confusion:confusion",
    "confusion_matrix": "analysis.measures.confusion:confusion_matrix",
    "response_entropy": "analysis.measures.confusion:response_entropy",
    "thresholds": "analysis.measures.psychometric:thresholds",
    "observer_measure": "analysis.benchmark.correlation:observer_measure",
    "correlate": "analysis.benchmark.correlation:correlate",
    "error_consistency": "analysis.kappa.consistency:consistency",
    "kappa_matrix": "analysis.kappa.consistency:kappa_matrix",
    "kappa_by_kind": "analysis.kappa.pairs:kappa_by_kind",
    "attainable_kappa": "analysis.kappa.consistency:attainable_kappa",
    "error_pattern_table": "analysis.kappa.error_patterns:error_patterns",
    "independence_test": "analysis.kappa.kappa_tests:independence_test",
    "difference_test": "analysis.kappa.kappa_tests:difference_test",
    "noise_ceiling": "analysis.kappa.ceiling:noise_ceiling",
    "kind_contrasts": "analysis.kappa.contrasts:contrasts",
    "cluster_observers": "analysis.kappa.clustering:cluster_observers",
    "resample_trees": "analysis.kappa.branches:resample_trees",
    "branch_support": "analysis.kappa.branches:branch_support",
    "observer_groups": "analysis.kappa.branches:observer_groups",
    "agreement_with_kinds": "analysis.kappa.branches:agreement_with_kinds",
    "within_human_range": "analysis.kappa.branches:within_human_range",
    "map_observers": "analysis.kappa.embedding:map_observers",
    "benchmark_table": "analysis.benchmark.benchmark:benchmark",
    "benchmark_intervals": "analysis.benchmark.ranks:benchmark_intervals",
    "write_report": "analysis.report.report:write_report",
}
__all__ = list(NAMES)


def __getattr__(name: str) -> Any:
    """Import the module of a public name on first use and return the function."""
    if name not in NAMES:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    module, _, attribute = NAMES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    """Return all public names, including those that are not loaded yet."""
    return sorted({*globals(), *NAMES})
