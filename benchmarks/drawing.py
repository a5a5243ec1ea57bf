"""Generate images with the microcosm's models, and measure how many of them a network recognizes.

    python benchmarks/drawing.py [--each 10] [--out benchmarks/cache/drawn] [--figures docs/microcosm]

For every category, images are generated with the pipelines of diffusers under the prompt "A bad photo of a CATEGORY".
They are saved, and classified by microcosm-cnn, which was trained on the same data. With --figures, a sheet with the
first image of each category is saved, too.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from analysis.measures.accuracy import wilson_interval
from experiments.sets.folder import from_folder
from observers.catalog.microcosm import WEIGHTS
from observers.registry import make_observer
from stimuli.build.sheet import draw_contact_sheet
from stimuli.categories import CATEGORIES
from stimuli.images import save_image

SIDE_ON_SHEET = 128  # pixels per side of an image on the sheet
PIPELINES = {
    "microcosm-latent": ("StableDiffusionPipeline", {"num_inference_steps": 50, "guidance_scale": 3.0}),
    "microcosm-pixel": ("IFPipeline", {"num_inference_steps": 50, "guidance_scale": 3.0, "clean_caption": False}),
    "microcosm-masked": ("AmusedPipeline", {"num_inference_steps": 16, "guidance_scale": 3.0}),
}


def generate_images(name: str, n_per_category: int, out: Path) -> None:
    """Generate images with a model and save them as OUT/CATEGORY/CATEGORYNN.png."""
    import diffusers

    pipeline_class, settings = PIPELINES[name]
    pipeline = getattr(diffusers, pipeline_class).from_pretrained(WEIGHTS / name)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    for category in CATEGORIES:
        prompts = [f"A bad photo of a {category}"] * n_per_category
        images = pipeline(prompts, generator=generator, output_type="np", **settings).images
        for i, image in enumerate(images):
            save_image(np.uint8(np.round(255 * np.clip(image, 0, 1))), out / category / f"{category}{i:02}.png")


def contact_sheet(folder: Path) -> np.ndarray:
    """Return a sheet with the first image of each category, enlarged."""
    images = []
    for category in CATEGORIES:
        with Image.open(folder / category / f"{category}00.png") as image:
            enlarged = image.convert("RGB").resize((SIDE_ON_SHEET, SIDE_ON_SHEET), Image.Resampling.NEAREST)
            images.append(np.asarray(enlarged) / 255)
    return draw_contact_sheet(images, CATEGORIES, "")


def main() -> None:
    """Generate images with every model and print how many are recognized."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, default=10, help="images per category (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/cache/drawn"), help="folder for the images (default: %(default)s)"
    )
    parser.add_argument("--figures", type=Path, help="folder for the sheets (default: no sheets)")
    options = parser.parse_args()
    if options.each < 1:
        parser.error("--each must be 1 or more")
    for name in PIPELINES:
        if not (WEIGHTS / name).is_dir():
            continue
        shutil.rmtree(options.out / name, ignore_errors=True)
        generate_images(name, options.each, options.out / name)
        trials = from_folder(options.out / name).trials(0)
        responses = make_observer("microcosm-cnn", {}).observe(trials)
        n_correct = sum(r.choice == t.stimulus.category for r, t in zip(responses, trials, strict=True))
        low, high = wilson_interval(n_correct, len(trials))
        print(
            f"{name}: {n_correct} of {len(trials)} recognized, {n_correct / len(trials):.3f} [{low:.3f}, {high:.3f}]",
            flush=True,
        )
        if options.figures:
            save_image(contact_sheet(options.out / name), options.figures / f"drawn_{name}.png")


if __name__ == "__main__":
    main()
