"""Participant codes, which identify a participant in the logs without personal information."""

import re
import secrets
from datetime import datetime

from core.errors import ObserverError

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without I, O, 0 and 1, which are easily confused
DATE_FORMATS = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y")


def check_code(code: str) -> None:
    """Check that a text can be used as a participant code.

    Args:
        code: The code, which must have 2 to 16 ASCII letters and digits and must not look like a date.

    Raises:
        ObserverError: If the code has another form, or if its digits look like a date, such as a date of birth.
    """
    if not re.fullmatch(r"[A-Za-z0-9]{2,16}", code):
        raise ObserverError(
            f"{code[:40]!r} is not a valid participant code: expected 2 to 16 letters and digits, without personal "
            f"information; use a random code such as {new_code()}"
        )
    if code.isdigit() and any(_is_date(code, date_format) for date_format in DATE_FORMATS):
        raise ObserverError(
            f"{code!r} reads like a date, and a date of birth could identify the participant: use another code, such as "
            f"{new_code()}"
        )


def new_code() -> str:
    """Return a random participant code.

    Returns:
        Six letters and digits from a cryptographic random source.
    """
    return "".join(secrets.choice(ALPHABET) for _ in range(6))


def _is_date(digits: str, date_format: str) -> bool:
    """Return whether the digits are a date between 1900 and 2100 in this format, with all leading zeros."""
    try:
        year = datetime.strptime(digits, date_format).year
    except ValueError:
        return False
    return len(digits) == len(datetime(2000, 1, 1).strftime(date_format)) and 1900 <= year <= 2100
