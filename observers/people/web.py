"""A person in a browser, as an observer. `observers serve` serves the page; a Desk is where its answers come in.

The browser is just a screen: it shows what `observers.people.paradigm` shows, and says when and what was clicked.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol

from attrs import field, frozen

from observers.bounds import bounded
from observers.people import jspsych
from observers.people.answers import DISTANCES, MEASURES, BrowserAnswer
from observers.people.codes import check_code
from observers.protocol import RUNTIME, Kind, ObserverError, Response, Trial

Outcome = Literal["saved", "already", "conflict", "stopped"]


class AnswerSource(Protocol):
    def ask(self, trial: Trial) -> BrowserAnswer:
        """The answer to a trial, once it is there. Raises KeyboardInterrupt where none will come any more."""
        ...


class AnswerQueue:
    """An observer asks on the one side, a server hands answers over on the other, each in a thread of its own.

    That the next trial is asked, or that all is done, tells that the answer before is in the log.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked: Trial | None = None
        self._given: BrowserAnswer | None = None  # handed over, and not in the log yet
        self._kept: BrowserAnswer | None = None  # the last one in the log
        self._n_asked, self._n_right = Counter[int](), Counter[int]()  # by block
        self._closed = self._ended = False

    def ask(self, trial: Trial) -> BrowserAnswer:
        with self._changed:
            self._keep()
            self._asked = trial
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._given is not None or self._closed)
            if self._given is None:
                raise KeyboardInterrupt
            return self._given

    def close(self) -> None:
        """Nobody will come any more: who asks stops, once what was handed over is in the log."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def end(self, *, kept: bool) -> None:
        """Nothing is asked any more; `kept` where what was handed over is in the log."""
        with self._changed:
            if kept:
                self._keep()
            self._asked, self._closed, self._ended = None, True, True
            self._changed.notify_all()

    def submit(self, answer: BrowserAnswer, seconds: float) -> Outcome:
        """Hand an answer over and wait until it is in the log. Only that to the trial that is asked is taken."""
        with self._changed:
            if answer == self._kept:
                return "already"
            if self._given is not None:
                if answer != self._given:
                    return "conflict"
            elif self._closed:
                return "stopped"
            elif self._asked is None or answer.trial != self._asked.number:
                return "conflict"
            else:
                self._given = answer
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._kept == answer or self._ended, seconds)
            return "saved" if self._kept == answer else "stopped"

    def asked(self, seconds: float = 0.0) -> Trial | None:
        """The trial that has no answer yet, waiting for it to be asked; None where there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked is not None or self._ended, seconds)
            return self._asked

    def share_right(self, block: int) -> float | None:
        """Of the answers to a block since this began."""
        with self._changed:
            return self._n_right[block] / self._n_asked[block] if self._n_asked[block] else None

    def _keep(self) -> None:
        if self._given is not None and self._asked is not None:
            self._n_asked[self._asked.block] += 1
            self._n_right[self._asked.block] += self._given.choice == self._asked.stimulus.category
            self._kept, self._given = self._given, None


def _check(instance: Any, attribute: Any, value: str) -> None:
    check_code(value)


@frozen
class WebParticipant:
    """`code` names the person and nothing about them. `distance` is that from the screen, assumed."""

    code: str = field(validator=_check)
    distance: float = field(default=60.0, validator=bounded(*DISTANCES))  # type: ignore[arg-type]  # cm
    desk: AnswerSource | None = field(default=None, metadata=RUNTIME, repr=False, eq=False)
    _device: list[str] = field(factory=list, init=False, repr=False, eq=False)  # of the first answer, once it is there

    @property
    def name(self) -> str:
        return self.code

    @property
    def kind(self) -> Kind:
        return "human"

    @property
    def measures(self) -> tuple[str, ...]:
        return MEASURES

    def provenance(self) -> Mapping[str, str]:
        # Somebody may go on in another browser, so that what it is goes by the name of what may change.
        device = {"device": self._device[0]} if self._device else {}
        return {"platform": "web", "jspsych": jspsych.VERSION} | device

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        if self.desk is None:
            raise ObserverError("a person in a browser answers through `observers serve`")
        for trial in trials:
            answer = self.desk.ask(trial)
            if not self._device:
                self._device.append(self._described(answer))
            yield answer.response()

    def _described(self, answer: BrowserAnswer) -> str:
        rate, scale = answer.measured["frame_rate"], answer.measured["pixels_per_mm"]
        return (
            f"{answer.device}, {scale:.4g} pixels a mm by a bank card, {self.distance:g} cm from the eyes as assumed, "
            f"{rate:.4g} frames a second"
        )
