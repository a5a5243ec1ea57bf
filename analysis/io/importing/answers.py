"""Responses and categories in tables of other programs: missing answers, keys, and numbers of buttons."""

import re
import unicodedata
from collections.abc import Mapping, Sequence, Set

from attrs import frozen

from analysis.io.importing.mapping import columns_of
from analysis.io.importing.numbers import is_missing
from analysis.io.importing.options import ImportOptions
from analysis.io.importing.programs import JSPSYCH, Program, choices_of_row, single
from analysis.io.importing.tables import Table
from core.errors import LogError
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.published.datasets import DATASETS
from stimuli.published.layouts.layout import plain_number

NO_GO = "none"  # PsychoPy's word for the correct answer of a trial to which people should not respond
NO_ANSWER = ("timeout", "no response", "noresponse", "no_response", "missing", "no answer")
# Numbers of keys that old versions of jsPsych record.
KEYS = {13: "enter", 32: "space", 37: "arrowleft", 38: "arrowup", 39: "arrowright", 40: "arrowdown"}
MAX_SHOWN = 6


@frozen
class Answers:
    """Responses and categories of the trials.

    Attributes:
        categories: The category of each trial.
        responses: The response of each trial, "" if it is missing.
        choices: The choices, or () if they are not known.
        remark: How responses were converted, for the description of the import.
    """

    categories: list[str]
    responses: list[str]
    choices: tuple[str, ...]
    remark: str


def convert_answers(
    table: Table, response: str, categories: Sequence[str], places: Sequence[str], program: Program,
    options: ImportOptions, origin: str, words: Set[str] = frozenset(),
) -> Answers:  # fmt: skip
    """Return responses and categories in the same words.

    Args:
        table: The table, whose rows are all trials.
        response: Name of the column of responses.
        categories: The category of each trial as the table has it.
        places: The place of each trial in the file.
        program: The program that wrote the table.
        options: The options of the import; `answers` says what responses stand for.
        origin: Where the categories come from, for error messages.
        words: Categories of other rows, with which responses may agree.

    Raises:
        LogError: If a category is missing, if a response is not in `answers`, or if no response is one of the categories.
    """
    for category, place in zip(categories, places, strict=True):
        if is_missing(category) and category.strip().lower() != NO_GO:
            raise LogError(
                f"{place}: the category in {origin} is missing; complete it, or use another column with "
                f"--map category=COLUMN"
            )
    categories = [_text(category) for category in categories]
    here = set(categories)
    raw = [_text(single(row[response])) for row in table.rows]
    responses = ["" if _is_no_answer(cell, here) or (cell == "-1" and program is JSPSYCH) else cell for cell in raw]
    labels = [choices_of_row(row) for row in table.rows] if program is JSPSYCH else [None] * len(table.rows)
    remark = ""
    if response == "key_press":
        responses = [_key(cell) for cell in responses]
    if options.answers:
        responses = _translate_all(responses, options.answers, places, here)
        converted = [options.answers.get(category, category) for category in categories]
        remark = f", {', '.join(f'{key} = {word}' for key, word in options.answers.items())}"
    elif any(labels):
        responses = [_label(cell, names) for cell, names in zip(responses, labels, strict=True)]
        converted = [_label(cell, names) for cell, names in zip(categories, labels, strict=True)]
        remark = ", numbers of buttons converted to their labels" if responses != raw else ""
    else:
        converted = list(categories)
    if all(_is_number(word) for word in {*responses, *converted} - {""}):  # 1.0 and 1 are the same key
        converted, responses = [plain_number(word) for word in converted], [plain_number(word) for word in responses]
    vocabulary = {*converted, *words, *(CATEGORIES if options.dataset in DATASETS else ())}
    spelled = _spell(responses, vocabulary)
    if spelled != responses:
        responses = spelled
        remark += ", with the upper and lower case of the categories"
    if set(converted) <= set(options.answers.values()):
        vocabulary |= set(options.answers.values())
    _check_words(responses, converted, vocabulary, table, program)
    return Answers(converted, responses, _choices(options, labels), remark)


