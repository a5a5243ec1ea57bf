"""A participant at a screen as an observer, `human:psychopy`, or a simulated participant at a virtual screen.

A participant sees one trial at a time, in blocks. The images of a block are loaded before the block starts. Pressing Escape
raises KeyboardInterrupt at any frame. All responses so far are then in the log, and the session can be resumed with the next
trial.
"""

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from attrs import field, frozen, validators

from core.participants import pilot_name
from observers.people import pages, paradigm
from observers.people.codes import check_code
from observers.people.monitor import Monitor, read_monitor
from observers.people.screens.screen import RATES, Click, Key, Screen, sound_problem
from observers.people.screens.simulated_screen import SimulatedScreen
from observers.people.texts.reading import load_texts
from observers.people.texts.session_texts import Paragraph, SessionTexts
from observers.protocol import RUNTIME, Kind, Observer, ObserverError, Response, Trial

PILOT_IMAGE_PIXELS = 224.0  # side of an image in a pilot or simulated session without a monitor profile
# Mean and standard deviation of the logarithm of the rt (in seconds) of simulated participants, as in human data.
LOG_RT = (math.log(0.7), 0.35)


def _check_code(instance: Any, attribute: Any, value: str) -> None:
    check_code(value)


def _check_platform(instance: Any, attribute: Any, value: str) -> None:
    if value != "psychopy":
        raise ObserverError(
            f"unknown platform {value!r} for a participant: use human:psychopy, or run `observers serve` for a browser"
        )


def _check_rate(instance: Any, attribute: Any, value: float | None) -> None:
    if value is None:
        return
    if not RATES[0] <= value <= RATES[1]:
        raise ObserverError(f"the frame rate must be {RATES[0]:g} to {RATES[1]:g} frames per second, got {value:g}")
    if not instance.pilot and not instance.simulate:
        raise ObserverError(
            "the frame rate of a real session is measured: use --rate only for pilots and simulated participants"
        )


