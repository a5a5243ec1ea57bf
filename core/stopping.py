"""Stop the program on Ctrl-C (SIGINT) or SIGTERM at any moment, with exit code 3 and one message.

A signal can arrive between any two instructions, and the reaction to it depends on the phase of the program. While the
program starts, nothing has to be cleaned up, and it ends at once. While a command runs, KeyboardInterrupt is raised, so that
files are closed and temporary files are deleted; `core.resuming` prints what is saved. After the command, the program
ends at once with the exit code of the command. This module is imported before anything else, so it imports only modules that
Python loads anyway.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 3  # the program was stopped and can be continued
CLEANUP_SECONDS = 5.0  # after a first signal, further signals are ignored for this time, so that files are closed
RETRY_SECONDS = 0.05  # time after which a signal is repeated that Python could not raise
_UNQUOTED = frozenset("@%+=:,./-_")  # characters that a shell does not interpret, besides letters and digits


class _Program:
    """The state of the program, which the signal handler reads."""

    phase: str = "library"  # "starting", "running" and "ending" in the program that `main` runs
    exit_code: int = EXIT_CODE
    stopped_at: float | None = None  # the time of the first signal
    is_announced: bool = False
    kept_work: str = ""  # clause that says what is saved
    words: Sequence[str] | None = None  # the command that continues the work; None for the typed command


_program = _Program()


def main(run: Callable[[], object]) -> None:
    """Run the program, which is stopped by SIGINT and SIGTERM, and exit.

    Args:
        run: Function that imports and runs the command line. It calls `command_running` while a command runs.

    Raises:
        SystemExit: Always, with the exit code of the program.
    """
    _open_closed_streams()
    _program.phase = "starting"
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a program that was started with nohup
            signal.signal(number, _handle)
    atexit.register(_ignore_signals)  # it is registered first, so it is called last
    sys.unraisablehook = _handle_unraisable
    code: str | int | None = 0
    try:
        run()
    except SystemExit as ending:
        code = ending.code
    except KeyboardInterrupt:
        code = 130  # as typer does
    except Exception:
        if _program.stopped_at is None:
            raise
        code = 130  # an import or a cleanup that was interrupted can raise any exception
    if _program.stopped_at is not None and code not in (0, None):
        announce()
        code = EXIT_CODE
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    _program.exit_code, _program.phase = code if isinstance(code, int) else int(code is not None), "ending"
    sys.exit(code)


def _open_closed_streams() -> None:
    """Open the null device for each standard stream that is closed.

    Otherwise the next file that is opened, such as a log, gets the number of the stream, and messages are written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number, which is this one
        if getattr(sys, name) is None:
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


@contextmanager
def command_running() -> Iterator[None]:
    """Raise KeyboardInterrupt on a signal inside this context, in the program that `main` runs."""
    is_start = _program.phase == "starting"  # otherwise `main` is not used, such as in a test
    try:
        if is_start:
            _program.phase = "running"
        yield
    finally:
        if is_start:
            _program.phase = "starting"


def is_program() -> bool:
    """Return whether `main` handles the signals of this process."""
    return _program.phase != "library"


def set_kept_work(kept_work: str, words: Sequence[str]) -> None:
    """Set what is saved and the command that continues the work, for the sentence that a signal causes from now on."""
    _program.kept_work, _program.words = kept_work, words


def announce() -> None:
    """Print the sentence that says what is saved and how to continue, unless it was printed before."""
    if not _program.is_announced:
        _program.is_announced = True
        words = ["observers", *sys.argv[1:]] if _program.words is None else _program.words
        text = describe_stop(_program.kept_work or "finished work is kept", words)
        with suppress(OSError):  # standard error may be closed
            os.write(2, f"{text}\n".encode("utf-8", "surrogateescape"))


def describe_stop(kept_work: str, words: Sequence[str]) -> str:
    """Return the sentence for a stopped command.

    Args:
        kept_work: Clause that says what is saved, such as "every response is saved".
        words: The words of the command that continues the work.
    """
    return f"\nStopped; {kept_work}. To continue, run: {' '.join(map(_quote, words))}"


def _quote(word: str) -> str:
    """Return a word as it is typed in a shell, as shlex.quote does, which takes longer to import."""
    is_plain = word and all((c.isascii() and c.isalnum()) or c in _UNQUOTED for c in word)
    return word if is_plain else "'" + word.replace("'", "'\"'\"'") + "'"


def _handle(number: int, frame: FrameType | None) -> None:
    """Handle a signal; see the description of this module."""
    if _program.phase == "running":
        now = time.monotonic()
        if _program.stopped_at is None:
            _program.stopped_at = now
            raise KeyboardInterrupt
        if now - _program.stopped_at < CLEANUP_SECONDS:
            return
    if _program.phase != "ending":
        announce()
    os._exit(_program.exit_code)


def _handle_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupt the program again if Python could not raise KeyboardInterrupt, such as in a callback of a library."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt) and _program.phase == "running":
        _program.stopped_at = None
        again = threading.Timer(RETRY_SECONDS, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(unraisable)


def _ignore_signals() -> None:
    """Ignore signals in the last milliseconds, in which Python would otherwise restore the default handlers."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class DeferredSignals:
    """Signals that are deferred while files are written that must agree with each other; see `deferred_signals`."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
        self._waiting: list[int] = []
        self._is_allowed = False

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Handle signals immediately inside this context, beginning with those that were deferred."""
        try:
            self._is_allowed = True
            self._handle_waiting()
            yield
        finally:
            self._is_allowed = False

    def _install(self) -> None:
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler) and not isinstance(handler, signal.Handlers):
                self._handlers[number] = handler
                signal.signal(number, self._receive)

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._is_allowed = True
        self._handle_waiting()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._is_allowed:
            self._handlers[number](number, frame)
        else:
            self._waiting.append(number)

    def _handle_waiting(self) -> None:
        while self._waiting:
            number = self._waiting.pop()
            self._handlers[number](number, None)


@contextmanager
def deferred_signals() -> Iterator[DeferredSignals]:
    """Let SIGINT and SIGTERM wait until the end of this context, or until its `allowed` context.

    Only the main thread receives signals, so this does not have an effect in other threads.

    Example:
        >>> with deferred_signals() as signals:
        ...     for trial in trials:
        ...         with signals.allowed():
        ...             response = next(responses)
        ...         log.write(response)
    """
    signals = DeferredSignals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    try:
        signals._install()
        yield signals
    finally:
        signals._restore()
