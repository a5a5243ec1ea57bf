"""Forward passes of rows with inputs of different shapes.

A row is one image and one text. B is the number of rows in a forward pass and V the size of the vocabulary.

The number of tokens of a row depends on its image and its text. Rows are not padded to a common length, because padding
changes the rounding of the outputs. Instead, only rows whose inputs have the same shapes share a forward pass, which
always has B rows: if there are fewer, the last row is repeated. With the same B, the outputs for a row therefore do not
depend on the other rows, as `observers.devices` explains.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from attrs import frozen

from observers.devices import deterministic_inference
from observers.protocol import ObserverError

Inputs = Mapping[str, torch.Tensor]
Output = TypeVar("Output")


@frozen(eq=False)
class Row:
    """The inputs of the model for one image and one text.

    Attributes:
        inputs: The inputs by name, as the processor returns them for a single text, such as `input_ids` of shape (1, L)
            and `pixel_values`. The inputs of several rows are concatenated along the first dimension.
        targets: Tokens whose log-probabilities are read at the last P positions of the row, int64 of shape (P, T).
    """

    inputs: Inputs
    targets: torch.Tensor

    @property
    def n_tokens(self) -> int:
        """The number of tokens L of the row, including those that represent the image."""
        return int(self.inputs["input_ids"].shape[1])

    @property
    def shapes(self) -> tuple[object, ...]:
        """The shapes of all inputs and of the targets. Rows with the same shapes can share a forward pass."""
        return (*((name, tensor.shape) for name, tensor in self.inputs.items()), self.targets.shape)


def extend(inputs: Inputs, tokens: Sequence[int]) -> dict[str, torch.Tensor]:
    """Return the inputs of a row with further tokens of text at its end.

    For the other inputs that have a value for each token, such as the attention mask, the last value is repeated, because
    the last token of a prompt is also text.
    """
    ids = inputs["input_ids"]
    longer = dict(inputs)
    for name, values in inputs.items():
        if name == "input_ids":
            longer[name] = torch.cat([ids, ids.new_tensor([list(tokens)])], dim=1)
        elif values.shape[:2] == ids.shape and not values.is_floating_point():
            longer[name] = torch.cat([values, *[values[:, -1:]] * len(tokens)], dim=1)
    return longer


def map_rows(
    rows: Sequence[Row], forward: Callable[[dict[str, torch.Tensor], list[Row]], Iterable[Output]], size: int
) -> list[Output]:
    """Call `forward` with batches of `size` rows that have the same shapes, and return its outputs in the order of the rows.

    Args:
        rows: The rows.
        forward: Function from the concatenated inputs and their rows to one output per row.
        size: Number of rows B in a forward pass.

    Raises:
        ObserverError: If the device does not have enough memory.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(row.shapes, []).append(index)
    outputs: dict[int, Output] = {}
    for group in groups.values():
        for first in range(0, len(group), size):
            chunk = group[first : first + size]
            batch = [rows[index] for index in chunk + chunk[-1:] * (size - len(chunk))]
            inputs = {name: torch.cat([row.inputs[name] for row in batch]) for name in batch[0].inputs}
            try:
                with deterministic_inference():
                    outputs.update(zip(chunk, forward(inputs, batch), strict=False))
            except torch.OutOfMemoryError:
                raise ObserverError(
                    f"a batch of {size} rows with {batch[0].n_tokens} tokens each does not fit into the device's memory: "
                    f"use a smaller --batch-size and run again; the responses so far are saved"
                ) from None
    return [outputs[index] for index in range(len(rows))]


def token_log_p(network: Any, inputs: dict[str, torch.Tensor], rows: list[Row]) -> list[np.ndarray]:
    """Return the log-probabilities of the targets of each row, float64 of shape (P, T).

    The softmax is taken over all V tokens, in float32.
    """
    targets = torch.stack([row.targets for row in rows]).to(network.device)  # (B, P, T)
    n_positions = targets.shape[1]
    # Most models can omit the logits of all other positions, which take gigabytes for a batch of long prompts.
    can_omit = "logits_to_keep" in inspect.signature(network.forward).parameters
    options = {"logits_to_keep": n_positions} if can_omit else {}
    logits = network(**to_device(network, inputs), use_cache=False, **options).logits
    log_p = logits[:, -n_positions:].float().log_softmax(dim=-1)
    return list(log_p.gather(2, targets).cpu().numpy().astype(np.float64))


def to_device(network: Any, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the inputs on the device of a model, with floating-point inputs in the dtype of the model."""
    return {
        name: values.to(network.device, network.dtype if values.is_floating_point() else None)
        for name, values in inputs.items()
    }
