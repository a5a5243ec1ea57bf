"""An executor whose workers are those of a dask scheduler, on any number of machines.

Every job is assigned to one worker, because `core.parallel.dispatch` decides which worker gets which job. dask sends the
jobs and the results, and keeps a list of the connected workers. Workers can be added or removed at any time.
"""

import asyncio
import logging
import pickle
import queue
import sys
import threading
import uuid
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cloudpickle
from distributed import Client
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker
from distributed.versions import VersionMismatchWarning

from core.errors import UserError
from core.parallel.executor import Event, Failed, Finished, Lost, Unusable, compute
from experiments.executors.scheduler_address import find_scheduler

POLL_SECONDS = 1.0  # time between two updates of the list of workers
ANSWER_SECONDS = 60.0  # longest time that a scheduler may take to reply
ENDED = "has ended or lost its connection"
OUT_OF_MEMORY = "was ended because it used more memory than its limit (--memory-limit)"

_one_job = threading.Lock()  # a worker that was started with several threads also computes one job at a time


class DaskExecutor:
    """An executor whose workers are those of a dask scheduler.

    Args:
        scheduler: Address of the scheduler, or the file that it has written (see `find_scheduler`).
        security: The `distributed.Security` for TLS; by default that of dask's configuration.
        seconds: How long to wait for the file, and then for the connection, in seconds.
        notify: Function that is called with a sentence if the file of the scheduler is readable by other users.

    Raises:
        UserError: If the scheduler cannot be reached, or if its file is not safe.

    Example:
        >>> executor = DaskExecutor("scheduler.json")
        >>> run(experiment, ObserverSpec("sd14"), "logs", executor=executor)
        >>> executor.close()
    """

    adds_workers = True

    def __init__(
        self,
        scheduler: str,
        *,
        security: Any = None,
        seconds: float = 60.0,
        notify: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._address = find_scheduler(scheduler, seconds=seconds, notify=notify)
        _silence_dask()
        self._name = f"observers-{uuid.uuid4().hex}"
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._addresses: dict[str, str] = {}  # name of a worker -> its address
        self._n_connected: dict[str, int] = {}  # address -> how many workers have had it so far
        self._discarded: set[str] = set()  # addresses of discarded workers that are still connected
        self._out_of_memory: set[str] = set()  # addresses of workers that are being ended for this reason
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}  # name of a worker -> its jobs
        self._failure = ""
        self._closing = False
        try:
            self._client = Client(self._address, security=security, timeout=seconds, set_as_default=False)
        except (OSError, TypeError, ValueError, RuntimeError, ImportError) as error:
            raise UserError(
                f"cannot connect to the scheduler at {self._address} ({_describe(error)}): check that it is running; if the "
                f"scheduler file is from an earlier scheduler, delete it and start the scheduler again"
            ) from None
        self._loop: asyncio.AbstractEventLoop = self._client.loop.asyncio_loop
        self._client.subscribe_topic("worker-restart-memory", self._note_memory)
        self._compute_call = _SentAsCode(compute_call)
        self._watcher = asyncio.run_coroutine_threadsafe(self._watch(), self._loop)

    def workers(self) -> list[str]:
        """Return the names of the connected workers, which are their addresses."""
        return list(self._addresses)

    def submit(self, worker: str, job: int, function: Callable[[Any], Any], argument: Any) -> None:
        """Send a job to a worker."""
        call = pickle.dumps((function, argument))
        asyncio.run_coroutine_threadsafe(self._compute(worker, job, call), self._loop)

    def wait(self, seconds: float) -> list[Event]:
        """Return the events since the last call, or wait for one.

        Raises:
            UserError: If the scheduler has ended.
        """
        events: list[Event] = []
        with suppress(queue.Empty):
            events.append(self._events.get(timeout=seconds))
            while True:
                events.append(self._events.get_nowait())
        if not events and (self._failure or self._client.status != "running"):
            raise UserError(self._failure or self._connection_lost())
        return events

    def discard(self, worker: str, reason: str) -> None:
        """End a worker that does not respond. dask restarts it if it was started with `observers worker`."""
        asyncio.run_coroutine_threadsafe(self._discard(worker, reason), self._loop)

    def close(self) -> None:
        """Disconnect from the scheduler. The jobs are canceled, and the workers keep running."""
        self._closing = True
        self._watcher.cancel()
        with suppress(Exception):  # raised if the scheduler has ended
            self._client.close(timeout=10)

    def __enter__(self) -> "DaskExecutor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _connection_lost(self) -> str:
        return (
            f"the scheduler at {self._address} has ended or cannot be reached; the responses of all finished units are "
            f"saved: start the scheduler and the workers again, and then run the same command again"
        )

    # The following methods run in the thread of the client.

    async def _watch(self) -> None:
        """Update the list of workers every POLL_SECONDS."""
        while True:
            try:
                self._update(await asyncio.wait_for(self._client.nthreads(), ANSWER_SECONDS))
            except Exception:  # such as OSError, or AttributeError if the client has closed itself
                self._failure = self._connection_lost()
                return
            await asyncio.sleep(POLL_SECONDS)

    def _update(self, connected: dict[str, int]) -> None:
        """Report the workers that have disconnected, and add new workers to the list."""
        for name, address in list(self._addresses.items()):
            if address not in connected:
                self._lose(name, OUT_OF_MEMORY if address in self._out_of_memory else ENDED)
                self._out_of_memory.discard(address)
        self._discarded &= connected.keys()
        for address in connected.keys() - set(self._addresses.values()) - self._discarded:
            self._n_connected[address] = number = self._n_connected.get(address, 0) + 1
            name = f"worker {address.partition('://')[2]}"
            self._addresses[name if number == 1 else f"{name}, connected {number} times"] = address

    def _lose(self, worker: str, reason: str) -> None:
        """Report a worker as lost, and cancel its jobs."""
        del self._addresses[worker]
        for task in self._tasks.pop(worker, set()):
            task.cancel()
        self._events.put(Lost(worker, reason))

    def _note_memory(self, event: tuple[float, dict[str, Any]]) -> None:
        self._out_of_memory.add(event[1]["worker"])

    async def _compute(self, worker: str, job: int, call: bytes) -> None:
        """Compute a job on a worker, and report the result."""
        address = self._addresses.get(worker)
        if address is None or self._closing:
            return  # the event `Lost` is in the queue
        task = asyncio.current_task()
        assert task is not None
        tasks = self._tasks.setdefault(worker, set())
        tasks.add(task)
        # dask keeps statistics for each key prefix, so all jobs have the same prefix.
        future = self._client.submit(
            self._compute_call, call, key=(self._name, job), pure=False, workers=[address], priority=-job
        )
        try:
            status, value = pickle.loads(await future.result())
        except FutureCancelledError:
            if not self._closing:
                self._failure = self._connection_lost()
        except Exception as error:
            self._report_error(worker, job, error)
        else:
            event: dict[str, Event] = {
                "finished": Finished(worker, job, value), "failed": Failed(worker, job, value),
                "unusable": Unusable(worker, value),
            }  # fmt: skip
            self._events.put(event[status])
        finally:
            tasks.discard(task)
            with suppress(RuntimeError):  # the client has been closed
                future.release()

    def _report_error(self, worker: str, job: int, error: Exception) -> None:
        """Report a job that dask could not compute. Errors of the function are results (see `executor.compute`)."""
        if isinstance(error, ImportError | AttributeError | pickle.UnpicklingError):
            self._events.put(Unusable(worker, cannot_load(error)))
        elif isinstance(error, KilledWorker):
            self._events.put(Failed(worker, job, "ended several times during these trials"))
        else:
            self._events.put(Failed(worker, job, f"raised {_describe(error)}"))

    async def _discard(self, worker: str, reason: str) -> None:
        """Report a worker as lost, and restart or retire it."""
        address = self._addresses.get(worker)
        if address is None:
            return
        self._discarded.add(address)
        self._lose(worker, reason)
        try:
            await self._client.restart_workers([address], timeout=60, raise_for_error=False)
        except ValueError:  # the worker does not have a nanny, the process that restarts it
            with suppress(Exception):
                await self._client.retire_workers([address])
        except Exception:  # the machine of the worker cannot be reached; the worker gets no further jobs
            pass


