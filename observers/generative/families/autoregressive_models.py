"""The differences between autoregressive models: their prompts, their image tokens, and the parts of their networks.

Notation: N rows, V codes of the autoencoder, L = side² tokens of an image in reading order, D dimensions. Prompts have
the format that each model uses for text-to-image generation:

    janus      <|User|>: TEXT, <|Assistant|>:<begin_of_image>, L tokens
    emu3       TEXT<|image start|>SIDE*SIDE<|image token|>, L tokens
    chameleon  TEXT<reserved08706><racm3:break>, L tokens

All three autoencoders were trained on pixels in −1..1. During generation only image tokens may follow the prompt, so
the softmax is taken over the image tokens only. Janus has a separate head for them. For Emu3 and Chameleon, only those
rows of the language model's output matrix are used that belong to image tokens; the forward() of Chameleon in
transformers would mask these tokens. In Emu3, each row of the image is followed by the token <|extra_200|>. No other
token is allowed there, so its probability is 1. Heads compute in float32, because bfloat16 has steps of 1/16 in the
range of the logits, which would be visible in a sum over hundreds of tokens.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from attrs import frozen

from observers.protocol import ObserverError

EMU3_SIZE = 720  # pixels per side; the default of the processor of Emu3


@frozen(eq=False)
class Network:
    """The parts of a model that are needed to score rows.

    Attributes:
        decoder: The decoder, a model of transformers without a head.
        embed_text: Embeds text tokens: (N, P) ids -> (N, P, D).
        embed_image: Embeds the S ≥ L inputs that belong to an image: (N, L) codes -> (N, S, D).
        token_positions: Returns the positions of the L tokens among the S inputs: (L, device) -> (L,).
        head: Predicts the next code: (N, n, D) float32 -> (N, n, V) float32, log p up to a constant.
    """

    decoder: Any
    embed_text: Callable[[torch.Tensor], torch.Tensor]
    embed_image: Callable[[torch.Tensor], torch.Tensor]
    token_positions: Callable[[int, torch.device], torch.Tensor]
    head: Callable[[torch.Tensor], torch.Tensor]

    @property
    def needs_additive_mask(self) -> bool:
        """Whether the attention adds its mask to the logits (eager attention) instead of taking a boolean mask."""
        return bool(self.decoder.config._attn_implementation == "eager")


@frozen
class Architecture:
    """A supported architecture of autoregressive models.

    Attributes:
        model: Name of the model's class in transformers.
        vq: Name of the autoencoder's class in transformers.
        special_tokens: Special tokens in the prompt, each of which the tokenizer must encode as a single token.
        prompt: Formats a prompt: (text, side of the image in tokens) -> input of the tokenizer.
        size: Reads the size of images from a config: config -> pixels per side.
        any_size: Whether the model accepts images of other sizes.
        codes: Encodes an image: (autoencoder, (1, 3, size, size) in −1..1) -> (L,) codes.
        network: Extracts the parts of a loaded model: model -> Network.
    """

    model: str
    vq: str
    special_tokens: tuple[str, ...]
    prompt: Callable[[str, int], str]
    size: Callable[[Any], int]
    any_size: bool
    codes: Callable[[Any, torch.Tensor], torch.Tensor]
    network: Callable[[Any], Network]


def pixels_per_token(config: Any) -> int:
    """Return the number of pixels per side of the square that one image token represents."""
    return int(2 ** (len(config.vq_config.channel_multiplier) - 1))


def _janus_prompt(text: str, side: int) -> str:
    return f"<|User|>: {text.strip()}\n\n<|Assistant|>:<begin_of_image>"


def _janus_codes(vq: Any, image: torch.Tensor) -> torch.Tensor:
    # The model was trained on normalized vectors, which its decode() expects, but its encode() does not normalize them.
    vectors = torch.nn.functional.normalize(vq.quant_conv(vq.encoder(image))[0].flatten(1), dim=0)
    codebook = torch.nn.functional.normalize(vq.quantize.embedding.weight, dim=1)
    return (codebook @ vectors).argmax(dim=0)


def _janus_network(model: Any) -> Network:
    inner = model.model
    embed, aligner, head = inner.generation_embeddings, inner.generation_aligner, inner.generation_head.float()
    return Network(
        inner.language_model, inner.language_model.embed_tokens, lambda codes: aligner(embed(codes)), _all_positions, head
    )  # fmt: skip


def _emu3_prompt(text: str, side: int) -> str:
    return f"{text}<|image start|>{side}*{side}<|image token|>"


def _emu3_codes(vq: Any, image: torch.Tensor) -> torch.Tensor:
    codes: torch.Tensor = vq.encode(image, [image.shape[2:]]).image_tokens[0]
    return codes.flatten()


def _emu3_network(model: Any) -> Network:
    embed, ids, head = model.model.text_model.embed_tokens, _vocabulary_ids(model), _image_head(model)
    end_of_row = torch.tensor([[model.vocabulary_mapping.eol_token_id]], device=ids.device)

    def embed_image(codes: torch.Tensor) -> torch.Tensor:
        side = _side(codes.shape[1])
        rows = ids[codes].view(-1, side)
        inputs = torch.cat([rows, end_of_row.expand(len(rows), 1)], dim=1).view(len(codes), -1)[:, :-1]
        out: torch.Tensor = embed(inputs)
        return out

    def token_positions(n: int, device: torch.device) -> torch.Tensor:
        index = torch.arange(n, device=device)
        return index + index // _side(n)

    return Network(model.model.text_model, embed, embed_image, token_positions, head)


def _chameleon_prompt(text: str, side: int) -> str:
    return f"{text}<reserved08706><racm3:break>"


def _chameleon_codes(vq: Any, image: torch.Tensor) -> torch.Tensor:
    codes: torch.Tensor = vq.encode(image).image_tokens
    return codes.flatten()


def _chameleon_network(model: Any) -> Network:
    decoder, ids, head = model.model, _vocabulary_ids(model), _image_head(model)
    embed = decoder.embed_tokens
    decoder.vqmodel = None  # frees its memory; the autoencoder is loaded separately, in float32
    return Network(decoder, embed, lambda codes: embed(ids[codes]), _all_positions, head)


def _all_positions(n: int, device: torch.device) -> torch.Tensor:
    return torch.arange(n, device=device)


def _side(n: int) -> int:
    return math.isqrt(n)


def _vocabulary_ids(model: Any) -> torch.Tensor:
    """Return the vocabulary ids (V,) of the codes. Raises ObserverError if vocabulary and codes do not match."""
    mapping, n = model.model.vocabulary_mapping, len(model.model.vqmodel.quantize.embedding.weight)
    if sorted(mapping.img2bpe) != list(range(n)):
        raise ObserverError(
            f"the vocabulary_map of its config.json names {len(mapping.img2bpe)} image tokens but its autoencoder has {n}: "
            f"get both from the same model"
        )
    ids: torch.Tensor = mapping.img2bpe_mapping_tensor
    return ids.long().to(model.device)


def _image_head(model: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function that applies the rows for image tokens in the language model's output matrix."""
    weight = model.lm_head.weight[_vocabulary_ids(model)].float()
    return lambda hidden: torch.nn.functional.linear(hidden, weight)


# The keys are values of model_type in config.json.
ARCHITECTURES: dict[str, Architecture] = {
    "janus": Architecture(
        "JanusForConditionalGeneration", "JanusVQVAE", ("<begin_of_image>",), _janus_prompt,
        lambda config: config.vq_config.num_patches * pixels_per_token(config), False, _janus_codes, _janus_network,
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
