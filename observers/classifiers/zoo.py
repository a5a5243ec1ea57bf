"""The classifiers of timm (PyTorch Image Models), by their timm names, such as resnet50.tv_in1k.

These observers need the extra `zoo`. Their weights are loaded as safetensors from the repository timm/NAME on the Hugging
Face Hub or from a local folder, and images are preprocessed as the model requires.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from attrs import field, frozen
from PIL import Image

from core.errors import UnknownName
from core.extras import require_extra
from observers.checkpoints import WEIGHTS, Checkpoint, check_torchvision, find_checkpoint
from observers.classifiers.classes import (
    CLASSES_METADATA,
    Classes,
    check_classes,
    class_evidence,
    merge_facts,
    note_classes,
)
from observers.classifiers.preprocessing import MAX_SIZE
from observers.devices import Dtype, batch_size_option, device_option, evaluate, pick_device, pick_dtype, respond
from observers.protocol import Kind, ObserverError, Response, Trial

# Arguments of timm.create_model that a config.json must not set, because they choose the weights or because
# `load_network` sets them.
_RESERVED_ARGUMENTS = (
    "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "num_classes",
)  # fmt: skip


def import_timm() -> ModuleType:
    """Import timm. Raises MissingExtra if it is not installed, and ObserverError if torchvision does not work."""
    require_extra("zoo", "a model of timm")
    check_torchvision()
    import timm

    module: ModuleType = timm
    return module


def check_model_name(name: str) -> None:
    """Raise UnknownName, which suggests similar names, unless timm has this model and the weights named after the dot."""
    timm = import_timm()
    if not timm.is_model(name) or ("." in name and name not in timm.list_pretrained()):
        raise UnknownName("model of timm", name, timm.list_pretrained())


def read_config(files: Checkpoint) -> dict[str, Any]:
    """Read the config.json next to the weights; return {} if there is none. Raises ObserverError if it is damaged."""
    path = files.folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise ObserverError(f"{path} cannot be read: {error}") from None
    if not isinstance(config, dict):
        raise ObserverError(f"{path} is not a configuration of timm: expected an object, got {type(config).__name__}")
    for key in ("pretrained_cfg", "model_args"):
        if not isinstance(config.get(key, {}), dict):
            raise ObserverError(
                f"{path} has {key} {str(config[key])[:60]}: expected an object; correct it, or download the file again"
            )
    return config


def load_network(name: str, files: Checkpoint) -> torch.nn.Module:
    """Load the model of this name with the weights in `files`. Raises ObserverError if the weights do not fit the model."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    timm, config = import_timm(), read_config(files)
    arguments = {key: value for key, value in config.get("model_args", {}).items() if key not in _RESERVED_ARGUMENTS}
    path = files.folder / WEIGHTS[0]
    try:
        model: torch.nn.Module = timm.create_model(
            name, pretrained=False, num_classes=config.get("num_classes"), **arguments
        )
        model.load_state_dict(load_file(path), strict=True)
    except (SafetensorError, RuntimeError) as error:
        message = " ".join(str(error).split())
        raise ObserverError(f"the weights {path} are damaged or not those of {name}: {message[:200]}") from None
    return model.eval()


