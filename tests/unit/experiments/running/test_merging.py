"""Merging: the same bytes as an undivided run, and sets of part logs that must not be merged."""

import shutil

import pytest
from attrs import evolve, field, frozen

from core.errors import LogError
from core.parallel.processes import ProcessExecutor
from experiments import log
from experiments.running.merging import merge_shards
from experiments.running.part_logs import MissingShards
from experiments.running.session import run
from observers.protocol import RUNTIME, Response
from observers.simulated import Biased, Ideal
from observers.spec import ObserverSpec
from tests.unit.experiments.logs import sidecar
from tests.unit.experiments.running.shard_runs import edit, run_shards

MINE = """
from attrs import frozen
from observers.protocol import Response

@frozen
class Mine:
    name: str = "mine"
    kind: str = "discriminative"
    def observe(self, trials):
        for trial in trials:
            yield Response(trial.choices[trial.number % 5], evidence=[1 / (i + trial.number) for i in range(16)])
"""


@frozen
class Weighted:
    """An observer with weights."""

    sha256: str
    device: str = field(default="cpu", metadata=RUNTIME)
    revision: str = "main"
    name: str = "weighted"
    kind: str = "discriminative"

    def provenance(self):
        return {"sha256": self.sha256, "device": self.device, "revision": "abc"}

    def observe(self, trials):
        yield from (Response(trial.choices[0]) for trial in trials)


def without_times(path):
    facts = sidecar(path)
    return {key: value for key, value in facts.items() if key not in ("started", "finished", "runs")}


@pytest.mark.slow
@pytest.mark.parametrize("observer", ["ideal", "biased", "FILE"])
@pytest.mark.parametrize("count", [1, 4, 7, 40])
def test_merged_log_equals_that_of_an_undivided_run(small, tmp_path, observer, count):
    (tmp_path / "mine.py").write_text(MINE)
    spec = ObserverSpec(f"{tmp_path}/mine.py:Mine" if observer == "FILE" else observer)
    whole = run(small, spec, tmp_path / "whole")
    run_shards(small, spec, tmp_path / "shards", reversed(range(1, count + 1)), count)
    sentences = []
    (merged,) = merge_shards(tmp_path / "shards", notify=sentences.append)
    assert merged == tmp_path / "shards" / whole.relative_to(tmp_path / "whole")
    assert merged.read_bytes() == whole.read_bytes()
    assert without_times(merged) == without_times(whole) and list(sidecar(merged)) == list(sidecar(whole))
    assert f"merged {min(count, 32)} shards with 32 trials" in sentences[0] and "--remove-shards" in sentences[1]
    before = merged.with_suffix(".json").read_bytes()
    assert run(small, spec, tmp_path / "shards") == merged  # a complete log, to which nothing is added
    assert merged.with_suffix(".json").read_bytes() == before


@pytest.mark.slow
def test_shards_that_are_computed_by_workers(small, tmp_path):
    whole = run(small, Ideal(), tmp_path / "whole")
    with ProcessExecutor(1) as executor:
        run_shards(small, ObserverSpec("ideal"), tmp_path / "shards", executor=executor)
    assert merge_shards(tmp_path / "shards")[0].read_bytes() == whole.read_bytes()


def test_shards_without_trials_may_be_missing(few, tmp_path):
    run_shards(few, Ideal(), tmp_path, (2, 3, 5, 6, 7), count=7)
    assert log.read_rows(merge_shards(tmp_path)[0])[1:] == log.read_rows(run(few, Ideal(), tmp_path / "whole"))[1:]


def test_times_and_devices(small, tmp_path):
    for index, (part, device) in enumerate(zip(run_shards(small, Ideal(), tmp_path), "ABBA", strict=True)):
        edit(part, started=f"2026-01-0{9 - index}", finished=f"2026-02-0{9 - index}", devices=[device])
    sentences = []
    (merged,) = merge_shards(tmp_path, notify=sentences.append)
    facts = sidecar(merged)
    assert (facts["started"], facts["finished"], facts["devices"]) == ("2026-01-06", "2026-02-09", ["A", "B"])
    assert "the shards were run on A and B; the last digits of the evidence can depend on this" in sentences[0]


def test_a_session_that_ended_before_its_end_was_recorded(small, tmp_path):
    for part in run_shards(small, Ideal(), tmp_path):
        edit(part, finished=None)
    assert sidecar(merge_shards(tmp_path)[0])["finished"] is None


