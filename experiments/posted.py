"""Answers that a page posted elsewhere (JATOS, a server of one's own), a JSON object a line: into trial logs by run()."""

from codecs import BOM_UTF8 as BOM
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from experiments import log
from experiments.experiment import Experiment
from experiments.session import run
from observers.people.answers import AnswerError, BrowserAnswer, SessionInfo, check_answer, order_of, read_answer
from observers.people.web import WebParticipant
from observers.protocol import Trial
from stimuli.errors import LogError


@frozen(eq=False)
class PostedAnswers:
    """Hands out answers that are there, in place of a Desk."""

    answers: dict[int, BrowserAnswer]

    def ask(self, trial: Trial) -> BrowserAnswer:
        return self.answers[trial.number]


def import_answers(
    experiment: Experiment, files: Sequence[Path], out: Path, say: Callable[[str], None] = lambda sentence: None
) -> list[Path]:
    """Write the answers in `files` into a trial log a session, up to the first trial that has none; the logs.

    A line that is there twice counts once. Raises LogError naming file and line of what is no answer to this experiment, or
    answers a trial otherwise than another line.
    """
    found: dict[SessionInfo, dict[int, BrowserAnswer]] = {}
    trials: dict[SessionInfo, list[Trial]] = {}
    for where, answer in _answers(files):
        who = answer.about
        if who not in found:
            found[who], trials[who] = {}, experiment.trials(who.seed)
        if who.experiment != experiment.name or who.order != order_of(trials[who]):
            raise LogError(f"{where}: this answers another experiment than {experiment.name}, or other images")
        if not 1 <= answer.trial <= len(trials[who]):
            raise LogError(
                f"{where}: {experiment.name} has {len(trials[who])} trials, this answers trial {answer.trial}"
            )
        try:
            check_answer(answer, who, trials[who][answer.trial - 1])
        except AnswerError as error:
            raise LogError(f"{where}: {error}") from None
        if found[who].setdefault(answer.trial, answer) != answer:
            raise LogError(f"{where}: trial {answer.trial} of {who.participant} was answered otherwise before")
    if not found:
        raise LogError(f"{', '.join(str(file) for file in files)}: no answers in here")
    return [_run(experiment, who, answers, out, say) for who, answers in found.items()]


def _run(
    experiment: Experiment, who: SessionInfo, answers: dict[int, BrowserAnswer], out: Path, say: Callable[[str], None]
) -> Path:
    n = next((number for number in range(1, len(answers) + 1) if number not in answers), len(answers) + 1) - 1
    if n < len(answers):
        say(f"{who.participant}: trial {n + 1} has no answer, so {len(answers) - n} after it are left out")
    if n == 0:
        raise LogError(f"{who.participant}, session {who.session}: the first trial has no answer")
    observer = WebParticipant(who.participant, who.distance_cm, PostedAnswers(answers))
    _refuse_other_answers(log.log_path(out, experiment.name, observer.name, who.session), answers)
    return run(experiment, observer, out, session=who.session, seed=who.seed, limit=n, notify=say)


def _refuse_other_answers(path: Path, answers: dict[int, BrowserAnswer]) -> None:
    """A log that has the first of these answers already must have the same."""
    if not log.has_rows(path):
        return
    header, *rows = log.read_rows(path)
    column = [header.index(name) for name in ("trial", "response", "rt")]
    for trial, response, rt in ([row[i] for i in column] for row in rows):
        found = answers.get(int(trial)) if trial.isdigit() else None
        if found is not None and (response, rt) != (found.choice or "", "" if found.rt is None else repr(found.rt)):
            raise LogError(
                f"{path} has another answer to trial {trial}: these are of another session, or another --out"
            )


def _answers(files: Sequence[Path]) -> Iterator[tuple[str, BrowserAnswer]]:
    """Every answer, and where it stands."""
    for file in files:
        for number, line in enumerate(file.read_bytes().removeprefix(BOM).splitlines(), start=1):
            if line.strip():
                try:
                    yield f"{file}, line {number}", read_answer(line)
                except AnswerError as error:
                    raise LogError(f"{file}, line {number}: {error}") from None
