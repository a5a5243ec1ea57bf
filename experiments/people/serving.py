"""Sessions with participants in browsers.

Each session calls `run` in a separate thread. One web server serves all sessions.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from core.atomic import write_atomically
from core.errors import ObserverError
from core.progress import Progress
from experiments.deletion_records import refuse_forgotten
from experiments.experiment import Experiment
from experiments.people.web_server import Server
from experiments.running.session import run
from experiments.seeds import session_seed
from observers.people.answers import check_answer, read_answer
from observers.people.site import Site, make_session_info, make_site
from observers.people.web import AnswerQueue, WebParticipant

START_TIMEOUT = 60.0  # seconds to wait until the log is open; before that, all images are read to compute their digest
SAVE_TIMEOUT = 8.0  # seconds to wait until an answer is in the log
LINGER = 3.0  # seconds for which the server still replies to repeated requests after the last answer


class WebSession:
    """The session of one participant in a browser.

    Args:
        experiment: The experiment.
        code: Participant code.
        out: Folder for trial logs.
        scripts: The files of jsPsych, from `observers.people.jspsych.load_scripts`.
        session: Session number; the first session is 1.
        seed: Random seed of the trial order and the masks; by default, `session_seed` of the code and session number.
        distance: Assumed viewing distance, in cm.
        progress: Function that is called with the number of finished trials and the total number of trials.
        notify: Function that is called with each note for the user.

    Attributes:
        code: Participant code.
        token: The secret part of the address of the session.
        site: The files of the session's page.
        log: Path of the trial log, or None until the session is complete.
        error: The error that stopped the session, or None.

    Raises:
        LogError: If the data of this participant were deleted.
        ObserverError: If the code or the distance is not valid.
    """

    def __init__(
        self,
        experiment: Experiment,
        code: str,
        out: Path,
        scripts: Mapping[str, bytes],
        *,
        session: int = 1,
        seed: int | None = None,
        distance: float = 60.0,
        progress: Progress = lambda done, total: None,
        notify: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        refuse_forgotten(code, out)
        self.code, self.token = code, secrets.token_urlsafe(16)
        seed = session_seed(code, session) if seed is None else seed
        self._queue = AnswerQueue()
        self._observer = WebParticipant(code, distance, self._queue)
        self._trials = experiment.trials(seed)
        self._about = make_session_info(experiment.name, code, session, seed, distance, self._trials)
        self._last_trials = {trial.block: trial.number for trial in self._trials}  # the last trial of each block
        self.site: Site = make_site(self._trials, self._about, scripts, n_done=self._n_done)
        options: dict[str, Any] = {"session": session, "seed": seed, "progress": progress, "notify": notify}
        self._run = partial(run, experiment, self._observer, out, **options)
        self._thread = threading.Thread(target=self._run_in_thread, daemon=True)
        self._lock = threading.Lock()
        self.log: Path | None = None
        self.error: BaseException | None = None

    def start(self) -> None:
        """Start the session if it is not running, and wait until its log is open. Raises the errors of `run`."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()
        self._queue.current_trial(START_TIMEOUT)
        if self.error is not None:
            raise self.error

    def handle_answer(self, body: bytes) -> tuple[str, Mapping[str, Any]]:
        """Check an answer and save it; see `experiments.people.web_server.HostedSession`.

        The reply to the last answer of a block has a field `right`, the proportion of correct answers in the block.
        """
        answer = read_answer(body)
        if not 1 <= answer.trial <= len(self._trials):
            return "conflict", {}
        check_answer(answer, self._about, self._trials[answer.trial - 1])
        self.start()
        outcome = self._queue.put(answer, SAVE_TIMEOUT)
        block = self._trials[answer.trial - 1].block
        if outcome in ("saved", "already") and answer.trial == self._last_trials[block]:
            return outcome, {"right": self._queue.proportion_correct(block)}
        return outcome, {}

    def close(self) -> None:
        """End the session and wait until every answer that was received is in the log."""
        self._queue.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _n_done(self) -> int:
        """Start the session if necessary, and return the number of trials that are in the log."""
        self.start()
        trial = self._queue.current_trial()
        return len(self._trials) if trial is None else trial.number - 1

    def _run_in_thread(self) -> None:
        try:
            self.log = self._run()
        except KeyboardInterrupt:  # the queue was closed
            pass
        except BaseException as error:  # `start` and `serve` raise it in their threads
            self.error = error
        finally:
            self._queue.finish(saved=self.error is None)


def serve(
    sessions: Sequence[WebSession],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    invited: bool = False,
    announce: Callable[[str, str], None] = lambda code, url: None,
    notify: Callable[[str], None] = lambda sentence: None,
    linger: float = LINGER,
) -> None:
    """Serve sessions to participants in browsers until all sessions are complete.

    When this function returns or raises an error, all answers that were received are in the logs.

    Args:
        sessions: The sessions.
        host: Address to listen on; by default, only this computer can connect.
        port: Port to listen on; 0 selects a free port.
        invited: Start a session only when its page is opened, so that no log is created for an unused invitation. By
            default, all sessions start immediately.
        announce: Function that is called with the participant code and the address of each session.
        notify: Function that is called with each note for the user.
        linger: Seconds for which the server still replies to repeated requests after all sessions are complete.

    Raises:
        ObserverError: If the server cannot listen on the address.
        LogError: If a session cannot be logged. Other errors of `run` are raised, too.
    """
    server = Server(host, port, {session.token: session for session in sessions}, notify)
    try:
        for session in () if invited else sessions:
            session.start()
        for session in sessions:
            announce(session.code, f"{server.url}/s/{session.token}/")
        completed_at = None
        while completed_at is None or time.monotonic() < completed_at + linger:
            server.handle_request()
            for session in sessions:
                if session.error is not None:
                    raise session.error
            if completed_at is None and all(session.log for session in sessions):
                completed_at = time.monotonic()
    finally:
        for session in sessions:
            session.close()
        server.server_close()


class TotalProgress:
    """Adds up the progress of several sessions for one progress display."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done, self._total = Counter[str](), Counter[str]()
        self._lock = threading.Lock()

    def for_session(self, code: str) -> Progress:
        """Return the function that reports the progress of one participant's session."""

        def update(done: int, total: int | None) -> None:
            with self._lock:
                self._done[code], self._total[code] = done, total or 0
                self._progress(self._done.total(), self._total.total())

        return update


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
) -> Path:
    """Write the page of a session into a folder that any web server can serve, and return the path of its index.html.

    The page posts the answers to the address `save`, or to JATOS if `save` is empty. Raises ObserverError if the folder
    exists and is not empty.
    """
    WebParticipant(code, distance)  # checks both values
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ObserverError(f"{folder} exists and is not an empty folder: give a new folder with --static")
    seed = session_seed(code, session) if seed is None else seed
    trials = experiment.trials(seed)
    about = make_session_info(experiment.name, code, session, seed, distance, trials)
    for name, make_content in make_site(trials, about, scripts, save=save, static=True).items():
        write_atomically(folder / name, make_content())
    return folder / "index.html"
