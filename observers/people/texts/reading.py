"""Read and check the texts of a session: those that come with the program, and those that a lab has edited.

A lab edits one TOML file per language. A file LANGUAGE.toml has one table per part of a session, such as [consent], and
the keys of `rules.RULES` in it. Long texts may be Markdown files instead: the text consent.text of LANGUAGE.toml is then
in the file LANGUAGE/consent.text.md of the same folder. Texts that are missing are those of the program in the same
language, or in English if the program does not have this language.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from attrs import frozen

from core.errors import UnknownName, UserError
from core.files import read_text
from observers.people.texts import markdown
from observers.people.texts.placeholders import PlaceholderError, find_placeholders
from observers.people.texts.rules import CATEGORY, RULES, TextRule
from observers.people.texts.session_texts import SessionTexts

FOLDER = Path(__file__).parent
DEFAULT_LANGUAGE = "en"
LANGUAGES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))  # of the texts that come with the program
MAX_BYTES = 1 << 20  # largest size of a file
MAX_LENGTH = 20_000  # largest number of characters of a text
MAX_LINE = 500  # largest number of characters of a text of one line
_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_INVISIBLE = "\u200c\u200d\u200e\u200f"  # joiners and marks of the direction of writing
_NAME_RULE = TextRule()


@frozen
class _Source:
    """A text in a file. `place` names the file and the line or key, for messages."""

    place: str
    text: object


def load_texts(language: str | None = None, path: Path | str | None = None) -> SessionTexts:
    """Read the texts of a session in one language.

    Args:
        language: Code of the language, such as "de". By default, the language of `path`, or English.
        path: A file of texts, or a folder with one file LANGUAGE.toml per language, which `observers texts` writes. By
            default, the texts that come with the program.

    Returns:
        The texts. Their `notes` say which texts the files do not contain.

    Raises:
        UnknownName: If texts in the language do not exist.
        UserError: If a file cannot be read, or if a text has an unknown key, is empty or too long, has an unknown
            placeholder, or lacks a required one.

    Example:
        >>> load_texts("de").line("buttons.continue")
        'Weiter'
    """
    if path is None:
        language = language or DEFAULT_LANGUAGE
        if language not in LANGUAGES:
            raise UnknownName("language", language, LANGUAGES, "Your own texts are read with --texts.")
        return _builtin(language)
    path = Path(path).expanduser()
    language, sources = _read_folder(path, language) if path.is_dir() else _read_file(path, language)
    base = _builtin(language if language in LANGUAGES else DEFAULT_LANGUAGE)
    texts = {key: _check(key, source) for key, source in sources.items()}
    missing = [key for key in base.texts if key not in texts and (key in RULES or language not in LANGUAGES)]
    notes = _missing_note(path, missing, base.language) + _version_note(path, texts, base)
    return SessionTexts(language, {**base.texts, **texts}, notes)


def _missing_note(path: Path, missing: list[str], base_language: str) -> tuple[str, ...]:
    """Return a note that names the texts that a file does not contain, or nothing."""
    if not missing:
        return ()
    names = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return (f"{path} does not contain {names}: the texts of the program ({base_language}) are shown instead",)


def _version_note(path: Path, texts: Mapping[str, str], base: SessionTexts) -> tuple[str, ...]:
    """Return a note if the text of the consent was edited and still has the version of the program's text, or nothing."""
    text, version = texts.get("consent.text", ""), texts.get("consent.version", base.texts["consent.version"])
    if not text or text == base.texts["consent.text"] or version != base.texts["consent.version"]:
        return ()
    return (
        f"{path}: the consent was edited but still has the version {version} of the program's text: set consent.version to "
        f"a version of your own, such as the date of the text",
    )


@cache
def _builtin(language: str) -> SessionTexts:
    """Return the texts that come with the program in one of LANGUAGES."""
    _, sources = _read_file(FOLDER / f"{language}.toml", language)
    return SessionTexts(language, {key: _check(key, source) for key, source in sources.items()})


def _read_folder(folder: Path, language: str | None) -> tuple[str, dict[str, _Source]]:
    """Return the language, and the texts in the TOML file and the Markdown files of this language in a folder."""
    languages = {path.stem for path in folder.glob("*.toml")} | {path.parent.name for path in folder.glob("*/*.md")}
    languages = {name for name in languages if _CODE.fullmatch(name)}
    if not languages:
        raise UserError(
            f"{folder} does not contain texts: expected a file such as en.toml; `observers texts --out {folder}` writes one"
        )
    if language is None:
        if len(languages) > 1 and DEFAULT_LANGUAGE not in languages:
            raise UserError(
                f"{folder} has texts in {', '.join(sorted(languages))}: choose one of the languages with --language"
            )
        language = DEFAULT_LANGUAGE if DEFAULT_LANGUAGE in languages else next(iter(languages))
    if language not in languages:
        raise UnknownName(f"language in {folder}", language, languages)
    file = folder / f"{language}.toml"
    sources = _read_file(file, language)[1] if file.is_file() else {}
    for path in sorted((folder / language).glob("*.md")):
        key = path.stem
        if key in sources:
            raise UserError(f"{path}: the text {key} is also in {sources[key].place}; remove one of them")
        if key not in RULES or not RULES[key].markdown:
            known = [name for name, rule in RULES.items() if rule.markdown]
            raise UnknownName(f"long text ({path})", key, known)
        sources[key] = _Source(str(path), _read(path))
    return language, sources


