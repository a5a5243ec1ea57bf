"""Autoregressive models over image tokens, Janus, Emu3 and Chameleon (the row of Parti): how likely are they after a text?

L tokens are what a VQ autoencoder in float32 makes of the image. The score of a row is log p(tokens | text), the sum of
log p(token | text, tokens before it), in nats: exact, and with all tokens given one forward pass. The softmax runs over the
image tokens, as in the model's own generation, whose prompts are used too (`autoregressive_models`); no guidance is used.

Prompts are filled up from the left to `max_prompt` tokens, which are masked and do not count as positions: the score is that
of the prompt alone, and rows of any texts fit into one pass. Of the log-probabilities only one of V is needed for each
token: they are made a few tokens at a time, since all at once would be 576 × 16,384 numbers a row for Janus, 38 MB, and
1 GB for Emu3.

Tokens are brittle, a change that nobody sees alters most of them. With `perturbations` T > 1 the evidence is the mean over T
encodings: draw 0 of the image itself, the others of the image with Gaussian noise of 2 gray levels and moved by up to a
pixel, in the same way for all images and choices. The idea is that of A-VARC+ (Chen, Inouye & Gao 2026, arXiv 2510.12060);
the kind and size of the change are ours.
"""

from collections.abc import Sequence
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
from observers.generative.autoregressive_models import ARCHITECTURES, Architecture, Network, pixels_a_token
from observers.generative.components import Components
from observers.generative.likelihood import Condition
from observers.generative.noising import noise, on_device
from observers.generative.options import Compute, Source, a_size
from observers.generative.prepare import square
from observers.protocol import ObserverError

NOISE = 2 * 2 / 255  # 2 gray levels of pixels in −1..1
MAX_COUNT = 1000
TOGETHER = 64  # tokens whose probabilities are in memory at once


@frozen
class Autoregressive:
    """Scores: log p(image tokens | text) in nats, exact. An image is (perturbations, L) int64 codes.

    `size` is for Emu3, which reads any (720 pixels are its own, 8,100 tokens); of the others it is fixed.
    """

    source: Source
    compute: Compute = Compute()
    perturbations: int = field(default=1, validator=bounded(1, MAX_COUNT))
    max_prompt: int = field(default=64, validator=bounded(1, MAX_COUNT))  # tokens
    size: int | None = field(default=None, validator=a_size)  # pixels; None: what the model was trained at
    seed: int = field(default=0, validator=non_negative)  # of the perturbations
    unit: str = field(default="log-likelihood, nats", init=False)

    @property
    def n_draws(self) -> int | None:
        return self.perturbations

    @cached_property
    def _files(self) -> Checkpoint:
        source, needs = self.source, [("config.json",), ("tokenizer.json",), WEIGHTS]
        return find_checkpoint(source.model, source.revision, source.weights, needs, download_note=source.about)

    @cached_property
    def device(self) -> torch.device:
        return self.compute.where()

    @cached_property
    def _architecture(self) -> Architecture:
        found = Components(self._files, {}, self.source.model).settings("config.json").get("model_type")
        if found not in ARCHITECTURES:
            raise ObserverError(
                f"{self.source.model}: its config.json has the model_type {found!r}: expected {', '.join(ARCHITECTURES)}, "
                f"as transformers has them: take a model such as deepseek-community/Janus-Pro-1B"
            )
        return ARCHITECTURES[found]

    @cached_property
    def _config(self) -> Any:
        folder = self._files.folder
        with explained_load_errors(f"{self.source.model}: config.json in {folder}"):
            return self._class(self._architecture.model).config_class.from_pretrained(folder, local_files_only=True)

    def _class(self, name: str) -> Any:
        import transformers

        return getattr(transformers, name)

    def _loaded(self, name: str, dtype: torch.dtype, **how: Any) -> Any:
        return load_pretrained(
            self._class(name), self._files.folder, self.device, f"the {name}", self.source.model, dtype=dtype,
            attn_implementation="sdpa", trust_remote_code=False, **how,
        ).requires_grad_(False)  # fmt: skip

    @cached_property
    def _network(self) -> Network:
        # What the parts do not hold is let go: the model's other vision encoder, say.
        model = self._loaded(self._architecture.model, self.compute.format())
        try:
            found = self._architecture.network(model)
        except ObserverError as error:
            raise ObserverError(f"{self.source.model}: {error}") from None
        return evolve(found, decoder=self.compute.prepared(found.decoder))

    @cached_property
    def _vq(self) -> Any:
        # Read anew and not taken from the network, where its weights were rounded: the same tokens in every dtype.
        renamed = {r"^(model\.)?vqmodel\.": ""}
        config = self._config.vq_config
        return self._loaded(self._architecture.vq, torch.float32, config=config, key_mapping=renamed)

    @cached_property
    def _size(self) -> int:
        who, one = self.source.model, pixels_a_token(self._config)
        own = self._architecture.size(self._config)
        size = self.size or own
        if not self._architecture.any_size and size != own:
            raise ObserverError(f"{who} reads images of {own} pixels only, got the size {size}: leave it out")
        if size % one or size < one:
            raise ObserverError(f"{who}: the size {size} must be a multiple of {one} pixels")
        side, most = size // one, self._config.get_text_config().max_position_embeddings
        if self.max_prompt + side * (side + 1) > most:
            raise ObserverError(
                f"{who}: the size {size} makes {side * side} tokens; with the prompt, the model was made for up to {most}: "
                f"take a smaller one"
            )
        return int(size)

    @deterministic_inference()
    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        image, vq = square(pixels, self._size), self._vq
        found = []
        for draw in range(self.perturbations):  # not together, so that draw 0 is the same however many there are
            given = perturbed(image, self.seed, draw)[None].to(self.device)
            found.append(self._architecture.codes(vq, given))
        return torch.stack(found)

    def condition(self, texts: Sequence[str]) -> list[Condition]:
        """Of each text the (max_prompt,) tokens of its prompt, the last ones, and a mask of them, true where one is."""
        words, side = load_tokenizer(self._files.folder, self.source.model), self._size // pixels_a_token(self._config)
        known = words.get_vocab()
        marks = {mark: known.get(mark) for mark in self._architecture.marks} | {"bos_token": words.bos_token_id}
        found: list[Condition] = []
        for text in texts:
            ids = self._ids(words, marks, text, side)
            lacking = self.max_prompt - len(ids)
            filled = torch.tensor(ids[:1] * lacking + ids, device=self.device)
            found.append((filled, torch.arange(self.max_prompt, device=self.device) >= lacking))
        return found

    def _ids(self, words: Any, marks: dict[str, int | None], text: str, side: int) -> list[int]:
        """The tokens of a text's prompt, the first of which begins the sequence. Raises ObserverError."""
        who, prompt = self.source.model, self._architecture.prompt(text, side)
        # Whether a tokenizer adds its first token by itself depends on the model.
        ids = [words.bos_token_id, *words(prompt, add_special_tokens=False).input_ids]
        for mark, number in marks.items():
            if number is None or number not in ids:  # it would be read letter by letter
                raise ObserverError(
                    f"{who}: its tokenizer has no {mark}: get its tokenizer.json and tokenizer_config.json anew"
                )
        if len(ids) > self.max_prompt:
            raise ObserverError(
                f"{who}: the prompt of {text!r} has {len(ids)} tokens, more than the {self.max_prompt} that are filled up "
                f"to: -o max_prompt={len(ids)} or more"
            )
        return ids

    def place(self, draws: np.ndarray) -> np.ndarray:
        return (draws + 0.5) / self.perturbations

    @deterministic_inference()
    def score(self, images: torch.Tensor, conditions: Condition, draws: np.ndarray) -> torch.Tensor:
        at = on_device(draws, self.device)
        codes = images[torch.arange(len(at), device=self.device), at]
        return log_likelihood(self._network, conditions[0], conditions[1], codes)

    def provenance(self) -> dict[str, str]:
        return self._files.provenance(self.device, self.compute.dtype_name())


