"""What of a checkpoint is loaded, and the sentence that says why it is not; on tiny models in the hub's layout."""

import importlib.util
import json

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from observers.checkpoints import load_transformer
from observers.discriminative import Classifier
from observers.protocol import ObserverError
from tests.observers.tiny import PETS, look, save


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


EVIL = {"AutoModelForImageClassification": "evil.Evil", "AutoImageProcessor": "evil.Evil"}
FLAWS = [  # file, what is put into it, what is said
    (
        "config.json",
        {"model_type": "bert"},
        r"an image classifier in .* does not load \(Unrecognized configuration class",
    ),
    ("config.json", {"auto_map": EVIL, "model_type": "evil"}, "an image classifier in .* does not load "),
    ("config.json", {"hidden_size": "wide"}, r"an image classifier in .* does not load \(.*hidden_size"),
    ("config.json", {"hidden_act": "none such"}, r"an image classifier in .* does not load \(.*none such"),
    ("config.json", "{", "an image classifier in .* does not load "),
    (
        "preprocessor_config.json",
        {"auto_map": EVIL, "image_processor_type": "Evil"},
        r"its preprocessing in .* does not load \(.*contains custom code",
    ),
    ("preprocessor_config.json", "{", "tiny-model: its preprocessing in .* does not load "),
    ("preprocessor_config.json", "[]", "tiny-model: its preprocessing in .* does not load "),
    (
        "preprocessor_config.json",
        {"image_mean": [0.5]},
        r"its preprocessing does not work \(.*mean.*\): mend its preprocessor_config\.json",
    ),
]


@pytest.mark.parametrize(("name", "change", "message"), FLAWS)
def test_settings_that_do_not_load_are_said(name, change, message, tmp_path, pets):
    path = save(tmp_path / "x", "vit", PETS) / name
    path.write_text(change if isinstance(change, str) else json.dumps(json.loads(path.read_text()) | change))
    (path.parent / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ObserverError, match=message):
        look(path.parent, pets)


def test_weights_that_do_not_fit_are_said(tmp_path, pets):
    path = save(tmp_path / "x", "vit", PETS) / "model.safetensors"
    weights, whole = load_file(path), path.read_bytes()
    save_file({k: v for k, v in weights.items() if not k.startswith("classifier")}, path, {"format": "pt"})
    with pytest.raises(
        ObserverError,
        match=r"tiny-model is not a whole image classifier: its checkpoint lacks 2 weights \(classifier\.bias, cl",
    ):
        look(path.parent, pets)
    save_file(weights | {"classifier.bias": torch.zeros(5)}, path, {"format": "pt"})
    with pytest.raises(
        ObserverError, match=r"1 weights in .* have another shape than its config\.json says \(classifier\.bias, …\)"
    ):
        look(path.parent, pets)
    path.write_bytes(whole[:1000])
    with pytest.raises(ObserverError, match=r"tiny-model: a safetensors file in .* is damaged .*; get it anew"):
        look(path.parent, pets)


@pytest.mark.parametrize(
    ("found", "end"),
    [(None, r"\)$"), (object(), "torchvision was made for another torch than .*pip uninstall torchvision")],
)
def test_a_torchvision_of_another_torch_is_named(found, end, monkeypatch, tmp_path):
    def make(*_: object, **__: object) -> None:
        raise ImportError("Could not import module 'ViTForImageClassification'")

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *rest: found if n == "torchvision" else find(n, *rest))
    auto = type("Auto", (), {"from_pretrained": make})
    with pytest.raises(ObserverError, match=rf"^tiny: a model in .* does not load \(Could not import module .*{end}"):
        load_transformer(auto, tmp_path, torch.float32, torch.device("cpu"), "a model", "tiny")


def test_loading_is_quiet_and_leaves_the_settings(tmp_path, pets, capfd):
    from transformers.utils import logging

    folder = save(tmp_path / "x", "vit", PETS)
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    capfd.readouterr()
    look(folder, pets[:1], batch_size=1)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
