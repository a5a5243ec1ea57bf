"""A participant in a browser as an observer, and the queue through which it receives answers from the web server.

The browser takes the place of the screen. It shows the same sequence as `observers.people.paradigm`, and reports times and
clicks.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol

from attrs import field, frozen

from core.participants import pilot_name
from observers.bounds import bounded
from observers.people import jspsych
from observers.people.answers import DISTANCE_RANGE, MEASURES, BrowserAnswer
from observers.people.codes import check_code
from observers.protocol import RUNTIME, Kind, ObserverError, Response, Trial

Outcome = Literal["saved", "already", "conflict", "stopped"]


class AnswerSource(Protocol):
    """The source of a WebParticipant's answers, either a running server (AnswerQueue) or files (PostedAnswers)."""

    def get_answer(self, trial: Trial) -> BrowserAnswer:
        """Wait for the answer to a trial and return it. Raises KeyboardInterrupt if the session is closed."""
        ...


class AnswerQueue:
    """Passes one answer at a time from the threads of a web server to the thread in which an observer responds.

    The observer calls `get_answer` for each trial, and the server calls `put` for each answer. An answer is known to be in
    the trial log once the observer calls `get_answer` for the next trial or the session has finished; `put` waits for this.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._trial: Trial | None = None  # the trial that waits for an answer
        self._pending: BrowserAnswer | None = None  # received, but not yet in the log
        self._saved: BrowserAnswer | None = None  # the last answer in the log
        self._n_answered, self._n_correct = Counter[int](), Counter[int]()  # by block
        self._closed = self._finished = False

    def get_answer(self, trial: Trial) -> BrowserAnswer:
        """Wait for the answer to a trial and return it. Raises KeyboardInterrupt if the queue is closed first."""
        with self._changed:
            self._mark_saved()
            self._trial = trial
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._pending is not None or self._closed)
            if self._pending is None:
                raise KeyboardInterrupt
            return self._pending

    def close(self) -> None:
        """Stop accepting answers. If an answer was already received, the observer stops once it is in the log."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def finish(self, *, saved: bool) -> None:
        """Mark the session as finished. `saved` is True if the last answer that was received is in the log."""
        with self._changed:
            if saved:
                self._mark_saved()
            self._trial, self._closed, self._finished = None, True, True
            self._changed.notify_all()

    def put(self, answer: BrowserAnswer, timeout: float) -> Outcome:
        """Pass on an answer and wait up to `timeout` seconds until it is in the log.

        Returns "saved" if the answer is now in the log, "already" if it was in the log before, "conflict" if it is not
        for the current trial, or differs from an answer that was received earlier, and "stopped" if it could not be
        saved.
        """
        with self._changed:
            if answer == self._saved:
                return "already"
            if self._pending is not None:
                if answer != self._pending:
                    return "conflict"
            elif self._closed:
                return "stopped"
            elif self._trial is None or answer.trial != self._trial.number:
                return "conflict"
            else:
                self._pending = answer
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._saved == answer or self._finished, timeout)
            return "saved" if self._saved == answer else "stopped"

    def current_trial(self, timeout: float = 0.0) -> Trial | None:
        """Wait up to `timeout` seconds for the trial that needs an answer, and return it, or None if there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._trial is not None or self._finished, timeout)
            return self._trial

    def proportion_correct(self, block: int) -> float | None:
        """Return the proportion of correct answers in a block since this queue was created; None without any answers."""
        with self._changed:
            return self._n_correct[block] / self._n_answered[block] if self._n_answered[block] else None

    def _mark_saved(self) -> None:
        """Record that the pending answer is in the log."""
        if self._pending is not None and self._trial is not None:
            self._n_answered[self._trial.block] += 1
            self._n_correct[self._trial.block] += self._pending.choice == self._trial.stimulus.category
            self._saved, self._pending = self._pending, None


def _check_code(instance: Any, attribute: Any, value: str) -> None:
    check_code(value)


@frozen
class WebParticipant:
    """A participant in a browser; `observers serve` and `observers import-web` create these observers.

    Attributes:
        code: Participant code: 2 to 16 letters and digits without personal information.
        distance: Assumed distance from the eyes to the screen, in cm.
        answers: Source of the answers. Without a source, the observer cannot respond.
        pilot: Whether this is a pilot session. The observer's name then ends in "-pilot", and analyses exclude it.
        records: Function that returns facts about the run for the sidecar, such as the texts and the consent (see
            `experiments.running.session_records`). It is called after the first answer.

    Raises:
        ObserverError: If the code or the distance is not valid.
    """

    code: str = field(validator=_check_code)
    distance: float = field(default=60.0, validator=bounded(*DISTANCE_RANGE))  # type: ignore[arg-type]
    answers: AnswerSource | None = field(default=None, metadata=RUNTIME, repr=False, eq=False)
    pilot: bool = field(default=False, metadata=RUNTIME)  # it is part of the name
    records: Callable[[], Mapping[str, Any]] = field(default=dict, metadata=RUNTIME, repr=False, eq=False)
    # The description of the browser, which is known after the first answer. It is a list because the class is frozen.
    _device: list[str] = field(factory=list, init=False, repr=False, eq=False)

    @property
    def name(self) -> str:
        """The participant code, followed by "-pilot" in a pilot session."""
        return pilot_name(self.code) if self.pilot else self.code

    @property
    def kind(self) -> Kind:
        """The kind of observer, which is always "human"."""
        return "human"

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of the frame times, counts and sizes logged with each response, which are `answers.MEASURES`."""
        return MEASURES

    def provenance(self) -> Mapping[str, str]:
        """Return the platform, the version of jsPsych and, after the first answer, the browser for the sidecar.

        The browser is stored under the key "device", whose value may differ when a session is resumed, because a participant
        may continue in another browser.
        """
        device = {"device": self._device[0]} if self._device else {}
        return {"platform": "web", "jspsych": jspsych.VERSION} | device

    def session_records(self) -> Mapping[str, Any]:
        """Return facts about the run, such as the language of the texts and the version of the consent, for the sidecar."""
        return self.records()

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Wait for the answer to each trial and yield it as a response.

        Args:
            trials: The trials of a session. Each trial is read after the response to the previous one has been taken.

        Yields:
            The responses, with the rt in seconds from the frame on which the response grid appeared.

        Raises:
            ObserverError: If the observer was created without a source of answers.
            KeyboardInterrupt: If the session is closed.
        """
        if self.answers is None:
            raise ObserverError("a participant in a browser can only respond through `observers serve`")
        for trial in trials:
            answer = self.answers.get_answer(trial)
            if not self._device:
                self._device.append(self._describe_device(answer))
            yield answer.to_response()

    def _describe_device(self, answer: BrowserAnswer) -> str:
        """Return the text that describes the browser and its screen in the sidecar."""
        rate, scale = answer.measured["frame_rate"], answer.measured["pixels_per_mm"]
        return (
            f"{answer.device}, {scale:.4g} pixels a mm by a bank card, {self.distance:g} cm from the eyes as assumed, "
            f"{rate:.4g} frames a second"
        )
