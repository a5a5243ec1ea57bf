"""What latent diffusion, pixel diffusion and flow matching share as observers: options, draws, provenance."""

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
import torch
from attrs import field, frozen

from observers.generative.components import Components
from observers.generative.draws import positions
from observers.generative.noising import Denoising
from observers.generative.options import Compute, Objective, Source


@frozen
class Denoiser(ABC):
    """A likelihood by `noising.Denoising`; a family adds its network, and what an image and a text are to it."""

    source: Source
    compute: Compute = Compute()
    objective: Objective = Objective()
    n_draws: int | None = field(default=None, init=False)

    @property
    @abstractmethod
    def _parts(self) -> Components: ...

    @property
    @abstractmethod
    def _denoising(self) -> Denoising: ...

    @cached_property
    def device(self) -> torch.device:
        return self.compute.where()

    def place(self, draws: np.ndarray) -> np.ndarray:
        return positions(draws, self.objective.seed)

    def provenance(self) -> dict[str, str]:
        return self._parts.files.provenance(self.device, self.compute.dtype_name()) | self._denoising.facts()
