"""The rows of generative models, and of the families that load such a model from any repository or folder.

The class of a row is the likelihood of its family; `observers.registry` makes a `GenerativeClassifier` of it. A published
model of a family that exists is one row here. A new family is a module in `observers/generative/families/`, a row in
FAMILIES, and a row for each of its published models.
"""

from core.entries import Entry

AUTOREGRESSIVE = "observers.generative.families.autoregressive:Autoregressive"
CLASSES = "observers.generative.families.class_conditional:ClassConditional"
FLOW = "observers.generative.families.flow:FlowMatching"
LATENT = "observers.generative.families.latent:LatentDiffusion"
MASKED = "observers.generative.families.masked:Masked"
PIXEL = "observers.generative.families.pixel:PixelDiffusion"


def _family(
    name: str,
    likelihood: str,
    description: str,
    example: str,
    group: str = "Text-to-image models from any repository or folder",
    tag: str = "text-to-image",
) -> Entry:
    """Return the row of a family, from which any repository or local folder can be loaded."""
    return Entry(
        name,
        likelihood,
        description,
        group=group,
        example=example,
        source=f"huggingface.co/models?pipeline_tag={tag}",
        license="stated on the page of the model",
        needs=("models",),
    )


def _model(
    name: str,
    likelihood: str,
    repository: str,
    size: str,
    license: str,
    description: str,
    revision: str | None = None,
    gated: bool = False,
    group: str = "Published text-to-image models",
) -> Entry:
    """Return the row of a published model on the Hugging Face Hub; with `revision` None, its newest version is used."""
    return Entry(
        name,
        likelihood,
        description,
        group=group,
        example=name,
        source=f"huggingface.co/{repository}",
        license=license,
        size=size,
        gated=gated,
        needs=("models",),
        options={"model": repository, "revision": revision},
    )


