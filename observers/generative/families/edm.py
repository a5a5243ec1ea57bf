"""The architecture of EDM (Karras et al. 2022, arXiv 2206.00364), for the class-conditional family
(`class_conditional.py`).

Noise of standard deviation σ is added to the pixels of an image of 64 × 64 pixels in −1..1: x_σ = x + σ ε. The U-Net F
gives x̂ = c_skip x_σ + c_out F(c_in x_σ, 250 ln σ), with
    c_skip = σ_d² / (σ² + σ_d²),   c_out = σ σ_d / √(σ² + σ_d²),   c_in = 1 / √(σ² + σ_d²),
where σ_d = 0.5 is the standard deviation of the data. The time 250 ln σ is that of the published conversions, as in the
scheduler CMStochasticIterativeScheduler of diffusers. With the two EDM schedulers of diffusers itself, the network is
called with the time ln σ / 4 instead. The 1,000 noise levels are the quantiles of the distribution of the training,
ln σ ~ N(−1.2, 1.2²), so that a draw has the noise on which the network was trained. x̂ is computed in float32 and
clamped to −1..1, as for other pixel models. The model was trained with a class for every image and lacks a null class.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
import torch
from attrs import frozen

from observers.generative.autoencoder import PixelSpace
from observers.generative.class_names import ClassNames
from observers.generative.components import Components
from observers.generative.families.dit import read_class_labels
from observers.generative.families.network_inputs import check_inputs
from observers.generative.likelihood import Conditioning
from observers.generative.noise_levels import PREDICTIONS, NoiseLevels, Prediction
from observers.generative.options import Compute
from observers.generative.preprocessing import read_sample_size
from observers.protocol import ObserverError

N_LEVELS = 1000
LOG_SIGMA_MEAN, LOG_SIGMA_SD = -1.2, 1.2  # of ln σ in training
SIGMA_DATA = 0.5
TIME_SCALE = 250.0
# Schedulers of diffusers that call the network with another multiple of ln σ, and may change the sign of its output.
TIME_SCALES = {"EDMEulerScheduler": 0.25, "EDMDPMSolverMultistepScheduler": 0.25}


@frozen(eq=False)
class EDMBackbone:
    """The U-Net of EDM: a `ClassBackbone`."""

    components: Components
    compute: Compute
    takes_guidance: ClassVar[bool] = False

    @property
    def facts(self) -> Mapping[str, str]:
        """What is assumed about the classes, for the sidecar."""
        return self.classes.facts

    @cached_property
    def classes(self) -> ClassNames:
        """The classes of the model, with the labels in its model_index.json if it has them."""
        n = self.components.read_settings("unet/config.json")["num_class_embeds"]
        return ClassNames(n, read_class_labels(self.components, n), self.components.model_name)

    @property
    def space(self) -> PixelSpace:
        """The pixels, to which noise is added."""
        return PixelSpace(self.compute.torch_device())

    @cached_property
    def _unet(self) -> Any:
        from diffusers import UNet2DModel

        check_inputs(self.components, "edm", "unet", UNet2DModel)
        unet = self.components.load_diffuser(
            UNet2DModel, "unet", self.compute.torch_dtype(), self.compute.torch_device()
        )
        n_in, n_out = unet.config.in_channels, unet.config.out_channels
        if (n_in, n_out) != (3, 3):
            raise ObserverError(
                f"{self.components.model_name}: its U-Net takes {n_in} channels and gives {n_out}: expected 3 and 3, "
                f"a model of pixels"
            )
        return self.compute.prepare(unet)

    @cached_property
    def _scheduler(self) -> Mapping[str, Any]:
        """The settings of the scheduler."""
        return self.components.read_settings("scheduler/scheduler_config.json")

    @cached_property
    def _time_scale(self) -> float:
        """The factor between ln σ and the time that the network receives."""
        kind = self._scheduler.get("prediction_type", "epsilon")
        self.components.assume(self._scheduler, {"sigma_data": SIGMA_DATA})
        if kind != "epsilon":
            raise ObserverError(
                f"{self.components.model_name}: its scheduler_config.json has the prediction_type {kind!r}: expected "
                f"epsilon, the network of Karras et al. (2022)"
            )
        return TIME_SCALES.get(str(self._scheduler.get("_class_name")), TIME_SCALE)

    @cached_property
    def _sigma_data(self) -> float:
        """The standard deviation σ_d of the data, from the settings of the scheduler if they have it."""
        value = self._scheduler.get("sigma_data", SIGMA_DATA)
        if not isinstance(value, int | float) or not 0 < value < np.inf:
            raise ObserverError(
                f"{self.components.model_name}: its scheduler_config.json has the sigma_data {value!r}: expected a "
                f"number above 0; download the file again"
            )
        return float(value)

    @property
    def size(self) -> int:
        """The number of pixels per side of the image that the model receives."""
        return read_sample_size(self._unet, self.components.model_name)

    def noise_schedule(self) -> tuple[NoiseLevels, Prediction]:
        """Return the noise levels of the training, and the denoised image as what `predict` returns."""
        t = (np.arange(N_LEVELS) + 0.5) / N_LEVELS
        normal = NormalDist(LOG_SIGMA_MEAN, LOG_SIGMA_SD)
        log_sigma = np.array([normal.inv_cdf(float(p)) for p in t])
        return NoiseLevels(t, np.ones(N_LEVELS), np.exp(log_sigma), self._time_scale * log_sigma), PREDICTIONS["sample"]

    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each number of a class, return the number as a tensor.

        Raises:
            ObserverError: If a prompt is empty, because the model lacks a null class.
        """
        if "" in prompts:
            raise ObserverError(
                f"{self.components.model_name} was trained with a class for every image and lacks a null class, so "
                f"guidance is not possible: omit --guidance, or use a DiT model"
            )
        return list(zip(torch.tensor([*map(int, prompts)], device=self.compute.torch_device()), strict=True))

    def predict(
        self, noised: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning, guidance: float
    ) -> torch.Tensor:
        """Return the denoised image x̂, (N, 3, size, size) float32."""
        sigma = (timesteps / self._time_scale).exp().reshape(-1, 1, 1, 1)
        scale = (sigma.square() + self._sigma_data**2).sqrt()
        unet = self._unet
        with self.components.computing("unet"):
            out: torch.Tensor = unet(
                self.compute.network_input(noised / scale), timesteps, class_labels=conditioning[0], return_dict=False
            )[0]
        c_skip, c_out = (self._sigma_data / scale).square(), sigma * self._sigma_data / scale
        return c_skip * noised + c_out * out.float()
