"""What differs between the autoregressive models: their prompts, their image tokens, and where a network keeps its parts.

B images, N rows, V codes of the autoencoder, L = side² tokens of an image in reading order, D dimensions. The prompts are
those of each model's own text-to-image generation. All three autoencoders were trained on pixels in −1..1. In generation
only image tokens may follow the prompt, so the softmax runs over these alone:

    janus      <|User|>: TEXT, <|Assistant|>:<begin_of_image>, L tokens   a head of its own for the V codes
    emu3       TEXT<|image start|>SIDE*SIDE<|image token|>, L tokens      after each line of tokens stands <|extra_200|>,
                                                                          the only token allowed there: its probability is 1
    chameleon  TEXT<reserved08706><racm3:break>, L tokens                 forward() masks what is an image token

Of Emu3 and Chameleon those rows of the language model's head are taken that belong to image tokens. Heads compute in
float32: bfloat16 has steps of 1/16 where logits lie, and a sum over hundreds of tokens would show them.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from attrs import frozen

from observers.protocol import ObserverError

EMU3_SIZE = 720  # pixels: what its processor asks for by default


@frozen(eq=False)
class Network:
    """The parts that a row needs. `image` gives what the decoder reads of an image, S ≥ L, of which `places` are tokens."""

    decoder: Any  # a model of transformers without a head
    words: Callable[[torch.Tensor], torch.Tensor]  # (N, P) ids of text tokens -> (N, P, D)
    image: Callable[[torch.Tensor], torch.Tensor]  # (N, L) codes -> (N, S, D)
    places: Callable[[int, torch.device], torch.Tensor]  # L -> (L,) where in S
    head: Callable[[torch.Tensor], torch.Tensor]  # (N, n, D) float32 -> (N, n, V) float32, log p up to a constant

    @property
    def adds_masks(self) -> bool:
        return bool(self.decoder.config._attn_implementation == "eager")


@frozen
class Architecture:
    """`model` and `vq` are classes of transformers, `marks` the tokens of a prompt that are no words."""

    model: str
    vq: str
    marks: tuple[str, ...]
    prompt: Callable[[str, int], str]  # a text and the side of an image in tokens -> what the tokenizer reads
    size: Callable[[Any], int]  # a config -> pixels a side
    any_size: bool
    codes: Callable[[Any, torch.Tensor], torch.Tensor]  # autoencoder, (1, 3, size, size) in −1..1 -> (L,)
    network: Callable[[Any], Network]  # of an object of the class `model`


def pixels_a_token(config: Any) -> int:
    return int(2 ** (len(config.vq_config.channel_multiplier) - 1))


def _janus_prompt(text: str, side: int) -> str:
    return f"<|User|>: {text.strip()}\n\n<|Assistant|>:<begin_of_image>"


def _janus_codes(vq: Any, image: torch.Tensor) -> torch.Tensor:
    # Not by its encode(): it was trained on normalized vectors, as its decode() takes them, and that does not normalize.
    found = torch.nn.functional.normalize(vq.quant_conv(vq.encoder(image))[0].flatten(1), dim=0)
    codebook = torch.nn.functional.normalize(vq.quantize.embedding.weight, dim=1)
    return (codebook @ found).argmax(dim=0)


def _janus_network(model: Any) -> Network:
    inner = model.model
    codes, aligner, head = inner.generation_embeddings, inner.generation_aligner, inner.generation_head.float()
    return Network(
        inner.language_model, inner.language_model.embed_tokens, lambda tokens: aligner(codes(tokens)), _all, head
    )


def _emu3_prompt(text: str, side: int) -> str:
    return f"{text}<|image start|>{side}*{side}<|image token|>"


def _emu3_codes(vq: Any, image: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = vq.encode(image, [image.shape[2:]]).image_tokens[0]
    return found.flatten()


def _emu3_network(model: Any) -> Network:
    words, ids, head = model.model.text_model.embed_tokens, _image_ids(model), _head_of_images(model)
    end = torch.tensor([[model.vocabulary_mapping.eol_token_id]], device=ids.device)

    def image(tokens: torch.Tensor) -> torch.Tensor:
        side = _side(tokens.shape[1])
        lines = ids[tokens].view(-1, side)
        read = torch.cat([lines, end.expand(len(lines), 1)], dim=1).view(len(tokens), -1)[:, :-1]
        out: torch.Tensor = words(read)
        return out

    def places(n: int, device: torch.device) -> torch.Tensor:
        at = torch.arange(n, device=device)
        return at + at // _side(n)

    return Network(model.model.text_model, words, image, places, head)


def _chameleon_prompt(text: str, side: int) -> str:
    return f"{text}<reserved08706><racm3:break>"


def _chameleon_codes(vq: Any, image: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = vq.encode(image).image_tokens
    return found.flatten()


def _chameleon_network(model: Any) -> Network:
    decoder, ids, head = model.model, _image_ids(model), _head_of_images(model)
    words = decoder.embed_tokens
    decoder.vqmodel = None  # which is loaded apart, in float32
    return Network(decoder, words, lambda tokens: words(ids[tokens]), _all, head)


def _all(n: int, device: torch.device) -> torch.Tensor:
    return torch.arange(n, device=device)


def _side(n: int) -> int:
    return math.isqrt(n)


def _image_ids(model: Any) -> torch.Tensor:
    """(V,) the vocabulary's number of each code. Raises ObserverError."""
    mapping, n = model.model.vocabulary_mapping, len(model.model.vqmodel.quantize.embedding.weight)
    if sorted(mapping.img2bpe) != list(range(n)):
        raise ObserverError(
            f"the vocabulary_map of its config.json names {len(mapping.img2bpe)} image tokens and its autoencoder has {n}: "
            f"get both of one model"
        )
    ids: torch.Tensor = mapping.img2bpe_mapping_tensor
    return ids.long().to(model.device)


def _head_of_images(model: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    rows = model.lm_head.weight[_image_ids(model)].float()
    return lambda hidden: torch.nn.functional.linear(hidden, rows)


# What model_type of a config.json says.
ARCHITECTURES: dict[str, Architecture] = {
    "janus": Architecture(
        "JanusForConditionalGeneration", "JanusVQVAE", ("<begin_of_image>",), _janus_prompt,
        lambda config: config.vq_config.num_patches * pixels_a_token(config), False, _janus_codes, _janus_network,
    ),
    "emu3": Architecture(
        "Emu3ForConditionalGeneration", "Emu3VQVAE", ("<|image start|>", "<|image token|>"), _emu3_prompt,
        lambda config: EMU3_SIZE, True, _emu3_codes, _emu3_network,
    ),
    "chameleon": Architecture(
        "ChameleonForConditionalGeneration", "ChameleonVQVAE", ("<reserved08706>", "<racm3:break>"), _chameleon_prompt,
        lambda config: config.vq_config.resolution, False, _chameleon_codes, _chameleon_network,
    ),
}  # fmt: skip
