"""Options that families of likelihoods share: which weights, how to compute, how to measure the error of a denoiser."""

import re
from pathlib import Path
from typing import Any, Literal

import torch
from attrs import field, frozen
from attrs.validators import optional

from observers.bounds import bounded, non_negative
from observers.devices import device_option, pick_device, pick_dtype
from observers.protocol import RUNTIME, ObserverError

_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?")
MAX_SIZE = 4096  # pixels a side


def _is_repository(instance: object, attribute: Any, value: str) -> None:
    if not _REPOSITORY.fullmatch(value) or value.startswith("."):
        raise ObserverError(
            f"{value!r} is no repository of the hub: expected OWNER/NAME; a folder is given by a name of your own and "
            f"-o weights=FOLDER"
        )


a_size = optional(bounded(1, MAX_SIZE, " pixels"))  # validator of pixels a side


@frozen
class Source:
    """Where the weights are from: a repository on the hub, or a local folder in the same layout."""

    model: str = field(validator=_is_repository)  # such as CompVis/stable-diffusion-v1-4
    revision: str | None = None
    weights: Path | None = None
    about: str = field(default="", metadata=RUNTIME)  # size and terms, for those who lack them


@frozen
class Compute:
    """Where and how: `dtype` auto is bfloat16 on CUDA and float32 elsewhere; `compile` runs the network through inductor."""

    device: str = device_option()
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    compile: bool = field(default=False, metadata=RUNTIME)

    def where(self) -> torch.device:
        return pick_device(self.device)

    def dtype_name(self) -> str:
        if self.dtype != "auto":
            return self.dtype
        return "bfloat16" if self.where().type == "cuda" else "float32"

    def format(self) -> torch.dtype:
        return pick_dtype(self.dtype_name())

    def laid_out(self, images: torch.Tensor) -> torch.Tensor:
        """(N, channels, height, width) as convolutions on the device like it best: channels last on CUDA."""
        return images.contiguous(memory_format=torch.channels_last) if images.is_cuda else images

    def prepared(self, network: Any) -> Any:
        """The network laid out for the device, and compiled if asked for: once for each number of rows a pass.

        Which is once with a batch size that is given, three times where what fits is tried out first.
        """
        if self.where().type == "cuda":
            network = network.to(memory_format=torch.channels_last)
        return torch.compile(network, dynamic=False) if self.compile else network


@frozen
class Objective:
    """How a denoiser's error is measured: weighting over noise levels, loss, share of draws, seed of the noise.

    `loss` l2 is the squared error ‖x − x̂‖² under the weighting w; l1 and huber take the same weights, w/SNR, on the error of
    the noise ε − ε̂, as Li et al. (2023) do (huber: quadratic up to 1). `allocation` is a CSV with a column `density`.
    """

    weighting: str = "exp"
    loss: Literal["l2", "l1", "huber"] = "l2"
    allocation: Path | None = None
    seed: int = field(default=0, validator=non_negative)

    def unit(self, what: str) -> str:
        """Of scores, where `what` is noised."""
        if self.loss != "l2":
            return f"weighted {self.loss} error of the noise, {what}"
        return f"nats, {what}" if self.weighting == "vdm" else f"weighted squared error, {what}"
