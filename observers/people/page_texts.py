"""The words of the browser page: texts of the lab in HTML, with the values that are known before the first trial.

Texts in Markdown become HTML here, where everything is escaped. Texts of one line stay plain text, and the page shows them
as text. Values that are known only later, such as the number of a block, are inserted by the page.
"""

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from core.participants import participant_code
from observers.people.answers import SessionInfo
from observers.people.completion import Completion
from observers.people.paradigm import session_minutes
from observers.people.records import NO_ANSWER, QUESTIONS
from observers.people.texts.rules import RULES
from observers.people.texts.session_texts import SessionTexts
from observers.protocol import Trial

# Texts in Markdown, and the beginnings of the keys of the texts of one line, that the page shows.
_LONG = (
    "welcome.text", "consent.text", "consent.declined", "instructions.text", "practice.text", "practice.end", "end.text",
    "debriefing.text", "browser.card",
)  # fmt: skip
_SHOWN = ("consent.", "buttons.", "instructions.", "feedback.", "break.", "end.", "browser.")
# Labels that are the same in all languages.
_AGE_GROUPS = {"under-18": "< 18", "65-or-older": "≥ 65"}


@frozen(eq=False)
class PageOptions:
    """What a page shows besides the trials.

    Attributes:
        texts: The words.
        consent: Whether the page asks for consent, if there is a text of the consent.
        demographics: Whether the page asks the optional demographic questions.
        completion: The completion code and the address to which the participant returns.
        pilot: Whether a banner says that the session is a pilot.
        preview: Whether a banner says that nothing is saved. A page without our server then sends nothing.
    """

    texts: SessionTexts
    consent: bool = False
    demographics: bool = False
    completion: Completion = field(factory=Completion)
    pilot: bool = False
    preview: bool = False

    @property
    def asks_consent(self) -> bool:
        """Whether the page asks for consent, for which there must be a text."""
        return self.consent and self.texts.consent_version is not None

    @property
    def banner(self) -> str:
        """The text of the banner, or "" for no banner."""
        if self.preview:
            return self.texts.line("browser.preview")
        return self.texts.line("browser.pilot") if self.pilot else ""

    def describe_completion(self, code: str, participant: str) -> dict[str, str]:
        """Return what the page shows at the end: the completion code in HTML, the code itself and the address."""
        return {
            "code": code,
            "html": self.texts.html("end.code", code=code) if code else "",
            "url": self.completion.url(code, participant_code(participant)),
        }


def page_texts(options: PageOptions, trials: Sequence[Trial], about: SessionInfo, n_practice: int) -> dict[str, str]:
    """Return all texts of a session's page by their key, with "_html" in the keys of those that are HTML."""
    texts, first = options.texts, trials[0]
    n_blocks, seconds = max(trial.block for trial in trials), float(first.presentation.response)
    known: dict[str, str | int | float] = {
        "n_trials": len(trials), "n_blocks": n_blocks, "n_practice": n_practice,
        "minutes": session_minutes(len(trials) + n_practice, n_blocks, first.presentation),
        "code": participant_code(about.participant), "seconds": seconds,
        "question": texts.question(first.instruction), "explanation": texts.explanation(first.instruction),
        "action": texts.line("instructions.mouse", seconds=seconds), "distance": about.distance_cm,
    }  # fmt: skip
    html = {f"{key}_html": texts.html(key, **known) for key in _LONG}
    lines = {key: texts.texts[key] for key, rule in RULES.items() if not rule.markdown and key.startswith(_SHOWN)}
    return html | lines | {"instructions.distance": texts.line("instructions.distance", distance=about.distance_cm)}


def demographic_questions(texts: SessionTexts) -> dict[str, Any]:
    """Return the demographic questions with the labels of their answers, as the page shows them."""
    questions = [
        {
            "name": name,
            "label": texts.line(f"demographics.{name}"),
            "answers": [
                *({"value": value, "label": _label(texts, name, value)} for value in values),
                {"value": NO_ANSWER, "label": texts.line("demographics.prefer_not_to_say")},
            ],
        }
        for name, values in QUESTIONS.items()
    ]
    return {"html": texts.html("demographics.text"), "questions": questions, "no_answer": NO_ANSWER}


def _label(texts: SessionTexts, question: str, answer: str) -> str:
    """Return the label of an answer."""
    if question == "age_group":
        return _AGE_GROUPS.get(answer, answer.replace("-", "–"))
    return texts.line(f"demographics.{question}_{answer}")
