"""Commands about the benchmark of Geirhos et al. (2021): averages over datasets, ranks, and Table 1 of the paper."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from commands.analyze.output import Output, prints
from commands.options import BootstrapSeed, Dataset, Logs, Resamples, Rule
from commands.selection import GroupBy, GroupResamples, selects

if TYPE_CHECKING:
    import pandas as pd

    from analysis.selection.select import Selection


@selects
@prints
def benchmark(
    logs: Logs,
    dataset: Dataset = None,
    rule: Rule = "undefined-is-nan",
    group_by: GroupBy = None,
    resamples: GroupResamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compute the benchmark table of model-vs-human.

    As in Geirhos et al. (2021), the table has four values that are averaged over datasets: out-of-distribution (OOD)
    accuracy and three comparisons with people (accuracy difference, observed consistency, error consistency). It also
    has two mean ranks. The logs must include trials of people. --group-by averages the values over the observers of each
    group, without ranks. Observers and groups that responded to other conditions are listed separately, because their means
    cannot be compared. `observers analyze ranks` computes the intervals of the values and of the ranks.

    \b
    Examples:
      observers analyze benchmark humans logs
      observers analyze benchmark humans networks logs --group-by kind
    """
    from analysis.benchmark.benchmark import benchmark_table as compute
    from analysis.benchmark.by_group import benchmark_by_group

    frame = output.read(logs, dataset, selection)
    if group_by:
        table = benchmark_by_group(frame, group_by, rule, n_resamples=resamples, seed=seed)
        _print_in_blocks(table, output, by_group=True)
    else:
        _print_in_blocks(compute(frame, rule=rule), output)


@selects
@prints
def ranks(
    logs: Logs,
    dataset: Dataset = None,
    rule: Rule = "undefined-is-nan",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compute intervals of the benchmark's ranks.

    Each bootstrap resample draws images within every condition, and draws the same images for all observers. All values
    and ranks of the benchmark are then computed again.

    \b
    Example:
      observers analyze ranks humans logs --resamples 200
    """
    from analysis.benchmark.ranks import benchmark_intervals

    frame = output.read(logs, dataset, selection)
    _print_in_blocks(benchmark_intervals(frame, rule, n_resamples=resamples, seed=seed), output)


@selects
@prints
def table_1(
    logs: Logs,
    dataset: Dataset = None,
    rule: Rule = "undefined-is-nan",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Make Table 1: shape bias, OOD accuracy and kappa.

    The table has the three values of Table 1 of Jaini et al. (2024) with 95 % intervals: shape bias on cue-conflict images,
    out-of-distribution (OOD) accuracy, and error consistency (kappa) with people. Observers that responded to other
    conditions are listed separately, because their means cannot be compared. The logs must include trials of people.

    \b
    Example:
      observers analyze table-1 humans networks logs --format latex > table-1.tex
    """
    from analysis.benchmark.table_1 import table_1 as compute

    frame = output.read(logs, dataset, selection)
    _print_in_blocks(compute(frame, rule=rule, n_resamples=resamples, seed=seed), output)


def _print_in_blocks(table: "pd.DataFrame", output: Output, *, by_group: bool = False) -> None:
    """Print a table of the benchmark with the rows that cannot be compared with each other in separate blocks."""
    from analysis.benchmark.comparable_rows import divide_rows

    arranged, blocks = divide_rows(table)
    output.print(arranged, blocks=blocks, by_group=by_group)


COMMANDS: dict[str, Callable[..., None]] = {"benchmark": benchmark, "ranks": ranks, "table-1": table_1}
