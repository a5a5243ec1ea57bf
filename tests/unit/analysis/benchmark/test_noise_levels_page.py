"""The numbers of docs/noise-levels.md are those of its command, computed from the log that the page comes with."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.commands import observers

DOCS = Path(__file__).parents[4] / "docs"
LOG = DOCS / "noise-levels" / "microcosm-cue-conflict.csv.gz"


@pytest.fixture(scope="module")
def printed():
    """The lines that the command of the page prints."""
    return observers("analyze", "levels", LOG, "microcosm/microcosm-cue-conflict", "--format", "markdown", "-q").stdout


def test_the_table_of_the_page_is_that_of_its_command(printed):
    rows = [line for line in printed.splitlines() if line.startswith("| microcosm")]
    page = (DOCS / "noise-levels.md").read_text("utf-8")
    assert len(rows) >= 6 and [row for row in page.splitlines() if row.startswith("| microcosm")] == rows


def test_the_committed_log_is_small_and_matches_its_sidecar():
    sidecar = json.loads((LOG.parent / "microcosm-cue-conflict.json").read_text("utf-8"))
    assert hashlib.sha256(LOG.read_bytes()).hexdigest() == sidecar["recording"]["csv_sha256"]
    assert sum(path.stat().st_size for path in LOG.parent.iterdir()) < 400_000
    levels = {
        name: entry["identity"]["options"]["likelihood"]["objective"]["levels"]
        for name, entry in sidecar["observers"].items()
    }
    assert all(re.sub(r"^microcosm-\w+-", "", name).replace("-", ":") == text for name, text in levels.items())
