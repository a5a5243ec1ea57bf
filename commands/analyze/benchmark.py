"""Commands about the benchmark of Geirhos et al. (2021): its averages over datasets, and ranks with intervals."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from commands.analyze.output import output
from commands.options import BootstrapSeed, Csv, Json, Logs, Resamples, Rule, read_logs
from commands.selection import GroupBy, GroupResamples, selects

if TYPE_CHECKING:
    from analysis.selection.select import Selection


@selects
def benchmark(
    logs: Logs,
    rule: Rule = "undefined-is-nan",
    group_by: GroupBy = None,
    resamples: GroupResamples = 1000,
    seed: BootstrapSeed = 0,
    json: Json = False,
    csv: Csv = None,
    *,
    selection: "Selection",
) -> None:
    """Compute the benchmark table of model-vs-human.

    As in Geirhos et al. (2021), the table has four values that are averaged over datasets: out-of-distribution (OOD)
    accuracy and three comparisons with people (accuracy difference, observed consistency, error consistency). It also
    has two mean ranks. The logs must include trials of people. --group-by averages the values over the observers of each
    group, without ranks.

    \b
    Examples:
      observers analyze benchmark humans logs
      observers analyze benchmark humans networks logs --group-by kind
    """
    from analysis.benchmark.benchmark import benchmark_table as compute

    frame = read_logs(logs, None, selection)
    if group_by:
        from analysis.benchmark.by_group import benchmark_by_group

        output(benchmark_by_group(frame, group_by, rule, n_resamples=resamples, seed=seed), json, csv)
        return
    output(compute(frame, rule=rule), json, csv)


@selects
def ranks(
    logs: Logs,
    rule: Rule = "undefined-is-nan",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    json: Json = False,
    csv: Csv = None,
    *,
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

    table = benchmark_intervals(read_logs(logs, None, selection), rule, n_resamples=resamples, seed=seed)
    output(table, json, csv)


COMMANDS: dict[str, Callable[..., None]] = {"benchmark": benchmark, "ranks": ranks}
