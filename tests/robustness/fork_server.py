"""Run thousands of commands quickly: a server process imports the project once, and forks a child for every command.

A child begins where a new process would be after its imports. It starts the command line through the entry point that
`pyproject.toml` names, in a separate process session with the default signal handlers, and ends like any Python process.
`start_process` starts a real process instead, which is slower and also covers the start of Python and the imports.
"""

import gc
import importlib
import json
import os
import resource
import select
import selectors
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.robustness.outcomes import Outcome

ROOT = Path(__file__).parents[2]
ENTRY_POINT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]["observers"]
TIMEOUT = 60.0  # seconds that a command may take; on an idle machine, the commands of the tests take about one second
MAX_DATA = 8 << 30  # bytes of private memory that a command may allocate
MODULES = (
    "analysis.report.report", "analysis.io.export", "analysis.io.bids", "analysis.io.archive_export",
    "analysis.figures.from_trials", "analysis.illusions.summary", "analysis.measures.accuracy",
    "analysis.measures.shape_bias", "analysis.report.extras", "analysis.report.groups",
    "commands.top_level.app", "commands.analyze", "commands.selection", "commands.running.run_experiment",
    "experiments.people.collecting", "experiments.people.forgetting", "experiments.people.serving",
    "experiments.running.requests", "experiments.sets.registry", "experiments.sets.shown_stimuli",
    "observers.simulated", "stimuli.build.distorted_set", "stimuli.published.fetch",
    "stimuli.published.paper_illusions",
    "pyarrow.parquet", "rich.progress", "matplotlib.pyplot", "matplotlib.backends.backend_svg",
    "matplotlib.backends.backend_pdf", "matplotlib.backends.backend_agg",
)  # fmt: skip


class Running:
    """A running command, to which a signal can be sent and whose end can be awaited."""

    def __init__(self, command: str, pid: int, folder: Path, process: subprocess.Popen[bytes] | None) -> None:
        self._command, self.pid, self._folder, self._process = command, pid, folder, process
        self._start = time.monotonic()
        self._handle = os.pidfd_open(pid)
        self._hung = False

    def ended(self, seconds: float) -> bool:
        """Wait for at most this time, and return whether the command has ended."""
        return bool(select.select([self._handle], [], [], max(seconds, 0))[0])

    def send(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        if not self.ended(0):
            signal.pidfd_send_signal(self._handle, number)

    def printed(self) -> str:
        """Return the standard output so far."""
        return (self._folder / f"{self._folder.name}.out").read_text("utf-8", "replace")

    def finish(self, timeout: float = TIMEOUT) -> Outcome:
        """Wait for the end of the command and return it. After `timeout` seconds, the command is killed."""
        if not self.ended(timeout):
            self._hung = True
            self.send(signal.SIGKILL)
            self.ended(TIMEOUT)
        seconds = time.monotonic() - self._start
        code, megabytes = self._result()
        os.close(self._handle)
        out, err = (
            (self._folder / f"{self._folder.name}.{name}").read_text("utf-8", "replace") for name in ("out", "err")
        )
        return Outcome(self._command, code, out, err, seconds, megabytes, self._hung)

    def _result(self) -> tuple[int, float]:
        """Return the exit code and the largest memory in megabytes."""
        if self._process is not None:
            return self._process.wait(), 0.0
        path = self._folder / "result.json"
        while not path.exists():  # the server writes it as soon as it has noticed the end
            time.sleep(0.001)
        result = json.loads(path.read_text())
        return result["code"], result["kilobytes"] / 1024


class ForkServer:
    """A server process that forks commands.

    Args:
        folder: Empty folder for the output of the commands.
        networks: Whether to import torch and transformers.
    """

    def __init__(self, folder: Path, networks: bool = False) -> None:
        self._folder, self._n = folder, 0
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom tests.robustness.fork_server import serve_forks\n"
        words = [sys.executable, "-c", f"{code}serve_forks({networks})"]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder,
                                         env=os.environ | {"MPLBACKEND": "agg"}, start_new_session=True)  # fmt: skip
        self._answers()  # the imports are finished

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=TIMEOUT)
        self._process.stdout.close()

    def start(
        self,
        *words: object,
        cwd: Path,
        call: str | None = None,
        env: Mapping[str, str] | None = None,
        prepare: str | None = None,
        arguments: Sequence[Any] = (),
    ) -> Running:
        """Start `observers WORDS…`.

        Args:
            words: The words after `observers`.
            cwd: Folder in which the command runs.
            call: "module:function" to call in place of the command, with `arguments`. A UserError is shown as the command
                line shows it.
            env: Further environment variables.
            prepare: "module:function" to call in the child before the command, for example to replace an address.
            arguments: Arguments of that function, which JSON can represent.
        """
        self._n += 1
        folder = self._folder / str(self._n)
        folder.mkdir()
        job: dict[str, Any] = {"words": [str(word) for word in words], "cwd": str(cwd), "env": dict(env or {}),
            "folder": str(folder),
               "prepare": prepare, "call": call, "arguments": list(arguments)}  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        command = f"{call}{tuple(arguments)}" if call else shlex.join(["observers", *job["words"]])
        return Running(command, self._answers(), folder, None)

    def run(self, *words: object, timeout: float = TIMEOUT, **options: Any) -> Outcome:
        """Run `observers WORDS…` and return how it ended. The options are those of `start`."""
        return self.start(*words, **options).finish(timeout)

    def _answers(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the fork server has ended"
        return int(line)


def start_process(folder: Path, *words: object, cwd: Path, env: Mapping[str, str] | None = None) -> Running:
    """Start `observers WORDS…` as a process of its own; its output is written into `folder`."""
    folder.mkdir(parents=True)
    module, function = ENTRY_POINT.split(":")
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {module}; sys.exit({module}.{function}())"
    command = [sys.executable, "-c", code, *map(str, words)]
    with (folder / f"{folder.name}.out").open("wb") as out, (folder / f"{folder.name}.err").open("wb") as err:
        process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env=os.environ | dict(env or {}), start_new_session=True)  # fmt: skip
    return Running(shlex.join(["observers", *map(str, words)]), process.pid, folder, process)