@frozen
class Participant:
    """A participant at a screen.

    Attributes:
        platform: How stimuli are shown; only "psychopy" is supported.
        code: Participant code: 2 to 16 letters and digits without personal information.
        pilot: Whether this is a pilot session. It runs in a window, the observer's name ends in "-pilot", and analyses
            exclude it.
        feedback: Whether the correct choice is framed after each response and a beep follows an error, as in practice
            trials.
        keys: Whether choices are made with keys instead of the mouse.
        simulate: Name of an observer that responds instead of a person, on a virtual screen; empty for a real session.
        seed: Random seed of the masks, and of the simulated participant.
        monitor: Path of the monitor profile. It is required unless the session is a pilot or simulated.
        rate: Frame rate in frames per second of a pilot session or a virtual screen. By default, the rate of a real screen
            is measured, and a virtual screen has a rate of 60.
        display: Number of the display; the first display is 0.
        n_blocks: Number of blocks of the session, which is shown in breaks.
        n_trials: Number of trials of the session, which is shown before practice trials.
        texts: The texts that the participant reads; by default, those in English. The sidecar records their SHA-256.
        consent: Description of the consent that the participant gave, for the sidecar, or None.
        screen: An open screen to use; it stays open, so that several sessions can share it. By default, each session opens
            and closes its own screen.

    Raises:
        ObserverError: If an option is not valid.

    Example:
        >>> participant = Participant(code="K7Q2XZ", simulate="biased")
        >>> participant.name, participant.kind
        ('K7Q2XZ', 'simulated')
    """

    platform: Literal["psychopy"] = field(default="psychopy", validator=_check_platform)
    code: str = field(kw_only=True, validator=_check_code)
    pilot: bool = False
    feedback: bool = False
    keys: bool = False
    simulate: str = ""
    seed: int = field(default=0, validator=validators.ge(0))
    monitor: Path | None = field(default=None, metadata=RUNTIME)
    rate: float | None = field(default=None, metadata=RUNTIME, validator=_check_rate)
    display: int = field(default=0, metadata=RUNTIME)
    n_blocks: int | None = field(default=None, metadata=RUNTIME)
    n_trials: int | None = field(default=None, metadata=RUNTIME)
    texts: SessionTexts | None = field(default=None, metadata=RUNTIME, repr=False)
    consent: Mapping[str, str] | None = field(default=None, metadata=RUNTIME, repr=False)
    screen: Screen | None = field(default=None, metadata=RUNTIME, repr=False)

    @property
    def name(self) -> str:
        """The participant code, followed by "-pilot" in a pilot session."""
        return pilot_name(self.code) if self.pilot else self.code

    @property
    def kind(self) -> Kind:
        """The kind of observer: "simulated" for a simulated participant, otherwise "human"."""
        return "simulated" if self.simulate else "human"

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of the frame times and counts that are logged with each response, which are `paradigm.MEASURES`."""
        return paradigm.MEASURES

    def provenance(self) -> Mapping[str, str]:
        """Return the platform, the option `rate` if it is set, and the monitor profile, for the sidecar.

        A resumed session must have the same texts as its sidecar, so their wording must not be changed.
        """
        monitor = self._read_monitor()
        facts: dict[str, str] = {"platform": "simulated" if self.simulate else self.platform}
        if self.rate is not None:
            facts["rate"] = f"{self.rate:g} frames a second, as said"
        if monitor is not None:
            width, height = monitor.pixels
            facts["monitor"] = (
                f"{monitor.name}, {width} × {height} pixels on {monitor.width_cm:g} cm at {monitor.distance_cm:g} cm"
            )
        return facts

    def session_records(self) -> Mapping[str, Any]:
        """Return the description of the texts, the consent, and whether practice trials had sound, for the sidecar."""
        records: dict[str, Any] = {"texts": self.session_texts.describe()}
        if self.consent is not None:
            records["consent"] = dict(self.consent)
        if self.feedback and self.screen is not None:
            problem = sound_problem(self.screen)
            records["sound"] = "played" if problem is None else f"none: {problem}"
        return records

    @property
    def session_texts(self) -> SessionTexts:
        """The texts that the participant reads."""
        return self.texts or load_texts()

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Show the trials and yield one response to each, in order.

        Args:
            trials: The trials of a session; all trials of a block are read and loaded before the block starts.

        Yields:
            The responses, with the rt in seconds from the frame on which the response grid appeared.

        Raises:
            ObserverError: If the screen cannot be opened, or if the choices do not fit on it.
            KeyboardInterrupt: If Escape is pressed.
        """
        screen = self.screen or self.open()
        try:
            yield from self._run_session(screen, trials)
        finally:
            if self.screen is None:
                screen.close()

    def open(self) -> Screen:
        """Open a window, or a virtual screen for a simulated participant.

        Returns:
            The screen, which the caller closes.

        Raises:
            ObserverError: If the monitor profile is missing or not valid, or if the window cannot be opened.
        """
        self._read_monitor()
        if self.simulate:
            return SimulatedScreen(self.rate or 60.0)
        from observers.people.screens.psychopy_screen import PsychoPyScreen

        return PsychoPyScreen(fullscreen=not self.pilot, display=self.display, rate=self.rate, sound=self.feedback)

    def _run_session(self, screen: Screen, trials: Iterable[Trial]) -> Iterator[Response]:
        """Show the instructions, the blocks of trials and the breaks between them, and yield the responses."""
        layout, style, summary = None, None, _BlockSummary()
        for number, group in itertools.groupby(trials, key=lambda trial: trial.block):
            block = list(group)
            if layout is None or style is None:
                layout = self._make_layout(screen, block[0])
                style = self._page_style(layout)
                paradigm.warm_up(screen, layout)
                pages.show_page(screen, self._instructions(block[0]), style, prompt="screen.start")
            else:
                pages.show_page(screen, summary.paragraphs(self.n_blocks, style.texts), style)
            pages.show_wait_message(screen, style)
            prepared_trials = [paradigm.prepare_trial(screen, trial, layout, self._trial_rng(trial)) for trial in block]
            summary = _BlockSummary(number)
            for prepared in prepared_trials:
                if self.simulate and isinstance(screen, SimulatedScreen):
                    screen.plan_events(self._plan_response(prepared.trial, layout))
                response = paradigm.show_trial(screen, prepared, layout, feedback=self.feedback)
                summary.add(prepared.trial, response)
                yield response
        if style is not None:
            end = style.texts.paragraphs("practice.end" if self.feedback else "end.text")
            done = summary.paragraphs(self.n_blocks, style.texts, is_practice=self.feedback)
            pages.show_page(screen, [*done, *end], style)

    def style_of(self, screen: Screen, trial: Trial) -> pages.PageStyle:
        """Return how pages of text are shown before and after trials like this one.

        Raises ObserverError if the layout of the trials does not suit the screen or the keyboard.
        """
        return self._page_style(self._make_layout(screen, trial))

    def _page_style(self, layout: paradigm.TrialLayout) -> pages.PageStyle:
        """Return how pages of text are shown to this participant."""
        return pages.PageStyle(
            layout.presentation.background, layout.image_side / 10, self.session_texts, pointer=not self.keys
        )

    def _make_layout(self, screen: Screen, trial: Trial) -> paradigm.TrialLayout:
        """Return the layout of all trials. Raises ObserverError if it does not suit the screen or the keyboard."""
        monitor = self._read_monitor()
        if monitor is None:
            image_side = PILOT_IMAGE_PIXELS
        elif monitor.pixels != screen.size and not self.pilot:  # a pilot has a smaller window
            raise ObserverError(
                f"the monitor profile {self.monitor} is for a screen of {monitor.pixels[0]} × {monitor.pixels[1]} pixels, "
                f"but this screen has {screen.size[0]} × {screen.size[1]}: run `observers calibrate-monitor` for this screen"
            )
        else:
            image_side = monitor.degrees_to_pixels(trial.presentation.size)
        layout = paradigm.make_layout(
            screen, trial.choices, trial.presentation, image_side, self.keys, self.session_texts
        )
        without_key = [cell.choice for cell in layout.cells if not cell.key]
        if self.keys and without_key:
            raise ObserverError(
                f"the keyboard has too few keys for all choices (no key for {', '.join(without_key)}): run without --keys"
            )
        reach = max(max(abs(cell.x), abs(cell.y)) + cell.side / 2 for cell in layout.cells)
        if reach > min(screen.size) / 2:
            raise ObserverError(
                f"the response grid needs {2 * reach:.0f} pixels, but the screen has only {min(screen.size)}: use a "
                f"shorter viewing distance or a larger screen"
            )
        return layout

    def _read_monitor(self) -> Monitor | None:
        """Return the monitor profile, or None for a pilot or a simulated participant without a profile."""
        if self.monitor is not None:
            return read_monitor(self.monitor)
        if not self.pilot and not self.simulate:
            raise ObserverError(
                "the size of the images in degrees of visual angle requires a monitor profile: give it with --monitor FILE "
                "(`observers calibrate-monitor FILE` writes one), or run a pilot with --pilot"
            )
        return None

    def _instructions(self, trial: Trial) -> list[Paragraph]:
        """Return the text that is shown before the first trial of a new or resumed session."""
        texts, seconds = self.session_texts, float(trial.presentation.response)
        resumed = "" if trial.number == 1 else texts.line("instructions.resume", trial=trial.number)
        is_practice = self.feedback and self.n_trials is not None
        return [
            *pages.line_paragraph(texts.line("screen.pilot") if self.pilot else "", bold=True),
            *pages.line_paragraph(resumed),
            *(texts.paragraphs("practice.text", n_practice=self.n_trials or 0) if is_practice else ()),
            *texts.paragraphs(
                "instructions.text",
                question=texts.question(trial.instruction),
                explanation=texts.explanation(trial.instruction),
                action=texts.line("instructions.keys" if self.keys else "instructions.mouse", seconds=seconds),
                seconds=seconds,
            ),
            *pages.line_paragraph(texts.line("instructions.stop_screen")),
        ]

    def _trial_rng(self, trial: Trial) -> np.random.Generator:
        """Return the random generator for the mask of a trial. Its seed is the observer's seed and the trial number."""
        return np.random.default_rng([self.seed, trial.number])

    def _plan_response(self, trial: Trial, layout: paradigm.TrialLayout) -> list[tuple[float, Click | Key]]:
        """Return the simulated click or key press with its rt. Both depend only on the trial and the seed."""
        choice = next(iter(_make_simulated_observer(self.simulate, self.seed).observe([trial]))).choice
        if choice is None:
            return []
        image_seed = int.from_bytes(hashlib.sha256(trial.stimulus.id.encode()).digest()[:8], "big")
        rt = float(np.random.default_rng([self.seed, image_seed]).lognormal(*LOG_RT))
        cell = layout.cells[trial.choices.index(choice)]
        return [(rt, Key(cell.key, 0) if self.keys else Click(cell.x, cell.y, 0))]


