"""Train an observer of the microcosm anew.

    python -m observers.microcosm.train microcosm-latent --out mine      # the same command goes on where it was stopped
    observers run-experiment microcosm --observer microcosm-latent -o weights=mine

OUT becomes a folder in the layout of the published models, with a model card that holds the settings, the curve and the hash
of the weights; OUT-training holds what it takes to go on. Icons to learn shapes from are downloaded once (104 MB; the extra
`microcosm` draws them). Everything is seeded.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from attrs import evolve, frozen

from observers.microcosm import ar, latent, masked, pixel
from observers.microcosm.card import begin, finish
from observers.microcosm.cnn import train_cnn
from observers.microcosm.training_images import TrainingImages
from observers.microcosm.training_loop import Say, TrainingSettings
from observers.noise_training import ClassifierTrainingSettings
from stimuli.errors import UserError

N_PICTURES, SEED = 60_000, 1
MOST_PICTURES, MOST_THREADS = 10_000_000, 1024


@frozen
class Trainer:
    """`train(pictures, out, work, say, *plans)` writes a model into `out`."""

    train: Callable[..., None]
    plans: Mapping[str, TrainingSettings | ClassifierTrainingSettings]  # part -> how it is trained, in order


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
    n_pictures: int = N_PICTURES,
    share: float = 1.0,
    icons: Path | None = None,
    say: Say = print,
) -> None:
    """Write the model of that name into the folder `out`. `share` is that of the steps. Raises ObserverError."""
    work = out.with_name(out.name + "-training")
    begin(name, out, work)
    trainer = TRAINERS[name]
    plans = {part: _shortened(plan, share) for part, plan in trainer.plans.items()}
    pictures = TrainingImages.drawn(n_pictures, SEED, icons)
    trainer.train(pictures, out, work, say, *plans.values())
    command = f"python -m observers.microcosm.train {name}"
    command += f" --pictures {n_pictures}" * (n_pictures != N_PICTURES) + f" --share {share}" * (share != 1)
    finish(name, command, out, work, plans, n_pictures, SEED, icons)


def _shortened(
    plan: TrainingSettings | ClassifierTrainingSettings, share: float
) -> TrainingSettings | ClassifierTrainingSettings:
    if isinstance(plan, TrainingSettings):
        return evolve(plan, steps=max(1, round(plan.steps * share)))
    return evolve(plan, epochs=max(1, round(plan.epochs * share)))


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m observers.microcosm.train", description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=TRAINERS)
    parser.add_argument("--out", type=Path, help="folder for the model, by default its name")
    parser.add_argument("--icons", type=Path, help="a json-….tgz of npm's @iconify/json, where none is in the cache")
    parser.add_argument("--pictures", type=int, default=N_PICTURES, help="drawn to train on")
    parser.add_argument("--share", type=float, default=1.0, help="of the steps; more than 1 trains longer")
    parser.add_argument("--threads", type=int, help="that torch computes with")
    said = parser.parse_args(words)
    if not 1 <= said.pictures <= MOST_PICTURES or not 0 < said.share <= 100:
        parser.error(f"--pictures must be 1 to {MOST_PICTURES}, --share above 0 and up to 100")
    if said.threads is not None:
        if not 1 <= said.threads <= MOST_THREADS:
            parser.error(f"--threads must be 1 to {MOST_THREADS}")
        torch.set_num_threads(said.threads)
    out = (said.out or Path(said.name)).absolute()
    if not out.name:
        parser.error("--out must be a folder that can be made")
    try:
        train(said.name, out, n_pictures=said.pictures, share=said.share, icons=said.icons, say=_say)
    except (UserError, OSError) as error:
        sys.exit(f"observers: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped: the same command goes on where the last line of the curve was written")
    print(f"observers run-experiment microcosm --observer {said.name} -o weights={said.out or said.name}")


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    main()
