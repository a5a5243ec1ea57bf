"""The architecture of DiT (Peebles & Xie 2023, arXiv 2212.09748), for the class-conditional family
(`class_conditional.py`).

The transformer denoises the latent of an autoencoder: the mean of its posterior times the scaling factor, at the size
in the transformer's config, 256 or 512 pixels per side. It gives the predicted noise in the first half of its channels;
the second half, which determines a variance, is not used. Every block has its own table of classes, with one row more
than there are classes: the null class, which guidance uses in place of an empty prompt. Labels are replaced by the null
class at random only in training mode, which is never used here.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from attrs import frozen

from observers.generative.autoencoder import Autoencoder
from observers.generative.class_names import ClassNames, read_labels
from observers.generative.components import INDEX, Components, read_schedule
from observers.generative.families.network_inputs import check_inputs
from observers.generative.likelihood import Conditioning
from observers.generative.noise_levels import NoiseLevels, Prediction
from observers.generative.options import Compute, PredictionType
from observers.generative.preprocessing import check_multiple, read_sample_size
from observers.protocol import ObserverError


@frozen(eq=False)
class DiTBackbone:
    """The transformer and the autoencoder of DiT: a `ClassBackbone`."""

    components: Components
    compute: Compute
    prediction_type: PredictionType | None = None
    takes_guidance: ClassVar[bool] = False

    @property
    def facts(self) -> Mapping[str, str]:
        """What is assumed about the classes, for the sidecar."""
        return self.classes.facts

    @cached_property
    def classes(self) -> ClassNames:
        """The classes of the model, with the labels in its model_index.json."""
        name = self.components.model_name
        n = self.components.read_settings("transformer/config.json").get("num_embeds_ada_norm", 1000)
        if type(n) is not int or n < 2:
            raise ObserverError(
                f"{name}: its transformer/config.json has num_embeds_ada_norm {n!r}: expected the number of classes; "
                f"download the file again"
            )
        return ClassNames(n, read_class_labels(self.components, n), name)

    @cached_property
    def space(self) -> Autoencoder:
        """The autoencoder, to whose latents noise is added."""
        return Autoencoder(self.components, self.compute.torch_device())

    @cached_property
    def _network(self) -> Any:
        from diffusers import DiTTransformer2DModel

        dtype, device = self.compute.torch_dtype(), self.compute.torch_device()
        check_inputs(self.components, "dit", "transformer", DiTTransformer2DModel)
        network = self.components.load_diffuser(DiTTransformer2DModel, "transformer", dtype, device)
        n_in, n_out, n_latent = network.config.in_channels, network.out_channels, self.space.n_channels
        if n_in != n_latent or n_out not in (n_latent, 2 * n_latent):
            raise ObserverError(
                f"{self.components.model_name}: its transformer takes {n_in} channels and gives {n_out}, and its "
                f"autoencoder has {n_latent}: expected the same number, or twice as many outputs with a learned variance; "
                f"get all files from the same model"
            )
        return self.compute.prepare(network)

    @cached_property
    def size(self) -> int:
        """The number of pixels per side of the image that the model receives."""
        scale, name = self.space.scale, self.components.model_name
        return check_multiple(
            read_sample_size(self._network, name) * scale, scale * self._network.config.patch_size, name
        )

    def noise_schedule(self) -> tuple[NoiseLevels, Prediction]:
        """Return the noise levels of the model, and what its transformer predicts."""
        return read_schedule(self.components, self.prediction_type)

    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each number of a class, return the number as a tensor; for the empty prompt, that of the null class."""
        numbers = [int(prompt) if prompt else self.classes.n_classes for prompt in prompts]
        return list(zip(torch.tensor(numbers, device=self.compute.torch_device()), strict=True))

    def predict(
        self, noised: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning, guidance: float
    ) -> torch.Tensor:
        """Return the noise that the transformer predicts, (N, C, h, w), without the channels of the variance."""
        network = self._network
        with self.components.computing("transformer"):
            out: torch.Tensor = network(
                self.compute.network_input(noised), timesteps, class_labels=conditioning[0], return_dict=False
            )[0]
        return out[:, : noised.shape[1]]


def read_class_labels(components: Components, n_classes: int) -> dict[int, str]:
    """Return the labels in the model_index.json of a model; empty if it lacks the file or the labels."""
    if not (components.files.folder / INDEX).is_file():
        return {}
    return read_labels(components.read_settings(INDEX), n_classes, components.model_name)
