"""Reading one file of trials in any supported format into blocks of columns, with the notes and checks of single files."""

import io
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen

from analysis.exclusions import SessionFacts
from analysis.io import archive
from analysis.io.canonical_blocks import CanonicalBlocks
from analysis.io.choices import count_in_log
from analysis.io.columns import Block, Columns
from analysis.noise_levels import ModelLevels, levels_in_sidecar
from core.errors import LogError
from core.kinds import KINDS
from core.names import abbreviate
from core.participants import is_pilot_name, is_practice_name
from core.paths import check_unicode, to_unicode
from experiments import log
from experiments.exclusion_rules import declared_rules
from stimuli.published.included import SUFFIX, check_included, is_included, sidecar_of
from stimuli.published.layouts.bids import BIDS, read_sidecar
from stimuli.published.layouts.canonical import Canonical, Corrections
from stimuli.published.layouts.compressed import SUFFIX as GZIP
from stimuli.published.layouts.compressed import open_maybe_compressed, plain_path
from stimuli.published.layouts.files import describe_other_file, expected_headers, parse_header
from stimuli.published.layouts.layout import Converter, normalize_header
from stimuli.published.layouts.model_vs_human import MODEL_VS_HUMAN
from stimuli.published.layouts.other_tables import skipping_reason
from stimuli.published.layouts.own import OWN
from stimuli.published.layouts.rows import MAX_LINE, complete_size, incomplete_note, read_blocks
from stimuli.published.layouts.table import SUFFIXES, is_ours

# (dataset, number of trials in the log, number of trials of a complete session) -> names of the logs.
IncompleteLogs = dict[tuple[str, int, int], list[str]]
# Layouts whose files have a sidecar -> function that reads it.
SIDECARS: dict[str, Callable[[Path], dict[str, Any] | None]] = {OWN.name: log.read_sidecar, BIDS.name: read_sidecar}
# Files of ours that are tables but not trial logs.
OTHER_TABLES = ("stimuli.csv", "attribution.csv")
MAX_NAMES = 3  # the number of skipped files that a note names
FIRST_LINE = 2  # the line of the first row; an image name with a line break or a blank line moves the rows below it


