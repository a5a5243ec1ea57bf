"""Autoregressive models (Janus, Emu3, Chameleon, in place of Parti): the likelihood of image tokens given a prompt.

A VQ autoencoder in float32 encodes the image as L tokens. The score of a row is log p(tokens | prompt), the sum of log
p(token | prompt, earlier tokens), in nats. It is exact and takes one forward pass, because all tokens are known. As in
image generation, the softmax is taken over the image tokens only, and prompts have the format that the model uses for
generation (see `autoregressive_models`). Classifier-free guidance is not used.

Prompts are padded on the left to `max_prompt` tokens. Padding is masked and does not count as a position, so the score
is that of the unpadded prompt, and rows with different prompts can share a forward pass. The head predicts V
log-probabilities for each token, of which only one is needed. The head is applied to a few tokens at a time, because
the log-probabilities of all tokens in a row would take 38 MB for Janus (576 × 16,384 numbers) and 1 GB for Emu3.

An imperceptible change of an image can change most of its tokens. With T > 1 `perturbations`, the evidence is therefore
the mean over T encodings. Draw 0 encodes the image itself. Each of the other draws first adds Gaussian noise of 2 gray
levels and shifts the image by up to one pixel, in the same way for all images and choices. The idea is that of A-VARC+
(Chen, Inouye & Gao 2026, arXiv 2510.12060); the kind and size of the perturbation are our choice.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from attrs import evolve, field, frozen

from observers.bounds import bounded, non_negative
from observers.checkpoints import (
    WEIGHTS,
    Checkpoint,
    explained_load_errors,
    find_checkpoint,
    load_pretrained,
    load_tokenizer,
)
from observers.devices import deterministic_inference
from observers.generative.components import Components
from observers.generative.families.autoregressive_models import ARCHITECTURES, Architecture, Network, pixels_per_token
from observers.generative.likelihood import Conditioning
from observers.generative.noising import noise, to_device
from observers.generative.options import Compute, Source, check_size
from observers.generative.preprocessing import check_multiple, crop_and_resize
from observers.loading.foreign_errors import explained_computation, explained_errors
from observers.protocol import ObserverError

NOISE_SD = 2 * 2 / 255  # 2 gray levels, for pixels in −1..1
MAX_COUNT = 1000
TOKENS_AT_ONCE = 64  # tokens whose log-probabilities are in memory at the same time


@frozen
class Autoregressive:
    """An autoregressive model as a `Likelihood`.

    A score is the exact log p(image tokens | prompt) in nats. An encoded image consists of its codes, (perturbations,
    L) int64.

    Attributes:
        source: Repository or local folder of the weights.
        compute: Device and dtype of the language model.
        perturbations: Number of encodings over which the evidence is averaged: that of the image itself and those of
            slightly perturbed copies. With 1 only the image itself is used.
        max_prompt: Number of tokens to which prompts are padded; a longer prompt raises ObserverError.
        size: Pixels per side of the image; None for the default of the model. Only Emu3 accepts other sizes; its
            default is 720 pixels (8,100 tokens).
        seed: Random seed of the perturbations.
        unit: The unit of the scores.

    Raises:
        ObserverError: If an option is out of range, or, at first use, if a file of the model is missing or unsuitable.
    """

    source: Source
    compute: Compute = Compute()
    perturbations: int = field(default=1, validator=bounded(1, MAX_COUNT))
    max_prompt: int = field(default=64, validator=bounded(1, MAX_COUNT))
    size: int | None = field(default=None, validator=check_size)
    seed: int = field(default=0, validator=non_negative)
    unit: str = field(default="log-likelihood, nats", init=False)

    @property
    def scorer(self) -> "Autoregressive":
        """The object that computes scores, which is this object."""
        return self

    @property
    def n_draws(self) -> int | None:
        """The number of draws, which equals `perturbations` because each draw uses one encoding of the image."""
        return self.perturbations

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        source, required = self.source, [("config.json",), ("tokenizer.json",), WEIGHTS]
        return find_checkpoint(source.model, source.revision, source.weights, required)

    @cached_property
    def device(self) -> torch.device:
        """The torch device on which the model computes."""
        return self.compute.torch_device()

    @cached_property
    def _architecture(self) -> Architecture:
        settings = Components(self._checkpoint, {}, self.source.model).read_settings("config.json")
        model_type = settings.get("model_type")
        if model_type not in ARCHITECTURES:
            raise ObserverError(
                f"{self.source.model}: its config.json has the model_type {model_type!r}: expected "
                f"{', '.join(ARCHITECTURES)}, in the layout of transformers; use a model such as "
                f"deepseek-community/Janus-Pro-1B"
            )
        return ARCHITECTURES[model_type]

    @cached_property
    def _config(self) -> Any:
        folder = self._checkpoint.folder
        with explained_load_errors(f"{self.source.model}: config.json in {folder}"):
            return self._class(self._architecture.model).config_class.from_pretrained(folder, local_files_only=True)

    def _class(self, name: str) -> Any:
        import transformers

        return getattr(transformers, name)

    def _load(self, class_name: str, dtype: torch.dtype, **options: Any) -> Any:
        return load_pretrained(
            self._class(class_name), self._checkpoint.folder, self.device, f"the {class_name}", self.source.model,
            dtype=dtype, attn_implementation="sdpa", trust_remote_code=False, **options,
        ).requires_grad_(False)  # fmt: skip

    @cached_property
    def _network(self) -> Network:
        # The parts of the model that `Network` does not use, such as the second vision encoder, are freed.
        model = self._load(self._architecture.model, self.compute.torch_dtype())
        try:
            with explained_errors(f"its config.json in {self._checkpoint.folder}", "does not fit its weights"):
                network = self._architecture.network(model)
        except ObserverError as error:
            raise ObserverError(f"{self.source.model}: {error}") from None
        return evolve(network, decoder=self.compute.prepare(network.decoder))

    @cached_property
    def _vq(self) -> Any:
        # The autoencoder is read again in float32, so that the tokens are the same for every dtype of the network.
        key_mapping = {r"^(model\.)?vqmodel\.": ""}
        config = self._config.vq_config
        return self._load(self._architecture.vq, torch.float32, config=config, key_mapping=key_mapping)

    @cached_property
    def _size(self) -> int:
        """The number of pixels per side of the image that the model receives."""
        model, scale = self.source.model, pixels_per_token(self._config)
        default = self._architecture.size(self._config)
        size = self.size or default
        if not self._architecture.any_size and size != default:
            raise ObserverError(
                f"{model} reads only images of {default} × {default} pixels, got size={size}: omit the option `size`"
            )
        check_multiple(size, scale, model)
        side, most = size // scale, self._config.get_text_config().max_position_embeddings
        if self.max_prompt + side * (side + 1) > most:
            raise ObserverError(
                f"{model}: the size {size} makes {side * side} tokens, but the model supports up to {most} tokens including "
                f"the prompt: use a smaller size"
            )
        return size

    @deterministic_inference()
    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        """Encode a uint8 image (height, width, 3) as codes (perturbations, L)."""
        image, vq = crop_and_resize(pixels, self._size), self._vq
        codes = []
        for draw in range(self.perturbations):  # one at a time, so that the codes do not depend on the batch size
            perturbed = perturb(image, self.seed, draw)[None].to(self.device)
            with self._computing():
                codes.append(self._architecture.codes(vq, perturbed))
        self._check_codes(codes[0])
        return torch.stack(codes)

    def _computing(self) -> AbstractContextManager[None]:
        """Return a context for a pass of the model, which raises ObserverError if the model cannot compute."""
        return explained_computation(f"{self.source.model}: the model in {self._checkpoint.folder}")

    def _check_codes(self, codes: torch.Tensor) -> None:
        """Raise ObserverError unless an image has as many codes as its size says."""
        side = self._size // pixels_per_token(self._config)
        if len(codes) != side * side:
            raise ObserverError(
                f"{self.source.model}: its autoencoder encodes an image of {self._size} pixels per side as {len(codes)} "
                f"tokens, expected {side * side} according to its config.json: download the file again"
            )

    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """Return each prompt's tokens, padded on the left, and a mask that is false for padding.

        Both have the shape (max_prompt,).
        """
        folder = self._checkpoint.folder
        tokenizer = load_tokenizer(folder, self.source.model)
        side = self._size // pixels_per_token(self._config)
        with explained_load_errors(f"{self.source.model}: its tokenizer in {folder}"):
            vocabulary, begin = tokenizer.get_vocab(), tokenizer.bos_token_id
        special = {token: vocabulary.get(token) for token in self._architecture.special_tokens} | {"bos_token": begin}
        conditionings: list[Conditioning] = []
        for prompt in prompts:
            ids = self._tokenize(tokenizer, special, prompt, side)
            n_padding = self.max_prompt - len(ids)
            padded = torch.tensor(ids[:1] * n_padding + ids, device=self.device)
            conditionings.append((padded, torch.arange(self.max_prompt, device=self.device) >= n_padding))
        return conditionings

    def _tokenize(self, tokenizer: Any, special: dict[str, int | None], prompt: str, side: int) -> list[int]:
        """Return the tokens of a prompt, beginning with the beginning-of-sequence token.

        Raises ObserverError if a special token is missing or the prompt is too long.
        """
        model, text = self.source.model, self._architecture.prompt(prompt, side)
        # Only some tokenizers add the beginning-of-sequence token, so it is always added here.
        with explained_errors(
            f"{model}: its tokenizer in {self._checkpoint.folder}",
            f"cannot encode {text!r}",
            ": download its files again",
        ):
            ids = [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False).input_ids]
        for token, number in special.items():
            if number is None or number not in ids:  # the tokenizer would split this token into letters
                raise ObserverError(
                    f"{model}: its tokenizer lacks {token}: download its tokenizer.json and tokenizer_config.json again"
                )
        if (largest := max(ids)) >= (n := self._config.get_text_config().vocab_size):
            raise ObserverError(
                f"{model}: its tokenizer gives the token {largest}, but its vocabulary has {n} tokens according to its "
                f"config.json: get all files from the same model"
            )
        if len(ids) > self.max_prompt:
            raise ObserverError(
                f"{model}: the prompt of {prompt!r} has {len(ids)} tokens, more than the {self.max_prompt} to which prompts "
                f"are padded: set -o max_prompt={len(ids)} or more"
            )
        return ids

    def positions(self, draws: np.ndarray) -> np.ndarray:
        """Return evenly spaced positions of draws in 0..1, because perturbations do not have a natural order."""
        return (draws + 0.5) / self.perturbations

    @deterministic_inference()
    def score(self, images: torch.Tensor, conditioning: Conditioning, draws: np.ndarray) -> torch.Tensor:
        """Score N rows and return the scores as a float32 tensor (N,)."""
        index = to_device(draws, self.device)
        codes = images[torch.arange(len(index), device=self.device), index]
        network = self._network
        with self._computing():
            return log_likelihood(network, conditioning[0], conditioning[1], codes)

    def provenance(self) -> dict[str, str]:
        """Return the entries of the sidecar that describe the weights, the device and the dtype."""
        return self._checkpoint.provenance(self.device, self.compute.dtype_name())


def log_likelihood(network: Network, ids: torch.Tensor, is_token: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Return the log-likelihood of image tokens given prompts.

    Args:
        network: The parts of the model.
        ids: Tokens of the prompts, padded on the left, (N, P).
        is_token: Mask that is false for padding, (N, P) bool.
        codes: Image tokens, (N, L).

    Returns:
        The log-likelihood of each row in nats, (N,) float32.
    """
    image = network.embed_image(codes)[:, :-1]  # the last token is predicted but is not an input
    inputs = torch.cat([network.embed_text(ids), image], dim=1)
    is_token = torch.cat([is_token, is_token.new_ones(image.shape[:2])], dim=1)
    mask = _attention_mask(is_token)
    hidden: torch.Tensor = network.decoder(
        inputs_embeds=inputs,
        attention_mask=_additive_mask(mask) if network.needs_additive_mask else mask,
        position_ids=(is_token.cumsum(1) - 1).clamp(min=0),
        use_cache=False,
    ).last_hidden_state
    hidden = hidden[:, ids.shape[1] - 1 :][:, network.token_positions(codes.shape[1], codes.device)]
    return _log_p(network, hidden, codes)


