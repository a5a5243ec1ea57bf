"""Make trial logs from the answers that a static page sent to JATOS or to another web server."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from core.errors import LogError
from core.files import read_bytes
from experiments import log
from experiments.experiment import Experiment
from experiments.running.session import run
from observers.people.answers import (
    AnswerError,
    BrowserAnswer,
    SessionInfo,
    check_answer,
    read_answer,
    trial_order_digest,
)
from observers.people.web import WebParticipant
from observers.protocol import Trial


@frozen(eq=False)
class PostedAnswers:
    """The saved answers of one session, by trial number. WebParticipant uses them in place of an AnswerQueue."""

    answers: dict[int, BrowserAnswer]

    def get_answer(self, trial: Trial) -> BrowserAnswer:
        """Return the saved answer to a trial."""
        return self.answers[trial.number]


def import_answers(
    experiment: Experiment, files: Sequence[Path], out: Path, notify: Callable[[str], None] = lambda sentence: None
) -> list[Path]:
    """Read answers from files of JSON lines, write one trial log per session, and return the paths of the logs.

    A log ends before the first trial without an answer. Identical lines count once. Raises LogError, which names the file
    and the line, if a line is not an answer to this experiment, or if two lines have different answers to the same trial.
    """
    sessions: dict[SessionInfo, dict[int, BrowserAnswer]] = {}
    trials: dict[SessionInfo, list[Trial]] = {}
    for position, answer in _read_answers(files):
        about = answer.about
        if about not in sessions:
            sessions[about], trials[about] = {}, experiment.trials(about.seed)
        if about.experiment != experiment.name or about.order != trial_order_digest(trials[about]):
            raise LogError(
                f"{position}: the answer is for another experiment than {experiment.name}, or for other images"
            )
        if not 1 <= answer.trial <= len(trials[about]):
            raise LogError(
                f"{position}: the answer is for trial {answer.trial}, but {experiment.name} has {len(trials[about])} trials"
            )
        try:
            check_answer(answer, about, trials[about][answer.trial - 1])
        except AnswerError as error:
            raise LogError(f"{position}: {error}") from None
        if sessions[about].setdefault(answer.trial, answer) != answer:
            raise LogError(
                f"{position}: this answer to trial {answer.trial} of {about.participant} differs from an earlier one"
            )
    if not sessions:
        raise LogError(f"{', '.join(str(file) for file in files)}: the input contains no answers")
    return [_write_log(experiment, about, answers, out, notify) for about, answers in sessions.items()]


def _write_log(
    experiment: Experiment,
    about: SessionInfo,
    answers: dict[int, BrowserAnswer],
    out: Path,
    notify: Callable[[str], None],
) -> Path:
    """Write the trial log of one session, up to the first trial without an answer."""
    n = next((number for number in range(1, len(answers) + 1) if number not in answers), len(answers) + 1) - 1
    if n < len(answers):
        notify(
            f"{about.participant}: trial {n + 1} has no answer, so the log ends there; answers skipped: {len(answers) - n}"
        )
    if n == 0:
        raise LogError(f"{about.participant}, session {about.session}: trial 1 has no answer, so no log can be written")
    observer = WebParticipant(about.participant, about.distance_cm, PostedAnswers(answers))
    _refuse_different_log(log.log_path(out, experiment.name, observer.name, about.session), answers)
    return run(experiment, observer, out, session=about.session, seed=about.seed, limit=n, notify=notify)


def _refuse_different_log(path: Path, answers: dict[int, BrowserAnswer]) -> None:
    """Raise LogError if the log exists and has, in any trial, a response or rt that differs from the answer."""
    if not log.has_rows(path):
        return
    header, *rows = log.read_rows(path)
    columns = [header.index(name) for name in ("trial", "response", "rt")]
    for trial, response, rt in ([row[i] for i in columns] for row in rows):
        answer = answers.get(int(trial)) if trial.isdigit() else None
        if answer is not None and (response, rt) != (answer.choice or "", "" if answer.rt is None else repr(answer.rt)):
            raise LogError(
                f"{path} exists and has a different answer to trial {trial}: the answers are from another session; use "
                f"another --out"
            )


def _read_answers(files: Sequence[Path]) -> Iterator[tuple[str, BrowserAnswer]]:
    """Yield two values per line of the files: a text with the file name and line number, and the answer in the line."""
    for file in files:
        for number, line in enumerate(read_bytes(file).removeprefix(BOM_UTF8).splitlines(), start=1):
            if line.strip():
                try:
                    yield f"{file}, line {number}", read_answer(line)
                except AnswerError as error:
                    raise LogError(f"{file}, line {number}: {error}") from None
