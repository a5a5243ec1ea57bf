"""Which column of a table becomes which column of our trial log.

A user names columns with `--map`. The others are recognized by names that are common in published data (`NAMES`). A name is
compared without upper case, blanks and punctuation.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from analysis.io.importing.programs import JSPSYCH, PSYCHOPY, Program
from analysis.io.importing.tables import Table
from core.errors import LogError, UnknownName, UserError
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
        "category", "imagecategory", "truecategory", "correctresponse", "correctanswer", "corrans", "correctkey",
        "correctcategory", "correctlabel", "groundtruth", "truelabel", "trueclass", "correctresp", "corrresp",
        "label", "target", "gt", "truth", "kategorie",
    ),
    "observer": (
        "observer", "participant", "participantid", "subject", "subjectid", "subj", "subjid", "sub", "subid", "subjectnr",
        "participantnr", "ppt", "vp", "vpn", "vpnr", "vpnum", "versuchsperson", "proband", "workerid", "prolificpid",
        "prolificid", "participantcode", "pid", "runid", "model", "modelname",
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
PSYCHOPY_ENDS = {"response": (".keys", ".clicked_name"), "rt": (".rt", ".time"), "trial": (".thisN",)}
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


def recognize(table: Table, chosen: Mapping[str, str | None], program: Program) -> dict[str, str]:
    """Return the column of the table for each column of our log, including the chosen ones.

    Raises LogError if the table has two columns that are equally plausible.
    """
    normalized = {column: re.sub(r"[\W_]+", "", column.lower()) for column in table.columns}
    used = {column for column in chosen.values() if column is not None}
    mapping = {ours: column for ours, column in chosen.items() if column is not None}
    for ours, names in NAMES.items():
        if ours in chosen:
            continue
        for name in names:
            candidates = [column for column in table.columns if normalized[column] == name and column not in used]
            if len(candidates) > 1:
                raise _ambiguous(table, ours, candidates)
            if candidates:
                mapping[ours] = candidates[0]
                used.add(candidates[0])
                break
        if program is PSYCHOPY and ours in PSYCHOPY_ENDS and ours not in mapping:
            column = _column_of_psychopy(table, ours, mapping)
            if column is not None:
                mapping[ours] = column
                used.add(column)
    if program is JSPSYCH and "response" not in chosen:
        for name in ("response", "button_pressed", "key_press"):
            if name in table.columns:
                mapping["response"] = name
                break
    return mapping


def _column_of_psychopy(table: Table, ours: str, mapping: Mapping[str, str]) -> str | None:
    """Return the column of a component or of a loop of PsychoPy, or None if there is not exactly one for this purpose."""
    component = mapping.get("response", "").rpartition(".")[0]
    for end in PSYCHOPY_ENDS[ours]:
        candidates = [column for column in table.columns if column.endswith(end)]
        if ours == "rt":
            candidates = [column for column in candidates if column == f"{component}{end}"]
        if ours == "response":
            filled = {c: sum(bool(row[c]) for row in table.rows) for c in candidates}
            candidates = [column for column in candidates if filled[column]]
            if len(candidates) > 1:
                raise _ambiguous(table, ours, candidates)
        if len(candidates) == 1:
            return candidates[0]
    return None


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
        recognized = "; recognized are " + ", ".join(f"{a} ← {b}" for a, b in mapping.items()) if mapping else ""
        raise LogError(
            f"{table.path}: no column is recognized as the {' or the '.join(missing)}. Its columns are "
            f"{', '.join(table.columns)}{recognized}. Name what is missing with --map {example}"
        )


def unit_in_name(column: str) -> str:
    """Return the unit in the name of a column of response times, "s" or "ms", or "" if the name does not contain it."""
    match = _RT_UNIT.search(column.lower().rstrip(")] "))
    return "" if match is None else "ms" if match[1] else "s"


def is_confidence(column: str) -> bool:
    """Return whether a column contains the confidence of the observer."""
    return re.sub(r"[\W_]+", "", column.lower()) in CONFIDENCE
