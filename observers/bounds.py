"""attrs validators for the numeric options of observers."""

from collections.abc import Callable
from typing import Any

from observers.protocol import ObserverError

Validator = Callable[[object, Any, int], None]


def bounded(least: int, most: int, unit: str = "") -> Validator:
    """Return a validator that raises ObserverError unless `least` <= number <= `most`. `unit` is part of the message."""
    most_text = f"{most:,}" if most >= 10_000 else f"{most}"

    def check(instance: object, attribute: Any, value: float) -> None:
        if not least <= value <= most:
            raise ObserverError(f"{attribute.name} must be {least} to {most_text}{unit}, got {value}")

    return check


def non_negative(instance: object, attribute: Any, value: int) -> None:
    """Raise ObserverError if a whole number, such as a random seed, is negative. This is an attrs validator."""
    if value < 0:
        raise ObserverError(f"{attribute.name} must be a whole number, 0 or more, got {value}")