def _text(cell: str) -> str:
    """Return a cell without blanks and quotation marks at its ends, and a whole number without `.0`.

    Letters with accents have one form, since macOS writes two.
    """
    text = unicodedata.normalize("NFC", cell).strip()
    quoted = re.fullmatch(r"""(["'])(.+)\1""", text)
    text = quoted[2] if quoted else text
    return text.partition(".")[0] if re.fullmatch(r"[+-]?\d+\.0+", text) else text


def _spell(responses: Sequence[str], vocabulary: Set[str]) -> list[str]:
    """Return responses in the upper and lower case of the only word that is equal otherwise."""
    words: dict[str, set[str]] = {}
    for word in vocabulary:
        words.setdefault(word.lower(), set()).add(word)
    only = {lower: next(iter(same)) for lower, same in words.items() if len(same) == 1}
    return [response if response in vocabulary else only.get(response.lower(), response) for response in responses]


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(?:\.\d*)?", text) is not None


def _is_no_answer(cell: str, words: set[str]) -> bool:
    return cell not in words and (is_missing(cell) or cell.lower() in NO_ANSWER)


def _key(cell: str) -> str:
    """Return the key with the number that old versions of jsPsych record."""
    if not cell.isdecimal():
        return cell
    return KEYS.get(int(cell), chr(int(cell)).lower())


def _translate_all(
    responses: Sequence[str], answers: Mapping[str, str], places: Sequence[str], words: set[str]
) -> list[str]:
    """Return what responses stand for. Raises LogError for a response that is neither in `answers` nor a category."""
    for response, place in zip(responses, places, strict=True):
        if response and response not in answers and response not in words and response not in answers.values():
            raise LogError(f"{place}: the response {response[:80]!r} is not in --answers {','.join(answers)}; add it")
    return [answers.get(response, response) for response in responses]


def _label(cell: str, labels: Sequence[str] | None) -> str:
    """Return the label of the button with a number, which starts at 0, or the cell if it is not a number."""
    if labels is None or not cell.isdecimal() or cell in labels or int(cell) >= len(labels):
        return cell
    return labels[int(cell)]


def _choices(options: ImportOptions, labels: Sequence[Sequence[str] | None]) -> tuple[str, ...]:
    """Return the choices of the trials if they are known: those of the dataset, the answers or the buttons."""
    if options.dataset in DATASETS:
        return CATEGORIES
    different = {tuple(sorted(set(names))) for names in labels if names}
    if len(different) == 1 and all(labels):
        return next(iter(different))
    return tuple(dict.fromkeys(options.answers.values()))


def _check_words(
    responses: Sequence[str], converted: Sequence[str], vocabulary: Set[str], table: Table, program: Program
) -> None:
    """Raise LogError if no response is one of the categories, since they are then recorded in different words."""
    different, categories = set(responses) - {""}, set(converted)
    if not different or different & vocabulary or categories == {AMBIGUOUS}:
        return
    numbers = all(response.isdecimal() for response in different)
    what = "are numbers of buttons whose labels the file does not contain" if numbers and program is JSPSYCH else "are"
    raise LogError(
        f"{table.path}: no response is one of the categories. The responses {what} {_show(different)}, the categories are "
        f"{_show(categories)}. {_advice(different, converted, table)}"
    )


def _advice(responses: set[str], categories: Sequence[str], table: Table) -> str:
    """Return what to do if responses and categories are different words.

    Another column may contain the correct responses, such as the keys. If every key stands for one category, the message
    says which.
    """
    example = ",".join(f"{response}=CATEGORY" for response in sorted(responses)[:2])
    for name in columns_of(table, "category"):
        keys = [_text(row[name]) for row in table.rows]
        if not responses & set(keys):
            continue
        pairs = dict(sorted(zip(keys, categories, strict=True)))
        is_unique = len(set(zip(keys, categories, strict=True))) == len(pairs) == len(set(pairs.values()))
        answers = ",".join(f"{key}={category}" for key, category in pairs.items()) if is_unique else example
        return f"The column {name} contains the responses: use --map category={name}, or --answers {answers}"
    same = ",".join(f"{word}={word}" for word in sorted({*responses, *categories})[:3])
    return (
        f"Say what the responses stand for, for example --answers {example}; if all responses are wrong, "
        f"list every response and category, for example --answers {same}"
    )


def _show(texts: set[str]) -> str:
    shown = sorted(texts)[:MAX_SHOWN]
    return ", ".join(shown) + (", …" if len(texts) > len(shown) else "")
