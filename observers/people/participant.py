"""A live person at the screen, as an observer: `human:psychopy`. Or, with `simulate=`, somebody made up who does the same.

A person answers a trial at a time, block by block; textures of a block are built before it. Escape at any frame raises
KeyboardInterrupt: what was answered is in the log, and the same session goes on with the next trial.
"""

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from attrs import field, frozen, validators

from observers.people import paradigm
from observers.people.codes import check_code
from observers.people.monitor import Monitor, read_monitor
from observers.people.screen import RATES, Click, Key, Screen
from observers.people.simulated_screen import SimulatedScreen
from observers.protocol import RUNTIME, Kind, Observer, ObserverError, Response, Trial

PILOT = "-pilot"  # at the end of the name of a session that does not count
PILOT_IMAGE = 224.0  # pixels a side where no monitor's profile says how large a degree is
MISSED = 0.02  # of a block; more is said in the break
RT = (math.log(0.7), 0.35)  # of a simulated person: mean and standard deviation of log seconds, about as people have it


def _check(instance: Any, attribute: Any, value: str) -> None:
    check_code(value)


def _platform(instance: Any, attribute: Any, value: str) -> None:
    if value != "psychopy":
        raise ObserverError(f"there is no person at {value!r}: human:psychopy, or `observers serve` for a browser")


def _rate(instance: Any, attribute: Any, value: float | None) -> None:
    if value is None:
        return
    if not RATES[0] <= value <= RATES[1]:
        raise ObserverError(f"a screen has {RATES[0]:g} to {RATES[1]:g} frames a second, got {value:g}")
    if not instance.pilot and not instance.simulate:
        raise ObserverError("the rate of frames is measured; --rate is for pilots and simulated people")


