"""The protocols `Likelihood` and `Scorer`: a generative model that scores how likely an image is under text prompts.

A likelihood is a frozen attrs class whose fields are options, some of them grouped in `observers.generative.options`. Its
scorer loads the weights on first use and computes scores.

Notation: K choices (one prompt each) and N rows of one forward pass. A row combines an image, a prompt and a draw. Its
score estimates log p(image | prompt) from one draw, up to a term that is the same for all choices; a higher score means
a more likely image. The property `unit` gives the unit of the scores. The evidence of a choice is the mean of its
scores.

Draws are numbered from 0. All random numbers of a row are determined by the likelihood's random seed and the number of
the draw, so all choices and all images have the same noise (common random numbers). The score of a row does not depend
on the other rows.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from attrs import frozen

from observers.generative.joining import Join
from observers.protocol import Restoration

# The tensors that the network needs for one prompt. Their shapes are the same for all prompts.
Conditioning = tuple[torch.Tensor, ...]


@frozen(eq=False)
class RestoredImages:
    """One image, damaged by noise or masks, and restored under each of K prompts.

    Attributes:
        damaged_image: The noised or masked image, (3, h, w) in 0..1.
        images: The image restored under each prompt, (K, 3, h, w) in 0..1.
        errors: Squared error of each restored image, (K,), in the space in which the model scores images.
        n_latent: Number of latent elements that each error is summed over; None if the model does not use latents.
    """

    damaged_image: torch.Tensor
    images: torch.Tensor
    errors: torch.Tensor
    n_latent: int | None = None


class Likelihood(Protocol):
    """The options of a generative model that scores images under text prompts.

    An implementation is a frozen attrs class whose fields are options; it need not inherit from this class. A small model
    can be its own scorer, and then returns itself.
    """

    @property
    def scorer(self) -> "Scorer":
        """The object that computes scores with these options, always the same one. It loads the weights when it is used."""
        ...


@runtime_checkable
class HasConditions(Protocol):
    """Optional part of a likelihood: conditions of each choice that are not prompts, such as classes.

    Its scorer receives these conditions in place of prompts, and the template is not used. A choice can have any number
    of conditions, such as the 109 breeds of the category dog.
    """

    @property
    def join(self) -> Join:
        """The rule that joins the evidence of the conditions of a choice (see `observers.generative.joining`)."""
        ...

    def conditions(self, choices: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the conditions of each choice, at least one for each, as texts that the scorer's `condition` takes."""
        ...


class Scorer(Protocol):
    """The scores of a generative model.

    N is the number of rows in a forward pass; each row has an encoded image, the conditioning of a prompt and a draw. The
    score of a row must not depend on the other rows, and the noise of a draw must be the same for all prompts and images.

    Attributes:
        unit: Unit of the scores.
        n_draws: Fixed number of draws, all of which are used; None if the number of draws is not limited.
        device: Device on which scores are computed.

    Example:
        >>> scorer = likelihood.scorer
        >>> image = scorer.encode(stimulus.pixels())
        >>> (conditioning,) = scorer.condition(["A bad photo of a cat"])
        >>> scorer.score(image[None], tuple(part[None] for part in conditioning), np.array([0]))
    """

    @property
    def unit(self) -> str:
        """The unit of the scores, as it is written into the sidecar."""
        ...

    @property
    def n_draws(self) -> int | None:
        """The fixed number of draws, all of which are used; None if the number of draws is not limited."""
        ...

    @property
    def device(self) -> torch.device:
        """The device on which the scores are computed."""
        ...

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        """Encode one image.

        Args:
            pixels: The image, (height, width, 3) uint8 sRGB.

        Returns:
            The encoded image, on `device`. Its shape is the same for all images.
        """
        ...

    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """Return the conditioning of each prompt: the tensors that the network needs, on `device`.

        The conditioning of a prompt does not depend on the other prompts. If the likelihood has the method
        `conditions`, the prompts are the texts that this method returns.
        """
        ...

    def positions(self, draws: np.ndarray) -> np.ndarray:
        """Return the position of each draw along the variable on which scores depend smoothly, such as the noise level.

        Args:
            draws: Numbers of the draws, (N,).

        Returns:
            Positions in 0..1, (N,).
        """
        ...

    def score(self, images: torch.Tensor, conditioning: Conditioning, draws: np.ndarray) -> torch.Tensor:
        """Score N rows in one forward pass.

        An implementation must not wait for the device, so that the next forward pass can be prepared in the meantime.

        Args:
            images: Encoded images, (N, …).
            conditioning: The conditioning of each row, (N, …) for each tensor.
            draws: Numbers of the draws, (N,) int64.

        Returns:
            Scores, (N,) float32 on `device`.
        """
        ...

    def provenance(self) -> dict[str, str]:
        """Return the entries of the sidecar that are known once the weights are loaded, such as the revision."""
        ...


@runtime_checkable
class SupportsRestoration(Protocol):
    """The protocol of a scorer that can also restore damaged images."""

    def restore(
        self,
        image: torch.Tensor,
        conditioning: Conditioning,
        empty_prompt: Conditioning | None,
        restoration: Restoration,
    ) -> RestoredImages:
        """Damage an image and restore it under K prompts.

        Args:
            image: One encoded image.
            conditioning: The conditioning of the K prompts, (K, …) for each tensor.
            empty_prompt: The conditioning of the empty prompt, repeated K times, for classifier-free guidance; None
                without guidance.
            restoration: Strength of the damage, number of denoising steps, guidance scale and draw.

        Returns:
            The damaged image, the restored images and their errors.
        """
        ...
