"""The stimuli of datasets, as far as they are on this machine."""

import pytest

from core.errors import StimulusError
from experiments.sets.shown_stimuli import find_shown_stimuli
from stimuli.images import save_image
from stimuli.published.datasets import find


def test_stimuli_on_this_machine_are_found(drawn, tmp_path, monkeypatch):
    for name in ("cat1-dog1.png", "cat2-cat1.png"):  # two of the 1,280 images
        save_image(drawn.stimuli.stimuli[0].pixels(), tmp_path / "data" / "stimuli" / "cue-conflict" / "cat" / name)
        save_image(drawn.stimuli.stimuli[0].pixels(), tmp_path / "mine" / "cat" / name)
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path / "data"))
    sets = find_shown_stimuli(["cue-conflict", "edge", "drawn-cue-conflict", "unknown"], [str(tmp_path / "mine")])
    assert find("stimuli", "edge") is None
    assert {stimuli.name: len(stimuli) for stimuli in sets} == {"mine": 2, "cue-conflict": 2, "drawn-cue-conflict": 256}
    assert sets[1].attribution.startswith("Geirhos et al. 2019")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StimulusError, match="contains no PNG or JPEG images"):
        find_shown_stimuli([], [str(tmp_path / "empty")])
