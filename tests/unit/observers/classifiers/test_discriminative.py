"""Classifiers: their evidence equals a calculation by hand and does not depend on the batch, for tiny models."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from PIL import Image

from experiments.running.session import run
from observers.check import check_observer
from observers.classifiers.classes import class_evidence
from observers.classifiers.discriminative import Classifier
from observers.protocol import ObserverError
from observers.registry import make_observer
from stimuli.categories import CATEGORIES, IMAGENET_CLASSES
from tests.unit.observers.tiny import NORMALIZED, PETS, SIZE, classify, save

LABELS = {
    "resnet": [f"LABEL_{i}" for i in range(1000)],
    "vit": ["background", *(f"LABEL_{i}" for i in range(1000))],
    "convnext": PETS,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save(tmp_path_factory.mktemp(kind), kind, labels) for kind, labels in LABELS.items()}


@pytest.fixture
def trials(small):
    return small.trials(0)


def preprocess_by_hand(kind: str, path: Path) -> torch.Tensor:
    """Return the image (1, 3, SIZE, SIZE) after the model's published preprocessing, computed step by step."""
    image = Image.open(path)
    assert image.size == (224, 224)
    edge = {"resnet": int(SIZE / 0.875), "vit": SIZE, "convnext": 40}[kind]
    image = image.resize((edge, edge), Image.Resampling.BILINEAR if kind == "vit" else Image.Resampling.BICUBIC)
    border = (edge - SIZE) // 2
    pixels = np.asarray(image.crop((border, border, border + SIZE, border + SIZE)), dtype=np.float64) / 255
    pixels = (pixels - NORMALIZED["image_mean"]) / NORMALIZED["image_std"]
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("kind", LABELS)
def test_evidence_equals_a_calculation_by_hand(kind, folders, trials, pets):
    from transformers import ConvNextForImageClassification, ResNetForImageClassification, ViTForImageClassification

    classes = {
        "resnet": ResNetForImageClassification,
        "vit": ViTForImageClassification,
        "convnext": ConvNextForImageClassification,
    }
    model = classes[kind].from_pretrained(folders[kind]).eval()
    trials = (pets if kind == "convnext" else trials)[:3]
    for trial, response in zip(trials, classify(folders[kind], trials, batch_size=3), strict=True):
        with torch.inference_mode():
            logits = model(preprocess_by_hand(kind, trial.stimulus.path)).logits[0].double().tolist()
        if kind == "vit":
            logits = logits[1:]  # without the background class
        total = sum(np.exp(logit - max(logits)) for logit in logits)
        probabilities = [np.exp(logit - max(logits)) / total for logit in logits]
        indices = {"dog": [1], "cat": [0]} if kind == "convnext" else IMAGENET_CLASSES
        expected = [np.mean([probabilities[c] for c in indices[choice]]) for choice in trial.choices]
        np.testing.assert_allclose(response.evidence, expected, rtol=1e-4, atol=0)
        assert response.choice == trial.choices[int(np.argmax(expected))]


@pytest.mark.slow
@pytest.mark.parametrize("kind", LABELS)
def test_batch_size_and_order_do_not_matter(kind, folders, trials, pets):
    trials = pets if kind == "convnext" else trials
    expected = classify(folders[kind], trials)
    assert len({response.evidence.tobytes() for response in expected}) == len(expected)
    for options in ({"batch_size": 1}, {"batch_size": 3}):
        for response, reference in zip(classify(folders[kind], trials, **options), expected, strict=True):
            assert response.choice == reference.choice
            np.testing.assert_allclose(response.evidence, reference.evidence, rtol=0, atol=1e-6)
    as_bytes = [response.evidence.tobytes() for response in expected]
    assert [response.evidence.tobytes() for response in classify(folders[kind], trials[::-1])] == as_bytes[::-1]
    assert [response.evidence.tobytes() for response in classify(folders[kind], trials[5:])] == as_bytes[5:]


def test_classifier_follows_the_contract(folders, trials):
    results = check_observer(Classifier("some/tiny-model", weights=folders["resnet"], device="cpu"), trials)
    assert [result for result in results if not result.passed] == []


def test_whole_shows_the_whole_stimulus(folders, pets):
    from transformers import ConvNextForImageClassification

    model = ConvNextForImageClassification.from_pretrained(folders["convnext"]).eval()
    image = Image.open(pets[0].stimulus.path).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    pixels = (np.asarray(image, dtype=np.float64) / 255 - NORMALIZED["image_mean"]) / NORMALIZED["image_std"]
    with torch.inference_mode():
        logits = model(torch.from_numpy(pixels).permute(2, 0, 1)[None].float()).logits[0].double()
    expected = torch.softmax(logits, 0)[[1, 0]]
    (whole,) = classify(folders["convnext"], pets[:1], batch_size=1, whole=True)
    np.testing.assert_allclose(whole.evidence, expected, rtol=1e-4, atol=0)
    (cropped,) = classify(folders["convnext"], pets[:1], batch_size=1)
    assert not np.allclose(whole.evidence, cropped.evidence, rtol=1e-2, atol=0)


