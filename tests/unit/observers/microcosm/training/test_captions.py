"""Captions and tokenizers: each word is one token, other words are split into letters, templates have their shares."""

import torch

from observers.microcosm.training import ar, pixel
from observers.microcosm.training.captions import (
    N_TOKENS,
    TEMPLATE_SHARES,
    TEMPLATES,
    VOCABULARY,
    all_captions,
    clip_tokenizer,
    draw_captions,
)
from stimuli.categories import CATEGORIES


def test_every_word_is_one_token(tmp_path):
    clip, t5, janus = clip_tokenizer(tmp_path), pixel.t5_tokenizer(), ar.build_tokenizer()
    assert len(VOCABULARY) == 22
    for caption in all_captions():
        n_words = len(caption.split())
        assert len(clip(caption).input_ids) == n_words + 2 <= N_TOKENS
        assert len(t5(caption.lower()).input_ids) == n_words + 1
    for caption in all_captions()[:-1]:
        assert len(janus(ar.JANUS.prompt(caption, 8)).input_ids) == len(caption.split()) + 8
    assert clip.decode(clip("a duck").input_ids, skip_special_tokens=True).strip() == "a duck"
    assert t5.unk_token_id not in t5("a photo of a duck-rabbit").input_ids


def test_captions_are_drawn_in_the_specified_shares():
    labels = torch.arange(16).repeat(2000)
    indices = draw_captions(labels, torch.Generator().manual_seed(0))
    empty = indices == len(TEMPLATES) * 16
    assert abs(float(empty.float().mean()) - (1 - sum(TEMPLATE_SHARES))) < 0.01
    assert torch.equal(indices[~empty] % 16, labels[~empty])
    for i, share in enumerate(TEMPLATE_SHARES):
        assert abs(float((indices // 16 == i).float().mean()) - share) < 0.01
    expected = [TEMPLATES[0].format(CATEGORIES[3]), TEMPLATES[1].format(CATEGORIES[3])]
    assert [all_captions()[i] for i in (3, 19)] == expected