def log_likelihood(network: Network, ids: torch.Tensor, there: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """(N, P) tokens of prompts, filled up from the left, (N, P) true where they are, (N, L) codes -> (N,) log p, nats."""
    image = network.image(codes)[:, :-1]  # nothing follows the last token
    given = torch.cat([network.words(ids), image], dim=1)
    there = torch.cat([there, there.new_ones(image.shape[:2])], dim=1)
    mask = _mask(there)
    hidden: torch.Tensor = network.decoder(
        inputs_embeds=given,
        attention_mask=_added(mask) if network.adds_masks else mask,
        position_ids=(there.cumsum(1) - 1).clamp(min=0),
        use_cache=False,
    ).last_hidden_state
    hidden = hidden[:, ids.shape[1] - 1 :][:, network.places(codes.shape[1], codes.device)]
    return _log_p(network, hidden, codes)


def perturbed(image: torch.Tensor, seed: int, draw: int) -> torch.Tensor:
    """(3, height, width) in −1..1 -> the same for draw 0, else with noise and moved by −1, 0 or 1 pixel each way."""
    if draw == 0:
        return image
    height, width = image.shape[1:]
    down, right = np.random.default_rng([seed, 4, draw]).integers(0, 3, 2)
    wide = torch.nn.functional.pad(image[None], (1, 1, 1, 1), mode="replicate")[0]
    moved = wide[:, down : down + height, right : right + width]
    return (moved + NOISE * noise(seed, draw, tuple(image.shape))).clamp(-1, 1)


def _mask(there: torch.Tensor) -> torch.Tensor:
    """(N, n) -> (N, 1, n, n) true where a token may look: at itself and what is there before it.

    What fills up looks at itself alone, since to look at nothing is NaN in some kernels. transformers would make a mask of
    its own, but asks the device first whether it needs one, and waits.
    """
    n = there.shape[1]
    ones = torch.ones(n, n, dtype=torch.bool, device=there.device)
    return ones.tril() & (there[:, None, None] | torch.eye(n, dtype=torch.bool, device=there.device))


def _added(mask: torch.Tensor) -> torch.Tensor:
    """What is added to the logits of an attention that is not torch's own."""
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, torch.finfo(torch.float32).min)


def _log_p(network: Network, hidden: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """(N, L, D) what the decoder knew before each of the (N, L) codes -> (N,) float32, the sum of their log p."""
    total = torch.zeros(len(codes), device=codes.device)
    for first in range(0, codes.shape[1], TOGETHER):
        some = slice(first, first + TOGETHER)
        open_to = network.head(hidden[:, some].float())
        met = open_to.gather(2, codes[:, some, None])[:, :, 0]
        total += (met - open_to.logsumexp(dim=2)).sum(dim=1)
    return total
