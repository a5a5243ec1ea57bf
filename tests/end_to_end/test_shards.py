"""Shards in processes of their own: kills while a shard or a merge runs."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.end_to_end.test_stopped_sessions import SLOW_OBSERVER
from tests.unit.experiments.logs import sidecar

ROOT = Path(__file__).parents[2]
CLI = [sys.executable, "-m", "cli"]


def without_times(path):
    return {key: value for key, value in sidecar(path).items() if key not in ("started", "finished", "runs")}


def test_killed_shards_resume_to_the_same_bytes(tmp_path, cache):
    (tmp_path / "slow.py").write_text(SLOW_OBSERVER)
    command = [
        *CLI,
        "run-experiment",
        "drawn-cue-conflict",
        "--observer",
        f"{tmp_path}/slow.py:Slow",
        "--quiet",
        "--out",
    ]
    name = Path("drawn-cue-conflict") / "drawn-cue-conflict_slow_session-1"
    subprocess.run([*command, tmp_path / "whole"], check=True, cwd=ROOT, capture_output=True)
    for index in (1, 2):
        part = tmp_path / "shards" / f"{name}.shards" / f"{index}-of-2.csv"
        for number, n_rows in ((signal.SIGKILL, 10), (signal.SIGTERM, 70)):
            environment = os.environ | {"STALL_AT": str((index - 1) * 128 + n_rows + 40)}
            process = subprocess.Popen(
                [*command, tmp_path / "shards", "--shard", f"{index}/2"], cwd=ROOT, env=environment,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            deadline = time.monotonic() + 60
            while not (part.exists() and part.read_bytes().count(b"\n") > n_rows):
                assert time.monotonic() < deadline, "no rows"
                time.sleep(0.002)
            process.send_signal(number)
            assert process.wait(timeout=30) == (-signal.SIGKILL if number == signal.SIGKILL else 3)
            done = subprocess.run([*CLI, "merge", tmp_path / "shards"], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 3 and f"missing or unfinished: {'1-2' if index == 1 else '2'}" in done.stderr
        subprocess.run(
            [*command, tmp_path / "shards", "--shard", f"{index}/2"], check=True, cwd=ROOT, capture_output=True
        )
    subprocess.run([*CLI, "merge", tmp_path / "shards"], check=True, cwd=ROOT, capture_output=True)
    merged, whole = tmp_path / "shards" / f"{name}.csv", tmp_path / "whole" / f"{name}.csv"
    assert merged.read_bytes() == whole.read_bytes()
    assert without_times(merged) == without_times(whole)


# Merges and waits at each file that it writes or removes, so that it can be killed at each of these moments.
MERGE = """
import os, sys, time
from pathlib import Path
import experiments.running.merging as merging

def wait(function, step):
    def call(*arguments, **options):
        if os.environ["STEP"] == step:
            print("waiting", flush=True)
            time.sleep(60)
        return function(*arguments, **options)
    return call

merging.log.write_sidecar = wait(merging.log.write_sidecar, "before the sidecar")
merging._compare_with_existing = wait(merging._compare_with_existing, "comparison")
content = merging._content
def slowly(*arguments):
    for number, piece in enumerate(content(*arguments)):
        if number == 2:
            wait(lambda: None, "within the log")()
        yield piece
merging._content = slowly
Path.replace = wait(Path.replace, "before the log is renamed")
merging.shutil.rmtree = wait(merging.shutil.rmtree, "before the removal")
merging.merge_shards(sys.argv[1], remove_shards=True)
"""


def test_a_merge_that_is_killed_leaves_nothing_half_written(tmp_path, cache):
    command = [*CLI, "run-experiment", "drawn-cue-conflict", "--observer", "ideal", "--quiet", "--out"]
    name = Path("drawn-cue-conflict") / "drawn-cue-conflict_ideal_session-1.csv"
    subprocess.run([*command, tmp_path / "whole"], check=True, cwd=ROOT, capture_output=True)
    whole, merged = tmp_path / "whole" / name, tmp_path / "shards" / name
    for index in (1, 2, 3):
        subprocess.run(
            [*command, tmp_path / "shards", "--shard", f"{index}/3"], check=True, cwd=ROOT, capture_output=True
        )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    steps = ("before the sidecar", "within the log", "before the log is renamed", "comparison", "before the removal")
    for step in steps:
        if step == "comparison":
            subprocess.run([*CLI, "merge", tmp_path / "shards"], check=True, cwd=ROOT, capture_output=True)
        process = subprocess.Popen(
            [sys.executable, "-c", MERGE, tmp_path / "shards"], cwd=tmp_path, env=environment | {"STEP": step},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(random.choice((signal.SIGKILL, signal.SIGTERM)))
        process.wait()
        process.stdout.close()
        assert not merged.exists() if step in steps[:3] else merged.read_bytes() == whole.read_bytes()
    done = subprocess.run([*CLI, "merge", tmp_path / "shards"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "does not contain shards" in done.stderr  # the removal was completed
    assert {path.name for path in merged.parent.iterdir()} == {
        merged.name, f"{merged.stem}.json", f".{merged.stem}.lock"
    }  # fmt: skip
    assert without_times(merged) == without_times(whole)
