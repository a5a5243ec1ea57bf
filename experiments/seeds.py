"""The order of trials that a person sees, from code and session alone: nobody has to note it, and it is theirs alone."""

import hashlib


def seed_of(code: str, session: int) -> int:
    """The first four bytes of the sha256 of `<code> <session>`, big-endian."""
    return int.from_bytes(hashlib.sha256(f"{code} {session}".encode()).digest()[:4], "big")
