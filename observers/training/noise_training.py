"""Train an image classifier on a folder of images, with or without diffusion noise: Jaini et al. (2024), Appendix E.

    python -m observers.training.noise_training FOLDER OUT [--noise] [--epochs 300]
    torchrun --nproc-per-node 8 -m observers.training.noise_training FOLDER OUT --noise
    accelerate launch --num_processes 8 -m observers.training.noise_training FOLDER OUT --noise

FOLDER contains one subfolder per class, like the training images of ImageNet. The training settings are those of the
paper: SGD with momentum 0.9 and weight decay 1e-4, a learning rate of 0.1 with cosine decay, 64 images per device, 300
epochs (90 without noise). The result in OUT is loaded with `hf:NAME -o weights=OUT`. A run that was interrupted is
resumed after the last complete epoch when the same command is run again. Images are (B, 3, h, w) float32 with mean 0
and variance about 1.

accelerate starts and describes the processes and picks their devices. Its other functions are not used: settings such as
mixed precision, which it reads from the user's own configuration, would change the weights without being recorded in the
checkpoint, and its division of the data would change the noise of each image.
"""

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import PartialState
from attrs import asdict, frozen
from PIL import Image
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from core.atomic import write_atomically
from core.errors import UserError
from observers.classifiers.diffusion_noise import add_random_noise
from observers.protocol import ObserverError
from observers.training.training_checkpoint import resume_from_checkpoint, save_checkpoint
from stimuli.image_files import scan_folder
from stimuli.images import open_image

MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and SD of ImageNet's color channels in 0..1
CHECKPOINT = "network.pt"


@frozen
class ClassifierTrainingSettings:
    """Settings of a training run with SGD, which are stored in its checkpoint.

    Attributes:
        epochs: Number of epochs.
        batch: Number of images per batch and device.
        rate: Initial learning rate. It decreases to 0 along a cosine.
        momentum: Momentum of SGD.
        weight_decay: Weight decay of SGD.
        noise: Whether diffusion noise is added to the images.
        seed: Random seed for the order of the images and for the noise.
    """

    epochs: int = 300
    batch: int = 64
    rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    noise: bool = False
    seed: int = 0


class TrainingData(Protocol):
    """A data set of images (3, h, w) and class numbers. The random augmentations depend on `epoch`."""

    epoch: int

    def __len__(self) -> int:
        """Return the number of images."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return an image and its class number."""


