"""`observers serve` in a process, and a client that answers like the page."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.robustness.fork_server import TIMEOUT, ForkServer, Running
from tests.unit.experiments.people.served_sessions import DEVICE, MEASURED, Client

PREPARE = "tests.robustness.published_site:use_empty_scripts"
CODE = "K7Q2"


def start_serving(server: ForkServer, stimuli: Path, folder: Path, *words: object) -> tuple[Running, Client]:
    """Start to serve a session of one participant, and return the process and a client with the participant's link."""
    running = server.start("serve", stimuli, "--participant", CODE, "--out", "logs", "--quiet", "--no-consent",
                           *words, cwd=folder,
                           prepare=PREPARE)  # fmt: skip
    end = time.monotonic() + TIMEOUT
    while not running.printed().endswith("\n"):
        assert time.monotonic() < end and not running.ended(0.01), running.finish(0).describe()
    link = urlsplit(running.printed().split()[-1])
    assert link.port is not None
    return running, Client(link.port, link.path.split("/")[2])


def answer(about: Any, trial: int, choice: str = "cat") -> dict[str, Any]:
    """Return the message that the page would post for a trial; `about` is that of `trials.json`."""
    return {"about": about, "trial": trial, "choice": choice, "rt": 0.75, "measured": MEASURED, "device": DEVICE}
