"""Mean spectra and monitor tables: computing, writing and reading them, and errors for invalid files."""

import numpy as np
import pytest

from core.errors import StimulusError
from stimuli.distort.spectrum import mean_spectrum, read_monitor, read_spectrum
from tests.unit.stimuli.photos import photo


def test_a_mean_spectrum_is_the_mean_of_amplitude_spectra():
    images = [photo("china.jpg", 31, 40), photo("flower.jpg", 31, 40)]
    spectrum = mean_spectrum(images)
    grays = [image @ [0.2125, 0.7154, 0.0721] for image in images]
    assert spectrum[15, 20] == pytest.approx(np.mean([g.sum() for g in grays]))  # zero frequency
    assert spectrum[15, 21] == pytest.approx(
        np.mean([abs((g * np.exp(-2j * np.pi * np.arange(40) / 40)).sum()) for g in grays])
    )
    with pytest.raises(StimulusError, match=r"images of the same size, got \(40, 31\) and \(40, 30\) pixels"):
        mean_spectrum([images[0], images[1][:30]])
    with pytest.raises(StimulusError, match="needs at least one image"):
        mean_spectrum([])


@pytest.mark.parametrize(
    ("read", "values", "message"),
    [
        (read_spectrum, np.ones(4), "is not an amplitude spectrum"),
        (read_spectrum, -np.ones((4, 4)), "is not an amplitude spectrum"),
        (read_spectrum, np.full((4, 4), np.nan), "expected finite numbers"),
        (read_spectrum, np.array([["a"]]), "expected finite numbers"),
        (read_spectrum, np.array([None]), r"cannot be read \(ValueError\)"),
        (read_monitor, np.ones(256), "is not a monitor table"),
        (read_monitor, np.linspace(0, 1, 255), "is not a monitor table"),
    ],
)
def test_an_invalid_table_is_an_error(read, values, message, tmp_path):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(StimulusError, match=rf"x\.npy.*{message}"):
        read(tmp_path / "x.npy")


def test_tables_are_read_back(tmp_path):
    np.save(tmp_path / "s.npy", np.arange(6.0).reshape(2, 3))
    assert read_spectrum(tmp_path / "s.npy").tolist() == [[0, 1, 2], [3, 4, 5]]
    np.save(tmp_path / "m.npy", np.linspace(0, 1, 256)[:, None])
    assert read_monitor(tmp_path / "m.npy").shape == (256,)
    with pytest.raises(StimulusError, match="cannot be read"):
        read_monitor(tmp_path / "none.npy")
