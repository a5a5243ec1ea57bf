"""The table of all texts that a participant sees: which placeholders each may contain, and where it is shown.

A placeholder is the name of a value in braces, such as {n_trials}. It is replaced by the value when the text is shown. After
a number, {n_trials:picture|pictures} is replaced by the word for one or for several.
The texts themselves are in the files LANGUAGE.toml of this folder, one file per language.
"""

from collections.abc import Mapping

from attrs import frozen

PLACEHOLDERS: Mapping[str, str] = {
    "n_trials": "number of pictures",
    "n_practice": "number of practice pictures",
    "n_blocks": "number of blocks",
    "n_missed": "number of pictures without an answer in time",
    "minutes": "estimated duration in minutes, rounded up",
    "seconds": "time for an answer, in seconds",
    "question": "question of the experiment",
    "explanation": "explanation of the question",
    "action": "how to answer, with the mouse or the keyboard",
    "trial": "number of the next picture",
    "block": "number of the block that is done",
    "percent": "percentage of correct answers in the block",
    "distance": "viewing distance in centimeters",
    "code": "participant code; in end.code, the completion code",
    "page": "number of the page of a long text",
    "n_pages": "number of pages of a long text",
    "rate": "measured frame rate in frames per second",
    "status": "error number of the web server",
}
NUMBERS = frozenset(
    {"n_trials", "n_practice", "n_blocks", "n_missed", "minutes", "seconds"}
)  # with a singular and plural


@frozen
class TextRule:
    """What a text may contain.

    Attributes:
        placeholders: Names of the placeholders that the text may contain.
        required: Names of the placeholders that the text must contain.
        markdown: Whether the text may have paragraphs, lists, bold words and links. Other texts are one line.
        can_be_empty: Whether the text may be empty; it is then not shown.
    """

    placeholders: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    markdown: bool = False
    can_be_empty: bool = False


def _line(placeholders: str = "", *, required: str = "", can_be_empty: bool = False) -> TextRule:
    """Return the rule of a text of one line; the names of placeholders are separated by spaces."""
    needed = frozenset(required.split())
    return TextRule(frozenset(placeholders.split()) | needed, needed, can_be_empty=can_be_empty)


def _long(placeholders: str = "", *, required: str = "", can_be_empty: bool = False) -> TextRule:
    """Return the rule of a text in Markdown."""
    needed = frozenset(required.split())
    return TextRule(frozenset(placeholders.split()) | needed, needed, markdown=True, can_be_empty=can_be_empty)


_SESSION = "n_trials n_blocks minutes code"  # known before the first trial

RULES: Mapping[str, TextRule] = {
    "numbers.decimal_mark": _line(),
    "welcome.text": _long(_SESSION, can_be_empty=True),
    "consent.version": _line(),
    "consent.text": _long(_SESSION, can_be_empty=True),
    "consent.agree": _line(),
    "consent.decline": _line(),
    "consent.declined": _long(),
    "demographics.text": _long(),
    "demographics.age_group": _line(),
    "demographics.gender": _line(),
    "demographics.gender_woman": _line(),
    "demographics.gender_man": _line(),
    "demographics.gender_nonbinary": _line(),
    "demographics.vision": _line(),
    "demographics.vision_normal": _line(),
    "demographics.vision_corrected": _line(),
    "demographics.vision_impaired": _line(),
    "demographics.prefer_not_to_say": _line(),
    "question.object": _line(),
    "question.shape": _line(),
    "question.texture": _line(),
    "explanation.object": _line(can_be_empty=True),
    "explanation.shape": _line(can_be_empty=True),
    "explanation.texture": _line(can_be_empty=True),
    "explanation.other": _line(can_be_empty=True),
    "instructions.text": _long("explanation action seconds", required="question"),
    "instructions.mouse": _line("seconds"),
    "instructions.keys": _line("seconds"),
    "instructions.resume": _line("trial"),
    "instructions.stop_screen": _line(),
    "instructions.stop_browser": _line(),
    "instructions.distance": _line(required="distance"),
    "practice.text": _long("n_practice", can_be_empty=True),
    "practice.end": _long(),
    "feedback.correct": _line(can_be_empty=True),
    "feedback.wrong": _line(can_be_empty=True),
    "feedback.missed": _line(can_be_empty=True),
    "break.block": _line("block"),
    "break.block_of": _line("block n_blocks"),
    "break.accuracy": _line("percent", can_be_empty=True),
    "break.missed": _line("n_missed n_trials"),
    "end.text": _long(),
    "end.close": _line(),
    "end.code": _long(required="code"),
    "end.redirect": _line(),
    "debriefing.text": _long(can_be_empty=True),
    "buttons.continue": _line(),
    "buttons.start": _line(),
    "screen.font": _line(can_be_empty=True),
    "screen.continue": _line(),
    "screen.start": _line(),
    "screen.choose": _line(),
    "screen.page": _line("page n_pages"),
    "screen.wait": _line(),
    "screen.pilot": _line(),
    "browser.title": _line(),
    "browser.wait": _line(),
    "browser.card": _long(),
    "browser.card_button": _line(),
    "browser.card_width": _line(),
    "browser.fullscreen": _line(),
    "browser.too_small": _line(),
    "browser.resize": _line(),
    "browser.javascript": _line(),
    "browser.rate": _line("rate"),
    "browser.loading": _line(),
    "browser.not_loaded": _line(),
    "browser.saving": _line(),
    "browser.no_connection": _line(),
    "browser.no_address": _line(),
    "browser.invalid_link": _line(),
    "browser.invalid_link_stored": _line(),
    "browser.invalid_link_lost": _line(),
    "browser.already_answered": _line(),
    "browser.not_accepted": _line("status"),
    "browser.preview": _line(),
    "browser.pilot": _line(),
}  # fmt: skip
CATEGORY = "category."  # begins the keys of the names of choices, which follow the canonical name
