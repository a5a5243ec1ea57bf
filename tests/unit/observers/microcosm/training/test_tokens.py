"""Image tokens: the nearest code, initialization of the codes by clustering, and replacement of unused codes."""

import pytest
import torch
from attrs import evolve

from observers.microcosm.training import masked, tokens
from observers.microcosm.training.tokens import TokenAutoencoder, tokens_loss
from observers.microcosm.training.training_loop import TrainingSettings

SETTINGS = TrainingSettings(steps=60, batch=8, rate=2e-3, warmup=5, average=0.5)


def make_autoencoder():
    """Return an autoencoder with as many codes as `masked.N_CODES`."""
    network = masked.build_autoencoder()
    return TokenAutoencoder(
        network,
        network.quantize.embedding,
        lambda x: network.encode(x).latents,
        lambda v: network.decoder(network.post_quant_conv(v)),
    )


@pytest.fixture
def autoencoder(monkeypatch):
    monkeypatch.setattr(masked, "N_CODES", 32)
    return make_autoencoder()


def test_the_nearest_code_has_the_smallest_distance(autoencoder):
    vectors = torch.nn.functional.normalize(torch.randn(2, 8, 3, 4), dim=1)
    nearest = autoencoder.nearest(vectors)
    for i, row, column in ((0, 0, 0), (1, 2, 3), (0, 1, 2)):
        distances = (autoencoder.codes - vectors[i, :, row, column]).square().sum(1)
        assert int(nearest[i, row, column]) == int(distances.argmin())


def test_unused_codes_are_replaced(autoencoder, images):
    loss = tokens_loss(autoencoder, images, evolve(SETTINGS, steps=10_000), 32, 0.0)
    autoencoder.step.fill_(int(tokens.UNQUANTIZED_SHARE * 10_000) + tokens.REPLACEMENT_INTERVAL)
    autoencoder.used[:10] = 1
    before = autoencoder.codes.detach().clone()
    loss(torch.Generator().manual_seed(0))
    changed = (autoencoder.codes != before).any(dim=1)
    assert not changed[:10].any() and changed[10:].all()
    assert autoencoder.used.sum() == SETTINGS.batch * 64  # the counts were reset
