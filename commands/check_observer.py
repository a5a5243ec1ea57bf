"""`observers check-observer`: test whether an observer follows the observer protocol."""

import json as json_module
from typing import Annotated

import typer
from attrs import asdict

from commands.options import Device, Dtype, ObserverOption, create_observers

N_TRIALS = 12


def check_observer(
    name: Annotated[str, typer.Argument(metavar="OBSERVER", help="Name of an observer, or FILE.py:NAME for your own.")],
    experiment: Annotated[
        str, typer.Option(metavar="EXPERIMENT", help="Experiment whose first twelve trials are presented.")
    ] = "drawn-cue-conflict",
    option: ObserverOption = None,
    device: Device = None,
    dtype: Dtype = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result of each rule as JSON.")] = False,
) -> None:
    """Check that an observer follows the observer protocol.

    The check presents twelve trials several times, in different orders, and reports every rule as ok or FAIL. Use it after
    you have written an observer, before you run experiments with it.

    \b
    Example:
      observers check-observer mine.py:Brightness
    """
    from experiments.sets.registry import make_experiment
    from observers.check import check_observer as check

    observer = create_observers([name], option, {"device": device, "dtype": dtype})[0]
    results = check(observer, make_experiment(experiment).trials(seed=0)[:N_TRIALS])
    if json:
        typer.echo(json_module.dumps([asdict(result) for result in results], indent=1, ensure_ascii=False))
    for result in () if json else results:
        detail = f": {result.detail}" if result.detail else ""
        typer.echo(f"{'ok  ' if result.passed else 'FAIL'} {result.rule}{detail}")
    if not all(result.passed for result in results):
        raise typer.Exit(1)
