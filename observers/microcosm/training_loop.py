"""The loop in which the generative models of the microcosm are trained: AdamW, a cosine, averaged weights, and going on.

Everything random comes from one generator, whose state is kept with the rest: a training that was stopped goes on with the
pictures and the noise that it would have had.
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
from observers.training_checkpoint import resume_from_checkpoint, save_checkpoint

EVERY = 500  # steps: a line of the curve, and what it takes to go on
BETAS = (0.9, 0.95)


@frozen
class TrainingSettings:
    """`average` is the decay of the average of weights that is kept in the end, 0 for the last ones; `half` computes in
    bfloat16 what can be."""

    steps: int
    batch: int
    rate: float
    warmup: int = 200
    weight_decay: float = 0.01
    average: float = 0.999
    half: bool = False
    seed: int = 1


Loss = Callable[[torch.Generator], torch.Tensor]
Say = Callable[[str], None]


def fit(
    parts: torch.nn.Module,
    loss: Loss,
    plan: TrainingSettings,
    out: Path,
    *,
    given: str = "",
    say: Say = lambda text: None,
) -> None:
    """Train `parts` in place, as `loss` of a batch drawn by the generator says; OUT.pt and OUT.csv hold state and curve.

    `given` tells what the batches are made of from what they are not. Raises ObserverError where OUT.pt is of another
    training, or where the loss is no number.
    """
    generator = torch.Generator().manual_seed(plan.seed)
    optimizer = torch.optim.AdamW(parts.parameters(), plan.rate, BETAS, weight_decay=plan.weight_decay)
    average = {name: weight.detach().clone() for name, weight in parts.named_parameters()}
    torch.manual_seed(plan.seed)  # of what draws without a generator, such as dropout

    def load(state: dict[str, Any]) -> None:
        parts.load_state_dict(state["parts"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["global"])
        for name, weight in average.items():
            weight.copy_(state["average"][name])

    path, settings = out.with_name(out.name + ".pt"), asdict(plan) | {"given": given}
    curve = resume_from_checkpoint(path, settings, load)
    done, seconds = (int(curve[-1][0]), float(curve[-1][2])) if curve else (0, 0.0)
    parts.train()
    total, since = 0.0, time.monotonic()
    for step in range(done, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * _share(step, plan)
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.half):
            value = loss(generator)
        if not torch.isfinite(value):
            raise ObserverError(f"the loss is no number at step {step + 1}: a rate lower than {plan.rate:g} is needed")
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
        optimizer.step()
        total += float(value.detach())
        share = min(plan.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, weight in parts.named_parameters():
                average[name].lerp_(weight, 1 - share)
        if (step + 1) % EVERY == 0 or step + 1 == plan.steps:
            mean = total / ((step % EVERY) + 1)
            seconds, since, total = seconds + time.monotonic() - since, time.monotonic(), 0.0
            curve.append([step + 1, f"{mean:.6g}", f"{seconds:.0f}"])
            state = {
                "parts": parts.state_dict(), "optimizer": optimizer.state_dict(), "generator": generator.get_state(),
                "global": torch.get_rng_state(), "average": average,
            }  # fmt: skip
            save_checkpoint(path, settings, state, curve)
            say(f"{out.name}: step {step + 1} of {plan.steps}: loss {mean:.4f} ({seconds / 60:.1f} min)")
    with torch.no_grad():
        for name, weight in parts.named_parameters():
            weight.copy_(average[name])
    parts.eval()


def digest(parts: torch.nn.Module) -> str:
    """Twelve digits that tell these weights from others."""
    found = hashlib.sha256()
    for weight in parts.parameters():
        found.update(weight.detach().numpy().tobytes())
    return found.hexdigest()[:12]


def exactly() -> torch.autocast:
    """A context in which a half plan computes in float32 all the same: what picks the nearest of many."""
    return torch.autocast("cpu", enabled=False)


def _share(step: int, plan: TrainingSettings) -> float:
    """Of the rate: rises over the first steps, then falls like a cosine."""
    return min(1.0, (step + 1) / plan.warmup) * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
