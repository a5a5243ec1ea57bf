"""Training a classifier in two processes on CPUs equals training in one process with batches of twice the size."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from observers.training.noise_training import ClassifierTrainingSettings, ImageFolder, train
from stimuli.images import save_image

ROOT = Path(__file__).parents[2]


class Linear(torch.nn.Module):
    """A classifier without batch normalization, whose statistics would differ between processes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3 * 16 * 16, 2)

    def forward(self, pixel_values):
        return SimpleNamespace(logits=self.layer(pixel_values.flatten(1)))


def train_linear(images, out, batch):
    """Train the network for two epochs, and return its weights."""
    network = Linear()
    train(network, ImageFolder(Path(images), 16), ClassifierTrainingSettings(2, batch, 0.01), Path(out))
    return network.layer.weight.detach()


@pytest.fixture
def images(tmp_path):
    """A folder of two classes with 20 images each."""
    rng = np.random.default_rng(0)
    for name in ("dark", "light"):
        for i in range(20):
            pixels = rng.integers(0, 200, (16, 16, 3)) + (55 if name == "light" else 0)
            save_image(pixels.astype(np.uint8), tmp_path / "images" / name / f"{i}.png")
    return tmp_path / "images"


LAUNCHERS = {
    "torchrun": (["torch.distributed.run", "--nproc-per-node", "2"], 2),
    # Without MPI, accelerate starts several processes only on GPUs, by the same function as torchrun.
    "accelerate": (["accelerate.commands.launch", "--cpu", "--num_processes", "1"], 1),
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_processes_share_an_epoch(launcher, images, tmp_path):
    words, n_processes = LAUNCHERS[launcher]
    (tmp_path / "run.py").write_text(
        "import os, sys, torch\n"
        "from tests.end_to_end.test_distributed_training import train_linear\n"
        "weights = train_linear(sys.argv[1], sys.argv[2], int(sys.argv[3]))\n"
        "torch.save(weights, f\"{sys.argv[2]}/rank-{os.environ.get('RANK', '0')}.pt\")\n"
    )
    command = [sys.executable, "-m", *words, tmp_path / "run.py", images, tmp_path / "out", 8 // n_processes]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(list(map(str, command)), check=True, cwd=ROOT, env=environment, capture_output=True)
    expected = train_linear(images, tmp_path / "alone", 8)
    assert len((tmp_path / "out" / "network.csv").read_text().splitlines()) == 2
    for rank in range(n_processes):
        weights = torch.load(tmp_path / "out" / f"rank-{rank}.pt", weights_only=True)
        assert torch.allclose(weights, expected, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(expected, Linear().layer.weight, atol=1e-3)
