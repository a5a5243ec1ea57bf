"""Sessions with a participant at a screen: no session is overwritten, any can be resumed, practice has a separate log."""

import csv
import io

import pytest
from attrs import evolve

from analysis.io.export import export
from analysis.io.frame import read_trials
from core.errors import LogError
from experiments.experiment import Experiment
from experiments.people.collecting import FrameReport, collect, practice_experiment
from experiments.running.session import run
from experiments.seeds import session_seed
from experiments.sets.registry import make_experiment
from observers.people.participant import Participant
from observers.people.screens.simulated_screen import SimulatedScreen
from observers.registry import make_observer
from tests.commands import observers
from tests.unit.experiments.logs import rows, sidecar


def simulated(**options):
    return Participant(code="S01", simulate="biased", **options)


class UnusableScreen:
    """A screen that fails if anything is shown on it."""

    rate, size = 60.0, (1280, 1024)

    def __getattr__(self, name):
        raise AssertionError(name)


def _table(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


@pytest.mark.slow
def test_a_session_is_never_overwritten(small, tmp_path):
    path = collect(small, simulated(), tmp_path, limit=5)
    before = path.read_bytes()
    with pytest.raises(LogError, match=r"session-1\.csv exists: continue the session with --resume, or use another"):
        collect(small, simulated(), tmp_path)
    assert path.read_bytes() == before
    assert collect(small, simulated(), tmp_path, resume=True) == path
    assert path.read_bytes().startswith(before)
    assert len(rows(path)) == 32
    # The session is complete, so the screen is not used.
    assert collect(small, evolve(simulated(), screen=UnusableScreen()), tmp_path, resume=True) == path
    notes = []
    assert collect(small, simulated(), tmp_path, session=2, resume=True, notify=notes.append) != path
    assert notes == ["session 2 of S01 has no responses yet: starting it"]


def test_trial_of_an_incomplete_row_is_repeated(small, tmp_path):
    path = collect(small, simulated(), tmp_path, limit=5)
    complete = path.read_bytes()
    for n_bytes in (1, 4, 30):
        path.write_bytes(complete[:-n_bytes])
        notes = []
        assert collect(small, simulated(), tmp_path, limit=5, resume=True, notify=notes.append) == path
        assert "removed an incomplete last row" in notes[0]
        assert [row["response"] for row in rows(path)] == [row["response"] for row in _table(complete)]
        assert FrameReport.from_log(path).n_trials == 5
        path.write_bytes(complete)


def test_a_session_with_another_seed_is_refused(small, tmp_path):
    collect(small, simulated(), tmp_path, seed=1)
    with pytest.raises(LogError, match="was made with a different seed"):
        collect(small, simulated(), tmp_path, seed=2, resume=True)


def test_practice(small, tmp_path):
    """Practice trials show drawn objects without cue conflict, with feedback, in a separate log; resuming skips them."""
    screen = SimulatedScreen()
    path = collect(small, evolve(simulated(), screen=screen), tmp_path, n_practice=6, limit=3)
    practice_log = tmp_path / "small-practice" / "small-practice_S01_session-1.csv"
    logged = rows(practice_log)
    assert len(logged) == 6 and all(row["shape"] == row["texture"] for row in logged)
    assert len(screen.beeps) == sum(row["response"] != row["category"] for row in logged)
    before = practice_log.read_bytes()
    collect(small, simulated(), tmp_path, n_practice=9, resume=True)
    assert practice_log.read_bytes() == before
    assert set(read_trials([path.parent, practice_log.parent])["dataset"]) == {"small", "small-practice"}


def test_practice_with_other_choices_uses_images_of_the_experiment(small):
    two_choices = Experiment("two", small.stimuli, ("left", "right"))
    practice = practice_experiment(two_choices, 4)
    assert {s.id for s in practice.stimuli} < {s.id for s in small.stimuli} and len(practice.stimuli) == 4
    with pytest.raises(LogError, match=r"must be 1 to 32 \(the number of images suitable for practice\), got 33"):
        practice_experiment(two_choices, 33)
    with pytest.raises(LogError, match=r"must be 1 to 16 \(the number of images suitable for practice\), got 17"):
        practice_experiment(small, 17)


def test_all_participants_practice_with_the_same_images(small, tmp_path):
    assert practice_experiment(small, 6) == practice_experiment(small, 6)
    few, many = ({s.id for s in practice_experiment(small, n).stimuli} for n in (3, 6))
    assert few < many
    for code, n in (("S01", 3), ("S02", 3), ("S03", 6)):
        collect(small, evolve(simulated(), code=code), tmp_path, n_practice=n, limit=3, seed=n)
    frame = read_trials(tmp_path)
    assert frame.loc[frame["dataset"] == "small-practice", "observer"].value_counts().to_dict() == {
        "S01": 3, "S02": 3, "S03": 6,
    }  # fmt: skip
    assert len(export(frame, tmp_path / "exported")) == 6


def test_practice_excludes_ambiguous_images():
    practice = practice_experiment(make_experiment("vase-faces"), 12)
    assert {s.category for s in practice.stimuli} == {"vase", "two faces"} and len(practice.stimuli) == 12
    with pytest.raises(LogError, match=r"must be 1 to 16 \(the number of images suitable for practice\), got 17"):
        practice_experiment(make_experiment("vase-faces"), 17)


def test_seed_follows_from_code_and_session():
    assert session_seed("S01", 1) == session_seed("S01", 1)
    assert len({session_seed(code, session) for code in ("S01", "S02", "s01") for session in (1, 2)}) == 6
    assert 0 <= session_seed("S01", 1) < 2**32


@pytest.mark.slow
def test_frame_report(small, tmp_path):
    exact = FrameReport.from_log(collect(small, simulated(), tmp_path))
    assert exact.sentence() == "60.0 frames per second; 0 of 32 trials have a dropped frame"
    screen = SimulatedScreen(drop=0.01, seed=1)
    late = FrameReport.from_log(collect(small, evolve(simulated(), screen=screen), tmp_path, session=2))
    assert late.too_many_dropped and late.sentence().startswith("WARNING: 60.0 frames per second; ")


def test_collect_command(tmp_path):
    out, command = tmp_path / "logs", ["collect", "drawn-cue-conflict", "--participant", "K7Q2", "--simulate", "biased"]
    result = observers(*command, "--limit", 20, "--out", out, "--practice", 3)
    assert result.stdout.splitlines()[-1] == "60.0 frames per second; 0 of 20 trials have a dropped frame"
    result = observers(*command, "--out", out, code=1)
    assert "exists: continue the session with --resume" in result.stderr
    observers(*command, "--out", out, "--resume", "--limit", 30)
    path = out / "drawn-cue-conflict" / "drawn-cue-conflict_K7Q2_session-1.csv"
    assert [row["trial"] for row in rows(path)] == [str(n) for n in range(1, 31)]
    assert (
        "there is no participant code: give one with --participant CODE"
        in observers("collect", "drawn-cue-conflict", "--no-dialog", code=1).stderr
    )
    assert "reads like a date" in observers(*command[:2], "--participant", "19800101", code=1).stderr
    assert "requires a monitor profile" in observers(*command[:4], "--out", out, "--session", 3, code=1).stderr


def test_replay_has_the_same_trial_order(small, tmp_path):
    seed = session_seed("S01", 1)
    path = collect(small, simulated(seed=seed), tmp_path, seed=seed)
    replayed = run(small, make_observer(f"recorded:{path}"), tmp_path / "replay", seed=seed)
    for column in ("trial", "block", "stimulus", "response", "rt"):
        assert [row[column] for row in rows(replayed)] == [row[column] for row in rows(path)]


def test_exclusion_rules_are_declared_before_the_session(tmp_path):
    path = tmp_path / "exclusions.toml"
    path.write_text("max_missed = 0.5\nmax_median_rt = 0.01\n")
    words = ["drawn-cue-conflict", "--participant", "S01", "--simulate", "biased", "--practice", 2, "--out", tmp_path]
    observers("collect", *words, "--limit", 4, "--exclusions", path)
    log = tmp_path / "drawn-cue-conflict" / "drawn-cue-conflict_S01_session-1.csv"
    assert sidecar(log)["exclusions"]["rules"] == {"max_missed": 0.5, "max_median_rt": 0.01}
    practice = tmp_path / "drawn-cue-conflict-practice" / "drawn-cue-conflict-practice_S01_session-1.csv"
    assert "exclusions" not in sidecar(practice)
    observers("collect", *words, "--limit", 5, "--resume", "--exclusions", path)
    path.write_text("max_missed = 0.4\n")
    changed = observers("collect", *words, "--resume", "--exclusions", path, code=1)
    assert "was started with other exclusion rules" in changed.stderr
    excluded = observers("analyze", "accuracy", log, code=1)
    assert "1 of 1 person is excluded by rules declared before data collection: S01 (median rt" in excluded.stderr
