"""`run-experiment --shard` and `merge`: outputs, exit codes, and sentences on standard error."""

import pytest

from tests.commands import observers

RUN = ("run-experiment", "drawn-cue-conflict", "--observer", "ideal", "--observer", "chance", "--quiet")


@pytest.fixture
def no_jobs(monkeypatch):
    """Remove the variables of SLURM and torchrun, which the tests may run in."""
    import os

    for name in [name for name in os.environ if name.startswith("SLURM_") or name in ("RANK", "WORLD_SIZE")]:
        monkeypatch.delenv(name)


def test_an_array_of_two_observers(tmp_path, no_jobs, monkeypatch):
    for index in (1, 3):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(index))
        done = observers(*RUN, "--out", tmp_path, "--shard", "auto/3")
        parts = [
            tmp_path / "drawn-cue-conflict" / f"drawn-cue-conflict_{name}_session-1.shards" / f"{index}-of-3.csv"
            for name in ("ideal", "chance")
        ]
        assert done.stdout.splitlines() == [f"log of shard {index}/3: {part}" for part in parts]
        assert all(part.exists() for part in parts)
    done = observers("merge", tmp_path, code=3)
    assert done.stdout == ""
    assert done.stderr.count("has 2 of 3 complete shards; missing or unfinished: 2\n") == 2
    assert done.stderr.count("sbatch --array=2 SCRIPT") == 1
    observers(*RUN, "--out", tmp_path, "--shard", "2/3")
    done = observers("merge", tmp_path)
    logs = [part.parent.with_suffix(".csv") for part in parts]
    assert sorted(done.stdout.splitlines()) == sorted(f"log: {path}" for path in logs)
    observers(*RUN, "--out", tmp_path / "whole")
    for path in logs:
        assert path.read_bytes() == (tmp_path / "whole" / path.relative_to(tmp_path)).read_bytes()
    done = observers("merge", tmp_path, "--remove-shards")
    assert done.stderr.count("exists already, with the same rows") == 2
    assert list(tmp_path.rglob("*.shards")) == []
    assert "does not contain shards" in observers("merge", tmp_path, code=1).stderr
    assert "nosuch does not exist: pass the folder" in observers("merge", "nosuch", code=1).stderr


def test_contradictions_have_exit_code_1(tmp_path):
    observers(*RUN, "--out", tmp_path, "--shard", "1/2")
    part = next(tmp_path.rglob("*ideal*.shards/1-of-2.csv"))
    part.with_name("copy.csv").write_bytes(part.read_bytes())
    done = observers("merge", tmp_path, code=1)
    assert "copy.csv does not have the name of a part log" in done.stderr
    assert "chance_session-1.shards has 1 of 2 complete shards; missing or unfinished: 2" in done.stderr


def test_versions_are_accepted_on_request(tmp_path):
    for shard in ("1/2", "2/2"):
        observers(*RUN, "--out", tmp_path, "--shard", shard)
    facts = next(tmp_path.rglob("*ideal*.shards/2-of-2.json"))
    facts.write_text(facts.read_text().replace('"python": "3', '"python": "2'))
    assert (
        "shards 2 were run with different versions from shard 1 (python 2"
        in observers("merge", tmp_path, code=1).stderr
    )
    assert "shards 2 were run with different versions" in observers("merge", tmp_path, "--accept-versions").stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--shard", "0/4"), 2, "the shard is 0/4, expected I/N"),
        (("--shard", "a/b"), 2, "the shard is 'a/b', expected I/N"),
        (("--shard", "auto"), 2, "--shard auto needs SLURM_ARRAY_TASK_ID"),
        (("--shard", "1/4", "--limit", "3"), 1, "got the limit 3 and the shard 1/4, expected one of them"),
    ],
)
def test_impossible_shards(tmp_path, no_jobs, words, code, message):
    assert message in observers(*RUN, "--out", tmp_path / "logs", *words, code=code).stderr
    assert not (tmp_path / "logs").exists()


def test_dry_run_of_a_shard(tmp_path):
    output = observers(*RUN, "--out", tmp_path, "--shard", "1/4", "--dry-run").stdout
    assert "64 trials: about" in output or "64 trials: at most" in output
