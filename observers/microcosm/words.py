"""The words of the microcosm: sentences to train on, and tokenizers whose every word is one token.

Other words are read letter by letter, and mean nothing to the models.
"""

import json
from pathlib import Path
from typing import Any

import torch

from stimuli.categories import CATEGORIES

SENTENCES = ("A bad photo of a {}", "a photo of a {}", "an image of a {}", "{}")
SHARES = (0.6, 0.1, 0.1, 0.1)  # of training pictures; the rest have no sentence, as guidance asks for
N_TOKENS = 24  # a sentence is filled up to
WORDS = sorted({word.lower() for sentence in SENTENCES for word in sentence.split() if word != "{}"} | set(CATEGORIES))


def sentences() -> list[str]:
    """Of every template and category, by template; the last is empty."""
    return [sentence.format(category) for sentence in SENTENCES for category in CATEGORIES] + [""]


def said_of(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(n,) categories -> (n,) numbers of sentences, drawn."""
    edges = torch.tensor(SHARES).cumsum(0)
    template = torch.bucketize(torch.rand(len(labels), generator=generator), edges)
    none = len(SENTENCES) * len(CATEGORIES)
    return torch.where(template < len(SENTENCES), template * len(CATEGORIES) + labels, none)


def clip_tokenizer(folder: Path) -> Any:
    """CLIP's: bytes, and merges that make a token of every word. Written into the folder."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    merges = _merges()
    made = ["".join(pair) for pair in merges]
    words = [*letters, *(letter + "</w>" for letter in letters), *made, "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(dict.fromkeys(words))}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=N_TOKENS)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _merges() -> list[tuple[str, str]]:
    """Of all words; those of a word join what the ones before it make of it, from the left."""
    found: dict[tuple[str, str], None] = {}
    for word in WORDS:
        parts = [*word[:-1], word[-1] + "</w>"]
        for pair in list(found):
            parts = _joined(parts, pair)
        while len(parts) > 1:
            found[parts[0], parts[1]] = None
            parts = _joined(parts, (parts[0], parts[1]))
    return list(found)


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """The parts of a word with that pair made one wherever it stands."""
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return out
