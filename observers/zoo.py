"""The models of timm (PyTorch Image Models), by the name they have there, such as resnet50.tv_in1k.

They come with the extra `zoo`. Weights are safetensors from the hub's repository timm/NAME or from a local folder;
preprocessing is the model's own. Evidence: mean softmax probability of the classes that mean a choice, by the rules of
`observers.discriminative`.
"""

import importlib.util
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

from observers.checkpoints import WEIGHTS, Checkpoint, find_checkpoint, torchvision_hint
from observers.devices import Dtype, batch_size_option, device_option, evaluate, pick_device, pick_dtype, respond
from observers.discriminative import class_evidence
from observers.protocol import Kind, ObserverError, Response, Trial
from stimuli.errors import UnknownName

# Arguments of timm.create_model that a config.json may not set: where weights come from, and what is set here.
_OURS = ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "num_classes")


def import_timm() -> ModuleType:
    """timm. Raises ObserverError where it is not installed, or does not work with the torchvision that is."""
    if importlib.util.find_spec("timm") is None:
        raise ObserverError(
            "the models of timm come with an extra: pip install -c constraints.txt -e '.[zoo]' in the project's folder"
        )
    try:
        import timm
    except (ImportError, RuntimeError, OSError) as error:  # a torchvision made for another torch raises any of these
        said = str(error).strip().partition("\n")[0]
        raise ObserverError(f"timm is installed and cannot be imported ({said}){torchvision_hint()}") from None
    module: ModuleType = timm
    return module


def check_model_name(name: str) -> None:
    """Raises UnknownName, with the nearest names, if timm has no such model or the model no such tag behind its dot."""
    timm = import_timm()
    if not timm.is_model(name) or ("." in name and name not in timm.list_pretrained()):
        raise UnknownName("model of timm", name, timm.list_pretrained())


def read_config(files: Checkpoint) -> dict[str, Any]:
    """What config.json beside the weights says; nothing where there is none. Raises ObserverError."""
    path = files.folder / "config.json"
    try:
        found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise ObserverError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ObserverError(f"{path} is no configuration of timm: expected an object, got {type(found).__name__}")
    return found


def load_network(name: str, files: Checkpoint) -> torch.nn.Module:
    """The model of that name with the weights in `files`. Raises ObserverError if they do not fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    timm, said = import_timm(), read_config(files)
    arguments = {key: value for key, value in said.get("model_args", {}).items() if key not in _OURS}
    path = files.folder / WEIGHTS[0]
    try:
        model: torch.nn.Module = timm.create_model(
            name, pretrained=False, num_classes=said.get("num_classes"), **arguments
        )
        model.load_state_dict(load_file(path), strict=True)
    except (SafetensorError, RuntimeError) as error:
        lines = " ".join(str(error).split())
        raise ObserverError(f"the weights {path} are damaged or not those of {name}: {lines[:200]}") from None
    return model.eval()


@frozen
class Timm:
    """Any classifier of timm. The folder `weights` holds model.safetensors and, if it has one, the model's config.json.

    `whole` shows the stimulus whole at the model's input size instead of by the model's own resize and crop.
    """

    model: str  # such as resnet50.tv_in1k
    revision: str | None = None
    weights: Path | None = None
    whole: bool = False
    device: str = device_option()
    dtype: Dtype = "float32"
    batch_size: int = batch_size_option()
    name: str = field()
    kind: Kind = field(default="discriminative", init=False)

    @name.default
    def _named(self) -> str:
        return self.model

    @cached_property
    def _files(self) -> Checkpoint:
        return find_checkpoint(f"timm/{self.model}", self.revision, self.weights, [WEIGHTS[:1]])

    @cached_property
    def _device(self) -> torch.device:
        return pick_device(self.device)

    @cached_property
    def _network(self) -> torch.nn.Module:
        check_model_name(self.model)  # said before anything is fetched
        return load_network(self.model, self._files).to(self._device, pick_dtype(self.dtype))

    @cached_property
    def _transform(self) -> Any:
        model: Any = self._network
        from timm.data import create_transform, resolve_model_data_config

        said = dict(model.pretrained_cfg) | read_config(self._files).get("pretrained_cfg", {})
        found = resolve_model_data_config(model, pretrained_cfg=said)
        return create_transform(**found | ({"crop_pct": 1.0, "crop_mode": "squash"} if self.whole else {}))

    @cached_property
    def _labels(self) -> list[str]:
        """Names of the classes, where config.json says them; ImageNet's stand without."""
        said = read_config(self._files)
        names = said.get("label_names") or said.get("pretrained_cfg", {}).get("label_names") or []
        names = names if isinstance(names, list) else [names[key] for key in sorted(names, key=int)]
        described = said.get("label_descriptions") or {}
        return [str(described.get(name, name)) for name in names]

    def _prepare(self, pixels: np.ndarray) -> torch.Tensor:
        out: torch.Tensor = self._transform(Image.fromarray(pixels))
        return out

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        model = self._network
        out: torch.Tensor = model(images.to(self._device, pick_dtype(self.dtype)))
        return out

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for trial, logits in evaluate(trials, self._prepare, self._logits, self.batch_size):
            yield respond(trial, class_evidence(logits, self._labels, trial.choices, self.name))

    def provenance(self) -> dict[str, str]:
        return self._files.provenance(self._device, self.dtype)
