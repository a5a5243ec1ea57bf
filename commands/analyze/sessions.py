"""The command about several sessions of one observer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from commands.analyze.output import Output, prints
from commands.options import BootstrapSeed, Dataset, IntervalMethod, Intervals, Logs, MethodResamples, Rule
from commands.selection import selects

if TYPE_CHECKING:
    from analysis.selection.select import Selection


@selects
@prints
def retest(
    logs: Logs,
    dataset: Dataset = None,
    intervals: Intervals = True,
    method: IntervalMethod = "score",
    resamples: MethodResamples = 1000,
    rule: Rule = "undefined-is-nan",
    seed: BootstrapSeed = 0,
    *,
    output: Output,
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

    frame = output.read(logs, dataset, selection)
    options: dict[str, Any] = {"method": method, "n_resamples": resamples, "seed": seed}
    table = retest_reliability(frame, intervals=intervals, rule=rule, **options)
    has_several = table.groupby(["dataset", "observer", "session_1", "session_2"]).size().max() > 1
    output.print(table, summary=average_over_conditions(table) if has_several else None, rule=rule)


COMMANDS: dict[str, Callable[..., None]] = {"retest": retest}
