"""The transformers of flow-matching models: how they are loaded, and their noise levels."""

from typing import Any

from observers.generative.autoencoder import Autoencoder
from observers.generative.components import Components
from observers.generative.noise_levels import PREDICTIONS, NoiseLevels, Prediction, flow_levels
from observers.generative.options import Compute
from observers.protocol import ObserverError


def load_flow_transformer(
    model_class: Any, components: Components, compute: Compute, space: Autoencoder, elements_per_input: int = 1
) -> Any:
    """Load a transformer for the latents of an autoencoder.

    Args:
        model_class: Class of the transformer in diffusers.
        components: The files of the model.
        compute: Device and dtype.
        space: The autoencoder of the model.
        elements_per_input: Number of latent elements that the transformer takes as one input.

    Raises:
        ObserverError: If the transformer does not load, or if its number of channels does not fit the autoencoder.
    """
    network = components.load_diffuser(model_class, "transformer", compute.torch_dtype(), compute.torch_device())
    n_in, n_out = network.config.in_channels, network.out_channels
    expected = space.n_channels * elements_per_input
    if n_in != expected or n_out != expected:
        raise ObserverError(
            f"{components.model_name}: its transformer takes {n_in} channels and gives {n_out}, expected {expected} for the "
            f"{space.n_channels} of its autoencoder: use a text-to-image model, not an inpainting, control or editing model"
        )
    return compute.prepare(network)


def flow_schedule() -> tuple[NoiseLevels, Prediction]:
    """Return evenly spread noise levels, and the velocity along a straight line as what the transformer predicts."""
    return flow_levels(), PREDICTIONS["flow"]
