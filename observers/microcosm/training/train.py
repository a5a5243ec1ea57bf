"""Train a model of the microcosm.

    python -m observers.microcosm.training.train microcosm-latent --out mine      # resumes a run that was interrupted
    observers run-experiment microcosm --observer microcosm-latent -o weights=mine

The model is written to the folder OUT, in the layout of the corresponding published model, with a model card that
documents the settings, the learning curve and the sha256 of the weights. The folder OUT-training contains the training
checkpoints. The icons whose shapes are learned are downloaded once (104 MB); the extra `microcosm` is needed to draw
them. All random numbers are seeded.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from attrs import evolve, frozen

from core.errors import UserError
from observers.microcosm.training import ar, latent, masked, pixel
from observers.microcosm.training.card import finish_model, prepare_folders
from observers.microcosm.training.cnn import train_cnn
from observers.microcosm.training.training_images import TrainingImages
from observers.microcosm.training.training_loop import ProgressCallback, TrainingSettings
from observers.training.noise_training import ClassifierTrainingSettings

N_IMAGES, SEED = 60_000, 1
MAX_IMAGES, MAX_THREADS = 10_000_000, 1024


@frozen
class Trainer:
    """The training procedure of a model.

    Attributes:
        train: Function that is called with the training images, the folder of the model, the folder of the checkpoints,
            a progress callback and the settings of each part in order. The function writes the model.
        settings: Training settings of each part of the model by name, in the order in which the parts are trained.
    """

    train: Callable[..., None]
    settings: Mapping[str, TrainingSettings | ClassifierTrainingSettings]


TRAINERS = {
    "microcosm-latent": Trainer(latent.train_latent, {"autoencoder": latent.AUTOENCODER, "denoiser": latent.DENOISER}),
    "microcosm-pixel": Trainer(pixel.train_pixel, {"denoiser": pixel.DENOISER}),
    "microcosm-ar": Trainer(ar.train_ar, {"tokens": ar.TOKENS, "predictor": ar.PREDICTOR}),
    "microcosm-masked": Trainer(masked.train_masked, {"tokens": masked.TOKENS, "predictor": masked.PREDICTOR}),
    "microcosm-cnn": Trainer(train_cnn, {"network": ClassifierTrainingSettings(epochs=10, seed=SEED)}),
    "microcosm-cnn-noise-train": Trainer(
        train_cnn, {"network": ClassifierTrainingSettings(epochs=10, noise=True, seed=SEED)}
    ),
}


def train(
    name: str,
    out: Path,
    *,
    n_images: int = N_IMAGES,
    share: float = 1.0,
    icons: Path | None = None,
    on_progress: ProgressCallback = print,
) -> None:
    """Train a model and write it to a folder with its model card.

    Args:
        name: Name of the model, a key of TRAINERS.
        out: Folder for the model.
        n_images: Number of training images.
        share: Factor by which the number of training steps or epochs is multiplied.
        icons: Archive of icons. By default it is downloaded.
        on_progress: Function that is called with progress messages.

    Raises:
        ObserverError: If `out` contains something other than this model, if the icons are not available, or if training
            fails.
    """
    checkpoints = out.with_name(out.name + "-training")
    prepare_folders(name, out, checkpoints)
    trainer = TRAINERS[name]
    settings = {part: _scale_duration(default, share) for part, default in trainer.settings.items()}
    images = TrainingImages.from_icons(n_images, SEED, icons)
    trainer.train(images, out, checkpoints, on_progress, *settings.values())
    command = f"python -m observers.microcosm.training.train {name}"
    command += f" --pictures {n_images}" * (n_images != N_IMAGES) + f" --share {share}" * (share != 1)
    finish_model(name, command, out, checkpoints, settings, n_images, SEED, icons)


def _scale_duration(
    settings: TrainingSettings | ClassifierTrainingSettings, share: float
) -> TrainingSettings | ClassifierTrainingSettings:
    """Return the settings with the number of steps or epochs multiplied by `share`."""
    if isinstance(settings, TrainingSettings):
        return evolve(settings, steps=max(1, round(settings.steps * share)))
    return evolve(settings, epochs=max(1, round(settings.epochs * share)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line `python -m observers.microcosm.training.train`."""
    parser = argparse.ArgumentParser(
        prog="python -m observers.microcosm.training.train", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("name", choices=TRAINERS, help="model to train")
    parser.add_argument("--out", type=Path, help="folder for the model (default: its name)")
    parser.add_argument(
        "--icons",
        type=Path,
        help="json-….tgz of the npm package @iconify/json (default: from the cache, or downloaded)",
    )
    parser.add_argument(
        "--pictures", type=int, default=N_IMAGES, help="number of training images (default: %(default)s)"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="factor on the number of training steps (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, help="number of torch threads (default: chosen by torch)")
    options = parser.parse_args(arguments)
    if not 1 <= options.pictures <= MAX_IMAGES or not 0 < options.share <= 100:
        parser.error(f"--pictures must be from 1 to {MAX_IMAGES}, and --share must be above 0 and at most 100")
    if options.threads is not None:
        if not 1 <= options.threads <= MAX_THREADS:
            parser.error(f"--threads must be from 1 to {MAX_THREADS}")
        torch.set_num_threads(options.threads)
    out = (options.out or Path(options.name)).absolute()
    if not out.name:
        parser.error("--out must be the path of a folder that can be created")
    try:
        train(
            options.name,
            out,
            n_images=options.pictures,
            share=options.share,
            icons=options.icons,
            on_progress=_print_progress,
        )
    except (UserError, OSError) as error:
        sys.exit(f"observers: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped: run the same command again to continue from the last checkpoint")
    print(f"observers run-experiment microcosm --observer {options.name} -o weights={options.out or options.name}")


def _print_progress(message: str) -> None:
    print(message, flush=True)


if __name__ == "__main__":
    main()
