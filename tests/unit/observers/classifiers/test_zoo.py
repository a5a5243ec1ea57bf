"""Classifiers of timm: their evidence equals a calculation by hand, and the errors if something cannot be loaded."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from huggingface_hub import constants
from PIL import Image

from core.errors import UnknownName
from core.extras import MissingExtra
from observers.classifiers.zoo import Timm
from observers.protocol import ObserverError
from observers.registry import make_observer
from stimuli.categories import IMAGENET_CLASSES
from tests.unit.observers.tiny import break_torchvision

TINY = "test_vit.r160_in1k"
MEAN, STD, SIZE = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4], 160
# Detection operators of torchvision, which its wheel lacks with a torch for CPUs. They are not called here.
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@pytest.fixture(scope="module")
def timm():
    """Yield timm, or skip the test if it is not installed. Declare the operators of torchvision if its own do not load."""
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed: it needs the extra zoo")
    library = torch.library.Library("torchvision", "FRAGMENT")  # the declarations exist as long as this object
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in OPERATORS:
            library.define(operator)
    import timm

    yield timm
    del library


def save(timm, folder: Path, labels: list[str] | None = None, **config: object) -> Path:
    """Save a random model in the layout of timm's repositories on the Hub."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    n_classes = len(labels) if labels else 1000
    model = timm.create_model(TINY, pretrained=False, num_classes=n_classes)
    with torch.no_grad():
        model.get_classifier().weight.normal_(0, 0.5)
    save_file(model.state_dict(), folder / "model.safetensors")
    pretrained = {"mean": MEAN, "std": STD, "input_size": [3, SIZE, SIZE], "crop_pct": 0.8, "interpolation": "bicubic"}
    names = {"label_names": labels} if labels else {}
    config = {"architecture": "test_vit", "num_classes": n_classes, "pretrained_cfg": pretrained} | names | config
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def trials(small):
    return small.trials(0)[:9]


def classify(folder, trials, **options):
    return list(Timm(TINY, weights=folder, device="cpu", **options).observe(iter(trials)))


def probabilities_by_hand(timm, folder: Path, path: Path, n_classes: int, whole: bool) -> np.ndarray:
    """Return the class probabilities (C,) of an image, resized to 200 pixels and cropped to 160, or resized to 160."""
    from safetensors.torch import load_file

    model = timm.create_model(TINY, pretrained=False, num_classes=n_classes)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    edge = SIZE if whole else int(SIZE / 0.8)
    image = Image.open(path).resize((edge, edge), Image.Resampling.BICUBIC)
    border = (edge - SIZE) // 2
    pixels = np.asarray(image.crop((border, border, border + SIZE, border + SIZE)), dtype=np.float64) / 255
    pixels = torch.from_numpy((pixels - MEAN) / STD).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        logits = model.eval()(pixels)[0].double().numpy()
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("whole", [False, True])
def test_evidence_equals_a_calculation_by_hand(timm, trials, tmp_path, whole):
    folder = save(timm, tmp_path / "x")
    for trial, response in zip(trials[:2], classify(folder, trials[:2], whole=whole, batch_size=2), strict=True):
        probabilities = probabilities_by_hand(timm, folder, trial.stimulus.path, 1000, whole)
        expected = [np.mean([probabilities[c] for c in IMAGENET_CLASSES[choice]]) for choice in trial.choices]
        np.testing.assert_allclose(response.evidence, expected, rtol=1e-3)
        assert response.choice == trial.choices[int(np.argmax(expected))]


def test_classes_are_found_by_name(timm, trials, tmp_path):
    descriptions = {"n1": "Cat, domestic cat", "n2": "dog"}
    folder = save(timm, tmp_path / "x", ["n1", "n2", "n3"], label_descriptions=descriptions)
    (response,) = classify(folder, [evolve(trials[0], choices=("dog", "cat"))], batch_size=1)
    expected = probabilities_by_hand(timm, folder, trials[0].stimulus.path, 3, whole=False)[[1, 0]]
    np.testing.assert_allclose(response.evidence, expected, rtol=1e-3)
    with pytest.raises(ObserverError, match=r"has 3 classes \(cat, dog, n3, …\) but none for airplane, "):
        classify(folder, trials)


def test_batch_size_and_order_do_not_matter(timm, trials, tmp_path):
    folder = save(timm, tmp_path / "x")
    expected = classify(folder, trials)
    for response, reference in zip(classify(folder, trials, batch_size=2), expected, strict=True):
        assert response.choice == reference.choice
        np.testing.assert_allclose(response.evidence, reference.evidence, rtol=0, atol=1e-6)
    as_bytes = [response.evidence.tobytes() for response in expected]
    assert [response.evidence.tobytes() for response in classify(folder, trials[::-1])] == as_bytes[::-1]
    assert [response.evidence.tobytes() for response in classify(folder, trials[5:])] == as_bytes[5:]
    assert len(classify(folder, trials, dtype="bfloat16")) == len(trials)


