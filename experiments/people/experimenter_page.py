"""The experimenter's page of `observers serve`: where every participant is, and the links of the sessions.

The page does not change anything. Its address has a token of its own, which is not that of a session. It loads its
table again every few seconds from the same server. Everything in the table is escaped.
"""

import secrets
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Protocol

from experiments.people.collecting import MAX_DROPPED
from experiments.people.person_status import PersonStatus
from observers.people.site import PAGE_FOLDER, Site, fill_page

_FILES = ("experimenter.js", "experimenter.css")
_COLUMNS = ("participant", "state", "progress", "dropped frames", "last activity", "link or completion code")
STAGES = {
    "invited": "invited", "opened": "reading the first page", "declined": "did not consent", "consented": "consented",
    "practice": "practice", "trials": "experiment", "finished": "finished",
}  # fmt: skip


class WatchedSession(Protocol):
    """The part of a session that the page shows."""

    @property
    def status(self) -> PersonStatus:
        """Where the participant is."""
        ...


class ExperimenterPage:
    """The page of the experimenter; see `experiments.people.web_server.HostedPage`.

    Args:
        sessions: The sessions that the page shows.
        title: Heading of the page, such as the name of the experiment.
        banner: Sentence at the top of the page, such as that nothing is saved; "" for none.

    Attributes:
        token: The secret part of the address.
    """

    def __init__(self, sessions: Sequence[WatchedSession], title: str = "Experiment", banner: str = "") -> None:
        self.token = secrets.token_urlsafe(16)
        self._sessions, self._title, self._banner = sessions, title, banner

    @property
    def address(self) -> str:
        """The address of the page on the server."""
        return f"/experimenter?token={self.token}"

    @property
    def site(self) -> Site:
        """The files of the page."""
        files = {name: partial(Path.read_bytes, PAGE_FOLDER / name) for name in _FILES}
        return {"": self._page, "table.html": lambda: self._table().encode(), **files}

    def _page(self) -> bytes:
        page = (PAGE_FOLDER / "experimenter.html").read_text("utf-8")
        banner = f'<p class="banner">{escape(self._banner)}</p>' if self._banner else ""
        parts = {"TITLE": escape(self._title), "TOKEN": escape(self.token), "BANNER": banner, "TABLE": self._table()}
        return fill_page(page, parts).encode()

    def _table(self) -> str:
        """Return the table of all participants with a summary, as HTML."""
        people = [session.status for session in self._sessions]
        heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in _COLUMNS)
        rows = "".join(_row(person) for person in people)
        return (
            f'<p class="summary">{escape(_summary(people))}</p>'
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )


def _summary(people: Sequence[PersonStatus]) -> str:
    """Return the numbers of participants: all, finished, in the session, invited, and declined."""
    n_finished, n_declined = (sum(person.stage == stage for person in people) for stage in ("finished", "declined"))
    n_invited = sum(person.stage == "invited" for person in people)
    n_active = len(people) - n_finished - n_declined - n_invited
    refusals = f", {n_declined} declined" if n_declined else ""
    noun = "participant" if len(people) == 1 else "participants"
    return f"{len(people)} {noun}: {n_finished} finished, {n_active} in the session, {n_invited} invited{refusals}"


def _row(person: PersonStatus) -> str:
    """Return the row of one participant."""
    progress = f"{person.n_done} of {person.n_total}" if person.stage in ("practice", "trials", "finished") else "–"
    bar = (
        f'<progress max="{person.n_total}" value="{person.n_done}" aria-hidden="true"></progress> '
        if progress != "–"
        else ""
    )
    warns = person.n_dropped > MAX_DROPPED * max(person.n_answered, 1)
    dropped = f"{person.n_dropped} of {person.n_answered} trials" if person.n_answered else "–"
    link = f'<a href="s/{escape(person.token)}/">open</a> <button type="button" class="copy">copy</button>'
    cells = (
        f'<th scope="row">{escape(person.code)}</th>',
        f'<td class="{escape(person.stage)}">{escape(STAGES[person.stage])}</td>',
        f"<td>{bar}{escape(progress)}</td>",
        f"<td{' class=warning' if warns else ''}>{escape(dropped)}</td>",
        f"<td>{escape(describe_idle(person.idle_seconds))}</td>",
        f"<td>{escape(person.completion_code) or '–' if person.stage in ('finished', 'declined') else link}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def describe_idle(seconds: float | None) -> str:
    """Return how long ago the page of a participant was last active, in words."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 5400 else f"{seconds / 3600:.0f} h ago"
