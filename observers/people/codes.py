"""Participant codes: a person in a log is a code that says nothing about them."""

import re
import secrets
from datetime import datetime

from stimuli.errors import ObserverError

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that are taken for one another
DATES = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y")


def check_code(code: str) -> None:
    """Raises ObserverError for what is no code: 2 to 16 letters and digits, no date."""
    if not re.fullmatch(r"[A-Za-z0-9]{2,16}", code):
        raise ObserverError(
            f"{code[:40]!r} is no participant code: expected 2 to 16 letters and digits, nothing that names a person; "
            f"{new_code()} is free"
        )
    if code.isdigit() and any(_is_date(code, form) for form in DATES):
        raise ObserverError(
            f"{code!r} reads like a date, and a date of birth tells a person: take another code, such as {new_code()}"
        )


def new_code() -> str:
    """A random code of six letters."""
    return "".join(secrets.choice(LETTERS) for _ in range(6))


def _is_date(digits: str, form: str) -> bool:
    try:
        year = datetime.strptime(digits, form).year
    except ValueError:
        return False
    return len(digits) == len(datetime(2000, 1, 1).strftime(form)) and 1900 <= year <= 2100
