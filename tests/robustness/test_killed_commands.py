"""Commands other than runs, killed or stopped at random moments: their output is complete or absent, without leftovers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.robustness.fork_server import ForkServer, Running
from tests.robustness.inputs import CATEGORIES, write_folder, write_set
from tests.robustness.interruptions import Attack, sidecar_problem
from tests.robustness.tally import Tally, count
from tests.unit.stimuli.published.fetching.site import Site

Starter = Callable[[Path, bool, bool], Running]


@pytest.fixture(scope="module")
def logs(server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of logs of two observers and two people, who saw one small set."""
    folder = tmp_path_factory.mktemp("logs")
    stimuli = write_set(folder / "set", [(f"{i}.png", CATEGORIES[i % 4], f"c{i % 2}") for i in range(24)], cues=())
    words: tuple[object, ...] = ("run-experiment", stimuli, "-m", "ideal", "-m", "biased", "--out", "logs", "--quiet")
    assert server.run(*words, cwd=folder).code == 0
    for code in ("AB12", "CD34"):
        words = ("collect", stimuli, "--participant", code, "--simulate", "biased", "--rate", "60", "--out", "logs")
        outcome = server.run(*words, cwd=folder)
        assert outcome.code == 0, outcome.describe()
    return folder / "logs"


def forked(server: ForkServer, *words: object) -> Starter:
    """Return a function that starts a command in a folder."""
    return lambda folder, again, alone: server.start(*words, cwd=folder)


def test_killed_making_of_stimuli(server: ForkServer, tally: Tally, tmp_path: Path) -> None:
    source = write_folder(tmp_path / "photos", n=12, side=64)
    words = (
        "make-stimuli",
        "contrast",
        source,
        "out",
        "--levels",
        "c100,c30",
        "--crossed",
        "--workers",
        "1",
        "--quiet",
    )
    n = count(90, 5)
    Attack(tally, forked(server, *words), "out", 0, whole=True).run(tmp_path / "runs", n)
    tally.check(at_least=n)


@pytest.mark.parametrize("form", ["field", "bids", "parquet"])
def test_killed_exports(form: str, server: ForkServer, logs: Path, tally: Tally, tmp_path: Path) -> None:
    words = ("export", logs, "--format", form, "--out", "out")
    n = count(50, 3)
    Attack(tally, forked(server, *words), "out", 0, whole=True, keeps_rows=False).run(tmp_path / "runs", n)
    tally.check(at_least=n)


def test_killed_reports(server: ForkServer, logs: Path, tally: Tally, tmp_path: Path) -> None:
    """The page of the former report stays until the new report is complete."""
    words = ("report", logs, "--out", "pages/report", "--no-intervals", "--no-images", "--dataset", "set")
    former = tmp_path / "former"
    former.mkdir()
    assert server.run(*words, cwd=former).code == 0

    def begin(folder: Path) -> None:
        if folder.name.isdigit():
            shutil.copytree(former / "pages", folder / "pages")

    def check(folder: Path) -> str:
        return "" if (folder / "pages" / "report" / "index.html").exists() else "the former report is gone"

    n = count(40, 2)
    Attack(tally, forked(server, *words), "pages", 0, check, begin=begin).run(tmp_path / "runs", n)
    tally.check(at_least=n)


def test_killed_downloads(server: ForkServer, site: Site, tally: Tally, tmp_path: Path) -> None:
    registry = tmp_path / "registry.txt"
    registry.touch()

    def start(folder: Path, again: bool, alone: bool) -> Running:
        env = {"OBSERVERS_CACHE": str(folder / "cache"), "OBSERVERS_DATA": str(folder / "data")}
        return server.start("fetch", "sketch", "--quiet", cwd=folder, env=env, arguments=(site.url, str(registry)),
                            prepare="tests.robustness.published_site:use_local_site")  # fmt: skip

    n = count(80, 5)
    Attack(tally, start, "cache", 0).run(tmp_path / "runs", n)
    tally.check(at_least=n)


def test_killed_sessions_of_people(server: ForkServer, tally: Tally, tmp_path: Path) -> None:
    stimuli = write_set(tmp_path / "set", n=24)
    log = Path("logs") / "set" / "set_K7Q2_session-1.csv"
    words = ("collect", stimuli, "--participant", "K7Q2", "--simulate", "biased", "--rate", "60", "--out", "logs")

    def start(folder: Path, again: bool, alone: bool) -> Running:
        path = folder / log
        has_rows = path.exists() and path.read_bytes().count(b"\n") > 1
        return server.start(*words, *(["--resume"] if has_rows else []), cwd=folder)

    n = count(90, 5)
    Attack(tally, start, "logs", 0, sidecar_problem).run(tmp_path / "runs", n)
    tally.check(at_least=n)


def test_killed_deletions(server: ForkServer, logs: Path, tally: Tally, tmp_path: Path) -> None:
    """The data of the other person stay as they are, and those of the person are gone in the end."""
    others = {path.name: path.read_bytes() for path in logs.rglob("*") if path.is_file() and "AB12" not in path.name}

    def begin(folder: Path) -> None:
        shutil.copytree(logs, folder / "logs")

    def check(folder: Path) -> str:
        names = [name for name, content in others.items() if not name.endswith(".lock")
                 and next((folder / "logs").rglob(name)).read_bytes() != content]  # fmt: skip
        return f"{names[0]} has changed" if names else ""

    n = count(60, 4)
    Attack(tally, forked(server, "forget", "AB12", "--yes"), "logs", 0, check, keeps_rows=False, begin=begin).run(
        tmp_path / "runs", n
    )
    tally.check(at_least=n)
