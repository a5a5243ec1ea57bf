"""Masked image tokens, aMUSEd (the row of Muse): how well an image's tokens are guessed from one another and a text.

L tokens, a square of them, are what a VQ autoencoder in float32 makes of the image (it overflows in float16). A draw masks
some of them, the same ones for all images and texts, and a transformer that has read the text says which tokens may stand
there. 256 or 512 pixels: what the transformer was trained at, unless `size` says otherwise, which makes it another observer.
Texts are filled up to the full length of the text encoder, as in training. No guidance is used.

Measure `bound`, in nats. Draw d masks n tokens, n = 1 + floor(u L) with u the draw's position in a low-discrepancy order,
whose start follows from the seed; which n is random. A row is L/n · Σ log p(token | tokens not masked, text) over the masked
ones. Its expectation is the mean over all orders σ of Σ_t log p(x_σ(t) | x_σ(1), …, x_σ(t−1), text): what a random order has
not come to before its t-th token is a random set of n = L − t + 1 masked tokens, and the next is any one of them. That is
the log-likelihood of an order-agnostic autoregressive model (Uria et al. 2014, arXiv 1310.1757; Hoogeboom et al. 2022, arXiv
2110.02037), and by Jensen's inequality a lower bound on log p(tokens | text) where the order is drawn at random.

Measure `l2`, the test of Appendix B of Jaini, Clark & Geirhos (2024): a share `strength` of the tokens is masked, the model
fills them in, and minus the mean squared distance of the pixels, in 0..1, to the image itself is the score. The paper found
it at chance: where the model cannot paint what the text says, it leaves the image nearly as it was, so that a wrong choice
has the smallest distance. It says neither how much was masked nor how it was filled in; here that is `strength` and `steps`:
in one pass the likeliest tokens; in more, the surest first, by the cosine schedule (Chang et al. 2022, arXiv 2202.04200);
nothing is sampled. n_evaluations counts draws, each of which takes `steps` passes and a decoding.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from attrs import field, frozen

from observers.bounds import bounded, non_negative
from observers.devices import deterministic_inference
from observers.generative.components import Components, components
from observers.generative.draws import positions
from observers.generative.likelihood import Condition, RestoredImages
from observers.generative.noising import on_device
from observers.generative.options import Compute, Source, a_size
from observers.generative.prepare import square, trained_size
from observers.generative.texts import reader
from observers.protocol import ObserverError, Restoration

AESTHETIC = 6.0  # the aesthetic score that aMUSEd is told by default
MAX_STEPS = 1000
_UNITS = {"bound": "nats", "l2": "mean squared error of the pixels"}


def _known(instance: object, attribute: Any, value: str) -> None:
    if value not in _UNITS:
        raise ObserverError(f"there is no measure {value!r}: expected {', '.join(_UNITS)}")


def _share(instance: object, attribute: Any, value: float) -> None:
    if not 0 < value <= 1:
        raise ObserverError(f"{attribute.name} is the share of tokens masked, above 0 and up to 1, got {value}")


@frozen
class Masked:
    """Scores: a lower bound on log p(tokens | text) in nats, or minus the mean squared error of the pixels (`l2`).

    `strength` and `steps` concern `l2`. h = w tokens a side; an image is (h, w) int64 tokens, and for `l2`
    (4, size, size) float32: the pixels in 0..1 and, at each pixel, the token it belongs to.
    """

    source: Source
    compute: Compute = Compute()
    measure: Literal["bound", "l2"] = field(default="bound", validator=_known)
    strength: float = field(default=0.5, validator=_share)
    steps: int = field(default=1, validator=bounded(1, MAX_STEPS))
    size: int | None = field(default=None, validator=a_size)  # pixels; None: what the model was trained at
    seed: int = field(default=0, validator=non_negative)  # of the masks
    n_draws: int | None = field(default=None, init=False)

    @property
    def unit(self) -> str:
        return _UNITS[self.measure]

    @cached_property
    def _parts(self) -> Components:
        # Not the fp16 files, whose rounded weights would give other tokens: the same ones in every dtype.
        return components(
            self.source,
            diffusers=["transformer", "vqvae"],
            transformers=["text_encoder"],
            tokenizers=["tokenizer"],
        )

    @cached_property
    def device(self) -> torch.device:
        return self.compute.where()

    @cached_property
    def _network(self) -> Any:
        from diffusers import UVit2DModel

        said = self._parts.settings("transformer/config.json").get("_class_name")
        if said != "UVit2DModel":
            raise ObserverError(
                f"{self.source.model}: its transformer is a {said}: expected a UVit2DModel, which predicts masked image "
                f"tokens: take a model such as amused/amused-256"
            )
        network = self._parts.diffuser(UVit2DModel, "transformer", self.compute.format(), self.device)
        n, known = self._vqvae.config.num_vq_embeddings, network.config.codebook_size
        if n != known:
            raise ObserverError(
                f"{self.source.model}: its autoencoder has {n} tokens and its transformer predicts {known}: get both of one "
                f"model"
            )
        return self.compute.prepared(network)

    @cached_property
    def _vqvae(self) -> Any:
        from diffusers import VQModel

        return self._parts.diffuser(VQModel, "vqvae", torch.float32, self.device)

    @cached_property
    def _mask_token(self) -> int:
        found = self._parts.settings("scheduler/scheduler_config.json").get("mask_token_id")
        low, high = self._network.config.codebook_size, self._network.config.vocab_size
        if type(found) is not int or not low <= found < high:
            raise ObserverError(
                f"{self.source.model}: its scheduler_config.json has the mask_token_id {found!r}: expected one from {low} "
                f"to {high - 1}, which are no tokens of an image: get the files anew"
            )
        return found

    @cached_property
    def _scale(self) -> int:
        """Pixels a token."""
        return int(2 ** (len(self._vqvae.config.block_out_channels) - 1))

    @cached_property
    def _size(self) -> int:
        config = self._network.config
        size = self.size or trained_size(self._network, self.source.model) * self._scale
        step = self._scale * (2 if config.downsample else 1)
        if size % step or size < step:
            raise ObserverError(f"{self.source.model}: the size {size} must be a multiple of {step} pixels")
        return int(size)

    def image(self, pixels: np.ndarray) -> torch.Tensor:
        """(height, width, 3) uint8 -> (3, size, size) float32 in 0..1 on the device."""
        return (square(pixels, self._size).to(self.device) + 1) / 2

    @deterministic_inference()
    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """(3, size, size) in 0..1 -> (h, w) int64."""
        latent = self._vqvae.encode(image[None]).latents
        found: torch.Tensor = self._vqvae.quantize(latent)[2][2]
        return found.reshape(latent.shape[-2:])

    @deterministic_inference()
    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        image = self.image(pixels)
        tokens = self.tokens(image)
        if self.measure == "bound":
            return tokens
        at_pixels = tokens.repeat_interleave(self._scale, 0).repeat_interleave(self._scale, 1)
        return torch.cat([image, at_pixels[None].float()])

    @deterministic_inference()
    def condition(self, texts: Sequence[str]) -> list[Condition]:
        """Of each text the states of the last layer but one, the pooled vector, and width, height, crop, aesthetic score."""
        from transformers import CLIPTextModelWithProjection

        read = reader(self._parts, CLIPTextModelWithProjection, "text_encoder", self.compute)
        about = torch.tensor([self._size, self._size, 0, 0, AESTHETIC], device=self.device)
        outputs = map(read, texts)
        return [(out.hidden_states[-2][0], out.text_embeds[0], about) for out in outputs]

    def masks(self, draws: np.ndarray) -> torch.Tensor:
        """(N,) draws -> (N, h, w) bool on the device, true where a token is masked; whatever the image and the text."""
        side = self._size // self._scale
        n_tokens = side * side
        different, rows = np.unique(draws, return_inverse=True)
        n_masked = np.full(len(different), max(1, round(self.strength * n_tokens)))
        if self.measure == "bound":
            n_masked = np.minimum(1 + np.floor(positions(different, self.seed) * n_tokens), n_tokens).astype(int)
        found = np.zeros((len(different), n_tokens), dtype=bool)
        for row, draw, n in zip(found, different, n_masked, strict=True):
            row[self._order(int(draw), n_tokens)[:n]] = True
        return on_device(found[rows].reshape(-1, side, side), self.device)

    def _order(self, draw: int, n_tokens: int) -> np.ndarray:
        """In which tokens are masked in a draw."""
        return np.random.default_rng([self.seed, 3, draw]).permutation(n_tokens)

    def place(self, draws: np.ndarray) -> np.ndarray:
        return positions(draws, self.seed)

    @deterministic_inference()
    def score(self, images: torch.Tensor, conditions: Condition, draws: np.ndarray) -> torch.Tensor:
        masks = self.masks(draws)
        if self.measure == "bound":
            return self.bound(images, conditions, masks)
        tokens = images[:, 3, :: self._scale, :: self._scale].long()
        off = self.fill_in(tokens, conditions, masks) - images[:, :3]
        return -off.square().mean(dim=(1, 2, 3))

    @deterministic_inference()
    def bound(self, tokens: torch.Tensor, conditions: Condition, masks: torch.Tensor) -> torch.Tensor:
        """(N, h, w) tokens, (N, …) conditions, (N, h, w) masks -> (N,) float32: L/n times log p of the n masked tokens."""
        found = self._predict(tokens.masked_fill(masks, self._mask_token), conditions)
        log_p = -torch.nn.functional.cross_entropy(found, tokens, reduction="none")
        return torch.where(masks, log_p, 0.0).sum(dim=(1, 2)) * (masks[0].numel() / masks.sum(dim=(1, 2)))

    @deterministic_inference()
    def fill_in(
        self, tokens: torch.Tensor, conditions: Condition, masks: torch.Tensor, steps: int | None = None,
        empty: Condition | None = None, guidance: float = 1.0,
    ) -> torch.Tensor:  # fmt: skip
        """(N, h, w) tokens, (N, …) conditions, (N, h, w) masks -> (N, 3, size, size) float32 in 0..1.

        The masked tokens are filled in under the text in `steps` passes (by default the option), the others kept, and all
        decoded. Guidance is one of log p, up to a constant, as aMUSEd has it.
        """
        hidden, n, steps = masks, masks.sum(dim=(1, 2)), steps or self.steps
        for step in range(1, steps + 1):
            shown = tokens.masked_fill(hidden, self._mask_token)
            found = self._predict(shown, conditions)
            if empty is not None and guidance != 1:
                found = torch.lerp(self._predict(shown, empty), found, guidance)
            sureness, likeliest = found.log_softmax(dim=1).max(dim=1)
            tokens = torch.where(hidden, likeliest, tokens)
            if step < steps:
                # One is filled in at least, and one left, as the model's own sampler does.
                left = torch.floor(n * math.cos(step / steps * math.pi / 2))
                left = torch.minimum(left, hidden.sum(dim=(1, 2)) - 1).clamp(min=1)
                order = sureness.masked_fill(~hidden, torch.inf).flatten(1).argsort(dim=1, stable=True)
                rank = order.argsort(dim=1).view_as(hidden)
                hidden = hidden & (rank < left[:, None, None])
        return self._decode(tokens)

    @deterministic_inference()
    def restore(
        self, image: torch.Tensor, conditions: Condition, empty: Condition | None, how: Restoration
    ) -> RestoredImages:
        """Of masked tokens; what is left shows gray where they were.

        Errors are of the pixels: with the measure `bound`, the scores are not theirs.
        """
        if self.measure == "bound":
            tokens = image
            shown = self._decode(tokens[None])[0]
        else:
            tokens, shown = image[3, :: self._scale, :: self._scale].long(), image[:3]
        side, k = tokens.shape[0], len(conditions[0])
        hidden = np.zeros(side * side, dtype=bool)
        n = min(max(1, round(how.strength * side * side)), side * side)
        hidden[self._order(how.draw, side * side)[:n]] = True
        mask = on_device(hidden.reshape(side, side), self.device)
        masks = mask.expand(k, side, side)
        found = self.fill_in(tokens.expand(k, side, side), conditions, masks, how.steps, empty, how.guidance)
        at_pixels = mask.repeat_interleave(self._scale, 0).repeat_interleave(self._scale, 1)
        errors = (found - shown).square().flatten(1).sum(1)
        return RestoredImages(shown.masked_fill(at_pixels, 0.5), found, errors)

    def _predict(self, tokens: torch.Tensor, conditions: Condition) -> torch.Tensor:
        """(N, h, w) tokens, some masked -> (N, codebook, h, w) float32, log p up to a constant."""
        states, pooled, about = conditions
        out: torch.Tensor = self._network(
            tokens, encoder_hidden_states=states, pooled_text_emb=pooled, micro_conds=about
        )
        return out.float()

    def _decode(self, tokens: torch.Tensor) -> torch.Tensor:
        """(N, h, w) -> (N, 3, size, size) in 0..1."""
        vqvae = self._vqvae
        # Not by its decode(), which computes a loss besides and waits for the device.
        codes = vqvae.quantize.get_codebook_entry(tokens, (*tokens.shape, vqvae.quantize.vq_embed_dim))
        found: torch.Tensor = vqvae.decoder(vqvae.post_quant_conv(codes))
        return found.clamp(0, 1)

    def provenance(self) -> dict[str, str]:
        return self._parts.files.provenance(self.device, self.compute.dtype_name())
