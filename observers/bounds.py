"""Validators of whole numbers, for the fields of observers."""

from collections.abc import Callable
from typing import Any

from observers.protocol import ObserverError

Validator = Callable[[object, Any, int], None]


def bounded(least: int, most: int, unit: str = "") -> Validator:
    """Raises ObserverError for a number outside of least..most, which its message names."""
    shown = f"{most:,}" if most >= 10_000 else f"{most}"

    def check(instance: object, attribute: Any, value: float) -> None:
        if not least <= value <= most:
            raise ObserverError(f"{attribute.name} must be {least} to {shown}{unit}, got {value}")

    return check


def non_negative(instance: object, attribute: Any, value: int) -> None:
    """Of seeds."""
    if value < 0:
        raise ObserverError(f"{attribute.name} must be a whole number from 0 on, got {value}")