def test_own_preprocessing_is_used_without_a_config(timm, trials, tmp_path):
    folder = save(timm, tmp_path / "x")
    (folder / "config.json").unlink()
    observer = make_observer(f"timm:{TINY}", {"weights": str(folder), "device": "cpu"})
    assert len(list(observer.observe(iter(trials[:1])))) == 1
    assert (observer.name, observer.kind) == (TINY, "discriminative")
    provenance = observer.provenance()
    assert provenance.pop("sha256").isalnum()
    assert "mean=" in provenance.pop("preprocessing")
    provenance.pop("assumed_classes", None)
    assert provenance == {"repository": f"timm/{TINY}", "weights": "x", "device": "cpu", "dtype": "float32"}


def test_unloadable_models_are_reported(timm, trials, tmp_path):
    folder = save(timm, tmp_path / "x")
    with pytest.raises(
        UnknownName, match=r"no model of timm is named 'resnet50\.tv_in1': did you mean resnet50\.tv_in1k"
    ):
        next(Timm("resnet50.tv_in1", weights=folder).observe(iter(trials)))
    with pytest.raises(ObserverError, match=r"model\.safetensors are damaged or not those of resnet18\.tv_in1k: Error"):
        next(Timm("resnet18.tv_in1k", weights=folder).observe(iter(trials)))
    (folder / "config.json").write_text("[]")
    with pytest.raises(ObserverError, match="is not a configuration of timm: expected an object, got list"):
        classify(folder, trials)
    (folder / "config.json").write_text("{")
    with pytest.raises(ObserverError, match=r"config\.json cannot be read: "):
        classify(folder, trials)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ObserverError, match=r"has no model\.safetensors, only pytorch_model\.bin: only safetensors"):
        classify(folder, trials)


def test_config_cannot_name_another_checkpoint(timm, trials, tmp_path):
    evil = {"checkpoint_path": str(tmp_path / "evil.pth"), "pretrained": True}
    folder = save(timm, tmp_path / "x", model_args=evil)
    assert len(classify(folder, trials[:1], batch_size=1)) == 1


def test_error_without_network_names_the_file(timm, trials, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    message = r"timm/resnet50\.tv_in1k at revision main cannot be downloaded .*\(model\.safetensors\): .*weights=FOLDER"
    with pytest.raises(ObserverError, match=message):
        next(Timm("resnet50.tv_in1k").observe(iter(trials)))


def test_missing_extra_is_reported(trials, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'^a model of timm needs timm: .* install "observers\[zoo\]"$'):
        next(Timm("resnet50.tv_in1k").observe(iter(trials)))


def test_mismatched_torchvision_is_reported(trials, tmp_path, monkeypatch):
    break_torchvision(tmp_path, monkeypatch)
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").write_text("import torchvision")
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ObserverError, match=r"^torchvision 0\.0\.7 does not work with torch .*nms does not exist"):
        next(Timm("resnet50.tv_in1k").observe(iter(trials)))


def test_a_local_folder_names_its_architecture(timm, trials, tmp_path):
    """The name of the folder is the name of the observer; its config.json has the name of the model in timm."""
    folder = save(timm, tmp_path / "my model")
    responses = list(make_observer(f"timm:{folder}", device="cpu").observe(iter(trials)))
    for response, expected in zip(responses, classify(folder, trials), strict=True):
        np.testing.assert_array_equal(response.evidence, expected.evidence)
    save(timm, folder, architecture="test_vit.r160_in1")
    with pytest.raises(UnknownName, match=r"no model of timm is named 'test_vit\.r160_in1': did you mean"):
        next(make_observer(f"timm:{folder}").observe(iter(trials)))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"label_names": "cat, dog"}, r"has label_names cat, dog: expected a list of labels, or an object"),
        ({"label_names": {"a": "cat"}}, r"has label_names \{'a': 'cat'\}: expected a list of labels, or an object"),
        ({"label_names": ["a"], "label_descriptions": ["cat"]}, r"has label_names \['a'\]: expected a list of labels"),
        ({"pretrained_cfg": ["mean"]}, r"config.json has pretrained_cfg \['mean'\]: expected an object; correct it"),
        ({"model_args": 3}, r"config.json has model_args 3: expected an object; correct it"),
    ],
)
def test_labels_and_settings_of_the_wrong_type_are_refused(config, message, tmp_path):
    """The labels are read without timm."""
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ObserverError, match=message):
        _ = Timm("x", weights=tmp_path)._labels


def test_labels_may_have_descriptions(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    names = {"label_names": {"1": "n2", "0": "n1"}, "label_descriptions": {"n1": "cat, domestic cat"}}
    (tmp_path / "config.json").write_text(json.dumps(names))
    assert Timm("x", weights=tmp_path)._labels == ["cat, domestic cat", "n2"]


def test_the_input_size_is_bounded(timm, trials, tmp_path):
    folder = save(timm, tmp_path / "x", pretrained_cfg={"input_size": [3, 20_000, 20_000]})
    with pytest.raises(ObserverError, match=r"has the input size .*20000.*: expected sides of 1 to 4096 pixels"):
        classify(folder, trials)
