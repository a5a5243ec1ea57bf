"""`observers reconstruct` with a tiny model of each family."""

import pytest

from tests.unit.experiments.reconstruction.test_reconstruction_run import SAVES, check_reconstructions, save_images


@pytest.mark.parametrize("name", SAVES)
def test_every_family_of_models_restores_images(name, tmp_path):
    check_reconstructions(name, save_images(tmp_path / "in"), tmp_path)
