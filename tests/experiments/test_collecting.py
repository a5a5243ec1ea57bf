"""Collecting a person's answers: never over an older session, on after any stop, practice apart."""

import csv
import io
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attrs import evolve

from analysis.frame import read_trials
from experiments.collecting import Frames, collect, practice
from experiments.experiment import Experiment
from experiments.registry import make_experiment
from experiments.seeds import seed_of
from observers.people.participant import Participant
from observers.people.simulated_screen import SimulatedScreen
from stimuli.categories import CATEGORIES
from stimuli.errors import LogError
from tests.commands import observers
from tests.experiments.logs import rows

ROOT = Path(__file__).parents[2]
SLOW = """
import time
from observers.simulated import Biased
class Sleepy:
    name, kind = "sleepy", "simulated"
    def observe(self, trials):
        for trial in trials:
            time.sleep(0.004)
            yield next(Biased(seed=3).observe([trial]))
"""


def simulated(**options):
    return Participant(code="S01", simulate="biased", **options)


class Broken:
    """A screen that nothing may be shown on."""

    rate, size = 60.0, (1280, 1024)

    def __getattr__(self, name):
        raise AssertionError(name)


def _table(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_a_session_is_never_overwritten(small, tmp_path):
    path = collect(small, simulated(), tmp_path, limit=5)
    before = path.read_bytes()
    with pytest.raises(LogError, match=r"session-1\.csv is there: go on with --resume, or take another --session"):
        collect(small, simulated(), tmp_path)
    assert path.read_bytes() == before
    assert collect(small, simulated(), tmp_path, resume=True) == path
    assert path.read_bytes().startswith(before)
    assert len(rows(path)) == 32
    said = []
    assert collect(small, evolve(simulated(), screen=Broken()), tmp_path, resume=True) == path  # nothing is left to ask
    assert collect(small, simulated(), tmp_path, session=2, resume=True, say=said.append) != path
    assert said == ["session 2 of S01 has no answer yet: it begins"]


def test_what_was_torn_is_asked_again(small, tmp_path):
    path = collect(small, simulated(), tmp_path, limit=5)
    whole = path.read_bytes()
    for n_cut in (1, 4, 30):
        path.write_bytes(whole[:-n_cut])
        said = []
        assert collect(small, simulated(), tmp_path, limit=5, resume=True, say=said.append) == path
        assert "removed an incomplete last row" in said[0]
        assert [row["response"] for row in rows(path)] == [row["response"] for row in _table(whole)]
        assert Frames.of(path).n_trials == 5
        path.write_bytes(whole)


def test_another_session_is_not_taken_for_complete(small, tmp_path):
    collect(small, simulated(), tmp_path, seed=1)
    with pytest.raises(LogError, match="was made with a different seed"):
        collect(small, simulated(), tmp_path, seed=2, resume=True)


def test_practice(small, tmp_path):
    """Its trials are drawn objects without conflict, with feedback, in a log of their own; resuming leaves it out."""
    screen = SimulatedScreen()
    path = collect(small, evolve(simulated(), screen=screen), tmp_path, n_practice=6, limit=3)
    practiced = tmp_path / "small-practice" / "small-practice_S01_session-1.csv"
    logged = rows(practiced)
    assert len(logged) == 6 and all(row["shape"] == row["texture"] for row in logged)
    assert len(screen.beeps) == sum(row["response"] != row["category"] for row in logged)
    before = practiced.read_bytes()
    collect(small, simulated(), tmp_path, n_practice=9, resume=True)
    assert practiced.read_bytes() == before
    assert set(read_trials([path.parent, practiced.parent])["dataset"]) == {"small", "small-practice"}


def test_practice_with_other_choices(small):
    two = Experiment("two", small.stimuli, ("left", "right"))
    found = practice(two, 4, 0)
    assert {s.id for s in found.stimuli} < {s.id for s in small.stimuli} and len(found.stimuli) == 4
    with pytest.raises(LogError, match="there are 32 images to practice with, not 33"):
        practice(two, 33, 0)
    with pytest.raises(LogError, match="there are 16 images to practice with, not 17"):
        practice(small, 17, 0)


def test_the_order_follows_from_code_and_session():
    assert seed_of("S01", 1) == seed_of("S01", 1)
    assert len({seed_of(code, session) for code in ("S01", "S02", "s01") for session in (1, 2)}) == 6
    assert 0 <= seed_of("S01", 1) < 2**32


def test_frames(small, tmp_path):
    fine = Frames.of(collect(small, simulated(), tmp_path))
    assert fine.sentence() == "60.0 frames a second; 0 of 32 trials dropped a frame"
    screen = SimulatedScreen(drop=0.01, seed=1)
    late = Frames.of(collect(small, evolve(simulated(), screen=screen), tmp_path, session=2))
    assert late.too_many and late.sentence().startswith("WARNING: 60.0 frames a second; ")


def test_by_the_command_line(tmp_path):
    out, first = tmp_path / "logs", ["collect", "drawn-cue-conflict", "--participant", "K7Q2", "--simulate", "biased"]
    said = observers(*first, "--limit", 20, "--out", out, "--practice", 3)
    assert said.stdout.splitlines()[-1] == "60.0 frames a second; 0 of 20 trials dropped a frame"
    refused = observers(*first, "--out", out, code=1)
    assert "is there: go on with --resume" in refused.stderr
    observers(*first, "--out", out, "--resume", "--limit", 30)
    path = out / "drawn-cue-conflict" / "drawn-cue-conflict_K7Q2_session-1.csv"
    assert [row["trial"] for row in rows(path)] == [str(n) for n in range(1, 31)]
    assert (
        "there is no participant code: give one with --participant CODE"
        in observers("collect", "drawn-cue-conflict", "--no-dialog", code=1).stderr
    )
    assert "reads like a date" in observers(*first[:2], "--participant", "19800101", code=1).stderr
    assert "give its profile" in observers(*first[:4], "--out", out, "--session", 3, code=1).stderr


def test_the_order_is_that_of_a_recorded_replay(small, tmp_path):
    """One experiment, seed and person: the trials of a session and those of its recording come in one order."""
    from experiments.session import run
    from observers.registry import make_observer

    seed = seed_of("S01", 1)
    path = collect(small, simulated(seed=seed), tmp_path, seed=seed)
    replayed = run(small, make_observer(f"recorded:{path}"), tmp_path / "replay", seed=seed)
    for column in ("trial", "block", "stimulus", "response", "rt"):
        assert [row[column] for row in rows(replayed)] == [row[column] for row in rows(path)]


@pytest.mark.slow
@pytest.mark.parametrize("n_kills", [2, 20])
def test_killed_at_random_moments(n_kills, tmp_path):
    """SIGKILL: every answered trial is on disk, resuming asks the next one, no trial twice."""
    (tmp_path / "sleepy.py").write_text(SLOW)
    words = ["collect", "drawn-cue-conflict", "--participant", "S01", "--simulate", f"{tmp_path}/sleepy.py:Sleepy"]
    words += ["--out", str(tmp_path / "logs")]
    code = "import sys, cli; sys.argv[0] = 'observers'; cli.main()"
    path = tmp_path / "logs" / "drawn-cue-conflict" / "drawn-cue-conflict_S01_session-1.csv"
    rng, seen = random.Random(n_kills), []
    for _ in range(n_kills):
        resume = ["--resume"] if seen else []
        process = subprocess.Popen([sys.executable, "-c", code, *words, *resume], cwd=ROOT, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)  # fmt: skip
        begun = path.stat().st_size if path.exists() else 0
        while process.poll() is None and (not path.exists() or path.stat().st_size == begun):
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.06))
        process.kill()
        process.wait()
        kept = path.read_text().splitlines()[1:] if path.exists() else []
        assert kept[: len(seen)] == seen
        seen = kept if path.read_bytes().endswith(b"\n") else kept[:-1]
        if rng.random() < 0.3:  # as after a power cut
            path.write_bytes(path.read_bytes()[: -rng.randint(1, 40)])
            seen = path.read_text().splitlines()[1:]
            seen = seen if path.read_bytes().endswith(b"\n") else seen[:-1]
    done = subprocess.run([sys.executable, "-c", code, *words, *(["--resume"] if seen else [])], cwd=ROOT, check=False,
                          capture_output=True, text=True, env=os.environ)  # fmt: skip
    assert done.returncode == 0, done.stderr
    logged = rows(path)
    assert [row["trial"] for row in logged] == [str(n) for n in range(1, 257)]
    assert len({row["stimulus"] for row in logged}) == 256
    whole = tmp_path / "whole"
    subprocess.run([sys.executable, "-c", code, *words[:-1], str(whole)], cwd=ROOT, check=True, capture_output=True)
    undisturbed = rows(whole / path.relative_to(tmp_path / "logs"))
    for column in ("stimulus", "response", "block"):
        assert [row[column] for row in logged] == [row[column] for row in undisturbed]
    assert set(CATEGORIES) >= {row["response"] for row in logged} - {""}


def test_practice_is_on_images_that_have_a_right_answer():
    some = practice(make_experiment("vase-faces"), 12, seed=0)
    assert {s.category for s in some.stimuli} == {"vase", "two faces"} and len(some.stimuli) == 12
    with pytest.raises(LogError, match="there are 16 images to practice with, not 17"):
        practice(make_experiment("vase-faces"), 17, seed=0)
