"""Networks that are trained for some seconds recognize new images, on one process and on two."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from observers.microcosm.training import cnn, masked, tokens
from observers.microcosm.training.tokens import encode_tokens, tokens_loss
from observers.microcosm.training.training_loop import fit
from observers.protocol import Trial
from observers.registry import make_observer
from observers.training.noise_training import ClassifierTrainingSettings
from stimuli.categories import CATEGORIES
from stimuli.images import save_image
from stimuli.stimulus import Stimulus
from tests.unit.observers.microcosm.conftest import draw_images
from tests.unit.observers.microcosm.training.test_tokens import SETTINGS, make_autoencoder
from tests.unit.observers.training.test_noise_training import save_stripes

ROOT = Path(__file__).parents[2]


def test_training_with_codes_that_are_initialized_by_clustering(tmp_path, monkeypatch):
    monkeypatch.setattr(masked, "N_CODES", 32)
    monkeypatch.setattr(tokens, "UNQUANTIZED_SHARE", 0.5)
    monkeypatch.setattr(tokens, "REPLACEMENT_INTERVAL", 10)
    autoencoder, images = make_autoencoder(), draw_images(64, 3)
    initial = autoencoder.codes.detach().clone()
    fit(autoencoder, tokens_loss(autoencoder, images, SETTINGS, 32, 0.0), SETTINGS, tmp_path / "tokens")
    autoencoder.normalize_codebook()
    weight = autoencoder.network.quantize.embedding.weight
    assert torch.allclose(weight.norm(dim=1), torch.ones(32), atol=1e-6)
    assert not torch.allclose(autoencoder.codes, initial)
    encoded = encode_tokens(autoencoder, images, 32, 0.0)
    assert (encoded.shape, encoded.dtype) == ((2, len(images), 8, 8), torch.int16)
    assert len(encoded.unique()) > 8
    # diffusers searches by distance and not by angle. Since all codes have length 1, it returns the same tokens.
    pixels = (images.select(np.arange(4), 32) + 1) / 2
    with torch.inference_mode():
        latents = autoencoder.network.encode(pixels).latents
        diffusers_tokens = autoencoder.network.quantize(latents)[2][2].view(4, 8, 8)
    assert torch.equal(diffusers_tokens, encoded[0, :4].long())


def test_a_trained_network_recognizes_new_images(tmp_path):
    """Training from scratch reaches more than 80 % on new images of the same shapes, in about a minute."""
    out = tmp_path / "cnn"
    cnn.train_cnn(draw_images(3200, 3), out, tmp_path / "work", print, ClassifierTrainingSettings(epochs=4, seed=1))
    observer = make_observer("hf:microcosm-cnn", {"weights": str(out), "device": "cpu"})
    trials, new_images = [], draw_images(160, 9)
    for i, (pixels, label) in enumerate(zip(new_images.pixels, new_images.labels, strict=True)):
        save_image(pixels, tmp_path / f"{i}.png")
        trials.append(Trial(i, 1, Stimulus(f"{i}.png", tmp_path / f"{i}.png", CATEGORIES[int(label)]), CATEGORIES))
    responses = list(observer.observe(trials))
    assert all(r.evidence.shape == (16,) and r.evidence.sum() == pytest.approx(1) for r in responses)
    assert np.mean([r.choice == t.stimulus.category for r, t in zip(responses, trials, strict=True)]) > 0.8


def test_two_processes_share_an_epoch(tmp_path):
    stripes = save_stripes(tmp_path / "stripes")
    code = (
        "import sys; from pathlib import Path\nfrom tests.unit.observers.training.test_noise_training import *\n"
        "settings = ClassifierTrainingSettings(epochs=2, batch=8, rate=0.02)\n"
        "train(tiny_network(), ImageFolder(Path(sys.argv[1]), 32), settings, Path(sys.argv[2]))\n"
    )
    (tmp_path / "run.py").write_text(code)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        tmp_path / "run.py",
        stripes,
        tmp_path / "out",
    ]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert len((tmp_path / "out" / "network.csv").read_text().splitlines()) == 2


def test_the_training_command_reports_missing_icons(tmp_path):
    command = [sys.executable, "-m", "observers.microcosm.training.train", "microcosm-cnn"]
    options = ["--out", str(tmp_path / "cnn"), "--icons", str(tmp_path / "none.tgz")]
    process = subprocess.run([*command, *options], capture_output=True, text=True, cwd=ROOT, check=False)
    assert process.returncode == 1 and "none.tgz" in process.stderr and "Traceback" not in process.stderr
