"""The demonstration with one model and one experiment; tests/end_to_end/test_demo.py runs all of it."""

import pytest

from experiments import demo
from tests.commands import observers


@pytest.mark.usefixtures("empty_figures")
def test_a_small_demo_writes_logs_tables_and_a_report(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "MODELS", ("microcosm-cnn",))
    monkeypatch.setattr(demo, "PARTS", (demo.DemoPart("microcosm-cue-conflict", 2),))
    output = observers("demo", "-m", "ideal", "--out", tmp_path / "demo", "--quiet").stdout
    people = ", ".join(demo.SIMULATED_PEOPLE)
    assert output.startswith(f"SIMULATED: {people} are simulated observers that take the place of people here.\n")
    command = "$ observers run-experiment microcosm-cue-conflict --observer microcosm-cnn --observer ideal --limit 2"
    assert command in output
    assert output.splitlines()[-1] == f"report: {tmp_path}/demo/report/index.html"
    logs = list((tmp_path / "demo" / "logs").rglob("*.csv"))
    assert len(logs) == len(demo.SIMULATED_PEOPLE) + 2
    assert {len(path.read_text("utf-8").splitlines()) for path in logs} == {3}
    assert "simulated people" in (tmp_path / "demo" / "report" / "tables" / "summary.csv").read_text("utf-8")
