"""Which people exclusion rules leave out of an analysis, and attention checks."""

import csv
from pathlib import Path

import pytest
from attrs import evolve, frozen

from analysis import accuracy, read_trials
from core.errors import LogError, UserError
from experiments.exclusion_rules import ExclusionRules, read_exclusion_rules
from experiments.experiment import Experiment
from experiments.running.session import run
from observers.protocol import Response
from observers.simulated import Biased
from stimuli.categories import ATTENTION_CHECK
from stimuli.stimulus import StimulusSet
from tests.commands import observers

RULES = "min_attention_accuracy = 0.75\nmax_missed = 0.1\nmin_median_rt = 0.2\nmax_dropped_frames = 0.2\n"


@frozen
class Person:
    """A person who misses the first trials, answers attention checks or not, and takes the same time for each trial."""

    name: str
    n_missed: int = 0
    is_attentive: bool = True
    rt: float = 0.5
    n_dropped: int = 0
    kind: str = "human"
    measures = ("n_dropped",)

    def observe(self, trials):
        for trial in trials:
            is_check = trial.stimulus.condition == ATTENTION_CHECK
            is_right = self.is_attentive if is_check else True
            choice = (
                trial.stimulus.category if is_right else next(c for c in trial.choices if c != trial.stimulus.category)
            )
            is_missed = trial.number <= self.n_missed and not is_check
            dropped = {"n_dropped": float(trial.number <= self.n_dropped)}
            yield Response(None if is_missed else choice, rt=None if is_missed else self.rt, measured=dropped)


@pytest.fixture
def study(small) -> Experiment:
    """Return an experiment of 32 images, every fourth of which is an attention check."""
    stimuli = [
        evolve(s, condition=ATTENTION_CHECK if i % 4 == 0 else "") for i, s in enumerate(small.stimuli.stimuli)
    ]  # fmt: skip
    return Experiment("study", StimulusSet("study", tuple(stimuli)), small.choices, n_blocks=2)


@pytest.fixture
def rules(tmp_path) -> Path:
    path = tmp_path / "exclusions.toml"
    path.write_text(RULES)
    return path


PEOPLE = (
    Person("GOOD"), Person("MISS", n_missed=12), Person("ABSENT", is_attentive=False), Person("HASTY", rt=0.1),
    Person("SLOW", n_dropped=16),
)  # fmt: skip


def logs(study, folder, rules=None, people=PEOPLE, **options):
    declared = None if rules is None else read_exclusion_rules(rules)
    for person in people:
        run(study, person, folder, exclusions=declared, **options)
    run(study, Biased(0.9), folder)
    return folder


def test_declared_rules_exclude_people(study, rules, tmp_path):
    frame = read_trials(logs(study, tmp_path / "logs", rules))
    assert sorted(frame["observer"].unique()) == ["GOOD", "biased-0.9"]
    assert set(frame["condition"]) == {""} and len(frame) == 48
    note = next(note for note in frame.attrs["notes"] if "declared" in note)
    assert note.startswith("4 of 5 people are excluded by rules declared before data collection: ")
    path = tmp_path / "logs" / "study" / "study_MISS_session-1.csv"
    rows = [row for row in csv.DictReader(path.read_text().splitlines()) if row["condition"] != ATTENTION_CHECK]
    missed = 100 * sum(not row["response"] for row in rows) / len(rows)
    assert f"MISS (missed {missed:.3g} %, more than 10 %)" in note
    assert "ABSENT (accuracy in attention checks 0 %, less than 75 %)" in note
    assert "HASTY (median rt 0.1 s, less than 0.2 s)" in note
    assert "SLOW (trials with a dropped frame 50 %, more than 20 %)" in note
    assert "16 attention checks are not part of any measure" in frame.attrs["notes"]


def test_everybody_can_be_kept(study, rules, tmp_path):
    frame = read_trials(logs(study, tmp_path / "logs", rules), exclusions="none")
    assert frame["observer"].nunique() == 6
    assert any(
        note.startswith("rules declared before data collection are not applied; they would exclude 4 of 5 people: ")
        for note in frame.attrs["notes"]
    )
    with_checks = read_trials(tmp_path / "logs", exclusions="none", attention_checks=True)
    assert len(with_checks) == 6 * 32 and not any("attention checks are" in note for note in with_checks.attrs["notes"])


def test_rules_that_were_not_declared(study, rules, tmp_path):
    folder = logs(study, tmp_path / "logs")
    assert read_trials(folder)["observer"].nunique() == 6
    frame = read_trials(folder, exclusions=rules)
    note = next(note for note in frame.attrs["notes"] if "declared" in note)
    assert "are excluded by rules that were not declared before data collection (exclusions.toml): " in note
    assert frame["observer"].nunique() == 2
    other = tmp_path / "other.toml"
    other.write_text("max_missed = 0.1\n")
    declared = logs(study, tmp_path / "declared", rules)
    frame = read_trials(declared, exclusions=other)
    assert frame["observer"].nunique() == 5
    assert any("(other.toml), which replace the declared ones" in note for note in frame.attrs["notes"])
    same = read_trials(declared, exclusions=rules)
    assert any("excluded by rules declared before data collection" in note for note in same.attrs["notes"])