@frozen
class Participant:
    """`code` names the person and nothing about them; `simulate` an observer who answers instead, on a virtual screen.

    `feedback` is for practice, `keys` has choices made by keys. A `screen` is given to have several sessions on one: it is
    left open.
    """

    platform: Literal["psychopy"] = field(default="psychopy", validator=_platform)
    code: str = field(kw_only=True, validator=_check)
    pilot: bool = False
    feedback: bool = False
    keys: bool = False
    simulate: str = ""
    seed: int = field(default=0, validator=validators.ge(0))  # of masks, and of a simulated person
    monitor: Path | None = field(default=None, metadata=RUNTIME)
    # Frames a second, else measured: of a virtual screen, or of a pilot on one that does not wait for its frames.
    rate: float | None = field(default=None, metadata=RUNTIME, validator=_rate)
    display: int = field(default=0, metadata=RUNTIME)  # where there are several
    n_blocks: int | None = field(default=None, metadata=RUNTIME)  # of the session, for the text of breaks
    screen: Screen | None = field(default=None, metadata=RUNTIME, repr=False)

    @property
    def name(self) -> str:
        return self.code + PILOT * self.pilot

    @property
    def kind(self) -> Kind:
        return "simulated" if self.simulate else "human"

    @property
    def measures(self) -> tuple[str, ...]:
        return paradigm.MEASURES

    def provenance(self) -> Mapping[str, str]:
        profile = self._profile()
        said: dict[str, str] = {"platform": "simulated" if self.simulate else self.platform}
        if self.rate is not None:
            said["rate"] = f"{self.rate:g} frames a second, as said"
        if profile is not None:
            width, height = profile.pixels
            said["monitor"] = (
                f"{profile.name}, {width} × {height} pixels on {profile.width_cm:g} cm at {profile.distance_cm:g} cm"
            )
        return said

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        screen = self.screen or self.open()
        try:
            yield from self._session(screen, trials)
        finally:
            if self.screen is None:
                screen.close()

    def open(self) -> Screen:
        """A real screen, or a virtual one. Raises ObserverError where there is none, or no profile for it."""
        self._profile()
        if self.simulate:
            return SimulatedScreen(self.rate or 60.0)
        from observers.people.psychopy_screen import PsychoPyScreen

        return PsychoPyScreen(full=not self.pilot, display=self.display, rate=self.rate, sound=self.feedback)

    def _session(self, screen: Screen, trials: Iterable[Trial]) -> Iterator[Response]:
        look, done = None, _Block()
        for number, group in itertools.groupby(trials, key=lambda trial: trial.block):
            block = list(group)
            if look is None:
                look = self._look(screen, block[0])
                paradigm.rehearse(screen, look)
                paradigm.wait(screen, self._greeting(block[0]), look)
            else:
                paradigm.wait(screen, [*done.sentences(self.n_blocks), "", "Click to go on."], look)
            paradigm.moment(screen, look)
            prepared = [paradigm.prepare(screen, trial, look, self._rng(trial)) for trial in block]
            done = _Block(number)
            for one in prepared:
                if self.simulate and isinstance(screen, SimulatedScreen):
                    screen.plan(self._planned(one.trial, look))
                response = paradigm.show(screen, one, look, feedback=self.feedback)
                done.count(one.trial, response)
                yield response
        if look is not None:
            paradigm.wait(screen, [*done.sentences(self.n_blocks), "", "That was all. Thank you!"], look)

    def _look(self, screen: Screen, trial: Trial) -> paradigm.TrialLayout:
        profile = self._profile()
        if profile is None:
            side = PILOT_IMAGE
        elif profile.pixels != screen.size and not self.pilot:  # a pilot has a smaller window
            raise ObserverError(
                f"{self.monitor} is of a screen of {profile.pixels[0]} × {profile.pixels[1]} pixels, and this one has "
                f"{screen.size[0]} × {screen.size[1]}: `observers calibrate-monitor` it"
            )
        else:
            side = profile.length(trial.presentation.size)
        look = paradigm.look(screen, trial.choices, trial.presentation, side, self.keys)
        without = [cell.choice for cell in look.cells if not cell.key]
        if self.keys and without:
            raise ObserverError(
                f"there are too many choices for keys, {', '.join(without)} have none: leave out --keys"
            )
        reach = max(max(abs(cell.x), abs(cell.y)) + cell.side / 2 for cell in look.cells)
        if reach > min(screen.size) / 2:
            raise ObserverError(
                f"the choices take {2 * reach:.0f} pixels and the screen has {min(screen.size)}: sit further away, or take "
                f"a larger screen"
            )
        return look

    def _profile(self) -> Monitor | None:
        if self.monitor is not None:
            return read_monitor(self.monitor)
        if not self.pilot and not self.simulate:
            raise ObserverError(
                "how large a degree of visual angle is depends on the screen: give its profile (--monitor FILE, which "
                "`observers calibrate-monitor FILE` writes), or try with --pilot"
            )
        return None

    def _greeting(self, trial: Trial) -> Sequence[str]:
        how = "press its key" if self.keys else "click what it showed"
        first = "PILOT: this session does not count." if self.pilot else ""
        again = "" if trial.number == 1 else f"Welcome back; on with trial {trial.number}."
        return [
            first, again, "An image appears briefly, then noise.", f"Then {how}: the last answer counts.",
            f"You have {trial.presentation.response:g} seconds each time. Escape stops; answers are kept.", "",
            "Click to begin.",
        ]  # fmt: skip

    def _rng(self, trial: Trial) -> np.random.Generator:
        return np.random.default_rng([self.seed, trial.number])

    def _planned(self, trial: Trial, look: paradigm.TrialLayout) -> list[tuple[float, Click | Key]]:
        """What the simulated person presses in a trial, and when: by the image, and no earlier trial."""
        choice = next(iter(_inner(self.simulate, self.seed).observe([trial]))).choice
        if choice is None:
            return []
        image = int.from_bytes(hashlib.sha256(trial.stimulus.id.encode()).digest()[:8], "big")
        delay = float(np.random.default_rng([self.seed, image]).lognormal(*RT))
        cell = look.cells[trial.choices.index(choice)]
        return [(delay, Key(cell.key, 0) if self.keys else Click(cell.x, cell.y, 0))]


def _inner(name: str, seed: int) -> Observer:
    from observers.registry import accepts_option, make_observer

    return make_observer(name, {"seed": str(seed)} if accepts_option(name, "seed") else {})


class _Block:
    """Answers of a block so far."""

    def __init__(self, number: int = 0) -> None:
        self.number, self.n, self.n_right, self.n_missed, self.has_right = number, 0, 0, 0, False

    def count(self, trial: Trial, response: Response) -> None:
        self.n += 1
        self.n_right += response.choice == trial.stimulus.category
        self.n_missed += response.choice is None
        self.has_right |= trial.stimulus.category in trial.choices

    def sentences(self, n_blocks: int | None) -> list[str]:
        of = f" of {n_blocks}" if n_blocks else ""
        right = f": {100 * self.n_right / self.n:.0f} % correct" if self.has_right else ""
        said = [f"Block {self.number}{of} is done{right}."]
        if self.n_missed > MISSED * self.n:
            said.append(f"{self.n_missed} of {self.n} images had no answer in time: please answer each.")
        return said
