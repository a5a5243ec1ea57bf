"""Conversion of a table to the columns of our trial log, with a description of every decision.

Nothing is decided in silence: `Imported.lines` says which column became which, how observers, kinds, sessions, numbers of
trials and units were determined, and how many rows were dropped and why. What cannot be determined is refused with a message
that shows the option to use.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import evolve, field, frozen

from analysis.io.importing import mapping as columns
from analysis.io.importing.answers import Answers, convert_answers
from analysis.io.importing.checks import notes_of_trials
from analysis.io.importing.components import keep_first_responses
from analysis.io.importing.numbers import comma_to_point, infer_unit, is_missing, to_numbers
from analysis.io.importing.options import ImportOptions, Known, Source
from analysis.io.importing.people import (
    check_one_observer,
    check_single_runs,
    complete_observers,
    kinds_of,
    numbers_of_sessions,
    numbers_of_trials,
    observers_of,
)
from analysis.io.importing.programs import (
    JSPSYCH,
    PSYCHOPY,
    Program,
    media_in,
    recognize_program,
    single,
)
from analysis.io.importing.rows import count_rows, select_rows, trials_of
from analysis.io.importing.stimuli import Images, images_of
from analysis.io.importing.tables import Table, read_table
from core.errors import LogError
from core.files import read_bytes
from core.names import is_readable
from core.trial_columns import BY_NAME, INFO, MEASURED, NAMES
from stimuli.published.datasets import DATASETS
from stimuli.published.layouts.layout import info_cell, info_name, is_whole_number, plain_number

DIGITS = 9  # of a response time in seconds, so that 734.2 ms becomes 0.7342 s


@frozen
class Imported:
    """The trials of one file in the columns of our trial log.

    Attributes:
        source: The file.
        cells: The cells of all trials by column.
        places: The place of each trial in the file, for error messages.
        lines: The description of all decisions.
        choices: The choices of the trials, or () if they are not known.
    """

    source: Source
    cells: dict[str, list[str]]
    places: list[str]
    lines: list[str] = field(factory=list)
    choices: tuple[str, ...] = ()


def convert_file(path: Path, options: ImportOptions, known: Known) -> Imported:
    """Read a file and convert its trials.

    Args:
        path: The file.
        options: What the user says about the table.
        known: What the files of the import have in common. Each file adds its own.

    Returns:
        The trials and the description of all decisions.

    Raises:
        LogError: If the file cannot be read, or if a decision is not possible. The message shows the option to use.
        UserError: If the options contradict the file.
    """
    table = read_table(path, options.delimiter, options.encoding)
    complete, (table, unselected) = table, select_rows(table, options.where)
    program = recognize_program(table.columns)
    chosen = columns.parse_map(options.columns, table)
    if "observer" not in chosen:
        for name in columns.columns_of(table, "observer")[:1]:
            check_one_observer([row[name] for row in table.rows], options.observer, path, f"the column {name}")
    chosen |= {"observer": None} if options.observer else {}
    chosen |= {"kind": None} if options.kind else {}
    theirs, notes = columns.recognize(table, chosen, program)
    columns.check_complete(table, theirs, columns.REQUIRED)
    table, dropped = trials_of(complete_observers(table, theirs.get("observer")), theirs, program)
    if program is PSYCHOPY:
        table, note = keep_first_responses(table, [theirs[name] for name in ("response", "rt") if name in theirs])
        notes += [note] if note else []
    table = evolve(table, notes=[*table.notes, *notes])
    words = {row[theirs["category"]].strip() for row in complete.rows} - {""} if "category" in theirs else set[str]()
    conversion = _Conversion(table, program, theirs, options, known, words)
    return conversion.convert([*unselected, *dropped])


class _Conversion:
    """The conversion of one table, whose rows are all trials."""

    def __init__(
        self, table: Table, program: Program, theirs: dict[str, str], options: ImportOptions,
        known: Known, words: set[str],
    ) -> None:  # fmt: skip
        self.table, self.program, self.theirs, self.options = table, program, theirs, options
        self.known, self.words = known, words
        self.places = [f"{table.path}, line {line}" for line in table.lines]
        self.lines: list[str] = []
        self.notes = list(table.notes)
        self.cells: dict[str, list[str]] = {}

    def column(self, ours: str) -> list[str]:
        """Return the cells of the column that is assigned to a column of our log; empty cells if it lacks one."""
        name = self.theirs.get(ours)
        return [""] * len(self.table.rows) if name is None else [row[name] for row in self.table.rows]

    def say(self, ours: str, decision: str) -> None:
        """Add the description of a decision."""
        self.lines.append(f"  {ours:<18} ← {decision}")

    def convert(self, dropped: Sequence[str]) -> Imported:
        """Return the trials. `dropped` describes the rows that are not trials."""
        table, n = self.table, len(self.table.rows)
        program = f", {self.program.name}" if self.program.name else ""
        self.lines.append(f"{table.path.name}: {table.form}, {n} trial{'s' if n > 1 else ''}{program}")
        self.cells["experiment"] = [self.options.dataset] * n
        self._people()
        images = images_of(self.column("stimulus"), self.options.dataset, self.known)
        self.say(
            "stimulus", f"{self.theirs['stimulus']}{images.remark} ({_count(images.names, 'stimulus', 'stimuli')})"
        )
        self.cells["stimulus"] = images.names
        has_comma = self._times()
        self._condition(has_comma)
        answers = self._answers(images)
        self._cues(images)
        self._further_columns()
        if dropped:
            self.lines.append(f"  dropped: {', '.join(dropped)}")
        loops = columns.loops_of_psychopy(table)
        if loops:
            shown = ", ".join(f"{loop} ({count_rows(number)})" for loop, number in loops.items())
            self.lines.append(
                f"  note: the trials are from the loops {shown}; --where LOOP.thisN keeps those of one loop"
            )
        words = self.words | set(answers.choices)
        checks = notes_of_trials(self.cells, table, self.places, self.theirs["response"], words)
        self.lines.extend(f"  note: {note}" for note in (*self.notes, *checks))
        ordered = {name: self.cells.pop(name, [""] * n) for name in NAMES}
        _check_texts(ordered, self.places)
        sha256 = hashlib.sha256(read_bytes(table.path)).hexdigest()
        source = Source(table.path, sha256, table.form, self.program.name, dict(self.theirs))
        return Imported(source, ordered | self.cells, self.places, self.lines, answers.choices)

    def _people(self) -> None:
        """Convert observer, kind, session, block and trial."""
        observers, decision = observers_of(
            self.column("observer"), self.options.observer, self.table.path, self.theirs.get("observer")
        )
        self.cells["observer"] = observers
        self.say("observer", decision)
        images = [media_in(cell) or cell for cell in self.column("stimulus")]
        kinds, decision = kinds_of(self.column("kind"), observers, images, self.options.kind, self.program, self.table)
        self.cells["kind"] = kinds
        self.say("kind", f"{self.theirs['kind']}" if "kind" in self.theirs and self.options.kind is None else decision)
        sessions, decision = numbers_of_sessions(
            self.column("session"), observers, self.theirs.get("session"), self.known.sessions
        )
        self.cells["session"] = sessions
        self.say("session", decision)
        if decision.startswith("the order"):
            self.cells[f"{INFO}session"] = [info_cell(cell) for cell in self.column("session")]
        keys = list(zip(observers, sessions, strict=True))
        name = self.theirs.get("trial")
        is_chosen = any(text.replace(" ", "").startswith("trial=") for text in self.options.columns)
        if self.program is JSPSYCH and not is_chosen:
            check_single_runs(self.table, keys, self.places)
        trials, decision = numbers_of_trials(self.column("trial"), keys, self.places, name, is_chosen=is_chosen)
        self.cells["trial"] = trials
        self.say("trial", decision)
        if name is not None and decision.startswith("the order"):
            self.cells[info_name(name)] = [info_cell(cell) for cell in self.column("trial")]
        blocks = [plain_number(cell) for cell in self.column("block")]
        if "block" in self.theirs:
            is_number = all(is_whole_number(cell) or is_missing(cell) for cell in blocks)
            self.cells["block" if is_number else f"{INFO}block"] = [info_cell(cell) for cell in blocks]
            self.say("block" if is_number else f"{INFO}block", self.theirs["block"])

    def _times(self) -> bool:
        """Convert response times to seconds, and return whether they have decimal commas."""
        name = self.theirs.get("rt")
        if name is None:
            self.say("rt", "missing")
            return self.options.decimal == ","
        cells = [single(cell) for cell in self.column("rt")]
        numbers, has_comma = to_numbers(cells, self.places, self.options.decimal)
        if self.program is JSPSYCH:
            numbers = [None if number is not None and number < 0 else number for number in numbers]
        unit, reason = self.options.rt_unit or self.program.rt_unit or columns.unit_in_name(name), ""
        if not unit:
            unit, reason = infer_unit(numbers, self.cells["observer"], f"{self.table.path}, column {name}")
        factor = 1000.0 if unit == "ms" else 1.0
        self.cells["rt"] = ["" if number is None else repr(round(number / factor, DIGITS)) for number in numbers]
        comma = ", with decimal commas" if has_comma else ""
        unit_name = "milliseconds" if unit == "ms" else "seconds"
        self.say("rt", f"{name} in {unit_name}{f', {reason}' if reason else ''}{comma}")
        return has_comma

    def _condition(self, has_comma: bool) -> None:
        """Convert the condition, which is text. Numbers get their shortest form: `3.0` becomes `3`, and `0,10` `0.1`."""
        name = self.theirs.get("condition")
        texts = [comma_to_point(cell) if has_comma else cell.strip() for cell in self.column("condition")]
        texts = ["" if is_missing(cell) and cell.lower() not in ("inf", "-inf") else cell for cell in texts]
        table = DATASETS.get(self.options.dataset)
        if table is not None:
            try:
                known = {text: table.canonical(comma_to_point(text)) for text in dict.fromkeys(texts)}
            except ValueError as error:
                raise LogError(f"{self.table.path}: {error}; name its column with --map condition=COLUMN") from None
            texts = [known[text] for text in texts]
        elif _are_numbers(texts):
            texts = [plain_number(comma_to_point(text)) for text in texts]
        self.cells["condition"] = texts
        self.say("condition", "missing" if name is None else f"{name} ({_count(texts, 'condition', 'conditions')})")

    def _answers(self, images: Images) -> Answers:
        """Convert category and response."""
        if "category" not in self.theirs and not images.categories:
            columns.check_complete(self.table, self.theirs, ("category",))
        if "category" in self.theirs:
            categories, origin = self.column("category"), self.theirs["category"]
        else:
            categories, origin = images.categories, "the names of the images"
        answers = convert_answers(
            self.table,
            self.theirs["response"],
            categories,
            self.places,
            self.program,
            self.options,
            origin,
            self.words,
        )
        self.cells["category"], self.cells["response"] = answers.categories, answers.responses
        n_different = sum(a != b for a, b in zip(answers.categories, images.categories, strict=False))
        if n_different:
            self.notes.append(
                f"the category differs from that in the name of the image in {n_different} of {len(images.names)} trials; "
                f"to use the names, add --map category="
            )
        self.say("category", f"{origin} ({_count(answers.categories, 'category', 'categories')})")
        self.say("response", f"{self.theirs['response']}{answers.remark}")
        n_missing = answers.responses.count("")
        self.lines.append(f"  missing responses: {n_missing} of {len(answers.responses)}")
        is_code = [
            rt.startswith("-") and not r for rt, r in zip(self.cells.get("rt", ()), answers.responses, strict=False)
        ]
        if any(is_code):
            self.cells["rt"] = ["" if code else rt for rt, code in zip(self.cells["rt"], is_code, strict=True)]
            self.lines.append("  negative response times of missing responses are missing values")
        return answers

    def _cues(self, images: Images) -> None:
        """Add shape and texture, from columns or from the names of the images of a published dataset."""
        for cue in ("shape", "texture"):
            if cue in self.theirs:
                self.cells[cue] = ["" if is_missing(cell) else cell for cell in self.column(cue)]
                self.say(cue, self.theirs[cue])
            elif images.cues:
                self.cells[cue] = [cues.get(cue, "") for cues in images.cues]
                self.say(cue, "the names of the images")

    def _further_columns(self) -> None:
        """Keep all other columns as information, and the confidence of the observer as a measurement."""
        used = {name for ours, name in self.theirs.items() if not ours.startswith((INFO, MEASURED))}
        kept: list[str] = []
        ours_of = {name: ours for ours, name in self.theirs.items() if ours.startswith((INFO, MEASURED))}
        for name in self.table.columns:
            if name in used:
                continue
            cells = [row[name] for row in self.table.rows]
            if not any(cells):
                continue
            ours = ours_of.get(name) or self._new_name(name, cells)
            if ours.startswith(MEASURED):
                numbers, _ = to_numbers(cells, self.places, self.options.decimal)
                self.cells[ours] = ["" if number is None else repr(number) for number in numbers]
            else:
                self.cells[ours] = [info_cell(cell) for cell in cells]
            if ours == info_name(name):
                kept.append(name)
            else:
                self.say(ours, name)
        if kept:
            self.lines.append(f"  kept as {INFO}NAME: {', '.join(kept)}")

    def _new_name(self, name: str, cells: Sequence[str]) -> str:
        """Return a name in our log for a further column that is not yet taken."""
        ours = info_name(name)
        if name.lower().startswith(MEASURED) or name.lower().startswith(INFO):
            ours = name.lower()
        elif columns.is_confidence(name) and _are_numbers(cells):
            ours = f"{MEASURED}confidence"
        number, unique = 1, ours
        while unique in self.cells:
            number += 1
            unique = f"{ours}_{number}"
        return unique


def _check_texts(cells: Mapping[str, Sequence[str]], places: Sequence[str]) -> None:
    """Raise LogError if a text is not one that a trial log can contain."""
    for name, column in BY_NAME.items():
        for cell, place in zip(cells[name], places, strict=True):
            is_empty = not cell and not column.can_be_empty
            if column.type == "text" and (is_empty or not is_readable(cell)):
                raise LogError(f"{place}: the {name} is {cell[:80]!r}, expected text without line breaks")


def _count(texts: Sequence[str], singular: str, plural: str) -> str:
    n = len(set(texts))
    return f"{n} {plural if n > 1 else singular}"


def _are_numbers(cells: Sequence[str]) -> bool:
    try:
        to_numbers(cells, [""] * len(cells), None)
    except LogError:
        return False
    return True
