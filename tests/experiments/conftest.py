"""A session served to a client."""

import pytest

from experiments.experiment import Experiment
from tests.experiments.serving_sessions import served, session


@pytest.fixture
def few(small):
    """Five trials in two blocks."""
    keep = {s.id for s in small.stimuli.stimuli[:5]}
    return Experiment("few", small.stimuli.where(lambda s: s.id in keep), small.choices, n_blocks=2)


@pytest.fixture
def client(few, tmp_path):
    one = session(few, tmp_path)
    with served([one]) as [client]:
        one.begin()
        yield client
