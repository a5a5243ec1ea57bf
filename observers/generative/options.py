"""Options that all families of generative models share: the source of the weights, device and dtype, the denoising loss."""

import re
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from attrs import field, frozen
from attrs.validators import optional

from core.options import added_option
from observers.bounds import bounded, non_negative
from observers.devices import device_option, pick_device, pick_dtype
from observers.generative.noise_levels import WHOLE_SCHEDULE, normalized_interval
from observers.protocol import RUNTIME, ObserverError

_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?")
MAX_SIZE = 4096  # pixels per side


def _check_repository(instance: Any, attribute: Any, value: str) -> None:
    if not _REPOSITORY.fullmatch(value) or value.startswith("."):
        if instance.weights is not None and value == Path(value).name:  # the name of a folder, and not its path
            return
        raise ObserverError(
            f"{value!r} is not the name of a Hugging Face Hub repository: expected OWNER/NAME; to load a local folder, "
            f"begin its path with ./ or /, as in latent:./FOLDER, or add -o weights=FOLDER"
        )


check_size = optional(bounded(1, MAX_SIZE, " pixels"))  # attrs validator of an image size in pixels per side


PredictionType = Literal["epsilon", "sample", "v_prediction"]


def _check_type(instance: object, attribute: Any, value: str) -> None:
    if value not in get_args(PredictionType):
        raise ObserverError(f"unknown prediction_type {value!r}: expected {', '.join(get_args(PredictionType))}")


check_prediction_type = optional(_check_type)  # attrs validator
ADDED = added_option(lambda likelihood: None)  # metadata of the option prediction_type, which earlier logs do not have


@frozen
class Source:
    """Where the weights come from: a repository on the Hugging Face Hub, or a local folder with the same layout.

    Attributes:
        model: Name of the repository, such as CompVis/stable-diffusion-v1-4, or of the folder in `weights`.
        revision: Branch, tag or commit of the repository; None for its main branch.
        weights: Local folder with the files of the model; if given, nothing is downloaded.
    """

    model: str = field(validator=_check_repository)
    revision: str | None = None
    weights: Path | None = None


@frozen
class Compute:
    """The device and dtype in which the network computes.

    Attributes:
        device: auto, cpu, cuda, cuda:N or mps; auto is CUDA or mps if the machine has it, and otherwise the CPU.
        dtype: Number format of the weights; auto is bfloat16 on CUDA and float32 on other devices.
        compile: Whether to compile the network with `torch.compile`.
    """

    device: str = device_option()
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    compile: bool = field(default=False, metadata=RUNTIME)

    def torch_device(self) -> torch.device:
        """Return the device. Raises ObserverError if the machine does not have it."""
        return pick_device(self.device)

    def dtype_name(self) -> str:
        """Return the name of the dtype, with auto resolved for the device."""
        if self.dtype != "auto":
            return self.dtype
        return "bfloat16" if self.torch_device().type == "cuda" else "float32"

    def torch_dtype(self) -> torch.dtype:
        """Return the dtype, with auto resolved for the device."""
        return pick_dtype(self.dtype_name())

    def network_input(self, images: torch.Tensor) -> torch.Tensor:
        """Return images (N, channels, height, width) in the dtype and memory format that the network computes in.

        The format is channels-last on CUDA, which makes convolutions fastest; on other devices it is not changed.
        """
        images = images.to(self.torch_dtype())
        return images.contiguous(memory_format=torch.channels_last) if images.is_cuda else images

    def prepare(self, network: Any) -> Any:
        """Return the network in the memory format that is fastest on the device, and compiled if `compile` is set.

        The network is compiled once for each number of rows: once if the batch size is given, and three times if the
        batch size is estimated from two test passes.
        """
        if self.torch_device().type == "cuda":
            network = network.to(memory_format=torch.channels_last)
        return torch.compile(network, dynamic=False) if self.compile else network


@frozen
class Objective:
    """How the error of a denoiser is measured.

    Attributes:
        weighting: Weighting w(t) over noise levels: exp, uniform, vdm, or FILE.py:NAME for your own function (see
            `observers.generative.weighting`).
        loss: l2 is the squared error ‖x − x̂‖², weighted by w. l1 and huber measure the error of the noise, ε − ε̂,
            weighted by w/SNR, as Li et al. (2023) do; huber is quadratic up to 1 and linear beyond.
        allocation: CSV file with a column `density`, the share of draws for each bin of noise levels (see
            `observers.generative.draws`); None spreads the draws evenly.
        seed: Random seed of the noise and of the order of noise levels.
        levels: Part A:B of the noise schedule from which the noise levels of draws are taken, as fractions from 0 (no
            noise) to 1 (most noise); 0.6:0.8 contains the levels with 0.6 <= t < 0.8.
    """

    weighting: str = "exp"
    loss: Literal["l2", "l1", "huber"] = "l2"
    allocation: Path | None = None
    seed: int = field(default=0, validator=non_negative)
    levels: str = field(
        default=WHOLE_SCHEDULE, converter=normalized_interval, metadata=added_option(lambda objective: WHOLE_SCHEDULE)
    )

    def unit(self, space: str) -> str:
        """Return the unit of the scores if noise is added in `space`, which is "pixels" or "latent"."""
        if self.loss != "l2":
            return f"weighted {self.loss} error of the noise, {space}"
        return f"nats, {space}" if self.weighting == "vdm" else f"weighted squared error, {space}"
