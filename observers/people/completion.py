"""The end of a session in a browser: a completion code, and the address to which the participant returns."""

import secrets
from urllib.parse import quote, urlsplit

from attrs import frozen

from core.errors import ObserverError
from observers.people.codes import ALPHABET
from observers.people.records import CODE

RANDOM = "random"  # the value of --completion-code with which every participant gets a code of their own
CODE_LENGTH = 10
MAX_URL = 2000  # characters
FIELDS = ("{code}", "{participant}")  # the parts of a redirect URL that are replaced
_FORBIDDEN = set("\"'<>\\^`|{}")


@frozen
class Completion:
    """What a participant gets after the last trial.

    `code` is the completion code, RANDOM for a different code for every participant, or "" for no code. `redirect` is the
    address of the page to which the participant returns, or "".

    Raises:
        ObserverError: If the code or the address is not valid.
    """

    code: str = ""
    redirect: str = ""

    def __attrs_post_init__(self) -> None:
        if self.code and not CODE.fullmatch(self.code):
            raise ObserverError(
                f"{self.code[:80]!r} is not a valid completion code: expected 1 to 64 letters, digits, hyphens and "
                f"underscores, or {RANDOM} for a different code for every participant"
            )
        if self.redirect:
            _check_redirect(self.redirect, bool(self.code))

    def make_code(self) -> str:
        """Return the completion code for a participant who does not have one; "" for sessions without codes."""
        if self.code != RANDOM:
            return self.code
        return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))

    def url(self, code: str, participant: str) -> str:
        """Return the address for a participant with this completion code; "" without an address."""
        return self.redirect.replace("{code}", quote(code, safe="")).replace(
            "{participant}", quote(participant, safe="")
        )


def _check_redirect(url: str, has_code: bool) -> None:
    """Raise ObserverError unless a participant can safely be sent to this address."""
    problem = ""
    plain = url
    for name in FIELDS:
        plain = plain.replace(name, "x")
    try:
        parts = urlsplit(plain)
        is_web = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if len(url) > MAX_URL:
        problem = f"it has {len(url)} characters, expected at most {MAX_URL}"
    elif not is_web:
        problem = "expected an address that begins with https://"
    elif not plain.isascii() or any(c <= " " or c == "\x7f" or c in _FORBIDDEN for c in plain):
        problem = f"it has characters that an address must not have; only {' and '.join(FIELDS)} are replaced"
    elif "@" in parts.netloc:
        problem = "it contains a user name"
    elif any(name in url.partition("?")[0] for name in FIELDS):
        problem = f"{' and '.join(FIELDS)} must follow the question mark, such as https://example.org/done?cc={{code}}"
    elif "{code}" in url and not has_code:
        problem = f"it contains {{code}}, but without a completion code: add --completion-code {RANDOM}"
    if problem:
        raise ObserverError(f"the redirect URL {url[:80]!r} cannot be used: {problem}")
