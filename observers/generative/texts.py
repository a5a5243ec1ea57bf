"""What a text encoder of transformers makes of a text that is filled up to a fixed length, as in training."""

from collections.abc import Callable
from typing import Any

from observers.checkpoints import tokenizer
from observers.generative.components import Components
from observers.generative.options import Compute


def reader(
    parts: Components, make: Any, part: str, compute: Compute, n_tokens: int | None = None, mask: bool = False
) -> Callable[[str], Any]:
    """Text -> the output of the encoder in the folder `part`, of the class `make`, for this one text. Raises ObserverError.

    Filled up to `n_tokens`, by default as many as CLIP knows, whose output holds the states of all layers. With `mask` the
    encoder does not see what fills up.
    """
    encoder = parts.transformer(make, part, compute.format(), compute.where())
    words = tokenizer(parts.folder(part.replace("text_encoder", "tokenizer")), parts.who)
    n = n_tokens or encoder.config.max_position_embeddings

    def read(text: str) -> Any:
        tokens = words([text], padding="max_length", truncation=True, max_length=n, return_tensors="pt")
        tokens = tokens.to(encoder.device)
        # The states of all layers are large in T5, and needed of CLIP alone.
        return encoder(tokens.input_ids, tokens.attention_mask if mask else None, output_hidden_states=n_tokens is None)

    return read
