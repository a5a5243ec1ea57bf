"""The table of experiments agrees with the experiments that its rows make."""

import pytest

from core.errors import StimulusError
from experiments.sets.catalog import EXPERIMENTS, images_on_disk
from experiments.sets.registry import make_experiment


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_row_is_complete(name):
    row = EXPERIMENTS[name]
    assert row.description[-1] in ".?" and row.source and row.group and row.conditions
    assert bool(row.download) == bool(row.license)
    assert row.cached or row.download == f"observers fetch {name}"


def test_images_are_looked_for_in_the_cache_and_in_data_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path / "data"))
    names = ("cue-conflict", "drawn-cue-conflict", "duck-rabbit", "paper-woman")
    assert [images_on_disk(EXPERIMENTS[name]) for name in names] == [None] * 4
    paths = [
        tmp_path / "data" / "stimuli" / "cue-conflict",
        tmp_path / "cache" / "drawn" / "1" / "drawn-cue-conflict",
        tmp_path / "cache" / "drawn" / "illusions" / "1" / "duck-rabbit",
        tmp_path / "cache" / "illusions" / "paper-woman.png",
    ]
    for path in paths:
        path.mkdir(parents=True)
    assert [images_on_disk(EXPERIMENTS[name]) for name in names] == paths


def test_a_function_with_required_parameters_makes_no_experiment(tmp_path):
    (tmp_path / "mine.py").write_text("def make(folder, size=3): ...\n")
    with pytest.raises(
        StimulusError, match=r"mine\.py:make has the required parameters folder: expected an Experiment, or"
    ):
        make_experiment(f"{tmp_path}/mine.py:make")
