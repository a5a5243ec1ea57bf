"""Cue-conflict images by texture synthesis: the shape's luminance, given the statistics of the texture.

Portilla & Simoncelli's (2000, IJCV 40:49) joint statistics of a steerable pyramid, as `plenoptic` (Duong et al. 2023, JoV
23(5):5822) computes them, take the place of the VGG features of Gatys et al. (2016), which the published images were made
with: no trained weights are needed. Comes with the extra `textures`.
"""

import io
from contextlib import redirect_stderr

import numpy as np
import torch
from scipy import ndimage

from stimuli.distortions import gray
from stimuli.errors import StimulusError, UserError

try:
    import plenoptic
except ModuleNotFoundError as error:
    if error.name != "plenoptic":
        raise
    raise UserError(
        "texture synthesis comes with an extra: pip install -c constraints.txt -e '.[textures]' in the project's folder"
    ) from None

MARGIN = 16  # pixels all round that are thrown away: the pyramid takes opposite borders for neighbors
N_SCALES, WIDTH = 4, 7  # of the pyramid, fewer where the coarsest would be narrower than its autocorrelations
FLAT = 0.02  # range of g
BLUR, RANGE = 2.0, 0.1  # pixels; weight of values outside 0..1
RATE = 0.01  # of Adam


def synthesized(
    shape: np.ndarray,
    texture: np.ndarray,
    rng: np.random.Generator,
    *,
    content: float = 15.0,
    steps: int = 150,
) -> np.ndarray:
    """(h, w, 3) in 0..1 of both -> (h, w, 3): an image that looks like the texture close by, like the shape from afar.

    From g of the shape, with the histogram of the texture's g, `steps` of Adam lower ‖statistics − those of the texture‖ +
    `content` · mean squared difference from the start, both blurred by 2 pixels, over the variance of the texture's g: more
    `content` shows more of the shape. Colors are then those that go with each g in the texture, by linear regression. On one
    thread, so that bytes do not depend on how many there are; about 40 s for 224 × 224 pixels. Raises UserError for options,
    StimulusError for a texture without statistics.
    """
    if not (0 <= content < np.inf and steps >= 1):
        raise UserError(f"plenoptic: expected a content of 0 or more and 1 step or more, got {content:g} and {steps}")
    if np.ptp(gray(texture)) < FLAT:
        raise StimulusError("the texture is of one gray: it has no statistics to be given to the shape")
    height, width = shape.shape[:2]
    edges = [(MARGIN, MARGIN + -n % 2**N_SCALES) for n in (height, width)]  # the pyramid halves sides
    target = np.pad(gray(texture), edges, mode="symmetric")
    start = _with_histogram(np.pad(gray(shape), edges, mode="symmetric"), target)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        g = _metamer(start, target, content, steps)[MARGIN : MARGIN + height, MARGIN : MARGIN + width]
    finally:
        torch.set_num_threads(n_threads)
    return np.asarray(np.clip(_colored(np.clip(g, 0, 1), texture), 0, 1))


def _metamer(start: np.ndarray, target: np.ndarray, content: float, steps: int) -> np.ndarray:
    n_scales = min(N_SCALES, int(np.log2(min(target.shape) / WIDTH)))
    model = (
        plenoptic.models.PortillaSimoncelli(target.shape, n_scales=n_scales, spatial_corr_width=WIDTH).double().eval()
    )
    plenoptic.remove_grad(model)
    down, right = (
        torch.as_tensor(ndimage.gaussian_filter1d(np.eye(n), BLUR, axis=0, mode="nearest")) for n in target.shape
    )
    texture, first = (torch.as_tensor(plane)[None, None] for plane in (target, start))

    variance = float(target.var())

    def penalty(image: torch.Tensor) -> torch.Tensor:
        away = ((down @ (image - first) @ right.T) ** 2).mean() / variance
        outside: torch.Tensor = plenoptic.regularize.penalize_range(image)
        return content * away + RANGE * outside

    metamer = plenoptic.Metamer(
        texture,
        model,
        loss_function=plenoptic.loss.portilla_simoncelli_loss_factory(model, texture),
        penalty_function=penalty,
        penalty_lambda=1.0,
    )
    metamer.setup(first, optimizer_kwargs={"lr": RATE, "amsgrad": True})
    try:
        with redirect_stderr(io.StringIO()):  # its progress bar
            metamer.synthesize(steps, stop_criterion=0)
    except ValueError as error:  # where a statistic is not a number
        raise StimulusError(f"texture synthesis failed: {error}") from None
    found: np.ndarray = metamer.metamer.detach()[0, 0].numpy()
    return found


def _with_histogram(plane: np.ndarray, like: np.ndarray) -> np.ndarray:
    """`plane`, its values replaced in order by those of `like`, of the same size."""
    found = np.empty(plane.size)
    found[np.argsort(plane, axis=None, kind="stable")] = np.sort(like, axis=None)
    return found.reshape(plane.shape)


def _colored(g: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """(h, w, 3), with g as its gray: R − g, G − g and B − g as they depend on g in the texture."""
    t = gray(texture)
    chroma = (texture - t[..., None]).reshape(-1, 3)
    centered = (t - t.mean()).ravel()
    slope = centered @ chroma / max(float(centered @ centered), 1e-12)
    return np.asarray(g[..., None] + chroma.mean(axis=0) + (g - t.mean())[..., None] * slope)
