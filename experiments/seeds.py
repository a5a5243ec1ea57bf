"""The default random seed of a session with a participant."""

import hashlib


def session_seed(code: str, session: int) -> int:
    """Return the default seed of the trial order and the masks of a session.

    The seed is the first four bytes (big-endian) of the SHA-256 of `<code> <session>`. Because it can be computed from the
    participant code and the session number, the experimenter does not have to write it down.
    """
    return int.from_bytes(hashlib.sha256(f"{code} {session}".encode()).digest()[:4], "big")
