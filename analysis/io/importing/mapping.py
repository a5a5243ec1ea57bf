"""Which column of a table becomes which column of our trial log.

A user names columns with `--map`. The others are recognized by names that are common in published data (`NAMES`). A name is
compared without upper case, blanks and punctuation.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from analysis.io.importing.components import response_of_psychopy
from analysis.io.importing.numbers import is_missing
from analysis.io.importing.programs import JSPSYCH, PSYCHOPY, Program
from analysis.io.importing.tables import Table
from core.errors import LogError, UnknownName, UserError
from core.names import name_problem
from core.trial_columns import INFO, MEASURED

# Column of our log -> names of columns in other tables, in the order of preference.
NAMES: Mapping[str, tuple[str, ...]] = {
    "stimulus": (
        "stimulus", "imagename", "image", "imagefile", "imageid", "imagepath", "imagefilename", "stimulusfile",
        "stimulusname", "stimulusid", "stim", "stimfile", "stimname", "stimid", "stimimage", "img", "imgname", "imgfile",
        "picture", "picturename", "pic", "photo", "filename", "file", "item", "bild", "reiz",
    ),
    "response": (
        "response", "objectresponse", "participantclassification", "participantresponse", "subjectresponse", "responselabel",
        "resp", "answer", "givenanswer", "choice", "chosen", "predlabel", "prediction", "predicted", "predictedlabel",
        "predictedcategory", "predictedclass", "buttonpressed", "keypressed", "keypress", "antwort",
    ),
    "category": (
        "category", "imagecategory", "truecategory", "correctresponse", "correctanswer", "correctans", "corrans",
        "correctkey", "correctcategory", "correctlabel", "groundtruth", "truelabel", "trueclass", "correctresp", "corrresp",
        "label", "target", "gt", "truth", "kategorie",
    ),
    "observer": (
        "observer", "participant", "participantid", "subject", "subjectid", "subj", "subjid", "sub", "subid", "subjectnr",
        "participantnr", "ppt", "vp", "vpn", "vpnr", "vpnum", "versuchsperson", "proband", "workerid", "prolificpid",
        "prolificid", "participantcode", "participantprivateid", "pid", "runid", "model", "modelname",
    ),
    "kind": ("kind", "observerkind"),
    "session": ("session", "sessionnumber", "sessionnr", "sitzung"),
    "block": ("block", "blocknumber", "blocknum", "blocknr", "blockn"),
    "trial": ("trial", "trialnumber", "trialnum", "trialnr", "trialn", "trialno", "trialid", "trialindex", "durchgang"),
    "condition": ("condition", "cond", "difficulty", "noiselevel", "level", "distortionlevel", "bedingung"),
    "rt": (
        "rt", "responsetime", "reactiontime", "rts", "rtsec", "rtseconds", "rtms", "rtmsec", "responsetimems",
        "reactiontimems", "responsetimes", "reactiontimes", "latency", "reaktionszeit",
    ),
    "shape": ("shape",),
    "texture": ("texture",),
}  # fmt: skip
REQUIRED = ("stimulus", "response")
# Columns of Psychopy that end in one of these texts, whose beginning is the name of a component or of a loop.
PSYCHOPY_ENDS = {"rt": (".rt", ".time"), "trial": (".thisN",)}
CONFIDENCE = ("confidence", "conf", "predconf", "certainty")
_RT_UNIT = re.compile(r"(ms|msec|milliseconds?)$|(?<=[ _(\[.])(s|sec|seconds?)$")


def parse_map(texts: Sequence[str], table: Table) -> dict[str, str | None]:
    """Return the column that each text OURS=THEIRS assigns; several are separated by commas.

    An empty name of a column means that the table does not have it.

    Raises:
        UserError: If a text is not of this form, or if a column of our log is assigned twice.
        UnknownName: If our log or the table does not have a column of this name.
    """
    chosen: dict[str, str | None] = {}
    for text in _split(texts, table.columns):
        ours, equals, theirs = (part.strip() for part in text.partition("="))
        if not equals:
            raise UserError(f"--map takes OURS=THEIRS, such as stimulus=image, got {text!r}")
        if ours not in NAMES and not ours.startswith((INFO, MEASURED)):
            raise UnknownName("column of a trial log", ours, NAMES, f"{MEASURED}NAME and {INFO}NAME are allowed too.")
        if problem := "lacks a name" if ours in (INFO, MEASURED) else name_problem(ours):
            raise UserError(f"--map: the column {ours!r} {problem}; choose another name")
        if ours in chosen:
            raise UserError(f"--map assigns {ours} twice, to {chosen[ours]!r} and to {theirs!r}: remove one")
        if theirs and theirs not in table.columns:
            raise UnknownName(f"filled column of {table.path.name}", theirs, table.columns)
        chosen[ours] = theirs or None
    return chosen


def _split(texts: Sequence[str], columns: Sequence[str]) -> Iterable[str]:
    """Yield the assignments in texts that are separated by commas, which a name of a column may contain."""
    for text in texts:
        if text.partition("=")[2].strip() in columns:
            yield text
        else:
            yield from (part for part in re.split(r",(?=\s*\w+\s*=)", text) if part.strip())


def normalize(column: str) -> str:
    """Return the name of a column in lower case and without blanks and punctuation."""
    return re.sub(r"[\W_]+", "", column.lower())


def columns_of(table: Table, ours: str) -> list[str]:
    """Return the columns of the table with one of the names that are common for a column of our log."""
    return [column for column in table.columns if normalize(column) in NAMES[ours]]


def recognize(table: Table, chosen: Mapping[str, str | None], program: Program) -> tuple[dict[str, str], list[str]]:
    """Return the column of the table for each column of our log, including the chosen ones, and notes about decisions.

    Raises LogError if the table has two columns that are equally plausible.
    """
    normalized = {column: normalize(column) for column in table.columns}
    notes: list[str] = []
    used = {column for column in chosen.values() if column is not None}
    mapping = {ours: column for ours, column in chosen.items() if column is not None}
    for ours, names in NAMES.items():
        if ours in chosen:
            continue
        column = _column_of_program(table, ours, mapping, program)
        if ours == "response" and program is PSYCHOPY:
            words = {row[name] for name in columns_of(table, "category") for row in table.rows}
            candidates, note = response_of_psychopy(table, mapping.get("stimulus"), words - {""})
            if len(candidates) > 1 and "stimulus" in mapping:
                raise _ambiguous(table, ours, candidates)
            column = candidates[0] if len(candidates) == 1 else None
            notes += [note] if note else []
        for name in names if column is None else ():
            candidates = [column for column in table.columns if normalized[column] == name and column not in used]
            if len(candidates) > 1:
                raise _ambiguous(table, ours, candidates)
            if candidates:
                column = candidates[0]
                break
        if column is not None and column not in used:
            mapping[ours] = column
            used.add(column)
    return mapping, notes


def _column_of_program(table: Table, ours: str, mapping: Mapping[str, str], program: Program) -> str | None:
    """Return the column of jsPsych, or of the component or a loop of PsychoPy, for a column of our log, or None."""
    if program is JSPSYCH and ours == "response":
        return next((name for name in ("response", "button_pressed", "key_press") if name in table.columns), None)
    if program is not PSYCHOPY or ours not in PSYCHOPY_ENDS:
        return None
    stimulus = mapping.get("stimulus")
    trials = [row for row in table.rows if stimulus is None or not is_missing(row[stimulus])]
    component = mapping.get("response", "").rpartition(".")[0]
    for end in PSYCHOPY_ENDS[ours]:
        candidates = [column for column in table.columns if column.endswith(end) and any(row[column] for row in trials)]
        if ours == "rt":
            candidates = [column for column in candidates if column == f"{component}{end}"]
        if ours == "trial":  # the loop of trials, and not a loop of blocks or of practice trials
            candidates = [c for c in candidates if len({row[c] for row in trials if row[c]}) == len(trials)]
        if len(candidates) == 1:
            return candidates[0]
    return None


def loops_of_psychopy(table: Table) -> dict[str, int]:
    """Return the loops of PsychoPy that contain only some of the rows, and the number of these rows."""
    n_rows = {
        column.removesuffix(".thisN"): sum(bool(row[column]) for row in table.rows)
        for column in table.columns
        if column.endswith(".thisN")
    }
    return {loop: n for loop, n in n_rows.items() if 0 < n < len(table.rows)}


def _ambiguous(table: Table, ours: str, candidates: Sequence[str]) -> LogError:
    return LogError(
        f"{table.path}: the columns {', '.join(candidates)} may all contain the {ours}; choose one, for example "
        f"--map {ours}={candidates[0]}"
    )


def check_complete(table: Table, mapping: Mapping[str, str], needed: Sequence[str]) -> None:
    """Raise LogError if one of the needed columns of our log is not assigned; the message shows the columns of the table."""
    missing = [ours for ours in needed if ours not in mapping]
    if missing:
        example = ",".join(f"{ours}=COLUMN" for ours in missing)
        empty = f"; empty are {', '.join(table.empty)}" if table.empty else ""
        recognized = "; recognized are " + ", ".join(f"{a} ← {b}" for a, b in mapping.items()) if mapping else ""
        raise LogError(
            f"{table.path}: no column is recognized as the {' or the '.join(missing)}. Its columns are "
            f"{', '.join(table.columns)}{empty}{recognized}. Name what is missing with --map {example}"
        )


def unit_in_name(column: str) -> str:
    """Return the unit in the name of a column of response times, "s" or "ms", or "" if the name does not contain it."""
    match = _RT_UNIT.search(column.lower().rstrip(")] "))
    return "" if match is None else "ms" if match[1] else "s"


def is_confidence(column: str) -> bool:
    """Return whether a column contains the confidence of the observer."""
    return normalize(column) in CONFIDENCE
