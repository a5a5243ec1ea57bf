"""The training loop of the microcosm's generative models: AdamW, cosine decay of the learning rate, averaged weights.

All random numbers come from generators whose state is saved in the checkpoint, so a run that was interrupted continues
with the same images and the same noise as an uninterrupted run.
"""

import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attrs import asdict, frozen

from observers.protocol import ObserverError
from observers.training.training_checkpoint import resume_from_checkpoint, save_checkpoint

CHECKPOINT_INTERVAL = 500  # number of steps between checkpoints, each of which adds a row to the learning curve
BETAS = (0.9, 0.95)


@frozen
class TrainingSettings:
    """Settings of a training run with AdamW, which are stored in its checkpoint and in the model card.

    Attributes:
        steps: Number of optimizer steps.
        batch: Number of images per batch.
        rate: Highest learning rate. The rate rises linearly during warmup, then decreases to 0 along a cosine.
        warmup: Number of warmup steps.
        weight_decay: Weight decay of AdamW.
        average: Decay of the exponential moving average of the weights, which is the result of the training. With 0,
            the last weights are the result.
        half: Whether to compute in bfloat16 with autocast.
        seed: Random seed.
    """

    steps: int
    batch: int
    rate: float
    warmup: int = 200
    weight_decay: float = 0.01
    average: float = 0.999
    half: bool = False
    seed: int = 1


Loss = Callable[[torch.Generator], torch.Tensor]  # draws a batch and returns its mean loss, a scalar
ProgressCallback = Callable[[str], None]  # receives progress messages


def fit(
    network: torch.nn.Module,
    loss: Loss,
    settings: TrainingSettings,
    out: Path,
    *,
    data_id: str = "",
    on_progress: ProgressCallback = lambda message: None,
) -> None:
    """Train a network in place, and save checkpoints to OUT.pt and the learning curve to OUT.csv.

    If OUT.pt exists, training is resumed from there. At the end the weights are replaced by their moving average.

    Args:
        network: The network, or a ModuleList of networks that are trained together.
        loss: Draws a batch with the generator that it receives, and returns the loss.
        settings: The training settings.
        out: Path of the checkpoint and of the learning curve, without a suffix.
        data_id: Identifies the training data, so that a checkpoint is not resumed with other data.
        on_progress: Function that is called with a message after each checkpoint.

    Raises:
        ObserverError: If the checkpoint is damaged or was made with other settings or by another network, or if the
            loss is not finite.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(network.parameters(), settings.rate, BETAS, weight_decay=settings.weight_decay)
    average = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    torch.manual_seed(settings.seed)  # for layers that use the global generator, such as dropout

    def load(state: dict[str, Any]) -> None:
        network.load_state_dict(state["parts"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["global"])
        for name, weight in average.items():
            weight.copy_(state["average"][name])

    # The keys of the settings and of the state are part of the file format, so they must stay as they are.
    path, saved_settings = out.with_name(out.name + ".pt"), asdict(settings) | {"given": data_id}
    curve = resume_from_checkpoint(path, saved_settings, load)
    first_step, seconds = (int(curve[-1][0]), float(curve[-1][2])) if curve else (0, 0.0)
    network.train()
    total_loss, start = 0.0, time.monotonic()
    for step in range(first_step, settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * _rate_factor(step, settings)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.half):
            value = loss(generator)
        if not torch.isfinite(value):
            raise ObserverError(
                f"the loss is not finite at step {step + 1}: use a learning rate below {settings.rate:g}"
            )
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        total_loss += float(value.detach())
        decay = min(settings.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, weight in network.named_parameters():
                average[name].lerp_(weight, 1 - decay)
        if (step + 1) % CHECKPOINT_INTERVAL == 0 or step + 1 == settings.steps:
            mean_loss = total_loss / ((step % CHECKPOINT_INTERVAL) + 1)
            seconds, start, total_loss = seconds + time.monotonic() - start, time.monotonic(), 0.0
            curve.append([step + 1, f"{mean_loss:.6g}", f"{seconds:.0f}"])
            state = {
                "parts": network.state_dict(), "optimizer": optimizer.state_dict(), "generator": generator.get_state(),
                "global": torch.get_rng_state(), "average": average,
            }  # fmt: skip
            save_checkpoint(path, saved_settings, state, curve)
            on_progress(
                f"{out.name}: step {step + 1} of {settings.steps}: loss {mean_loss:.4f} ({seconds / 60:.1f} min)"
            )
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.copy_(average[name])
    network.eval()


def weights_digest(network: torch.nn.Module) -> str:
    """Return the first twelve hexadecimal digits of the sha256 over the weights of a network."""
    digest = hashlib.sha256()
    for weight in network.parameters():
        digest.update(weight.detach().numpy().tobytes())
    return digest.hexdigest()[:12]


def full_precision() -> torch.autocast:
    """Return a context in which torch computes in float32 even if `half` is set, as needed to find the nearest code."""
    return torch.autocast("cpu", enabled=False)


def _rate_factor(step: int, settings: TrainingSettings) -> float:
    """Return the learning rate of a step as a fraction of the highest rate: linear warmup, then cosine decay."""
    return min(1.0, (step + 1) / settings.warmup) * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