def test_whole_requires_a_fixed_input_size(tmp_path, pets):
    folder = save(tmp_path / "x", "vit", PETS)
    sizes = {"size": {"longest_edge": SIZE}, "image_processor_type": "ViTImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(NORMALIZED | sizes))
    with pytest.raises(
        ObserverError, match=r"does not have a fixed input size \(.*longest_edge.*\): omit -o whole=true"
    ):
        classify(folder, pets, whole=True)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_close_to_float32(dtype, folders, trials):
    exact, rounded = (classify(folders["vit"], trials[:4], dtype=d) for d in ("float32", dtype))
    for response, reference in zip(rounded, exact, strict=True):
        assert not np.array_equal(response.evidence, reference.evidence)
        np.testing.assert_allclose(response.evidence, reference.evidence, atol=0.02)


def test_evidence_with_noise_equals_a_calculation_by_hand(folders, pets):
    from transformers import ConvNextForImageClassification

    model = ConvNextForImageClassification.from_pretrained(folders["convnext"]).eval()
    image, rows = preprocess_by_hand("convnext", pets[0].stimulus.path), []
    for draw in range(3):
        rng = np.random.default_rng([7, draw])
        u = (draw + rng.random()) / 3
        noise = torch.from_numpy(rng.standard_normal((1, 3, SIZE, SIZE), dtype=np.float32))
        with torch.inference_mode():
            logits = model(u**0.5 * image + (1 - u) ** 0.5 * noise).logits[0].double()
        rows.append(torch.softmax(logits, 0)[[1, 0]].numpy())
    (response,) = classify(folders["convnext"], pets[:1], batch_size=1, noise_draws=3, noise_seed=7)
    np.testing.assert_allclose(response.evidence, np.mean(rows, axis=0), rtol=1e-4, atol=0)


def test_classifier_with_noise_follows_the_contract(folders, trials):
    observer = Classifier("some/tiny-model", weights=folders["resnet"], device="cpu", noise_draws=2)
    assert [result for result in check_observer(observer, trials) if not result.passed] == []
    with pytest.raises(ObserverError, match="noise_draws must be 0 to 100,000, got -1"):
        Classifier("some/tiny-model", noise_draws=-1)


def test_first_of_equal_choices_is_chosen(tmp_path, pets):
    folder = save(tmp_path / "x", "vit", PETS, contrast=0.0)
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"] = torch.zeros(3)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert {response.choice for response in classify(folder, pets)} == {"dog"}
    assert {response.choice for response in classify(folder, [evolve(t, choices=("cat", "dog")) for t in pets])} == {
        "cat"
    }


def test_classes_of_a_choice():
    logits = np.log(np.arange(1.0, 1001))
    names = [f"LABEL_{i}" for i in range(1000)]
    expected = [np.mean([c + 1 for c in IMAGENET_CLASSES[x]]) / 500_500 for x in CATEGORIES]
    np.testing.assert_allclose(class_evidence(logits, names, CATEGORIES, "x"), expected)
    with_background = np.concatenate([[np.log(1e6)], logits])
    evidence = class_evidence(with_background, ["Background", *names], ("cat", "dog"), "x")
    np.testing.assert_allclose(evidence, [expected[CATEGORIES.index(c)] for c in ("cat", "dog")])
    # Other choices are found by name; two classes have the same name.
    names[3:6] = ["crane, bird", "Crane", "ibis"]
    np.testing.assert_allclose(class_evidence(logits, names, ("ibis", "crane"), "x"), np.array([6, 4.5]) / 500_500)


@pytest.mark.parametrize(
    ("n", "first", "choices", "message"),
    [
        (
            3,
            "a",
            ("a", "cat"),
            r"tiny has 3 classes \(a, class 1, class 2, …\) but none for cat\. Use another model or other choices: "
            r"every choice must be the name of a class",
        ),
        (1001, "tench", CATEGORIES, r"tiny has 1001 classes .* but none for airplane, bear, bicycle\."),
        (
            1000,
            "tench",
            ("cat", "unicorn"),
            r"tiny has 1000 classes .* those of ImageNet \(1000, or 1001 if the first is background\)",
        ),
    ],
)
def test_choices_without_classes_are_refused(n, first, choices, message):
    with pytest.raises(ObserverError, match=message):
        class_evidence(np.zeros(n), [first, *(f"class {i}" for i in range(1, n))], choices, "tiny")


def test_classifier_by_name_with_options_as_text(folders, trials):
    options = {"weights": str(folders["resnet"]), "whole": "true", "dtype": "bfloat16", "device": "cpu"}
    observer = make_observer("hf:some/tiny-model", options)
    assert (observer.name, observer.kind) == ("tiny-model", "discriminative")
    assert len(list(observer.observe(iter(trials[:2])))) == 2
    provenance = observer.provenance()
    assert provenance.pop("sha256").isalnum()
    assert provenance.pop("preprocessing") and provenance.pop("assumed_classes")
    folder = folders["resnet"].name
    assert provenance == {"repository": "some/tiny-model", "weights": folder, "device": "cpu", "dtype": "bfloat16"}
    assert make_observer("hf:a/b", {"name": "mine"}).name == "mine"


def test_a_session_with_a_local_folder_records_only_its_name(small, tmp_path, monkeypatch):
    """The log and the sidecar are the same wherever the folder lies, and do not contain its path."""
    texts = []
    for home in ("anna-lee", "bob-ray"):
        (tmp_path / home).mkdir()
        save(tmp_path / home / "my resnet", "resnet", LABELS["resnet"])
        monkeypatch.chdir(tmp_path / home)
        log = run(small, make_observer("hf:./my resnet", device="cpu"), tmp_path / home / "logs", limit=2)
        assert log.name == "small_my-resnet_session-1.csv"
        sidecar = json.loads(log.with_suffix(".json").read_text("utf-8"))
        assert sidecar["provenance"]["weights"] == sidecar["identity"]["observer"]["options"]["weights"] == "my resnet"
        texts.append([log.read_text("utf-8"), sidecar["identity"], sidecar["provenance"]])
        assert "anna-lee" not in str(texts[-1]) and str(tmp_path) not in log.with_suffix(".json").read_text("utf-8")
    assert texts[0] == texts[1]
