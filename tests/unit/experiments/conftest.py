"""Fixtures for a session that is served to a browser client."""

import pytest

from experiments.experiment import Experiment
from tests.unit.experiments.served_sessions import make_session, served


@pytest.fixture
def few(small):
    """Return an experiment of five trials in two blocks."""
    keep = {s.id for s in small.stimuli.stimuli[:5]}
    return Experiment("few", small.stimuli.where(lambda s: s.id in keep), small.choices, n_blocks=2)


@pytest.fixture
def client(few, tmp_path):
    """Yield a browser client of a session that has started."""
    session = make_session(few, tmp_path)
    with served([session]) as [client]:
        session.start()
        yield client
