"""Device, number format and batching of observers that are PyTorch models.

B is the number of images in a batch. A response must not depend on the other images of the batch or on where a resumed run
starts, but the outputs for the same image can be rounded differently in batches of different sizes. Therefore all forward
passes have the same B, and the last batch is filled up with copies of its last image. With the same B, device and number of
threads, responses are equal bit for bit, as measured on CPUs.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from attrs import field

from observers.bounds import bounded
from observers.protocol import RUNTIME, ObserverError, Response, Trial

Dtype = Literal["float32", "float16", "bfloat16"]
MAX_BATCH = 4096  # images, because a whole batch is held in memory
DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def pick_device(name: str) -> torch.device:
    """Return the device with this name.

    Args:
        name: The name cpu, cuda, cuda:N or mps; or auto for the first of cuda, mps and cpu that this machine has.

    Raises:
        ObserverError: If the device is unknown or this machine does not have it.
    """
    available = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    available += ["mps"] if torch.backends.mps.is_available() else []
    available += ["cpu"]
    if name == "auto":
        return torch.device(available[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ObserverError(f"unknown device {name!r}: expected auto, cpu, cuda, cuda:N or mps") from None
    types = {device_name.partition(":")[0] for device_name in available}
    if device.type not in types or (device.index and str(device) not in available):
        raise ObserverError(
            f"the device {name} is not available: this machine has {', '.join(available)}; auto chooses {available[0]}"
        )
    return device


def pick_dtype(name: str) -> torch.dtype:
    """Return the dtype with this name. Raises ObserverError if the name is not in DTYPES."""
    if name not in DTYPES:
        raise ObserverError(f"unknown dtype {name!r}: expected {', '.join(DTYPES)}")
    return DTYPES[name]


def device_option() -> Any:
    """Return the attrs field of the option `device`: auto, cpu, cuda, cuda:N or mps."""
    return field(default="auto", metadata=RUNTIME)


def batch_size_option() -> Any:
    """Return the attrs field of the option `batch_size`, the number of images in a forward pass."""
    return field(default=16, metadata=RUNTIME, validator=bounded(1, MAX_BATCH))


def iter_batches(
    trials: Iterable[Trial], prepare: Callable[[np.ndarray], torch.Tensor], size: int
) -> Iterator[tuple[list[Trial], torch.Tensor]]:
    """Yield batches of up to `size` trials, each with a tensor of shape (`size`, 3, height, width) of their images.

    `prepare` turns the pixels of a stimulus into a (3, height, width) tensor. In a batch with fewer trials, the last image
    is repeated. Raises ObserverError if the images of one batch have different sizes after `prepare`.
    """
    trials = iter(trials)
    while batch := list(islice(trials, size)):
        images = [prepare(trial.stimulus.pixels()) for trial in batch]
        for trial, image in zip(batch, images, strict=True):
            if image.shape != images[0].shape:
                raise ObserverError(
                    f"after the model's own preprocessing, {trial.stimulus.id} has {_describe_size(image)} pixels but "
                    f"{batch[0].stimulus.id} has {_describe_size(images[0])}; a batch needs images of one size: use "
                    f"-o whole=true"
                )
        yield batch, torch.stack(images + images[-1:] * (size - len(images)))


def _describe_size(image: torch.Tensor) -> str:
    return f"{image.shape[2]} × {image.shape[1]}"


@contextmanager
def deterministic_inference() -> Iterator[None]:
    """Disable gradients and, on CUDA, use repeatable convolution algorithms without TF32."""
    cudnn = torch.backends.cudnn
    with (
        torch.inference_mode(),
        cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        yield


def evaluate(
    trials: Iterable[Trial],
    prepare: Callable[[np.ndarray], torch.Tensor],
    forward: Callable[[torch.Tensor], torch.Tensor],
    size: int,
) -> Iterator[tuple[Trial, np.ndarray]]:
    """Evaluate a model on the stimuli in batches.

    Args:
        trials: The trials.
        prepare: Function that preprocesses one image, from (height, width, 3) uint8 pixels to a (3, height, width) tensor.
        forward: Function that runs the forward pass of a batch, from (B, 3, height, width) to (B, …).
        size: Number of images B in a batch.

    Yields:
        Each trial with its row of the output, in float64.

    Raises:
        ObserverError: If the images of a batch have different sizes, or if the device does not have enough memory.
    """
    for batch, images in iter_batches(trials, prepare, size):
        # The `yield` below is outside of this context. Inside, the context would stay active while the caller runs.
        try:
            with deterministic_inference():
                rows = forward(images).float().cpu().numpy().astype(np.float64)
        except torch.OutOfMemoryError:
            raise ObserverError(
                f"a batch of {size} images does not fit into the device's memory: use a smaller --batch-size and run again; "
                f"the responses so far are saved"
            ) from None
        yield from zip(batch, rows[: len(batch)], strict=True)


def respond(trial: Trial, evidence: np.ndarray) -> Response:
    """Return the response with the highest evidence; in case of a tie, the first of the tied choices.

    `evidence` has shape (K,), in the order of the trial's choices.
    """
    return Response(trial.choices[int(np.argmax(evidence))], evidence=evidence)
