"""Training with diffusion noise reduces the loss, can be resumed, and its result loads like any classifier."""

import numpy as np
import pytest
import torch
from transformers import ResNetConfig, ResNetForImageClassification

from experiments.sets.folder import from_folder
from observers.classifiers.diffusion_noise import add_random_noise
from observers.protocol import ObserverError
from observers.registry import make_observer
from observers.training.noise_training import ClassifierTrainingSettings, ImageFolder, main, train
from stimuli.images import save_image

TINY = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=2)


def save_stripes(folder):
    """Save a folder of two classes with 40 images of 32 × 32 pixels each: horizontal and vertical stripes."""
    rng = np.random.default_rng(0)
    for i in range(40):
        wave = np.sin(2 * np.pi * np.arange(32) / rng.uniform(5, 9) + rng.uniform(0, 6))
        for name, plane in (("across", np.tile(wave[:, None], 32)), ("along", np.tile(wave[None], (32, 1)))):
            pixels = 127 + 60 * plane[..., None] + rng.normal(0, 15, (32, 32, 3))
            save_image(np.clip(pixels, 0, 255).astype(np.uint8), folder / name / f"{name}{i}.png")
    return folder


@pytest.fixture
def stripes(tmp_path):
    return save_stripes(tmp_path / "stripes")


def tiny_network():
    torch.manual_seed(0)
    return ResNetForImageClassification(TINY)


def test_diffusion_noise_keeps_the_variance():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((4000, 3, 4, 4), generator=generator)
    noisy = add_random_noise(images, generator)
    assert float(noisy.var()) == pytest.approx(1, abs=0.02)
    alpha = (noisy * images).flatten(1).mean(1)  # an estimate of α for each image
    assert float(alpha.mean()) == pytest.approx(2 / 3, abs=0.02)  # the expectation of √u
    assert float((images * add_random_noise(images, generator)).mean()) < 0.7
    repeated = add_random_noise(images, torch.Generator().manual_seed(1))
    assert (repeated == add_random_noise(images, torch.Generator().manual_seed(1))).all()


@pytest.mark.slow
def test_a_trained_network_is_accurate_and_loads_as_a_classifier(stripes, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.ResNetConfig", lambda num_labels: TINY)
    arguments = [
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
    main(arguments)
    curve = [float(line.split(",")[1]) for line in (tmp_path / "out" / "network.csv").read_text().splitlines()]
    assert len(curve) == 6
    assert curve[-1] < curve[0]
    observer = make_observer("hf:noisy", {"weights": str(tmp_path / "out"), "device": "cpu"})
    trials = from_folder(stripes).trials(0)
    correct = [r.choice == t.stimulus.category for t, r in zip(trials, observer.observe(trials), strict=True)]
    assert np.mean(correct) > 0.9
    (stripes / "along" / "new.png").write_bytes((stripes / "along" / "along0.png").read_bytes())
    with pytest.raises(
        SystemExit, match=r"network\.pt was made with different settings \(number of training images, training data\)"
    ):
        main(arguments)
    (stripes / "along" / "along0.png").unlink()
    with pytest.raises(SystemExit, match=r"network\.pt was made with different settings \(training data\)"):
        main(arguments)


@pytest.mark.slow
def test_a_resumed_run_gives_the_same_weights(stripes, tmp_path):
    settings = ClassifierTrainingSettings(epochs=3, batch=16, rate=0.02, noise=True)
    uninterrupted, interrupted = tiny_network(), tiny_network()
    train(uninterrupted, ImageFolder(stripes, 32), settings, tmp_path / "whole")

    def stop(message):
        if message.startswith("epoch 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(interrupted, ImageFolder(stripes, 32), settings, tmp_path / "cut", on_progress=stop)
    resumed = ResNetForImageClassification(TINY)  # its initial weights are replaced by those of the checkpoint
    train(resumed, ImageFolder(stripes, 32), settings, tmp_path / "cut")
    for name, value in uninterrupted.state_dict().items():
        assert (resumed.state_dict()[name] == value).all(), name
    with pytest.raises(
        ObserverError, match=r"network\.pt was made with different settings \(rate, noise\): choose another folder"
    ):
        train(
            tiny_network(), ImageFolder(stripes, 32), ClassifierTrainingSettings(epochs=3, batch=16), tmp_path / "cut"
        )
    with pytest.raises(
        ObserverError, match=r"network\.pt was made with different settings \(training data\): choose another"
    ):
        train(tiny_network(), ImageFolder(stripes, 32), settings, tmp_path / "cut", data_id="others")


def test_errors_of_training(stripes, tmp_path):
    with pytest.raises(ObserverError, match="80 images are too few for one batch of 100 per process: use a smaller"):
        train(tiny_network(), ImageFolder(stripes, 32), ClassifierTrainingSettings(batch=100), tmp_path / "out")
    with pytest.raises(
        ObserverError, match="has 0 subfolders and 0 images in them: expected one subfolder of images per"
    ):
        ImageFolder(stripes / "along")
    with pytest.raises(ObserverError, match="the loss is not finite in epoch 1: use a learning rate below 1e"):
        train(
            tiny_network(),
            ImageFolder(stripes, 32),
            ClassifierTrainingSettings(epochs=2, batch=8, rate=1e20),
            tmp_path / "out",
        )
    with pytest.raises(SystemExit, match=r"observers: .*No such file or directory"):
        main([str(tmp_path / "none"), str(tmp_path / "out")])
    with pytest.raises(SystemExit) as caught:
        main([str(stripes), str(tmp_path / "out"), "--epochs", "0"])
    assert caught.value.code == 2
