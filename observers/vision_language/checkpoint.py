"""Vision-language models of transformers as observers: they see the image and answer a question about it.

The question is that of `observers.vision_language.questions`, and the prompt that of `observers.vision_language.prompts`.
The model gets the pixels of the stimulus, processed by the processor of its checkpoint, and never the name of the file. K is
the number of choices. The observer answers in one of four ways:

    letter    The evidence is the log-probability of the letter of each choice as the first token of the reply. It takes
              one forward pass per trial. If the total probability of all letters is low, which the log contains, the reply
              would probably begin in another way (Wang et al. 2024, arXiv 2402.14499).
    text      The evidence is the log-probability that the reply is the name of the choice and then ends. Because the end
              counts, "car" is not favored over "carpet". It takes one forward pass for each spelling of each choice.
    generate  The model generates a reply, always with the most probable next token, and the reply is parsed strictly. If it
              does not name one of the choices, the choice is None. Evidence is not available.
    caption   The model describes the image without seeing the choices. The choice is the only one that the description
              mentions. Evidence is not available.

The log-probabilities are natural logarithms, and the softmax is taken over the whole vocabulary. If a letter or name can be
written with and without a space before it, the probabilities of the two are added. In all questions but captions, the order
of the options is random (`permute`), and the evidence has the order of the choices of the trial.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import evolve, field, frozen

from observers.bounds import bounded
from observers.checkpoints import PROCESSOR, WEIGHTS, Checkpoint, find_checkpoint, load_transformer, quiet_libraries
from observers.devices import Dtype, batch_size_option, device_option, pick_device, pick_dtype, respond
from observers.loading.foreign_errors import explained_errors
from observers.protocol import Kind, ObserverError, Response, Trial
from observers.vision_language.preparing import (
    PreparedTrial,
    letter_evidence,
    prepare_letters,
    prepare_reply,
    prepare_texts,
    text_evidence,
)
from observers.vision_language.processors import TEMPLATE_FILES
from observers.vision_language.prompts import Prompter, end_tokens
from observers.vision_language.questions import Answer, find_mention, parse_reply
from observers.vision_language.rows import Row, map_rows, to_device, token_log_p

TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "vocab.txt")
PATTERNS = (
    "config.json", "generation_config.json", *PROCESSOR, *TEMPLATE_FILES, *TOKENIZER, "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "merges.txt", *WEIGHTS, "model-*-of-*.safetensors",
)  # fmt: skip
REQUIRED = [("config.json",), PROCESSOR, TOKENIZER, WEIGHTS]
MAX_TOKENS = 4096


@frozen
class VisionLanguage:
    """Any vision-language model of transformers, from the Hugging Face Hub or a local folder (`vlm:REPOSITORY`).

    Evidence: natural log-probability of the letter or of the name of each choice, given the image and the question. With
    `answer` generate or caption, evidence is not available.

    Attributes:
        model: Repository on the Hub, such as Qwen/Qwen2.5-VL-3B-Instruct.
        revision: Branch, tag or commit of the repository; None for its main branch.
        weights: Local folder with config.json, preprocessor_config.json, the files of the tokenizer, chat_template.jinja
            and model.safetensors, to use instead of the Hub.
        answer: How the model answers: letter and text compare the probabilities of the letters or names of the choices;
            generate and caption interpret a reply or a description that the model generates.
        permute: Whether the options have a random order that depends on the name of the stimulus.
        max_tokens: Largest number of tokens of a generated reply. A longer reply is cut off.
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: Number format of the weights: float32, float16 or bfloat16.
        batch_size: Number of rows (one image and one text) in a forward pass.
        name: The observer's name in logs and figures; by default the last part of `model`, followed by `answer` if it is
            not letter.

    Example:
        >>> VisionLanguage("Qwen/Qwen2.5-VL-3B-Instruct", dtype="bfloat16")
    """

    model: str
    revision: str | None = None
    weights: Path | None = None
    answer: Answer = "letter"
    permute: bool = True
    max_tokens: int = field(default=128, validator=bounded(1, MAX_TOKENS))
    device: str = device_option()
    dtype: Dtype = "float32"
    batch_size: int = batch_size_option()
    name: str = field()
    kind: Kind = field(default="vision-language", init=False)

    @name.default
    def _default_name(self) -> str:
        base = self.model.rstrip("/").rpartition("/")[2]
        return base if self.answer == "letter" else f"{base}-{self.answer}"

    @property
    def _generates(self) -> bool:
        """Whether the model generates a reply."""
        return self.answer in ("generate", "caption")

    @property
    def text_names(self) -> tuple[str, ...]:
        """The names of the texts in `Response.texts`: the reply, if the model generates one."""
        return ("reply",) if self._generates else ()

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of the measurements in `Response.measured`.

        They are the number of tokens of the prompt and of the reply, and the total probability of all letters.
        """
        if self._generates:
            return ("prompt_tokens", "reply_tokens")
        return ("prompt_tokens", "letter_probability") if self.answer == "letter" else ("prompt_tokens",)

    @cached_property
    def _files(self) -> Checkpoint:
        pick_device(self.device)  # raises an error before anything is downloaded
        return find_checkpoint(self.model, self.revision, self.weights, REQUIRED, PATTERNS)

    @cached_property
    def _network(self) -> Any:
        from transformers import AutoModelForImageTextToText

        model_class, model_kind, folder = AutoModelForImageTextToText, "a vision-language model", self._files.folder
        device, dtype = pick_device(self.device), pick_dtype(self.dtype)
        return load_transformer(model_class, folder, dtype, device, model_kind, self.name)

    @cached_property
    def _prompter(self) -> Prompter:
        return Prompter(self._files.folder, self.name)

    @cached_property
    def _ends(self) -> list[int]:
        """The tokens that end a reply."""
        tokens = end_tokens(self._network, self._prompter.tokenizer)
        if not tokens:
            raise ObserverError(
                f"{self.name}: neither its generation_config.json nor its tokenizer specifies the token that ends a reply: "
                f"use -o answer=letter, or add eos_token_id to generation_config.json"
            )
        return tokens

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield one response per trial (see the top of this module).

        Raises:
            ObserverError: If the checkpoint cannot be loaded or is not suitable, if options need letters and a trial has
                more than 26 choices, or if a batch does not fit into memory.
        """
        self._prompter.tokenizer, self._network  # noqa: B018 errors of the small files come first
        for batch in self._iter_batches(trials):
            rows = [row for prepared in batch for row in prepared.rows]
            if self.answer in ("letter", "text"):
                log_p = iter(map_rows(rows, self._read_log_p, self.batch_size))
                for prepared in batch:
                    yield self._compare(prepared, [next(log_p) for _ in prepared.rows])
            else:
                for prepared, tokens in zip(batch, map_rows(rows, self._generate, self.batch_size), strict=True):
                    yield self._interpret(prepared, tokens)

    def _iter_batches(self, trials: Iterable[Trial]) -> Iterator[list[PreparedTrial]]:
        """Yield lists of trials, each with as few trials as are needed for `batch_size` rows."""
        batch: list[PreparedTrial] = []
        for trial in trials:
            batch.append(self._prepare(trial))
            if sum(len(prepared.rows) for prepared in batch) >= self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _prepare(self, trial: Trial) -> PreparedTrial:
        if self.answer == "letter":
            return prepare_letters(trial, self._prompter, self.permute)
        if self.answer == "text":
            return prepare_texts(trial, self._prompter, self.permute, self._ends)
        return prepare_reply(trial, self._prompter, self.permute, self.answer)

    def _read_log_p(self, inputs: dict[str, torch.Tensor], rows: list[Row]) -> list[np.ndarray]:
        network = self._network
        with self._explained_errors():
            return token_log_p(network, inputs, rows)

    def _explained_errors(self) -> AbstractContextManager[None]:
        """Return a context that converts the errors of a model that does not expect its inputs to ObserverError."""
        return explained_errors(
            f"{self.name}: the model in {self._files.folder}",
            "does not match its processor",
            ": get all files from the same revision of the repository",
            keep_memory_errors=True,
        )

    def _compare(self, prepared: PreparedTrial, log_p: list[np.ndarray]) -> Response:
        """Return the choice with the highest evidence, from the log-probabilities of the targets of the rows."""
        if any(np.isnan(values).any() for values in log_p):
            raise ObserverError(
                f"{self.name}: its output for {prepared.trial.stimulus.id} contains NaN, because its values overflow "
                f"{self.dtype}: use --dtype bfloat16 or --dtype float32"
            )
        evidence = (letter_evidence if self.answer == "letter" else text_evidence)(prepared, log_p)
        measured: dict[str, float] = {"prompt_tokens": prepared.n_prompt}
        if self.answer == "letter":
            measured["letter_probability"] = float(np.exp(np.logaddexp.reduce(evidence)))
        return evolve(respond(prepared.trial, evidence), n_evaluations=len(prepared.rows), measured=measured)

    def _generate(self, inputs: dict[str, torch.Tensor], rows: list[Row]) -> list[list[int]]:
        """Return the generated tokens of each row, up to and including the token that ends the reply."""
        from transformers import GenerationConfig

        network = self._network
        # The configuration of the checkpoint, which often requests random tokens, is replaced completely.
        network.generation_config = GenerationConfig(
            do_sample=False, max_new_tokens=self.max_tokens, eos_token_id=self._ends, pad_token_id=self._ends[0]
        )
        with quiet_libraries(), self._explained_errors():
            tokens = network.generate(**to_device(network, inputs))[:, rows[0].n_tokens :].tolist()
        return [_until_end(row, self._ends) for row in tokens]

    def _interpret(self, prepared: PreparedTrial, tokens: list[int]) -> Response:
        """Return the response that the generated tokens mean."""
        tokenizer = self._prompter.tokenizer
        with self._explained_errors():
            reply = tokenizer.decode(tokens, skip_special_tokens=True).strip()
        if self.answer == "caption":
            choice = find_mention(reply, prepared.trial.choices)
        else:
            choice = parse_reply(reply, prepared.question)
        measured = {"prompt_tokens": prepared.n_prompt, "reply_tokens": len(tokens)}
        return Response(choice, n_evaluations=len(tokens), texts={"reply": reply}, measured=measured)

    def provenance(self) -> dict[str, str]:
        """Return repository and revision (or folder and SHA-256), device, dtype and the SHA-256 of the chat template."""
        digest = hashlib.sha256(self._prompter.template.encode()).hexdigest()
        return self._files.provenance(self._network.device, self.dtype) | {"chat_template_sha256": digest}


def _until_end(tokens: list[int], ends: list[int]) -> list[int]:
    """Return the tokens up to and including the first that ends the reply."""
    n = next((index + 1 for index, token in enumerate(tokens) if token in ends), len(tokens))
    return tokens[:n]
