"""Work that is stopped by Ctrl-C or a polite kill, and says how to go on."""

import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer


@contextmanager
def resumable(kept: str, commands: Sequence[str], also: Sequence[str] = ()) -> Iterator[None]:
    """What is stopped inside ends with exit code 3 and the command to type again, one of `commands`; `kept` says what is.

    `also` are words to be added to it.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"\nStopped; {kept}. To go on: {_same_command(commands, also)}", err=True)
        raise typer.Exit(3) from None


def _same_command(commands: Sequence[str], also: Sequence[str]) -> str:
    """What was typed, as `observers …` however this program was started."""
    words = sys.argv[1:]  # before the command there may be those of `typer cli.py run`
    begin = next((i for i, word in enumerate(words) if word in commands), 0)
    return shlex.join(["observers", *words[begin:], *also])
