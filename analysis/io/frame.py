"""Reads trial logs of any supported format into one validated table, the frame, which all measures take as input.

A frame has one row per trial and the columns `core.trial_columns.FRAME_COLUMNS`. Text stays text: `condition` is
never a number or a truth value, and a missing response is "". `rt` is in seconds, and `correct` is whether the
response equals the category. If a log has further columns, these follow: cue columns of the stimulus set (such as
`shape` and `texture`), `evidence_<choice>` and `measured_<quantity>`, and `info_<name>`: text about the observer or
the trial that the files of other projects contain, such as `info_age`, by which observers can be grouped. A missing
text is "". These columns are not cues. If a log was made with a part of the noise schedule, `info_levels` and `info_model`
contain the noise levels and the model of denoisers (`analysis.noise_levels`).

Columns of text have the dtype `category` of pandas, which stores every text once and a small number per trial. The
categories of a column are the texts that occur in it, in alphabetical order, so that sorting and grouping give the
order of texts. `category`, `response` and the cues have the same categories, so that `frame["response"] ==
frame["shape"]` works. A part of a frame keeps the categories of the whole frame: use `unique()` to get the texts that
occur in it. pandas refuses to join such columns with `+` and to put new texts into them, and `map` may return
categories, too; `column.astype("str")` returns plain text. Measures accept frames with either dtype, and the tables
that they return have plain text.

`frame.attrs["notes"]` lists limitations of the data: incomplete logs, simulated observers, excluded pilot sessions,
images that an observer saw in several sessions, people excluded by rules, and an assumed number of choices. An observer
is identified by dataset and name: the observers `subject-01` of two datasets are different people.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.exclusions import apply_exclusions
from analysis.io.answerable import exclude_unanswerable
from analysis.io.appearance import appearance_of
from analysis.io.choices import store_n_choices
from analysis.io.columns import as_text
from analysis.io.comparable import comparison_notes
from analysis.io.log_files import IncompleteLogs, Reader, has_log_name
from analysis.io.notes import add_notes
from analysis.io.repeated import repeated_note
from analysis.noise_levels import add_noise_levels
from core.errors import LogError, UnknownName
from core.kinds import KINDS, Kind
from core.staging import READY, WRITING
from experiments import log
from stimuli.published.datasets import DATASETS, data_folders, find
from stimuli.published.included import find_included
from stimuli.published.layouts.canonical import Corrections
from stimuli.published.layouts.finding_notes import finding_notes
from stimuli.published.layouts.other_tables import may_be_table
from stimuli.published.recordings import SOURCES

NO_CORRECTIONS = Corrections()
MAX_NAMED_LOGS = 2  # if more logs are incomplete, a note gives their number instead of their names


def read_trials(
    *logs: Path | str | Iterable[Path | str], ambiguous: bool = False, n_choices: int | None = None,
    kinds: Mapping[str, Kind] | None = None, replace: Mapping[str, Mapping[str, str]] | None = None,
    exclusions: Path | str = "declared", attention_checks: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Read trial logs into one frame.

    The files may be our own trial logs, archives, and files with any other layout of
    `stimuli.published.layouts.table`, such as CSV files of model-vs-human, in any mixture. Pilot sessions are
    excluded. `attrs["notes"]` lists all exclusions and limitations of the data, and each of them is also a
    `DataWarning`.

    Args:
        logs: Files, which may be compressed with gzip, and folders that are searched recursively; also lists of them. Other
            files in a folder are skipped and counted in a note, but a file that is named here must be a trial log. A path
            that is not in the current folder is looked up in the data folders, so that "humans/edge" and "networks/edge" are
            the recorded people and networks, and "vlm/vqa" are recorded vision-language models. "microcosm" stands for the
            recorded models that come with the installation, and "microcosm/microcosm-edge" for one of their experiments.
        ambiguous: Include trials whose image does not have a correct answer (illusions).
        n_choices: Number of choices of the datasets whose logs do not record it (see `analysis.io.choices`).
        kinds: Kinds of observers whose kind is inferred wrongly, such as {"1": "human"}. A dataset may precede the name,
            as in "mine:1".
        replace: Texts to replace by column, such as {"condition": {"0": ""}, "response": {"plane": "airplane"}}. The columns
            are dataset, condition, category and response.
        exclusions: "declared" to exclude people by the rules that were declared before their sessions, "none" to keep
            everybody, or a file of rules (see `experiments.exclusion_rules`).
        attention_checks: Include attention checks, which are not part of any measure.

    Returns:
        The frame: one row per trial, with the columns that `analysis.io.frame` describes.

    Raises:
        LogError: If a path does not exist, if a file is damaged or occurs twice, if logs contradict each other (one
            observer with two kinds, or one dataset name for different images), if no trials remain, or if `kinds` or
            `replace` do not apply to any trial. The message names the file.
        UserError: If the file of exclusion rules is not valid.

    Example:
        >>> frame = read_trials("logs", "humans/edge")
        >>> frame.attrs["notes"]
    """
    corrections = Corrections(kinds or {}, replace or {})
    reader = collect(*logs, corrections=corrections)
    frame = to_frame(reader, n_choices)
    frame = apply_exclusions(frame, reader.sessions, exclusions, attention_checks=attention_checks)
    frame = frame if ambiguous else exclude_unanswerable(frame)
    add_notes(frame, frame.attrs["notes"])
    return frame


