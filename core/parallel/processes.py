"""An executor whose workers are processes on this machine, each with its own environment variables."""

import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, context, get_context, resource_tracker
from typing import Any

from attrs import define

from core.parallel.executor import Event, Failed, Finished, Lost, compute

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@define
class _Process:
    """A worker process, and this process's end of the pipe to it."""

    name: str
    index: int
    process: context.SpawnProcess
    pipe: connection.Connection
    outbox: "queue.SimpleQueue[bytes]"
    sender: threading.Thread
    discarded: str = ""


class ProcessExecutor:
    """An executor whose workers are processes on this machine.

    The processes are spawned, because a forked process would inherit state that differs between machines, such as the
    threads of libraries. A process that ends is replaced. If this process ends in any way, even by SIGKILL, its workers
    end too.

    Args:
        n_workers: Number of processes.
        environments: Environment variables of each process, which are set before it imports anything. By default, the
            processes divide the CPU cores of this machine (see `thread_variables`).

    Example:
        >>> executor = ProcessExecutor(4)
        >>> run(experiment, ObserverSpec("sd14"), "logs", executor=executor)
        >>> executor.close()
    """

    adds_workers = False

    def __init__(self, n_workers: int, environments: Sequence[Mapping[str, str]] | None = None) -> None:
        self._environments = environments or [thread_variables(n_workers)] * n_workers
        self._processes: dict[str, _Process] = {}
        self._n_starts = [0] * n_workers
        for index in range(n_workers):
            self._start(index)

    def workers(self) -> list[str]:
        """Return the names of the running processes."""
        return list(self._processes)

    def submit(self, worker: str, job: int, function: Callable[[Any], Any], argument: Any) -> None:
        """Send a job to a process."""
        self._processes[worker].outbox.put(pickle.dumps((job, pickle.dumps((function, argument)))))

    def wait(self, seconds: float) -> list[Event]:
        """Return the events since the last call, or wait for one."""
        events: list[Event] = []
        by_handle = {process.pipe: process for process in self._processes.values()}
        for handle in connection.wait(list(by_handle), seconds):
            process = by_handle[handle]  # type: ignore[index]
            try:
                job, (status, value) = process.pipe.recv()
            except (EOFError, OSError):
                events.append(self._replace(process))
                continue
            events.append(
                Finished(process.name, job, value) if status == "finished" else Failed(process.name, job, value)
            )
        return events

    def discard(self, worker: str, reason: str) -> None:
        """End a process that does not respond."""
        if worker in self._processes:
            self._processes[worker].discarded = reason
            self._processes[worker].process.kill()

    def close(self) -> None:
        """End all processes."""
        for process in self._processes.values():
            process.process.terminate()
        for process in self._processes.values():
            process.process.join(5)
            if process.process.is_alive():
                process.process.kill()
                process.process.join()
            process.outbox.put(b"")
            process.sender.join(5)
            process.pipe.close()
        self._processes.clear()

    def __enter__(self) -> "ProcessExecutor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _start(self, index: int) -> None:
        """Start the process of the worker with this index."""
        self._n_starts[index] += 1
        restart = f" (start {self._n_starts[index]})" if self._n_starts[index] > 1 else ""
        name = f"process {index + 1} of {len(self._n_starts)}{restart}"
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=_work, args=(theirs,), daemon=True)
        with _environment(self._environments[index]), _interrupts_blocked():
            process.start()
        theirs.close()
        outbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        sender = threading.Thread(target=_send, args=(ours, outbox), daemon=True)
        sender.start()
        self._processes[name] = _Process(name, index, process, ours, outbox, sender)

    def _replace(self, process: _Process) -> Lost:
        """Replace a process that has ended, and return the event that reports the end."""
        del self._processes[process.name]
        process.process.join(5)
        process.outbox.put(b"")
        process.sender.join(5)
        process.pipe.close()
        self._start(process.index)
        return Lost(process.name, process.discarded or _describe_exit(process.process.exitcode))


def _send(pipe: connection.Connection, outbox: "queue.SimpleQueue[bytes]") -> None:
    """Send jobs in a thread of their own, because a process that hangs would otherwise block the coordinator."""
    with suppress(OSError):  # the process has ended; `wait` reports it
        while message := outbox.get():
            pipe.send_bytes(message)


def n_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def thread_variables(n_workers: int) -> dict[str, str]:
    """Return environment variables with which `n_workers` processes divide the CPU cores of this machine.

    Variables that the user has set are omitted.
    """
    n_threads = str(max(1, n_cores() // n_workers))
    return {name: n_threads for name in THREAD_VARIABLES if name not in os.environ}


def _describe_exit(exit_code: int | None) -> str:
    """Return a clause that describes how a process ended."""
    if exit_code is not None and exit_code < 0:
        known = {number.value: number.name for number in signal.Signals}
        name = known.get(-exit_code, f"signal {-exit_code}")  # Python does not name real-time signals
        cause = ", most likely because memory ran out" if name == "SIGKILL" else ""
        return f"was ended by {name}{cause}"
    return f"ended with the exit code {exit_code}"


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for processes that are started in this context."""
    previous = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in the processes that are started in this context, where the operating system supports it.

    Ctrl-C signals the whole process group, and a process that it interrupts while Python starts prints a traceback.
    """
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # it unblocks SIGINT when it starts
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _work(pipe: connection.Connection) -> None:
    """Compute the jobs that are sent through the pipe, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C signals the whole process group; the parent ends its workers
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def receive() -> None:
        with suppress(EOFError, OSError):
            while True:
                jobs.put(pipe.recv_bytes())
        os._exit(1)  # the parent has ended

    # A thread receives the jobs, so that the parent never blocks in `send`, and this process ends with its parent.
    threading.Thread(target=receive, daemon=True).start()
    while True:
        job, call = pickle.loads(jobs.get())
        outcome = compute(_call, call)
        try:
            message = pickle.dumps((job, outcome))
        except Exception as error:
            message = pickle.dumps((job, ("failed", f"returned a result that cannot be pickled: {error}")))
        pipe.send_bytes(message)


def _call(call: bytes) -> Any:
    """Call a pickled function with its argument."""
    function, argument = pickle.loads(call)
    return function(argument)