@pytest.mark.slow
def test_missing_and_unfinished_shards_are_named(small, tmp_path):
    parts = run_shards(small, Ideal(), tmp_path, (1, 2, 4, 5, 6, 10), 10)
    edit(parts[1], status="running")
    parts[0].unlink()  # only the sidecar was written
    run_shards(small, Biased(0.8), tmp_path, (1, 2), 2)
    run_shards(small, Biased(0.2), tmp_path, range(1, 9), 10)
    message = (
        r"biased-0\.2_session-1\.shards has 8 of 10 complete shards; missing or unfinished: 9-10\n"
        r".*ideal_session-1\.shards has 4 of 10 complete shards; missing or unfinished: 1-3,7-9\n"
        r"to run the missing shards, submit the same job script \(with --shard auto/10\) again: "
        r"sbatch --array=1-3,7-10 SCRIPT"
    )
    with pytest.raises(MissingShards, match=message):
        merge_shards(tmp_path)
    assert [path.name for path in (tmp_path / "small").glob("*.csv")] == ["small_biased-0.8_session-1.csv"]
    for index in (1, 2, 3, 7, 8, 9, 10):
        run(small, Ideal(), tmp_path, shard=(index, 10))
        run(small, Biased(0.2), tmp_path, shard=(index, 10))
    run(small, Biased(0.2), tmp_path, shard=(9, 10))
    assert len(merge_shards(tmp_path)) == 3


def test_a_set_of_which_only_sidecars_exist(small, tmp_path):
    for part in run_shards(small, Ideal(), tmp_path, (1, 2), 4):
        part.unlink()
    with pytest.raises(MissingShards, match="has 0 of 4 complete shards; missing or unfinished: 1-4"):
        merge_shards(tmp_path)


def test_folders_without_shards(tmp_path, small):
    run(small, Ideal(), tmp_path / "logs")
    (tmp_path / "logs" / "empty.shards").mkdir()
    for folder, problem in ((tmp_path / "logs", "does not contain shards"), (tmp_path / "nowhere", "does not exist")):
        with pytest.raises(LogError, match=f"{folder} {problem}"):
            merge_shards(folder)


def test_the_folder_of_a_set_itself(small, tmp_path):
    parts = run_shards(small, Ideal(), tmp_path)
    assert merge_shards(parts[0].parent) == [tmp_path / "small" / "small_ideal_session-1.csv"]


def damage(content):
    """Damage part 2 of 4 in some way."""

    def apply(parts):
        lines = parts[1].read_bytes().splitlines(keepends=True)
        parts[1].write_bytes(content(lines))

    return apply


def copy(index, name):
    """Copy a part log with its sidecar to another name."""

    def apply(parts):
        for suffix in (".csv", ".json"):
            shutil.copy(parts[index].with_suffix(suffix), parts[0].with_name(f"{name}{suffix}"))

    return apply


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damage(lambda lines: b"".join(lines)[:-5]), r"2-of-4\.csv was changed after its shard was complete"),
        (damage(lambda lines: b"".join(lines[:-1])), r"2-of-4\.csv was changed after its shard was complete"),
        (damage(lambda lines: b"".join([*lines, lines[-1]])), r"2-of-4\.csv was changed after its shard was complete"),
        (damage(lambda lines: b"".join(lines)[:-2] + b"7\n"), r"2-of-4\.csv was changed after"),
        (damage(lambda lines: b""), r"2-of-4\.csv was changed after"),
        (copy(1, "3-of-4"), r"3-of-4\.csv describes shard 2/4, expected shard 3/4"),
        (copy(1, "2-of-4 (copy)"), r"2-of-4 \(copy\)\.csv does not have the name of a part log, such as 003-of-100\.csv"),
        (copy(1, "02-of-4"), r"02-of-4\.csv does not have the name of a part log"),
        (copy(1, "0-of-4"), r"0-of-4\.csv does not have the name of a part log"),
        (copy(1, "0000002-of-4000000"), r"0000002-of-4000000\.csv does not have the name of a part log"),
        (copy(1, "2-of-5"), "has part logs of 4 and of 5 shards: keep those with one number of shards"),
        (lambda parts: parts[1].with_suffix(".json").unlink(), r"the sidecar .*2-of-4\.json is missing"),
        (lambda parts: edit(parts[1], identity={}), r"the sidecar of .*2-of-4\.csv is damaged"),
        (lambda parts: edit(parts[1], shard=5), r"the sidecar of .*2-of-4\.csv describes no shard"),
        (lambda parts: parts[0].parent.rename(parts[0].parent.with_name("x.shards")),
         r"x\.shards has the shards of small_ideal_session-1\.csv: restore the name of the folder"),
    ],
)  # fmt: skip
def test_damaged_sets_are_refused(small, tmp_path, change, message):
    change(run_shards(small, Ideal(), tmp_path))
    with pytest.raises(LogError, match=message):
        merge_shards(tmp_path)
    assert list((tmp_path / "small").glob("*.csv")) == [] == list((tmp_path / "small").glob("*.json"))


def test_rows_that_contradict_the_sidecar(small, tmp_path):
    """Checked also if someone has changed the SHA-256 in the sidecar as well."""
    from experiments.running.shards import file_digest

    parts = run_shards(small, Ideal(), tmp_path)
    lines = parts[1].read_bytes().splitlines(keepends=True)
    for content, message in (
        ([*lines[:1], *lines[2:]], r"2-of-4\.csv does not have exactly the trials 9 to 16 in this order"),
        (
            [lines[0].replace(b"rt,", b"reaction,"), *lines[1:]],
            r"2-of-4\.csv has different columns from the other part logs",
        ),
    ):
        parts[1].write_bytes(b"".join(content))
        edit(parts[1], shard=sidecar(parts[1])["shard"] | {"sha256": file_digest(parts[1])})
        with pytest.raises(LogError, match=message):
            merge_shards(tmp_path)


