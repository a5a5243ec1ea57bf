"""Sessions in a browser whose names have joined emoji, marks and other scripts."""

import numpy as np
import pytest

from analysis.io.frame import read_trials
from experiments.experiment import Experiment
from stimuli.images import save_image
from stimuli.stimulus import Stimulus, StimulusSet
from tests.unit.experiments.people.served_sessions import make_session, served

CHOICES = ("👩\u200d💻", "हिन्दी", "c" * 1000)


@pytest.mark.parametrize("choice", CHOICES)
def test_every_name_that_is_allowed_can_be_answered(tmp_path, choice):
    save_image(np.zeros((8, 8, 3), np.uint8), tmp_path / "x.png")
    stimuli = StimulusSet("set", (Stimulus("é\u200d💻", tmp_path / "x.png", choice),))
    session = make_session(Experiment("नाम", stimuli, CHOICES), tmp_path / "logs")
    with served([session]) as (client,):
        reply = client.post(client.answer(1, choice))
    assert reply.status == 200, reply.body
    (row,) = read_trials(tmp_path / "logs").itertuples()
    assert (row.response, row.category, row.stimulus, row.dataset) == (choice, choice, "é\u200d💻", "नाम")