CLASS_CONDITIONAL_GROUP = "Class-conditional models of ImageNet"
# The main branches of the DiT repositories contain pickles; this pull request adds the same weights as safetensors.
DIT_REVISION = "refs/pr/1"
SD14_COMMIT = "133a221b8aa7292a167afc5127cb63fb5005638b"
_DIT_LICENSE = "CC-BY-NC-4.0"
_IF_LICENSE = "DeepFloyd IF License, research only"
_STABILITY_LICENSE = "Stability AI Community License"
# fmt: off
MODELS = (
    _model("sd14", LATENT, "CompVis/stable-diffusion-v1-4", "4.3 GB", "CreativeML OpenRAIL-M",
           "Stable Diffusion 1.4, a latent diffusion model (512 pixels), with the paper's prompt and weighting.",
           revision=SD14_COMMIT),
    _model("sdxl", LATENT, "stabilityai/stable-diffusion-xl-base-1.0", "13.9 GB", "CreativeML OpenRAIL++-M",
           "Stable Diffusion XL, a latent diffusion model (1024 pixels)."),
    _model("if-m", PIXEL, "DeepFloyd/IF-I-M-v1.0", "21 GB", _IF_LICENSE,
           "DeepFloyd IF, medium size: a pixel diffusion model (64 pixels), used in place of Imagen.", gated=True),
    _model("if-l", PIXEL, "DeepFloyd/IF-I-L-v1.0", "23 GB", _IF_LICENSE,
           "DeepFloyd IF, large size: a pixel diffusion model (64 pixels), used in place of Imagen.", gated=True),
    _model("if-xl", PIXEL, "DeepFloyd/IF-I-XL-v1.0", "36 GB", _IF_LICENSE,
           "DeepFloyd IF, largest size: a pixel diffusion model (64 pixels), used in place of Imagen.", gated=True),
    _model("sd3", FLOW, "stabilityai/stable-diffusion-3-medium-diffusers", "16 GB", _STABILITY_LICENSE,
           "Stable Diffusion 3 medium, a flow-matching model (1024 pixels).", gated=True),
    _model("sd35", FLOW, "stabilityai/stable-diffusion-3.5-medium", "17 GB", _STABILITY_LICENSE,
           "Stable Diffusion 3.5 medium, a flow-matching model (1024 pixels).", gated=True),
    _model("flux-dev", FLOW, "black-forest-labs/FLUX.1-dev", "34 GB", "FLUX.1 [dev] Non-Commercial License",
           "FLUX.1 [dev], a flow-matching model (1024 pixels).", gated=True),
    _model("flux-schnell", FLOW, "black-forest-labs/FLUX.1-schnell", "34 GB", "Apache-2.0",
           "FLUX.1 [schnell], a flow-matching model (1024 pixels) that was distilled to few steps.", gated=True),
    _model("janus", AUTOREGRESSIVE, "deepseek-community/Janus-Pro-1B", "4.2 GB", "MIT (code), DeepSeek Model License",
           "Janus-Pro 1B, an autoregressive model (384 pixels), used in place of Parti."),
    _model("emu3", AUTOREGRESSIVE, "BAAI/Emu3-Gen-hf", "35 GB", "Apache-2.0",
           "Emu3-Gen 8B, an autoregressive model (720 pixels)."),
    _model("anole", AUTOREGRESSIVE, "leloy/Anole-7b-v0.1-hf", "14 GB", "Chameleon Research License",
           "Anole 7B, an autoregressive model (512 pixels) that is based on Chameleon."),
    _model("amused-256", MASKED, "amused/amused-256", "3.5 GB", "OpenRAIL++-M",
           "aMUSEd, a masked-token model (256 pixels), used in place of Muse."),
    _model("amused-512", MASKED, "amused/amused-512", "3.5 GB", "OpenRAIL++-M",
           "aMUSEd, a masked-token model (512 pixels), used in place of Muse."),
)
CLASS_MODELS = (
    _model("dit-xl-2-256", CLASSES, "facebook/DiT-XL-2-256", "3.3 GB", _DIT_LICENSE,
           "DiT-XL/2, a diffusion transformer for the classes of ImageNet (256 pixels).",
           revision=DIT_REVISION, group=CLASS_CONDITIONAL_GROUP),
    _model("dit-xl-2-512", CLASSES, "facebook/DiT-XL-2-512", "3.3 GB", _DIT_LICENSE,
           "DiT-XL/2, a diffusion transformer for the classes of ImageNet (512 pixels).",
           revision=DIT_REVISION, group=CLASS_CONDITIONAL_GROUP),
    _model("edm-imagenet-64", CLASSES, "dg845/diffusers-cm_edm_imagenet64_ema", "1.2 GB", "MIT",
           "EDM, a pixel diffusion model for the classes of ImageNet (64 pixels).", group=CLASS_CONDITIONAL_GROUP),
)
FAMILIES = (
    _family("latent:REPOSITORY", LATENT,
            "Any latent diffusion model in the layout of Stable Diffusion 1, 2 or XL.",
            "latent:CompVis/stable-diffusion-v1-4"),
    _family("pixel:REPOSITORY", PIXEL,
            "Any pixel diffusion model in the layout of the first stage of DeepFloyd IF.", "pixel:DeepFloyd/IF-I-M-v1.0"),
    _family("flow:REPOSITORY", FLOW,
            "Any flow-matching model in the layout of Stable Diffusion 3 or FLUX.1.",
            "flow:black-forest-labs/FLUX.1-schnell"),
    _family("autoregressive:REPOSITORY", AUTOREGRESSIVE,
            "Any autoregressive model of images in the layout of Janus, Emu3 or Chameleon.",
            "autoregressive:BAAI/Emu3-Gen-hf"),
    _family("masked:REPOSITORY", MASKED,
            "Any masked-token model in the layout of aMUSEd.", "masked:amused/amused-256"),
    _family("class-conditional:REPOSITORY", CLASSES,
            "Any class-conditional diffusion model in the layout of DiT or of EDM.",
            "class-conditional:facebook/DiT-XL-2-256 -o revision=refs/pr/1",
            CLASS_CONDITIONAL_GROUP, "unconditional-image-generation"),
)
# fmt: on
GENERATIVE = (*MODELS, *CLASS_MODELS, *FAMILIES)
