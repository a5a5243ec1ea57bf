"""Loading checkpoints: what is loaded, and the error if something cannot be, with tiny models in the layout of the Hub."""

import json

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from observers.checkpoints import find_checkpoint
from observers.classifiers.discriminative import Classifier
from observers.protocol import ObserverError
from tests.unit.observers.tiny import PETS, break_torchvision, classify, save


def test_model_is_loaded_from_the_hub_cache(tmp_path, monkeypatch, pets):
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


def test_error_without_network_names_the_files(tmp_path, monkeypatch, pets):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ObserverError,
        match=r"microsoft/resnet-50 at revision main cannot be .* files \(config\.json, .*-o weights=FOLDER",
    ):
        next(Classifier("microsoft/resnet-50").observe(iter(pets)))


def test_pickles_are_refused(tmp_path, pets):
    folder = save(tmp_path / "x", "vit", PETS)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(
        ObserverError, match=r"only pytorch_model\.bin: only safetensors are loaded.*convert the weights"
    ):
        classify(folder, pets)


EVIL = {"AutoModelForImageClassification": "evil.Evil", "AutoImageProcessor": "evil.Evil"}
FLAWS = [  # file, its new content or the keys to change, the error
    (
        "config.json",
        {"model_type": "bert"},
        r"an image classifier in .* cannot be loaded \(Unrecognized configuration class",
    ),
    ("config.json", {"auto_map": EVIL, "model_type": "evil"}, "an image classifier in .* cannot be loaded "),
    ("config.json", {"hidden_size": "wide"}, r"an image classifier in .* cannot be loaded \(.*hidden_size"),
    ("config.json", {"hidden_act": "none such"}, r"an image classifier in .* cannot be loaded \(.*none such"),
    ("config.json", "{", r"tiny-model: .*config\.json cannot be read \(Expecting property name"),
    (
        "preprocessor_config.json",
        {"auto_map": EVIL, "image_processor_type": "Evil"},
        r"its preprocessing in .* cannot be loaded \(.*contains custom code",
    ),
    ("preprocessor_config.json", "{", r"tiny-model: .*preprocessor_config\.json cannot be read \(.*\): download"),
    ("preprocessor_config.json", "[]", r"tiny-model: .*preprocessor_config\.json is not a configuration: .* got list"),
    (
        "preprocessor_config.json",
        {"image_mean": [0.5]},
        r"preprocessor_config\.json has image_mean \[0\.5\]: expected three numbers, for red, green and blue",
    ),
]


@pytest.mark.parametrize(("name", "change", "message"), FLAWS)
def test_bad_configuration_files_are_reported(name, change, message, tmp_path, pets):
    path = save(tmp_path / "x", "vit", PETS) / name
    path.write_text(change if isinstance(change, str) else json.dumps(json.loads(path.read_text()) | change))
    (path.parent / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ObserverError, match=message):
        classify(path.parent, pets)


def test_bad_weights_are_reported(tmp_path, pets):
    path = save(tmp_path / "x", "vit", PETS) / "model.safetensors"
    weights, content = load_file(path), path.read_bytes()
    save_file({k: v for k, v in weights.items() if not k.startswith("classifier")}, path, {"format": "pt"})
    with pytest.raises(
        ObserverError,
        match=r"tiny-model is not a complete image classifier: its checkpoint lacks 2 weights \(classifier\.bias, cl",
    ):
        classify(path.parent, pets)
    save_file(weights | {"classifier.bias": torch.zeros(5)}, path, {"format": "pt"})
    with pytest.raises(
        ObserverError,
        match=r"1 weights in .* have a different shape than its config\.json says \(classifier\.bias, …\)",
    ):
        classify(path.parent, pets)
    path.write_bytes(content[:1000])
    with pytest.raises(ObserverError, match=r"tiny-model: a safetensors file in .* is damaged .*: download it again"):
        classify(path.parent, pets)


def test_mismatched_torchvision_is_reported(monkeypatch, tmp_path):
    break_torchvision(tmp_path, monkeypatch)
    message = (
        r"^torchvision 0\.0\.7 does not work with torch .* \(operator torchvision::nms does not exist\), and no model can "
        r"be loaded beside it: .*pip uninstall torchvision; only the models of timm need it"
    )
    with pytest.raises(ObserverError, match=message):
        find_checkpoint("nobody/nothing", None, tmp_path, [])


def test_loading_is_silent_and_restores_the_log_settings(tmp_path, pets, capfd):
    from transformers.utils import logging

    folder = save(tmp_path / "x", "vit", PETS)
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    capfd.readouterr()
    classify(folder, pets[:1], batch_size=1)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
