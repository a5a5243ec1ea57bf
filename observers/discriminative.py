"""Image classifiers: the evidence of a choice is the mean softmax probability of the classes that mean it.

C classes, K choices. Logits (C,) -> evidence (K,), in float64. Which classes mean a choice:
- 1000 classes are ImageNet's, and 1001 are ImageNet's behind a leading background class, which is left out before the
  softmax; if the choices are among the sixteen categories, `stimuli.categories` says which classes a choice has;
- else the classes named like the choice, by the first of their comma-separated synonyms, in whatever case.
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
from observers.devices import Dtype, batch_size_option, device_option, evaluate, pick_device, pick_dtype, respond
from observers.diffusion_noise import draw_of_noise, noised
from observers.protocol import Kind, ObserverError, Response, Trial
from stimuli.categories import CATEGORIES, category_evidence, softmax

MAX_COUNT = 100_000


def class_evidence(logits: np.ndarray, labels: Sequence[str], choices: Sequence[str], who: str) -> np.ndarray:
    """Logits (C,) and the names of the classes -> evidence (K,). Raises ObserverError if the choices mean no classes."""
    n = len(logits)
    background = n == 1001 and [label.strip().lower() for label in labels[:1]] == ["background"]
    if (n == 1000 or background) and set(choices) <= set(CATEGORIES):
        return category_evidence(softmax(logits[n - 1000 :]), choices)
    classes: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        classes.setdefault(label.partition(",")[0].strip().lower(), []).append(index)
    lacking = [choice for choice in choices if choice.lower() not in classes]
    if lacking:
        named = f"{', '.join([*classes][:3])}, …" if classes else "unnamed"
        raise ObserverError(
            f"{who} has {n} classes ({named}) and none is named "
            f"{' or '.join(lacking[:3])}; expected a class named like every choice, or ImageNet's 1000 classes (or 1001, "
            f"the first of them background) and choices among the sixteen categories: take another model or other choices"
        )
    probabilities = softmax(logits)
    return np.array([probabilities[classes[choice.lower()]].mean() for choice in choices])


def preprocess(processor: Any, pixels: np.ndarray, whole: bool, who: str) -> torch.Tensor:
    """(height, width, 3) uint8 -> (3, height, width) float32 as the model takes it.

    That is the model's own resize and crop or, with `whole`, the whole image resized to the model's input size. Raises
    ObserverError if `whole` is asked and there is no fixed input size, or if the settings cannot be followed.
    """
    image, how = Image.fromarray(pixels), {}
    if whole:
        cropped = getattr(processor, "do_center_crop", None) and processor.crop_size
        box = dict((processor.crop_size if cropped else processor.size) or {})
        height, width = (box.get(side) or box.get("shortest_edge") for side in ("height", "width"))
        if not height or not width:
            raise ObserverError(f"{who}: its preprocessing has no fixed input size ({box}): leave out -o whole=true")
        if (width, height) != image.size:
            image = image.resize((width, height), processor.resample)
        how = {"do_resize": False, "do_center_crop": False}
    try:
        out: torch.Tensor = processor(images=image, return_tensors="pt", **how)["pixel_values"][0]
    except (ValueError, TypeError, KeyError) as error:
        said = str(error).partition("\n")[0]
        raise ObserverError(
            f"{who}: its preprocessing does not work ({said}): mend its preprocessor_config.json"
        ) from None
    return out


@frozen
class Classifier:
    """Any image classifier of transformers, by its repository on the hub, or from a local folder.

    The folder `weights` holds config.json, preprocessor_config.json and model.safetensors. `whole` shows the stimulus
    whole at the model's input size instead of by the model's own resize and crop. Evidence: mean softmax probability.

    With `noise_draws` T > 0 the model sees the image T times, with the diffusion noise of `observers.diffusion_noise`, and
    the evidence is the mean over them. The noise follows from `noise_seed` and the draw, whatever the image.
    """

    model: str  # such as microsoft/resnet-50
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
    def _named(self) -> str:
        return self.model.rstrip("/").rpartition("/")[2]

    @cached_property
    def _files(self) -> Checkpoint:
        return find_checkpoint(self.model, self.revision, self.weights, [("config.json",), PROCESSOR, WEIGHTS])

    @cached_property
    def _network(self) -> Any:
        from transformers import AutoModelForImageClassification

        where, what = pick_device(self.device), "an image classifier"
        return load_transformer(
            AutoModelForImageClassification, self._files.folder, pick_dtype(self.dtype), where, what, self.name
        )

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
        """(B, 3, height, width) -> (B, C), or (B, draws, C) with noise."""
        if not self.noise_draws:
            return self._seen(images)
        rows = []
        for draw in range(self.noise_draws):
            u, noise = draw_of_noise(self.noise_seed, draw, self.noise_draws, tuple(images.shape[1:]))
            rows.append(self._seen(noised(images, u, noise)))
        return torch.stack(rows, dim=1)

    def _seen(self, images: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self._network(pixel_values=images.to(self._network.device, self._network.dtype)).logits
        return out

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        labels = self._labels
        for trial, logits in evaluate(trials, self._prepare, self._logits, self.batch_size):
            draws = np.atleast_2d(logits)
            evidence = np.mean([class_evidence(row, labels, trial.choices, self.name) for row in draws], axis=0)
            yield respond(trial, evidence)

    def provenance(self) -> dict[str, str]:
        return self._files.provenance(self._network.device, self.dtype)
