"""Image classifiers of transformers. `observers.classifiers.classes` describes their evidence."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import field, frozen

from observers.bounds import bounded
from observers.checkpoints import (
    PROCESSOR,
    WEIGHTS,
    Checkpoint,
    find_checkpoint,
    load_transformer,
)
from observers.classifiers.classes import (
    CLASSES_METADATA,
    Classes,
    check_classes,
    check_labels,
    class_evidence,
    merge_facts,
    note_classes,
)
from observers.classifiers.diffusion_noise import add_noise, draw_stratified_noise
from observers.classifiers.preprocessing import describe_preprocessing, load_preprocessing, preprocess
from observers.devices import Dtype, batch_size_option, device_option, evaluate, pick_device, pick_dtype, respond
from observers.loading.foreign_errors import explained_computation
from observers.protocol import Kind, Response, Trial

MAX_COUNT = 100_000


@frozen
class Classifier:
    """Any image classifier of transformers, from the Hugging Face Hub or a local folder (`hf:REPOSITORY`).

    Evidence: mean softmax probability of the classes of each choice (see `observers.classifiers.classes`).

    Attributes:
        model: Repository on the Hub, such as microsoft/resnet-50.
        revision: Branch, tag or commit of the repository; None for its main branch.
        weights: Local folder with config.json, preprocessor_config.json and model.safetensors, to use instead of the Hub.
        whole: Whether the whole stimulus is resized to the model's input size, instead of being resized and cropped as
            in the model's own preprocessing.
        noise_draws: Number of noisy versions of the image over which the evidence is averaged. The noise is that of
            `observers.classifiers.diffusion_noise`. With 0, the model receives the image without noise.
        noise_seed: Random seed of the noise. Every image gets the same noise.
        classes: auto uses the labels of the model to find out whether its classes are those of ImageNet, and in which
            order; imagenet ignores the labels of 1000 outputs; names requires every choice to be the label of a class.
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: Number format of the weights: float32, float16 or bfloat16.
        batch_size: Number of images in a forward pass.
        name: The observer's name in logs and figures; by default the last part of `model`.

    Example:
        >>> Classifier("microsoft/resnet-50", whole=True)
    """

    model: str
    revision: str | None = None
    weights: Path | None = None
    whole: bool = False
    noise_draws: int = field(default=0, validator=bounded(0, MAX_COUNT))
    noise_seed: int = field(default=0, validator=bounded(0, MAX_COUNT))
    classes: Classes = field(default="auto", validator=check_classes, metadata=CLASSES_METADATA)
    device: str = device_option()
    dtype: Dtype = "float32"
    batch_size: int = batch_size_option()
    name: str = field()
    kind: Kind = field(default="discriminative", init=False)

    @name.default
    def _default_name(self) -> str:
        return self.model.rstrip("/").rpartition("/")[2]

    @cached_property
    def _files(self) -> Checkpoint:
        return find_checkpoint(self.model, self.revision, self.weights, [("config.json",), PROCESSOR, WEIGHTS])

    @cached_property
    def _network(self) -> Any:
        from transformers import AutoModelForImageClassification

        device = pick_device(self.device)  # raises an error before anything is downloaded
        check_labels(self._files.folder / "config.json", self.name)
        model_class, model_kind = AutoModelForImageClassification, "an image classifier"
        return load_transformer(model_class, self._files.folder, pick_dtype(self.dtype), device, model_kind, self.name)

    @cached_property
    def _processor(self) -> Any:
        return load_preprocessing(self._files.folder, self.name)

    @cached_property
    def _labels(self) -> list[str]:
        names: dict[int, str] = self._network.config.id2label
        return [names[index] for index in sorted(names)]

    @cached_property
    def _class_facts(self) -> dict[tuple[str, ...], dict[str, str]]:
        """What is known or assumed about the classes, by the choices of the trials so far."""
        return {}

    def _prepare(self, pixels: np.ndarray) -> torch.Tensor:
        return preprocess(self._processor, pixels, self.whole, self.name)

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, C) of images (B, 3, height, width), or (B, noise_draws, C) with noise."""
        if not self.noise_draws:
            return self._forward(images)
        rows = []
        for draw in range(self.noise_draws):
            u, noise = draw_stratified_noise(self.noise_seed, draw, self.noise_draws, tuple(images.shape[1:]))
            rows.append(self._forward(add_noise(images, u, noise)))
        return torch.stack(rows, dim=1)

    def _forward(self, images: torch.Tensor) -> torch.Tensor:
        network = self._network
        with explained_computation(f"{self.name}: the image classifier in {self._files.folder}"):
            logits: torch.Tensor = network(pixel_values=images.to(network.device, network.dtype)).logits
        return logits

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield the choice with the highest evidence for each trial.

        Raises:
            ObserverError: If the model cannot be loaded, if it has no class for one of the choices, or if a batch does not
                fit into memory.
        """
        labels = self._labels
        for trial, logits in evaluate(trials, self._prepare, self._logits, self.batch_size):
            draws, choices = np.atleast_2d(logits), trial.choices
            rows = [class_evidence(row, labels, choices, self.name, self.classes) for row in draws]
            evidence = np.mean(rows, axis=0)
            note_classes(self._class_facts, draws.shape[1], labels, choices, self.classes, self.name)
            yield respond(trial, evidence)

    def provenance(self) -> dict[str, str]:
        """Return repository and revision (or folder and SHA-256), device, dtype, preprocessing and assumed classes."""
        preprocessing = describe_preprocessing(self._processor, self._files.folder, self.name)
        facts = self._files.provenance(self._network.device, self.dtype) | {"preprocessing": preprocessing}
        return facts | merge_facts(self._class_facts)
