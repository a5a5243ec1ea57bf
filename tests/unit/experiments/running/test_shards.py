"""Shards: which trials they have, their part logs and sidecars, and where their numbers come from."""

import shutil

import pytest
from attrs import evolve, frozen

from analysis.io.frame import read_trials
from core.errors import LogError, UserError
from experiments.running.estimate import estimate
from experiments.running.session import run
from experiments.running.shards import Shard, array_expression, parse_shard
from observers.simulated import Biased, Ideal
from tests.unit.experiments.logs import rows, sidecar


@pytest.mark.parametrize(("n_trials", "count"), [(32, 4), (32, 5), (256, 100), (3, 7), (1, 1), (18_000, 1000)])
def test_shards_are_consecutive_trials_of_about_equal_number(n_trials, count):
    ranges = [Shard(index, count).indices(n_trials) for index in range(1, count + 1)]
    assert [index for indices in ranges for index in indices] == list(range(n_trials))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


def test_part_log_and_sidecar(small, tmp_path):
    path = run(small, Biased(0.8), tmp_path, shard=(2, 10))
    assert path == tmp_path / "small" / "small_biased-0.8_session-1.shards" / "02-of-10.csv"
    assert [row["trial"] for row in rows(path)] == ["4", "5", "6"]
    whole = run(small, Biased(0.8), tmp_path / "whole")
    assert rows(path) == rows(whole)[3:6]
    facts, expected = sidecar(path), sidecar(whole)
    entry = facts.pop("shard")
    assert entry == {"index": 2, "count": 10, "first_trial": 4, "last_trial": 6, "sha256": entry["sha256"]}
    assert (facts["status"], facts["n_logged"]) == ("complete", 3)
    assert facts["hashed"] == {"n_rows": 3, "sha256": entry["sha256"]}
    for key in ("started", "finished", "n_logged", "hashed", "runs"):
        del facts[key], expected[key]
    assert facts == expected and list(facts) == list(expected)


def test_a_stopped_shard_is_resumed(small, tmp_path):
    path = run(small, Biased(0.8), tmp_path, shard=(2, 2))
    complete = path.read_bytes()
    facts = path.with_suffix(".json").read_text()
    lines = complete.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5]) + lines[5][:20])
    path.with_suffix(".json").write_text(facts.replace('"complete"', '"running"'))
    sentences, calls = [], []
    run(
        small, Biased(0.8), tmp_path, shard=(2, 2), notify=sentences.append, progress=lambda *counts: calls.append(counts)
    )  # fmt: skip
    assert path.read_bytes() == complete and sidecar(path)["status"] == "complete"
    assert "removed an incomplete last row of 20 bytes" in sentences[0]
    assert calls[0] == (4, 16) and calls[-1] == (16, 16)


def test_resuming_a_complete_shard_changes_nothing(small, tmp_path):
    path = run(small, Ideal(), tmp_path, shard=(1, 4))
    before = path.read_bytes(), path.with_suffix(".json").read_bytes()
    assert run(small, Ideal(), tmp_path, shard=(1, 4)) == path
    assert (path.read_bytes(), path.with_suffix(".json").read_bytes()) == before


def test_a_shard_of_another_session_is_not_resumed(small, tmp_path):
    path = run(small, Ideal(), tmp_path, shard=(1, 4))
    with pytest.raises(LogError, match=r"1-of-4\.csv was made with a different seed \(was 0, is now 1\)"):
        run(small, Ideal(), tmp_path, seed=1, shard=(1, 4))
    for suffix in (".csv", ".json"):
        shutil.copy(path.with_suffix(suffix), path.with_name(f"2-of-4{suffix}"))
    with pytest.raises(LogError, match=r"the sidecar of .*2-of-4\.csv describes shard 1/4, expected shard 2/4"):
        run(small, Ideal(), tmp_path, shard=(2, 4))
    path.with_name("2-of-4.json").write_text(path.with_suffix(".json").read_text().replace('"shard"', '"part"'))
    with pytest.raises(LogError, match=r"2-of-4\.csv describes no shard, expected shard 2/4"):
        run(small, Ideal(), tmp_path, shard=(2, 4))


