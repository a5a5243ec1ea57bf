"""Two commands at the same time with the same files: the result is that of one of them, or one is refused with a message."""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.robustness.fork_server import ForkServer, Running
from tests.robustness.inputs import snapshot, write_folder, write_observer, write_set
from tests.robustness.interruptions import comparable
from tests.robustness.outcomes import REFUSED, RIGHT, Outcome, judge
from tests.robustness.tally import LITTER, LOST, SILENT, Tally, count
from tests.unit.stimuli.published.fetching.site import Site

Command = tuple[str, ...]
SESSION = ("--simulate", "biased", "--rate", "60", "--out", "out")
PAIRS: dict[str, tuple[Command, Command]] = {
    "two runs": (("run-experiment", "set", "-m", "mine.py:Sleepy", "--out", "out", "--quiet"),) * 2,
    "two commands that make stimuli": (
        ("make-stimuli", "contrast", "photos", "out", "--levels", "c100,c30", "--crossed", "--workers", "1", "--quiet"),
    )
    * 2,
    "two exports": (("export", "logs", "--out", "out"),) * 2,
    "two BIDS exports": (("export", "logs", "--format", "bids", "--out", "out"),) * 2,
    "two archives": (("export", "logs", "--format", "parquet", "--out", "out"),) * 2,
    "two reports": (("report", "logs", "--out", "out", "--no-intervals", "--no-images"),) * 2,
}


@pytest.fixture(scope="module")
def project(server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a set, photographs, an observer in a Python file, and the logs of two observers and a person."""
    folder = tmp_path_factory.mktemp("project")
    write_set(folder / "set", n=24)
    write_folder(folder / "photos", 8, 48)
    write_observer(folder)
    for words in (
        ("run-experiment", "set", "-m", "ideal", "-m", "biased", "--quiet"),
        ("collect", "set", "--participant", "AB12", "--limit", "4", *SESSION),
    ):
        outcome = server.run(*words, cwd=folder)
        assert outcome.code == 0, outcome.describe()
    (folder / "out").rename(folder / "people")
    return folder


def run_both(first: Callable[[], Running], second: Callable[[], Running], seconds: float) -> tuple[Outcome, Outcome]:
    """Start two commands with a delay, and return how both ended."""
    earlier = first()
    time.sleep(seconds)
    later = second()
    return earlier.finish(), later.finish()


def check_both(tally: Tally, outcomes: tuple[Outcome, Outcome], case: str) -> list[str]:
    """Count both commands, at least one of which has to succeed, and return their verdicts."""
    verdicts = [tally.add(judge(outcome), f"{case}: {outcome.describe()}") for outcome in outcomes]
    if RIGHT not in verdicts:
        tally.fail(LOST, f"{case}: neither succeeded; {outcomes[0].describe()}; {outcomes[1].describe()}")
    return verdicts


@pytest.mark.parametrize("pair", PAIRS)
def test_two_at_once(pair: str, server: ForkServer, project: Path, tally: Tally, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "one")
    alone = server.run(*PAIRS[pair][0], cwd=tmp_path / "one")
    assert alone.code == 0, alone.describe()
    expected = comparable(snapshot(tmp_path / "one" / "out"))
    for number in range(n := count(12, 1)):
        folder = tmp_path / str(number)
        shutil.copytree(project, folder)
        first, second = (partial(server.start, *words, cwd=folder) for words in PAIRS[pair])
        delay = tally.rng.choice([0, tally.rng.uniform(0, 1.2 * alone.seconds)])
        check_both(tally, run_both(first, second, delay), f"{pair} after {delay:.3f} s")
        files = comparable(snapshot(folder / "out"))
        if differing := [name for name in expected if files.get(name) != expected[name]]:
            tally.fail(SILENT, f"{pair} after {delay:.3f} s: {', '.join(differing[:4])} differ")
        if left := files.keys() - expected.keys():
            tally.fail(LITTER, f"{pair} after {delay:.3f} s: {', '.join(sorted(left)[:4])} were left behind")
    tally.check(at_least=2 * n)


@pytest.mark.parametrize("before", ["forget", "collect"])
def test_session_during_a_deletion(
    before: str, server: ForkServer, project: Path, tally: Tally, tmp_path: Path
) -> None:
    """After `forget` reports that the data are removed, no data remain, not even those of a session that began before."""
    words = {
        "forget": ("forget", "AB12", "--out", "out", "--yes"),
        "collect": ("collect", "set", "--participant", "AB12", "--session", "2", *SESSION),
    }
    after = "collect" if before == "forget" else "forget"
    for number in range(n := count(25, 2)):
        folder = tmp_path / str(number)
        shutil.copytree(project, folder)
        (folder / "people").rename(folder / "out")
        first, second = (partial(server.start, *words[name], cwd=folder) for name in (before, after))
        delay = tally.rng.uniform(0, 0.6)
        outcomes = dict(zip((before, after), run_both(first, second, delay), strict=True))
        case = f"{before}, and {after} after {delay:.3f} s"
        verdicts = {
            name: tally.add(judge(outcome), f"{case}: {outcome.describe()}") for name, outcome in outcomes.items()
        }
        kept = [path.name for path in (folder / "out").rglob("*AB12*") if path.suffix in (".csv", ".json")]
        if verdicts["forget"] == RIGHT and kept:
            tally.fail(SILENT, f"{case}: forget reported that the data are removed, but {kept} remain")
        if verdicts["forget"] == REFUSED and verdicts["collect"] == REFUSED:
            tally.fail(LOST, f"{case}: both were refused; {outcomes[before].describe()}")
    tally.check(at_least=2 * n)


def test_two_downloads(server: ForkServer, site: Site, tally: Tally, tmp_path: Path) -> None:
    registry = tmp_path / "registry.txt"
    registry.touch()
    for number in range(n := count(15, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        env = {"OBSERVERS_CACHE": str(folder / "cache"), "OBSERVERS_DATA": str(folder / "data")}
        options = {"env": env, "arguments": (site.url, str(registry)), "cwd": folder}

        def start(options: dict[str, object] = options) -> Running:
            prepare = "tests.robustness.published_site:use_local_site"
            return server.start("fetch", "sketch", "--quiet", prepare=prepare, **options)  # type: ignore[arg-type]

        delay = tally.rng.uniform(0, 0.4)
        check_both(tally, run_both(start, start, delay), f"two downloads after {delay:.3f} s")
        images = list((folder / "cache" / "stimuli" / "sketch").rglob("*.png"))
        if len(images) != 4:
            tally.fail(LOST, f"two downloads after {delay:.3f} s: {len(images)} of 4 images are there")
    tally.check(at_least=2 * n)
