"""A row of the tables of built-in observers, experiments and distortions.

The row of a built-in name contains everything that the project says about it. `observers list`, `observers show`, error
messages and the tests read the row.
"""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class Entry:
    """A built-in object with a name.

    Attributes:
        name: The name that users type, such as "sd14"; for a family of objects the name with a placeholder, such as
            "hf:REPOSITORY".
        reference: The class, function or object, as "module:attribute".
        description: One sentence that says what it is.
        group: Heading under which `observers list` shows it.
        example: What a user types to choose it: its name or a member of its family, and options as `-o NAME=VALUE`.
        shown_with: For an observer, the experiment in the example of `observers show`.
        source: Paper, repository or other origin.
        license: License of the weights or images that have to be downloaded, or that come with the package.
        size: Size of the download, such as "4.3 GB"; empty if nothing is downloaded or the size is not known.
        gated: Whether users must accept terms on the page of the download before they can download it.
        needs: The optional dependencies that it needs, as names of extras, such as ("models",).
        options: Default values of options that differ from those of the class or function.
    """

    name: str
    reference: str
    description: str
    group: str = ""
    example: str = ""
    shown_with: str = "drawn-cue-conflict"
    source: str = ""
    license: str = ""
    size: str = ""
    gated: bool = False
    needs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(factory=dict)


def table(*entries: Entry) -> dict[str, Entry]:
    """Return the entries by name. Raises ValueError if a name occurs twice."""
    rows = {entry.name: entry for entry in entries}
    if len(rows) < len(entries):
        raise ValueError("two entries have the same name")
    return rows
