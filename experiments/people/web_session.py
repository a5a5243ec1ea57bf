"""The session of one participant in a browser: what is shown, what was answered, and what is kept.

A session has one or two parts, the practice and the experiment. Each part calls `run` in a separate thread, so that it is
logged and resumed like the session of every other observer. The practice has a log of its own.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from experiments import log
from experiments.deletion_records import refuse_forgotten
from experiments.exclusion_rules import ExclusionRules
from experiments.experiment import Experiment
from experiments.people.collecting import FrameReport
from experiments.people.participation import Participation
from experiments.people.person_status import PersonStatus
from experiments.people.web_part import WebPart
from experiments.seeds import session_seed
from observers.people.answers import AnswerError, check_answer, check_message, check_session, parse_message
from observers.people.page_texts import PageOptions
from observers.people.records import ACCEPTED, DECLINED, Record, check_record
from observers.people.site import PageState, Site, make_site
from observers.people.texts.reading import load_texts
from observers.people.web import WebParticipant


class WebSession:
    """The session of one participant in a browser.

    Args:
        experiment: The experiment.
        code: Participant code.
        out: Folder for trial logs.
        scripts: The files of jsPsych, from `observers.people.jspsych.load_scripts`.
        session: Session number; the first session is 1.
        seed: Random seed of the trial order and the masks; by default, `session_seed` of the code and session number.
        distance: Assumed viewing distance, in cm.
        options: What the page shows besides the trials; by default, English texts without questions.
        practice: The practice trials with feedback before a new session, from `collecting.practice_experiment`; None for
            a session without practice.
        limit: Stop after this many trials of the experiment; by default, run all.
        exclusions: Exclusion rules that are declared before a new session.
        notify: Function that is called with each note for the user.

    Attributes:
        code: Participant code.
        token: The secret part of the address of the session.
        site: The files of the session's page.
        main: The trials of the experiment.
        practice: The practice trials, or None.
        options: What the page shows besides the trials.

    Raises:
        LogError: If the data of this participant were deleted.
        ObserverError: If the code or the distance is not valid, or if two choices have the same name in the texts.
    """

    def __init__(
        self,
        experiment: Experiment,
        code: str,
        out: Path,
        scripts: Mapping[str, bytes],
        *,
        session: int = 1,
        seed: int | None = None,
        distance: float = 60.0,
        options: PageOptions | None = None,
        practice: Experiment | None = None,
        limit: int | None = None,
        exclusions: ExclusionRules | None = None,
        notify: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        refuse_forgotten(code, out)
        self.options = PageOptions(load_texts()) if options is None else options
        self.options.texts.check_choices(experiment.choices)
        self.code, self.token = code, secrets.token_urlsafe(16)
        seed = session_seed(code, session) if seed is None else seed
        observer = WebParticipant(code, distance, pilot=self.options.pilot, records=self._describe_run)
        self._participation = Participation(out, experiment.name, observer.name, session)
        make_part = partial(WebPart, observer=observer, out=out, session=session, seed=seed, notify=notify)
        self.main = make_part(experiment, limit=limit, exclusions=exclusions)
        self.practice: WebPart | None = None
        if practice is not None and not log.has_rows(self.main.path):  # it is not repeated when a session is continued
            self.practice = make_part(practice)
        practice_trials = None if self.practice is None else self.practice.page_trials
        self.site: Site = make_site(
            self.main.page_trials, scripts, self.options, practice=practice_trials, state=self._open_page
        )
        self._lock = threading.Lock()
        self._last_active: float | None = None
        self._n_dropped = 0
        self._code = self._participation.completion_code
        self._decision = self._participation.decision(self._consent_version) if self.options.asks_consent else ""

    @property
    def log(self) -> Path | None:
        """The path of the trial log, or None until the session is complete."""
        return self.main.log

    @property
    def error(self) -> BaseException | None:
        """The error that stopped the session, or None."""
        return self.main.error or (self.practice.error if self.practice is not None else None)

    @property
    def is_finished(self) -> bool:
        """Whether the session is complete, or the participant declined to take part."""
        return self.log is not None or self._decision == DECLINED

    @property
    def status(self) -> PersonStatus:
        """What the experimenter sees about the participant."""
        part, practice = self._part, self.practice
        if self._decision == DECLINED:
            stage = "declined"
        elif self.main.is_complete:
            stage = "finished"
        elif part.n_done or (practice is not None and practice.is_complete):
            stage = "practice" if part is practice else "trials"
        elif self._decision == ACCEPTED:
            stage = "consented"
        else:
            stage = "invited" if self._last_active is None else "opened"
        idle = None if self._last_active is None else time.monotonic() - self._last_active
        return PersonStatus(
            self.code, self.token, stage, part.n_done, part.n_trials, self._n_dropped, self.main.n_done, self.main.n_trials,
            idle, self._code,
        )  # fmt: skip

    def start(self) -> None:
        """Start the part that comes next if it is not running, and wait until its log is open. Raises its errors."""
        self._part.start()

    def resume(self) -> None:
        """Start the session if it has answers, so that an error is raised before its page is opened."""
        if self.main.n_done:
            self.main.start()
            self._n_dropped = FrameReport.from_log(self.main.path).n_dropped
        elif self.practice is not None and self.practice.n_done:
            self.practice.start()

    def handle_answer(self, body: bytes) -> tuple[str, Mapping[str, Any]]:
        """Check an answer and save it; see `experiments.people.web_server.HostedSession`.

        The reply to the last answer of a block has a field `right`, the proportion of correct answers in the block. The
        reply to the last answer of the session has a field `completion`.
        """
        answer = check_message(parse_message(body))
        part = self.main if self.practice is None or answer.about != self.practice.about else self.practice
        if not 1 <= answer.trial <= part.n_trials or not self._may_answer(part):
            return "conflict", {}
        check_answer(answer, part.about, part.trials[answer.trial - 1])
        self._last_active = time.monotonic()
        outcome = part.put(answer)
        if outcome not in ("saved", "already"):
            return outcome, {}
        if part is self.main and outcome == "saved":
            self._n_dropped += answer.measured["n_dropped"] > 0
        fields: dict[str, Any] = (
            {"right": part.proportion_correct(answer.trial)} if part.ends_block(answer.trial) else {}
        )
        if part is self.main and answer.trial == part.n_trials:
            fields["completion"] = self.options.describe_completion(self._completion_code(), self.code)
        return outcome, fields

    def handle_record(self, body: bytes) -> tuple[str, Mapping[str, Any]]:
        """Check a record (`observers.people.records`) and save it."""
        record = check_record(parse_message(body))
        check_session(record.about, self.main.about)
        self._last_active = time.monotonic()
        if record.kind == "consent":
            return self._handle_consent(record), {}
        if record.kind == "demographics" and self.options.demographics and self._may_answer(self.main, first=True):
            with self._lock:
                if not self._participation.has_demographics:
                    self._participation.set_demographics(record.content)
            return "saved", {}
        return "conflict", {}

    def close(self) -> None:
        """End the session and wait until every answer that was received is in the log."""
        for part in (self.practice, self.main):
            if part is not None:
                part.close()

    @property
    def _part(self) -> WebPart:
        """The part in which the participant is."""
        return self.main if self.practice is None or self.practice.is_complete else self.practice

    @property
    def _consent_version(self) -> str:
        return self.options.texts.consent_version or ""

    def _may_answer(self, part: WebPart, *, first: bool = False) -> bool:
        """Return whether the participant has consented, and has practiced before the first answer of the experiment."""
        if self.options.asks_consent and self._decision != ACCEPTED:
            return False
        return first or part is self.practice or self.practice is None or self.practice.is_complete

    def _handle_consent(self, record: Record) -> str:
        """Record a decision about the consent text, which cannot be changed afterwards."""
        if not self.options.asks_consent:
            return "conflict"
        if (
            record.content["version"] != self._consent_version
            or record.content["language"] != self.options.texts.language
        ):
            raise AnswerError("the version or the language of the consent text is another one")
        with self._lock:
            if self._decision:
                return "already" if self._decision == record.content["decision"] else "conflict"
            self._participation.add_consent(record.content, self.options.texts.sha256)
            self._decision = record.content["decision"]
        if self._decision == ACCEPTED:
            self._part.begin()  # without waiting until its log is open
        return "saved"

    def _describe_run(self) -> dict[str, Any]:
        """Return the texts and the consent of this run, for the sidecar."""
        consent = {"version": self._consent_version, "language": self.options.texts.language}
        return {"texts": self.options.texts.describe()} | ({"consent": consent} if self.options.asks_consent else {})

    def _completion_code(self) -> str:
        """Return the completion code of the participant, and make and record it if necessary."""
        with self._lock:
            code = self._code or self.options.completion.make_code()
            if code:
                self._participation.set_completion_code(code)
            self._code = code
            return code

    def _open_page(self) -> PageState:
        """Record that the page was opened, start the session if the participant may answer, and return its state."""
        self._last_active = time.monotonic()
        if self._may_answer(self.main, first=True):
            self._part.begin()  # without waiting until its log is open
        is_complete = self.main.is_complete
        return PageState(
            n_done=self.main.n_done, n_practice_done=self.practice.n_done if self.practice is not None else 0,
            decision=self._decision, has_demographics=self._participation.has_demographics, is_complete=is_complete,
            code=self._completion_code() if is_complete else "",
        )  # fmt: skip
