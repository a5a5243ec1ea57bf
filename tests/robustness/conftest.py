"""Fixtures of the attacks, and the summary of what they tried."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.robustness.fork_server import ForkServer
from tests.robustness.tally import FULL, Tally
from tests.unit.stimuli.published.fetching.site import ARCHIVE, Site

PROPERTY = "robustness"


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Count the verdicts of a test. The test has to call `check` at its end."""
    name = request.node.name.removeprefix("test_").replace("_", " ")
    counts = Tally(name)
    yield counts
    request.node.user_properties.append((PROPERTY, counts.line or counts.summary()))


@pytest.fixture(scope="session", autouse=True)
def _linux() -> None:
    """Skip the attacks on other systems, where a process cannot be observed and stopped in the same way."""
    if not hasattr(os, "pidfd_open"):
        pytest.skip("the attacks need Linux")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[ForkServer]:
    """Return a server that forks commands without loading networks."""
    with ForkServer(tmp_path_factory.mktemp("forks")) as running:
        yield running


@pytest.fixture(scope="session")
def server_with_networks(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[ForkServer]:
    """Return a server that has imported torch, so that a command that runs a network starts quickly."""
    with ForkServer(tmp_path_factory.mktemp("forks"), networks=True) as running:
        yield running


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a web server on this machine that has one archive of four images."""
    served = Site()
    served.files["sketch.tar.gz"] = ARCHIVE
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print one line for each attack, also with -q and with several test processes."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = sorted(
        {text for report in reports for key, text in getattr(report, "user_properties", ()) if key == PROPERTY}
    )
    if lines:
        terminalreporter.section("robustness" + (", full counts" if FULL else ", a sample"))
        for line in lines:
            terminalreporter.write_line(line)