def train(
    network: torch.nn.Module,
    data: TrainingData,
    settings: ClassifierTrainingSettings,
    out: Path,
    *,
    data_id: str = "",
    device: torch.device | None = None,
    n_workers: int = 0,
    on_progress: Callable[[str], None] = lambda message: None,
) -> None:
    """Train a network in place, and save a checkpoint and the learning curve after each epoch.

    If `out` contains a checkpoint, training is resumed from there. Under torchrun or accelerate, each process trains on
    its share of every epoch.

    Args:
        network: Takes `pixel_values` and returns an object with `logits`, like the classifiers of transformers.
        data: The training data.
        settings: The training settings.
        out: Folder for the checkpoint and the learning curve.
        data_id: Identifies the training data, so that a checkpoint is not resumed with other data.
        device: Device of the network. By default it is the GPU of this process, or the CPU if CUDA is not available.
        n_workers: Number of processes that read images.
        on_progress: Function that is called with a message after each epoch.

    Raises:
        ObserverError: If there are too few images, if the loss is not finite, or if the checkpoint was made with other
            settings or by another network.
    """
    processes = this_process()
    device = device or processes.device
    network.to(device).train()
    model = DistributedDataParallel(network) if processes.num_processes > 1 else network
    optimizer = torch.optim.SGD(
        model.parameters(), settings.rate, settings.momentum, weight_decay=settings.weight_decay
    )

    def load(state: dict[str, Any]) -> None:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])

    # These keys are part of the file format, so they must stay as they are.
    saved_settings = asdict(settings) | {"n_pictures": len(data), "given": data_id}
    curve = resume_from_checkpoint(out / CHECKPOINT, saved_settings, load)
    n, rank = processes.num_processes, processes.process_index
    sampler: Any = DistributedSampler(data, n, rank, seed=settings.seed, drop_last=True)  # type: ignore[arg-type]
    loader: Any = DataLoader(data, settings.batch, sampler=sampler, num_workers=n_workers, drop_last=True)  # type: ignore[arg-type]
    if not len(loader):
        raise ObserverError(
            f"{len(data)} images are too few for one batch of {settings.batch} per process: use a smaller batch size"
        )
    for epoch in range(len(curve), settings.epochs):
        data.epoch = epoch
        sampler.set_epoch(epoch)
        generator = torch.Generator().manual_seed(
            int(np.random.SeedSequence([settings.seed, epoch, rank]).generate_state(1)[0])
        )
        total_loss = 0.0
        for i, (images, classes) in enumerate(loader):
            progress = (epoch + i / len(loader)) / settings.epochs
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * 0.5 * (1 + math.cos(math.pi * progress))
            if settings.noise:
                images = add_random_noise(images, generator)
            loss = functional.cross_entropy(model(images.to(device)).logits, classes.to(device))
            if not torch.isfinite(loss):
                raise ObserverError(
                    f"the loss is not finite in epoch {epoch + 1}: use a learning rate below {settings.rate:g}"
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total_loss += float(loss.detach())
        on_progress(f"epoch {epoch + 1} of {settings.epochs}: loss {total_loss / len(loader):.4f}")
        curve.append([epoch + 1, f"{total_loss / len(loader):.6g}"])
        if processes.is_main_process:
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
            save_checkpoint(out / CHECKPOINT, saved_settings, state, curve)
    processes.wait_for_everyone()
    network.eval()


def this_process() -> PartialState:
    """Return the rank and the device of this process, and the number of processes, as set by torchrun or accelerate."""
    return PartialState(cpu=not torch.cuda.is_available())


class ImageFolder:
    """The images in a folder with one subfolder per class, as training data.

    Each image is a random crop of 8 to 100 % of the area with an aspect ratio of 3:4 to 4:3, resized to a square and
    mirrored with probability 0.5.

    Args:
        folder: The folder.
        size: Width and height of the images in pixels.
        seed: Random seed of the augmentation.

    Attributes:
        classes: Names of the classes in alphabetical order.
        digest: Digest of the relative paths of all files. It distinguishes this folder from other folders.
        notes: Sentences about the files that are skipped.
        epoch: Number of the epoch. Together with the seed it determines the random crops.

    Raises:
        ObserverError: If there are fewer than two classes, or a class does not have images.
        StimulusError: If there are images in other formats than PNG and JPEG.
    """

    def __init__(self, folder: Path, size: int = 224, seed: int = 0) -> None:
        scans = [scan_folder(path) for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
        for scan in scans:
            scan.check()
        images = {scan.folder.name: scan.images for scan in scans}
        self.classes = [scan.folder.name for scan in scans]
        self.notes = tuple(note for scan in scans for note in scan.notes())
        self._files = [(path, number) for number, name in enumerate(self.classes) for path in images[name]]
        if len(self.classes) < 2 or not self._files:
            raise ObserverError(
                f"{folder} has {len(self.classes)} subfolders and {len(self._files)} images in them: "
                "expected one subfolder of images per class, and at least two classes"
            )
        if empty := [scan.folder.name for scan in scans if not scan.images]:
            raise ObserverError(
                f"the folder {empty[0]} in {folder} does not contain images: add images, or remove the folder"
            )
        names = "\n".join(path.relative_to(folder).as_posix() for path, _ in self._files)
        self.digest = hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self._size, self._seed, self.epoch = size, seed, 0

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return an image (3, size, size), cropped and mirrored at random, and its class number."""
        path, number = self._files[index]
        rng = np.random.default_rng([self._seed, self.epoch, index])
        image = Image.fromarray(open_image(path))
        area = image.width * image.height * rng.uniform(0.08, 1)
        ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        sides = np.sqrt(area * ratio), np.sqrt(area / ratio)
        width, height = (max(1, min(n, round(side))) for n, side in zip(image.size, sides, strict=True))
        x, y = rng.integers(image.width - width + 1), rng.integers(image.height - height + 1)
        box = (int(x), int(y), int(x + width), int(y + height))
        pixels = np.asarray(image.resize((self._size, self._size), Image.Resampling.BILINEAR, box)) / 255
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(((pixels - MEAN) / SD).transpose(2, 0, 1), np.float32)), number


def write_classifier(
    network: Any, classes: list[str], out: Path, size: int, shorter_side: int, mean: Any, sd: Any
) -> None:
    """Write a classifier as a folder that transformers loads: config, weights and preprocessing.

    Args:
        network: A ResNet of transformers.
        classes: Names of the classes in the order of the network's outputs.
        out: The folder.
        size: Width and height in pixels of the center crop that the network receives.
        shorter_side: Length in pixels to which the shorter side of an image is resized before it is cropped.
        mean: Mean of each color channel, for values in 0..1.
        sd: Standard deviation of each color channel.
    """
    network.config.id2label = dict(enumerate(classes))
    network.config.label2id = {name: number for number, name in enumerate(classes)}
    network.save_pretrained(out)
    settings = {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": shorter_side},
        "resample": 2, "do_center_crop": True, "crop_size": {"height": size, "width": size}, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": list(mean), "image_std": list(sd),
        "do_convert_rgb": True,
    }  # fmt: skip
    write_atomically(out / "preprocessor_config.json", (json.dumps(settings, indent=2) + "\n").encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line `python -m observers.training.noise_training`."""
    from transformers import ResNetConfig, ResNetForImageClassification

    parser = argparse.ArgumentParser(
        prog="python -m observers.training.noise_training", description="Train a ResNet-50 on a folder of images."
    )
    parser.add_argument("folder", type=Path, help="folder of images with one subfolder per class")
    parser.add_argument("out", type=Path, help="folder for the trained network")
    parser.add_argument("--noise", action="store_true", help="add diffusion noise to the training images")
    parser.add_argument("--epochs", type=int, help="number of epochs (default: 300 with noise, 90 without)")
    parser.add_argument("--batch", type=int, default=64, help="images per batch and device (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=0.1, help="initial learning rate (default: %(default)s)")
    parser.add_argument("--size", type=int, default=224, help="image size in pixels (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, default=8, help="processes per device that read images (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: %(default)s)")
    options = parser.parse_args(arguments)
    if (
        min(options.batch, options.size, options.rate) <= 0
        or options.workers < 0
        or (options.epochs is not None and options.epochs < 1)
    ):
        parser.error("--epochs, --batch, --size and --rate must be positive, and --workers must not be negative")
    try:
        data = ImageFolder(options.folder, options.size, options.seed)
        settings = ClassifierTrainingSettings(
            options.epochs or (300 if options.noise else 90),
            options.batch,
            options.rate,
            noise=options.noise,
            seed=options.seed,
        )
        torch.manual_seed(options.seed)
        network = ResNetForImageClassification(ResNetConfig(num_labels=len(data.classes)))
        processes = this_process()
        on_progress = print if processes.is_main_process else lambda message: None
        for note in data.notes:
            on_progress(f"note: {note}")
        data_id = f"{options.size} pixels of {data.digest}"
        train(network, data, settings, options.out, data_id=data_id, n_workers=options.workers, on_progress=on_progress)
        if processes.is_main_process:
            write_classifier(network, data.classes, options.out, options.size, round(options.size / 0.875), MEAN, SD)
            print(f"observers run-experiment EXPERIMENT --observer hf:{options.out.name} -o weights={options.out}")
        processes.destroy_process_group()
    except (UserError, OSError) as error:
        sys.exit(f"observers: {error}")


if __name__ == "__main__":
    main()
