"""Cue-conflict images by texture synthesis: the luminance of a shape with the image statistics of a texture.

The published images were made with the VGG features of Gatys et al. (2016, CVPR). This module uses the joint statistics
of a steerable pyramid (Portilla & Simoncelli 2000, IJCV 40:49) instead, which do not need trained weights. They are
computed by `plenoptic` (Duong et al. 2023, Journal of Vision 23(5):5822). This module requires the extra `textures`.
"""

import io
from contextlib import redirect_stderr

import numpy as np
import plenoptic
import torch
from scipy import ndimage

from core.errors import StimulusError, UserError
from stimuli.distort.distortions import to_gray

MARGIN = 16  # pixels on every side that are computed and then cropped, because the pyramid treats the image as periodic
N_SCALES = 4  # scales of the pyramid; fewer if the coarsest one would be smaller than CORRELATION_WIDTH
CORRELATION_WIDTH = 7  # width of the autocorrelations in pixels
MIN_GRAY_RANGE = 0.02  # a texture whose gray values have a smaller range counts as uniform
BLUR_SIGMA = 2.0  # standard deviation in pixels of the blur that image and shape get before they are compared
RANGE_WEIGHT = 0.1  # weight of the penalty for values outside 0..1
LEARNING_RATE = 0.01  # learning rate of Adam


def synthesize(
    shape: np.ndarray,
    texture: np.ndarray,
    rng: np.random.Generator,
    *,
    content: float = 15.0,
    steps: int = 150,
) -> np.ndarray:
    """Synthesize an image that looks like the texture from nearby and like the shape from far away.

    Adam starts from the gray image of the shape with its histogram matched to that of the gray texture. It minimizes
    the sum of two terms: the distance between the statistics of the image and those of the texture, and `content` times
    the mean squared difference between the image and the start. This difference is computed after both are blurred with
    a standard deviation of 2 pixels, and is divided by the variance of the gray texture. Colors are then predicted from
    gray values by the linear regression of color on gray in the texture.

    The computation uses one thread so that its result does not depend on the number of threads. It takes about 40 s for
    224 × 224 pixels.

    Args:
        shape: (h, w, 3) in 0..1.
        texture: (h, w, 3) in 0..1.
        rng: Not used.
        content: Weight of the shape, 0 or more; a higher weight preserves more of the shape.
        steps: Number of steps of Adam, at least 1.

    Returns:
        (h, w, 3) in 0..1.

    Raises:
        UserError: If an option is out of range.
        StimulusError: If the texture is uniform, or the synthesis fails because its statistics are not finite.
    """
    if not (0 <= content < np.inf and steps >= 1):
        raise UserError(f"plenoptic: expected a content of 0 or more and at least 1 step, got {content:g} and {steps}")
    if np.ptp(to_gray(texture)) < MIN_GRAY_RANGE:
        raise StimulusError("the texture is uniformly gray, so that its statistics are undefined: use another texture")
    height, width = shape.shape[:2]
    padding = [(MARGIN, MARGIN + -n % 2**N_SCALES) for n in (height, width)]  # every scale halves height and width
    target = np.pad(to_gray(texture), padding, mode="symmetric")
    start = _match_histogram(np.pad(to_gray(shape), padding, mode="symmetric"), target)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        g = _synthesize_gray(start, target, content, steps)[MARGIN : MARGIN + height, MARGIN : MARGIN + width]
    finally:
        torch.set_num_threads(n_threads)
    return np.asarray(np.clip(_colorize(np.clip(g, 0, 1), texture), 0, 1))


def _synthesize_gray(start: np.ndarray, target: np.ndarray, content: float, steps: int) -> np.ndarray:
    """Return a gray image with the statistics of the texture `target`, optimized from the gray image `start`."""
    n_scales = min(N_SCALES, int(np.log2(min(target.shape) / CORRELATION_WIDTH)))
    model = (
        plenoptic.models.PortillaSimoncelli(target.shape, n_scales=n_scales, spatial_corr_width=CORRELATION_WIDTH)
        .double()
        .eval()
    )
    plenoptic.remove_grad(model)
    blur_vertical, blur_horizontal = (
        torch.as_tensor(ndimage.gaussian_filter1d(np.eye(n), BLUR_SIGMA, axis=0, mode="nearest")) for n in target.shape
    )
    target_image, start_image = (torch.as_tensor(plane)[None, None] for plane in (target, start))
    variance = float(target.var())

    def penalty(image: torch.Tensor) -> torch.Tensor:
        difference = ((blur_vertical @ (image - start_image) @ blur_horizontal.T) ** 2).mean() / variance
        out_of_range: torch.Tensor = plenoptic.regularize.penalize_range(image)
        return content * difference + RANGE_WEIGHT * out_of_range

    metamer = plenoptic.Metamer(
        target_image,
        model,
        loss_function=plenoptic.loss.portilla_simoncelli_loss_factory(model, target_image),
        penalty_function=penalty,
        penalty_lambda=1.0,
    )
    metamer.setup(start_image, optimizer_kwargs={"lr": LEARNING_RATE, "amsgrad": True})
    try:
        with redirect_stderr(io.StringIO()):  # hides the progress bar of plenoptic
            metamer.synthesize(steps, stop_criterion=0)
    except ValueError as error:  # raised if a statistic is NaN
        raise StimulusError(f"texture synthesis failed: {error}") from None
    synthesized: np.ndarray = metamer.metamer.detach()[0, 0].numpy()
    return synthesized


def _match_histogram(plane: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Replace the values of `plane`, rank by rank, with those of `reference`, which has the same number of pixels."""
    matched = np.empty(plane.size)
    matched[np.argsort(plane, axis=None, kind="stable")] = np.sort(reference, axis=None)
    return matched.reshape(plane.shape)


def _colorize(g: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Return an (h, w, 3) image with the gray values g.

    R − g, G − g and B − g are predicted by their linear regression on g in the texture.
    """
    texture_gray = to_gray(texture)
    chroma = (texture - texture_gray[..., None]).reshape(-1, 3)
    centered = (texture_gray - texture_gray.mean()).ravel()
    slope = centered @ chroma / max(float(centered @ centered), 1e-12)
    return np.asarray(g[..., None] + chroma.mean(axis=0) + (g - texture_gray.mean())[..., None] * slope)
