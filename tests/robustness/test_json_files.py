"""JSON files and other small files that the project reads back, with contents that it did not write."""

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.robustness.fork_server import ForkServer
from tests.robustness.inputs import write_folder, write_set
from tests.robustness.outcomes import judge
from tests.robustness.tally import Tally, count

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, 1e300, float("inf"), float("nan"), "", "x", "x" * 100_000, "1_000", "٣",
    "\ud800",
    "a\nb", "\0", "../../etc", "<script>", "2026-13-45", [], [[]], [1, 2], {}, {"a": {}}, {"__proto__": 1},
    [None] * 3,
)  # fmt: skip
WHOLE: tuple[bytes, ...] = (
    b"", b"\n", b"null", b"[]", b"{}", b"true", b"1", b'""', b"{", b"[" * 200_000, b'{"a":' * 100_000, b"\xff\xfe",
    b"\0" * 4096,
    b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"{} {}", b"1e999", b"NaN", b"9" * 10_000, b'{"format": 1}',
    b'{"format": 1e999}',
)  # fmt: skip


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside of a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from paths_in(part, (*path, key))


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return other contents for a JSON file: some of its values are replaced, removed or repeated, or all of it is."""
    if rng.random() < 0.25:
        return rng.choice((*WHOLE, content[: rng.randrange(len(content))], b"\xef\xbb\xbf" + content))
    document = json.loads(content)
    for _ in range(rng.choice([1, 1, 2])):
        path = rng.choice(list(paths_in(document))[1:])
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        if rng.random() < 0.2:
            del parent[path[-1]]
        else:
            parent[path[-1]] = rng.choice(VALUES)
        if not document:
            break
    text = json.dumps(document)
    if rng.random() < 0.1 and text.startswith("{"):
        text = text[:-1] + "," + text[1:]  # every key twice
    return text.encode("utf-8", "surrogatepass")


Job = tuple[str, Sequence[Sequence[str]]]
JOBS: dict[str, Job] = {  # name -> pattern of the file, commands that read it
    "sidecar": ("logs/*/*.json", (
        ("analyze", "accuracy", "logs"), ("analyze", "shape-bias", "logs"),
        ("export", "logs", "--format", "bids", "--out", "new-bids"),
        ("export", "logs", "--format", "parquet", "--out", "new-archive"),
        ("run-experiment", "set", "-m", "biased", "--quiet"),
        ("forget", "K7Q2", "--any-kind", "--yes"),
    )),
    "record of a set": ("made/made-of.json", (
        ("make-stimuli", "contrast", "photos", "made", "--levels", "c100,c30", "--workers", "1", "--quiet"),
        ("run-experiment", "made", "-m", "ideal", "--quiet"),
    )),
    "monitor profile": ("monitor.json", (
        ("collect", "set", "--participant", "K7Q2", "--monitor", "monitor.json", "--limit", "2", "--no-dialog"),
        ("calibrate-monitor", "monitor.json", "--distance", "60", "--width", "50"),
    )),
    "metadata of a BIDS table": ("bids/sub-*/**/*.json", (
        ("analyze", "accuracy", "bids"), ("export", "bids", "--out", "new-export"), ("forget", "K7Q2", "--out",
        "bids", "--yes"),
    )),
    "description of a BIDS folder": ("bids/dataset_description.json", (
        ("export", "logs", "--format", "bids", "--out", "bids"), ("analyze", "accuracy", "bids"),
    )),
    "deletion records": ("logs/forgotten.csv", (
        ("collect", "set", "--participant", "Z9Z9", "--simulate", "ideal", "--rate", "60", "--limit", "2"),
        ("forget", "Z9Z9", "--yes"), ("analyze", "accuracy", "logs"),
    )),
}  # fmt: skip


@pytest.fixture(scope="module")
def project(server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a set, a log, a made set, an export and a monitor profile."""
    folder = tmp_path_factory.mktemp("project")
    write_set(folder / "set", n=8)
    write_folder(folder / "photos", 8, 16)
    (folder / "monitor.json").write_text(
        '{"name": "lab", "width_cm": 50.0, "distance_cm": 60.0, "pixels": [1920, 1080]}'
    )
    collect = ("collect", "set", "--simulate", "ideal", "--rate", "60", "--limit", "2")
    for words in (
        ("run-experiment", "set", "-m", "biased", "--quiet"),
        ("export", "logs", "--format", "bids", "--out", "bids"),
        ("make-stimuli", "contrast", "photos", "made", "--levels", "c100,c30", "--workers", "1", "--quiet"),
        (*collect, "--participant", "Q1Q1"),
        ("forget", "Q1Q1", "--yes"),
    ):
        outcome = server.run(*words, cwd=folder)
        assert outcome.code == 0, outcome.describe()
    return folder


@pytest.mark.parametrize("job", JOBS)
def test_odd_contents(job: str, server: ForkServer, project: Path, tally: Tally, tmp_path: Path) -> None:
    pattern, commands = JOBS[job]
    for number in range(n := count(45, 4)):
        work = tmp_path / str(number)
        shutil.copytree(project, work)
        file = sorted(work.glob(pattern))[0]
        content = file.read_bytes()
        change: Callable[[bytes, random.Random], bytes] = mutate if file.suffix == ".json" else mutate_records
        file.write_bytes(damaged := change(content, tally.rng))
        outcome = server.run(*tally.rng.choice(commands), cwd=work, env={"DISPLAY": ""})  # no window opens
        tally.add(judge(outcome), f"{file.name} with {damaged[:400]!r}: {outcome.describe()}")
        shutil.rmtree(work)
    tally.check(at_least=n)


def mutate_records(content: bytes, rng: random.Random) -> bytes:
    """Return other contents for a small CSV file."""
    cell = rng.choice([str(value) for value in VALUES]).encode("utf-8", "surrogatepass")
    return rng.choice((*WHOLE, content * 2, content[:-5], b"\xef\xbb\xbf" + content, content.replace(b",",
        b"," + cell, 1),
                       content.replace(b"\n", b"\r\n"), cell + content, content + cell, content.upper()))  # fmt: skip
