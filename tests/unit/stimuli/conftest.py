"""A folder of photographs to build stimulus sets from."""

import numpy as np
import pytest

from stimuli.images import save_image
from tests.unit.stimuli.photos import as_uint8, photo


@pytest.fixture
def source(tmp_path):
    """A folder of 3 categories with 12, 12 and 10 photographs of 60 × 50 pixels."""
    rng = np.random.default_rng(0)
    for category, n in (("boat", 12), ("cat", 12), ("oven", 10)):
        for i in range(n):
            top, left = rng.integers(0, 300), rng.integers(0, 500)
            name = "flower.jpg" if category == "cat" else "china.jpg"
            save_image(as_uint8(photo(name, 50, 60, top, left)), tmp_path / "photos" / category / f"{category}{i}.png")
    return tmp_path / "photos"
