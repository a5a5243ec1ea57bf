"""`observers list` reads the tables: every name with its description, in groups, as text and as JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands.list import _wrap
from experiments.sets.catalog import EXPERIMENTS
from observers.catalog import OBSERVERS
from stimuli.distort.catalog import DISTORTIONS
from tests.commands import observers

ROOT = Path(__file__).parents[3]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty data folder and an empty cache."""
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("what", "table"), [("observers", OBSERVERS), ("experiments", EXPERIMENTS), ("distortions", DISTORTIONS)]
)
def test_a_list_has_every_row_in_its_group(what, table, data):
    lines = observers("list", what).stdout.splitlines()
    for group in {row.group for row in table.values()}:
        assert lines.count(f"{group}:") == 1
    for name, row in table.items():
        assert [line for line in lines if line.startswith(f"  {name} ") and row.description in line], name
    rows = json.loads(observers("list", what, "--json").stdout)[what]
    assert {row["name"]: row["description"] for row in rows} == {n: row.description for n, row in table.items()}


def test_the_list_of_experiments_tells_what_is_on_this_machine(data):
    (data / "stimuli" / "edge").mkdir(parents=True)
    for part, name in (("humans", "edge_subject-01_session_1"), ("networks", "edge_resnet50_session-1")):
        (data / part / "edge").mkdir(parents=True)
        (data / part / "edge" / f"{name}.csv").touch()
    lines = observers("list", "experiments").stdout.splitlines()
    edge, silhouette = (
        next(line for line in lines if line.startswith(f"  {name} ")) for name in ("edge", "silhouette")
    )
    assert edge.split()[:6] == ["edge", "images", "1", "people", "1", "networks"]
    assert silhouette.split()[:4] == ["silhouette", "-", "-", "-"]
    rows = {row["name"]: row for row in json.loads(observers("list", "experiments", "--json").stdout)["experiments"]}
    assert rows["edge"]["on_this_machine"] == {
        "images": str(data / "stimuli" / "edge"), "people": ["subject-01"], "networks": ["resnet50"],
    }  # fmt: skip
    assert rows["edge"]["n_trials"] == 160


@pytest.mark.slow
def test_lists_load_no_heavy_library():
    code = (
        "import sys; sys.argv = ['observers', 'list']; import cli\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'scipy', 'pandas', 'requests', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_descriptions_are_wrapped_in_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("commands.list.sys.stdout", type("Terminal", (), {"isatty": lambda self: True})())
    lines = _wrap("word " * 30, "  name  ")
    assert len(lines) == 3 and max(map(len, lines)) <= 80
    assert lines[1].startswith("        word")
