"""Fixtures for a session that is served to a browser client."""

import pytest

from tests.unit.experiments.people.served_sessions import make_session, served


@pytest.fixture
def client(few, tmp_path):
    """Yield a browser client of a session that has started."""
    session = make_session(few, tmp_path)
    with served([session]) as [client]:
        session.start()
        yield client
