"""What a trained model's folder ends with: weights in float16, and a card that says how they came to be."""

import csv
import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from attrs import asdict
from safetensors.torch import load_file, save_file

from observers.microcosm.icons import VERSION, credits, training_shapes

CARD = "README.md"
N_LINES = 12  # of a curve
PACKAGES = ("torch", "diffusers", "transformers", "numpy")


def finish(
    name: str, out: Path, work: Path, plans: Mapping[str, Any], n_pictures: int, seed: int, icons: Path | None
) -> None:
    """Halve the weights in the folder `out` and write its card."""
    for path in sorted(out.rglob("*.safetensors")):
        _halve(path)
    shapes = training_shapes(icons)[0]
    lines = [
        f"# {name}", "",
        "An observer of the microcosm, a small world of sixteen categories which both shape and texture tell.",
        f"Trained by `python -m observers.microcosm.train {name}`; what it can do is in docs/microcosm.md.", "",
        f"- {n_pictures:,} pictures of seed {seed}, of {len(shapes):,} icons (Iconify {VERSION})",
        f"- weights in float16, sha256 {digest(out)}",
        f"- {', '.join(f'{package} {version(package)}' for package in PACKAGES)}; {torch.get_num_threads()} threads",
    ]  # fmt: skip
    for part, plan in plans.items():
        settings = ", ".join(f"{key} {value}" for key, value in asdict(plan).items())
        lines += ["", f"## {part}", "", settings, "", "| step or epoch | loss | seconds |", "| --- | --- | --- |"]
        lines += [f"| {' | '.join(row)} |" for row in _thinned(_curve(work / f"{part}.csv"))]
    lines += ["", "## Icons", "", "Shapes to train on were drawn from these sets, whose authors are thanked:", ""]
    lines += [f"- {credit}" for credit in credits(shapes, icons)]
    (out / CARD).write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def digest(folder: Path) -> str:
    """sha256 over the weights, in order of their paths."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        found.update(path.read_bytes())
    return found.hexdigest()


def _halve(path: Path) -> None:
    weights = {key: value.half() if value.is_floating_point() else value for key, value in load_file(path).items()}
    save_file(weights, path, {"format": "pt"})


def _curve(path: Path) -> list[list[str]]:
    with open(path, newline="") as file:
        return [row + [""] * (3 - len(row)) for row in csv.reader(file)]


def _thinned(rows: list[list[str]]) -> list[list[str]]:
    every = max(1, len(rows) // N_LINES)
    return rows[every - 1 :: every] + ([] if len(rows) % every == 0 else rows[-1:])