def _read_file(path: Path, language: str | None) -> tuple[str, dict[str, _Source]]:
    """Return the language and the texts of a TOML file."""
    content = _read(path)
    try:
        tables = tomllib.loads(content)
    except RecursionError:
        raise UserError(f"{path} is not a file of texts: its values are nested too deeply") from None
    except ValueError as error:  # also a whole number with more digits than Python converts
        raise UserError(f"{path} is not a valid TOML file: {error}") from None
    own = tables.pop("language", None)
    if not isinstance(own, str) or not _CODE.fullmatch(own):
        raise UserError(
            f'{path}: the language is {str(own)[:40]}, expected a line such as language = "en" before the first table'
        )
    if language is not None and own != language:
        raise UserError(
            f"{path} has texts in the language {own}, not {language}: use --language {own}, or another file"
        )
    return own, dict(_iter_sources(path, tables, content))


def _iter_sources(path: Path, tables: Mapping[str, object], content: str) -> Iterator[tuple[str, _Source]]:
    """Yield the key and the text of each entry in the tables of a file. Raises UserError for an unknown key."""
    for table, entries in tables.items():
        if not isinstance(entries, Mapping):
            raise UserError(
                f"{path}, line {_line_number(content, None, table)}: {table} is outside of a table; put it under a line "
                f"such as [{next(iter(RULES)).partition('.')[0]}]"
            )
        for name, text in entries.items():
            key, place = f"{table}.{name}", f"{path}, line {_line_number(content, table, name)}"
            if key not in RULES and not key.startswith(CATEGORY):
                raise UnknownName(f"text ({place})", key, RULES)
            yield key, _Source(place, text)


def _line_number(content: str, table: str | None, name: str) -> int:
    """Return the number of the line on which a key of a table is, for messages."""
    current = None
    key = re.compile(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=")
    for number, line in enumerate(content.splitlines(), start=1):
        if header := re.fullmatch(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?", line):
            current = header[1]
        elif current == table and key.match(line):
            return number
    return 1


def _read(path: Path) -> str:
    """Return the text of a file. Raises UserError if it cannot be read, is too large, or is not UTF-8."""
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path} has more than {MAX_BYTES:,} bytes: expected a file of texts")
        return read_text(path, "utf-8-sig")  # some editors write a byte order mark
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file in UTF-8: save it with this encoding") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; `observers texts` writes a file to edit") from None


def can_be_shown(character: str) -> bool:
    """Return whether a text may contain a character: a printable one, a space, a line break or a mark of the script."""
    return character.isprintable() or character in _INVISIBLE or character.isspace()


def _check(key: str, source: _Source) -> str:
    """Return a text in normalized form. Raises UserError, which names the file and line, if it breaks its rule."""
    place, text, rule = f"{source.place} ({key})", source.text, RULES.get(key, _NAME_RULE)
    if not isinstance(text, str):
        raise UserError(f"{place}: expected a text in quotation marks, got {str(text)[:40]}")
    text = unicodedata.normalize("NFC", text).strip()
    if not text and not rule.can_be_empty:
        raise UserError(f"{place}: the text is empty, but it is needed")
    limit = MAX_LENGTH if rule.markdown else MAX_LINE
    if len(text) > limit:
        raise UserError(f"{place}: the text has {len(text):,} characters, expected at most {limit:,}")
    if "\n" in text and not rule.markdown:
        raise UserError(f"{place}: the text has several lines, expected one line")
    for character in text:
        if not can_be_shown(character):
            raise UserError(f"{place}: the character U+{ord(character):04X} cannot be shown; remove it")
    try:
        names = find_placeholders(text)
        if rule.markdown:
            markdown.parse(text)
    except (PlaceholderError, markdown.MarkdownError) as error:
        raise UserError(f"{place}: {error}") from None
    if unknown := sorted(names - rule.placeholders):
        allowed = ", ".join(f"{{{name}}}" for name in sorted(rule.placeholders)) or "none"
        raise UserError(f"{place}: unknown placeholder {{{unknown[0]}}}; the placeholders of this text are: {allowed}")
    if lacking := sorted(rule.required - names) if text else []:
        raise UserError(f"{place}: the placeholder {{{lacking[0]}}} is missing; add it to the text")
    return text
