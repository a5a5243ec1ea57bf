"""The loop in which the generative models of the microcosm are trained: AdamW, a cosine, averaged weights, and going on.

Everything random comes from one generator, whose state is kept with the rest: a training that was stopped goes on with the
pictures and the noise that it would have had.
"""

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attrs import asdict, frozen

from observers.protocol import ObserverError

EVERY = 500  # steps: a line of the curve, and what it takes to go on
BETAS = (0.9, 0.95)


@frozen
class Plan:
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


def fit(parts: torch.nn.Module, loss: Loss, plan: Plan, out: Path, *, say: Say = lambda text: None) -> None:
    """Train `parts` in place, as `loss` of a batch drawn by the generator says; OUT.pt and OUT.csv hold state and curve.

    Raises ObserverError where OUT.pt is of another plan, or where the loss is no number.
    """
    generator = torch.Generator().manual_seed(plan.seed)
    optimizer = torch.optim.AdamW(parts.parameters(), plan.rate, BETAS, weight_decay=plan.weight_decay)
    average = {name: weight.detach().clone() for name, weight in parts.named_parameters()}
    torch.manual_seed(plan.seed)  # of what draws without a generator, such as dropout
    done, seconds = _taken_up(out, parts, optimizer, generator, average, plan)
    parts.train()
    total, since = 0.0, time.monotonic()
    for step in range(done, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * _share(step, plan)
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.half):
            value = loss(generator)
        if not torch.isfinite(value):
            raise ObserverError(f"the loss is no number at step {step + 1}: give a lower rate than {plan.rate:g}")
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
        optimizer.step()
        total += float(value.detach())
        keep = min(plan.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, weight in parts.named_parameters():
                average[name].lerp_(weight, 1 - keep)
        if (step + 1) % EVERY == 0 or step + 1 == plan.steps:
            n = (step % EVERY) + 1
            seconds, since = seconds + time.monotonic() - since, time.monotonic()
            _keep(out, parts, optimizer, generator, average, plan, step + 1, seconds, total / n)
            say(f"{out.name}: step {step + 1} of {plan.steps}: loss {total / n:.4f} ({seconds / 60:.1f} min)")
            total = 0.0
    with torch.no_grad():
        for name, weight in parts.named_parameters():
            weight.copy_(average[name])
    parts.eval()


def _share(step: int, plan: Plan) -> float:
    """Of the rate: rises over the first steps, then falls like a cosine."""
    return min(1.0, (step + 1) / plan.warmup) * 0.5 * (1 + math.cos(math.pi * step / plan.steps))


def _files(out: Path) -> tuple[Path, Path]:
    return out.with_name(out.name + ".pt"), out.with_name(out.name + ".csv")


def _keep(
    out: Path, parts: torch.nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator,
    average: dict[str, torch.Tensor], plan: Plan, step: int, seconds: float, loss: float,
) -> None:  # fmt: skip
    state, curve = _files(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = state.with_suffix(".part")
    torch.save({
        "parts": parts.state_dict(), "optimizer": optimizer.state_dict(), "generator": generator.get_state(),
        "global": torch.get_rng_state(), "average": average, "plan": asdict(plan), "step": step, "seconds": seconds,
    }, partial)  # fmt: skip
    with open(curve, "w" if step <= EVERY else "a", newline="") as file:
        csv.writer(file).writerow([step, f"{loss:.6g}", f"{seconds:.0f}"])
    partial.replace(state)


def _taken_up(
    out: Path, parts: torch.nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator,
    average: dict[str, torch.Tensor], plan: Plan,
) -> tuple[int, float]:  # fmt: skip
    """Steps and seconds that are done, everything as it was after them. Raises ObserverError."""
    path = _files(out)[0]
    if not path.is_file():
        return 0, 0.0
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    differs = [key for key, value in asdict(plan).items() if state["plan"].get(key) != value]
    if differs:
        raise ObserverError(
            f"{path} is of a training with another {', '.join(differs)}: name another folder, or remove it"
        )
    parts.load_state_dict(state["parts"])
    optimizer.load_state_dict(state["optimizer"])
    generator.set_state(state["generator"])
    torch.set_rng_state(state["global"])
    for name, weight in state["average"].items():
        average[name].copy_(weight)
    return int(state["step"]), float(state["seconds"])
