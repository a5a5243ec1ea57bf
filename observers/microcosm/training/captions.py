"""Captions for training the text-conditional models of the microcosm, and CLIP's tokenizer for their vocabulary.

In the tokenizers of these models every word of the captions is one token. Other words are split into single letters,
which the models have not learned.
"""

import json
from pathlib import Path
from typing import Any

import torch

from stimuli.categories import CATEGORIES

TEMPLATES = ("A bad photo of a {}", "a photo of a {}", "an image of a {}", "{}")
# Proportion of the images that get a caption by each template. The other images get an empty caption, because
# classifier-free guidance needs it.
TEMPLATE_SHARES = (0.6, 0.1, 0.1, 0.1)
N_TOKENS = 24  # length to which captions are padded
VOCABULARY = sorted(
    {word.lower() for template in TEMPLATES for word in template.split() if word != "{}"} | set(CATEGORIES)
)


def all_captions() -> list[str]:
    """Return the captions of all templates and categories in order of template, and the empty caption at the end."""
    return [template.format(category) for template in TEMPLATES for category in CATEGORIES] + [""]


def draw_captions(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw a caption for each category number (n,). Return indices (n,) into `all_captions()`."""
    edges = torch.tensor(TEMPLATE_SHARES).cumsum(0)
    template = torch.bucketize(torch.rand(len(labels), generator=generator), edges)
    empty_caption = len(TEMPLATES) * len(CATEGORIES)
    return torch.where(template < len(TEMPLATES), template * len(CATEGORIES) + labels, empty_caption)


def clip_tokenizer(folder: Path) -> Any:
    """Return CLIP's tokenizer with merges that make every word of the vocabulary one token, and save it in a folder."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    merges = _merges()
    merged_tokens = ["".join(pair) for pair in merges]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *merged_tokens, "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(dict.fromkeys(tokens))}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=N_TOKENS)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _merges() -> list[tuple[str, str]]:
    """Return byte-pair merges for all words of the vocabulary.

    For each word the earlier merges are applied first; then the remaining tokens are joined from the left.
    """
    merges: dict[tuple[str, str], None] = {}
    for word in VOCABULARY:
        tokens = [*word[:-1], word[-1] + "</w>"]
        for pair in list(merges):
            tokens = _apply_merge(tokens, pair)
        while len(tokens) > 1:
            merges[tokens[0], tokens[1]] = None
            tokens = _apply_merge(tokens, (tokens[0], tokens[1]))
    return list(merges)


def _apply_merge(tokens: list[str], pair: tuple[str, str]) -> list[str]:
    """Return the tokens of a word with every occurrence of the pair joined."""
    merged: list[str] = []
    for token in tokens:
        if merged and (merged[-1], token) == pair:
            merged[-1] += token
        else:
            merged.append(token)
    return merged
