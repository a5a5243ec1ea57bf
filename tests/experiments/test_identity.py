"""Whose log it is: what may change between a run and its resumption, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve, frozen

from experiments.session import run
from observers.protocol import RUNTIME, ObserverError
from observers.simulated import Biased, Ideal
from stimuli.errors import LogError
from tests.experiments.logs import rows, sidecar


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "another seed .then 0, now 1"),
        ({"observer": Biased(0.7, name="biased-0.8")}, "another observer .then .*0.8.*, now .*0.7"),
        ({"choices": ("airplane", "bear")}, "another choices"),
        ({"fewer": True}, "another n_trials .then 32, now 31"),
        ({"pixels": True}, "another stimuli"),
    ],
)
def test_another_session_is_refused_and_left_alone(small, tmp_path, change, message):
    path = run(small, Biased(0.8), tmp_path)
    before = path.read_bytes()
    experiment, observer = small, change.get("observer", Biased(0.8))
    if "choices" in change:
        experiment = evolve(small, choices=change["choices"])
    if "fewer" in change:
        last = small.stimuli.stimuli[-1]
        experiment = evolve(small, stimuli=small.stimuli.where(lambda s: s != last))
    if "pixels" in change:
        first, *rest = small.stimuli
        swapped = evolve(first, path=rest[0].path)
        experiment = evolve(small, stimuli=evolve(small.stimuli, stimuli=(swapped, *rest)))
    with pytest.raises(LogError, match=message + ".*take another --session or --out"):
        run(experiment, observer, tmp_path, seed=change.get("seed", 0))
    assert path.read_bytes() == before
    assert run(small, observer, tmp_path, session=2, seed=5).name.endswith("_session-2.csv")


def test_runtime_options_may_change_on_resuming(small, tmp_path):
    @frozen
    class Batched:
        from attrs import field

        batch_size: int = field(default=1, metadata=RUNTIME)
        name: str = "batched"
        kind: str = "discriminative"

        def observe(self, trials):
            yield from Ideal().observe(trials)

    run(small, Batched(1), tmp_path, limit=3)
    assert len(rows(run(small, Batched(2), tmp_path))) == 32


def test_other_weights_do_not_go_on_with_a_log(small, tmp_path):
    @frozen
    class Weighted:
        from attrs import field

        sha256: str = field(default="a", metadata=RUNTIME)
        device: str = field(default="cpu", metadata=RUNTIME)
        name: str = "weighted"
        kind: str = "discriminative"

        def provenance(self):
            return {"sha256": self.sha256, "device": self.device}

        def observe(self, trials):
            yield from Ideal().observe(trials)

    path = run(small, Weighted(), tmp_path, limit=3)
    before = path.read_bytes()
    with pytest.raises(LogError, match=r"was begun with another sha256 .then a, now b"):
        run(small, Weighted("b"), tmp_path)
    assert path.read_bytes() == before
    run(small, Weighted("a", "cuda"), tmp_path)
    assert sidecar(path)["provenance"] == {"sha256": "a", "device": "cuda"}


def test_options_are_written_so_that_the_next_process_can_compare_them(small, tmp_path):
    @frozen
    class Odd:
        option: object
        name: str = "odd"
        kind: str = "discriminative"

        def observe(self, trials):
            yield from Ideal().observe(trials)

    given = [
        Path("/home/somebody/weights"),
        {"b", "a"},
        np.arange(3),
        np.float64(0.5),
        float("nan"),
        Ideal(),
        len,
        {"x": (1, None)},
    ]
    for session, option in enumerate(given, start=1):
        path = run(small, Odd(option), tmp_path, session=session, limit=1)
        run(small, Odd(option), tmp_path, session=session)
        assert "somebody" not in path.with_suffix(".json").read_text()
    assert sidecar(path)["identity"]["observer"]["options"]["option"] == {"x": [1, None]}
    with pytest.raises(ObserverError, match="an option of type object cannot be compared when the session is resumed"):
        run(small, Odd(object()), tmp_path, session=99)
