"""Canonical texts in the blocks of logs. Each distinct text of a block is converted once, and not in every row.

`stimuli.published.layouts.canonical` converts the texts. This module adds what depends on all trials of a log: whether
names of images need their folders, and whether the inferred kind of an observer is plausible.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from attrs import field, frozen

from analysis.io.columns import Block, Columns
from core.errors import LogError
from core.names import group_similar
from stimuli.categories import AMBIGUOUS
from stimuli.published.datasets import DATASETS, PNG
from stimuli.published.dialect import shorten_image_name
from stimuli.published.layouts.canonical import CUES, SIXTEEN, Canonical, cues_of, image_name
from stimuli.published.normalize import has_folder, n_parts_of, spell


@frozen
class CanonicalBlocks:
    """Converts the texts of blocks.

    Attributes:
        columns: The texts of all logs.
        canonical: Converts single texts.
        n_parts: How many parts of the paths of images distinguish them, by dataset.
        with_folders: Blocks of files of other projects in which names of images have folders, with their dataset.
        unknown: Blocks of logs that do not record the choices, of datasets whose choices are not known, with the dataset and
            the name of the log.
        known_categories: The categories in logs that record the choices, by dataset.
    """

    columns: Columns
    canonical: Canonical = field(factory=Canonical)
    n_parts: dict[str, int] = field(factory=dict)
    with_folders: list[tuple[str, Block]] = field(factory=list)
    unknown: list[tuple[str, str, Block]] = field(factory=list)
    known_categories: dict[str, set[str]] = field(factory=dict)

    def convert(self, blocks: list[Block], path: Path, *, is_ours: bool, has_choices: bool) -> None:
        """Convert the texts of a log in place.

        Args:
            blocks: The blocks of the log.
            path: The log.
            is_ours: Whether the log has our own layout. Its names of images are not changed.
            has_choices: Whether the log records the choices, so that its responses are not changed.

        Raises:
            LogError: If the log has a condition that its published dataset does not have.
        """
        for block in blocks:
            try:
                datasets = self._place(block, path.name, is_ours=is_ours)
            except ValueError as error:
                raise LogError(f"{path}: {error}") from None
            for dataset in datasets:
                self._words(block, dataset, path.name, has_choices=has_choices)
                if not is_ours:
                    self._add_suffixes(block, dataset)
                if not is_ours and dataset in DATASETS and DATASETS[dataset].has_cues and "shape" not in block:
                    self._add_cues(block)
            self._kinds(block)
        if not is_ours:
            self._note_folders(blocks, path.name)
            self._note_missing_cues(blocks, path.name)

    def finish(self) -> None:
        """Convert the texts whose canonical form depends on all logs. Raises LogError if a correction does not apply."""
        self._shorten_image_names()
        self._spell_categories()
        self._spell_responses()
        self.canonical.check_used()

    def _spell_categories(self) -> None:
        """Use one spelling for categories that differ only in upper and lower case between logs, if choices are not known.

        If two such categories occur in one log, as in an experiment with letters, they are different and are not changed.
        Datasets with cues are not changed, because their cues are written like their categories.
        """
        in_logs: dict[str, dict[str, set[str]]] = {}
        for dataset, source, block in self.unknown:
            texts = self._texts_in(block, "category", dataset).values()
            in_logs.setdefault(dataset, {}).setdefault(source, set()).update(texts)
        for dataset, of_source in in_logs.items():
            known = self.known_categories.get(dataset, set())
            similar = group_similar([*known, *(text for texts in of_source.values() for text in texts)])
            blocks = [(source, block) for name, source, block in self.unknown if name == dataset]
            if not similar or any(cue in block for cue in CUES for _, block in blocks):
                continue
            new: dict[str, str] = {}
            for group in similar:
                if all(len(texts.intersection(group)) < 2 for texts in [known, *of_source.values()]):
                    spelling = min(group, key=lambda text: (text not in known, not text.islower(), text))
                    new |= {text: spelling for text in group if text != spelling}
            for source, block in blocks:
                codes = {
                    code: new[text] for code, text in self._texts_in(block, "category", dataset).items() if text in new
                }
                for text in sorted(codes.values()):
                    old = next(name for name, spelling in new.items() if spelling == text and name in of_source[source])
                    self.canonical.findings.add("letters", dataset, source, f"{old!r} as {text}")
                self._replace(block, "category", codes, block["dataset"] == self.columns.texts_of("dataset")[dataset])

    def _spell_responses(self) -> None:
        """Give responses the upper and lower case of the categories of their dataset, where its choices are not known."""
        categories: dict[str, set[str]] = {}
        for dataset, _, block in self.unknown:
            categories.setdefault(dataset, set()).update(self._texts_in(block, "category", dataset).values())
        responses: dict[tuple[str, str], set[str]] = {}
        for dataset, source, block in self.unknown:
            known, new = categories[dataset], {}
            for code, text in self._texts_in(block, "response", dataset).items():
                spelled = spell(text, known) if text else ""
                if spelled is not None and spelled != text:
                    new[code] = spelled
                    self.canonical.findings.add("letters", dataset, source, f"{text!r} as {spelled}")
            if new:
                self._replace(block, "response", new, block["dataset"] == self.columns.texts_of("dataset")[dataset])
            responses.setdefault((dataset, source), set()).update(self._texts_in(block, "response", dataset).values())
        for (dataset, source), texts in responses.items():
            if texts - {""} and not texts & categories[dataset] and categories[dataset] != {AMBIGUOUS}:
                self.canonical.findings.add("never a category", dataset, source, *map(repr, sorted(texts - {""})))
        self.unknown.clear()

    def _texts_in(self, block: Block, name: str, dataset: str) -> dict[int, str]:
        """Return the different texts of a column in the rows of one dataset, by their codes."""
        rows = block["dataset"] == self.columns.texts_of("dataset")[dataset]
        return {code: self.columns.text(name, code) for code in np.unique(block[name][rows]).tolist()}

    def _shorten_image_names(self) -> None:
        """Remove the folders that do not distinguish images from the names of all images in files of other projects."""
        for dataset, block in self.with_folders:
            self._replace(block, "stimulus", self._shortened(block, self.n_parts[dataset]))
        self.with_folders.clear()

    def _shortened(self, block: Block, n_parts: int) -> dict[int, str]:
        names = self._words_of(block, "stimulus")
        return {code: shorten_image_name(name, n_parts) for code, name in names.items() if has_folder(name)}

    def _words_of(self, block: Block, name: str) -> dict[int, str]:
        """Return the different texts of a column by their codes."""
        return {code: self.columns.text(name, code) for code in np.unique(block[name]).tolist()}

    def _replace(self, block: Block, name: str, new: Mapping[int, str], rows: np.ndarray | None = None) -> None:
        """Replace the texts with some codes in a column, in some rows or in all."""
        texts, old = self.columns.texts_of(name), block[name]
        changes = {code: texts[text] for code, text in new.items() if texts[text] != code}
        if changes:
            column = old.copy()
            for code, changed in changes.items():
                column[(old == code) if rows is None else (old == code) & rows] = changed
            block[name] = column

    def _place(self, block: Block, source: str, *, is_ours: bool) -> list[str]:
        """Convert the datasets and conditions of a block, and return its datasets."""
        datasets = self._words_of(block, "dataset")
        old_dataset, places = block["dataset"], []
        for code, dataset in datasets.items():
            rows = None if len(datasets) == 1 else old_dataset == code
            conditions = np.unique(block["condition"] if rows is None else block["condition"][rows]).tolist()
            new = {
                condition: self.canonical.place(
                    dataset, self.columns.text("condition", condition), source, is_ours=is_ours
                )
                for condition in conditions
            }
            places.append((code, rows, new))
        old_condition = block["condition"]
        for code, rows, new in places:
            names = {name for name, _ in new.values()}
            if len(names) == 1:
                self._replace(block, "dataset", {code: names.pop()}, rows)
            else:  # an older dataset that is several datasets now
                for condition, (name, _) in new.items():
                    of_condition = (old_condition == condition) & (old_dataset == code)
                    self._replace(block, "dataset", {code: name}, of_condition)
            self._replace(block, "condition", {condition: text for condition, (_, text) in new.items()}, rows)
        return list(self._words_of(block, "dataset").values())

    def _words(self, block: Block, dataset: str, source: str, *, has_choices: bool) -> None:
        """Convert the categories and responses of one dataset of a block."""
        if not has_choices and dataset not in SIXTEEN:
            self.unknown.append((dataset, source, block))
        elif dataset not in SIXTEEN:
            categories = self._texts_in(block, "category", dataset).values()
            self.known_categories.setdefault(dataset, set()).update(categories)
        if not self.canonical.corrections.replace and (has_choices or dataset not in SIXTEEN):
            return
        rows = block["dataset"] == self.columns.texts_of("dataset")[dataset]
        columns: tuple[Literal["category", "response"], ...] = ("category", "response")
        for name in columns:
            new = {}
            for code, text in self._texts_in(block, name, dataset).items():
                if has_choices:
                    new[code] = self.canonical.corrected(name, text)
                else:
                    new[code] = self.canonical.word(name, dataset, text, source)
            self._replace(block, name, new, rows)

    def _kinds(self, block: Block) -> None:
        """Set the kinds that the user has specified."""
        if not self.canonical.corrections.kinds:
            return
        kinds = self.columns.texts_of("kind")
        for code, dataset in self._words_of(block, "dataset").items():
            for observer, name in self._words_of(block, "observer").items():
                rows = (block["dataset"] == code) & (block["observer"] == observer)
                kind = self.canonical.kind(dataset, name) if rows.any() else None
                if kind is not None:
                    block["kind"] = np.where(rows, kinds[kind], block["kind"]).astype(np.int32)

    def _add_suffixes(self, block: Block, dataset: str) -> None:
        """Add the suffix that names of images may lack."""
        if dataset in PNG:
            new = {code: image_name(dataset, name) for code, name in self._texts_in(block, "stimulus", dataset).items()}
            self._replace(block, "stimulus", new, block["dataset"] == self.columns.texts_of("dataset")[dataset])

    def _add_cues(self, block: Block) -> None:
        """Add the shape and the texture that the names of cue-conflict images contain."""
        cues = {code: cues_of(name) for code, name in self._words_of(block, "stimulus").items()}
        for cue in CUES:
            texts = self.columns.texts_of(cue)
            codes = {code: texts[of_image.get(cue, "")] for code, of_image in cues.items()}
            block[cue] = np.array([codes[code] for code in block["stimulus"].tolist()], np.int32)

    def _note_folders(self, blocks: list[Block], source: str) -> None:
        """Remember the blocks in which names of images have folders."""
        words = self.columns.texts_of("stimulus").words
        codes = np.unique(np.concatenate([block["stimulus"] for block in blocks])).tolist() if blocks else []
        names = [words[code] for code in codes]
        example = next(filter(has_folder, names), None)
        if example is None:
            return
        n_parts = n_parts_of(names)
        for block in blocks:
            for dataset in self._words_of(block, "dataset").values():
                self.n_parts[dataset] = max(n_parts, self.n_parts.get(dataset, 1))
                self.with_folders.append((dataset, block))
                self.canonical.findings.add("folders", dataset, source, example)

    def _note_missing_cues(self, blocks: list[Block], source: str) -> None:
        """Note images of cue-conflict datasets whose names do not contain cues."""
        for block in blocks:
            names = self._words_of(block, "dataset").values()
            dataset = next((name for name in names if name in DATASETS and DATASETS[name].has_cues), None)
            if dataset is None or "shape" not in block:
                continue
            rows = block["shape"] == self.columns.texts_of("shape")[""]
            if rows.any():
                example = self.columns.text("stimulus", int(block["stimulus"][rows][0]))
                self.canonical.findings.add("no cues", dataset, source, example)

    def note_kinds(self, blocks: list[Block], path: Path, imagename: str) -> None:
        """Note observers of a file in model-vs-human format whose kind was inferred from the file, or may be wrong.

        `imagename` is the name of the first image, which may say that a person or a network saw it.
        """
        has_times: dict[tuple[str, str, str], bool] = {}
        for block in blocks:
            has_time = block["rt"] > 0 if "rt" in block else np.zeros(len(block["source"]), bool)
            keys = np.unique(np.stack([block["dataset"], block["observer"], block["kind"]]), axis=1).T.tolist()
            for dataset, observer, kind in keys:
                key = (
                    self.columns.text("dataset", dataset),
                    self.columns.text("observer", observer),
                    self.columns.text("kind", kind),
                )
                is_timed = bool((has_time & (block["observer"] == observer)).any())
                has_times[key] = has_times.get(key, False) or is_timed
        for (dataset, observer, kind), is_timed in has_times.items():
            self.canonical.note_kind(dataset, observer, kind, path, imagename, is_timed=is_timed)