def compute_call(call: bytes) -> bytes:
    """Compute a pickled function and its argument on a worker.

    This function is sent to the worker as code. A worker without this project could not import the function, and would
    lose its connection during the attempt.

    Returns:
        A pickled status and value, as `executor.compute` returns them. For "unusable", the value is a sentence.
    """
    import pickle

    try:
        from experiments.executors.dask_cluster import compute_pickled
    except Exception as error:
        reason = f"it cannot load this project ({type(error).__name__}: {error})"
        return pickle.dumps(("unusable", f"{reason}; install the same version there, and start the worker again"))
    return compute_pickled(call)


class _SentAsCode:
    """A function that is pickled by value and not by reference, so that a worker does not import its module."""

    def __init__(self, function: Callable[[bytes], bytes]) -> None:
        self._function, module = function, sys.modules[function.__module__]
        cloudpickle.register_pickle_by_value(module)
        try:
            self._code = cloudpickle.dumps(function)
        finally:
            cloudpickle.unregister_pickle_by_value(module)

    def __call__(self, call: bytes) -> bytes:
        return self._function(call)

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return cloudpickle.loads, (self._code,)


def compute_pickled(call: bytes) -> bytes:
    """Compute a pickled function and its argument, and return the pickled status and value of `executor.compute`."""
    with _one_job:
        try:
            function, argument = pickle.loads(call)
        except Exception as error:
            return pickle.dumps(("unusable", cannot_load(error)))
        outcome = compute(function, argument)
        try:
            return pickle.dumps(outcome)
        except Exception as error:
            return pickle.dumps(("failed", f"returned a result that cannot be pickled: {error}"))


def cannot_load(error: BaseException) -> str:
    """Return the sentence for a worker on which this project is missing or has a different version."""
    return (
        f"it cannot load this project ({_describe(error)}); install the same version there, and start the worker again"
    )


def _describe(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _silence_dask() -> None:
    """Turn off the log messages of dask. This executor reports the same information as events and errors."""
    for name in ("distributed", "distributed.client", "distributed.core", "tornado", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", category=VersionMismatchWarning)  # the coordinator compares the versions
