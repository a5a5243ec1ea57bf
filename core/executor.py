"""The contract of an executor: it computes jobs on workers, which are processes on this machine or machines of a cluster.

A job is a function with one argument. The function must be importable, and the function, the argument and the result must be
picklable. `core.dispatch` decides which worker gets which job and what happens after a failure; an executor only carries
jobs to a worker and reports events. `core.processes` has the executor for this machine, and `experiments.executors` has the
one for a cluster.
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
        error: A UserError if the function raised one. Such an error would occur again on another worker. Any other
            exception is a clause, such as "raised ValueError: …", because its class may not exist in this process.
    """

    worker: str
    job: int
    error: UserError | str


@frozen
class Lost:
    """A worker has ended or does not respond, and will not return the results of its jobs.

    Attributes:
        worker: Name of the worker.
        reason: Why, as a clause such as "was ended by SIGKILL".
    """

    worker: str
    reason: str


@frozen
class Unusable:
    """A worker cannot compute any job, for example because it has another version of this project. Its jobs are repeated.

    Attributes:
        worker: Name of the worker.
        reason: A sentence that says why, and what to do.
    """

    worker: str
    reason: str


Event = Finished | Failed | Lost | Unusable


class Executor(Protocol):
    """Anything that computes jobs on workers. A worker computes one job at a time, in the order in which it gets them."""

    @property
    def adds_workers(self) -> bool:
        """Whether workers may be added while jobs wait, so that it makes sense to wait for them."""
        ...

    def workers(self) -> Sequence[str]:
        """Return the names of the workers that can take jobs at this moment.

        A worker that is started in place of a lost one has a new name.
        """
        ...

    def submit(self, worker: str, job: int, function: Callable[[Any], Any], argument: Any) -> None:
        """Send a job to a worker. If the worker has just been lost, the job is lost with it."""
        ...

    def wait(self, seconds: float) -> Sequence[Event]:
        """Return the events since the last call; if there are none, wait up to this number of seconds for one."""
        ...

    def discard(self, worker: str, reason: str) -> None:
        """End a worker that does not respond. The next events contain `Lost` with this reason."""
        ...

    def close(self) -> None:
        """End all workers that this executor has started, and disconnect from the others."""
        ...


def compute(function: Callable[[Any], Any], argument: Any) -> tuple[str, Any]:
    """Compute a job on a worker.

    Returns:
        ("finished", result), or ("failed", error) with an error as in `Failed`.
    """
    try:
        return "finished", function(argument)
    except UserError as error:
        return "failed", error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return "failed", f"cannot write, because its disk is full: {describe_os_error(error)}"
        return "failed", _describe(error)
    except (Exception, SystemExit) as error:
        return "failed", _describe(error)


def _describe(error: BaseException) -> str:
    """Return a clause with type, message, file and line of an exception."""
    if isinstance(error, MemoryError):
        return "does not have enough memory"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"raised {type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"
