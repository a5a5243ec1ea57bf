"""The options of an import."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import asdict, field, frozen

from core.errors import UserError
from core.kinds import Kind


@frozen
class ImportOptions:
    """What the user says about the tables to import.

    Attributes:
        dataset: Name of the dataset, which becomes the experiment of the logs.
        kind: Kind of all observers; by default, the table or its program determines it.
        observer: Name of the only observer; by default, the names are in a column.
        columns: Texts OURS=THEIRS that assign columns of the tables to columns of our log.
        where: Texts COLUMN=VALUE that select rows of the tables.
        answers: What the recorded responses stand for, such as {"f": "animal"}.
        rt_unit: Unit of response times, by default that of the program or of the name of the column.
        delimiter: Character between two cells, by default inferred.
        encoding: Encoding of text, by default inferred.
        decimal: Decimal separator, by default inferred for each column.
    """

    dataset: str
    kind: Kind | None = None
    observer: str | None = None
    columns: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(factory=dict)
    rt_unit: Literal["s", "ms"] | None = None
    delimiter: str | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None

    @property
    def describe_table(self) -> bool:
        """Whether options other than the names say how to read the table, so that its layout is irrelevant."""
        return not set(self.as_record()) <= {"dataset", "kind", "observer"}

    def as_record(self) -> dict[str, Any]:
        """Return the options that are set, for the sidecar."""
        return {
            name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items() if v not in (None, (), {})
        }


@frozen
class Known:
    """What the files of an import have in common.

    Attributes:
        sessions: The numbers of sessions that are not whole numbers, by observer. Each file adds its sessions.
        paths: The paths of the images in all files. Each file adds its paths.
        n_parts: The numbers of parts of paths that became names of images, one for each file.
    """

    sessions: dict[str, dict[str, int]] = field(factory=dict)
    paths: set[str] = field(factory=set)
    n_parts: list[int] = field(factory=list)


@frozen
class Source:
    """The file that trials come from, for the sidecar."""

    path: Path
    sha256: str
    form: str
    program: str
    mapping: dict[str, str]


def parse_answers(texts: Sequence[str]) -> dict[str, str]:
    """Return what each response stands for, from texts such as `f=animal,j=object`.

    Raises UserError if a text is not of this form, or if a response occurs twice.
    """
    answers: dict[str, str] = {}
    for text in (part for parts in texts for part in parts.split(",")):
        response, equals, category = (part.strip() for part in text.partition("="))
        if not equals or not response or not category:
            raise UserError(f"--answers takes RESPONSE=CATEGORY, such as f=animal, got {text!r}")
        if response in answers:
            raise UserError(f"--answers contains the response {response!r} twice: remove one")
        answers[response] = category
    return answers