def test_a_complete_shard_that_was_changed_is_not_resumed(small, tmp_path):
    path = run(small, Ideal(), tmp_path, shard=(1, 4))
    lines = path.read_bytes().splitlines(keepends=True)
    for content in (lines[:-1], [*lines[:-1], lines[-1][:-2] + b"9\n"]):
        path.write_bytes(b"".join(content))
        with pytest.raises(
            LogError, match=r"1-of-4\.csv was changed after its shard was complete: restore the original"
        ):
            run(small, Ideal(), tmp_path, shard=(1, 4))


def test_parts_of_another_division_and_existing_logs(small, tmp_path):
    run(small, Ideal(), tmp_path, shard=(1, 4))
    with pytest.raises(LogError, match=r"has part logs of 4 shards, but shard 1/5 was requested"):
        run(small, Ideal(), tmp_path, shard=(1, 5))
    run(small, Ideal(), tmp_path)
    with pytest.raises(LogError, match=r"small_ideal_session-1\.csv exists already, so shard 2/4 .* is not needed"):
        run(small, Ideal(), tmp_path, shard=(2, 4))
    names = {path.name for path in (tmp_path / "small").glob("*.shards/*")}
    assert names == {"1-of-4.csv", "1-of-4.json", ".1-of-4.lock"}
    run(small, Ideal(), tmp_path, shard=(1, 4))  # a part that exists is only checked


def test_more_shards_than_trials(few, tmp_path):
    paths = [run(few, Ideal(), tmp_path, shard=(index, 7)) for index in range(1, 8)]
    assert [len(rows(path)) for path in paths] == [0, 1, 1, 0, 1, 1, 1]
    for path in paths:
        before = path.read_bytes()
        assert sidecar(path)["status"] == "complete"
        assert run(few, Ideal(), tmp_path, shard=sidecar_shard(path)).read_bytes() == before
    assert sidecar(paths[0])["shard"]["first_trial"] is None


def sidecar_shard(path):
    entry = sidecar(path)["shard"]
    return entry["index"], entry["count"]


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ((0, 4), "the shard is 0/4, expected I/N with I from 1 to N"),
        ((5, 4), "the shard is 5/4, expected I/N"),
        ((1, 0), "the shard is 1/0, expected I/N"),
        ((1, 10**9), "the shard is 1/1000000000, expected I/N .* and N up to 1,000,000"),
        ((1.5, 4), r"the shard must be a whole number, got 1\.5"),
        ("1/4", r"the shard must be two numbers, such as \(3, 100\) for the third of 100 shards, got '1/4'"),
        ((1, 2, 3), "the shard must be two numbers"),
    ],
)
def test_impossible_shards(small, tmp_path, shard, message):
    with pytest.raises(UserError, match=message):
        run(small, Ideal(), tmp_path, shard=shard)


def test_a_shard_has_no_limit(small, tmp_path):
    with pytest.raises(LogError, match="got the limit 3 and the shard 1/4, expected one of them"):
        run(small, Ideal(), tmp_path, shard=(1, 4), limit=3)


def test_people_respond_to_whole_sessions(small, tmp_path):
    @frozen
    class Person(Biased):
        kind: str = "human"

    with pytest.raises(
        LogError, match="ann is a person, whose session cannot be divided into shards: omit the shard 1/4"
    ):
        run(small, Person(0.8, name="ann"), tmp_path, shard=(1, 4))


def test_estimate_of_a_shard(small, tmp_path):
    assert estimate(small, Ideal(), tmp_path, shard=Shard(1, 4)).n_trials == 8
    run(small, Ideal(), tmp_path, shard=(1, 4))
    assert estimate(small, Ideal(), tmp_path, shard=Shard(1, 4)).n_trials == 0
    assert estimate(small, Ideal(), tmp_path, shard=Shard(2, 4)).n_trials == 8


