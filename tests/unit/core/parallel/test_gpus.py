"""The models of the GPUs, with a program in place of nvidia-smi."""

import os
from pathlib import Path

import pytest

from core.parallel.gpus import gpu_models

OUTPUT = "0, GPU-0a1, NVIDIA A100-SXM4-80GB\n1, GPU-7b2, NVIDIA H200\n"


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program nvidia-smi that prints OUTPUT and is the first on the path."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{OUTPUT}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return program


@pytest.mark.parametrize(
    ("visible", "models"),
    [
        (None, ["NVIDIA A100-SXM4-80GB", "NVIDIA H200"]),
        ("1", ["NVIDIA H200"]),
        ("1, 0", ["NVIDIA H200", "NVIDIA A100-SXM4-80GB"]),
        ("GPU-7b", ["NVIDIA H200"]),
        ("", []),
        ("-1", []),
        ("7", []),
    ],
)
def test_models_of_visible_gpus(
    nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, models: list[str]
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_models() == models


@pytest.mark.parametrize("text", ["exit 9", "echo No devices were found"])
def test_a_machine_without_gpus(nvidia_smi: Path, text: str) -> None:
    nvidia_smi.write_text(f"#!/bin/sh\n{text}\n")
    assert gpu_models() == []
    nvidia_smi.unlink()
    if not any(Path(folder, "nvidia-smi").exists() for folder in os.environ["PATH"].split(os.pathsep)):
        assert gpu_models() == []
