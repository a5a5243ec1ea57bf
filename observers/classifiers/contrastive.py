"""Contrastive observers (CLIP and SigLIP), which choose the text that is most similar to the image.

K is the number of choices and D the dimension of the shared embedding of images and texts. The evidence of a choice is the
cosine similarity of image and text, times the model's logit scale, plus the model's bias in the case of SigLIP. The softmax
of the evidence (CLIP) or its sigmoid (SigLIP) is a probability. For the text embedding of a choice, the choice is inserted
into each template, and the normalized embeddings of these texts are averaged and normalized again (Radford et al. 2021,
arXiv 2103.00020; Zhai et al. 2023, arXiv 2303.15343). Any words can be choices.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
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
    load_tokenizer,
    load_transformer,
)
from observers.classifiers.preprocessing import describe_preprocessing, load_preprocessing, preprocess
from observers.classifiers.templates import TEMPLATES, read_templates
from observers.devices import Dtype, batch_size_option, device_option, evaluate, pick_device, pick_dtype, respond
from observers.loading.foreign_errors import explained_computation
from observers.protocol import Kind, ObserverError, Response, Trial

MODEL_TYPES = ("clip", "siglip")
# For repositories whose main branch has the weights only as a pickle: the revision that has them as safetensors.
SAFE_REVISIONS = {"openai/clip-vit-base-patch32": "refs/pr/15"}


def _check_templates(instance: object, attribute: Any, value: int) -> None:
    """Raise ObserverError unless `value` is a number of templates in TEMPLATES. This is an attrs validator."""
    if value not in TEMPLATES:
        raise ObserverError(
            f"templates must be {' or '.join(map(str, TEMPLATES))}, got {value}; for your own templates, write one per line "
            f"into a file and use -o templates_file=FILE"
        )


def normalize(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (…, D) scaled to length 1, in float64."""
    vectors = np.asarray(vectors, dtype=np.float64)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@frozen
