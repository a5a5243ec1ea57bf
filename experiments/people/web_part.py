"""One part of a participant's session in a browser, the practice or the experiment, whose answers are logged by `run`."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

from core.files import read_bytes
from experiments import log
from experiments.exclusion_rules import ExclusionRules
from experiments.experiment import Experiment
from experiments.running.session import run
from observers.people.answers import BrowserAnswer, SessionInfo
from observers.people.site import PageTrials, make_session_info
from observers.people.web import AnswerQueue, Outcome, WebParticipant

START_TIMEOUT = 60.0  # seconds to wait until the log is open; before that, all images are read to compute their digest
SAVE_TIMEOUT = 8.0  # seconds to wait until an answer is in the log


class WebPart:
    """The trials of one part of a session, and the thread in which `run` logs the answers.

    Args:
        experiment: The experiment, or its practice trials.
        observer: The participant.
        out: Folder for trial logs.
        session: Session number.
        seed: Random seed of the trial order and the masks.
        limit: Stop after this many trials; by default, run all.
        exclusions: Exclusion rules that are declared before a new session.
        notify: Function that is called with each note for the user.

    Attributes:
        trials: The trials of the part, up to the limit.
        about: The description of the part, which is a part of each answer.
        path: The path of the log.
        log: The path of the log when the part is complete, before that None.
        error: The error that stopped the part, or None.
    """

    def __init__(
        self,
        experiment: Experiment,
        observer: WebParticipant,
        out: Path,
        session: int,
        seed: int,
        limit: int | None = None,
        exclusions: ExclusionRules | None = None,
        notify: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._queue = AnswerQueue()
        all_trials = experiment.trials(seed)
        self.trials = all_trials[:limit]
        self.about: SessionInfo = make_session_info(
            experiment.name, observer.name, session, seed, observer.distance, all_trials
        )
        self.path = log.log_path(out, experiment.name, observer.name, session)
        self._last_trials = {trial.block: trial.number for trial in self.trials}  # the last trial of each block
        self._n_before = _count_rows(self.path)
        answering = evolve(observer, answers=self._queue)
        options: dict[str, Any] = {"session": session, "seed": seed, "limit": limit, "exclusions": exclusions}
        self._run = partial(run, experiment, answering, out, **options, notify=notify)
        self._thread = threading.Thread(target=self._run_in_thread, daemon=True)
        self._lock = threading.Lock()
        self.log: Path | None = None
        self.error: BaseException | None = None

    @property
    def n_trials(self) -> int:
        """The number of trials of the part, up to the limit."""
        return len(self.trials)

    @property
    def page_trials(self) -> PageTrials:
        """The trials with their description, for the page."""
        return PageTrials(self.trials, self.about)

    @property
    def is_complete(self) -> bool:
        """Whether all trials are answered."""
        return self.n_done >= self.n_trials

    @property
    def is_waiting(self) -> bool:
        """Whether the part waits for an answer."""
        return self._queue.current_trial() is not None

    @property
    def n_done(self) -> int:
        """The number of trials in the log."""
        trial = self._queue.current_trial()
        if trial is not None:
            return trial.number - 1
        return self.n_trials if self.log is not None else min(self._n_before, self.n_trials)

    def begin(self) -> None:
        """Start the part if it is not running, without waiting."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()

    def start(self) -> None:
        """Start the part if it is not running, and wait until its log is open. Raises the errors of `run`."""
        self.begin()
        self._queue.current_trial(START_TIMEOUT)
        if self.error is not None:
            raise self.error

    def put(self, answer: BrowserAnswer) -> Outcome:
        """Pass on an answer and wait until it is in the log; see `AnswerQueue.put`. Raises the errors of `run`."""
        self.start()
        return self._queue.put(answer, SAVE_TIMEOUT)

    def ends_block(self, number: int) -> bool:
        """Return whether a trial is the last one of its block."""
        return number == self._last_trials[self.trials[number - 1].block]

    def proportion_correct(self, number: int) -> float | None:
        """Return the proportion of correct answers in the block of a trial since the part was started."""
        return self._queue.proportion_correct(self.trials[number - 1].block)

    def close(self) -> None:
        """End the part and wait until every answer that was received is in the log."""
        self._queue.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _run_in_thread(self) -> None:
        try:
            self.log = self._run()
        except KeyboardInterrupt:  # the queue was closed
            pass
        except BaseException as error:  # `start` and `serve` raise it in their threads
            self.error = error
        finally:
            self._queue.finish(saved=self.error is None)


def _count_rows(path: Path) -> int:
    """Return the number of complete rows of a log, whose last row may be incomplete after a crash; 0 without a log."""
    return max(0, read_bytes(path).count(b"\n") - 1) if path.exists() else 0
