"""What a trained model's folder ends with: weights in float16, and a card that says how they came to be."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from attrs import asdict
from safetensors.torch import load_file, save_file

from observers.microcosm.icons import VERSION, credits, training_shapes
from observers.protocol import ObserverError
from observers.training_checkpoint import Row, saved_curve

CARD = "README.md"
N_LINES = 12  # of a curve, about
PACKAGES = ("torch", "diffusers", "transformers", "numpy")


def begin(name: str, out: Path, work: Path) -> None:
    """Make the folder of a model, marked as that, and of its training. Raises ObserverError where it holds anything else."""
    card = out / CARD
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ObserverError(f"{out} is a file or a link: name a folder for the model")
    if not card.is_file() and out.is_dir() and any(out.iterdir()):
        raise ObserverError(f"{out} holds something else than a trained model: name a new or an empty folder")
    if card.is_file() and card.read_text("utf-8", "replace").partition("\n")[0] != f"# {name}":
        raise ObserverError(f"{out} holds something else than a trained {name}: name a new or an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)
    if not card.is_file():
        card.write_text(f"# {name}\n\nIts training goes on; the same command finishes it.\n", "utf-8")


def finish(
    name: str,
    command: str,
    out: Path,
    work: Path,
    plans: Mapping[str, Any],
    n_pictures: int,
    seed: int,
    icons: Path | None,
) -> None:
    """Halve the weights in the folder `out`, all of them just written, and write its card."""
    for path in sorted(out.rglob("*.safetensors")):
        _halve(path)
    shapes = training_shapes(icons)[0]
    lines = [
        f"# {name}", "",
        "An observer of the microcosm, a small world of sixteen categories which both shape and texture tell.",
        f"Trained by `{command}`; what it can do is in docs/microcosm.md.", "",
        f"- {n_pictures:,} pictures of seed {seed}, of {len(shapes):,} icons (Iconify {VERSION})",
        f"- weights in float16, sha256 {digest(out)}",
        f"- {', '.join(f'{package} {version(package)}' for package in PACKAGES)}; {torch.get_num_threads()} threads",
    ]  # fmt: skip
    for part, plan in plans.items():
        settings = ", ".join(f"{key} {value}" for key, value in asdict(plan).items())
        lines += ["", f"## {part}", "", settings, "", "| step or epoch | loss | seconds |", "| --- | --- | --- |"]
        rows = _thinned(saved_curve(work / f"{part}.pt"))
        lines += [f"| {' | '.join(map(str, [*row, ''][:3]))} |" for row in rows]
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


def _thinned(rows: list[Row]) -> list[Row]:
    every = max(1, len(rows) // N_LINES)
    return rows[every - 1 :: every] + ([] if len(rows) % every == 0 else rows[-1:])