class Contrastive:
    """A CLIP or SigLIP model of transformers, from the Hugging Face Hub or a local folder (`clip:` or `siglip:REPOSITORY`).

    Evidence: cosine similarity × logit scale (+ bias for SigLIP), without unit.

    Attributes:
        model: Repository on the Hub, such as openai/clip-vit-base-patch32.
        revision: Branch, tag or commit of the repository; None for its main branch.
        weights: Local folder with config.json, preprocessor_config.json, tokenizer.json and model.safetensors, to use
            instead of the Hub.
        templates: Number of built-in templates over which the text embedding is averaged: 1 or 80.
        templates_file: Text file with your own templates, one per line, each with one {} for the choice.
        whole: Whether the whole stimulus is resized to the model's input size, instead of being resized and cropped as
            in the model's own preprocessing.
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: Number format of the weights: float32, float16 or bfloat16.
        batch_size: Number of images in a forward pass.
        name: The observer's name in logs and figures; by default the last part of `model`, followed by the name of the
            templates file if there is one, or by the number of templates if it is not 1.

    Example:
        >>> Contrastive("openai/clip-vit-base-patch32", templates=80)
    """

    model: str
    revision: str | None = None
    weights: Path | None = None
    templates: int = field(default=1, validator=_check_templates)
    templates_file: Path | None = None
    whole: bool = False
    device: str = device_option()
    dtype: Dtype = "float32"
    batch_size: int = batch_size_option()
    name: str = field()
    kind: Kind = field(default="contrastive", init=False)

    @name.default
    def _default_name(self) -> str:
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

        device, model_kind = pick_device(self.device), "a contrastive model"
        network = load_transformer(AutoModel, self._files.folder, pick_dtype(self.dtype), device, model_kind, self.name)
        if network.config.model_type not in MODEL_TYPES:
            raise ObserverError(
                f"{self.name} is a model of type {network.config.model_type}; expected {' or '.join(MODEL_TYPES)}; "
                f"if it is a classifier, use hf:{self.model}"
            )
        return network

    @cached_property
    def _processor(self) -> Any:
        return load_preprocessing(self._files.folder, self.name)

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self._files.folder, self.name)

    @cached_property
    def _templates(self) -> tuple[str, ...]:
        return TEMPLATES[self.templates] if self.templates_file is None else read_templates(self.templates_file)

    @cached_property
    def _text_embeddings(self) -> dict[str, np.ndarray]:
        """The text embeddings (D,) that were already computed, by choice.

        Each choice is embedded separately, so that its embedding does not depend on the other choices of a trial.
        """
        return {}

    def _embed_text(self, choice: str) -> np.ndarray:
        """Return the text embedding (D,) of a choice."""
        if choice not in self._text_embeddings:
            sentences = [template.replace("{}", choice) for template in self._templates]
            # SigLIP was trained without an attention mask, on texts that were padded to the full length.
            is_siglip = self._network.config.model_type == "siglip"
            network, tokenizer = self._network, self._tokenizer
            names = ("input_ids",) if is_siglip else ("input_ids", "attention_mask")
            with self._computing("text"), torch.inference_mode():
                tokens = tokenizer(
                    sentences,
                    padding="max_length" if is_siglip else True,
                    truncation=True,
                    max_length=network.config.text_config.max_position_embeddings,
                    return_attention_mask=not is_siglip,
                    return_tensors="pt",
                )
                output = network.get_text_features(**{n: tokens[n].to(network.device) for n in names})
            rows = normalize(_features(output).float().cpu().numpy())
            self._text_embeddings[choice] = normalize(rows.mean(axis=0))
        return self._text_embeddings[choice]

    def _prepare(self, pixels: np.ndarray) -> torch.Tensor:
        return preprocess(self._processor, pixels, self.whole, self.name)

    def _image_features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the image embeddings (B, D) of images (B, 3, height, width)."""
        network = self._network
        with self._computing("image"):
            output = network.get_image_features(pixel_values=images.to(network.device, network.dtype))
        return _features(output)

    def _computing(self, part: str) -> AbstractContextManager[None]:
        """Return a context for a pass of the encoder of images or texts."""
        return explained_computation(f"{self.name}: the {part} encoder in {self._files.folder}")

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield the choice with the highest evidence for each trial.

        Raises:
            ObserverError: If the model or the templates cannot be loaded, or if a batch does not fit into memory.
        """
        scale, bias = self._scale, self._bias
        for trial, features in evaluate(trials, self._prepare, self._image_features, self.batch_size):
            texts = np.stack([self._embed_text(choice) for choice in trial.choices])
            # A matrix product may round equal rows differently; choices with equal texts would then not be tied.
            cosine = (texts * normalize(features)).sum(axis=-1)
            yield respond(trial, cosine * scale + bias)

    @cached_property
    def _scale(self) -> float:
        return float(np.exp(self._network.logit_scale.item()))

    @cached_property
    def _bias(self) -> float:
        bias = getattr(self._network, "logit_bias", None)
        return 0.0 if bias is None else float(bias.item())

    def provenance(self) -> dict[str, str]:
        """Return repository and revision (or folder and SHA-256), device, dtype, templates' SHA-256 and preprocessing."""
        digest = hashlib.sha256("\n".join(self._templates).encode()).hexdigest()
        preprocessing = describe_preprocessing(self._processor, self._files.folder, self.name)
        facts = self._files.provenance(self._network.device, self.dtype)
        return facts | {"templates_sha256": digest, "preprocessing": preprocessing}


def _features(output: Any) -> torch.Tensor:
    """Return the tensor in the output of get_image_features or get_text_features.

    Older releases of transformers return the tensor itself, newer ones an output object with `pooler_output`.
    """
    features: torch.Tensor = output if isinstance(output, torch.Tensor) else output.pooler_output
    return features
