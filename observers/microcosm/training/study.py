"""A controlled study of shape bias: train the models of every cell of the design, and run them as observers.

    python -m observers.microcosm.training.study --out study --workers 2     # resumes a run that was interrupted
    python benchmarks/shape_bias_study.py study/logs                         # tables and figures

The design crosses the agreement of texture and category in the training images with the family of the model. Each cell
is trained with several random seeds. All models get the same number of images of 32 × 32 pixels, have about the same
number of parameters, and answer the same trials. docs/shape-bias.md describes the question, the predictions and the
results. The training icons are downloaded once (104 MB); the extra `microcosm` is needed to draw them.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import torch
from attrs import evolve, frozen

from core.atomic import write_atomically
from core.errors import UserError
from core.parallel.workers import map_jobs
from observers.microcosm.training import ar, cnn, latent
from observers.microcosm.training.card import CARD_NAME, finish_model, prepare_folders
from observers.microcosm.training.training_images import TrainingImages
from observers.microcosm.training.training_loop import TrainingSettings
from observers.protocol import ObserverError
from observers.training.noise_training import ClassifierTrainingSettings

AGREEMENTS = (1.0, 0.75, 0.5)
N_SEEDS = 2
N_IMAGES, IMAGE_SEED, SIZE = 16_000, 11, 32
# Every model is trained with 4,000 batches of 32 images, which are 8 epochs of the networks.
NETWORK = ClassifierTrainingSettings(epochs=8, batch=32, rate=0.02)
DENOISER = TrainingSettings(steps=4_000, batch=32, rate=2e-3, warmup=300)
PREDICTOR = TrainingSettings(steps=4_000, batch=32, rate=3e-3, warmup=300, half=True)
# The autoencoders, which the models of all cells share, are trained on images in which textures are unreliable.
AUTOENCODER = TrainingSettings(steps=3_000, batch=16, rate=2e-3, half=True)
TOKENS = TrainingSettings(steps=2_500, batch=16, rate=2e-3, average=0.99)
# Widths of the models, which have 0.89 to 0.95 million parameters without their autoencoders.
NETWORK_WIDTHS, DENOISER_WIDTHS, PREDICTOR_WIDTH = (32, 64, 128, 192), (32, 64), 120
# Scheme of the observer, and its options in the experiments.
FAMILIES: dict[str, tuple[str, dict[str, object]]] = {
    "network": ("hf", {}),
    "noise": ("hf", {}),
    "latent": ("latent", {"draws": 64, "batch_size": 64}),
    "ar": ("autoregressive", {"batch_size": 64}),
}
EXPERIMENTS = {"microcosm-cue-conflict": None, "microcosm": 160, "microcosm-low-pass": 160}  # largest number of trials


@frozen
class Cell:
    """One model of the study.

    Attributes:
        family: A key of FAMILIES: a network, the same network trained with diffusion noise, latent diffusion, or an
            autoregressive model.
        agreement: Probability with which an object of the training images has the texture of its own category.
        seed: Random seed of the initial weights, of the order of the images and of the noise in training.
    """

    family: str
    agreement: float
    seed: int

    @property
    def name(self) -> str:
        """The name of the observer, such as study-latent-0.75-1."""
        return f"study-{self.family}-{self.agreement:g}-{self.seed}"


def list_cells(n_seeds: int = N_SEEDS) -> list[Cell]:
    """Return the cells of the design, all those with the first seed first."""
    order = product(range(1, n_seeds + 1), AGREEMENTS, FAMILIES)
    return [Cell(family, agreement, seed) for seed, agreement, family in order]


def load_images(agreement: float, n: int, icons: Path | None) -> TrainingImages:
    """Return n training images with an agreement of texture and category, drawn first if they are not in the cache."""
    return TrainingImages.from_icons(n, IMAGE_SEED, icons, agreement=agreement, size=SIZE)


def train_first_stage(out: Path, n_images: int, share: float, icons: Path | None, family: str) -> None:
    """Train the autoencoder that all latent diffusion models share, or the one that all autoregressive models share.

    Args:
        out: Folder of the study.
        n_images: Number of training images.
        share: Factor by which the number of training steps is multiplied.
        icons: Archive of icons; None to download it.
        family: latent or ar.
    """
    folder = out / "autoencoders"
    folder.mkdir(parents=True, exist_ok=True)
    images = load_images(min(AGREEMENTS), n_images, icons)
    if family == "latent":
        latent.train_autoencoder(images, folder / "autoencoder", print, _scaled(AUTOENCODER, share))
    else:
        model = ar.build_network(ar.build_tokenizer(), PREDICTOR_WIDTH)
        ar.train_tokens(model, images, folder / "tokens", print, _scaled(TOKENS, share))


def train_cell(out: Path, n_images: int, share: float, icons: Path | None, cell: Cell) -> None:
    """Train the model of a cell and write it to OUT/models/NAME. A finished model is not trained again.

    Args:
        out: Folder of the study, in which `train_first_stage` has trained both autoencoders.
        n_images: Number of training images.
        share: Factor by which the number of training steps or epochs is multiplied.
        icons: Archive of icons; None to download it.
        cell: The cell.

    Raises:
        ObserverError: If the folder of the model contains something else, or if training fails.
    """
    model_folder = out / "models" / cell.name
    checkpoints = out / "models" / f"{cell.name}-training"
    command = "python -m observers.microcosm.training.study" + f" --share {share:g}" * (share != 1)
    card = model_folder / CARD_NAME
    if card.is_file() and not checkpoints.exists():
        if f"`{command}`" not in card.read_text("utf-8"):
            raise ObserverError(f"{model_folder} was trained with another --share: choose another folder with --out")
        return
    prepare_folders(cell.name, model_folder, checkpoints)
    images, first_stage = load_images(cell.agreement, n_images, icons), out / "autoencoders"
    settings: TrainingSettings | ClassifierTrainingSettings
    if cell.family == "latent":
        part, settings = "denoiser", evolve(_scaled(DENOISER, share), seed=cell.seed)
        first_images = load_images(min(AGREEMENTS), n_images, icons)
        vae = latent.train_autoencoder(first_images, first_stage / "autoencoder", print, _scaled(AUTOENCODER, share))
        latent.train_denoiser(vae, images, model_folder, checkpoints, print, settings, DENOISER_WIDTHS, seed=cell.seed)
    elif cell.family == "ar":
        part, settings = "predictor", evolve(_scaled(PREDICTOR, share), seed=cell.seed)
        first_images = load_images(min(AGREEMENTS), n_images, icons)
        model = ar.build_network(ar.build_tokenizer(), PREDICTOR_WIDTH, cell.seed)
        tokens = ar.train_tokens(model, first_images, first_stage / "tokens", print, _scaled(TOKENS, share))
        ar.train_predictor(model, tokens, images, model_folder, checkpoints, print, settings)
    else:
        part = "network"
        epochs = max(1, round(NETWORK.epochs * share))
        settings = evolve(NETWORK, epochs=epochs, noise=cell.family == "noise", seed=cell.seed)
        cnn.train_cnn(images, model_folder, checkpoints, print, settings, NETWORK_WIDTHS, max_shift=0, seed=cell.seed)
    finish_model(cell.name, command, model_folder, checkpoints, {part: settings}, n_images, IMAGE_SEED, icons)
    shutil.rmtree(checkpoints)
    print(f"{cell.name} is trained", flush=True)


def write_runs(out: Path, cells: Sequence[Cell]) -> Path:
    """Write OUT/runs.toml, which runs the models of these cells on the experiments, and return its path."""
    lines = []
    for cell, (experiment, limit) in product(cells, EXPERIMENTS.items()):
        scheme, options = FAMILIES[cell.family]
        values = {"weights": str((out / "models" / cell.name).resolve())} | options
        text = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
        lines += ["[[runs]]", f"experiments = [{json.dumps(experiment)}]"]
        lines += [f"observers = [{json.dumps(f'{scheme}:{cell.name}')}]", f"options = {{ {text} }}"]
        lines += [f"limit = {limit}"] * (limit is not None) + [""]
    path = out / "runs.toml"
    write_atomically(path, "\n".join(lines).encode())
    return path


def _scaled(settings: TrainingSettings, share: float) -> TrainingSettings:
    return evolve(settings, steps=max(1, round(settings.steps * share)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line `python -m observers.microcosm.training.study`."""
    parser = argparse.ArgumentParser(
        prog="python -m observers.microcosm.training.study", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=Path("study"), help="folder of the study (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="number of worker processes (default: %(default)s)")
    parser.add_argument(
        "--seeds", type=int, default=N_SEEDS, help="number of random seeds per cell (default: %(default)s)"
    )
    parser.add_argument("--icons", type=Path, help="json-….tgz of the npm package @iconify/json (default: downloaded)")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="factor by which training is shortened or extended (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if options.workers < 1 or options.seeds < 1 or not 0 < options.share <= 100:
        parser.error("--workers and --seeds must be 1 or more, and --share must be above 0 and at most 100")
    torch.set_num_threads(1)
    try:
        for agreement in AGREEMENTS:
            load_images(agreement, N_IMAGES, options.icons)
        common = (options.out, N_IMAGES, options.share, options.icons)
        list(map_jobs(partial(train_first_stage, *common), ("latent", "ar"), options.workers))
        cells = list_cells(options.seeds)
        list(map_jobs(partial(train_cell, *common), cells, options.workers))
        runs = write_runs(options.out, cells)
    except (UserError, OSError) as error:
        sys.exit(f"observers: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped: run the same command again to continue from the last checkpoints")
    command = [sys.executable, "-m", "cli", "run-experiment", "--runs", str(runs), "--out", str(options.out / "logs")]
    if options.workers > 1:
        command += ["--workers", str(options.workers)]
    exit_code = subprocess.run(command).returncode
    if exit_code:
        sys.exit(exit_code)
    print(f"python benchmarks/shape_bias_study.py {options.out / 'logs'}")


if __name__ == "__main__":
    main()
