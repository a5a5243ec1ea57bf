"""Flow matching (Stable Diffusion 3, 3.5 and Flux): the error of the denoised latent of an image under a text prompt.

A latent x is mixed with noise ε along a straight line, x_t = (1 − s) x + s ε, and the transformer predicts the velocity
u = ε − x (Liu et al. 2022, arXiv 2209.03003; Esser et al. 2024, arXiv 2403.03206). Therefore x̂ = x_t − s û,
‖x − x̂‖² = s² ‖u − û‖², and SNR = (1 − s)²/s². The values of s are evenly spread over 0..1. The shift in a model's
scheduler_config.json is not used, because it only determines the spacing of the sampler's steps.

The class named in transformer/config.json decides whether a model is treated as SD3 (`sd3.py`) or as Flux (`flux.py`).
In both cases a latent is (mean of the autoencoder's posterior − shift) × scaling factor, computed in float32, and the
padding of T5 is not masked, as in the models' own pipelines. A model that receives images of another size (option
`size`) should be treated as a different observer.
"""

from functools import cached_property, partial

from attrs import field, frozen

from observers.generative.components import find_components
from observers.generative.denoising_scorer import Backbone, DenoisingScorer
from observers.generative.families.flux import FluxBackbone
from observers.generative.families.sd3 import SD3Backbone
from observers.generative.options import Compute, Objective, Source, check_size
from observers.protocol import ObserverError

SD3, FLUX = "SD3Transformer2DModel", "FluxTransformer2DModel"


@frozen
class FlowMatching:
    """A flow-matching model as a `Likelihood`.

    Attributes:
        source: Repository or local folder of the weights.
        compute: Device and dtype of the transformer and the text encoders.
        objective: Weighting, loss, allocation of draws and random seed.
        size: Pixels per side of the image; None for the size at which the model was trained.

    Raises:
        ObserverError: If an option is out of range, or, at first use, if a file of the model is missing or unsuitable.
    """

    source: Source
    compute: Compute = Compute()
    objective: Objective = Objective()
    size: int | None = field(default=None, validator=check_size)

    @cached_property
    def scorer(self) -> DenoisingScorer:
        """The object that loads the model and computes scores."""
        return DenoisingScorer(partial(load_backbone, self.source, self.compute, self.size), self.objective)


def load_backbone(source: Source, compute: Compute, size: int | None) -> Backbone:
    """Find the files of a model, and return the backbone for the transformer that its config names.

    Raises:
        ObserverError: If the files are missing, or if the transformer is neither that of SD3 nor that of Flux.
    """
    components = find_components(
        source,
        diffusers=["transformer", "vae"],
        transformers=["text_encoder", "text_encoder_2", "text_encoder_3"],
        tokenizers=["tokenizer", "tokenizer_2", "tokenizer_3"],
        optional=["text_encoder_3", "tokenizer_3"],
        half=compute.dtype_name() != "float32",
        exact=["vae"],
    )
    settings = components.read_settings("transformer/config.json")
    class_name = settings.get("_class_name")
    if class_name == SD3:
        return SD3Backbone(components, compute, size)
    if class_name == FLUX:
        return FluxBackbone(components, compute, size, takes_guidance=bool(settings.get("guidance_embeds")))
    raise ObserverError(
        f"{source.model}: its transformer is a {class_name}: expected the {SD3} of Stable Diffusion 3 or 3.5, "
        f"or the {FLUX} of Flux; use a model such as stabilityai/stable-diffusion-3.5-medium"
    )
