"""What a participant sends from the browser page besides answers: consent and demographics, checked as strictly as answers.

    {"about": {the fields of `answers.SessionInfo`}, "record": "consent",
     "content": {"decision": "accepted" or "declined", "version": "1", "language": "en"}}
    {"about": …, "record": "demographics", "content": {"age_group": "25-34", "gender": …, "vision": …}}
    {"about": …, "record": "completion", "content": {"code": …}}, which only a page without our server sends

The answers to the demographic questions are names from QUESTIONS and not free text, so that nobody can enter a name. A
participant may skip each question.
"""

import re
from collections.abc import Mapping

from attrs import frozen

from observers.people.answers import AnswerError, SessionInfo, check_object, read_session_info
from observers.people.texts.reading import MAX_LINE, can_be_shown

NO_ANSWER = "prefer-not-to-say"
# The demographic questions, and the answers to each besides NO_ANSWER. The texts of the page have a label for each.
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "age_group": ("under-18", "18-24", "25-34", "35-44", "45-54", "55-64", "65-or-older"),
    "gender": ("woman", "man", "nonbinary"),
    "vision": ("normal", "corrected", "impaired"),
}
ACCEPTED, DECLINED = "accepted", "declined"
CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")  # a completion code; these characters are safe in a web address
_FIELDS = {"consent": ("decision", "version", "language"), "demographics": tuple(QUESTIONS), "completion": ("code",)}


@frozen
class Record:
    """A valid record of one session. `kind` is "consent", "demographics" or "completion"."""

    about: SessionInfo
    kind: str
    content: Mapping[str, str]


def check_record(message: object) -> Record:
    """Return a parsed message (`answers.parse_message`) as a record.

    Raises AnswerError if a field is missing, unknown or invalid.
    """
    fields = check_object(message, "the record", ("about", "record", "content"))
    kind = fields["record"]
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise AnswerError(f"record must be one of {', '.join(_FIELDS)}")
    content = check_object(fields["content"], "content", _FIELDS[kind])
    for name, value in content.items():
        if not isinstance(value, str) or not _is_valid(kind, name, value):
            raise AnswerError(f"{name} is not a valid value for the record {kind}")
    return Record(read_session_info(fields["about"]), kind, content)


def _is_valid(kind: str, name: str, value: str) -> bool:
    """Return whether a text is a valid value of a field of a record."""
    if kind == "demographics":
        return value in (*QUESTIONS[name], NO_ANSWER)
    if name == "decision":
        return value in (ACCEPTED, DECLINED)
    if name == "code":
        return CODE.fullmatch(value) is not None
    # The version and the language are what a lab has written into its texts.
    return 0 < len(value) <= MAX_LINE and all(map(can_be_shown, value))
