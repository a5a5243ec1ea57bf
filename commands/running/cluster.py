"""`observers scheduler` and `observers worker`: the dask processes that `run-experiment --scheduler` uses."""

from pathlib import Path
from typing import Annotated

import typer

DaskOptions = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DASK_OPTION",
        help="Further options for the program of dask, given after --, such as -- --interface ib0 or the options for TLS.",
        show_default=False,
    ),
]


def scheduler(
    scheduler_file: Annotated[
        Path,
        typer.Option(
            metavar="FILE.json",
            help="File to which the scheduler writes its address, for workers and commands. Other users cannot read it.",
        ),
    ],
    dask_options: DaskOptions = None,
) -> None:
    """Run the scheduler to which workers connect.

    The scheduler sends units of work from commands to workers until it is ended. It does not need a GPU. Any user who can
    connect to it can run programs as you, so use TLS on a network that you share with others (see docs/cluster.md).

    \b
    Examples:
      observers scheduler --scheduler-file scheduler.json
      observers scheduler --scheduler-file scheduler.json -- --interface ib0
    """
    from experiments.executors.dask_programs import run_scheduler

    run_scheduler(scheduler_file, dask_options or [])


def worker(
    scheduler: Annotated[
        str,
        typer.Option(metavar="ADDRESS|FILE.json", help="Address or scheduler file of the scheduler."),
    ],
    gpu: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Index of the GPU to use, as in nvidia-smi (default: the GPU in CUDA_VISIBLE_DEVICES)."
        ),
    ] = None,
    memory_limit: Annotated[
        str,
        typer.Option(
            metavar="SIZE", help="Memory limit at which the worker is restarted, such as 30GB; 0 for no limit."
        ),
    ] = "0",
    lifetime: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time after which the worker ends, such as 3h (default: no limit)."),
    ] = None,
    dask_options: DaskOptions = None,
) -> None:
    """Run a worker that computes responses.

    The worker computes one unit of work at a time. If it ends, it is restarted. It needs the same version of this project,
    the same weights and the same stimuli as the command. Start one worker per GPU, on any number of machines.

    \b
    Examples:
      observers worker --scheduler scheduler.json
      observers worker --scheduler tcp://10.0.0.1:41234 --gpu 1 --memory-limit 30GB
    """
    from experiments.executors.dask_programs import run_worker

    run_worker(scheduler, gpu=gpu, memory_limit=memory_limit, lifetime=lifetime, options=dask_options or [])
