"""Image tokens: the nearest code, initialization of the codes by clustering, and replacement of unused codes."""

import numpy as np
import pytest
import torch
from attrs import evolve

from observers.microcosm.training import masked, tokens
from observers.microcosm.training.tokens import TokenAutoencoder, encode_tokens, tokens_loss
from observers.microcosm.training.training_loop import TrainingSettings, fit

SETTINGS = TrainingSettings(steps=60, batch=8, rate=2e-3, warmup=5, average=0.5)


@pytest.fixture
def autoencoder(monkeypatch):
    monkeypatch.setattr(masked, "N_CODES", 32)
    network = masked.build_autoencoder()
    return TokenAutoencoder(
        network,
        network.quantize.embedding,
        lambda x: network.encode(x).latents,
        lambda v: network.decoder(network.post_quant_conv(v)),
    )


def test_the_nearest_code_has_the_smallest_distance(autoencoder):
    vectors = torch.nn.functional.normalize(torch.randn(2, 8, 3, 4), dim=1)
    nearest = autoencoder.nearest(vectors)
    for i, row, column in ((0, 0, 0), (1, 2, 3), (0, 1, 2)):
        distances = (autoencoder.codes - vectors[i, :, row, column]).square().sum(1)
        assert int(nearest[i, row, column]) == int(distances.argmin())


@pytest.mark.slow
def test_training_with_codes_that_are_initialized_by_clustering(autoencoder, images, tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "UNQUANTIZED_SHARE", 0.5)
    monkeypatch.setattr(tokens, "REPLACEMENT_INTERVAL", 10)
    initial = autoencoder.codes.detach().clone()
    fit(autoencoder, tokens_loss(autoencoder, images, SETTINGS, 32, 0.0), SETTINGS, tmp_path / "tokens")
    autoencoder.normalize_codebook()
    weight = autoencoder.network.quantize.embedding.weight
    assert torch.allclose(weight.norm(dim=1), torch.ones(32), atol=1e-6)
    assert not torch.allclose(autoencoder.codes, initial)
    encoded = encode_tokens(autoencoder, images, 32, 0.0)
    assert (encoded.shape, encoded.dtype) == ((2, len(images), 8, 8), torch.int16)
    assert len(encoded.unique()) > 8
    # diffusers searches by distance and not by angle. Since all codes have length 1, it returns the same tokens.
    pixels = (images.select(np.arange(4), 32) + 1) / 2
    with torch.inference_mode():
        latents = autoencoder.network.encode(pixels).latents
        diffusers_tokens = autoencoder.network.quantize(latents)[2][2].view(4, 8, 8)
    assert torch.equal(diffusers_tokens, encoded[0, :4].long())


def test_unused_codes_are_replaced(autoencoder, images):
    loss = tokens_loss(autoencoder, images, evolve(SETTINGS, steps=10_000), 32, 0.0)
    autoencoder.step.fill_(int(tokens.UNQUANTIZED_SHARE * 10_000) + tokens.REPLACEMENT_INTERVAL)
    autoencoder.used[:10] = 1
    before = autoencoder.codes.detach().clone()
    loss(torch.Generator().manual_seed(0))
    changed = (autoencoder.codes != before).any(dim=1)
    assert not changed[:10].any() and changed[10:].all()
    assert autoencoder.used.sum() == SETTINGS.batch * 64  # the counts were reset
