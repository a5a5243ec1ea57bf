"""The canonical texts of trials: one name for a dataset, one spelling for a condition, and one word for an answer.

What is changed, and what looks wrong but is not changed, is collected in `Findings`, so that no change is silent. The
user's own corrections (`Corrections`) come first.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Literal

from attrs import field, frozen

from core.errors import LogError
from core.kinds import KINDS, Kind
from core.names import name_problem
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.published.datasets import DATASETS, PNG, parse_cues
from stimuli.published.dialect import image_code, infer_kind, shorten_image_name
from stimuli.published.forerunners import EIDOLON, RELATED, eidolon_dataset, published_name
from stimuli.published.layouts.huber import EXPERIMENTS
from stimuli.published.normalize import spell

SIXTEEN = {*DATASETS, *EXPERIMENTS.values()}  # datasets whose choices are `CATEGORIES`
CUES = ("shape", "texture")
REPLACEABLE = ("dataset", "condition", "category", "response")  # columns of a frame whose texts a user can correct
CACHED_NAMES = 2**16  # names of images whose parts are remembered, because many observers saw the same images
NO_LEVEL = ("", "0")  # conditions of published datasets that have only one condition
# Names that may be a code of a person: a number, perhaps after at most two letters, or initials.
_CODE = re.compile(r"[A-Za-z]{0,2}[-_ ]?\d{1,4}|[A-Z]{2}")

Topic = Literal[
    "older name", "related", "other condition", "several conditions", "letters", "no category", "never a category",
    "folders", "images of another dataset", "no cues", "person by file", "times of a network", "unclear name",
]  # fmt: skip


@frozen
class Corrections:
    """The user's corrections, which replace texts and kinds that the files contain or imply.

    Attributes:
        kinds: Kind of an observer by its name, which may be preceded by a dataset, as in `edge:subject-01`.
        replace: Old and new texts by column of a frame (see `REPLACEABLE`), such as {"condition": {"0": ""}}.

    Raises:
        LogError: If a kind does not exist, if a column cannot be corrected, or if a new text is not a name.
    """

    kinds: Mapping[str, Kind] = field(factory=dict)
    replace: Mapping[str, Mapping[str, str]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for name, kind in self.kinds.items():
            if kind not in KINDS:
                raise LogError(f"{kind!r}, for {name}, is not a kind of observer; the kinds are {', '.join(KINDS)}")
        for column in self.replace:
            if column not in REPLACEABLE:
                raise LogError(f"texts of {column!r} cannot be replaced; expected one of {', '.join(REPLACEABLE)}")
            for old, new in self.replace[column].items():
                if problem := _problem(column, new):
                    raise LogError(f"the {column} {old!r} cannot be replaced with {new!r:.80}, because it {problem}")


def _problem(column: str, new: str) -> str:
    """Return why a text cannot be the new text of a column, or ""."""
    can_be_empty = column in ("condition", "response")
    return "" if new == "" and can_be_empty else name_problem(new)


@frozen
class Finding:
    """What was noticed about some files or observers of a dataset: examples, and the names of the files or observers."""

    examples: dict[str, None] = field(factory=dict)
    names: dict[str, None] = field(factory=dict)


class Findings(dict[tuple[Topic, str], Finding]):
    """What was noticed in several files, by topic and dataset, which is "" if the topic concerns all datasets."""

    def add(self, topic: Topic, dataset: str, name: str, *examples: str) -> None:
        """Add a finding about a file or an observer."""
        finding = self.setdefault((topic, dataset), Finding())
        finding.examples.update(dict.fromkeys(examples))
        finding.names[name] = None


@lru_cache(maxsize=CACHED_NAMES)
def image_name(dataset: str, name: str) -> str:
    """Return the name of an image with the suffix .png, which other projects often omit, if its dataset has PNG files."""
    return f"{name}.png" if dataset in PNG and not PurePath(name).suffix else name


@lru_cache(maxsize=CACHED_NAMES)
def cues_of(image: str) -> Mapping[str, str]:
    """Return the shape and the texture that the name of a cue-conflict image contains, or an empty mapping."""
    return parse_cues(shorten_image_name(image, 1))


@frozen
class Canonical:
    """Finds the canonical texts of trials.

    Attributes:
        corrections: The user's corrections.
        findings: What was changed or looks wrong.
        used: The corrections that applied, as (column, old text); those of kinds as ("kind", name).
    """

    corrections: Corrections = field(factory=Corrections)
    findings: Findings = field(factory=Findings)
    used: set[tuple[str, str]] = field(factory=set)

    def place(self, dataset: str, condition: str, source: str, *, is_ours: bool) -> tuple[str, str]:
        """Return the canonical dataset and condition of trials.

        Args:
            dataset: The dataset according to the file or its name.
            condition: The condition according to the file; "" if it is missing.
            source: Name of the file, for the findings.
            is_ours: Whether the file has our own layout, in which a dataset may have other conditions than published.

        Raises:
            ValueError: If a file with a different layout has a condition that its published dataset does not have.
        """
        raw = self._replace("dataset", dataset)
        condition = self._replace("condition", condition)
        name = published_name(raw)
        if name == EIDOLON:
            name = eidolon_dataset(condition) or raw
        if name != raw:
            self.findings.add("older name", "", source, f"{raw} as {name}")
        if name in RELATED:
            self.findings.add("related", name, source, RELATED[name])
        if name in DATASETS:
            condition = self._condition(name, condition, source, is_ours=is_ours, is_older=name != raw)
        return self._replace("dataset", name) if name != raw else name, condition

    def _condition(self, name: str, condition: str, source: str, *, is_ours: bool, is_older: bool) -> str:
        """Return the spelling of a condition in the table of datasets."""
        if is_ours and len(DATASETS[name].conditions) == 1:
            return "" if condition in NO_LEVEL else condition
        if len(DATASETS[name].conditions) == 1 and condition not in NO_LEVEL:
            self.findings.add("several conditions", name, source, condition)
        try:
            canonical = DATASETS[name].canonical(condition)
        except ValueError:
            if not is_ours and not is_older:
                raise
            self.findings.add("other condition", name, source, condition)
            return condition
        return self._replace("condition", canonical) if canonical != condition else condition

    def word(self, column: Literal["category", "response"], dataset: str, text: str, source: str) -> str:
        """Return the canonical category or response, which is one of the sixteen categories if the dataset has these."""
        replaced = self._replace(column, text)
        if dataset not in SIXTEEN or replaced in CATEGORIES or replaced in ("", AMBIGUOUS):
            return replaced
        spelled = spell(replaced, set(CATEGORIES))
        if spelled is None:
            self.findings.add("no category", dataset, source, repr(replaced))
            return replaced
        self.findings.add("letters", dataset, source, f"{replaced!r} as {spelled}")
        return spelled

    def corrected(self, column: Literal["category", "response"], text: str) -> str:
        """Return a category or response after the corrections alone."""
        return self._replace(column, text)

    def kind(self, dataset: str, observer: str) -> Kind | None:
        """Return the kind that the user has set for an observer, or None."""
        for name in (f"{dataset}:{observer}", observer):
            if name in self.corrections.kinds:
                self.used.add(("kind", name))
                return self.corrections.kinds[name]
        return None

    def note_kind(self, dataset: str, observer: str, kind: str, path: Path, imagename: str, *, is_timed: bool) -> None:
        """Note an observer whose kind was inferred from the name of its file, or may be wrong.

        Args:
            dataset: The dataset.
            observer: The name of the observer.
            kind: The kind that was inferred.
            path: A file in model-vs-human format with trials of the observer.
            imagename: The name of the first image in the file, which may say that a person or a network saw it.
            is_timed: Whether the observer has response times.
        """
        if self.kind(dataset, observer) is not None:
            return
        if kind == "human":
            if infer_kind(observer) != "human" and infer_kind(observer, path=path) == "human":
                self.findings.add("person by file", dataset, observer, path.name)
        elif is_timed:
            self.findings.add("times of a network", dataset, observer, kind)
        elif _CODE.fullmatch(observer) and not image_code(imagename):
            self.findings.add("unclear name", dataset, observer, kind)

    def note_images(self, dataset: str, imagename: str, source: str) -> None:
        """Note that the images of a file are those of another published dataset, according to the name of one of them."""
        code = image_code(imagename)
        of_code = [name for name, published in DATASETS.items() if code and published.code == code]
        if dataset in DATASETS and of_code and dataset not in of_code:
            self.findings.add("images of another dataset", dataset, source, of_code[0])

    def _replace(self, column: str, text: str) -> str:
        replace = self.corrections.replace.get(column)
        if replace is None or text not in replace:
            return text
        self.used.add((column, text))
        return replace[text]

    def check_used(self) -> None:
        """Raise LogError if a correction did not apply to any trial."""
        kinds = [("kind", name) for name in self.corrections.kinds]
        texts = [(column, old) for column, replace in self.corrections.replace.items() for old in replace]
        for column, old in (*kinds, *texts):
            if (column, old) not in self.used:
                what = f"observer named {old!r}" if column == "kind" else f"{column} {old!r}"
                raise LogError(f"a correction does not apply: no trial in these logs has the {what}")
