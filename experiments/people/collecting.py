"""A session with a participant at a screen, which is run in the same way as a session of a model.

Its parts are the welcome, the consent, practice trials, the experiment and the debriefing. Simulated participants only get
the trials.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

from core.errors import LogError, ObserverError
from core.participants import practice_name
from core.trial_columns import MEASURED
from experiments import log
from experiments.deletion_records import refuse_forgotten
from experiments.exclusion_rules import ExclusionRules
from experiments.experiment import Experiment
from experiments.people.refusals import count_refusal
from experiments.running.session import run
from experiments.running.session_records import RECORDS
from experiments.sets.drawn import cue_conflict
from observers.people.pages import ask_consent, show_debriefing, show_welcome
from observers.people.paradigm import session_minutes
from observers.people.participant import Participant
from observers.people.screens.screen import sound_problem
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.stimulus import StimulusSet

MAX_DROPPED = 0.01  # if the proportion of trials with a dropped frame is higher, the frame report is a warning


def practice_experiment(experiment: Experiment, n: int) -> Experiment:
    """Return an experiment of `n` practice trials with the choices and the presentation of `experiment`.

    If the choices are the sixteen categories, the images are drawn objects without a cue conflict. Otherwise they are
    selected from the images of the experiment. The selection is random but the same for all participants, and that of
    fewer images is a part of that of more. Ambiguous images are not selected, because feedback requires a correct choice.
    Raises LogError if there are fewer than `n` images.
    """
    stimuli = _practice_images(experiment)
    if not 1 <= n <= len(stimuli):
        raise LogError(
            f"the number of practice trials must be 1 to {len(stimuli)} (the number of images suitable for practice), "
            f"got {n}"
        )
    indices = set(np.random.default_rng(0).permutation(len(stimuli))[:n])
    ids = {s.id for i, s in enumerate(stimuli) if i in indices}
    selected = stimuli.where(lambda s: s.id in ids)
    return evolve(experiment, name=practice_name(experiment.name), stimuli=selected, n_blocks=1)


def count_practice_images(experiment: Experiment) -> int:
    """Return the largest number of practice trials for an experiment."""
    return len(_practice_images(experiment))


def _practice_images(experiment: Experiment) -> StimulusSet:
    """Return the images from which practice trials are selected."""
    stimuli = experiment.stimuli
    if set(experiment.choices) == set(CATEGORIES):
        drawn = cue_conflict()
        stimuli = drawn.stimuli.where(lambda s: s.cues["shape"] == s.cues["texture"])
    return stimuli.where(lambda s: s.category != AMBIGUOUS)


def collect(
    experiment: Experiment,
    participant: Participant,
    directory: Path,
    *,
    session: int = 1,
    seed: int = 0,
    limit: int | None = None,
    n_practice: int = 0,
    resume: bool = False,
    consent: bool = True,
    exclusions: ExclusionRules | None = None,
    notify: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Run a session with a participant and write the trial log.

    Args:
        experiment: The experiment.
        participant: The participant, who may be simulated.
        directory: Folder for trial logs.
        session: Session number; the first session is 1.
        seed: Random seed of the trial order.
        limit: Stop after this many trials of the experiment; by default, run all.
        n_practice: Number of practice trials before a new session. They are written to a separate log, with the name of
            the experiment followed by "-practice".
        resume: Whether to continue an existing session with its next trial. If False, an existing session raises
            LogError.
        consent: Whether the participant is asked for consent, which only texts with a consent do.
        exclusions: Exclusion rules that are declared with a new session; None for no rules.
        notify: Function that is called with each note for the user.

    Returns:
        The path of the trial log.

    Raises:
        LogError: If the session exists and `resume` is False, if the settings differ from those of the existing log, if the
            data of this participant were deleted, or if there are too few practice images.
        ObserverError: If the screen or the monitor profile does not work, or if the participant does not consent.
        KeyboardInterrupt: If the participant presses Escape. All responses so far are then in the log.

    Example:
        >>> participant = Participant(code="K7Q2XZ", simulate="biased")
        >>> path = collect(cue_conflict(), participant, Path("logs"), limit=16)
    """
    refuse_forgotten(participant.code, directory)
    path = log.log_path(directory, experiment.name, participant.name, session)
    exists = log.has_rows(path)
    if exists and not resume:
        raise LogError(f"{path} exists: continue the session with --resume, or use another --session")
    if resume and not exists:
        notify(f"session {session} of {participant.name} has no responses yet: starting it")
    participant.session_texts.check_choices(experiment.choices)
    practice = None if exists or not n_practice else practice_experiment(experiment, n_practice)
    participant = evolve(participant, n_blocks=experiment.n_blocks)
    options: dict[str, Any] = {"session": session, "seed": seed, "notify": notify}
    sidecar = (log.read_sidecar(path) if exists else None) or {}
    practice_path = log.log_path(directory, practice_name(experiment.name), participant.name, session)
    if sidecar.get("status") == "complete" or (participant.simulate and practice is None):
        return run(experiment, participant, directory, limit=limit, exclusions=exclusions, **options)
    screen = participant.screen or evolve(participant, feedback=practice is not None).open()
    try:
        at_screen = evolve(participant, screen=screen)
        problem = sound_problem(screen) if practice is not None else None
        if problem is not None:
            notify(
                f"sound is not available ({problem}), so errors in practice trials are shown on the screen without a beep"
            )
        if not participant.simulate:
            n_trials = min(limit or len(experiment.stimuli), len(experiment.stimuli))
            earlier = sidecar or (log.read_sidecar(practice_path) if log.has_rows(practice_path) else None) or {}
            counts = n_trials, 0 if practice is None else len(practice.stimuli)
            at_screen = _introduce(experiment, at_screen, directory, counts, earlier, notify, consent=consent)
        if practice is not None:
            learner = evolve(at_screen, feedback=True, n_trials=len(practice.stimuli), n_blocks=None)
            run(practice, learner, directory, **options)
        run(experiment, at_screen, directory, limit=limit, exclusions=exclusions, **options)
        if not participant.simulate:
            show_debriefing(screen, at_screen.style_of(screen, experiment.trials(seed)[0]))
        return path
    finally:
        if participant.screen is None:
            screen.close()