def test_parts_of_different_sessions(small, tmp_path):
    parts = run_shards(small, Ideal(), tmp_path, (1, 2, 3))
    (other,) = run_shards(small, Ideal(), tmp_path / "other", (4,), seed=1)
    for suffix in (".csv", ".json"):
        shutil.copy(other.with_suffix(suffix), parts[0].with_name(f"4-of-4{suffix}"))
    with pytest.raises(LogError, match=r"4-of-4\.csv and 1-of-4\.csv are parts of different sessions \(seed 1 and 0\)"):
        merge_shards(tmp_path / "small")


def test_weights_and_commits_of_a_branch(small, tmp_path):
    for index, observer in enumerate((Weighted("a"), Weighted("a", "cuda"), Weighted("a", revision="abc")), start=1):
        run(small, observer, tmp_path / "same", shard=(index, 3))
    (merged,) = merge_shards(tmp_path / "same")
    assert sidecar(merged)["identity"]["observer"]["options"]["revision"] == "main"
    for index, observer in enumerate((Weighted("a", revision="abc"), Weighted("a")), start=1):
        run(small, observer, tmp_path / "reversed", shard=(index, 2))
    (merged,) = merge_shards(tmp_path / "reversed")
    assert sidecar(merged)["identity"]["observer"]["options"]["revision"] == "main"
    parts = run_shards(small, Weighted("a"), tmp_path / "other", (1, 2), 2)
    edit(parts[1], provenance={"sha256": "b", "device": "cpu", "revision": "abc"})
    with pytest.raises(LogError, match=r"are parts of different sessions \(sha256 b and a\)"):
        merge_shards(tmp_path / "other")


def test_existing_logs(small, tmp_path):
    run_shards(small, Ideal(), tmp_path)
    (merged,) = merge_shards(tmp_path)
    content, facts = merged.read_bytes(), merged.with_suffix(".json").read_bytes()
    sentences = []
    assert merge_shards(tmp_path, notify=sentences.append) == [merged]
    assert f"{merged} exists already, with the same rows" in sentences
    merged.with_suffix(".json").unlink()  # the log is the same, so that its sidecar can be restored
    merge_shards(tmp_path)
    assert (merged.read_bytes(), merged.with_suffix(".json").read_bytes()) == (content, facts)
    for other in (content[:-300], content + b"\n", content.replace(b",cat,", b",dog,"), b""):
        merged.write_bytes(other)
        with pytest.raises(
            LogError, match="exists already, and its rows or settings differ from those of the shards: move the log"
        ):
            merge_shards(tmp_path)
        assert merged.read_bytes() == other
    merged.write_bytes(content)
    identity = sidecar(merged)["identity"]
    edit(merged, identity=identity | {"seed": 3})
    with pytest.raises(LogError, match="its rows or settings differ"):
        merge_shards(tmp_path)


def test_a_log_that_is_being_written(small, tmp_path):
    run_shards(small, Ideal(), tmp_path)
    writer = log.LogWriter(log.log_path(tmp_path, "small", "ideal", 1))
    with pytest.raises(LogError, match="is being written by another run"):
        merge_shards(tmp_path)
    writer.close()
    assert len(merge_shards(tmp_path)) == 1


def test_a_full_disk_leaves_the_shards(small, tmp_path, monkeypatch):
    parts = run_shards(small, Ideal(), tmp_path)

    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("experiments.running.merging.replacing", fail)
    with pytest.raises(LogError, match="No space left on device"):
        merge_shards(tmp_path, remove_shards=True)
    assert all(part.exists() for part in parts) and list((tmp_path / "small").glob("*.csv")) == []
    monkeypatch.undo()
    assert len(merge_shards(tmp_path)) == 1


def test_shards_are_removed_on_request(small, tmp_path):
    parts = run_shards(small, evolve(Ideal(), name="i"), tmp_path)
    (merged,) = merge_shards(tmp_path, remove_shards=True)
    assert merged.exists() and not parts[0].parent.exists()
    assert {path.name for path in merged.parent.iterdir()} == {
        merged.name,
        f"{merged.stem}.json",
        f".{merged.stem}.lock",
    }


def test_a_removal_that_was_stopped_is_completed(small, tmp_path, monkeypatch):
    parts = run_shards(small, Ideal(), tmp_path)
    run_shards(small, Biased(0.8), tmp_path)
    remove = shutil.rmtree

    def stop(path):
        (path / "1-of-4.csv").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.running.merging.shutil.rmtree", stop)
    with pytest.raises(KeyboardInterrupt):
        merge_shards(tmp_path, remove_shards=True)
    monkeypatch.setattr("experiments.running.merging.shutil.rmtree", remove)
    assert parts[0].exists()
    assert [path.name for path in merge_shards(tmp_path)] == ["small_ideal_session-1.csv"]
    assert [path.name for path in (tmp_path / "small").glob("*.shards")] == ["small_ideal_session-1.shards"]
