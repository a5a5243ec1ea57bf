"""Stop a command on Ctrl-C or SIGTERM, and tell the user which command continues it."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from core import stopping


@contextmanager
def resumable(
    kept_work: str,
    commands: Sequence[str],
    extra_arguments: Sequence[str] = (),
    replaced_options: Sequence[str] = (),
) -> Iterator[None]:
    """Turn Ctrl-C or SIGTERM inside this context into exit code 3 and a message with the command to type again.

    The previous handler of SIGTERM is restored at the end of the context. In the program, a signal after this context also
    causes this message (see `core.stopping`).

    Args:
        kept_work: Clause that says what is saved, such as "every response is saved". The message begins with it.
        commands: Names of the subcommands that use this context. They mark the beginning of the typed command.
        extra_arguments: Arguments to add to the typed command, such as a code that was generated in this run. Arguments
            may be added to this sequence inside the context.
        replaced_options: Options with a value, such as "--sessions", that are omitted from the typed command because
            `extra_arguments` replace them.

    Raises:
        typer.Exit: If the command was interrupted; the exit code is 3.
    """
    typed = _without_options(_typed_command(commands), replaced_options)
    if stopping.is_program():
        stopping.set_kept_work(kept_work, [*typed, *extra_arguments])
        try:
            yield
        except KeyboardInterrupt:
            stopping.set_kept_work(kept_work, [*typed, *extra_arguments])
            stopping.announce()
            raise typer.Exit(stopping.EXIT_CODE) from None
        return
    previous_handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(stopping.describe_stop(kept_work, [*typed, *extra_arguments]), err=True)
        raise typer.Exit(stopping.EXIT_CODE) from None
    finally:
        signal.signal(signal.SIGTERM, previous_handler or signal.SIG_DFL)  # None if it was not set by Python


def _typed_command(commands: Sequence[str]) -> list[str]:
    """Return the words of the typed command as `observers …`, independent of how this program was started."""
    words = sys.argv[1:]  # `typer cli.py run …` has further words before the command
    begin = next((i for i, word in enumerate(words) if word in commands), 0)
    return ["observers", *words[begin:]]


def _without_options(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return a command without these options and their values, which are separate words or follow an equals sign."""
    kept: list[str] = []
    is_value = False
    for word in words:
        name = word.partition("=")[0]
        if not is_value and name not in options:
            kept.append(word)
        is_value = not is_value and word in options
    return kept
