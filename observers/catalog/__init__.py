"""The table of built-in observers, with one row for each.

A row whose name has the form `SCHEME:ARGUMENT`, such as `hf:REPOSITORY`, stands for a family with many members. Its users
write a repository, a file or another argument after the colon, and this text becomes the first option of the observer.

The table can be read without importing an observer, and therefore without torch. `observers.registry` makes observers from
its rows.
"""

from core.entries import Entry, table
from observers.catalog.classifiers import CLASSIFIERS
from observers.catalog.generative import GENERATIVE
from observers.catalog.microcosm import MICROCOSM
from observers.catalog.people import PEOPLE
from observers.catalog.simulated import SIMULATED
from observers.catalog.vision_language import VISION_LANGUAGE

OBSERVERS: dict[str, Entry] = table(*SIMULATED, *PEOPLE, *MICROCOSM, *CLASSIFIERS, *VISION_LANGUAGE, *GENERATIVE)
SCHEMES: dict[str, Entry] = {name.partition(":")[0]: row for name, row in OBSERVERS.items() if ":" in name}
HUB = "https://huggingface.co"


def describe_download(repository: str) -> str:
    """Return size, license and page of the weights in a repository of a built-in observer, for error messages.

    Returns an empty string if no built-in observer uses the repository, or if the size of its weights is not known.
    """
    for row in OBSERVERS.values():
        if row.options.get("model") == repository and row.size:
            terms = f"terms to accept first ({row.license})" if row.gated else f"license {row.license}"
            return f"about {row.size}, {terms}: {HUB}/{repository}"
    return ""


def safe_revision(repository: str) -> str | None:
    """Return the revision of a repository that a built-in observer uses; None for its main branch."""
    for row in OBSERVERS.values():
        if row.options.get("model") == repository:
            return row.options.get("revision")
    return None