def perturb(image: torch.Tensor, seed: int, draw: int) -> torch.Tensor:
    """Add noise to an image (3, height, width) in −1..1 and shift it by −1, 0 or 1 pixel along each axis.

    Draw 0 returns the image unchanged.
    """
    if draw == 0:
        return image
    height, width = image.shape[1:]
    down, right = np.random.default_rng([seed, 4, draw]).integers(0, 3, 2)
    padded = torch.nn.functional.pad(image[None], (1, 1, 1, 1), mode="replicate")[0]
    shifted = padded[:, down : down + height, right : right + width]
    return (shifted + NOISE_SD * noise(seed, draw, tuple(image.shape))).clamp(-1, 1)


def _attention_mask(is_token: torch.Tensor) -> torch.Tensor:
    """Return the causal attention mask (N, 1, n, n), in which each token attends to itself and to earlier tokens.

    A padding token attends only to itself, because some kernels return NaN for a token that attends to nothing.
    transformers could create this mask, but it first checks on the device whether a mask is needed, and the program
    would wait for the result.
    """
    n = is_token.shape[1]
    ones = torch.ones(n, n, dtype=torch.bool, device=is_token.device)
    return ones.tril() & (is_token[:, None, None] | torch.eye(n, dtype=torch.bool, device=is_token.device))


def _additive_mask(mask: torch.Tensor) -> torch.Tensor:
    """Convert a boolean mask to the values that eager attention adds to its logits."""
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, torch.finfo(torch.float32).min)


def _log_p(network: Network, hidden: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Return the sum of log p over the L codes of each row as a float32 tensor (N,).

    `hidden` contains the decoder's states (N, L, D), from which the codes (N, L) are predicted.
    """
    total = torch.zeros(len(codes), device=codes.device)
    for first in range(0, codes.shape[1], TOKENS_AT_ONCE):
        part = slice(first, first + TOKENS_AT_ONCE)
        logits = network.head(hidden[:, part].float())
        chosen = logits.gather(2, codes[:, part, None])[:, :, 0]
        total += (chosen - logits.logsumexp(dim=2)).sum(dim=1)
    return total
