"""Image classifiers. The evidence of a choice is the mean softmax probability of the classes that belong to it.

C is the number of classes and K the number of choices. Logits of shape (C,) become evidence of shape (K,), in float64.
Which classes belong to a choice is decided as follows:
- A model with 1000 classes is assumed to have those of ImageNet. A model with 1001 classes, the first of which is named
  background, is assumed to have the classes of ImageNet after the background; the background is dropped before the
  softmax. If all choices are among the sixteen categories of Geirhos et al. (2018), `stimuli.categories` lists the
  classes of each category.
- Otherwise, the classes with the same name as a choice belong to this choice. Case is ignored. If the name of a class
  is a list of synonyms separated by commas, only the first synonym is compared.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import field, frozen
from PIL import Image

from observers.bounds import bounded
from observers.checkpoints import (
    PROCESSOR,
    WEIGHTS,
    Checkpoint,
    find_checkpoint,
    load_image_processor,
    load_transformer,
)
from observers.classifiers.diffusion_noise import add_noise, draw_stratified_noise
from observers.devices import Dtype, batch_size_option, device_option, evaluate, pick_device, pick_dtype, respond
from observers.loading.foreign_errors import explained_computation
from observers.protocol import Kind, ObserverError, Response, Trial
from stimuli.categories import CATEGORIES, category_evidence, softmax

MAX_COUNT = 100_000


def class_evidence(logits: np.ndarray, labels: Sequence[str], choices: Sequence[str], observer: str) -> np.ndarray:
    """Return the evidence of the choices from the logits of a classifier.

    Args:
        logits: The logits of one image, of shape (C,).
        labels: Names of the C classes; may be empty if they are the 1000 classes of ImageNet.
        choices: The K choices.
        observer: Name of the observer, for error messages.

    Returns:
        The mean softmax probability of the classes of each choice, of shape (K,).

    Raises:
        ObserverError: If the model has no class for one of the choices.
    """
    n = len(logits)
    has_background = n == 1001 and [label.strip().lower() for label in labels[:1]] == ["background"]
    if (n == 1000 or has_background) and set(choices) <= set(CATEGORIES):
        return category_evidence(softmax(logits[n - 1000 :]), choices)
    classes: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        classes.setdefault(label.partition(",")[0].strip().lower(), []).append(index)
    missing = [choice for choice in choices if choice.lower() not in classes]
    if missing:
        examples = f"{', '.join([*classes][:3])}, …" if classes else "unnamed"
        raise ObserverError(
            f"{observer} has {n} classes ({examples}) but none for {', '.join(missing[:3])}. Use another model or other "
            f"choices: every choice must be the name of a class, or the choices must be among the sixteen categories and "
            f"the classes those of ImageNet (1000, or 1001 if the first is background)"
        )
    probabilities = softmax(logits)
    return np.array([probabilities[classes[choice.lower()]].mean() for choice in choices])


def preprocess(processor: Any, pixels: np.ndarray, whole: bool, observer: str) -> torch.Tensor:
    """Preprocess an image as the model requires.

    Args:
        processor: Image processor of transformers.
        pixels: The image, uint8 of shape (height, width, 3).
        whole: Whether the whole image is resized to the model's input size, instead of being resized and cropped as in
            the model's own preprocessing.
        observer: Name of the observer, for error messages.

    Returns:
        The preprocessed image, float32 of shape (3, height, width).

    Raises:
        ObserverError: If `whole` is set but the model has no fixed input size, or if the processor's settings are wrong.
    """
    image, options = Image.fromarray(pixels), {}
    if whole:
        is_cropped = getattr(processor, "do_center_crop", None) and processor.crop_size
        size = dict((processor.crop_size if is_cropped else processor.size) or {})
        height, width = (size.get(side) or size.get("shortest_edge") for side in ("height", "width"))
        if not height or not width:
            raise ObserverError(
                f"{observer}: its preprocessing does not have a fixed input size ({size}): omit -o whole=true"
            )
        if (width, height) != image.size:
            image = image.resize((width, height), processor.resample)
        options = {"do_resize": False, "do_center_crop": False}
    try:
        tensor: torch.Tensor = processor(images=image, return_tensors="pt", **options)["pixel_values"][0]
    except (ValueError, TypeError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise ObserverError(
            f"{observer}: its preprocessing does not work ({reason}): correct its preprocessor_config.json"
        ) from None
    return tensor


@frozen
class Classifier:
    """Any image classifier of transformers, from the Hugging Face Hub or a local folder (`hf:REPOSITORY`).

    Evidence: mean softmax probability of the classes of each choice (see `observers.classifiers.discriminative`).

    Attributes:
        model: Repository on the Hub, such as microsoft/resnet-50.
        revision: Branch, tag or commit of the repository; None for its main branch.
        weights: Local folder with config.json, preprocessor_config.json and model.safetensors, to use instead of the Hub.
        whole: Whether the whole stimulus is resized to the model's input size, instead of being resized and cropped as
            in the model's own preprocessing.
        noise_draws: Number of noisy versions of the image over which the evidence is averaged. The noise is that of
            `observers.classifiers.diffusion_noise`. With 0, the model receives the image without noise.
        noise_seed: Random seed of the noise. Every image gets the same noise.
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
        model_class, model_kind = AutoModelForImageClassification, "an image classifier"
        return load_transformer(model_class, self._files.folder, pick_dtype(self.dtype), device, model_kind, self.name)

    @cached_property
    def _processor(self) -> Any:
        return load_image_processor(self._files.folder, self.name)

    @cached_property
    def _labels(self) -> list[str]:
        names: dict[int, str] = self._network.config.id2label
        return [names[index] for index in sorted(names)]

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
            draws = np.atleast_2d(logits)
            evidence = np.mean([class_evidence(row, labels, trial.choices, self.name) for row in draws], axis=0)
            yield respond(trial, evidence)

    def provenance(self) -> dict[str, str]:
        """Return repository and revision (or folder and SHA-256 of the weights), device and dtype."""
        return self._files.provenance(self._network.device, self.dtype)
