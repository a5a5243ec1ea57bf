"""The models' words: each word of the sentences is one token, others are letters, and shares of sentences are as said."""

import torch

from observers.microcosm import ar, pixel
from observers.microcosm.words import N_TOKENS, SENTENCES, SHARES, WORDS, clip_tokenizer, said_of, sentences
from stimuli.categories import CATEGORIES


def test_every_word_is_a_token(tmp_path):
    clip, t5, janus = clip_tokenizer(tmp_path), pixel.t5_tokenizer(), ar.tokenizer()
    assert len(WORDS) == 22
    for sentence in sentences():
        n = len(sentence.split())
        assert len(clip(sentence).input_ids) == n + 2 <= N_TOKENS
        assert len(t5(sentence.lower()).input_ids) == n + 1
    for sentence in sentences()[:-1]:
        assert len(janus(ar.JANUS.prompt(sentence, 8)).input_ids) == len(sentence.split()) + 8
    assert clip.decode(clip("a duck").input_ids, skip_special_tokens=True).strip() == "a duck"
    assert t5.unk_token_id not in t5("a photo of a duck-rabbit").input_ids


def test_sentences_are_drawn_in_their_shares():
    labels = torch.arange(16).repeat(2000)
    said = said_of(labels, torch.Generator().manual_seed(0))
    empty = said == len(SENTENCES) * 16
    assert abs(float(empty.float().mean()) - (1 - sum(SHARES))) < 0.01
    assert torch.equal(said[~empty] % 16, labels[~empty])
    for i, share in enumerate(SHARES):
        assert abs(float((said // 16 == i).float().mean()) - share) < 0.01
    assert [sentences()[i] for i in (3, 19)] == [SENTENCES[0].format(CATEGORIES[3]), SENTENCES[1].format(CATEGORIES[3])]
