"""Tiny models of transformers, saved as the hub keeps them, and loaded by the code that loads the real ones."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from huggingface_hub import constants
from PIL import Image

from observers.check import check_observer
from observers.checkpoints import Checkpoint, pretrained
from observers.discriminative import Classifier, class_evidence
from observers.protocol import ObserverError
from observers.registry import make_observer
from stimuli.categories import CATEGORIES, IMAGENET_CLASSES

SIZE = 32
NORMALIZED = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], "do_normalize": True, "do_resize": True}
PROCESSORS = {
    "resnet": {"feature_extractor_type": "ConvNextFeatureExtractor", "size": SIZE, "crop_pct": 0.875, "resample": 3},
    "vit": {"size": {"height": SIZE, "width": SIZE}, "resample": 2},
    "convnext": {
        "image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 40}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": SIZE, "width": SIZE},
    },
}  # fmt: skip
PETS = ["Cat, domestic cat", "DOG", "truck"]


def config(kind: str, labels: list[str]) -> object:
    from transformers import ConvNextConfig, ResNetConfig, ViTConfig

    names = {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
    if kind == "resnet":
        return ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], **names)
    if kind == "vit":
        return ViTConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=SIZE,
            patch_size=8, **names,
        )  # fmt: skip
    return ConvNextConfig(num_stages=2, hidden_sizes=[8, 16], depths=[1, 1], patch_size=4, **names)


def save(folder: Path, kind: str, labels: list[str], contrast: float = 1.0) -> Path:
    """A random model whose logits spread widely enough to tell images apart."""
    from transformers import AutoModelForImageClassification

    torch.manual_seed(0)
    model = AutoModelForImageClassification.from_config(config(kind, labels))
    head = [p for name, p in model.named_parameters() if name.startswith("classifier")]
    with torch.no_grad():
        for parameter in head:
            parameter.normal_(0, contrast if parameter.ndim > 1 else 0.01)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSORS[kind] | NORMALIZED))
    return folder


LABELS = {
    "resnet": [f"class {i}" for i in range(1000)],
    "vit": ["background", *(f"class {i}" for i in range(1000))],
    "convnext": PETS,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save(tmp_path_factory.mktemp(kind), kind, labels) for kind, labels in LABELS.items()}


@pytest.fixture
def trials(small):
    return small.trials(0)


@pytest.fixture
def pets(trials):
    return [evolve(trial, choices=("dog", "cat")) for trial in trials]


def look(folder, trials, **options):
    observer = Classifier("some/tiny-model", weights=folder, device="cpu", **options)
    return list(observer.observe(iter(trials)))


def by_hand(kind: str, path: Path) -> torch.Tensor:
    """(1, 3, SIZE, SIZE), the model's published preprocessing spelled out."""
    image = Image.open(path)
    assert image.size == (224, 224)
    edge = {"resnet": int(SIZE / 0.875), "vit": SIZE, "convnext": 40}[kind]
    image = image.resize((edge, edge), Image.Resampling.BILINEAR if kind == "vit" else Image.Resampling.BICUBIC)
    border = (edge - SIZE) // 2
    pixels = np.asarray(image.crop((border, border, border + SIZE, border + SIZE)), dtype=np.float64) / 255
    pixels = (pixels - NORMALIZED["image_mean"]) / NORMALIZED["image_std"]
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("kind", LABELS)
def test_evidence_by_hand(kind, folders, trials, pets):
    from transformers import ConvNextForImageClassification, ResNetForImageClassification, ViTForImageClassification

    makes = {
        "resnet": ResNetForImageClassification,
        "vit": ViTForImageClassification,
        "convnext": ConvNextForImageClassification,
    }
    model = makes[kind].from_pretrained(folders[kind]).eval()
    asked = (pets if kind == "convnext" else trials)[:3]
    for trial, response in zip(asked, look(folders[kind], asked, batch_size=3), strict=True):
        with torch.inference_mode():
            logits = model(by_hand(kind, trial.stimulus.path)).logits[0].double().tolist()
        if kind == "vit":
            logits = logits[1:]  # no background
        total = sum(np.exp(logit - max(logits)) for logit in logits)
        probabilities = [np.exp(logit - max(logits)) / total for logit in logits]
        classes = {"dog": [1], "cat": [0]} if kind == "convnext" else IMAGENET_CLASSES
        expected = [np.mean([probabilities[c] for c in classes[choice]]) for choice in trial.choices]
        np.testing.assert_allclose(response.evidence, expected, rtol=1e-4, atol=0)
        assert response.choice == trial.choices[int(np.argmax(expected))]


@pytest.mark.parametrize("kind", LABELS)
def test_batch_size_and_order_do_not_matter(kind, folders, trials, pets):
    asked = pets if kind == "convnext" else trials
    whole = look(folders[kind], asked)
    assert len({response.evidence.tobytes() for response in whole}) == len(whole)
    for options in ({"batch_size": 1}, {"batch_size": 3}):
        for one, other in zip(look(folders[kind], asked, **options), whole, strict=True):
            assert one.choice == other.choice
            np.testing.assert_allclose(one.evidence, other.evidence, rtol=0, atol=1e-6)
    as_bytes = [response.evidence.tobytes() for response in whole]
    assert [response.evidence.tobytes() for response in look(folders[kind], asked[::-1])] == as_bytes[::-1]
    assert [response.evidence.tobytes() for response in look(folders[kind], asked[5:])] == as_bytes[5:]


