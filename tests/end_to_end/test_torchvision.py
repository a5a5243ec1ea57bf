"""A torchvision that was built for another torch: observers report it in one sentence, before a model loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.observers.tiny import break_torchvision

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("observer", ["microcosm-latent", "microcosm-cnn"])
def test_mismatched_torchvision_is_reported_in_one_sentence(observer, tmp_path, monkeypatch):
    break_torchvision(tmp_path, monkeypatch)
    words = ("run-experiment", "drawn-cue-conflict", "--observer", observer, "--limit", "2", "--quiet")
    done = subprocess.run(
        [sys.executable, "-m", "cli", *words, "--out", str(tmp_path / "logs")], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("observers: torchvision 0.0.7 does not work with torch ")
