"""A model that torch has compiled gives the same scores."""

import numpy as np
import pytest
import torch

from observers.generative.options import Compute
from tests.unit.observers.generative import tiny_latent
from tests.unit.observers.generative.families.test_denoisers import PROMPTS, likelihood, stack


# The compiler of torch uses functions that torch itself has deprecated.
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:torch", "ignore::FutureWarning:torch", "ignore::UserWarning:torch"
)
def test_a_compiled_model_gives_the_same_scores(tmp_path):
    tiny_latent.save(tmp_path / "sd1", "sd1")
    photo = np.random.default_rng(0).integers(0, 256, (40, 52, 3)).astype(np.uint8)
    scores = []
    for compiled in (False, True):
        model = likelihood(tmp_path, "sd1", compute=Compute(device="cpu", compile=compiled))
        rows = torch.stack([model.encode(photo)] * 3), stack(model.condition(PROMPTS))
        scores.append(model.score(*rows, np.array([3, 4, 5])))
    assert torch.allclose(*scores, rtol=1e-5)
