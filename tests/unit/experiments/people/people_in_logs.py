"""Logs of people whose data are deleted, and searches for their codes."""

from pathlib import Path

from attrs import frozen

from observers.protocol import Response

CODE, OTHER = "K7Q2ZP", "K7Q2ZPX"


@frozen
class Person:
    """A human observer that always gives the first choice."""

    name: str
    kind: str = "human"

    def observe(self, trials):
        for trial in trials:
            yield Response(trial.choices[0], rt=0.5)


def contents(*folders: Path) -> dict[str, bytes | None]:
    """Return all paths below the folders, with the content of files and None for folders."""
    paths = {str(path): path for folder in folders for path in folder.rglob("*")}
    return {name: path.read_bytes() if path.is_file() else None for name, path in paths.items()}


def paths_with_code(tree: dict, code: str = CODE) -> list[str]:
    """Return the paths that contain the code in their name or content."""
    words = [code.encode() + end for end in (b",", b"-", b'"', b"\t", b"_", b"\n")]
    texts = {name: name.encode() + b"\n" + (content or b"") for name, content in tree.items()}
    return [name for name, text in texts.items() if any(word in text for word in words)]