def test_part_logs_are_not_read_as_logs(small, tmp_path):
    for index in (1, 2):
        part = run(small, Ideal(), tmp_path, shard=(index, 2))
    with pytest.raises(
        LogError, match=r"found no trials in .*; 2 part logs of shards are not merged and were skipped: run"
    ):
        read_trials(tmp_path)
    run(small, evolve(Ideal(), name="other"), tmp_path)
    with pytest.warns(match="2 part logs of shards are not merged and were skipped"):
        frame = read_trials(tmp_path)
    assert len(frame) == 32 and "2 part logs of shards" in " ".join(frame.attrs["notes"])
    with pytest.warns(match="incomplete: 2-of-2.csv has only 16 of 32 trials"):
        assert len(read_trials(part)) == 16


def test_array_expression():
    assert array_expression([3, 7, 8, 9, 11]) == "3,7-9,11"
    assert array_expression([1, 2]) == "1-2" and array_expression([]) == ""


def array(index, first, last, count):
    numbers = {"ID": index, "MIN": first, "MAX": last, "COUNT": count}
    return {f"SLURM_ARRAY_TASK_{name}": str(number) for name, number in numbers.items()}


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        ("3/100", {}, (3, 100)),
        ("3/100", array(7, 1, 10, 10), (3, 100)),
        ("auto", array(7, 1, 10, 10), (7, 10)),
        ("auto/100", array(7, 3, 7, 2), (7, 100)),
        ("auto/100", {"SLURM_ARRAY_TASK_ID": "7"}, (7, 100)),
        ("auto", {"RANK": "0", "WORLD_SIZE": "4"}, (1, 4)),
        ("auto/4", {"RANK": "3", "WORLD_SIZE": "4"}, (4, 4)),
        ("auto", {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}, (2, 2)),
        ("auto", {"RANK": "5", "WORLD_SIZE": "8", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}, (6, 8)),
        # The script of a task of an array runs as process 0 of 1.
        ("auto", array(7, 1, 10, 10) | {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, (7, 10)),
        ("auto", array(7, 1, 10, 10) | {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}, (7, 10)),
    ],
)
def test_shard_of_the_environment(text, environment, shard):
    assert parse_shard(text, environment) == Shard(*shard)


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        ("a/b", {}, "the shard is 'a/b', expected I/N, such as 3/100, or auto, or auto/N"),
        ("3", {}, "the shard is '3', expected I/N"),
        ("-1/4", {}, "the shard is '-1/4', expected I/N"),
        ("0/4", {}, "the shard is 0/4"),
        ("5/4", {}, "the shard is 5/4"),
        ("auto", {}, "--shard auto needs SLURM_ARRAY_TASK_ID .*, but none of these variables is set"),
        ("auto", {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, "--shard auto needs SLURM_ARRAY_TASK_ID"),
        ("auto", array(7, 3, 7, 2), r"this array has 2 tasks from 3 to 7, .* as in --shard auto/7"),
        ("auto", array(0, 0, 9, 10), r"this array has 10 tasks from 0 to 9, .* as in --shard auto/10"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "7"}, "SLURM_ARRAY_TASK_MIN is '', expected a whole number"),
        ("auto/10", {"SLURM_ARRAY_TASK_ID": "0"}, "SLURM_ARRAY_TASK_ID is 0, .* submit with --array=1-10"),
        ("auto/10", {"SLURM_ARRAY_TASK_ID": "11"}, "SLURM_ARRAY_TASK_ID is 11, expected a number from 1 to 10"),
        ("auto/10", {"SLURM_ARRAY_TASK_ID": "x"}, "SLURM_ARRAY_TASK_ID is 'x', expected a whole number"),
        ("auto", {"RANK": "1"}, "WORLD_SIZE is '', expected a whole number"),
        ("auto", {"RANK": "4", "WORLD_SIZE": "4"}, "the shard is 5/4"),
        ("auto/8", {"RANK": "1", "WORLD_SIZE": "4"}, "--shard auto/8 was given, but WORLD_SIZE is 4"),
        ("auto", array(1, 1, 2, 2) | {"RANK": "1", "WORLD_SIZE": "4"},
         "SLURM_ARRAY_TASK_ID=1 and RANK=1 are both set, expected one of them"),
    ],
)  # fmt: skip
def test_environments_that_do_not_determine_a_shard(text, environment, message):
    with pytest.raises(UserError, match=message):
        parse_shard(text, environment)