def collect(*logs: Path | str | Iterable[Path | str], corrections: Corrections = NO_CORRECTIONS) -> Reader:
    """Read the trials of logs, which `to_frame` then checks and converts. Raises the errors of `read_trials`."""
    requested = [_locate(path) for path in _flatten(logs) if str(path)]
    reader = Reader.with_corrections(corrections)
    seen: set[Path] = set()
    files, n_unmerged = _find_files(requested)
    if n_unmerged:
        reader.notes.append(
            f"{n_unmerged} part logs of shards are not merged and were skipped: run `observers merge` with their folder"
        )
    for file, must_be_log in files.items():
        if file.resolve() not in seen:
            seen.add(file.resolve())
            reader.read_file(file, must_be_log)
    reader.notes.extend([*reader.skipped_notes(), *reader.recording_notes()])
    places = ", ".join(map(str, requested)) or "an empty list"
    if not reader.columns.blocks and reader.pilots:
        raise LogError(
            f"{places} contains only pilot sessions, which are excluded from analysis: {reader.list_pilots()}"
        )
    if not reader.columns.blocks:
        remarks = "".join(f"; {note}" for note in reader.notes)
        raise LogError(f"found no trials in {places}; pass trial logs, or folders that contain them{remarks}")
    reader.texts.finish()
    reader.notes.extend(finding_notes(reader.texts.canonical.findings, can_correct=True))
    return reader


def to_frame(reader: Reader, n_choices: int | None = None) -> pd.DataFrame:
    """Return the trials of a reader as one frame with its notes, including images without a correct answer.

    The reader is empty afterwards. Raises LogError if logs contradict each other.
    """
    frame = add_noise_levels(reader.columns.to_frame(), reader.noise_levels)
    _check_one_kind_per_observer(frame)
    _check_duplicate_trials(frame)
    _check_repeated_observers(frame)
    notes = [*reader.notes, *_incomplete_log_notes(reader.incomplete)]
    if reader.pilots:
        notes.append(f"pilot sessions are excluded: {reader.list_pilots()}")
    notes += [*simulated_observers_note(frame), *repeated_note(frame), *comparison_notes(frame, reader.guessed)]
    notes += store_n_choices(frame, reader.n_choices, n_choices)
    frame.attrs["notes"], frame.attrs["simulated_are_noted"] = notes, True
    return frame


def simulated_observers_note(frame: pd.DataFrame) -> list[str]:
    """Return a note that names the simulated observers of a frame, or an empty list if it has none."""
    names = sorted(set(frame.loc[frame["kind"] == "simulated", "observer"]))
    return (
        [f"simulated observers are included (their responses are not measurements): {', '.join(names)}"]
        if names
        else []
    )


def _flatten(logs: Iterable[Path | str | Iterable[Path | str]]) -> Iterator[Path | str]:
    """Yield every path, including the paths in lists. Raises LogError for other objects."""
    for item in logs:
        parts = item if isinstance(item, Iterable) and not isinstance(item, str | pd.DataFrame) else (item,)
        for part in parts:
            if not isinstance(part, str | Path):
                raise LogError(
                    f"expected the path of a trial log or of a folder, or a list of paths, got {type(part).__name__}"
                )
            yield part


def _locate(log_or_folder: Path | str) -> Path:
    """Return the path if it exists, and otherwise the same path in a data folder. Raise LogError if neither exists."""
    path = Path(log_or_folder)
    if path.is_file() or path.is_dir():
        return path
    recorded = None if path.is_absolute() else find(*path.parts)
    if recorded is None and not path.is_absolute():
        recorded = find_included(*path.parts)
    if recorded is None:
        folders = "" if path.is_absolute() else f" in {' or '.join(map(str, [Path.cwd(), *data_folders()]))}"
        part = path.parts[0] if path.parts else ""
        hint = f"; run `observers fetch {part}` to get its files" if part in SOURCES else ""
        raise LogError(f"there is no trial log or folder {path}{folders}{hint}")
    return recorded


def _find_files(requested: list[Path]) -> tuple[dict[Path, bool], int]:
    """Return the files to read, and the number of part logs in the folders that are not merged yet.

    The value of a file is True if it was requested by name, so that it must be a trial log.
    """
    files: dict[Path, bool] = {}
    unmerged: set[Path] = set()
    for path in requested:
        if path.is_dir():
            in_folder = sorted(
                file
                for file in path.rglob("*")
                if (has_log_name(file) or may_be_table(file)) and not {WRITING, READY} & {*file.relative_to(path).parts}
            )
            parts = {file for file in in_folder if file.parent.suffix == log.SHARDS}
            unmerged |= {file for file in parts if has_log_name(file) and not file.parent.with_suffix(".csv").exists()}
            others = (file for file in in_folder if file not in files and file not in parts)
            files |= {file: False for file in others if file.is_file()}
        else:
            files[path] = True
    return files, len(unmerged)


