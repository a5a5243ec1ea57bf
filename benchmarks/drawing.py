"""What the microcosm's models draw, by the pipelines of diffusers, and how much of it a network recognizes.

    python benchmarks/drawing.py [--each 10] [--out benchmarks/cache/drawn] [--figures docs/microcosm]

For every category pictures are drawn from "A bad photo of a CATEGORY"; microcosm-cnn, which knows the same world, says what
it sees. Writes the pictures, and a sheet with the first of each category.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from analysis.accuracy import wilson
from experiments.folder import from_folder
from observers.microcosm.named import WEIGHTS
from observers.registry import make_observer
from stimuli.categories import CATEGORIES
from stimuli.images import save_image
from stimuli.sheet import draw_contact_sheet

SHOWN = 128  # pixels a side on the sheet
PIPELINES = {
    "microcosm-latent": ("StableDiffusionPipeline", {"num_inference_steps": 50, "guidance_scale": 3.0}),
    "microcosm-pixel": ("IFPipeline", {"num_inference_steps": 50, "guidance_scale": 3.0, "clean_caption": False}),
    "microcosm-masked": ("AmusedPipeline", {"num_inference_steps": 16, "guidance_scale": 3.0}),
}


def draw(name: str, each: int, out: Path) -> None:
    """Write OUT/CATEGORY/CATEGORYNN.png."""
    import diffusers

    kind, settings = PIPELINES[name]
    pipeline = getattr(diffusers, kind).from_pretrained(WEIGHTS / name)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    for category in CATEGORIES:
        prompts = [f"A bad photo of a {category}"] * each
        images = pipeline(prompts, generator=generator, output_type="np", **settings).images
        for i, image in enumerate(images):
            save_image(np.uint8(np.round(255 * np.clip(image, 0, 1))), out / category / f"{category}{i:02}.png")


def shown(folder: Path) -> np.ndarray:
    """The first picture of each category, enlarged."""
    images = []
    for category in CATEGORIES:
        with Image.open(folder / category / f"{category}00.png") as image:
            images.append(np.asarray(image.convert("RGB").resize((SHOWN, SHOWN), Image.Resampling.NEAREST)) / 255)
    return draw_contact_sheet(images, CATEGORIES, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, default=10, help="pictures a category")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/cache/drawn"))
    parser.add_argument("--figures", type=Path)
    said = parser.parse_args()
    if said.each < 1:
        parser.error("--each must be 1 or more")
    for name in PIPELINES:
        if not (WEIGHTS / name).is_dir():
            continue
        shutil.rmtree(said.out / name, ignore_errors=True)
        draw(name, said.each, said.out / name)
        experiment = from_folder(said.out / name)
        trials = experiment.trials(0)
        answers = make_observer("microcosm-cnn", {}).observe(trials)
        right = sum(r.choice == t.stimulus.category for r, t in zip(answers, trials, strict=True))
        low, high = wilson(right, len(trials))
        print(
            f"{name}: {right} of {len(trials)} recognized, {right / len(trials):.3f} [{low:.3f}, {high:.3f}]",
            flush=True,
        )
        if said.figures:
            save_image(shown(said.out / name), said.figures / f"drawn_{name}.png")


if __name__ == "__main__":
    main()
