"""Fixtures for a session that is served to a browser client."""

import pytest
from attrs import evolve

from analysis.io.bids import export_bids
from analysis.io.export import export
from analysis.io.frame import read_trials
from experiments.running.session import run
from observers.simulated import Ideal
from tests.unit.experiments.people.people_in_logs import CODE, OTHER, Person
from tests.unit.experiments.people.served_sessions import make_session, served


@pytest.fixture
def client(few, tmp_path):
    """Yield a browser client of a session that has started."""
    session = make_session(few, tmp_path)
    with served([session]) as [client]:
        session.start()
        yield client


@pytest.fixture
def folders(small, tmp_path):
    """Logs of two participants with similar codes, with practice and a pilot, and of a model; exported in both formats."""
    logs, bids, field = tmp_path / "logs", tmp_path / "bids", tmp_path / "field"
    second = evolve(small, name="second")
    for code in (CODE, OTHER):
        run(small, Person(code), logs, limit=3)
        run(small, Person(code), logs, session=2, limit=2)
        run(second, Person(code), logs, limit=4)
        run(evolve(small, name="small-practice"), Person(code), logs, limit=1)
    run(small, Person(CODE + "-pilot"), logs, limit=1)
    run(small, Ideal(), logs, limit=3)
    frame = read_trials([logs])
    export_bids(frame, bids)
    export(frame, field)
    return logs, bids, field