def test_the_contract(folders, trials):
    findings = check_observer(Classifier("some/tiny-model", weights=folders["resnet"], device="cpu"), trials)
    assert [finding for finding in findings if not finding.passed] == []


def test_whole_shows_the_whole_stimulus(folders, pets):
    from transformers import ConvNextForImageClassification

    model = ConvNextForImageClassification.from_pretrained(folders["convnext"]).eval()
    image = Image.open(pets[0].stimulus.path).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    pixels = (np.asarray(image, dtype=np.float64) / 255 - NORMALIZED["image_mean"]) / NORMALIZED["image_std"]
    with torch.inference_mode():
        logits = model(torch.from_numpy(pixels).permute(2, 0, 1)[None].float()).logits[0].double()
    expected = torch.softmax(logits, 0)[[1, 0]]
    (whole,) = look(folders["convnext"], pets[:1], batch_size=1, whole=True)
    np.testing.assert_allclose(whole.evidence, expected, rtol=1e-4, atol=0)
    (cropped,) = look(folders["convnext"], pets[:1], batch_size=1)
    assert not np.allclose(whole.evidence, cropped.evidence, rtol=1e-2, atol=0)


def test_whole_needs_an_input_size(tmp_path, pets):
    folder = save(tmp_path / "x", "vit", PETS)
    sizes = {"size": {"longest_edge": SIZE}, "image_processor_type": "ViTImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(NORMALIZED | sizes))
    with pytest.raises(ObserverError, match=r"no fixed input size \(.*longest_edge.*\): leave out -o whole=true"):
        look(folder, pets, whole=True)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_number_formats_run(dtype, folders, trials):
    exact, rough = (look(folders["vit"], trials[:4], dtype=d) for d in ("float32", dtype))
    for one, other in zip(exact, rough, strict=True):
        assert not np.array_equal(one.evidence, other.evidence)
        np.testing.assert_allclose(one.evidence, other.evidence, atol=0.02)


def test_the_first_of_equals(tmp_path, pets):
    folder = save(tmp_path / "x", "vit", PETS, contrast=0.0)
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"] = torch.zeros(3)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert {response.choice for response in look(folder, pets)} == {"dog"}
    assert {response.choice for response in look(folder, [evolve(t, choices=("cat", "dog")) for t in pets])} == {"cat"}


def test_which_classes_mean_a_choice():
    logits = np.log(np.arange(1.0, 1001))
    names = [f"class {i}" for i in range(1000)]
    expected = [np.mean([c + 1 for c in IMAGENET_CLASSES[x]]) / 500_500 for x in CATEGORIES]
    np.testing.assert_allclose(class_evidence(logits, names, CATEGORIES, "x"), expected)
    with_background = np.concatenate([[np.log(1e6)], logits])
    found = class_evidence(with_background, ["Background", *names], ("cat", "dog"), "x")
    np.testing.assert_allclose(found, [expected[CATEGORIES.index(c)] for c in ("cat", "dog")])
    # By name: other choices of 1000 classes, and two classes of one name.
    names[3:6] = ["crane, bird", "Crane", "ibis"]
    np.testing.assert_allclose(class_evidence(logits, names, ("ibis", "crane"), "x"), np.array([6, 4.5]) / 500_500)


@pytest.mark.parametrize(
    ("n", "first", "choices", "message"),
    [
        (
            3,
            "a",
            ("a", "cat"),
            r"tiny has 3 classes \(a, class 1, class 2, …\) and none is named cat; expected a class",
        ),
        (1001, "tench", CATEGORIES, r"tiny has 1001 classes .* none is named airplane or bear or bicycle; expected"),
        (1000, "tench", ("cat", "unicorn"), r"tiny has 1000 classes .* ImageNet's 1000 classes \(or 1001"),
    ],
)
def test_choices_that_mean_no_class(n, first, choices, message):
    with pytest.raises(ObserverError, match=message):
        class_evidence(np.zeros(n), [first, *(f"class {i}" for i in range(1, n))], choices, "tiny")


def test_by_name_with_options_as_text(folders, trials):
    options = {"weights": str(folders["resnet"]), "whole": "true", "dtype": "bfloat16", "device": "cpu"}
    observer = make_observer("hf:some/tiny-model", options)
    assert (observer.name, observer.kind) == ("tiny-model", "discriminative")
    assert len(list(observer.observe(iter(trials[:2])))) == 2
    said = observer.provenance()
    assert said.pop("sha256").isalnum()
    folder = folders["resnet"].name
    assert said == {"repository": "some/tiny-model", "weights": folder, "device": "cpu", "dtype": "bfloat16"}
    assert make_observer("hf:a/b", {"name": "mine"}).name == "mine"


def test_from_the_hubs_cache(tmp_path, monkeypatch, pets):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    commit = "89abcdef" * 5
    refs = tmp_path / "models--some--pets" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(commit)
    save(tmp_path / "models--some--pets" / "snapshots" / commit, "vit", PETS)
    observer = Classifier("some/pets", device="cpu")
    assert len(list(observer.observe(iter(pets[:2])))) == 2
    assert observer.provenance()["revision"] == commit


def test_without_network(tmp_path, monkeypatch, pets):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ObserverError, match=r"microsoft/resnet-50 at revision main: its config\.json, .*-o weights=DIR"
    ):
        next(Classifier("microsoft/resnet-50").observe(iter(pets)))


