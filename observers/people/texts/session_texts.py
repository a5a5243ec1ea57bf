"""All texts of a session in one language, ready to be shown at the screen or in a browser."""

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from functools import partial

from attrs import field, frozen

from core.errors import ObserverError
from observers.instructions import INSTRUCTIONS
from observers.people.texts import markdown
from observers.people.texts.placeholders import fill
from observers.people.texts.rules import CATEGORY, RULES

Value = str | int | float


@frozen
class Paragraph:
    """A paragraph or list item at the screen.

    Attributes:
        text: The words, without a marker.
        marker: "" for a paragraph, "•" for a list item, or the number of the item, such as "2.".
        bold: Whether all words are bold. A paragraph with some bold words is shown without bold words.
    """

    text: str
    marker: str = ""
    bold: bool = False


@frozen
class SessionTexts:
    """The texts of a session. `load_texts` reads and checks them.

    Attributes:
        language: Code of the language, such as "en".
        texts: All texts by key, such as "consent.text". The keys are those of `rules.RULES`, and "category.NAME" for the
            displayed names of choices.
        notes: Sentences for the experimenter, such as which texts were not translated.
    """

    language: str
    texts: Mapping[str, str]
    notes: tuple[str, ...] = field(default=(), eq=False)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the language and all texts, which does not depend on how they are divided into files."""
        content = json.dumps([self.language, dict(self.texts)], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def consent_version(self) -> str | None:
        """The version of the consent, or None if its text is empty, so that participants are not asked."""
        return self.texts["consent.version"] if self.has("consent.text") else None

    @property
    def font(self) -> str:
        """The name of the font at the screen; empty for the default font."""
        return self.texts["screen.font"]

    def characters(self) -> str:
        """Return the characters of all texts, each once, in the order of their first occurrence."""
        return "".join(dict.fromkeys("".join(self.texts.values())))

    def describe(self) -> dict[str, str | None]:
        """Return the description of the texts for the sidecar of a log."""
        return {"language": self.language, "sha256": self.sha256, "consent_version": self.consent_version}

    def has(self, key: str) -> bool:
        """Return whether a text is not empty."""
        return bool(self.texts[key].strip())

    def line(self, key: str, **values: Value) -> str:
        """Return a text of one line, with its placeholders replaced by values, as plain text."""
        assert not RULES[key].markdown, key
        return fill(self.texts[key], self._values(values))

    def paragraphs(self, key: str, **values: Value) -> list[Paragraph]:
        """Return the paragraphs and list items of a text in Markdown, for the screen. Empty paragraphs are omitted."""
        replace = partial(fill, values=self._values(values))
        blocks = markdown.parse(self.texts[key])
        result = [Paragraph(markdown.to_plain(b, replace).strip(), b.marker, b.is_bold) for b in blocks]
        return [paragraph for paragraph in result if paragraph.text]

    def html(self, key: str, **values: Value) -> str:
        """Return a text as HTML, in which everything but the subset of Markdown is escaped.

        A text of one line is returned without tags. Raises KeyError if a placeholder does not have a value.
        """
        replace = partial(fill, values=self._values(values), convert=html.escape)
        text = self.texts[key]
        return markdown.to_html(markdown.parse(text), replace) if RULES[key].markdown else replace(text)

    def question(self, instruction: str) -> str:
        """Return the question of an experiment in this language; a question without a name is returned as it is."""
        name = _instruction_name(instruction)
        return instruction if name is None else self.texts[f"question.{name}"]

    def explanation(self, instruction: str) -> str:
        """Return the sentence that explains the question of an experiment, which may be empty."""
        return self.texts[f"explanation.{_instruction_name(instruction) or 'other'}"]

    def choice_name(self, choice: str) -> str:
        """Return the name of a choice in this language; a choice without a translation keeps its name."""
        return self.texts.get(CATEGORY + choice, choice)

    def check_choices(self, choices: Sequence[str]) -> None:
        """Raise ObserverError if two choices of an experiment have the same name in this language."""
        names: dict[str, str] = {}
        for choice in choices:
            other = names.setdefault(self.choice_name(choice), choice)
            if other != choice:
                raise ObserverError(
                    f"the choices {other!r} and {choice!r} have the same name {self.choice_name(choice)!r} in the texts "
                    f"({self.language}): give them different names in the table [category]"
                )

    def _values(self, values: Mapping[str, Value]) -> dict[str, str]:
        """Return values as text, with the decimal mark of the language."""
        mark = self.texts["numbers.decimal_mark"]
        return {
            name: f"{value:g}".replace(".", mark) if isinstance(value, float) else str(value)
            for name, value in values.items()
        }


def _instruction_name(instruction: str) -> str | None:
    """Return the name of a question in `observers.instructions.INSTRUCTIONS`, or None."""
    return next((name for name, text in INSTRUCTIONS.items() if text == instruction), None)
