"""`observers scheduler` and `observers worker`: the processes on which `run-experiment --scheduler` computes."""

from pathlib import Path
from typing import Annotated

import typer

DaskOptions = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DASK_OPTION",
        help="After --, further options of the program of dask, such as -- --interface ib0, or those for TLS.",
        show_default=False,
    ),
]


def scheduler(
    scheduler_file: Annotated[
        Path,
        typer.Option(
            metavar="FILE.json",
            help="File for the address, which workers and commands read. Only you can read it.",
        ),
    ],
    dask_options: DaskOptions = None,
) -> None:
    """Connect commands with workers on other machines.

    The scheduler passes units of work to workers until it is ended. It needs no GPU. Whoever can connect to it can run
    programs as you, so use TLS on a network that you share with others (docs/cluster.md).

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
        typer.Option(metavar="ADDRESS|FILE.json", help="Address of the scheduler, or the file that it has written."),
    ],
    gpu: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Number of the GPU to use, as in nvidia-smi (default: as CUDA_VISIBLE_DEVICES says)."
        ),
    ] = None,
    memory_limit: Annotated[
        str,
        typer.Option(metavar="SIZE", help="Memory after which the worker is restarted, such as 30GB; 0 for no limit."),
    ] = "0",
    lifetime: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time after which the worker ends, such as 3h (default: no limit)."),
    ] = None,
    dask_options: DaskOptions = None,
) -> None:
    """Compute responses for commands on other machines.

    The worker computes one unit of work at a time, and is restarted if it ends. It needs this version of the project, and
    the same weights and stimuli as the command. Start one worker per GPU, on any number of machines.

    \b
    Examples:
      observers worker --scheduler scheduler.json
      observers worker --scheduler tcp://10.0.0.1:41234 --gpu 1 --memory-limit 30GB
    """
    from experiments.executors.dask_programs import run_worker

    run_worker(scheduler, gpu=gpu, memory_limit=memory_limit, lifetime=lifetime, options=dask_options or [])
