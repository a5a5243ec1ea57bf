"""Make trial logs from the answers that a static page sent to JATOS or to another web server.

A file has one message per line: an answer (`observers.people.answers`) or a record, such as a consent
(`observers.people.records`). Files of pages that did not send records are read as well.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from core.errors import LogError
from core.files import read_bytes
from core.participants import is_pilot_name, participant_code, practice_name
from experiments import log
from experiments.experiment import Experiment
from experiments.people.collecting import count_practice_images, practice_experiment
from experiments.people.participation import Participation
from experiments.running.session import run
from observers.people.answers import (
    AnswerError,
    BrowserAnswer,
    SessionInfo,
    check_answer,
    check_message,
    parse_message,
    trial_order_digest,
)
from observers.people.records import DECLINED, Record, check_record
from observers.people.web import WebParticipant
from observers.protocol import Trial


@frozen(eq=False)
class PostedAnswers:
    """The saved answers of one session, by trial number. WebParticipant uses them in place of an AnswerQueue."""

    answers: dict[int, BrowserAnswer]

    def get_answer(self, trial: Trial) -> BrowserAnswer:
        """Return the saved answer to a trial."""
        return self.answers[trial.number]


@frozen(eq=False)
class _Posted:
    """What was posted about one part of a session, the practice or the experiment."""

    experiment: Experiment
    trials: list[Trial]
    answers: dict[int, BrowserAnswer] = field(factory=dict)


def import_answers(
    experiment: Experiment, files: Sequence[Path], out: Path, notify: Callable[[str], None] = lambda sentence: None
) -> list[Path]:
    """Read messages from files of JSON lines, write one trial log per session, and return the paths of the logs.

    A log ends before the first trial without an answer. Practice trials have a log of their own. Consent, completion codes
    and demographics are written to the files of `experiments.people.participation`. Identical lines count once. Raises
    LogError, which names the file and the line, if a line is not a message for this experiment, or if two lines have
    different answers to the same trial.
    """
    sessions: dict[SessionInfo, _Posted] = {}
    records: list[Record] = []
    for position, message in _read_messages(files):
        about = message.about
        if about not in sessions:
            part = _find_part(experiment, about)
            if part is None:
                raise LogError(
                    f"{position}: the answer is for another experiment than {experiment.name}, or for other images"
                )
            sessions[about] = _Posted(part, part.trials(about.seed))
        if isinstance(message, Record):
            records.append(message)
            continue
        posted = sessions[about]
        if not 1 <= message.trial <= len(posted.trials):
            raise LogError(
                f"{position}: the answer is for trial {message.trial}, but {posted.experiment.name} has "
                f"{len(posted.trials)} trials"
            )
        try:
            check_answer(message, about, posted.trials[message.trial - 1])
        except AnswerError as error:
            raise LogError(f"{position}: {error}") from None
        if posted.answers.setdefault(message.trial, message) != message:
            raise LogError(
                f"{position}: this answer to trial {message.trial} of {about.participant} differs from an earlier one"
            )
    if not sessions:
        raise LogError(f"{', '.join(str(file) for file in files)}: the input contains no answers")
    declined = {record.about for record in records if record.content.get("decision") == DECLINED}
    for about in declined:
        notify(f"{about.participant}, session {about.session}: declined to take part; only the refusal is stored")
    for record in records:
        _write_record(record, out)
    consents = {
        (record.about.participant, record.about.session): {
            name: record.content[name] for name in ("version", "language")
        }
        for record in records
        if record.kind == "consent"
    }
    return [
        _write_log(posted, about, consents.get((about.participant, about.session)), out, notify)
        for about, posted in sessions.items()
        if posted.answers and about not in declined
    ]


def _find_part(experiment: Experiment, about: SessionInfo) -> Experiment | None:
    """Return the experiment, or its practice trials, to which a session belongs; None for another experiment.

    The number of practice trials is the one with which the digest of their order agrees.
    """
    if about.experiment == experiment.name:
        return experiment if trial_order_digest(experiment.trials(about.seed)) == about.order else None
    if about.experiment != practice_name(experiment.name):
        return None
    for n in range(1, count_practice_images(experiment) + 1):
        practice = practice_experiment(experiment, n)
        if trial_order_digest(practice.trials(about.seed)) == about.order:
            return practice
    return None


def _make_observer(
    about: SessionInfo, answers: dict[int, BrowserAnswer], consent: Mapping[str, str] | None = None
) -> WebParticipant:
    """Return the participant of a session, with the consent for the sidecar."""
    code, is_pilot = participant_code(about.participant), is_pilot_name(about.participant)
    records = {} if consent is None else {"consent": dict(consent)}
    return WebParticipant(code, about.distance_cm, PostedAnswers(answers), is_pilot, lambda: records)


def _write_record(record: Record, out: Path) -> None:
    """Write the consent, the completion code or the demographics of a participant."""
    about = record.about
    participation = Participation(out, about.experiment, _make_observer(about, {}).name, about.session)
    if record.kind == "consent":
        participation.add_consent(record.content)
    elif record.kind == "completion":
        participation.set_completion_code(record.content["code"])
    elif not participation.has_demographics:
        participation.set_demographics(record.content)


def _write_log(
    posted: _Posted,
    about: SessionInfo,
    consent: Mapping[str, str] | None,
    out: Path,
    notify: Callable[[str], None],
) -> Path:
    """Write the trial log of one part of a session, up to the first trial without an answer."""
    experiment, answers = posted.experiment, posted.answers
    n = next((number for number in range(1, len(answers) + 1) if number not in answers), len(answers) + 1) - 1
    if n < len(answers):
        notify(
            f"{about.participant}: trial {n + 1} has no answer, so the log ends there; answers skipped: {len(answers) - n}"
        )
    if n == 0:
        raise LogError(f"{about.participant}, session {about.session}: trial 1 has no answer, so no log can be written")
    observer = _make_observer(about, answers, consent)
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


def _read_messages(files: Sequence[Path]) -> Iterator[tuple[str, BrowserAnswer | Record]]:
    """Yield two values per line of the files: a text with the file name and line number, and the message in the line."""
    for file in files:
        for number, line in enumerate(read_bytes(file).removeprefix(BOM_UTF8).splitlines(), start=1):
            if line.strip():
                try:
                    message = parse_message(line)
                    is_record = isinstance(message, dict) and "record" in message
                    yield f"{file}, line {number}", check_record(message) if is_record else check_message(message)
                except AnswerError as error:
                    raise LogError(f"{file}, line {number}: {error}") from None
