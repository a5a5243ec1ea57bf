"""Training with diffusion noise: learns, goes on where it was stopped, and is loaded as any classifier is."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import ResNetConfig, ResNetForImageClassification

from experiments.folder import from_folder
from observers.diffusion_noise import random_noise
from observers.noise_training import ClassifierTrainingSettings, ImageFolder, main, train
from observers.protocol import ObserverError
from observers.registry import make_observer
from stimuli.images import save_image

ROOT = Path(__file__).parents[2]
TINY = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=2)


@pytest.fixture
def stripes(tmp_path):
    """Two classes of 40 images of 32 × 32: stripes across and along."""
    rng = np.random.default_rng(0)
    for i in range(40):
        wave = np.sin(2 * np.pi * np.arange(32) / rng.uniform(5, 9) + rng.uniform(0, 6))
        for name, plane in (("across", np.tile(wave[:, None], 32)), ("along", np.tile(wave[None], (32, 1)))):
            pixels = 127 + 60 * plane[..., None] + rng.normal(0, 15, (32, 32, 3))
            save_image(np.clip(pixels, 0, 255).astype(np.uint8), tmp_path / "stripes" / name / f"{name}{i}.png")
    return tmp_path / "stripes"


def tiny():
    torch.manual_seed(0)
    return ResNetForImageClassification(TINY)


def test_diffusion_noise_keeps_the_variance():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((4000, 3, 4, 4), generator=generator)
    noisy = random_noise(images, generator)
    assert float(noisy.var()) == pytest.approx(1, abs=0.02)
    share = (noisy * images).flatten(1).mean(1)  # alpha, and noise about it
    assert float(share.mean()) == pytest.approx(2 / 3, abs=0.02)  # E √u
    assert float((images * random_noise(images, generator)).mean()) < 0.7
    same = random_noise(images, torch.Generator().manual_seed(1))
    assert (same == random_noise(images, torch.Generator().manual_seed(1))).all()


def test_it_learns_and_is_loaded_as_a_classifier(stripes, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.ResNetConfig", lambda num_labels: TINY)
    words = [
        str(stripes),
        str(tmp_path / "out"),
        "--epochs",
        "6",
        "--batch",
        "16",
        "--size",
        "32",
        "--workers",
        "0",
        "--noise",
    ]
    main(words)
    curve = [float(line.split(",")[1]) for line in (tmp_path / "out" / "network.csv").read_text().splitlines()]
    assert len(curve) == 6
    assert curve[-1] < curve[0]
    observer = make_observer("hf:noisy", {"weights": str(tmp_path / "out"), "device": "cpu"})
    experiment = from_folder(stripes)
    trials = experiment.trials(0)
    right = [r.choice == t.stimulus.category for t, r in zip(trials, observer.observe(trials), strict=True)]
    assert np.mean(right) > 0.9
    (stripes / "along" / "new.png").write_bytes((stripes / "along" / "along0.png").read_bytes())
    with pytest.raises(SystemExit, match=r"network\.pt is of a training with another n_pictures, given"):
        main(words)
    (stripes / "along" / "along0.png").unlink()
    with pytest.raises(SystemExit, match=r"network\.pt is of a training with another given"):
        main(words)


def test_it_goes_on_to_the_same_weights(stripes, tmp_path):
    recipe = ClassifierTrainingSettings(epochs=3, batch=16, rate=0.02, noise=True)
    whole, cut = tiny(), tiny()
    train(whole, ImageFolder(stripes, 32), recipe, tmp_path / "whole")

    def stop(text):
        if text.startswith("epoch 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(cut, ImageFolder(stripes, 32), recipe, tmp_path / "cut", say=stop)
    other = ResNetForImageClassification(TINY)  # whatever it was before
    train(other, ImageFolder(stripes, 32), recipe, tmp_path / "cut")
    for name, value in whole.state_dict().items():
        assert (other.state_dict()[name] == value).all(), name
    with pytest.raises(
        ObserverError, match=r"network\.pt is of a training with another rate, noise: name another folder"
    ):
        train(tiny(), ImageFolder(stripes, 32), ClassifierTrainingSettings(epochs=3, batch=16), tmp_path / "cut")
    with pytest.raises(ObserverError, match=r"network\.pt is of a training with another given: name another folder"):
        train(tiny(), ImageFolder(stripes, 32), recipe, tmp_path / "cut", given="others")


def test_what_cannot_be_trained(stripes, tmp_path):
    with pytest.raises(ObserverError, match="80 images are less than one batch of 100"):
        train(tiny(), ImageFolder(stripes, 32), ClassifierTrainingSettings(batch=100), tmp_path / "out")
    with pytest.raises(ObserverError, match="has 0 classes and 0 images: expected a folder a class"):
        ImageFolder(stripes / "along")
    with pytest.raises(ObserverError, match="the loss is no number in epoch 1: a rate lower than 1e"):
        train(
            tiny(), ImageFolder(stripes, 32), ClassifierTrainingSettings(epochs=2, batch=8, rate=1e20), tmp_path / "out"
        )
    with pytest.raises(SystemExit, match=r"observers: .*No such file or directory"):
        main([str(tmp_path / "none"), str(tmp_path / "out")])
    with pytest.raises(SystemExit) as wrong:
        main([str(stripes), str(tmp_path / "out"), "--epochs", "0"])
    assert wrong.value.code == 2


@pytest.mark.slow
def test_two_processes_share_an_epoch(stripes, tmp_path):
    code = (
        "import sys; from pathlib import Path\nfrom tests.observers.test_noise_training import *\n"
        "train(tiny(), ImageFolder(Path(sys.argv[1]), 32), Recipe(epochs=2, batch=8, rate=0.02), Path(sys.argv[2]))\n"
    )
    (tmp_path / "run.py").write_text(code)
    words = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        tmp_path / "run.py",
        stripes,
        tmp_path / "out",
    ]
    subprocess.run(words, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert len((tmp_path / "out" / "network.csv").read_text().splitlines()) == 2
