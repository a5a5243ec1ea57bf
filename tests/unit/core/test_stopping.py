"""Signals at any moment of the program end it with exit code 3 and one message, or with 0 if all is done."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core import stopping
from core.stopping import deferred_signals

ROOT = Path(__file__).parents[3]
PROGRAM = """
import os, signal, sys, time
from core import stopping
from core.resuming import resumable

def stop(): os.kill(os.getpid(), signal.{signal})
def run():
{body}
stopping.main(run)
"""


def run_program(body: str, name: str = "SIGTERM") -> subprocess.CompletedProcess[str]:
    """Run a program whose command line has the lines of `body`, which call `stop()` to receive the signal."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return subprocess.run([sys.executable, "-c", PROGRAM.format(signal=name, body=lines), "collect", "a b"],
        cwd=ROOT, capture_output=True, text=True, timeout=30)  # fmt: skip


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_the_program_starts(name):
    done = run_program("stop()\ntime.sleep(5)\nprint('never')", name)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.strip() == "Stopped; finished work is kept. To continue, run: observers collect 'a b'"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_a_command_runs_lets_it_clean_up_even_if_it_is_repeated(name):
    done = run_program(
        "with stopping.command_running(), resumable('every response is saved', ('collect',), ['--resume']):\n"
        "    try: stop(); time.sleep(5)\n"
        "    finally:\n"
        "        stop()\n"
        "        print('closed')",
        name,
    )
    assert (done.returncode, done.stdout) == (3, "closed\n")
    sentence = "Stopped; every response is saved. To continue, run: observers collect 'a b' --resume"
    assert done.stderr.strip() == sentence


def test_a_signal_after_the_resumable_part_says_the_same():
    done = run_program(
        "with stopping.command_running():\n    with resumable('every response is saved', ('collect',)): pass\n    stop()"
    )
    assert done.returncode == 3 and done.stderr.count("Stopped; every response is saved.") == 1


def test_a_signal_that_breaks_an_import_is_not_shown_as_another_error():
    done = run_program(
        "with stopping.command_running():\n    try: stop()\n    except KeyboardInterrupt: raise ImportError('partial')"
    )
    assert done.returncode == 3 and "Traceback" not in done.stderr and "To continue, run" in done.stderr
    other = run_program("with stopping.command_running(): raise ImportError('partial')")
    assert other.returncode == 1 and "ImportError: partial" in other.stderr


def test_a_signal_in_a_place_where_python_cannot_raise_is_not_lost():
    done = run_program(
        "class Closed:\n    def __del__(self): stop()\n"
        "with stopping.command_running():\n    closed = Closed()\n    del closed\n    time.sleep(5)\n    print('never')"
    )
    assert (done.returncode, done.stdout) == (3, "") and "Traceback" not in done.stderr


@pytest.mark.parametrize(("code", "expected"), [("0", 0), ("'text'", 1), ("2", 2)])
def test_a_signal_at_exit_keeps_the_exit_code(code, expected):
    done = run_program(f"import atexit\natexit.register(stop)\nprint('done')\nsys.exit({code})")
    assert (done.returncode, done.stdout) == (expected, "done\n") and "Stopped" not in done.stderr


def test_a_late_second_signal_ends_a_cleanup_that_hangs():
    done = run_program(
        "stopping.CLEANUP_SECONDS = 0\n"
        "with stopping.command_running():\n    try: stop()\n    finally: stop(); time.sleep(20)"
    )
    assert done.returncode == 3 and done.stderr.count("To continue, run") == 1


def test_a_program_that_ignores_interrupts_from_its_start_still_ignores_them():
    code = PROGRAM.format(signal="SIGINT", body="    stop(); print('not stopped')")
    ignore = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", ignore, code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "not stopped\n")


def test_words_are_quoted_as_in_a_shell():
    import shlex

    for word in ("plain", "a b", "", "it's", "-o", "x=1", "~", "é", "$HOME", "a/b.py:C"):
        assert shlex.split(stopping._quote(word)) == [word]
        assert stopping._quote(word) == shlex.quote(word)


def write_while_interrupted(steps: list[str]) -> None:
    with deferred_signals():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        steps.append("written")


def test_signals_wait_until_the_end_of_the_context_and_handlers_are_restored():
    before, steps = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt):
        write_while_interrupted(steps)
    assert steps == ["written"] and signal.getsignal(signal.SIGINT) is before


def write_and_wait(steps: list[str], when: str) -> None:
    with deferred_signals() as signals:
        if when == "before":
            os.kill(os.getpid(), signal.SIGINT)
        steps.append("written")
        with signals.allowed():
            if when == "inside":
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)
            steps.append("never")


@pytest.mark.parametrize("when", ["before", "inside"])
def test_signals_are_handled_in_the_allowed_context(when):
    steps = []
    with pytest.raises(KeyboardInterrupt):
        write_and_wait(steps, when)
    assert steps == ["written"]


def test_other_threads_do_not_change_handlers():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with deferred_signals() as signals, signals.allowed():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def handles_sigterm(pid: int) -> bool:
    """Return whether a process has a handler of SIGTERM."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="/proc is needed to see the handlers of a process")
@pytest.mark.parametrize("milliseconds", [0, 100, 300])
def test_the_command_line_stops_without_a_traceback_while_it_starts(tmp_path, milliseconds):
    """The signal arrives after the handlers are installed, which is before the imports."""
    process = subprocess.Popen([sys.executable, "-m", "cli", "analyze", "accuracy", tmp_path / "none"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    while process.poll() is None and not handles_sigterm(process.pid):
        time.sleep(0.001)
    time.sleep(milliseconds / 1000)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode in (1, 3), error  # 1 if it has already said that the file does not exist
    assert "Traceback" not in error


def test_a_message_is_not_written_into_a_file_that_is_opened_in_place_of_a_closed_stream(tmp_path):
    """The program prints to all streams, opens a file and is stopped; all three streams were closed by its caller."""
    body = (
        "print('x'); print('x', file=sys.stderr); sys.stdin.read()\n"
        "os.open('log', os.O_WRONLY | os.O_CREAT)\nstop()\ntime.sleep(5)"
    )
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    arguments = [sys.executable, "-c", PROGRAM.format(signal="SIGTERM", body=lines)]
    close = 'exec "$@" <&- >&- 2>&-'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", close, "sh", *arguments], cwd=tmp_path, env=environment, timeout=30)
    assert done.returncode == 3 and (tmp_path / "log").read_bytes() == b""
