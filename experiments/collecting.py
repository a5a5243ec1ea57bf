"""A session with a live person: practice, then the experiment, by the loop that every observer goes through."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import evolve, frozen

from experiments import log
from experiments.drawn import cue_conflict
from experiments.experiment import Experiment
from experiments.forgetting import refuse_forgotten
from experiments.session import run
from observers.people.participant import Participant
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.errors import LogError

PRACTICE = "-practice"
WORST = 0.01  # of the trials may have dropped a frame


def practice(experiment: Experiment, n: int, seed: int) -> Experiment:
    """`n` trials to get used to it: of drawn objects where the choices are the sixteen categories, else of its own images.

    Raises LogError where there are fewer images than that.
    """
    stimuli = experiment.stimuli
    if set(experiment.choices) == set(CATEGORIES):
        drawn = cue_conflict()
        stimuli = drawn.stimuli.where(lambda s: s.cues["shape"] == s.cues["texture"])
    stimuli = stimuli.where(lambda s: s.category != AMBIGUOUS)  # nothing could be said of an answer to it
    if not 1 <= n <= len(stimuli):
        raise LogError(f"there are {len(stimuli)} images to practice with, not {n}")
    chosen = set(np.random.default_rng(seed).permutation(len(stimuli))[:n])
    kept = {s.id for i, s in enumerate(stimuli) if i in chosen}
    some = stimuli.where(lambda s: s.id in kept)
    return Experiment(experiment.name + PRACTICE, some, experiment.choices, presentation=experiment.presentation)


def collect(
    experiment: Experiment,
    who: Participant,
    directory: Path,
    *,
    session: int = 1,
    seed: int = 0,
    limit: int | None = None,
    n_practice: int = 0,
    resume: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """The log of the session, which begins or, with `resume`, goes on. Raises LogError where it is there without that.

    Practice comes before a session that begins, at the same screen.
    """
    refuse_forgotten(who.code, directory)
    path = log.log_path(directory, experiment.name, who.name, session)
    begun = log.has_rows(path)
    if begun and not resume:
        raise LogError(f"{path} is there: go on with --resume, or take another --session")
    if resume and not begun:
        say(f"session {session} of {who.name} has no answer yet: it begins")
    who = evolve(who, n_blocks=experiment.n_blocks)
    if begun or not n_practice:
        return run(experiment, who, directory, session=session, seed=seed, limit=limit, notify=say)
    before = practice(experiment, n_practice, seed)
    screen = who.screen or evolve(who, feedback=True).open()
    try:
        at = evolve(who, screen=screen)
        run(before, evolve(at, feedback=True), directory, session=session, seed=seed, notify=say)
        return run(experiment, at, directory, session=session, seed=seed, limit=limit, notify=say)
    finally:
        if who.screen is None:
            screen.close()


@frozen
class Frames:
    """What a log says about its frames."""

    n_trials: int
    n_dropped: int  # trials in which one came late
    rate: float

    @classmethod
    def of(cls, path: Path) -> "Frames":
        header, *rows = log.read_rows(path)
        dropped, rate = (header.index(log.MEASURED + name) for name in ("n_dropped", "frame_rate"))
        rows = [row for row in rows if row[dropped] and row[rate]]
        n_dropped = sum(float(row[dropped]) > 0 for row in rows)
        return cls(len(rows), n_dropped, float(np.median([float(row[rate]) for row in rows])) if rows else 0.0)

    @property
    def too_many(self) -> bool:
        return self.n_dropped > WORST * self.n_trials

    def sentence(self) -> str:
        said = f"{self.rate:.1f} frames a second; {self.n_dropped} of {self.n_trials} trials dropped a frame"
        return (
            f"WARNING: {said}: `observers doctor` tells whether this screen can be trusted" if self.too_many else said
        )
