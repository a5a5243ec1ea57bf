"""The programs `dask scheduler` and `dask worker`, with settings for observers.

A worker computes one unit of work at a time and keeps a model in memory. dask's memory limits are meant for workers that
keep many results in memory, so most of them are turned off.
"""

import logging
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError
from core.parallel.gpus import listed_gpus
from core.parallel.processes import thread_variables
from experiments.executors.scheduler_address import find_scheduler

SETTINGS = {
    "DASK_LOGGING__DISTRIBUTED": "warning",
    # By default, dask pauses a worker or spills results to disk at fractions of its memory limit. A model may exceed them.
    "DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "False",
}
DEVICES = Path("/dev")
# The web server of dask accepts connections from this machine only, and does not show a dashboard.
LOCAL_PAGES = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")


def run_scheduler(scheduler_file: Path, options: Sequence[str] = ()) -> None:
    """Run a dask scheduler until it is ended by a signal.

    Args:
        scheduler_file: File to which the scheduler writes its address. Only this user can read it.
        options: Options of `dask scheduler`, such as "--interface", "ib0".

    Raises:
        UserError: If the name of the file does not end in .json, or if it is the file of a scheduler that is running.
    """
    if scheduler_file.suffix != ".json":
        raise UserError(f"the name of a scheduler file must end in .json, got {scheduler_file}")
    os.umask(0o077)
    scheduler_file.parent.mkdir(parents=True, exist_ok=True)
    if address := _running_scheduler(scheduler_file):
        raise UserError(
            f"{scheduler_file} belongs to the scheduler at {address}, which is running: use this scheduler, end it first, "
            f"or choose another file"
        )
    scheduler_file.unlink(missing_ok=True)  # a file of an earlier scheduler has another address and its own permissions
    _set_up_dask()
    from distributed.cli.dask_scheduler import main

    print(f"scheduler: the address will be written to {scheduler_file}", flush=True)
    arguments = ["--scheduler-file", str(scheduler_file), "--port", "0", *LOCAL_PAGES]
    main([*arguments, *options], prog_name="observers scheduler --")


def run_worker(
    scheduler: str,
    *,
    gpu: str | None = None,
    memory_limit: str = "0",
    lifetime: str | None = None,
    options: Sequence[str] = (),
) -> None:
    """Run a dask worker with one thread and a nanny, the process that restarts it, until the scheduler ends.

    Args:
        scheduler: Address or file of the scheduler.
        gpu: The GPU that the worker uses, as in CUDA_VISIBLE_DEVICES. None leaves this variable unchanged, for example in
            a SLURM job, where SLURM sets it.
        memory_limit: Memory after which the worker is restarted, such as "30GB"; "0" for no limit.
        lifetime: Time after which the worker ends, such as "3h"; None for no limit.
        options: Options of `dask worker`, such as "--interface", "ib0".
    """
    address = find_scheduler(scheduler, notify=print)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the indices of nvidia-smi
    os.environ.update(thread_variables(1))  # otherwise dask would set one thread
    _set_up_dask()
    from distributed.cli.dask_worker import main

    logging.getLogger("distributed.nanny").setLevel(logging.CRITICAL)  # the command reports workers that end
    print(f"worker: connecting to the scheduler at {address}", flush=True)
    arguments = [address, "--nthreads", "1", "--memory-limit", memory_limit, *LOCAL_PAGES]
    arguments += ["--death-timeout", "60"]  # seconds without a scheduler
    arguments += ["--resources", "GPU=1"] if has_gpu() else []
    arguments += ["--lifetime", lifetime] if lifetime is not None else []
    try:
        main([*arguments, *options], prog_name="observers worker --")
    except (RuntimeError, OSError, ValueError) as error:
        raise UserError(
            f"the worker cannot connect to the scheduler at {address} ({error}): check the address, and that the scheduler "
            f"is running"
        ) from None


def _running_scheduler(file: Path) -> str | None:
    """Return the address in a scheduler file if a program accepts connections at this address."""
    if not file.exists():
        return None
    try:
        address = find_scheduler(str(file), seconds=0)
        host, _, port = address.partition("://")[2].rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
    except (UserError, OSError, ValueError):
        return None
    return address


def _set_up_dask() -> None:
    """Set the environment variables of SETTINGS that the user has not set. Call this before dask is imported."""
    os.environ.update({name: value for name, value in SETTINGS.items() if name not in os.environ})


def has_gpu() -> bool:
    """Return whether this process may use a GPU. torch is not imported, because it would allocate memory on the GPU."""
    listed = listed_gpus()
    return bool(listed) if listed is not None else any(DEVICES.glob("nvidia[0-9]*"))
