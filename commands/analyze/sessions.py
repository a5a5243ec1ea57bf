"""The command about several sessions of one observer."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from commands.analyze.output import output
from commands.options import BootstrapSeed, Csv, Dataset, Intervals, Json, Logs, Resamples, Rule, read_logs
from commands.selection import selects

if TYPE_CHECKING:
    from analysis.selection.select import Selection


@selects
def retest(
    logs: Logs,
    dataset: Dataset = None,
    intervals: Intervals = True,
    rule: Rule = "undefined-is-nan",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    json: Json = False,
    csv: Csv = None,
    *,
    selection: "Selection",
) -> None:
    """Compute kappa between two sessions of one observer.

    This is the test-retest reliability of people or models that took the same experiment twice. The terminal shows means
    over conditions; --csv and --json give each condition with its interval.

    \b
    Examples:
      observers analyze retest logs/drawn-cue-conflict
      observers analyze retest logs --observer kind:human --session 1 --session 2
    """
    from analysis.kappa.retest import average_over_conditions, retest_reliability

    frame = read_logs(logs, dataset, selection)
    table = retest_reliability(frame, intervals=intervals, rule=rule, n_resamples=resamples, seed=seed)
    has_several = table.groupby(["dataset", "observer", "session_1", "session_2"]).size().max() > 1
    output(table, json, csv, summary=average_over_conditions(table) if has_several else None, rule=rule)


COMMANDS: dict[str, Callable[..., None]] = {"retest": retest}
