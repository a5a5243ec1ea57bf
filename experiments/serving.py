"""Sessions of people in browsers: each is run() in a thread of its own, and a server that brings the answers in."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from experiments.experiment import Experiment
from experiments.forgetting import refuse_forgotten
from experiments.seeds import seed_of
from experiments.session import run
from experiments.web_server import Server
from observers.people.answers import check_answer, read_answer
from observers.people.site import Site, make_about, make_site
from observers.people.web import AnswerQueue, WebParticipant
from stimuli.atomic import write_atomically
from stimuli.errors import ObserverError
from stimuli.progress import Progress

BEGIN_SECONDS = 60.0  # until the log is open: the images are read once to know which they are
SAVE_SECONDS = 8.0  # until an answer is in the log
LINGER = 3.0  # seconds that a reply to the last answer has to arrive, and to be asked for again


class WebSession:
    """One person's session. It begins with `begin`; `close` ends it, and what was answered is in the log."""

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
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        refuse_forgotten(code, out)
        self.code, self.token = code, secrets.token_urlsafe(16)
        seed = seed_of(code, session) if seed is None else seed
        self._desk = AnswerQueue()
        self._observer = WebParticipant(code, distance, self._desk)
        self._trials = experiment.trials(seed)
        self._about = make_about(experiment.name, code, session, seed, distance, self._trials)
        self._ends = {trial.block: trial.number for trial in self._trials}
        self.site: Site = make_site(self._trials, self._about, scripts, n_done=self._n_done)
        options: dict[str, Any] = {"session": session, "seed": seed, "progress": progress, "notify": say}
        self._run = partial(run, experiment, self._observer, out, **options)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._lock = threading.Lock()
        self.log: Path | None = None  # once it is complete
        self.error: BaseException | None = None

    def begin(self) -> None:
        """Have the log open, if it is not. Raises what run() raises where that is not to be."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()
        self._desk.asked(BEGIN_SECONDS)
        if self.error is not None:
            raise self.error

    def submit(self, body: bytes) -> tuple[str, Mapping[str, Any]]:
        answer = read_answer(body)
        if not 1 <= answer.trial <= len(self._trials):
            return "conflict", {}
        check_answer(answer, self._about, self._trials[answer.trial - 1])
        self.begin()
        outcome = self._desk.submit(answer, SAVE_SECONDS)
        block = self._trials[answer.trial - 1].block
        if outcome in ("saved", "already") and answer.trial == self._ends[block]:
            return outcome, {"right": self._desk.share_right(block)}
        return outcome, {}

    def close(self) -> None:
        self._desk.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _n_done(self) -> int:
        self.begin()
        trial = self._desk.asked()
        return len(self._trials) if trial is None else trial.number - 1

    def _work(self) -> None:
        try:
            self.log = self._run()
        except KeyboardInterrupt:  # closed
            pass
        except BaseException as error:  # raised where the server runs, not here
            self.error = error
        finally:
            self._desk.end(kept=self.error is None)


def serve(
    sessions: Sequence[WebSession],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    invited: bool = False,
    announce: Callable[[str, str], None] = lambda code, url: None,
    say: Callable[[str], None] = lambda sentence: None,
    linger: float = LINGER,
) -> None:
    """Serve the sessions until all are complete; the address of each is announced.

    Each begins at once, or, of those `invited`, when its page asks for the trials: an invitation not taken leaves no log.

    Raises what a session's run() raises, and ObserverError where the server cannot listen. However this ends, all that was
    answered is in the logs.
    """
    server = Server(host, port, {session.token: session for session in sessions}, say)
    try:
        for session in () if invited else sessions:
            session.begin()
        for session in sessions:
            announce(session.code, f"{server.url}/s/{session.token}/")
        complete = None
        while complete is None or time.monotonic() < complete + linger:
            server.handle_request()
            for session in sessions:
                if session.error is not None:
                    raise session.error
            if complete is None and all(session.log for session in sessions):
                complete = time.monotonic()
    finally:
        for session in sessions:
            session.close()
        server.server_close()


class TotalProgress:
    """One progress of several sessions."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done, self._total = Counter[str](), Counter[str]()
        self._lock = threading.Lock()

    def of(self, code: str) -> Progress:
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
    """A person's page as a folder for any web server; answers go to the address `save`, or to JATOS. Its index.html.

    Raises ObserverError for a folder that is there and not empty.
    """
    WebParticipant(code, distance)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ObserverError(f"{folder} is there already: name a new folder by --static")
    seed = seed_of(code, session) if seed is None else seed
    trials = experiment.trials(seed)
    asked = make_about(experiment.name, code, session, seed, distance, trials)
    for name, make in make_site(trials, asked, scripts, save=save, static=True).items():
        write_atomically(folder / name, make())
    return folder / "index.html"
