"""Tiny image classifiers of transformers, saved in the layout of a Hub repository."""

import json
import sys
from pathlib import Path

import pytest
import torch

from observers.classifiers.discriminative import Classifier

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
    """Save a random model whose logits vary enough to distinguish images, and return the folder."""
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


def classify(folder, trials, **options):
    """Return the responses of the classifier in `folder`."""
    observer = Classifier("some/tiny-model", weights=folder, device="cpu", **options)
    return list(observer.observe(iter(trials)))


def break_torchvision(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a torchvision into a folder that fails as one that was built for another torch."""
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    metadata = folder / "torchvision-0.0.7.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.0.7\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(folder))