@frozen
class Timm:
    """Any classifier of timm (`timm:MODEL`), from the Hugging Face Hub or a local folder.

    Evidence: mean softmax probability of the classes of each choice (see `observers.classifiers.classes`).

    Attributes:
        model: Name of the model and its weights in timm, such as resnet50.tv_in1k. If timm does not know this name, as
            for `timm:./folder`, the name is the "architecture" in the config.json in `weights`.
        revision: Branch, tag or commit of the repository timm/MODEL; None for its main branch.
        weights: Local folder with model.safetensors and optionally the model's config.json, to use instead of the Hub.
        whole: Whether the whole stimulus is resized to the model's input size, instead of being resized and cropped as
            in the model's own preprocessing.
        classes: auto uses the labels of the model to find out whether its classes are those of ImageNet, and in which
            order; imagenet ignores the labels of 1000 outputs; names requires every choice to be the label of a class.
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: Number format of the weights: float32, float16 or bfloat16.
        batch_size: Number of images in a forward pass.
        name: The observer's name in logs and figures; by default `model`.

    Example:
        >>> Timm("resnet50.tv_in1k", whole=True)
    """

    model: str
    revision: str | None = None
    weights: Path | None = None
    whole: bool = False
    classes: Classes = field(default="auto", validator=check_classes, metadata=CLASSES_METADATA)
    device: str = device_option()
    dtype: Dtype = "float32"
    batch_size: int = batch_size_option()
    name: str = field()
    kind: Kind = field(default="discriminative", init=False)

    @name.default
    def _default_name(self) -> str:
        return self.model

    @cached_property
    def _files(self) -> Checkpoint:
        return find_checkpoint(f"timm/{self.model}", self.revision, self.weights, [WEIGHTS[:1]])

    @cached_property
    def _device(self) -> torch.device:
        return pick_device(self.device)

    @cached_property
    def _network(self) -> torch.nn.Module:
        name = self.model
        if self.weights is not None and not import_timm().is_model(name):
            name = str(read_config(self._files).get("architecture", name))
        check_model_name(name)  # before anything is downloaded
        return load_network(name, self._files).to(self._device, pick_dtype(self.dtype))

    @cached_property
    def _data_config(self) -> dict[str, Any]:
        """The settings of the preprocessing. Settings that the model does not have are the defaults of timm."""
        model: Any = self._network
        from timm.data import resolve_model_data_config

        pretrained_config = dict(model.pretrained_cfg) | read_config(self._files).get("pretrained_cfg", {})
        settings: dict[str, Any] = resolve_model_data_config(model, pretrained_cfg=pretrained_config)
        return settings | ({"crop_pct": 1.0, "crop_mode": "squash"} if self.whole else {})

    @cached_property
    def _transform(self) -> Any:
        settings = self._data_config
        from timm.data import create_transform

        sides = settings["input_size"][1:]
        if not all(isinstance(side, int) and 1 <= side <= MAX_SIZE for side in sides):
            raise ObserverError(
                f"{self.name} has the input size {settings['input_size']}: expected sides of 1 to {MAX_SIZE} pixels; "
                f"correct the pretrained_cfg in its config.json"
            )
        return create_transform(**settings)

    @cached_property
    def _class_facts(self) -> dict[tuple[str, ...], dict[str, str]]:
        """What is known or assumed about the classes, by the choices of the trials so far."""
        return {}

    @cached_property
    def _labels(self) -> list[str]:
        """The names of the classes in config.json. An empty list suffices if the classes are those of ImageNet."""
        config = read_config(self._files)
        names = config.get("label_names") or config.get("pretrained_cfg", {}).get("label_names") or []
        if isinstance(names, dict) and all(str(key).isdecimal() for key in names):
            names = [names[key] for key in sorted(names, key=int)]
        descriptions = config.get("label_descriptions") or {}
        if not isinstance(names, list) or not isinstance(descriptions, dict):
            raise ObserverError(
                f"{self.name}: the config.json in {self._files.folder} has label_names {str(names)[:60]}: expected a list "
                f"of labels, or an object from the numbers of outputs to labels; correct it, or download the file again"
            )
        return [str(descriptions.get(name, name)) for name in map(str, names)]

    def _prepare(self, pixels: np.ndarray) -> torch.Tensor:
        tensor: torch.Tensor = self._transform(Image.fromarray(pixels))
        return tensor

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, C) of images (B, 3, height, width)."""
        model = self._network
        logits: torch.Tensor = model(images.to(self._device, pick_dtype(self.dtype)))
        return logits

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield the choice with the highest evidence for each trial.

        Raises:
            UnknownName: If timm does not have this model.
            ObserverError: If timm is not installed, if the model cannot be loaded, if it has no class for one of the
                choices, or if a batch does not fit into memory.
        """
        for trial, logits in evaluate(trials, self._prepare, self._logits, self.batch_size):
            labels, choices = self._labels, trial.choices
            evidence = class_evidence(logits, labels, choices, self.name, self.classes)
            note_classes(self._class_facts, len(logits), labels, choices, self.classes, self.name)
            yield respond(trial, evidence)

    def provenance(self) -> dict[str, str]:
        """Return repository and revision (or folder and SHA-256), device, dtype, preprocessing and assumed classes."""
        preprocessing = " ".join(f"{name}={value}" for name, value in self._data_config.items())
        facts = self._files.provenance(self._device, self.dtype) | {"preprocessing": preprocessing}
        return facts | merge_facts(self._class_facts)