def _introduce(
    experiment: Experiment,
    participant: Participant,
    directory: Path,
    counts: tuple[int, int],
    sidecar: Mapping[str, Any],
    notify: Callable[[str], None],
    *,
    consent: bool,
) -> Participant:
    """Show the welcome of a new session, ask for the consent, and return the participant with the consent.

    `counts` are the numbers of trials and of practice trials. `sidecar` is that of the log, or of the practice log if only
    this log exists; it is empty for a new session. The welcome and a consent in the same version are not shown again when
    a session is resumed. Raises ObserverError if the participant does not consent; only the number of refusals is then
    stored.
    """
    screen, texts = participant.screen, participant.session_texts
    assert screen is not None
    style = participant.style_of(screen, experiment.trials(0)[0])
    n_trials, n_practice = counts
    values: dict[str, str | int] = {
        "n_trials": n_trials,
        "n_blocks": experiment.n_blocks,
        "minutes": session_minutes(n_trials + n_practice, experiment.n_blocks, experiment.presentation),
        "code": participant.code,
    }
    records = sidecar.get(RECORDS, {})
    others = [old for old in records.get("texts", []) if old != texts.describe()]
    if others:
        notify("this session began with other texts: the sidecar will list both versions")
    if not sidecar:
        show_welcome(screen, style, values)
    version = texts.consent_version
    if version is None or not consent:
        return participant
    matching = [old for old in records.get("consent", []) if old.get("version") == version]
    if matching:
        return evolve(participant, consent=matching[-1])
    if ask_consent(screen, style, values):
        return evolve(participant, consent={"version": version, "language": texts.language})
    n = "" if participant.pilot else f" ({count_refusal(directory, experiment.name, texts.describe())} so far)"
    stored = "nothing was stored" if participant.pilot else f"only the number of refusals was stored{n}"
    raise ObserverError(f"the participant did not consent, so the session did not start: {stored}")


@frozen
class FrameReport:
    """The frame timing in a trial log.

    `n_dropped` is the number of trials with a dropped frame, and `rate` is the frame rate in frames per second.
    """

    n_trials: int
    n_dropped: int
    rate: float

    @classmethod
    def from_log(cls, path: Path) -> "FrameReport":
        """Read the trial log of a participant. The rate is the median over the trials, or 0 if there are no trials."""
        header, *rows = log.read_rows(path)
        dropped, rate = (header.index(MEASURED + name) for name in ("n_dropped", "frame_rate"))
        rows = [row for row in rows if row[dropped] and row[rate]]
        n_dropped = sum(float(row[dropped]) > 0 for row in rows)
        return cls(len(rows), n_dropped, float(np.median([float(row[rate]) for row in rows])) if rows else 0.0)

    @property
    def too_many_dropped(self) -> bool:
        """Whether more than 1 % of the trials have a dropped frame."""
        return self.n_dropped > MAX_DROPPED * self.n_trials

    def sentence(self) -> str:
        """Return the report as one sentence, which is a warning if too many frames were dropped."""
        text = f"{self.rate:.1f} frames per second; {self.n_dropped} of {self.n_trials} trials have a dropped frame"
        if self.too_many_dropped:
            return f"WARNING: {text}: run `observers doctor` to check the timing of this screen"
        return text
