"""Train an image classifier on a folder of images, plainly or with the diffusion noise of Jaini et al. (2024), Appendix E.

    python -m observers.noise_training FOLDER OUT [--noise] [--epochs 300]
    torchrun --nproc-per-node 8 -m observers.noise_training FOLDER OUT --noise

FOLDER holds a subfolder a class, such as ImageNet's training images. The recipe is the paper's: SGD with momentum 0.9 and
weight decay 1e-4, a learning rate of 0.1 that falls like a cosine, 64 images a device, 300 epochs (90 without noise). OUT
becomes a folder that `hf:NAME -o weights=OUT` loads; the same command goes on after the last whole epoch. Images are
(B, 3, h, w) float32, of mean 0 and variance about 1.
"""

import argparse
import hashlib
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from attrs import asdict, frozen
from PIL import Image
from torch import distributed
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from observers.diffusion_noise import random_noise
from observers.protocol import ObserverError
from observers.training_checkpoint import resume_from_checkpoint, save_checkpoint
from stimuli.atomic import write_atomically
from stimuli.errors import UserError
from stimuli.images import SUFFIXES, open_image

MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, of values in 0..1
STATE = "network.pt"


@frozen
class ClassifierTrainingSettings:
    epochs: int = 300
    batch: int = 64  # a device
    rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    noise: bool = False
    seed: int = 0


class TrainingData(Protocol):
    """What is trained on. An item is an image (3, h, w) and its class; what is random about it follows from `epoch`."""

    epoch: int

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]: ...


