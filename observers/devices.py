"""How observers made of torch compute: where, in which number format, in batches of one size.

B images of a batch. An answer may not depend on its neighbors or on where a resumed run starts, and the same image can
round differently in batches of another size: so every forward pass has the same B, and what is lacking in the last
batch is filled with its last image. With B, device and threads fixed, answers are equal bit for bit (measured on CPUs).
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
MAX_BATCH = 4096  # images; they are held in memory, the last batch filled up
DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def pick_device(name: str) -> torch.device:
    """The device of that name; `auto` is the best of this machine: cuda, mps, cpu. Raises ObserverError."""
    here = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    here += ["mps"] if torch.backends.mps.is_available() else []
    here += ["cpu"]
    if name == "auto":
        return torch.device(here[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ObserverError(f"there is no device named {name!r}: expected auto, cpu, cuda, cuda:N or mps") from None
    types = {there.partition(":")[0] for there in here}
    if device.type not in types or (device.index and str(device) not in here):
        raise ObserverError(f"this machine has no device {name}: it has {', '.join(here)}; auto takes {here[0]}")
    return device


def pick_dtype(name: str) -> torch.dtype:
    """The number format of that name. Raises ObserverError."""
    if name not in DTYPES:
        raise ObserverError(f"there is no dtype named {name!r}: expected {', '.join(DTYPES)}")
    return DTYPES[name]


def device_option() -> Any:
    """The field of an observer that says where to compute: auto, cpu, cuda, cuda:N or mps."""
    return field(default="auto", metadata=RUNTIME)


def batch_size_option() -> Any:
    """The field of an observer that says how many images a forward pass holds."""
    return field(default=16, metadata=RUNTIME, validator=bounded(1, MAX_BATCH))


def iter_batches(
    trials: Iterable[Trial], prepare: Callable[[np.ndarray], torch.Tensor], size: int
) -> Iterator[tuple[list[Trial], torch.Tensor]]:
    """Trials as they come, `size` at a time, with their prepared images (B, 3, height, width), always B = `size`.

    `prepare` makes (3, height, width) of a stimulus's pixels. Raises ObserverError where it makes different sizes.
    """
    trials = iter(trials)
    while batch := list(islice(trials, size)):
        images = [prepare(trial.stimulus.pixels()) for trial in batch]
        for trial, image in zip(batch, images, strict=True):
            if image.shape != images[0].shape:
                raise ObserverError(
                    f"the model's own preprocessing makes {_size(image)} pixels of {trial.stimulus.id} and "
                    f"{_size(images[0])} of others, which fit no one batch; -o whole=true shows all at one size"
                )
        yield batch, torch.stack(images + images[-1:] * (size - len(images)))


def _size(image: torch.Tensor) -> str:
    return f"{image.shape[2]} × {image.shape[1]}"


@contextmanager
def deterministic_inference() -> Iterator[None]:
    """Without gradients and, on CUDA, convolutions in the dtype asked for, not in TF32, by repeatable algorithms."""
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
    """Each trial with its row, in float64, of what `forward` makes of a batch: (B, 3, height, width) -> (B, n)."""
    for batch, images in iter_batches(trials, prepare, size):
        # Not around the yield, which would leave these on for whoever asks.
        try:
            with deterministic_inference():
                rows = forward(images).float().cpu().numpy().astype(np.float64)
        except torch.OutOfMemoryError:
            raise ObserverError(
                f"{size} images at once are more than the device's memory holds: give a smaller --batch-size and run again; "
                f"what was answered is kept"
            ) from None
        yield from zip(batch, rows[: len(batch)], strict=True)


def respond(trial: Trial, evidence: np.ndarray) -> Response:
    """The choice of the highest evidence, the first of equals."""
    return Response(trial.choices[int(np.argmax(evidence))], evidence=evidence)
