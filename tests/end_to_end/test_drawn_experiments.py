"""Every drawn experiment shows what its row in the table of experiments states."""

import subprocess
import sys

import pytest

from experiments.sets.catalog import EXPERIMENTS, cached_images
from experiments.sets.registry import make_experiment
from tests.unit.stimuli.draw.test_microcosm import ROOT

# The distorted sets of the microcosm need too much time. Their numbers and conditions are arguments of one function.
DRAWN = [
    name for name, row in EXPERIMENTS.items() if row.cached.startswith("drawn/") and "distorted" not in row.reference
]


@pytest.mark.parametrize("name", DRAWN)
def test_a_row_states_what_the_experiment_shows(name):
    row, experiment = EXPERIMENTS[name], make_experiment(name)
    assert experiment.name == name
    assert len(experiment.stimuli) == row.n_stimuli
    assert experiment.choices == row.choices
    assert {s.condition for s in experiment.stimuli} == set(row.conditions)
    assert experiment.stimuli.stimuli[0].path.is_relative_to(cached_images(name))


def test_images_are_the_same_in_another_process(tmp_path):
    code = (
        "import sys; from pathlib import Path; from stimuli.draw.microcosm_sets import load_microcosm_set\n"
        "print(load_microcosm_set('microcosm', Path(sys.argv[1])).digest())"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "set"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert process.stdout.strip() == make_experiment("microcosm").stimuli.digest()
