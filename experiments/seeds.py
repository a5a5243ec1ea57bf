"""The default random seed of a session with a participant."""

import hashlib


def session_seed(code: str, session: int) -> int:
    """Return the seed of the trial order of a session: the first four bytes of the SHA-256 of `<code> <session>`, big-endian.

    The seed follows from the participant code and the session number, so the experimenter need not write it down.
    """
    return int.from_bytes(hashlib.sha256(f"{code} {session}".encode()).digest()[:4], "big")