def _incomplete_log_notes(incomplete: IncompleteLogs) -> Iterator[str]:
    for (dataset, n, n_trials), names in incomplete.items():
        if len(names) <= MAX_NAMED_LOGS:
            yield from (f"incomplete: {name} has only {n} of {n_trials} trials" for name in names)
        else:
            yield f"incomplete: {len(names)} logs of {dataset} have only {n} of {n_trials} trials"


def _check_one_kind_per_observer(frame: pd.DataFrame) -> None:
    observers = frame[["dataset", "observer", "kind"]].drop_duplicates()
    repeated = observers[observers.duplicated(["dataset", "observer"])]
    if len(repeated):
        name, dataset = repeated.iloc[0]["observer"], repeated.iloc[0]["dataset"]
        raise LogError(
            f"these logs contain two observers of {dataset} with the same name, {name}, but of different kinds; "
            f"pass only the logs of one of them"
        )


def _check_duplicate_trials(frame: pd.DataFrame) -> None:
    key = ["dataset", "observer", "session", "trial"]
    is_duplicate = frame.duplicated(key) & frame["trial"].notna()
    if is_duplicate.any():
        trial = frame[is_duplicate].iloc[0]
        is_same = np.logical_and.reduce([(frame[name] == trial[name]).to_numpy(bool, na_value=False) for name in key])
        files = list(dict.fromkeys(frame.loc[is_same, "source"]))
        remedy = "pass only one of them" if len(files) > 1 else "remove one of the two rows"
        raise LogError(
            f"trial {trial['trial']} of {trial['observer']}, session {trial['session']} of {trial['dataset']} occurs twice, "
            f"in {' and in '.join(files)}; {remedy}"
        )


def _check_repeated_observers(frame: pd.DataFrame) -> None:
    """Raise LogError if two files without numbers of trials contain the same images of one observer."""
    unnumbered = frame[frame["trial"].isna()]
    key = ["dataset", "observer", "session", "stimulus", "condition"]
    is_repeated = unnumbered.duplicated(key) & ~unnumbered.duplicated([*key, "source"])
    if is_repeated.any():
        trial = unnumbered[is_repeated].iloc[0]
        is_same = (unnumbered["dataset"] == trial["dataset"]) & (unnumbered["observer"] == trial["observer"])
        files = list(dict.fromkeys(unnumbered.loc[is_same & (unnumbered["stimulus"] == trial["stimulus"]), "source"]))
        raise LogError(
            f"{trial['observer']} of {trial['dataset']} has two responses to {trial['stimulus']}, in "
            f"{' and in '.join(files)}; pass only one of the files, or rename one of them so that its observer has "
            f"another name"
        )


def condition_order(dataset: str, conditions: Iterable[str]) -> list[str]:
    """Return the unique conditions in their published order.

    Conditions of an unpublished dataset are sorted by the numbers in their names; names without numbers keep their
    order.
    """
    unique = list(dict.fromkeys(conditions))
    if dataset in DATASETS:
        published = [c.name for c in DATASETS[dataset].conditions]
        return [c for c in published if c in unique] + [c for c in unique if c not in published]
    return sorted(unique, key=number_key)


def number_key(condition: str) -> tuple[float, list[tuple[str, float]]]:
    """Return a sort key that puts 0.35 before 10 before inf, c05 before c30 before c100, and 8-10-10 before 16-10-10."""
    with suppress(ValueError):
        if not math.isnan(number := float(condition)):
            return number, []
    parts = re.findall(r"(\D*)(\d*\.?\d*)", condition)
    has_number = any(number.strip(".") for _, number in parts)
    return math.inf, [
        (text, float(number) if number.strip(".") else 0.0) for text, number in parts
    ] if has_number else []


def dataset_order(datasets: Iterable[str]) -> list[str]:
    """Return the unique datasets: published ones in the order of `DATASETS`, then the others sorted by name."""
    unique = set(datasets)
    return [name for name in DATASETS if name in unique] + sorted(unique - set(DATASETS))


def observer_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the unique pairs of `observer` and `kind` in a frame, sorted by kind (people first) and then by name.

    If the frame has an order of observers (see `analysis.io.appearance`), these are first and in that order.
    """
    observers = as_text(frame[["observer", "kind"]].drop_duplicates())
    rank = observers["kind"].map({kind: i for i, kind in enumerate(KINDS)})
    observers = observers.assign(rank=rank).sort_values(["rank", "observer"])[["observer", "kind"]]
    ranks = appearance_of(frame).ranks()
    if ranks:
        place = observers["observer"].map(ranks).fillna(len(ranks)).to_numpy()
        observers = observers.iloc[np.argsort(place, kind="stable")]
    return observers.reset_index(drop=True)


def select_dataset(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return the trials of one dataset. Raises UnknownName if the frame does not contain it."""
    if dataset not in set(frame["dataset"]):
        raise UnknownName("dataset in these logs", dataset, set(frame["dataset"]))
    return frame[frame["dataset"] == dataset].reset_index(drop=True)