def train(
    network: torch.nn.Module,
    pictures: TrainingData,
    recipe: ClassifierTrainingSettings,
    out: Path,
    *,
    given: str = "",
    device: torch.device | None = None,
    workers: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Train in place; after each epoch OUT holds what it takes to go on, and a line of the curve. Raises ObserverError.

    `network` takes `pixel_values` and gives `logits`; `given` tells these pictures from others. Under torchrun each process
    takes its share of each epoch.
    """
    rank, n_processes = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = device or torch.device(f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu")
    if n_processes > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    network.to(device).train()
    model = DistributedDataParallel(network) if n_processes > 1 else network
    optimizer = torch.optim.SGD(model.parameters(), recipe.rate, recipe.momentum, weight_decay=recipe.weight_decay)

    def load(state: dict[str, Any]) -> None:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])

    settings = asdict(recipe) | {"n_pictures": len(pictures), "given": given}
    curve = resume_from_checkpoint(out / STATE, settings, load)
    sampler: Any = DistributedSampler(pictures, n_processes, rank, seed=recipe.seed, drop_last=True)  # type: ignore[arg-type]
    loader: Any = DataLoader(pictures, recipe.batch, sampler=sampler, num_workers=workers, drop_last=True)  # type: ignore[arg-type]
    if not len(loader):
        raise ObserverError(f"{len(pictures)} images are less than one batch of {recipe.batch} for each process")
    for epoch in range(len(curve), recipe.epochs):
        pictures.epoch = epoch
        sampler.set_epoch(epoch)
        generator = torch.Generator().manual_seed(
            int(np.random.SeedSequence([recipe.seed, epoch, rank]).generate_state(1)[0])
        )
        total = 0.0
        for i, (images, classes) in enumerate(loader):
            share = (epoch + i / len(loader)) / recipe.epochs
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * 0.5 * (1 + math.cos(math.pi * share))
            if recipe.noise:
                images = random_noise(images, generator)
            loss = functional.cross_entropy(model(images.to(device)).logits, classes.to(device))
            if not torch.isfinite(loss):
                raise ObserverError(
                    f"the loss is no number in epoch {epoch + 1}: a rate lower than {recipe.rate:g} is needed"
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(loss.detach())
        say(f"epoch {epoch + 1} of {recipe.epochs}: loss {total / len(loader):.4f}")
        curve.append([epoch + 1, f"{total / len(loader):.6g}"])
        if rank == 0:
            save_checkpoint(
                out / STATE, settings, {"network": network.state_dict(), "optimizer": optimizer.state_dict()}, curve
            )
    if n_processes > 1:
        distributed.barrier()
    network.eval()


class ImageFolder:
    """The images of a folder of classes: random crops of 8 to 100 % of the area, mirrored half the time."""

    def __init__(self, folder: Path, size: int = 224, seed: int = 0) -> None:
        self.classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
        self.files = [
            (path, number)
            for number, name in enumerate(self.classes)
            for path in sorted((folder / name).rglob("*"))
            if path.suffix.lower() in SUFFIXES
        ]
        if len(self.classes) < 2 or not self.files:
            raise ObserverError(
                f"{folder} has {len(self.classes)} classes and {len(self.files)} images: expected a folder a class"
            )
        names = "\n".join(path.relative_to(folder).as_posix() for path, _ in self.files)
        self.name = hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[
            :12
        ]  # tells it from other folders
        self.size, self.seed, self.epoch = size, seed, 0

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, number = self.files[index]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        image = Image.fromarray(open_image(path))
        area = image.width * image.height * rng.uniform(0.08, 1)
        ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        sides = np.sqrt(area * ratio), np.sqrt(area / ratio)
        width, height = (max(1, min(n, round(side))) for n, side in zip(image.size, sides, strict=True))
        left, top = rng.integers(image.width - width + 1), rng.integers(image.height - height + 1)
        box = (int(left), int(top), int(left + width), int(top + height))
        pixels = np.asarray(image.resize((self.size, self.size), Image.Resampling.BILINEAR, box)) / 255
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(((pixels - MEAN) / SD).transpose(2, 0, 1), np.float32)), number


def write_classifier(network: Any, classes: list[str], out: Path, size: int, shorter: int, mean: Any, sd: Any) -> None:
    """config.json, model.safetensors, preprocessor_config.json: the middle `size` pixels of images resized to `shorter`."""
    network.config.id2label = dict(enumerate(classes))
    network.config.label2id = {name: number for number, name in enumerate(classes)}
    network.save_pretrained(out)
    settings = {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": shorter}, "resample": 2,
        "do_center_crop": True, "crop_size": {"height": size, "width": size}, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": list(mean), "image_std": list(sd), "do_convert_rgb": True,
    }  # fmt: skip
    write_atomically(out / "preprocessor_config.json", (json.dumps(settings, indent=2) + "\n").encode())


def main(words: Sequence[str] | None = None) -> None:
    from transformers import ResNetConfig, ResNetForImageClassification

    parser = argparse.ArgumentParser(prog="python -m observers.noise_training", description="Train a ResNet-50.")
    parser.add_argument("folder", type=Path, help="a subfolder of images a class")
    parser.add_argument("out", type=Path, help="folder for the trained network")
    parser.add_argument("--noise", action="store_true", help="with diffusion noise")
    parser.add_argument("--epochs", type=int, help="300, or 90 without noise")
    parser.add_argument("--batch", type=int, default=64, help="images a device")
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--size", type=int, default=224, help="pixels a side")
    parser.add_argument("--workers", type=int, default=8, help="processes that read images, a device")
    parser.add_argument("--seed", type=int, default=0)
    said = parser.parse_args(words)
    if min(said.batch, said.size, said.rate) <= 0 or said.workers < 0 or (said.epochs is not None and said.epochs < 1):
        parser.error("--epochs, --batch, --size and --rate must be above 0, --workers 0 or more")
    try:
        pictures = ImageFolder(said.folder, said.size, said.seed)
        recipe = ClassifierTrainingSettings(
            said.epochs or (300 if said.noise else 90), said.batch, said.rate, noise=said.noise, seed=said.seed
        )
        torch.manual_seed(said.seed)
        network = ResNetForImageClassification(ResNetConfig(num_labels=len(pictures.classes)))
        is_first = os.environ.get("RANK", "0") == "0"
        say = print if is_first else lambda text: None
        given = f"{said.size} pixels of {pictures.name}"
        train(network, pictures, recipe, said.out, given=given, workers=said.workers, say=say)
        if is_first:
            write_classifier(network, pictures.classes, said.out, said.size, round(said.size / 0.875), MEAN, SD)
            print(f"observers run-experiment EXPERIMENT --observer hf:{said.out.name} -o weights={said.out}")
    except (UserError, OSError) as error:
        sys.exit(f"observers: {error}")


if __name__ == "__main__":
    main()
