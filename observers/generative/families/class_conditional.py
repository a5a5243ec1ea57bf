"""Class-conditional models of ImageNet (DiT, EDM): the error of the denoised image under each class.

The network receives the number of a class in place of a text. A choice has one or more classes (`class_names.py` says
which), and the evidence of a choice joins the scores of its classes (`joining.py`). The files of a model decide its
family: a transformer/config.json with adaptive norms is DiT (`dit.py`), and a unet/config.json with a table of classes,
together with the name of an EDM pipeline or scheduler, is EDM (`edm.py`). Other layouts are refused.

By default, the error of the predicted noise has the same weight at all noise levels, as in Li et al. (2023, arXiv
2303.16203), who first used DiT as a classifier. Images are resized and cropped as in the training of these models.
"""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, ClassVar, Literal, Protocol

from attrs import field, frozen

from observers.generative.class_names import ClassNames
from observers.generative.components import INDEX, Components, find_components, find_layout
from observers.generative.denoising_scorer import Backbone, DenoisingScorer
from observers.generative.families.dit import DiTBackbone
from observers.generative.families.edm import EDMBackbone
from observers.generative.joining import Join
from observers.generative.options import ADDED, Compute, Objective, PredictionType, Source, check_prediction_type
from observers.generative.preprocessing import resize_and_crop
from observers.protocol import ObserverError

N_LI = 250  # number of timesteps of Li et al.: 2, 6, 10, …, 998


class ClassBackbone(Backbone, Protocol):
    """A network that is conditioned on classes: a prompt is the number of a class, or empty for the null class."""

    @property
    def classes(self) -> ClassNames:
        """The classes of the model."""
        ...


@frozen
class ClassConditional:
    """A class-conditional model as a `Likelihood`.

    Attributes:
        source: Repository or local folder of the weights.
        compute: Device and dtype of the network.
        objective: Weighting (by default uniform), loss, allocation of draws and random seed.
        join: How the evidence of the classes of a choice is joined: log-mean-exp, mean or max (see
            `observers.generative.joining`).
        timesteps: all uses every noise level of the model; li uses the 250 of Li et al. (2023), which for DiT are 2, 6,
            10, …, each once in 250 draws.
        prediction_type: What the network predicts, epsilon, sample or v_prediction; by default what its
            scheduler_config.json states, or epsilon if it does not state it. EDM does not have this option.

    Raises:
        ObserverError: If an option is out of range, or, at first use, if a file of the model is missing or unsuitable.
    """

    source: Source
    compute: Compute = Compute()
    objective: Objective = Objective(weighting="uniform")
    join: Join = "log-mean-exp"
    timesteps: Literal["all", "li"] = "all"
    prediction_type: PredictionType | None = field(default=None, validator=check_prediction_type, metadata=ADDED)
    takes_prompts: ClassVar[bool] = False

    @cached_property
    def scorer(self) -> DenoisingScorer:
        """The object that loads the model and computes scores."""
        load = partial(load_backbone, self.source, self.compute, self.prediction_type)
        n_grid = N_LI if self.timesteps == "li" else None
        return DenoisingScorer(load, self.objective, resize_and_crop, n_grid)

    def conditions(self, choices: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the classes of each choice: their numbers, as text.

        Raises:
            ObserverError: If a choice does not name a class, if its name is that of several classes, or if two choices
                have a class in common.
        """
        backbone: Any = self.scorer.backbone
        return [tuple(map(str, group)) for group in backbone.classes.of_choices(choices)]


def load_backbone(source: Source, compute: Compute, prediction_type: PredictionType | None = None) -> ClassBackbone:
    """Find the files of a model, and return the backbone of the family that its files belong to.

    Raises:
        ObserverError: If the files are missing, or if they belong to neither DiT nor EDM.
    """
    layout = find_layout(source, ["transformer", "unet"])
    half = compute.dtype_name() != "float32"
    if _is_dit(layout):
        parts = ["transformer", "vae"]
        components = find_components(
            source, diffusers=parts, transformers=[], tokenizers=[], half=half, exact=["vae"], index=True
        )
        return DiTBackbone(components, compute, prediction_type)
    _check_edm(layout)
    if prediction_type is not None:
        raise ObserverError(
            f"{source.model}: EDM does not have the option prediction_type, because its network predicts the noise in its "
            f"own parametrization: omit the option"
        )
    components = find_components(source, diffusers=["unet"], transformers=[], tokenizers=[], half=half, index=True)
    return EDMBackbone(components, compute)


def _is_dit(layout: Components) -> bool:
    """Return whether the files are those of DiT. Raises ObserverError if they have another transformer."""
    if not layout.has("transformer"):
        return False
    settings = layout.read_settings("transformer/config.json")
    name, norm = settings.get("_class_name"), settings.get("norm_type", "ada_norm_zero")
    if name in ("Transformer2DModel", "DiTTransformer2DModel") and norm == "ada_norm_zero":
        return True
    raise ObserverError(
        f"{layout.model_name}: its transformer is a {name} with the norm_type {norm}: expected DiT, a Transformer2DModel "
        f"or DiTTransformer2DModel with ada_norm_zero; for a text-to-image model, use latent:, flow: or another family"
    )


def _check_edm(layout: Components) -> None:
    """Raise ObserverError unless the files are those of EDM with classes."""
    settings = layout.read_settings("unet/config.json")
    name, n_classes = settings.get("_class_name"), settings.get("num_class_embeds")
    if name != "UNet2DModel" or type(n_classes) is not int or n_classes < 2:
        raise ObserverError(
            f"{layout.model_name}: its U-Net is a {name} with num_class_embeds {n_classes}: expected EDM, a UNet2DModel "
            f"with the number of its classes; for a text-to-image model, use latent: or pixel:"
        )
    has_index = (layout.files.folder / INDEX).is_file()
    pipeline = layout.read_settings(INDEX).get("_class_name") if has_index else None
    has_scheduler = (layout.folder("scheduler") / "scheduler_config.json").is_file()
    scheduler = layout.read_settings("scheduler/scheduler_config.json").get("_class_name") if has_scheduler else None
    if "EDM" not in f"{pipeline} {scheduler}":
        raise ObserverError(
            f"{layout.model_name}: its pipeline is {pipeline} and its scheduler is {scheduler}: expected those of EDM, "
            f"such as KarrasEDMPipeline or EDMEulerScheduler; a consistency model or a model with another noise "
            f"schedule has the same kind of U-Net but is not a denoiser of EDM"
        )
