"""Archives of images from an attacker: nothing is written outside of the folder, nothing remains of a refused archive."""

from pathlib import Path

from stimuli.published.unpack import unpack
from tests.robustness import hostile_archives
from tests.robustness.fork_server import ForkServer
from tests.robustness.outcomes import REFUSED, RIGHT, judge, judge_call
from tests.robustness.tally import LITTER, SILENT, Tally, count
from tests.unit.stimuli.published.fetching.site import Site

MAX_MEGABYTES = 600  # the process of the fork server already has about 200
SECONDS = 20.0


def unpack_here(archive: str, folder: str) -> None:
    """Unpack an archive in a forked process."""
    unpack(Path(archive), Path(folder))


def outside(folder: Path) -> list[str]:
    """Return the files that are neither the archive nor in the folder of the images, and links and devices in it."""
    paths = [path for path in folder.rglob("*") if path != folder / "a.tar.gz"]
    return [str(path) for path in paths if path.is_symlink() or not (path.is_dir() or path.is_file())
            or (path.is_file() and folder / "new" not in path.parents)]  # fmt: skip


def test_hostile_archives(server: ForkServer, tally: Tally, tmp_path: Path) -> None:
    named = list(hostile_archives.named())
    chosen = named if count(1, 0) else tally.rng.sample(named, 25)
    for number, (name, make) in enumerate(chosen):
        folder = tmp_path / str(number) / "inner"
        folder.mkdir(parents=True)
        (folder / "a.tar.gz").write_bytes(make())
        outcome = server.run(cwd=folder, call="tests.robustness.test_archives:unpack_here", timeout=SECONDS,
                             arguments=(str(folder / "a.tar.gz"), str(folder / "new" / "out")))  # fmt: skip
        verdict = judge(outcome, max_megabytes=MAX_MEGABYTES)
        tally.add(verdict, f"an archive with {name}: {outcome.megabytes:.0f} MB, {outcome.describe()}")
        if leaks := outside(folder) + [str(path) for path in folder.parent.iterdir() if path != folder]:
            tally.fail(SILENT, f"an archive with {name} has written {leaks}")
        if verdict == REFUSED and (folder / "new" / "out").exists():
            tally.fail(LITTER, f"an archive with {name} was refused and has left files")
        (folder / "a.tar.gz").unlink()
    tally.check(at_least=len(chosen))


def test_mutated_archives(tally: Tally, tmp_path: Path) -> None:
    for number in range(n := count(3000, 150)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "a.tar.gz").write_bytes(content := hostile_archives.mutated(tally.rng))
        verdict, _, text = judge_call(lambda folder=folder: unpack(folder / "a.tar.gz", folder / "new" / "out"))
        if leaks := outside(folder):
            verdict, text = SILENT, f"written: {leaks}"
        elif verdict != RIGHT and (folder / "new" / "out").exists():
            verdict, text = LITTER, "files are left"
        tally.add(verdict, f"{text}: {content!r}")
    tally.check(at_least=n)


FAULTS = ("", "cut", "bare", "whole", "404", "500", "to http://[::1", "to http://127.0.0.1:1/x",
    "to file:///etc/passwd", "to //", "to ",
          "to https://[", "to ftp://127.0.0.1/", "to data:,x", "to ?" + "a" * 9000)  # fmt: skip


def test_hostile_downloads(server: ForkServer, site: Site, tally: Tally, tmp_path: Path) -> None:
    """`observers fetch` from a server that sends such archives, or HTTP errors, in place of the published archive."""
    registry = tmp_path / "registry.txt"
    registry.touch()
    named = list(hostile_archives.named())
    for number in range(n := count(60, 6)):
        folder = tmp_path / str(number)
        folder.mkdir()
        name, make = tally.rng.choice(named)
        site.faults = [tally.rng.choice(FAULTS) for _ in range(5)] if number % 2 else []
        site.files["sketch.tar.gz"] = make()
        env = {"OBSERVERS_CACHE": str(folder / "cache"), "OBSERVERS_DATA": str(folder / "data")}
        faults = list(site.faults)
        outcome = server.run("fetch", "sketch", "--quiet", cwd=folder, env=env, arguments=(site.url, str(registry)),
            timeout=SECONDS,
                             prepare="tests.robustness.published_site:use_local_site")  # fmt: skip
        verdict = judge(outcome, max_megabytes=MAX_MEGABYTES)
        tally.add(SILENT if verdict == RIGHT else verdict, f"{name} with {faults}: {outcome.describe()}")
        left = [path for path in (folder / "cache").rglob("*") if path.is_file() and path.parent.name != "partial"]
        if left:
            tally.fail(LITTER, f"{name} with {faults} has left {left[:3]}")
    tally.check(at_least=n)