def serve_forks(networks: bool) -> None:
    """Import the project, and fork a child for each line of standard input until it ends. This is the server process."""
    for module in MODULES:
        importlib.import_module(module)
    if networks:
        _run_a_network()
    requests, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0), os.dup2(null, 1)
    gc.collect(), gc.freeze()  # so that children do not copy all objects in order to look for garbage
    os.write(answers, b"0\n")
    children: dict[int, tuple[int, Path]] = {}  # handle of a child -> its number and the folder of its output
    with selectors.DefaultSelector() as selector, open(requests, "rb", buffering=0) as lines:
        selector.register(lines, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is lines:
                    line = lines.readline()
                    if not line:
                        return
                    job = json.loads(line)
                    ready, is_ready = os.pipe()
                    pid = os.fork()
                    if pid == 0:
                        os.close(ready), os.close(answers)
                        selector.close(), lines.close()
                        return _run_job(job, is_ready)
                    os.close(is_ready)
                    os.read(ready, 1)
                    os.close(ready)
                    handle = os.pidfd_open(pid)
                    children[handle] = (pid, Path(job["folder"]))
                    selector.register(handle, selectors.EVENT_READ)
                    os.write(answers, b"%d\n" % pid)
                else:
                    handle = int(key.fd)
                    selector.unregister(handle)
                    _write_result(*children.pop(handle))
                    os.close(handle)


def _run_a_network() -> None:
    """Let a network answer one trial, which imports torch and transformers."""
    from experiments.sets.drawn import cue_conflict
    from observers.registry import make_observer

    next(iter(make_observer("microcosm-cnn").observe(cue_conflict().trials(0)[:1])))


def _write_result(pid: int, folder: Path) -> None:
    """Write the exit code and the largest memory of a child that has ended."""
    _, status, usage = os.wait4(pid, 0)
    result = {"code": os.waitstatus_to_exitcode(status), "kilobytes": usage.ru_maxrss}
    (folder / "result.part").write_text(json.dumps(result))
    (folder / "result.part").rename(folder / "result.json")


def _run_job(job: dict[str, Any], is_ready: int) -> None:
    """Run a command in this forked process."""
    os.setsid()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python does
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA, MAX_DATA))
    os.chdir(job["cwd"])
    os.environ.update(job["env"])
    folder = Path(job["folder"])
    for descriptor, name in ((1, "out"), (2, "err")):
        opened = os.open(folder / f"{folder.name}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.argv = ["observers", *job["words"]]
    if job["prepare"]:
        _resolve(job["prepare"])(*job["arguments"])
    function = _resolve(job["call"] or ENTRY_POINT)
    os.close(is_ready)
    if job["call"]:
        _call(function, job["arguments"])
    else:
        sys.exit(function())


def _resolve(name: str) -> Callable[..., Any]:
    """Return the function "module:function"."""
    module, function = name.split(":")
    resolved: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return resolved


def _call(function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    """Call a function, and show a UserError as the command line does."""
    from core.errors import UserError

    try:
        function(*arguments)
    except UserError as error:
        print(f"observers: {error}", file=sys.stderr)
        sys.exit(1)
