"""The protocol of executors, which compute jobs on workers: processes on this machine or on the machines of a cluster.

A job is a function with one argument. The function must be importable, and the function, the argument and the result must be
picklable. `core.parallel.dispatch` decides which worker gets which job and what happens after a failure; an executor only
sends jobs to workers and reports events. `core.parallel.processes` has the executor for this machine, and
`experiments.executors` has the one for a cluster.
"""

import errno
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from core.errors import UserError, describe_os_error


@frozen
class Finished:
    """A job has been computed.

    Attributes:
        worker: Name of the worker.
        job: Number of the job.
        result: What the function returned.
    """

    worker: str
    job: int
    result: Any


@frozen
class Failed:
    """A job has raised an exception.

    Attributes:
        worker: Name of the worker.
        job: Number of the job.
        error: The UserError that the function raised, which would occur on any other worker as well. Any other exception
            is described by a clause, such as "raised ValueError: …", because this process may not have its class.
    """

    worker: str
    job: int
    error: UserError | str


@frozen
class Lost:
    """A worker has ended or does not respond, so its jobs will not be finished.

    Attributes:
        worker: Name of the worker.
        reason: The reason, as a clause such as "was ended by SIGKILL".
    """

    worker: str
    reason: str


@frozen
class Unusable:
    """A worker cannot compute any job, for example because it has a different version of this project.

    Its jobs are computed on other workers.

    Attributes:
        worker: Name of the worker.
        reason: A sentence with the reason and the remedy.
    """

    worker: str
    reason: str


Event = Finished | Failed | Lost | Unusable


class Executor(Protocol):
    """An object that computes jobs on workers. Each worker computes one job at a time, in the order of submission."""

    @property
    def adds_workers(self) -> bool:
        """Whether workers can be added during a run, so that a run without workers waits for some instead of failing."""
        ...

    def workers(self) -> Sequence[str]:
        """Return the names of the workers that can currently take jobs.

        A worker that replaces a lost one has a new name.
        """
        ...

    def submit(self, worker: str, job: int, function: Callable[[Any], Any], argument: Any) -> None:
        """Send a job to a worker. If the worker has just been lost, the job is lost as well."""
        ...

    def wait(self, seconds: float) -> Sequence[Event]:
        """Return the events since the last call. Without any event, wait for one, but no longer than `seconds`."""
        ...

    def discard(self, worker: str, reason: str) -> None:
        """End a worker that does not respond. The next events contain `Lost` with this reason."""
        ...

    def close(self) -> None:
        """End all workers that this executor started, and disconnect from all others."""
        ...


def compute(function: Callable[[Any], Any], argument: Any) -> tuple[str, Any]:
    """Compute a job. This function runs on the worker.

    Returns:
        ("finished", result), or ("failed", error) with an error as in `Failed`.
    """
    try:
        return "finished", function(argument)
    except UserError as error:
        # A class that a user's file defines could not be unpickled by the other process.
        return "failed", error if type(error).__module__ == UserError.__module__ else UserError(str(error))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return "failed", f"cannot write, because its disk is full: {describe_os_error(error)}"
        return "failed", _describe(error)
    except (Exception, SystemExit) as error:
        return "failed", _describe(error)


def _describe(error: BaseException) -> str:
    """Return a clause with the type, message, file and line of an exception."""
    if isinstance(error, MemoryError):
        return "does not have enough memory"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    message = " ".join(str(error).split())  # in one line
    return f"raised {type(error).__name__}: {message} ({Path(frame.filename).name}, line {frame.lineno})"
