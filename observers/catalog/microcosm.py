"""The rows of the small models of the microcosm. Their weights are part of the package; `-o weights=FOLDER` loads others."""

from pathlib import Path

from core.entries import Entry

WEIGHTS = Path(__file__).parents[1] / "microcosm" / "weights"
_LICENSE = "Apache-2.0, part of this project"


def _row(name: str, reference: str, description: str, folder: str = "", **options: object) -> Entry:
    """Return the row of a model whose weights are in a folder of the package, by default the folder with its name."""
    folder = folder or name
    return Entry(
        name,
        reference,
        description,
        group="Small models included in the installation",
        example=name,
        shown_with="microcosm-cue-conflict",
        source="docs/microcosm.md",
        license=_LICENSE,
        needs=("models",),
        options={"model": folder, "weights": WEIGHTS / folder, **options},
    )


MICROCOSM = (
    _row(
        "microcosm-latent",
        "observers.generative.families.latent:LatentDiffusion",
        "A latent diffusion model of the microcosm (drawn objects), in the layout of Stable Diffusion 1.",
        draws=64,
        batch_size=64,
    ),
    _row(
        "microcosm-pixel",
        "observers.generative.families.pixel:PixelDiffusion",
        "A pixel diffusion model of the microcosm (drawn objects), in the layout of DeepFloyd IF.",
        draws=64,
        batch_size=64,
    ),
    _row(
        "microcosm-masked",
        "observers.generative.families.masked:Masked",
        "A masked-token model of the microcosm (drawn objects), in the layout of aMUSEd.",
        draws=64,
        batch_size=64,
    ),
    _row(
        "microcosm-ar",
        "observers.generative.families.autoregressive:Autoregressive",
        "An autoregressive model of the microcosm (drawn objects), in the layout of Janus.",
        perturbations=4,
        batch_size=64,
    ),
    _row(
        "microcosm-cnn",
        "observers.classifiers.discriminative:Classifier",
        "A convolutional network that classifies the images of the microcosm (drawn objects).",
    ),
    _row(
        "microcosm-cnn-noise-train",
        "observers.classifiers.discriminative:Classifier",
        "The same network as microcosm-cnn, trained on images with diffusion noise.",
    ),
    _row(
        "microcosm-cnn-noise-eval",
        "observers.classifiers.discriminative:Classifier",
        "The network microcosm-cnn-noise-train; its evidence is the average over 16 noisy versions of each image.",
        folder="microcosm-cnn-noise-train",
        noise_draws=16,
    ),
)