def _make_simulated_observer(name: str, seed: int) -> Observer:
    """Return the observer that responds for a simulated participant. If it has an option `seed`, set this option."""
    from observers.registry import accepts_option, make_observer

    return make_observer(name, {"seed": str(seed)} if accepts_option(name, "seed") else {})


class _BlockSummary:
    """Counts the correct and missed trials of a block, for the text of the break after the block."""

    def __init__(self, number: int = 0) -> None:
        self.number, self.n_trials, self.n_correct, self.n_missed = number, 0, 0, 0
        self.has_correct_choice = False

    def add(self, trial: Trial, response: Response) -> None:
        """Count a response."""
        self.n_trials += 1
        self.n_correct += response.choice == trial.stimulus.category
        self.n_missed += response.choice is None
        self.has_correct_choice |= trial.stimulus.category in trial.choices

    def paragraphs(self, n_blocks: int | None, texts: SessionTexts, *, is_practice: bool = False) -> list[Paragraph]:
        """Return the text of the break: progress, accuracy, and a request to respond if many trials were missed.

        The progress is omitted for practice trials.
        """
        if is_practice:
            done = ""
        elif n_blocks:
            done = texts.line("break.block_of", block=self.number, n_blocks=n_blocks)
        else:
            done = texts.line("break.block", block=self.number)
        percent = round(100 * self.n_correct / self.n_trials)
        accuracy = texts.line("break.accuracy", percent=percent) if self.has_correct_choice else ""
        missed = ""
        if self.n_missed > paradigm.MAX_MISSED * self.n_trials:
            missed = texts.line("break.missed", n_missed=self.n_missed, n_trials=self.n_trials)
        return [paragraph for text in (done, accuracy, missed) for paragraph in pages.line_paragraph(text)]
