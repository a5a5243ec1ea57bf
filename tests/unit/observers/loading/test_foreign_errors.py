"""Every exception of a library is converted to one message, and other errors are not changed."""

import pytest

from core.errors import ObserverError, UserError
from observers.loading.foreign_errors import explained_computation, explained_errors


class PanicException(BaseException):
    """An exception with the name and the base class of the one that libraries in Rust raise."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            Exception("data did not match any variant of untagged enum"),
            "data did not match any variant of untagged enum",
        ),
        (PanicException("index out of bounds: the len is 3"), "index out of bounds: the len is 3"),
        (KeyError("gelu"), "KeyError: 'gelu'"),
        (IndexError("list index out of range, which is long"), "IndexError: list index out of range, which is long"),
        (MemoryError(), "MemoryError"),
        (ValueError("first line\nof a paragraph\n\nsecond paragraph"), "first line of a paragraph"),
    ],
)
def test_an_exception_becomes_a_sentence(error, reason):
    with pytest.raises(ObserverError) as raised, explained_errors("m: x.json", "cannot be loaded", ": get it again"):
        raise error
    assert str(raised.value) == f"m: x.json cannot be loaded ({reason}): get it again"
    assert raised.value.__cause__ is error  # with its traceback, since it may also be a bug


def test_long_messages_are_cut():
    with pytest.raises(ObserverError) as raised, explained_errors("m", "cannot be loaded"):
        raise ValueError("x" * 5000)
    assert len(str(raised.value)) < 350


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), UserError("is clear")])
def test_interruptions_and_our_own_errors_pass(error):
    with pytest.raises(type(error)) as raised, explained_errors("m", "cannot be loaded"):
        raise error
    assert raised.value is error


@pytest.mark.parametrize(
    "text", ["CUDA out of memory. Tried to allocate 2 GiB", "[enforce fail] can't allocate memory"]
)
def test_a_pass_that_runs_out_of_memory_can_be_repeated_with_fewer_rows(text):
    error = RuntimeError(text)
    with pytest.raises(RuntimeError) as raised, explained_computation("m: the network in unet"):
        raise error
    assert raised.value is error


def test_a_network_that_fails_at_its_first_input_is_named():
    message = (
        r"^m: the network in unet cannot process its input \(TypeError: unsupported operand\): check that its config\.json "
        r"and its weights belong together, or download them again$"
    )
    with pytest.raises(ObserverError, match=message), explained_computation("m: the network in unet"):
        raise TypeError("unsupported operand")