def test_incomplete_sessions_and_missing_data(study, small, tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text("min_completed = 0.9\nmin_attention_accuracy = 0.5\nmax_median_rt = 2.0\n")
    folder = tmp_path / "logs"
    run(small, Person("HALF"), folder, limit=16)
    run(small, Person("FULL"), folder)
    run(small, Person("TWICE"), folder)
    run(small, Person("TWICE", rt=3.0), folder, session=2)
    frame = read_trials(folder, exclusions=path)
    note = next(note for note in frame.attrs["notes"] if "excluded by" in note)
    assert note.startswith("2 of 4 sessions are excluded")
    assert "HALF (completed 50 %, less than 90 %)" in note and "TWICE, session 2 (median rt 3 s, more than 2 s)" in note
    assert len(frame) == 64
    assert any("min_attention_accuracy could not be applied to FULL, HALF" in note for note in frame.attrs["notes"])


def test_nobody_and_everybody(study, tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text("max_missed = 0.99\n")
    folder = logs(study, tmp_path / "logs", path)
    assert "rules declared before data collection do not exclude any of 5 people" in read_trials(folder).attrs["notes"]
    for log in folder.rglob("*biased*"):
        log.unlink()
    path.write_text("max_median_rt = 0.01\n")
    with pytest.raises(
        LogError, match=r"5 of 5 people are excluded .* no trials remain; --no-exclusions keeps everybody"
    ):
        read_trials(folder, exclusions=path)
    only_checks = evolve(study, stimuli=study.stimuli.where(lambda s: s.condition == ATTENTION_CHECK))
    run(only_checks, Person("A"), tmp_path / "checks")
    with pytest.raises(LogError, match="all trials are attention checks"):
        read_trials(tmp_path / "checks")
    with pytest.raises(UserError, match=r"the exclusion rules .* cannot be read"):
        read_trials(folder, exclusions="declare")


def test_on_the_command_line(study, rules, tmp_path):
    folder = logs(study, tmp_path / "logs", rules)
    done = observers("analyze", "accuracy", folder)
    assert "note: 4 of 5 people are excluded by rules declared before data collection: " in done.stderr
    assert "GOOD" in done.stdout and "MISS" not in done.stdout
    kept = observers("analyze", "accuracy", folder, "--no-exclusions")
    assert "MISS" in kept.stdout and "they would exclude 4 of 5 people" in kept.stderr
    both = observers("analyze", "accuracy", folder, "--no-exclusions", "--exclusions", rules, code=2)
    assert "it cannot be combined with --no-exclusions" in both.stderr
    observers("export", folder, "--format", "bids", "--out", tmp_path / "bids")
    again = read_trials(tmp_path / "bids")  # an export contains everybody, and the rules
    assert sorted(again["observer"].unique()) == ["GOOD", "biased-0.9"]
    expected = accuracy(read_trials(folder))
    assert accuracy(again)["accuracy"].tolist() == expected["accuracy"].tolist()


def test_practice_is_not_judged(study, rules, tmp_path):
    practice = evolve(study, name="study-practice")
    run(practice, Person("MISS", n_missed=12), tmp_path / "logs")
    run(study, Person("GOOD"), tmp_path / "logs")
    frame = read_trials(tmp_path / "logs", exclusions=rules)
    assert sorted(frame["observer"].unique()) == ["GOOD", "MISS"]
    with pytest.raises(UserError, match="exclusion rules are missing"):
        ExclusionRules()


def test_rules_that_were_declared_for_some_sessions(study, rules, tmp_path):
    folder = tmp_path / "logs"
    logs(study, folder, rules, PEOPLE[:2])
    logs(study, folder, people=PEOPLE[2:3])
    other = tmp_path / "other.toml"
    other.write_text("max_missed = 0.1\n")
    logs(study, folder, other, PEOPLE[3:4])
    note = next(note for note in read_trials(folder, exclusions=rules).attrs["notes"] if "declared" in note)
    assert note.startswith(
        "3 of 4 people are excluded by rules that were not declared before data collection (exclusions.toml), which replace "
        "the declared ones, except for 2 of these people: ABSENT ("
    )
    note = next(note for note in read_trials(folder).attrs["notes"] if "declared" in note)
    assert note.startswith("1 of 3 people is excluded by rules declared before data collection: MISS (")


def test_a_session_in_two_files_is_one_session(study, rules, tmp_path):
    path = logs(study, tmp_path / "logs", people=[Person("MISS", n_missed=12)]) / "study" / "study_MISS_session-1.csv"
    header, *lines = path.read_text().splitlines(keepends=True)
    parts = [tmp_path / f"MISS-{half}.csv" for half in (1, 2)]
    for part, rows in zip(parts, (lines[:16], lines[16:]), strict=True):
        part.write_text(header + "".join(rows))
    people = logs(study, tmp_path / "others", people=PEOPLE[:1])
    frame = read_trials(*parts, people, exclusions=rules)
    assert sorted(frame["observer"].unique()) == ["GOOD", "biased-0.9"]
    assert any(note.startswith("1 of 2 people is excluded") for note in frame.attrs["notes"])


def test_two_sessions_of_one_person_are_not_two_people(study, rules, tmp_path):
    folder = logs(study, tmp_path / "logs", rules, PEOPLE[:2])
    run(study, PEOPLE[0], folder, session=2, exclusions=read_exclusion_rules(rules))
    note = next(note for note in read_trials(folder).attrs["notes"] if "declared" in note)
    assert note.startswith("1 of 3 sessions is excluded by rules declared before data collection: MISS (")
