"""Contrastive observers, CLIP- and SigLIP-like: the choice whose words lie nearest to the image.

K choices, D dimensions of the space that images and texts share. The evidence of a choice is the cosine between image
and text, times the model's logit scale, plus its bias where it has one (SigLIP): CLIP's softmax over it, SigLIP's
sigmoid of it is a probability. The text of a choice is the mean of its normalized templates, normalized again
(Radford et al. 2021, arXiv 2103.00020; Zhai et al. 2023, arXiv 2303.15343). Any choices will do.
"""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import field, frozen

from observers.checkpoints import (
    PROCESSOR,
    WEIGHTS,
    Checkpoint,
    find_checkpoint,
    load_image_processor,
    load_tokenizer,
    load_transformer,
)
from observers.devices import Dtype, batch_size_option, device_option, evaluate, pick_device, pick_dtype, respond
from observers.discriminative import preprocess
from observers.protocol import Kind, ObserverError, Response, Trial
from observers.templates import TEMPLATES, read_templates

TYPES = ("clip", "siglip")
# Repositories whose main branch holds a pickle only, and where they hold the same weights as safetensors.
SAFE_REVISIONS = {"openai/clip-vit-base-patch32": "refs/pr/15"}


def _in_table(instance: object, attribute: Any, value: int) -> None:
    if value not in TEMPLATES:
        raise ObserverError(
            f"templates must be {' or '.join(map(str, TEMPLATES))}, got {value}; "
            f"your own are given as a file with one a line: -o templates_file=FILE"
        )


def normalized(vectors: np.ndarray) -> np.ndarray:
    """(…, D) -> (…, D) of length 1, in float64."""
    vectors = np.asarray(vectors, dtype=np.float64)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@frozen
class Contrastive:
    """A CLIP- or SigLIP-like model of transformers, by its repository on the hub, or from a local folder.

    The folder `weights` holds config.json, preprocessor_config.json, tokenizer.json and model.safetensors. `templates`
    is 1 or 80; `templates_file` has some of your own. `whole` shows the stimulus whole at the model's input size.
    Evidence: cosine × logit scale (+ bias), without unit.
    """

    model: str  # such as openai/clip-vit-base-patch32
    revision: str | None = None
    weights: Path | None = None
    templates: int = field(default=1, validator=_in_table)
    templates_file: Path | None = None
    whole: bool = False
    device: str = device_option()
    dtype: Dtype = "float32"
    batch_size: int = batch_size_option()
    name: str = field()
    kind: Kind = field(default="contrastive", init=False)

    @name.default
    def _named(self) -> str:
        base = self.model.rstrip("/").rpartition("/")[2]
        if self.templates_file is not None:
            return f"{base}-{self.templates_file.stem}"
        return base if self.templates == 1 else f"{base}-{self.templates}-prompts"

    @cached_property
    def _files(self) -> Checkpoint:
        revision = self.revision or SAFE_REVISIONS.get(self.model)
        return find_checkpoint(self.model, revision, self.weights, [("config.json",), PROCESSOR, WEIGHTS])

    @cached_property
    def _network(self) -> Any:
        from transformers import AutoModel

        where, what = pick_device(self.device), "a contrastive model"
        network = load_transformer(AutoModel, self._files.folder, pick_dtype(self.dtype), where, what, self.name)
        if network.config.model_type not in TYPES:
            raise ObserverError(
                f"{self.name} is of the type {network.config.model_type}; expected {' or '.join(TYPES)}: "
                f"a classifier is named hf:{self.model}"
            )
        return network

    @cached_property
    def _processor(self) -> Any:
        return load_image_processor(self._files.folder, self.name)

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self._files.folder, self.name)

    @cached_property
    def _templates(self) -> tuple[str, ...]:
        return TEMPLATES[self.templates] if self.templates_file is None else read_templates(self.templates_file)

    @cached_property
    def _texts(self) -> dict[str, np.ndarray]:
        """Choice -> (D,), filled as choices come, so that a choice's text does not depend on the others asked."""
        return {}

    def _text(self, choice: str) -> np.ndarray:
        if choice not in self._texts:
            sentences = [template.replace("{}", choice) for template in self._templates]
            # SigLIP was trained on texts filled up to their full length, without a mask.
            siglip = self._network.config.model_type == "siglip"
            tokens = self._tokenizer(
                sentences,
                padding="max_length" if siglip else True,
                truncation=True,
                max_length=self._network.config.text_config.max_position_embeddings,
                return_attention_mask=not siglip,
                return_tensors="pt",
            )
            names = ("input_ids",) if siglip else ("input_ids", "attention_mask")
            with torch.inference_mode():
                found = self._network.get_text_features(**{n: tokens[n].to(self._network.device) for n in names})
            rows = normalized(_features(found).float().cpu().numpy())
            self._texts[choice] = normalized(rows.mean(axis=0))
        return self._texts[choice]

    def _prepare(self, pixels: np.ndarray) -> torch.Tensor:
        return preprocess(self._processor, pixels, self.whole, self.name)

    def _image_features(self, images: torch.Tensor) -> torch.Tensor:
        network = self._network
        return _features(network.get_image_features(pixel_values=images.to(network.device, network.dtype)))

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        scale, bias = self._scale, self._bias
        for trial, features in evaluate(trials, self._prepare, self._image_features, self.batch_size):
            texts = np.stack([self._text(choice) for choice in trial.choices])
            # Not a matrix product, which rounds equal rows differently and so breaks ties at random.
            cosine = (texts * normalized(features)).sum(axis=-1)
            yield respond(trial, cosine * scale + bias)

    @cached_property
    def _scale(self) -> float:
        return float(np.exp(self._network.logit_scale.item()))

    @cached_property
    def _bias(self) -> float:
        bias = getattr(self._network, "logit_bias", None)
        return 0.0 if bias is None else float(bias.item())

    def provenance(self) -> dict[str, str]:
        digest = hashlib.sha256("\n".join(self._templates).encode()).hexdigest()
        return self._files.provenance(self._network.device, self.dtype) | {"templates_sha256": digest}


def _features(found: Any) -> torch.Tensor:
    """What get_image_features and get_text_features give: an output around the tensor, or in early releases the tensor."""
    features: torch.Tensor = found if isinstance(found, torch.Tensor) else found.pooler_output
    return features
