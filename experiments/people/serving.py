"""Serve sessions to participants in browsers, or write the page of a session into a folder for another server.

Each session calls `run` in a separate thread (`experiments.people.web_session`). One web server serves all sessions.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.atomic import write_atomically
from core.errors import ObserverError
from experiments.experiment import Experiment
from experiments.people.experimenter_page import ExperimenterPage
from experiments.people.person_status import PersonStatus
from experiments.people.web_server import Server
from experiments.people.web_session import WebSession
from experiments.seeds import session_seed
from observers.people.page_texts import PageOptions
from observers.people.site import PageState, PageTrials, make_session_info, make_site
from observers.people.texts.reading import load_texts
from observers.people.web import WebParticipant

LINGER = 3.0  # seconds for which the server still replies to repeated requests after the last answer


def serve(
    sessions: Sequence[WebSession],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    announce: Callable[[str, str], None] = lambda code, url: None,
    announce_page: Callable[[str], None] = lambda url: None,
    watch: Callable[[Sequence[PersonStatus]], None] = lambda people: None,
    notify: Callable[[str], None] = lambda sentence: None,
    linger: float = LINGER,
    title: str = "Experiment",
    banner: str = "",
) -> None:
    """Serve sessions to participants in browsers until every session is complete or was declined.

    A log is created when a participant opens the page, or consents if the page asks for consent, so that an unused
    invitation does not leave a log. When this function returns or raises an error, all answers that were received are in
    the logs.

    Args:
        sessions: The sessions.
        host: Address to listen on; by default, only this computer can connect.
        port: Port to listen on; 0 selects a free port.
        announce: Function that is called with the participant code and the address of each session.
        announce_page: Function that is called with the address of the experimenter's page.
        watch: Function that is called several times a second with the status of every participant.
        notify: Function that is called with each note for the user.
        linger: Seconds for which the server still replies to repeated requests after all sessions are complete.
        title: Heading of the experimenter's page.
        banner: Sentence at the top of the experimenter's page; "" for none.

    Raises:
        ObserverError: If the server cannot listen on the address.
        LogError: If a session cannot be logged. Other errors of `run` are raised, too.
    """
    page = ExperimenterPage(sessions, title, banner)
    server = Server(host, port, {session.token: session for session in sessions}, notify, page)
    try:
        for session in sessions:
            session.resume()
        for session in sessions:
            announce(session.code, f"{server.url}/s/{session.token}/")
        announce_page(f"{server.url}{page.address}")
        completed_at = None
        while completed_at is None or time.monotonic() < completed_at + linger:
            server.handle_request()
            for session in sessions:
                if session.error is not None:
                    raise session.error
            watch([session.status for session in sessions])
            if completed_at is None and all(session.is_finished for session in sessions):
                completed_at = time.monotonic()
    finally:
        for session in sessions:
            session.close()
        server.server_close()


def write_static(
    experiment: Experiment,
    code: str,
    folder: Path,
    scripts: Mapping[str, bytes],
    *,
    session: int = 1,
    seed: int | None = None,
    distance: float = 60.0,
    save: str = "",
    options: PageOptions | None = None,
    practice: Experiment | None = None,
    limit: int | None = None,
    completion_code: str = "",
) -> Path:
    """Write the page of a session into a folder that any web server can serve.

    The page posts the answers to the address `save`, or to JATOS if `save` is empty. At the end it shows
    `completion_code`. The other arguments are those of `WebSession`.

    Returns:
        The path of the index.html.

    Raises:
        ObserverError: If the folder exists and is not empty, or if the code or the distance is not valid.
    """
    options = PageOptions(load_texts()) if options is None else options
    options.texts.check_choices(experiment.choices)
    observer = WebParticipant(code, distance, pilot=options.pilot)  # checks both values
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ObserverError(f"{folder} exists and is not an empty folder: give a new folder with --static")
    seed = session_seed(code, session) if seed is None else seed

    def make_trials(part: Experiment, limit: int | None = None) -> PageTrials:
        trials = part.trials(seed)
        return PageTrials(trials[:limit], make_session_info(part.name, observer.name, session, seed, distance, trials))

    site = make_site(
        make_trials(experiment, limit),
        scripts,
        options,
        practice=None if practice is None else make_trials(practice),
        save=save,
        static=True,
        state=lambda: PageState(code=completion_code),
    )
    for name, make_content in site.items():
        write_atomically(folder / name, make_content())
    return folder / "index.html"
