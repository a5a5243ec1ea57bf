"""Convert every exception of the libraries that load and run models to one message for the user.

The files of a model may be damaged in any way, and transformers, diffusers and tokenizers raise many kinds of exceptions
for them: the class `Exception` itself, and the PanicException of Rust, which is not even an Exception. A list of their
exceptions would never be complete. The contexts of this module are therefore the only place where all exceptions are
caught, and they enclose only calls of these libraries.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from core.errors import ObserverError, UserError

# Exceptions whose messages refer to code, such as "list index out of range".
_UNCLEAR = (AttributeError, TypeError, LookupError, ArithmeticError, AssertionError)
MAX_REASON = 300  # characters of the message of an exception


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the error means that the memory of a device ran out.

    CPUs and MPS raise a plain RuntimeError for it, and CUDA a subclass of RuntimeError.
    """
    text = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate" in text)


def describe(error: BaseException) -> str:
    """Return the first paragraph of the message of an exception in one line, with its class if the message needs it."""
    text = " ".join(str(error).strip().partition("\n\n")[0].split())
    name = type(error).__name__
    needs_name = len(text) < 20 or isinstance(error, _UNCLEAR)
    return (f"{name}: {text}" if text and needs_name else text or name)[:MAX_REASON]


@contextmanager
def explained_errors(
    subject: str, failure: str, advice: str = "", *, keep_memory_errors: bool = False
) -> Iterator[None]:
    """Convert every exception of a library to ObserverError; errors of this project are not changed.

    The error reads "`subject` `failure` (reason)`advice`".

    Args:
        subject: The model and the file or folder.
        failure: What the library could not do, such as "cannot be loaded".
        advice: What to do, after a colon.
        keep_memory_errors: Whether to leave the errors unchanged that mean that the memory of a device ran out, because
            the caller tries again with fewer rows.

    Raises:
        ObserverError: If the library raises an exception.
    """
    try:
        yield
    except UserError:
        raise
    except BaseException as error:
        is_panic = type(error).__name__ == "PanicException"  # of a library in Rust; it cannot be imported
        if not isinstance(error, Exception) and not is_panic:
            raise  # Ctrl-C, or the end of the program or of a generator
        if keep_memory_errors and is_out_of_memory(error):
            raise
        raise ObserverError(f"{subject} {failure} ({describe(error)}){advice}") from error  # the cause may be a bug


def explained_computation(subject: str) -> AbstractContextManager[None]:
    """Return a context that converts the exceptions of a network to ObserverError, except if memory ran out.

    A network whose config.json and weights do not fit together, or whose inputs it does not expect, loads without an
    error and fails at its first input.
    """
    advice = ": check that its config.json and its weights belong together, or download them again"
    return explained_errors(subject, "cannot process its input", advice, keep_memory_errors=True)
