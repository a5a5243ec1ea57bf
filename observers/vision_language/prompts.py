"""The prompt of a vision-language checkpoint, and the tokens with which a reply to it can begin.

The prompt is the chat template of the checkpoint with one message of the user, which consists of the image and the question,
and with the beginning of the reply. L is the number of tokens of the prompt, including those that represent the image.

The tokenizers of some models encode the beginning of a reply together with a space before it (" A"), and those of other
models do not ("A"). A continuation of the prompt is therefore considered with and without a space. A variant counts only if
the tokens of the prompt remain the same when the continuation is appended, because otherwise the model could not produce it
after this prompt.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from PIL import Image

from observers.loading.foreign_errors import explained_errors
from observers.loading.weight_sizes import limited_memory
from observers.protocol import ObserverError
from observers.vision_language.processors import load_processor
from observers.vision_language.rows import Inputs

MEMORY = 2**31  # bytes that the inputs for one image may take
SEPARATORS = ("", " ")


@frozen
class Prompter:
    """Makes the inputs of a model from images and questions.

    Attributes:
        folder: The folder of the checkpoint.
        observer: Name of the observer, for error messages.
    """

    folder: Path
    observer: str

    @cached_property
    def _processor(self) -> Any:
        return load_processor(self.folder, self.observer)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the checkpoint."""
        return self._processor.tokenizer

    @property
    def template(self) -> str:
        """The chat template of the checkpoint, or the one that takes its place."""
        template: str = self._processor.chat_template
        return template

    def render(self, question: str) -> str:
        """Return the prompt as text, in which one token stands for the image.

        Raises:
            ObserverError: If the question contains a special token, or if the chat template of the checkpoint does not work.
        """
        processor = self._processor
        if special := next((token for token in self._special_tokens if token in question), None):
            raise ObserverError(
                f"{self.observer}: the question contains {special}, which is a special token of this model and not text: "
                f"change the instruction or the names of the choices"
            )
        content = [{"type": "image"}, {"type": "text", "text": question}]
        # Templates with this option let a model write down its reasoning before the reply, which is switched off here.
        options = {"enable_thinking": False} if "enable_thinking" in processor.chat_template else {}
        advice = ": correct its chat_template.jinja, or use another revision"
        with explained_errors(
            f"{self.observer}: the chat template in {self.folder}",
            "does not work for a message with an image and a text",
            advice,
        ):
            text: str = processor.apply_chat_template(
                [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True, **options
            )
        if _ends_turn_itself(processor):
            text += processor.tokenizer.sep_token
        return text

    def encode(self, pixels: np.ndarray, prompt: str) -> Inputs:
        """Return the inputs of the model for an image (height, width, 3) and a rendered prompt.

        Raises:
            ObserverError: If the processor does not work, or if the prompt does not contain the image.
        """
        options: dict[str, Any] = {"add_special_tokens": False} if self._has_special_tokens(prompt) else {}
        if _ends_turn_itself(self._processor):
            options["return_for_text_completion"] = True  # the end of the turn is already part of the prompt
        processor, size = self._processor, f"{pixels.shape[1]} × {pixels.shape[0]} pixels"
        advice = ": if it does not work for any image, get all files from the same revision of the repository"
        with (
            explained_errors(
                f"{self.observer}: its processor in {self.folder}", f"does not work for an image of {size}", advice
            ),
            limited_memory(MEMORY),
        ):
            inputs = processor(text=[prompt], images=[Image.fromarray(pixels)], return_tensors="pt", **options)
        return dict(inputs)

    def continue_prompt(self, prompt: str, reply: str) -> list[list[int]]:
        """Return the tokens of a reply, once for each way to write it after the prompt (see the top of this module)."""
        before = self._tokenize(prompt)
        variants: list[list[int]] = []
        for separator in SEPARATORS:
            tokens = self._tokenize(prompt + separator + reply)
            continuation = tokens[len(before) :]
            if tokens[: len(before)] == before and continuation and continuation not in variants:
                variants.append(continuation)
        return variants

    def letter_tokens(self, letter: str, prompt: str) -> list[int]:
        """Return the tokens that stand for a letter after a prompt, each of them for one way to write it.

        The end of all prompts of a checkpoint with lettered options is the same, so a letter is tokenized only once.
        """
        if letter not in self._letters:
            variants = self.continue_prompt(prompt, letter)
            self._letters[letter] = [tokens[0] for tokens in variants if len(tokens) == 1]
        return self._letters[letter]

    @cached_property
    def _letters(self) -> dict[str, list[int]]:
        return {}

    @cached_property
    def _special_tokens(self) -> tuple[str, ...]:
        """The tokens that are not text, such as those that stand for an image or end a message."""
        return tuple(token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special)

    def _tokenize(self, text: str) -> list[int]:
        # The special tokens that some tokenizers append to a text would end the prompt.
        tokenizer = self.tokenizer
        with explained_errors(f"{self.observer}: its tokenizer in {self.folder}", "does not work"):
            tokens: list[int] = tokenizer(text, add_special_tokens=False).input_ids
        return tokens

    def _has_special_tokens(self, prompt: str) -> bool:
        """Return whether the chat template already added the token with which texts begin."""
        first = self.tokenizer.bos_token
        return first is not None and prompt.startswith(first)


def end_tokens(network: Any, tokenizer: Any) -> list[int]:
    """Return the tokens that end a reply; an empty list if neither the model nor the tokenizer specifies them."""
    tokens = network.generation_config.eos_token_id
    if tokens is None:
        tokens = tokenizer.eos_token_id
    return [] if tokens is None else sorted(set(tokens)) if isinstance(tokens, list) else [int(tokens)]


def _ends_turn_itself(processor: Any) -> bool:
    """Return whether the processor appends the end of the turn after the chat template, as that of Chameleon does."""
    return type(processor).__name__ == "ChameleonProcessor"


def first_line(error: Exception) -> str:
    """Return the first line of the message of an error, or the name of its class."""
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
