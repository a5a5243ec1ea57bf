"""What it means: measures of trial logs, each a pure function, frame in, frame or number out.

`from analysis import read_trials, error_consistency` and the like load a measure's module when it is first asked for, so
that `import analysis` alone loads nothing heavy. A function has the name here that reads well in a notebook: its module is
in NAMES, where its docstring has the formula, the source and the degenerate cases.
"""

from importlib import import_module
from typing import Any

NAMES = {
    "read_trials": "analysis.frame:read_trials",
    "accuracy_by_condition": "analysis.accuracy:accuracy",
    "shape_bias_by_category": "analysis.shape_bias:shape_bias",
    "overall_shape_bias": "analysis.shape_bias:overall",
    "confusion_table": "analysis.confusion:confusion",
    "confusion_matrix": "analysis.confusion:confusion_matrix",
    "response_entropy": "analysis.confusion:response_entropy",
    "thresholds": "analysis.psychometric:thresholds",
    "observer_measure": "analysis.correlation:measure",
    "correlate": "analysis.correlation:correlate",
    "error_consistency": "analysis.consistency:consistency",
    "kappa_matrix": "analysis.consistency:kappa_matrix",
    "kappa_by_kind": "analysis.pairs:between_kinds",
    "attainable_kappa": "analysis.consistency:attainable",
    "error_pattern_table": "analysis.error_patterns:error_patterns",
    "independence_test": "analysis.kappa_tests:independence",
    "difference_test": "analysis.kappa_tests:difference",
    "noise_ceiling": "analysis.ceiling:noise_ceiling",
    "kind_contrasts": "analysis.contrasts:contrasts",
    "cluster_observers": "analysis.clustering:cluster",
    "grow_trees": "analysis.branches:grow",
    "branch_support": "analysis.branches:branches",
    "observer_groups": "analysis.branches:groups_of",
    "agreement_with_kinds": "analysis.branches:agreement_with_kinds",
    "among_people": "analysis.branches:among_people",
    "map_observers": "analysis.embedding:embed",
    "benchmark_table": "analysis.benchmark:benchmark",
    "benchmark_intervals": "analysis.ranks:benchmark_intervals",
    "write_report": "analysis.report.report:write_report",
}
__all__ = list(NAMES)


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    module, _, attribute = NAMES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *NAMES})
