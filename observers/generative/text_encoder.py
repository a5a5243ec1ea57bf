"""Text encoders of transformers, with prompts padded to a fixed length as in training."""

from collections.abc import Callable
from typing import Any

import torch

from observers.checkpoints import explained_load_errors, load_tokenizer
from observers.generative.components import Components
from observers.generative.options import Compute
from observers.protocol import ObserverError


def load_text_encoder(
    components: Components,
    model_class: Any,
    part: str,
    compute: Compute,
    n_tokens: int | None = None,
    mask: bool = False,
) -> Callable[[str], Any]:
    """Load a text encoder and its tokenizer.

    Args:
        components: The files of the model.
        model_class: Class of the encoder in transformers.
        part: Folder of the encoder, such as text_encoder_2. The folder of its tokenizer is then tokenizer_2.
        compute: Device and dtype.
        n_tokens: Length to which prompts are padded. By default it is the full length of the encoder, as for CLIP, and
            the output then includes the hidden states of all layers.
        mask: Whether padding tokens are masked in the encoder.

    Returns:
        A function that returns the encoder's output for one prompt. It raises ObserverError for a prompt that is too
        long, or that the tokenizer cannot distinguish from an earlier prompt.

    Raises:
        ObserverError: If the encoder or the tokenizer does not load.
    """
    encoder = components.load_transformer(model_class, part, compute.torch_dtype(), compute.torch_device())
    folder = components.folder(part.replace("text_encoder", "tokenizer"))
    model = components.model_name
    tokenizer = load_tokenizer(folder, model)
    n = n_tokens or encoder.config.max_position_embeddings
    vocab_size = encoder.config.vocab_size
    prompt_of: dict[tuple[int, ...], str] = {}

    def encode(prompt: str) -> Any:
        with explained_load_errors(
            f"{model}: {prompt!r} by its tokenizer in {folder}", ": download the files of the tokenizer again"
        ):
            tokens = tokenizer([prompt], padding="max_length", max_length=n, return_tensors="pt")
        ids = tokens.input_ids[0].tolist()
        if len(ids) > n:
            raise ObserverError(
                f"{model}: {prompt!r} has {len(ids)} tokens but the model reads at most {n}: shorten the template or "
                f"the choice"
            )
        earlier = prompt_of.setdefault(tuple(ids), prompt)
        if earlier != prompt or max(ids) >= vocab_size:
            raise ObserverError(
                f"{model}: its tokenizer in {folder} cannot distinguish {earlier!r} from {prompt!r}, or its vocabulary is "
                f"larger than that of the model: use choices that differ in their letters, or download the files of the "
                f"tokenizer again"
            )
        tokens = tokens.to(encoder.device)
        # The hidden states of all layers are large for T5, and only those of CLIP are used.
        with components.computing(part):
            return encoder(
                tokens.input_ids, tokens.attention_mask if mask else None, output_hidden_states=n_tokens is None
            )

    return encode


def load_t5(
    components: Components, part: str, compute: Compute, n_tokens: int, mask: bool = False
) -> Callable[[str], torch.Tensor]:
    """Load a T5 encoder, and return a function that encodes a prompt as hidden states (n_tokens, width).

    The arguments and the errors are those of `load_text_encoder`.
    """
    from transformers import T5EncoderModel

    encode = load_text_encoder(components, T5EncoderModel, part, compute, n_tokens, mask)

    def hidden_states(prompt: str) -> torch.Tensor:
        states: torch.Tensor = encode(prompt).last_hidden_state[0]
        return states

    return hidden_states
