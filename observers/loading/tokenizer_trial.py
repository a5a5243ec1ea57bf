"""Test a tokenizer.json in a separate process before it is loaded in this one.

The library tokenizers is written in Rust. For some damaged files it does not raise an exception: its rules for replacing
text can multiply the text until the memory is exhausted, which ends the whole process. The test encodes a short text in a
process with limits on memory and on processor time. It takes about 0.1 seconds, and longer for a file of many megabytes,
and is not repeated for the same file.
"""

import importlib.util
import math
import os
import signal
import string
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from core.errors import ObserverError

MIN_MEMORY, MEMORY_PER_BYTE = 2**30, 60  # bytes
MIN_SECONDS, SECONDS_PER_MEGABYTE = 10.0, 1.0  # of processor time
MAX_WAIT = 12  # elapsed time per processor time: a busy machine or a slow disk must not make a good file look slow
_TEXT = f"A bad photo of a cat.\n<image> {string.printable} ÄÖ 中"
# The process imports nothing but tokenizers, whose folder is its second argument.
_PROGRAM = """
import sys
sys.path.append(sys.argv[2])
try:
    import resource
    resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[3]),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[4]), int(sys.argv[4]) + 1))
except (ImportError, ValueError, OSError):
    pass
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
for text in sys.argv[5:]:
    tokenizer.decode(tokenizer.encode(text).ids)
"""


def try_tokenizer(path: Path, observer: str) -> None:
    """Encode a text with a tokenizer.json in another process, if the file exists.

    Args:
        path: The path of the tokenizer.json.
        observer: Name of the observer, for error messages.

    Raises:
        ObserverError: If the library cannot read the file, or needs too much time or memory for a short text.
    """
    if not path.is_file():
        return
    status = path.stat()
    failure = _find_failure(path.resolve(), status.st_mtime_ns, status.st_size)
    if failure:
        raise ObserverError(f"{observer}: {path} cannot be used by tokenizers ({failure}): download the file again")


@lru_cache(maxsize=256)
def _find_failure(path: Path, modified: int, n_bytes: int) -> str:
    """Return why a tokenizer.json cannot be used; "" if it can. Time and size are part of the key of the cache."""
    package = importlib.util.find_spec("tokenizers")
    if package is None or package.origin is None:
        return ""  # the message of load_tokenizer says what to install
    folder = Path(package.origin).parents[1]
    memory = MIN_MEMORY + MEMORY_PER_BYTE * n_bytes
    seconds = MIN_SECONDS + SECONDS_PER_MEGABYTE * n_bytes / 2**20
    limits = [str(memory), str(math.ceil(seconds))]
    command = [sys.executable or "", "-I", "-S", "-c", _PROGRAM, str(path), str(folder), *limits, _TEXT, _TEXT.lower()]
    environment = os.environ | {"RAYON_NUM_THREADS": "1"}
    slow = f"it does not encode a short text within {seconds:.0f} seconds"
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=MAX_WAIT * seconds,
            stdin=subprocess.DEVNULL,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return slow
    except OSError as error:  # such as a Python inside another program, or a limit on the number of processes
        print(f"note: {path} is loaded without a test, because a process cannot be started ({error})", file=sys.stderr)
        return ""
    if done.returncode == 0:
        return ""
    if done.returncode == -getattr(signal, "SIGXCPU", 0):
        return slow
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    reason = lines[-1].removeprefix("Exception: ").removeprefix("pyo3_runtime.PanicException: ") if lines else ""
    return reason[:300] or f"the process ended with status {done.returncode}"
