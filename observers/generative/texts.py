"""What a text encoder of transformers makes of a text that is filled up to a fixed length, as in training."""

from collections.abc import Callable
from typing import Any

from observers.checkpoints import explained_load_errors, load_tokenizer
from observers.generative.components import Components
from observers.generative.options import Compute
from observers.protocol import ObserverError


def reader(
    parts: Components, make: Any, part: str, compute: Compute, n_tokens: int | None = None, mask: bool = False
) -> Callable[[str], Any]:
    """Text -> the output of the encoder in the folder `part`, of the class `make`, for this one text. Raises ObserverError.

    Filled up to `n_tokens`, by default as many as CLIP knows, whose output holds the states of all layers. With `mask` the
    encoder does not see what fills up.
    """
    encoder = parts.transformer(make, part, compute.format(), compute.where())
    folder = parts.folder(part.replace("text_encoder", "tokenizer"))
    words = load_tokenizer(folder, parts.who)
    n = n_tokens or encoder.config.max_position_embeddings
    seen: dict[tuple[int, ...], str] = {}

    def read(text: str) -> Any:
        with explained_load_errors(
            f"{parts.who}: {text!r} by its tokenizer in {folder}", ": get the tokenizer's files anew"
        ):
            tokens = words([text], padding="max_length", max_length=n, return_tensors="pt")
        ids = tokens.input_ids[0].tolist()
        if len(ids) > n:
            raise ObserverError(
                f"{parts.who}: {text!r} has {len(ids)} tokens and the model reads {n}: shorten the template or the choice"
            )
        same = seen.setdefault(tuple(ids), text)
        if same != text or max(ids) >= encoder.config.vocab_size:
            raise ObserverError(
                f"{parts.who}: its tokenizer in {folder} cannot tell {same!r} from {text!r}, or knows more words than the "
                f"model: choices must differ in letters; else get the tokenizer's files anew"
            )
        tokens = tokens.to(encoder.device)
        # The states of all layers are large in T5, and needed of CLIP alone.
        return encoder(tokens.input_ids, tokens.attention_mask if mask else None, output_hidden_states=n_tokens is None)

    return read