@frozen
class Reader:
    """Collects the trials of all files and facts about the files.

    Attributes:
        columns: The trials.
        texts: Converts the texts of the trials.
        guessed: The dataset that a file in model-vs-human format belongs to according to names, by the file.
        notes: Notes about single files.
        pilots: The (observer, dataset) of pilot sessions, which are excluded.
        incomplete: The logs of incomplete sessions.
        n_choices: The numbers of choices that the logs of a dataset record.
        images: The digest of the stimuli of a dataset, and the path of a log with that digest.
        sessions: What the sidecar of a log contains besides the trials, by the text in the column `source`.
        noise_levels: The noise levels of denoisers, by the text in the column `source` and the name of the observer.
        skipped: The names of the files in folders that are not trial logs, by the reason.
        partial_recordings: The experiments whose included recordings have only some trials, by the number of these trials
            and of all trials.
    """

    columns: Columns
    texts: CanonicalBlocks
    guessed: dict[Path, str] = field(factory=dict)
    notes: list[str] = field(factory=list)
    pilots: set[tuple[str, str]] = field(factory=set)
    incomplete: IncompleteLogs = field(factory=dict)
    n_choices: dict[str, set[int]] = field(factory=dict)
    images: dict[str, tuple[str, Path]] = field(factory=dict)
    sessions: dict[str, SessionFacts] = field(factory=dict)
    noise_levels: dict[tuple[str, str], ModelLevels] = field(factory=dict)
    skipped: dict[str, list[str]] = field(factory=dict)
    partial_recordings: dict[tuple[int, int], list[str]] = field(factory=dict)

    @classmethod
    def with_corrections(cls, corrections: Corrections) -> "Reader":
        """Return a reader that corrects texts and kinds."""
        columns = Columns()
        return cls(columns, CanonicalBlocks(columns, Canonical(corrections)))

    def list_pilots(self) -> str:
        """Return the pilot sessions as text."""
        return ", ".join(f"{observer} in {dataset}" for observer, dataset in sorted(self.pilots))

    def skipped_notes(self) -> list[str]:
        """Return a note about the skipped files for each reason."""
        return [
            f"{len(names)} file{'s were' if len(names) > 1 else ' was'} skipped, because {reason}: "
            f"{', '.join(names[:MAX_NAMES])}{', …' if len(names) > MAX_NAMES else ''}"
            for reason, names in self.skipped.items()
        ]

    def read_file(self, path: Path, must_be_log: bool) -> None:
        """Read the trials of a file, except those of pilot sessions.

        Raises LogError if the file is damaged, if it contradicts an earlier file, or if it must be a log but has another
        format.
        """
        if not must_be_log and not has_log_name(path):
            if reason := skipping_reason(path):
                self.skipped.setdefault(reason, []).append(to_unicode(path.name))
            return
        if path.suffix == archive.SUFFIX:
            self._read_archive(path, must_be_log)
            return
        if is_included(path):
            self._check_included(path)
        with open_maybe_compressed(path) as file:
            content = file.read(MAX_LINE)
            header, layout = parse_header(content, plain_path(path))
            if layout is None:
                reason = describe_other_file(content)
                if must_be_log:
                    raise LogError(
                        f"{path} is not a trial log ({reason}): its first line is {header[:80]!r}, expected "
                        f"{expected_headers(path)}; `observers import` converts other tables"
                    )
                if path.name not in OTHER_TABLES:
                    self.skipped.setdefault(reason, []).append(to_unicode(path.name))
                return
            check_unicode(path)
            size = file.seek(0, io.SEEK_END)
            n_bytes = complete_size(file, layout)
            if n_bytes < size:
                self.notes.append(incomplete_note(path))
            names, rows = read_blocks(file, n_bytes, path, layout)
            first = next(rows, None)
            if first is None:
                return
            sidecar = SIDECARS[layout.name](path) if layout.name in SIDECARS else None
            try:
                blocks = self._convert(layout.converter(names, path), chain([first], rows), path)
            except KeyError as error:
                raise LogError(f"{path} has no column {error}") from None
        has_choices = sidecar is not None and bool(sidecar["identity"].get("choices"))
        self.texts.convert(blocks, path, is_ours=is_ours(layout), has_choices=has_choices)
        if layout is MODEL_VS_HUMAN:
            self._check_guesses(blocks, dict(zip(normalize_header(names), first[0], strict=True)), path)
        self.add_log(blocks, sidecar, path)

    def _check_included(self, path: Path) -> None:
        """Check a recording that comes with the installation, and note what differs from this machine."""
        self.notes.extend(note for note in check_included(path) if note not in self.notes)
        recording = sidecar_of(path)["recording"]
        if recording["n_trials"] < recording["n_all_trials"]:
            key = recording["n_trials"], recording["n_all_trials"]
            self.partial_recordings.setdefault(key, []).append(path.name.removesuffix(SUFFIX))

    def recording_notes(self) -> list[str]:
        """Return a note about the included recordings that contain only the first trials of their experiments."""
        return [
            f"incomplete: the included recordings have only the first {n} of {n_all} trials of "
            f"{abbreviate(names, MAX_NAMES)}"
            for (n, n_all), names in self.partial_recordings.items()
        ]

    def _check_guesses(self, blocks: list[Block], row: dict[str, str], path: Path) -> None:
        """Note what was inferred from names in a file in model-vs-human format and does not fit its content."""
        self.texts.note_kinds(blocks, path, row["imagename"])
        dataset = self.columns.text("dataset", blocks[0]["dataset"][0])
        self.guessed[path] = dataset
        self.texts.canonical.note_images(dataset, row["imagename"], path.name)

    def _read_archive(self, path: Path, must_be_log: bool) -> None:
        """Read the trials of all logs in an archive."""
        if not archive.is_archive(path):
            if must_be_log:
                raise LogError(
                    f"{path} is not an archive of trial logs: expected a file that `observers export --format parquet` wrote"
                )
            return
        with archive.open_archive(path) as opened:
            self.notes.extend(opened.notes)
            self.pilots.update(opened.pilots)
            for archived in opened.read_logs(self.columns):
                kinds = {code for block in archived.blocks for code in np.unique(block["kind"]).tolist()}
                _check_kinds([self.columns.text("kind", code) for code in kinds], archived.source)
                sidecars = archived.sidecars
                # The texts were checked, and the notes were archived, when the archive was written.
                self.texts.convert(archived.blocks, archived.source, is_ours=True, has_choices=True)
                self.add_log(archived.blocks, sidecars[0] if len(sidecars) == 1 else None, archived.source)

    def _convert(self, convert: Converter, rows: Iterable[list[list[str]]], path: Path) -> list[Block]:
        """Return the rows of a file as blocks. Raises KeyError if a column is missing, and LogError for an invalid cell."""
        line, blocks = FIRST_LINE, []
        for block in rows:
            cells = convert(block)
            _check_kinds(cells["kind"], path)
            blocks.append(self.columns.encode(cells, path, str(path), line))
            line += len(block)
        return blocks

    def add_log(self, blocks: list[Block], sidecar: dict[str, Any] | None, path: Path) -> None:
        """Add the trials of one log, except those of pilot sessions."""
        kept = [part for block in blocks if len((part := self._exclude_pilots(block, sidecar))["source"])]
        self.columns.blocks.extend(kept)
        if not kept:
            return
        dataset = self.columns.text("dataset", kept[0]["dataset"][0])
        identity = None if sidecar is None else sidecar["identity"]
        n_choices = count_in_log(kept[0], dataset, identity)
        self.n_choices.setdefault(dataset, set()).update(() if n_choices is None else {n_choices})
        if sidecar is not None and identity is not None:
            n_trials = identity.get("n_trials")
            source = self.columns.text("source", kept[0]["source"][0])
            self.sessions[source] = SessionFacts(
                n_trials if isinstance(n_trials, int) else None, declared_rules(sidecar, path)
            )
            self.noise_levels.update({(source, name): each for name, each in levels_in_sidecar(sidecar).items()})
            self._compare_with_sidecar(dataset, sum(len(part["source"]) for part in kept), identity, path)

    def _exclude_pilots(self, block: Block, sidecar: dict[str, Any] | None) -> Block:
        """Remove pilot sessions, recognized by the sidecar or by the name of the person, from a block, and return it.

        The block is changed in place, because `texts` may convert its texts after all logs have been read.
        """
        observer = {} if sidecar is None else sidecar["identity"].get("observer")
        options = observer.get("options") if isinstance(observer, dict) else None
        if isinstance(options, dict) and options.get("pilot") is True:
            is_pilot = np.ones(len(block["source"]), bool)
        else:
            human = self.columns.texts_of("kind")["human"]
            codes = np.unique(block["observer"])
            pilots = [code for code in codes if is_pilot_name(self.columns.text("observer", code))]
            if not pilots:
                return block
            is_pilot = (block["kind"] == human) & np.isin(block["observer"], pilots)
        pairs = np.unique(np.stack([block["observer"][is_pilot], block["dataset"][is_pilot]]), axis=1)
        self.pilots.update(
            (self.columns.text("observer", observer), self.columns.text("dataset", dataset))
            for observer, dataset in pairs.T
        )
        block.update({name: column[~is_pilot] for name, column in block.items()})
        return block

    def _compare_with_sidecar(self, dataset: str, n: int, identity: dict[str, Any], path: Path) -> None:
        """Note an incomplete session. Raise LogError if other logs of the dataset have different images."""
        n_trials = identity.get("n_trials")
        if isinstance(n_trials, int) and n < n_trials:
            self.incomplete.setdefault((dataset, n, n_trials), []).append(path.name)
        digest = identity.get("stimuli")
        # Imported trials do not record the content of the images, and the practice of participants has different selections.
        if digest is None or is_practice_name(dataset):
            return
        known_digest, known_path = self.images.setdefault(dataset, (str(digest), path))
        if digest != known_digest:
            raise LogError(
                f"{path} and {known_path} used different images with the same dataset name {dataset}; analyze them "
                "separately"
            )


def has_log_name(path: Path) -> bool:
    """Return whether a file has the name of a trial log or of an archive of logs."""
    name = path.name.lower().removesuffix(GZIP)
    return name.endswith(SUFFIXES) or path.suffix == archive.SUFFIX


def _check_kinds(kinds: Sequence[str], path: Path) -> None:
    """Raise LogError if a log has an unknown kind of observer."""
    unknown = set(kinds) - {*KINDS}
    if unknown:
        raise LogError(
            f"{path}: unknown kind of observer {', '.join(sorted(unknown))}; the kinds are {', '.join(KINDS)}"
        )
