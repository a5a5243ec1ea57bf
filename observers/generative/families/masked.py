"""Masked-token models (aMUSEd, in place of Muse): how well image tokens are predicted from other tokens and a prompt.

A VQ autoencoder encodes the image as L tokens, arranged in a square. The autoencoder computes in float32, because its
activations overflow in float16. Each draw masks some of the tokens, the same ones for all images and prompts, and a
transformer that receives the prompt predicts the masked tokens. By default images have the size at which the
transformer was trained, 256 or 512 pixels per side; a model that receives images of another size (option `size`) should
be treated as a different observer. Prompts are padded to the full length of the text encoder, as in training.
Classifier-free guidance is not used for scores.

The measure `bound` is in nats. Draw d masks n tokens, with n = 1 + floor(u L), where u is the draw's position in a
low-discrepancy sequence whose start is determined by the random seed; which n tokens are masked is random. The score of
a row is L/n · Σ log p(token | unmasked tokens, prompt) over the masked tokens. Its expectation is the mean over all
orders σ of Σ_t log p(x_σ(t) | x_σ(1), …, x_σ(t−1), prompt): before the t-th token of a random order, the n = L − t + 1
tokens that remain are a random set of masked tokens, and each of them is equally likely to be the next one. This is the
log-likelihood of an order-agnostic autoregressive model (Uria et al. 2014, arXiv 1310.1757; Hoogeboom et al. 2022,
arXiv 2110.02037). By Jensen's inequality, this mean is a lower bound on log p(tokens | prompt) for tokens that are
predicted in a random order.

The measure `l2` is the test in Appendix B of Jaini, Clark & Geirhos (2024). The fraction `strength` of the tokens is
masked, the model fills them in, and the score is minus the mean squared difference between the result and the image,
for pixels in 0..1. The paper found chance performance: if the model cannot draw what the prompt says, it leaves the
image nearly unchanged, so that a wrong choice has the smallest difference. The paper does not say how many tokens were
masked or how they were filled in. Here `strength` and `steps` determine this: with one step, every masked token is
replaced by the likeliest token; with more steps, the most confident tokens are filled in first, following the cosine
schedule (Chang et al. 2022, arXiv 2202.04200). Tokens are not sampled. `n_evaluations` counts draws, each of which
takes `steps` forward passes and one decoding.
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
from observers.generative.autoencoder import pixels_per_element
from observers.generative.components import Components, find_components
from observers.generative.draws import kronecker_sequence
from observers.generative.families.network_inputs import check_inputs, check_width
from observers.generative.likelihood import Conditioning, RestoredImages
from observers.generative.noising import to_device
from observers.generative.options import Compute, Source, check_size
from observers.generative.preprocessing import check_multiple, crop_and_resize, read_sample_size
from observers.generative.text_encoder import load_text_encoder
from observers.protocol import ObserverError, Restoration

AESTHETIC_SCORE = 6.0  # the default of aMUSEd's pipeline
MAX_STEPS = 1000
_UNITS = {"bound": "nats", "l2": "mean squared error of the pixels"}


def _check_measure(instance: object, attribute: Any, value: str) -> None:
    if value not in _UNITS:
        raise ObserverError(f"unknown measure {value!r}: expected {', '.join(_UNITS)}")


def _check_strength(instance: object, attribute: Any, value: float) -> None:
    if not 0 < value <= 1:
        raise ObserverError(
            f"{attribute.name}, the fraction of masked tokens, must be above 0 and at most 1, got {value}"
        )


@frozen
class Masked:
    """A masked-token model as a `Likelihood`.

    With the measure `bound`, a score is a lower bound on log p(tokens | prompt) in nats, and an encoded image is its
    tokens, (h, w) int64 with h = w. With `l2`, a score is minus the mean squared error of the pixels, and an encoded
    image is (4, size, size) float32: for each pixel, the three color channels in 0..1 and the token to which the pixel
    belongs.

    Attributes:
        source: Repository or local folder of the weights.
        compute: Device and dtype of the transformer and the text encoder.
        measure: bound or l2.
        strength: Fraction of masked tokens, above 0 and at most 1 (l2 only).
        steps: Number of steps in which masked tokens are filled in (l2 only).
        size: Pixels per side of the image; None for the size at which the model was trained.
        seed: Random seed of the masks.
        n_draws: Always None, because the number of draws is not limited.

    Raises:
        ObserverError: If an option is out of range, or, at first use, if a file of the model is missing or unsuitable.
    """

    source: Source
    compute: Compute = Compute()
    measure: Literal["bound", "l2"] = field(default="bound", validator=_check_measure)
    strength: float = field(default=0.5, validator=_check_strength)
    steps: int = field(default=1, validator=bounded(1, MAX_STEPS))
    size: int | None = field(default=None, validator=check_size)
    seed: int = field(default=0, validator=non_negative)
    n_draws: int | None = field(default=None, init=False)

    @property
    def scorer(self) -> "Masked":
        """The object that computes scores, which is this object."""
        return self

    @property
    def unit(self) -> str:
        """The unit of the scores, as it is written into the sidecar."""
        return _UNITS[self.measure]

    @cached_property
    def _components(self) -> Components:
        # The fp16 files are not used, because their rounded weights would give different tokens than float32.
        return find_components(
            self.source,
            diffusers=["transformer", "vqvae"],
            transformers=["text_encoder"],
            tokenizers=["tokenizer"],
        )

    @cached_property
    def device(self) -> torch.device:
        """The torch device on which the model computes."""
        return self.compute.torch_device()

    @cached_property
    def _network(self) -> Any:
        from diffusers import UVit2DModel

        class_name = self._components.read_settings("transformer/config.json").get("_class_name")
        if class_name != "UVit2DModel":
            raise ObserverError(
                f"{self.source.model}: its transformer is a {class_name}: expected a UVit2DModel, which predicts masked "
                f"image tokens; use a model such as amused/amused-256"
            )
        check_inputs(self._components, "masked", "transformer", UVit2DModel)
        network = self._components.load_diffuser(UVit2DModel, "transformer", self.compute.torch_dtype(), self.device)
        n_codes, n_predicted = self._vqvae.config.num_vq_embeddings, network.config.codebook_size
        if n_codes != n_predicted:
            raise ObserverError(
                f"{self.source.model}: its autoencoder has {n_codes} tokens but its transformer predicts {n_predicted}: get "
                f"both from the same model"
            )
        for key, name in {"encoder_hidden_size": "hidden_size", "cond_embed_dim": "projection_dim"}.items():
            check_width(self._components, "transformer", key, network.config[key], {"text_encoder": name})
        return self.compute.prepare(network)

    @cached_property
    def _vqvae(self) -> Any:
        from diffusers import VQModel

        return self._components.load_diffuser(VQModel, "vqvae", torch.float32, self.device)

    @cached_property
    def _mask_token(self) -> int:
        token = self._components.read_settings("scheduler/scheduler_config.json").get("mask_token_id")
        low, high = self._network.config.codebook_size, self._network.config.vocab_size
        if type(token) is not int or not low <= token < high:
            raise ObserverError(
                f"{self.source.model}: its scheduler_config.json has the mask_token_id {token!r}: expected {low} to "
                f"{high - 1}, because lower numbers are image tokens; download the files again"
            )
        return token

    @cached_property
    def _scale(self) -> int:
        """The number of pixels per side of the square that one token represents."""
        return pixels_per_element(self._vqvae.config)

    @cached_property
    def _size(self) -> int:
        """The number of pixels per side of the image that the model receives."""
        config = self._network.config
        size = self.size or read_sample_size(self._network, self.source.model) * self._scale
        return check_multiple(size, self._scale * (2 if config.downsample else 1), self.source.model)

    def image(self, pixels: np.ndarray) -> torch.Tensor:
        """Convert a uint8 image (height, width, 3) to a float32 tensor (3, size, size) in 0..1 on the device."""
        return (crop_and_resize(pixels, self._size).to(self.device) + 1) / 2

    @deterministic_inference()
    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """Encode an image (3, size, size) in 0..1 as tokens (h, w) int64."""
        vqvae = self._vqvae
        with self._components.computing("vqvae"):
            latent = vqvae.encode(image[None]).latents
            tokens: torch.Tensor = vqvae.quantize(latent)[2][2]
        return tokens.reshape(latent.shape[-2:])

    @deterministic_inference()
    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        """Encode a uint8 image (height, width, 3) as tokens, to which the measure `l2` adds the pixels."""
        image = self.image(pixels)
        tokens = self.tokens(image)
        if self.measure == "bound":
            return tokens
        return torch.cat([image, self._to_pixels(tokens)[None].float()])

    @deterministic_inference()
    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each prompt, return hidden states, the pooled vector and the micro-conditioning.

        The hidden states are those of the second-to-last layer of the text encoder. The
        micro-conditioning is the width, height, crop and aesthetic score of the image.
        """
        from transformers import CLIPTextModelWithProjection

        encode = load_text_encoder(self._components, CLIPTextModelWithProjection, "text_encoder", self.compute)
        micro_conditioning = torch.tensor([self._size, self._size, 0, 0, AESTHETIC_SCORE], device=self.device)
        outputs = map(encode, prompts)
        return [(out.hidden_states[-2][0], out.text_embeds[0], micro_conditioning) for out in outputs]

    def masks(self, draws: np.ndarray) -> torch.Tensor:
        """Return the masks of N draws, (N, h, w) bool on the device; true means masked.

        A mask depends only on the draw and the random seed, so it is the same for all images and prompts.
        """
        side = self._size // self._scale
        n_tokens = side * side
        unique, rows = np.unique(draws, return_inverse=True)
        n_masked = np.full(len(unique), max(1, round(self.strength * n_tokens)))
        if self.measure == "bound":
            n_masked = np.minimum(1 + np.floor(kronecker_sequence(unique, self.seed) * n_tokens), n_tokens).astype(int)
        masks = np.zeros((len(unique), n_tokens), dtype=bool)
        for mask, draw, n in zip(masks, unique, n_masked, strict=True):
            mask[self._masking_order(int(draw), n_tokens)[:n]] = True
        return to_device(masks[rows].reshape(-1, side, side), self.device)

    def _masking_order(self, draw: int, n_tokens: int) -> np.ndarray:
        """Return the random order (n_tokens,) in which a draw masks tokens."""
        return np.random.default_rng([self.seed, 3, draw]).permutation(n_tokens)

    def positions(self, draws: np.ndarray) -> np.ndarray:
        """Return the positions of draws in 0..1, which determine the fraction of masked tokens with `measure="bound"`."""
        return kronecker_sequence(draws, self.seed)

    @deterministic_inference()
    def score(self, images: torch.Tensor, conditioning: Conditioning, draws: np.ndarray) -> torch.Tensor:
        """Score N rows and return the scores as a float32 tensor (N,)."""
        masks = self.masks(draws)
        if self.measure == "bound":
            return self.bound(images, conditioning, masks)
        tokens = images[:, 3, :: self._scale, :: self._scale].long()
        difference = self.fill_in(tokens, conditioning, masks) - images[:, :3]
        return -difference.square().mean(dim=(1, 2, 3))

    @deterministic_inference()
    def bound(self, tokens: torch.Tensor, conditioning: Conditioning, masks: torch.Tensor) -> torch.Tensor:
        """Return L/n times log p of the n masked tokens as a float32 tensor (N,), for tokens and masks (N, h, w)."""
        logits = self._predict(tokens.masked_fill(masks, self._mask_token), conditioning)
        log_p = -torch.nn.functional.cross_entropy(logits, tokens, reduction="none")
        return torch.where(masks, log_p, 0.0).sum(dim=(1, 2)) * (masks[0].numel() / masks.sum(dim=(1, 2)))

    @deterministic_inference()
    def fill_in(
        self, tokens: torch.Tensor, conditioning: Conditioning, masks: torch.Tensor, steps: int | None = None,
        empty_prompt: Conditioning | None = None, guidance: float = 1.0,
    ) -> torch.Tensor:  # fmt: skip
        """Fill in the masked tokens under a prompt, keep the other tokens, and decode all tokens.

        Args:
            tokens: Tokens, (N, h, w).
            conditioning: The conditioning of each row, (N, …) for each tensor.
            masks: Masks, (N, h, w) bool.
            steps: Number of steps; None for the value of the option `steps`.
            empty_prompt: The conditioning of the empty prompt, for classifier-free guidance.
            guidance: Guidance scale. As in aMUSEd, it is applied to log p, which is known up to a constant.

        Returns:
            The decoded images, (N, 3, size, size) float32 in 0..1.
        """
        masked, n, steps = masks, masks.sum(dim=(1, 2)), steps or self.steps
        for step in range(1, steps + 1):
            network_input = tokens.masked_fill(masked, self._mask_token)
            logits = self._predict(network_input, conditioning)
            if empty_prompt is not None and guidance != 1:
                logits = torch.lerp(self._predict(network_input, empty_prompt), logits, guidance)
            confidence, likeliest = logits.log_softmax(dim=1).max(dim=1)
            tokens = torch.where(masked, likeliest, tokens)
            if step < steps:
                # Each step fills in at least one token and leaves at least one, as the model's own sampler does.
                n_masked = torch.floor(n * math.cos(step / steps * math.pi / 2))
                n_masked = torch.minimum(n_masked, masked.sum(dim=(1, 2)) - 1).clamp(min=1)
                order = confidence.masked_fill(~masked, torch.inf).flatten(1).argsort(dim=1, stable=True)
                rank = order.argsort(dim=1).view_as(masked)
                masked = masked & (rank < n_masked[:, None, None])
        return self._decode(tokens)

    @deterministic_inference()
    def restore(
        self,
        image: torch.Tensor,
        conditioning: Conditioning,
        empty_prompt: Conditioning | None,
        restoration: Restoration,
    ) -> RestoredImages:
        """Mask tokens of an image and fill them in under K prompts.

        The damaged image is gray where tokens are masked. Errors are squared differences between pixels, even with the
        measure `bound`, whose scores compare tokens.
        """
        if self.measure == "bound":
            tokens = image
            pixels = self._decode(tokens[None])[0]
        else:
            tokens, pixels = image[3, :: self._scale, :: self._scale].long(), image[:3]
        side, k = tokens.shape[0], len(conditioning[0])
        masked = np.zeros(side * side, dtype=bool)
        n = min(max(1, round(restoration.strength * side * side)), side * side)
        masked[self._masking_order(restoration.draw, side * side)[:n]] = True
        mask = to_device(masked.reshape(side, side), self.device)
        masks, tokens = mask.expand(k, side, side), tokens.expand(k, side, side)
        images = self.fill_in(tokens, conditioning, masks, restoration.steps, empty_prompt, restoration.guidance)
        errors = (images - pixels).square().flatten(1).sum(1)
        return RestoredImages(pixels.masked_fill(self._to_pixels(mask), 0.5), images, errors)

    def _to_pixels(self, values: torch.Tensor) -> torch.Tensor:
        """Return an image (size, size) whose pixels have the values (h, w) of the tokens to which they belong."""
        return values.repeat_interleave(self._scale, 0).repeat_interleave(self._scale, 1)

    def _predict(self, tokens: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        """Return log p up to a constant as a float32 tensor (N, n_codes, h, w), for partly masked tokens (N, h, w)."""
        states, pooled, micro_conditioning = conditioning
        network = self._network
        with self._components.computing("transformer"):
            out: torch.Tensor = network(
                tokens, encoder_hidden_states=states, pooled_text_emb=pooled, micro_conds=micro_conditioning
            )
        return out.float()

    def _decode(self, tokens: torch.Tensor) -> torch.Tensor:
        """Decode tokens (N, h, w) to images (N, 3, size, size) in 0..1."""
        vqvae = self._vqvae
        # VQModel.decode() is not used, because it also computes a loss and waits for the device.
        with self._components.computing("vqvae"):
            codes = vqvae.quantize.get_codebook_entry(tokens, (*tokens.shape, vqvae.quantize.vq_embed_dim))
            images: torch.Tensor = vqvae.decoder(vqvae.post_quant_conv(codes))
        return images.clamp(0, 1)

    def provenance(self) -> dict[str, str]:
        """Return the entries of the sidecar that describe the weights, the device and the dtype."""
        return self._components.files.provenance(self.device, self.compute.dtype_name())
