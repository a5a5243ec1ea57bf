"""Threads for requests to a service, which do not keep the program running when it is stopped.

Python waits for the threads of a `ThreadPoolExecutor` before it ends, so that a program that is stopped by Ctrl-C would run
until the service has answered all requests that are in progress. These threads are daemon threads, for which Python does
not wait.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

SECONDS_TO_END = 0.5

_Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class RequestThreads:
    """A fixed number of threads that call functions in the order in which they are submitted.

    Args:
        n_threads: Largest number of threads. A thread is started with each of the first jobs.
    """

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call a function in one of the threads, and return the future with its result or exception."""
        future: Future[Any] = Future()
        self._jobs.put((future, function, arguments))
        if len(self._threads) < self._n_threads:
            thread = threading.Thread(target=self._work, name=f"service-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def stop(self) -> None:
        """Cancel the jobs that have not started, and wait at most SECONDS_TO_END for those that have.

        A request that ends within this time can still return its connection to an open session.
        """
        with suppress(Empty):
            while job := self._jobs.get_nowait():
                job[0].cancel()
        for _ in self._threads:
            self._jobs.put(None)
        end = time.monotonic() + SECONDS_TO_END
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, function, arguments = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function(*arguments))
            except BaseException as error:
                future.set_exception(error)
