"""Image tokens: the nearest code, codes that begin as clusters and are put elsewhere when nothing is near."""

import numpy as np
import pytest
import torch
from attrs import evolve

from observers.microcosm import masked, tokens
from observers.microcosm.tokens import TokenAutoencoder, tokens_loss, tokens_of
from observers.microcosm.training_loop import TrainingSettings, fit

PLAN = TrainingSettings(steps=60, batch=8, rate=2e-3, warmup=5, average=0.5)


@pytest.fixture
def learned(monkeypatch):
    monkeypatch.setattr(masked, "N_CODES", 32)
    network = masked.autoencoder_network()
    return TokenAutoencoder(
        network,
        network.quantize.embedding,
        lambda x: network.encode(x).latents,
        lambda v: network.decoder(network.post_quant_conv(v)),
    )


def test_the_nearest_code_by_hand(learned):
    vectors = torch.nn.functional.normalize(torch.randn(2, 8, 3, 4), dim=1)
    found = learned.nearest(vectors)
    for i, row, column in ((0, 0, 0), (1, 2, 3), (0, 1, 2)):
        distances = (learned.codes - vectors[i, :, row, column]).square().sum(1)
        assert int(found[i, row, column]) == int(distances.argmin())


@pytest.mark.slow
def test_training_with_codes_that_begin_as_clusters(learned, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "FREE", 0.5)
    monkeypatch.setattr(tokens, "CHECKED", 10)
    begun = learned.codes.detach().clone()
    fit(learned, tokens_loss(learned, pictures, PLAN, 32, 0.0), PLAN, tmp_path / "tokens")
    learned.finish()
    weight = learned.network.quantize.embedding.weight
    assert torch.allclose(weight.norm(dim=1), torch.ones(32), atol=1e-6)
    assert not torch.allclose(learned.codes, begun)
    found = tokens_of(learned, pictures, 32, 0.0)
    assert (found.shape, found.dtype) == ((2, len(pictures), 8, 8), torch.int16)
    assert len(found.unique()) > 8
    # diffusers reads the same tokens: nearest by distance is nearest by angle, codes being of one length
    images = (pictures.at(np.arange(4), 32) + 1) / 2
    with torch.inference_mode():
        theirs = learned.network.quantize(learned.network.encode(images).latents)[2][2].view(4, 8, 8)
    assert torch.equal(theirs, found[0, :4].long())


def test_unused_codes_are_put_where_pictures_are(learned, pictures):
    loss = tokens_loss(learned, pictures, evolve(PLAN, steps=10_000), 32, 0.0)
    learned.step.fill_(int(tokens.FREE * 10_000) + tokens.CHECKED)
    learned.used[:10] = 1
    before = learned.codes.detach().clone()
    loss(torch.Generator().manual_seed(0))
    moved = (learned.codes != before).any(dim=1)
    assert not moved[:10].any() and moved[10:].all()
    assert learned.used.sum() == PLAN.batch * 64  # counted anew