def test_pickles_are_refused(tmp_path, pets):
    folder = save(tmp_path / "x", "vit", PETS)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(
        ObserverError, match=r"only pytorch_model\.bin: only safetensors are loaded.*convert the weights"
    ):
        look(folder, pets)


def broken(folder: Path, flaw: str) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights, said = load_file(path), json.loads((folder / "config.json").read_text())
    if flaw == "damaged":
        path.write_bytes(path.read_bytes()[:1000])
    elif flaw == "headless":
        save_file({k: v for k, v in weights.items() if not k.startswith("classifier")}, path, {"format": "pt"})
    elif flaw == "shape":
        save_file(weights | {"classifier.bias": torch.zeros(5)}, path, {"format": "pt"})
    elif flaw == "type":
        (folder / "config.json").write_text(json.dumps(said | {"model_type": "bert"}))
    elif flaw == "code":
        remote = {"auto_map": {"AutoModelForImageClassification": "evil.Evil"}, "model_type": "evil"}
        (folder / "config.json").write_text(json.dumps(said | remote))
        (folder / "evil.py").write_text("raise SystemExit('ran')")
    elif flaw == "code of the preprocessing":
        remote = {"auto_map": {"AutoImageProcessor": "evil.Evil"}, "image_processor_type": "Evil"}
        (folder / "preprocessor_config.json").write_text(json.dumps(remote))
        (folder / "evil.py").write_text("raise SystemExit('ran')")
    elif flaw == "size":
        (folder / "config.json").write_text(json.dumps(said | {"hidden_size": "wide"}))
    elif flaw == "act":
        (folder / "config.json").write_text(json.dumps(said | {"hidden_act": "none such"}))
    elif flaw == "preprocessing list":
        (folder / "preprocessor_config.json").write_text("[]")
    elif flaw == "mean":
        odd = PROCESSORS["vit"] | NORMALIZED | {"image_mean": [0.5]}
        (folder / "preprocessor_config.json").write_text(json.dumps(odd))
    elif flaw == "json":
        (folder / "config.json").write_text("{")
    elif flaw == "processor":
        (folder / "preprocessor_config.json").write_text("{")


@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        ("damaged", "tiny-model: a safetensors file in .* is damaged .*; get it anew"),
        (
            "headless",
            r"tiny-model is not a whole image classifier: its checkpoint lacks 2 weights \(classifier\.bias, cl",
        ),
        ("shape", r"tiny-model: 1 weights in .* have another shape than its config\.json says \(classifier\.bias, …\)"),
        ("type", r"an image classifier in .* does not load \(Unrecognized configuration class"),
        ("code", "an image classifier in .* does not load "),
        ("code of the preprocessing", r"its preprocessing in .* does not load \(.*contains custom code"),
        ("size", r"an image classifier in .* does not load \(.*hidden_size"),
        ("act", r"an image classifier in .* does not load \(.*none such"),
        ("json", "an image classifier in .* does not load "),
        ("processor", "tiny-model: its preprocessing in .* does not load "),
        ("preprocessing list", "tiny-model: its preprocessing in .* does not load "),
        ("mean", r"its preprocessing does not work \(.*mean.*\): mend its preprocessor_config\.json"),
    ],
)
def test_what_does_not_load_is_said(flaw, message, tmp_path, pets):
    folder = save(tmp_path / "x", "vit", PETS)
    broken(folder, flaw)
    with pytest.raises(ObserverError, match=message):
        look(folder, pets)


def test_a_torchvision_of_another_torch_is_named(monkeypatch, tmp_path):
    def make(*_: object, **__: object) -> None:
        raise ImportError("Could not import module 'ViTForImageClassification'")

    files, cpu = Checkpoint(tmp_path, {}, local=True), torch.device("cpu")
    broken = type("Auto", (), {"from_pretrained": make})
    for found, end in (
        (None, r"\)$"),
        (object(), "torchvision was made for another torch than .*pip uninstall torchvision"),
    ):
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name, *rest, found=found, find=find: found if name == "torchvision" else find(name, *rest),
        )
        with pytest.raises(
            ObserverError, match=rf"^tiny: a model in .* does not load \(Could not import module .*{end}"
        ):
            pretrained(broken, files, torch.float32, cpu, "a model", "tiny")


def test_loading_is_quiet_and_leaves_the_settings(tmp_path, pets, capfd):
    from transformers.utils import logging

    folder = save(tmp_path / "x", "vit", PETS)
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    capfd.readouterr()
    look(folder, pets[:1], batch_size=1)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
